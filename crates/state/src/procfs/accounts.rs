//! The users and groups that a container has of its own.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::{
    fs::{FileType, OFlags, ResolveFlags},
    io::Errno,
};

use super::{Live, NO_MODE, files};
use crate::{State, ThreadIx, replica::Said};

/// The longest file that is read.
const FILE_MAX: usize = 1 << 20;

impl State {
    /// Reads the users and groups of a thread's container, once its root directory is no longer the host's: a runtime executes a program
    /// or two in the container before.
    pub(crate) fn look_up_accounts(&mut self, ix: ThreadIx, now_ns: u64) {
        let Some(thread) = self.threads.get(ix) else {
            return;
        };
        let (pid, of) = (thread.pid, thread.container);
        let unknown = self.containers.get(of).filter(|it| !it.has_accounts);
        if unknown.is_none() {
            return;
        }
        let said = self.ask(|live, _| Said::Accounts(live.accounts_of(pid, now_ns)));
        let Some(Said::Accounts(Some([passwd, group]))) = said else {
            return;
        };
        let Some(container) = self.containers.get_mut(of) else {
            return;
        };
        container.has_accounts = true;
        let id = container.id.clone();
        self.users.forget(&id);
        self.users.read_passwd(&id, &passwd);
        self.users.read_group(&id, &group);
    }
}

impl Live {
    /// The texts of `passwd` and `group` below the root directory of a process, if that is not the host's.
    fn accounts_of(&mut self, pid: i64, now_ns: u64) -> Option<[Box<[u8]>; 2]> {
        self.budget.take(now_ns)?;
        let root = self.root_of(pid)?;
        Some(["etc/passwd", "etc/group"].map(|file| {
            let mut text = Vec::new();
            match read_inside(root.as_fd(), file, &mut text) {
                Ok(()) => text.into(),
                Err(_) => Box::default(),
            }
        }))
    }

    /// The root directory of a process, if it is not that of the host.
    fn root_of(&self, pid: i64) -> Option<OwnedFd> {
        let open = |pid: i64| files::open_dir(&self.proc, format!("{pid}/root").as_str());
        let (root, host) = (open(pid).ok()?, open(1).ok()?);
        let place = |dir: &OwnedFd| rustix::fs::fstat(dir).map(|stat| (stat.st_dev, stat.st_ino));
        (place(&root).ok()? != place(&host).ok()?).then_some(root)
    }
}

/// Reads a file below a root directory that somebody else fills: links lead nowhere else, pipes and devices are not opened for reading.
fn read_inside(root: BorrowedFd<'_>, path: &str, out: &mut Vec<u8>) -> rustix::io::Result<()> {
    let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let found = rustix::fs::openat2(root, path, flags, NO_MODE, within)?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode);
    if kind != FileType::RegularFile {
        return Err(Errno::INVAL);
    }
    let found = std::os::fd::AsRawFd::as_raw_fd(&found);
    let read = files::read_to(
        out,
        rustix::fs::CWD,
        &format!("/proc/self/fd/{found}"),
        FILE_MAX,
    );
    read.map_err(|_| Errno::IO)
}
