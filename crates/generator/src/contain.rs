//! A container without a runtime: a control group that is named like one, and namespaces.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Context as _, bail};

use crate::raw;

/// Where control groups are found: the hierarchy of version 2, or one of version 1 that says which container a process is in.
const HIERARCHIES: [&str; 4] = [
    "/sys/fs/cgroup",
    "/sys/fs/cgroup/cpu",
    "/sys/fs/cgroup/cpuacct",
    "/sys/fs/cgroup/memory",
];

/// What the ids of containers begin with, and those of privileged ones.
const ORDINARY: &str = "fa1c00";
pub(crate) const PRIVILEGED: &str = "fa1c01";

/// A control group that is there as long as this is.
#[derive(Debug)]
pub(crate) struct Group {
    path: PathBuf,
}

impl Group {
    /// Makes a group with the name of a container of Docker; its id belongs to this process.
    pub(crate) fn new(privileged: bool) -> anyhow::Result<Group> {
        let found = HIERARCHIES
            .iter()
            .find(|path| Path::new(path).join("cgroup.procs").exists());
        let Some(base) = found else {
            bail!("no control groups below /sys/fs/cgroup: actions for containers need them");
        };
        let start = if privileged { PRIVILEGED } else { ORDINARY };
        // The first twelve digits are what is shown of it: they differ from group to group.
        static MADE: AtomicU8 = AtomicU8::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let id = format!(
            "{start}{:04x}{number:02x}{:052x}",
            std::process::id() & 0xffff,
            0
        );
        let path = Path::new(base).join("docker").join(id);
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Group { path })
    }

    /// The command that does an action in the container.
    pub(crate) fn command(&self, me: &Path, action: &str) -> Command {
        let mut command = Command::new(me);
        command.arg("contain").arg(&self.path).arg(action);
        command
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The last process may not be gone entirely; an empty group that stays does no harm.
        for _ in 0..50 {
            if fs::remove_dir(&self.path).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        if let Some(parent) = self.path.parent() {
            let _ = fs::remove_dir(parent);
        }
    }
}

/// Enters a group and namespaces, and becomes the process that does the action.
pub(crate) fn enter(group: &Path, action: &str) -> anyhow::Result<ExitCode> {
    let me = std::env::current_exe()?;
    raw::unshare(libc::CLONE_NEWUTS | libc::CLONE_NEWIPC).context("making namespaces")?;
    fs::write(group.join("cgroup.procs"), std::process::id().to_string())
        .with_context(|| format!("entering {}", group.display()))?;
    // From here on what is executed is executed in the container.
    let error = Command::new(me).args(["do", action]).exec();
    Err(error).context("starting the action in the container")
}
