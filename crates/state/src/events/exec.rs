//! Programs that are executed.

use std::sync::Arc;

use falco_event::{Event, codes};

use super::figures::read_memory;
use crate::{
    Image, State, Subject, Thread, ThreadIx,
    apply::succeeded,
    path,
    wire::{clone, text},
};

/// The flags parameter: what is known of the executable.
const EXE_WRITABLE: u32 = 1 << 0;
const EXE_UPPER_LAYER: u32 = 1 << 1;
const EXE_FROM_MEMFD: u32 = 1 << 2;
const EXE_LOWER_LAYER: u32 = 1 << 3;

const AT_EMPTY_PATH: u32 = 1;

impl State {
    pub(crate) fn executed(&mut self, event: &Event<'_>, at: &mut Subject) {
        let Some(ix) = at.thread.filter(|_| succeeded(event)) else {
            return;
        };
        // The thread that executes takes the place of the main thread, even of a dead one.
        self.threads.resurrect(ix);
        let rebuilt = match event.param(27) {
            Some(_) => None,
            None => self.path_of_entered(event, at),
        };
        let exepath = event.param(27).map(|_| text(event, 27));
        let exepath = exepath.or(rebuilt.as_deref());
        if let Some(pid) = event.i64(4) {
            self.threads.set_pid(ix, pid);
        }
        let Some(thread) = self.threads.get_mut(ix) else {
            return;
        };
        thread.image = image(event, &thread.image, exepath);
        thread.exec_ns = event.time_ns();
        if thread.is_invalid() {
            thread.ptid = event.i64(5).unwrap_or(-1);
            if thread.flags & clone::CHILD_IN_PIDNS == 0 {
                thread.vtid = thread.tid;
                thread.vpid = thread.pid;
            }
        }
        self.threads.link(ix);
        self.read_rest(event, ix);
        if let Some(fds) = self.threads.fds_mut(ix) {
            self.counters.fds_removed += fds.remove_if(|_, fd| fd.close_on_exec()) as u64;
        }
        if let Some(thread) = self.threads.get_mut(ix) {
            let kept = clone::PIPE_SRC | clone::PIPE_DST | clone::INVERTED;
            thread.flags = (thread.flags & kept) | clone::ACTIVE | clone::NAME_CHANGED;
        }
        self.look_up_accounts(ix, event.time_ns());
        while let Some(other) = self.threads.other_thread(ix) {
            self.remove_thread(other);
        }
    }

    fn read_rest(&mut self, event: &Event<'_>, ix: ThreadIx) {
        let Some(thread) = self.threads.get_mut(ix) else {
            return;
        };
        if let Some(limit) = event.i64(7) {
            thread.fd_limit = limit;
        }
        read_memory(thread, event);
        let before = Arc::clone(&thread.cgroups);
        self.scratch.groups.read(thread, None, event);
        if !Arc::ptr_eq(&before, &thread.cgroups) {
            thread.container = self.containers.of(&thread.cgroups, thread.container);
        }
        if let Some(env) = event.param(15)
            && strings(env) != strings(&thread.env)
        {
            thread.env = closed(env).into();
        }
        if let Some(tty) = event.u32(16) {
            thread.tty = tty;
        }
        if let Some(vpgid) = event.i64(17) {
            thread.vpgid = vpgid;
        }
        if let Some(loginuid) = event.u32(18) {
            thread.loginuid = loginuid;
        }
        if let (Some(inheritable), Some(permitted), Some(effective)) =
            (event.u64(20), event.u64(21), event.u64(22))
        {
            thread.cap_inheritable = inheritable;
            thread.cap_permitted = permitted;
            thread.cap_effective = effective;
        }
        if let Some(ctime) = event.u64(24).filter(|_| event.u64(25).is_some()) {
            if thread.clone_ns != 0 {
                thread.exe_ctime_to_clone_ns = thread.clone_ns.wrapping_sub(ctime);
            }
            if thread.pidns_start_ns != 0 && ctime > thread.pidns_start_ns {
                thread.pidns_start_to_exe_ctime_ns = ctime - thread.pidns_start_ns;
            }
        }
        if let Some(uid) = event.u32(26) {
            thread.uid = uid;
        }
        thread.pgid = event.i64(28).unwrap_or(-1);
        if let Some(gid) = event.u32(29) {
            thread.gid = gid;
        }
    }

