//! Where actions are done: a directory of their own, places of the system covered by empty ones, programs that only look like others.

use std::ffi::CString;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};

use crate::raw;

/// The variable that tells a program that looks like another what to do.
pub(crate) const DO: &str = "FALCO_GENERATOR_DO";

/// The variable with the directory of an action; whoever starts it makes it, and takes it away.
pub(crate) const DIRECTORY: &str = "FALCO_GENERATOR_DIRECTORY";

/// The place of one action.
#[derive(Debug)]
pub(crate) struct Stage {
    dir: PathBuf,
    /// This program.
    me: PathBuf,
}

impl Stage {
    /// The place that was made for this process.
    pub(crate) fn new() -> anyhow::Result<Stage> {
        let dir = std::env::var_os(DIRECTORY).context("an action has a directory")?;
        let me = std::env::current_exe().context("finding this program")?;
        Ok(Stage {
            dir: dir.into(),
            me,
        })
    }

    /// A path in the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A file in the directory, made with this text.
    pub(crate) fn file(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Covers directories of the system by empty ones, for this process and its children only.
    pub(crate) fn cover(&self, places: &[&str]) -> anyhow::Result<()> {
        // What is covered may hold this program, which others are made from later.
        let copy = self.path("falco-generator");
        if !copy.exists() {
            fs::copy(&self.me, &copy)?;
        }
        raw::unshare(libc::CLONE_NEWNS).context("making a mount namespace")?;
        mount_change(
            "/",
            MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
        )
        .context("separating the mounts")?;
        for place in places {
            mount(
                "tmpfs",
                *place,
                "tmpfs",
                MountFlags::empty(),
                None::<&std::ffi::CStr>,
            )
            .with_context(|| format!("covering {place}"))?;
        }
        Ok(())
    }

    /// Lays an overlay over a new directory; its upper layer is empty.
    pub(crate) fn overlay(&self) -> anyhow::Result<PathBuf> {
        self.cover(&[])?;
        let base = self.path("layers");
        fs::create_dir(&base)?;
        mount(
            "tmpfs",
            &base,
            "tmpfs",
            MountFlags::empty(),
            None::<&std::ffi::CStr>,
        )
        .context("making room for layers")?;
        for name in ["lower", "upper", "work", "merged"] {
            fs::create_dir(base.join(name))?;
        }
        let at = |name: &str| base.join(name).display().to_string();
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            at("lower"),
            at("upper"),
            at("work")
        );
        let options = CString::new(options)?;
        let merged = base.join("merged");
        mount(
            "overlay",
            &merged,
            "overlay",
            MountFlags::empty(),
            Some(options.as_c_str()),
        )
        .context("mounting an overlay")?;
        Ok(merged)
    }

    /// Goes into a root directory of its own, which holds nothing but these files.
    pub(crate) fn root(&self, files: &[(&str, &str)]) -> anyhow::Result<()> {
        for (name, text) in files {
            self.file(&format!("root{name}"), text)?;
        }
        let root = self.path("root");
        fs::create_dir_all(&root)?;
        rustix::process::chroot(&root).context("changing the root directory")?;
        std::env::set_current_dir("/")?;
        Ok(())
    }

    /// A program of that name that is this one.
    pub(crate) fn double(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path(name);
        self.double_at(&path)?;
        Ok(path)
    }

    /// The same, at a certain place.
    pub(crate) fn double_at(&self, path: &Path) -> anyhow::Result<()> {
        let copy = self.path("falco-generator");
        let from = if copy.exists() { &copy } else { &self.me };
        if path.exists() {
            return Ok(());
        }
        // A copy only where the path of the executable matters: links are free.
        if path.starts_with(&self.dir) {
            symlink(from, path)?;
        } else {
            fs::copy(from, path)?;
        }
        Ok(())
    }

    /// Runs a double of that name with these arguments; it does nothing.
    pub(crate) fn pretend(&self, name: &str, args: &[&str]) -> anyhow::Result<()> {
        run(Command::new(self.double(name)?).args(args))
    }

    /// Runs a real copy of this program, called like another; it does nothing.
    pub(crate) fn disguised_as(&self, name: &str, args: &[&str]) -> anyhow::Result<()> {
        let path = self.path(name);
        fs::copy(&self.me, &path)?;
        run(Command::new(path).args(args).env(DO, "nothing"))
    }

    /// Has a real copy of this program, called like another, do something.
    pub(crate) fn disguised(&self, name: &str, what: &str) -> anyhow::Result<()> {
        let path = self.path(name);
        fs::copy(&self.me, &path)?;
        run(Command::new(path).env(DO, what))
    }

    /// Has a double at a place that is covered do something.
    pub(crate) fn disguised_at(&self, path: &str, args: &[&str], what: &str) -> anyhow::Result<()> {
        self.double_at(Path::new(path))?;
        run(Command::new(path).args(args).env(DO, what))
    }
}

/// Goes into a network of its own, where this machine has that address and nothing else exists.
pub(crate) fn network(address: Ipv4Addr) -> anyhow::Result<()> {
    raw::unshare(libc::CLONE_NEWNET).context("making a network namespace")?;
    raw::address_of_loopback(address).context("setting up the network")
}

/// Runs a command to its end, with nothing to read and nowhere to write. What it says of itself does not matter.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_owned();
    // What this process was told is not for those that it starts.
    if !command.get_envs().any(|(name, _)| name == DO) {
        command.env_remove(DO);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("running {}", name.display()))?;
    Ok(())
}

/// Runs a shell with words that do nothing.
pub(crate) fn shell(words: &str) -> anyhow::Result<()> {
    run(Command::new("/bin/sh").args(["-c", words, "falco-generator"]))
}
