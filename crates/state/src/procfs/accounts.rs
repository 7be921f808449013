//! The users and groups that a container has of its own.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::{
    fs::{FileType, OFlags, ResolveFlags},
    io::Errno,
};

use super::{Live, NO_MODE, files};
use crate::{State, ThreadIx, Users};

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
        let Some(container) = self.containers.get_mut(of) else {
            return;
        };
        if container.has_accounts {
            return;
        }
        let Some(mut live) = self.live.take() else {
            return;
        };
        if live.budget.take(now_ns).is_some()
            && let Some(root) = live.root_of(pid)
        {
            container.has_accounts = true;
            let id = container.id.clone();
            self.users.forget(&id);
            for (file, take) in [
                ("etc/passwd", Users::read_passwd as fn(&mut _, &[u8], &[u8])),
                ("etc/group", Users::read_group),
            ] {
                let mut text = Vec::new();
                if read_inside(root.as_fd(), file, &mut text).is_ok() {
                    take(&mut self.users, &id, &text);
                }
            }
        }
        self.live = Some(live);
    }
}

impl Live {
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