    /// The path of the executable from the entry into the call, for captures whose ends do not have it.
    fn path_of_entered(&mut self, event: &Event<'_>, at: &mut Subject) -> Option<Vec<u8>> {
        let kept = self.take_entered(event, at)?;
        let mut out = Vec::new();
        if let Ok(enter) = Event::parse(&kept) {
            if enter.code() == codes::SYSCALL_EXECVE_19_E {
                match text(&enter, 0) {
                    b"<NA>" => out.extend_from_slice(b"<NA>"),
                    name => {
                        let thread = at.thread.and_then(|ix| self.threads.get(ix))?;
                        path::join(self.threads.cwd(thread), name, &mut out);
                    }
                }
            } else {
                self.path_at(&enter, at, &mut out);
            }
        }
        self.scratch.give_back(kept);
        Some(out)
    }

    /// The path that execveat was entered with: that of the descriptor itself, or relative to it.
    fn path_at(&mut self, enter: &Event<'_>, at: &mut Subject, out: &mut Vec<u8>) {
        let dir = enter.i64(0).unwrap_or(-1);
        let name = text(enter, 1);
        let fds = at.thread.and_then(|ix| self.threads.fds_at(ix));
        let fd = fds.and_then(|fds| fds.get(dir));
        let absolute = name.starts_with(b"/");
        if fd.is_some() && !absolute {
            at.fd = Some(dir);
        }
        let itself = enter.u32(2).unwrap_or(0) & AT_EMPTY_PATH != 0;
        match fd {
            Some(fd) if itself && !absolute => path::join(b"", &fd.name, out),
            None if !absolute && dir != crate::wire::AT_FDCWD => out.extend_from_slice(b"<NA>"),
            _ if !itself && name == b"<NA>" => out.extend_from_slice(b"<NA>"),
            _ => self.join_to_dir(at, dir, name, out),
        }
    }
}

impl Image {
    pub(super) fn set_exe_flags(&mut self, flags: u32) {
        self.exe_writable = flags & EXE_WRITABLE != 0;
        self.exe_upper_layer = flags & EXE_UPPER_LAYER != 0;
        self.exe_from_memfd = flags & EXE_FROM_MEMFD != 0;
        self.exe_lower_layer = flags & EXE_LOWER_LAYER != 0;
    }
}

/// The program of a thread that was cloned: shared with whom it comes from unless the event tells otherwise.
pub(super) fn program(event: &Event<'_>, parent: Option<&Thread>) -> Arc<Image> {
    let exe = text(event, 1);
    let comm = event.param(13).map_or(exe, |_| text(event, 13));
    let args = event.param(2).unwrap_or_default();
    let old = parent.map(|parent| &parent.image);
    if let Some(old) = old
        && *old.exe == *exe
        && *old.comm == *comm
        && strings(&old.args) == strings(args)
    {
        return Arc::clone(old);
    }
    let image = Image {
        comm: comm.into(),
        exe: exe.into(),
        args: closed(args).into(),
        ..old.map(|old| Image::clone(old)).unwrap_or_default()
    };
    Arc::new(image)
}

/// The program that exec starts; what the event leaves out stays as it was.
fn image(event: &Event<'_>, old: &Image, exepath: Option<&[u8]>) -> Arc<Image> {
    let exe = text(event, 1);
    let comm = event.param(13).map_or(exe, |_| text(event, 13));
    let mut image = Image {
        comm: comm.into(),
        exe: exe.into(),
        exepath: exepath.map_or_else(|| old.exepath.clone(), |path| existing(path).into()),
        args: closed(event.param(2).unwrap_or_default()).into(),
        ..*old
    };
    if let Some(flags) = event.u32(19) {
        image.set_exe_flags(flags);
    }
    if let (Some(ino), Some(ctime), Some(mtime)) = (event.u64(23), event.u64(24), event.u64(25)) {
        image.exe_ino = ino;
        image.exe_ino_ctime_ns = ctime;
        image.exe_ino_mtime_ns = mtime;
    }
    Arc::new(image)
}

/// A path without what the kernel adds when the file is gone.
pub(crate) fn existing(path: &[u8]) -> &[u8] {
    path.strip_suffix(b" (deleted)").unwrap_or(path)
}

/// Texts closed by NULs, without the last NUL.
pub(crate) fn strings(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\0").unwrap_or(bytes)
}

/// Texts closed by NULs, the last one too.
pub(crate) fn closed(bytes: &[u8]) -> Vec<u8> {
    let mut out = strings(bytes).to_vec();
    if !out.is_empty() {
        out.push(0);
    }
    out
}
