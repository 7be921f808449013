//! Files that are opened.

use std::sync::Arc;

use falco_event::{Event, codes};

use crate::{
    Fd, FdKind, Layer, State, Subject, path,
    wire::{AT_FDCWD, open, result, text},
};

/// What a call asked for.
struct Asked<'a> {
    dir: Dir,
    name: &'a [u8],
    flags: u32,
    dev: u32,
    ino: u64,
}

/// What a name is relative to.
#[derive(Clone, Copy)]
enum Dir {
    /// It is absolute already.
    None,
    Fd(Option<i64>),
}

const UNKNOWN: &[u8] = b"<UNKNOWN>";

impl State {
    pub(crate) fn opened(&mut self, event: &Event<'_>, at: &mut Subject) {
        let by_handle = event.code() == codes::SYSCALL_OPEN_BY_HANDLE_AT_X;
        let kept = if by_handle {
            None
        } else {
            self.take_entered(event, at)
        };
        let number = result(event);
        if number >= 0 && at.thread.is_some() {
            let enter = kept.as_ref().and_then(|bytes| Event::parse(bytes).ok());
            self.add_opened(event, enter, at, number);
        }
        if let Some(kept) = kept {
            self.scratch.give_back(kept);
        }
    }

    fn add_opened(
        &mut self,
        event: &Event<'_>,
        enter: Option<Event<'_>>,
        at: &mut Subject,
        number: i64,
    ) {
        let asked = asked(event, enter);
        let mut full = std::mem::take(&mut self.scratch.path);
        self.resolve(at, &asked, &mut full);
        let name: Arc<[u8]> = Arc::from(&full[..]);
        self.scratch.path = full;
        let raw_name = if name[..] == *asked.name {
            Arc::clone(&name)
        } else {
            Arc::from(asked.name)
        };
        let real_path = match event.trailer().path() {
            Some(path) if *path == name[..] => Arc::clone(&name),
            Some(path) => Arc::from(path),
            None => Arc::default(),
        };
        let layer = match asked.flags {
            flags if flags & open::UPPER_LAYER != 0 => Layer::Upper,
            flags if flags & open::LOWER_LAYER != 0 => Layer::Lower,
            _ => Layer::None,
        };
        let kind = if asked.flags & open::DIRECTORY != 0 {
            FdKind::Directory
        } else {
            FdKind::File
        };
        at.name_changed = !name.is_empty();
        let fd = Fd {
            kind,
            name,
            raw_name,
            real_path,
            open_flags: asked.flags,
            dev: asked.dev,
            ino: asked.ino,
            layer,
            ..Fd::default()
        };
        self.add_event_fd(at, number, fd);
    }

    fn resolve(&mut self, at: &Subject, asked: &Asked<'_>, out: &mut Vec<u8>) {
        match asked.dir {
            Dir::Fd(Some(dir)) => self.join_to_dir(at, dir, asked.name, out),
            Dir::Fd(None) | Dir::None => path::join(b"", asked.name, out),
        }
    }

    /// Joins a name to what a descriptor, or the working directory, stands for.
    pub(super) fn join_to_dir(&mut self, at: &Subject, dir: i64, name: &[u8], out: &mut Vec<u8>) {
        let thread = at.thread.and_then(|ix| self.threads.get(ix));
        let Some(thread) = thread.filter(|_| !name.starts_with(b"/")) else {
            path::join(if at.thread.is_some() { b"" } else { UNKNOWN }, name, out);
            return;
        };
        if dir == AT_FDCWD {
            path::join(self.threads.cwd(thread), name, out);
            return;
        }
        match self.threads.fds(thread).and_then(|fds| fds.get(dir)) {
            None => path::join(UNKNOWN, name, out),
            Some(fd) if fd.name.is_empty() || fd.name.ends_with(b"/") => {
                path::join(&fd.name, name, out);
            }
            Some(fd) => {
                let base = &mut self.scratch.text;
                base.clear();
                base.extend_from_slice(&fd.name);
                base.push(b'/');
                path::join(base, name, out);
            }
        }
    }
}

/// Reads what was asked for. What the call was entered with wins over its end: in between, the program may have written something
/// harmless over it. Bits that only the kernel knows at the end are kept.
fn asked<'a>(event: &Event<'a>, enter: Option<Event<'a>>) -> Asked<'a> {
    let cwd = Dir::Fd(Some(AT_FDCWD));
    let flags = |index| event.u32(index).unwrap_or(0);
    let file = |dev, ino| (event.u32(dev).unwrap_or(0), event.u64(ino).unwrap_or(0));
    let (dir, name, flags, (dev, ino)) = match event.code() {
        codes::SYSCALL_OPEN_X => (cwd, 1, flags(2), file(4, 5)),
        codes::SYSCALL_CREAT_X => {
            let layer = match event.u16(5).unwrap_or(0) {
                bits if bits & 1 != 0 => open::UPPER_LAYER,
                bits if bits & 2 != 0 => open::LOWER_LAYER,
                _ => 0,
            };
            (cwd, 1, layer, file(3, 4))
        }
        codes::SYSCALL_OPENAT_2_X => (Dir::Fd(event.i64(1)), 2, flags(3), file(5, 6)),
        codes::SYSCALL_OPENAT2_X => (Dir::Fd(event.i64(1)), 2, flags(3), file(6, 7)),
        _ => (Dir::None, 3, flags(2), file(4, 5)),
    };
    let asked = Asked {
        dir,
        name: text(event, name),
        flags,
        dev,
        ino,
    };
    let Some(enter) = enter else { return asked };
    let (dir, name, enter_flags) = match enter.code() {
        codes::SYSCALL_OPEN_E => (cwd, 0, enter.u32(1)),
        codes::SYSCALL_CREAT_E => (cwd, 0, None),
        _ => (Dir::Fd(enter.i64(0)), 1, enter.u32(2)),
    };
    let name = text(&enter, name);
    if name == b"<NA>" {
        return asked;
    }
    let added = asked.flags & !(open::CREATED - 1);
    Asked {
        dir,
        name,
        flags: enter_flags.map_or(asked.flags, |flags| flags | added),
        ..asked
    }
}
