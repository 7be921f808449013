//! The paths of `...at` calls, made absolute: `evt.abspath`.

use falco_event::codes as c;

use crate::catalogue::Arg;
use crate::{Facts, fs_path};

impl<'e> Facts<'e> {
    pub(crate) fn at_path(&self, arg: &Arg) -> Option<&'e [u8]> {
        self.thread?;
        let event = &self.event;
        let second = *arg == Arg::Index(2);
        // Where the directory descriptor and the path are.
        let (directory, name) = match (event.code(), second) {
            (c::SYSCALL_RENAMEAT_X | c::SYSCALL_RENAMEAT2_X | c::SYSCALL_LINKAT_2_X, false) => {
                (1, 2)
            }
            (c::SYSCALL_RENAMEAT_X | c::SYSCALL_RENAMEAT2_X | c::SYSCALL_LINKAT_2_X, true) => {
                (3, 4)
            }
            (c::SYSCALL_SYMLINKAT_X, _) => (2, 3),
            (c::SYSCALL_OPEN_BY_HANDLE_AT_X, _) => {
                let opened = self.returned()? > 0;
                let path = event.str(3).filter(|_| opened)?;
                return Some(self.join(b"", path));
            }
            (
                c::SYSCALL_OPENAT_2_X
                | c::SYSCALL_OPENAT2_X
                | c::SYSCALL_UNLINKAT_2_X
                | c::SYSCALL_MKDIRAT_X
                | c::SYSCALL_FCHMODAT_X
                | c::SYSCALL_FCHOWNAT_X,
                _,
            ) => (1, 2),
            _ => return None,
        };
        event.param(name)?;
        let name = event.str(name).unwrap_or(b"<NA>");
        let base = match self.directory_of(event.i64(directory)?, name) {
            fs_path::UNKNOWN => b"<UNKNOWN>/",
            base => base,
        };
        Some(self.join(base, name))
    }
}
