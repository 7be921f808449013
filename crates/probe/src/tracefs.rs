//! The numbers of the kernel's tracepoints, from a tracefs of our own that nobody else sees.

use std::os::fd::OwnedFd;

use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    io::Errno,
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen},
};

/// A tracefs: mounted for this process alone, or the one that is mounted already.
pub(crate) struct Tracefs(OwnedFd);

impl Tracefs {
    pub(crate) fn open() -> Result<Tracefs, Errno> {
        let own = || -> Result<OwnedFd, Errno> {
            let context = fsopen("tracefs", FsOpenFlags::FSOPEN_CLOEXEC)?;
            fsconfig_create(&context)?;
            fsmount(
                &context,
                FsMountFlags::FSMOUNT_CLOEXEC,
                MountAttrFlags::MOUNT_ATTR_RDONLY,
            )
        };
        let mounted = |path| {
            openat(
                CWD,
                path,
                OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            )
        };
        own()
            .or_else(|_| mounted("/sys/kernel/tracing"))
            .or_else(|_| mounted("/sys/kernel/debug/tracing"))
            .map(Tracefs)
    }

    /// Whether the kernel has a tracepoint, given as `group/name`.
    pub(crate) fn has(&self, tracepoint: &str) -> bool {
        let path = format!("events/{tracepoint}/id");
        openat(&self.0, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).is_ok()
    }

    /// The number of the tracepoint at the exit of a system call, if the kernel has it.
    pub(crate) fn sys_exit_id(&self, call: &str) -> Option<u64> {
        self.id(&format!("sys_exit_{call}"))
    }

    /// The same, at the entry into it.
    pub(crate) fn sys_enter_id(&self, call: &str) -> Option<u64> {
        self.id(&format!("sys_enter_{call}"))
    }

    fn id(&self, name: &str) -> Option<u64> {
        let path = format!("events/syscalls/{name}/id");
        let file = openat(
            &self.0,
            path,
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .ok()?;
        let mut text = [0; 32];
        let length = rustix::io::read(&file, &mut text).ok()?;
        std::str::from_utf8(text.get(..length)?)
            .ok()?
            .trim()
            .parse()
            .ok()
    }
}
