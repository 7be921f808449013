//! Containers that podman makes, for the actions that are done in one. Their image has nothing but directories; programs are this machine's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tempfile::TempDir;

/// What the image is called.
const IMAGE: &str = "localhost/falco-generator:1";
/// Directories of the image, which actions cover or write to.
const DIRECTORIES: [&str; 9] = [
    "boot", "etc", "home", "mnt", "opt", "root", "srv", "tmp", "var/log",
];
/// What containers see of this machine.
const SHARED: [&str; 5] = ["/bin", "/lib", "/lib64", "/sbin", "/usr"];
/// Runtimes that are tried; none: podman's own choice.
const RUNTIMES: [Option<&str>; 2] = [None, Some("runc")];

/// A podman with a store of its own, which is gone with this.
#[derive(Debug)]
pub(crate) struct Podman {
    dir: TempDir,
    runtime: Option<&'static str>,
    service: Option<Child>,
}

impl Podman {
    /// Makes the image and tries it.
    pub(crate) fn new() -> anyhow::Result<Podman> {
        let dir = tempfile::Builder::new()
            .prefix("falco-generator-")
            .tempdir()
            .context("making a directory")?;
        let image = dir.path().join("image");
        for name in DIRECTORIES {
            fs::create_dir_all(image.join(name))?;
        }
        let mut podman = Podman {
            dir,
            runtime: None,
            service: None,
        };
        let tar = podman.dir.path().join("image.tar");
        let mut pack = Command::new("tar");
        said(pack.arg("-C").arg(&image).arg("-cf").arg(&tar).arg("."))?;
        said(podman.podman().args(["import", "-q"]).arg(&tar).arg(IMAGE))?;
        let mut troubles = Vec::new();
        for runtime in RUNTIMES {
            podman.runtime = runtime;
            match said(podman.run(&[]).args([IMAGE, "/bin/true"])) {
                Ok(()) => return Ok(podman),
                Err(trouble) => troubles.push(trouble.to_string()),
            }
        }
        bail!("podman starts no container here: {}", troubles.join("; "))
    }

    /// Has podman tell what its containers are; where it listens.
    pub(crate) fn serve(&mut self) -> anyhow::Result<PathBuf> {
        let socket = self.dir.path().join("podman.sock");
        let listen = format!("unix://{}", socket.display());
        let mut command = self.podman();
        command.args(["system", "service", "--time", "0", &listen]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.service = Some(command.spawn().context("starting podman's service")?);
        for _ in 0..200 {
            if socket.exists() {
                return Ok(socket);
            }
            thread::sleep(Duration::from_millis(50));
        }
        bail!("podman's service does not listen")
    }

    /// The command that does an action in a container, which sees the action's directory.
    pub(crate) fn command(
        &self,
        me: &Path,
        action: &str,
        directory: &Path,
        privileged: bool,
    ) -> Command {
        let rights: &[&str] = if privileged {
            &["--privileged", "--volume=/etc:/host/etc"]
        } else {
            // They cover places and make namespaces, as on the host.
            &["--cap-add=all", "--security-opt=seccomp=unconfined"]
        };
        let inside = "/falco-generator";
        let mut command = self.run(rights);
        command.arg(format!("--volume={0}:{0}", directory.display()));
        command.arg(format!("--volume={}:{inside}:ro", me.display()));
        command.arg(format!(
            "--env={}={}",
            crate::stage::DIRECTORY,
            directory.display()
        ));
        command.args([IMAGE, inside, "do", action]);
        command
    }

    fn podman(&self) -> Command {
        let mut command = Command::new("podman");
        for (option, name) in [("--root", "store"), ("--runroot", "run")] {
            command.arg(option).arg(self.dir.path().join(name));
        }
        command.arg("--cgroup-manager=cgroupfs");
        if let Some(runtime) = self.runtime {
            command.arg(format!("--runtime={runtime}"));
        }
        command
    }

    /// Starts a container with limits that need no right to raise them.
    fn run(&self, rights: &[&str]) -> Command {
        let mut command = self.podman();
        command.args(["run", "--rm", "--network=none", "--log-driver=none"]);
        command.args(["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]);
        for place in SHARED.iter().filter(|place| Path::new(place).exists()) {
            command.arg(format!("--volume={place}:{place}:ro"));
        }
        command.args(rights);
        command
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        if let Some(mut service) = self.service.take() {
            let _ = service.kill();
            let _ = service.wait();
        }
        // What is mounted would keep the directory.
        for words in [
            &["rm", "--all", "--force", "--time=0"][..],
            &["umount", "--all"],
        ] {
            let _ = said(self.podman().args(words));
        }
        let _ = rustix::mount::unmount(
            self.dir.path().join("store/overlay"),
            rustix::mount::UnmountFlags::DETACH,
        );
    }
}

/// Runs a command; what it says when it fails is the error.
fn said(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = command
        .output()
        .with_context(|| format!("running {name}"))?;
    if !out.status.success() {
        bail!("{name}: {}", String::from_utf8_lossy(&out.stderr).trim());
    }
    Ok(())
}
