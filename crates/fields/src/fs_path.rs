//! Fields of the paths that calls are given.

use falco_event::{EventCode, codes as c};
use falco_filter::Value;

use crate::Facts;
use crate::table::fs_path::FsPath;

/// "The working directory" as a directory descriptor.
const AT_FDCWD: i64 = -100;
/// What stands for a directory that is not known.
pub(crate) const UNKNOWN: &[u8] = b"<UNKNOWN>";

/// The calls that have these fields, by event.
#[derive(Debug)]
pub(crate) struct Calls(Box<[Option<Call>]>);

/// Where a call has its paths.
#[derive(Clone, Copy, Debug)]
struct Call {
    /// The place of the result, and what it is not if the call succeeded.
    result: usize,
    success: Success,
    name: Option<Place>,
    source: Option<Place>,
    target: Option<Place>,
}

#[derive(Clone, Copy, Debug)]
enum Success {
    /// The result is 0.
    Zero,
    /// The result is a descriptor; upstream takes any but -1.
    Descriptor,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// A parameter.
    Param(usize),
    /// The name of the call's descriptor.
    Descriptor,
}

/// A call: its event, the name of its path; of its source and its target.
type Row = (EventCode, &'static str, &'static str, &'static str);

/// `fd` stands for the name of the call's descriptor.
const CALLS: &[Row] = &[
    (c::SYSCALL_MKDIR_2_X, "path", "", ""),
    (c::SYSCALL_MKDIRAT_X, "path", "", ""),
    (c::SYSCALL_RMDIR_2_X, "path", "", ""),
    (c::SYSCALL_UNLINK_2_X, "path", "", ""),
    (c::SYSCALL_UNLINKAT_2_X, "name", "", ""),
    (c::SYSCALL_OPEN_X, "name", "", ""),
    (c::SYSCALL_OPENAT_2_X, "name", "", ""),
    (c::SYSCALL_OPENAT2_X, "name", "", ""),
    (c::SYSCALL_FCHMODAT_X, "filename", "", ""),
    (c::SYSCALL_CHMOD_X, "filename", "", ""),
    (c::SYSCALL_FCHMOD_X, "fd", "", ""),
    (c::SYSCALL_CHOWN_X, "path", "", ""),
    (c::SYSCALL_LCHOWN_X, "path", "", ""),
    (c::SYSCALL_FCHOWN_X, "fd", "", ""),
    (c::SYSCALL_FCHOWNAT_X, "pathname", "", ""),
    (c::SYSCALL_QUOTACTL_X, "special", "", ""),
    (c::SYSCALL_UMOUNT_1_X, "name", "", ""),
    (c::SYSCALL_UMOUNT2_X, "name", "", ""),
    (c::SYSCALL_RENAME_X, "", "oldpath", "newpath"),
    (c::SYSCALL_RENAMEAT_X, "", "oldpath", "newpath"),
    (c::SYSCALL_RENAMEAT2_X, "", "oldpath", "newpath"),
    (c::SYSCALL_LINK_2_X, "", "newpath", "oldpath"),
    (c::SYSCALL_LINKAT_2_X, "", "newpath", "oldpath"),
    (c::SYSCALL_SYMLINK_X, "", "linkpath", "target"),
    (c::SYSCALL_SYMLINKAT_X, "", "linkpath", "target"),
    (c::SYSCALL_MOUNT_X, "", "dev", "dir"),
];

impl Calls {
    /// Looks the names up in the schema.
    pub(crate) fn new() -> Calls {
        let mut calls = vec![None; EventCode::COUNT].into_boxed_slice();
        for (code, name, source, target) in CALLS {
            let params = code.info().params;
            let param = |name: &str| params.iter().position(|param| param.name == name);
            let opens = matches!(
                *code,
                c::SYSCALL_OPEN_X | c::SYSCALL_OPENAT_2_X | c::SYSCALL_OPENAT2_X
            );
            let place = |name: &str| match name {
                "fd" => Some(Place::Descriptor),
                _ => param(name).map(Place::Param),
            };
            let result = param(if opens { "fd" } else { "res" });
            calls[code.index()] = result.map(|result| Call {
                result,
                success: if opens {
                    Success::Descriptor
                } else {
                    Success::Zero
                },
                name: place(name),
                source: place(source),
                target: place(target),
            });
        }
        Calls(calls)
    }
}

impl<'e> Facts<'e> {
    #[inline(never)]
    pub(crate) fn fs_path(&self, field: FsPath) -> Option<Value<'e>> {
        let code = self.event.code();
        let call = self.catalogue.calls.0.get(code.index())?.as_ref()?;
        let result = self.event.i64(call.result)?;
        let success = match call.success {
            Success::Zero => result == 0,
            Success::Descriptor => result != -1,
        };
        let place = match field {
            FsPath::Name | FsPath::NameRaw => call.name,
            FsPath::Source | FsPath::SourceRaw => call.source,
            FsPath::Target | FsPath::TargetRaw => call.target,
        };
        let given = match place.filter(|_| success)? {
            Place::Descriptor => self.event_fd_name()?,
            Place::Param(index) if index < self.event.len() => {
                self.event.str(index).unwrap_or(b"<NA>")
            }
            Place::Param(_) => return None,
        };
        match field {
            FsPath::NameRaw | FsPath::SourceRaw | FsPath::TargetRaw => Some(Value::Str(given)),
            FsPath::Name | FsPath::Source | FsPath::Target => {
                self.thread?;
                Some(Value::Str(self.absolute(field, given)?))
            }
        }
    }

    fn absolute(&self, field: FsPath, given: &'e [u8]) -> Option<&'e [u8]> {
        if given.starts_with(b"/") {
            return Some(self.join(b"", given));
        }
        let thread = self.thread?;
        let base = match self.event.code() {
            // The descriptor has the whole path as its name.
            c::SYSCALL_OPENAT_2_X | c::SYSCALL_OPENAT2_X => {
                let opened = self.event_fd().map_or(UNKNOWN, |fd| &fd.name);
                return Some(self.join(b"", opened));
            }
            c::SYSCALL_FCHOWNAT_X
            | c::SYSCALL_FCHMODAT_X
            | c::SYSCALL_MKDIRAT_X
            | c::SYSCALL_UNLINKAT_2_X => self.event_directory(),
            c::SYSCALL_SYMLINKAT_X if field == FsPath::Source => self.event_directory(),
            c::SYSCALL_SYMLINKAT_X => UNKNOWN,
            c::SYSCALL_RENAMEAT2_X => {
                let index = if field == FsPath::Target { 3 } else { 1 };
                self.directory_of(self.event.i64(index).unwrap_or(0), given)
            }
            _ => self.state.threads.cwd(thread),
        };
        Some(self.join(base, given))
    }

    /// The directory that the call's descriptor stands for.
    fn event_directory(&self) -> &'e [u8] {
        match self.event_fd() {
            Some(fd) if fd.kind == falco_state::FdKind::Directory => self.with_slash(&fd.name),
            _ => UNKNOWN,
        }
    }

    /// What a path is relative to, given a directory descriptor.
    pub(crate) fn directory_of(&self, number: i64, path: &[u8]) -> &'e [u8] {
        if path.starts_with(b"/") {
            return b".";
        }
        let Some(thread) = self.thread else {
            return UNKNOWN;
        };
        if number == AT_FDCWD {
            return self.state.threads.cwd(thread);
        }
        self.fd_of(number)
            .map_or(UNKNOWN, |fd| self.with_slash(&fd.name))
    }

    pub(crate) fn with_slash(&self, name: &'e [u8]) -> &'e [u8] {
        if name.is_empty() || name.ends_with(b"/") {
            return name;
        }
        let mut text = crate::text::Text::with_capacity(name.len() + 1, self.arena);
        text.push(name);
        text.push(b"/");
        text.finish()
    }
}
