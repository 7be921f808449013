//! Things done with files.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use super::{Action, Place};
use crate::stage::run;

/// Opens a file for writing, as it is.
fn open_to_write(path: &str) -> anyhow::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?;
    Ok(())
}

/// See the module.
pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "read-secret",
        place: Place::Host,
        about: "reads /etc/shadow",
        rules: &["Secret file read"],
        upstream: &["Read sensitive file untrusted"],
        act: |_| {
            File::open("/etc/shadow")?;
            Ok(())
        },
    },
    Action {
        name: "read-secret-roundabout",
        place: Place::Host,
        about: "reads /etc/shadow by a path that goes up and down",
        rules: &["Secret file read", "Roundabout path into /etc"],
        upstream: &["Directory traversal monitored file read"],
        act: |_| {
            File::open("/etc/../etc/../../etc/shadow")?;
            Ok(())
        },
    },
    Action {
        name: "read-secret-late",
        place: Place::Host,
        about: "a server reads /etc/shadow long after it started",
        rules: &["Secret file read"],
        upstream: &["Read sensitive file trusted after startup"],
        act: |stage| stage.disguised("httpd", "read-late"),
    },
    Action {
        name: "read-ssh-key",
        place: Place::Host,
        about: "reads a private key of root",
        rules: &["Secret file read"],
        upstream: &["Read ssh information"],
        act: |stage| {
            stage.cover(&["/root"])?;
            fs::create_dir("/root/.ssh")?;
            fs::write("/root/.ssh/id_rsa", "none")?;
            File::open("/root/.ssh/id_rsa")?;
            Ok(())
        },
    },
    Action {
        name: "link-symbolic",
        place: Place::Host,
        about: "makes a symbolic link to /etc/shadow",
        rules: &["Link over a secret file"],
        upstream: &["Create Symlink Over Sensitive Files"],
        act: |stage| {
            symlink("/etc/shadow", stage.path("link"))?;
            Ok(())
        },
    },
    Action {
        name: "link-hard",
        place: Place::Host,
        about: "makes a hard link to /etc/shadow",
        rules: &["Link over a secret file"],
        upstream: &["Create Hardlink Over Sensitive Files"],
        act: |stage| {
            stage.cover(&["/etc"])?;
            fs::write("/etc/shadow", "none")?;
            fs::hard_link("/etc/shadow", "/etc/link")?;
            Ok(())
        },
    },
    Action {
        name: "write-program",
        place: Place::Host,
        about: "replaces /usr/bin/login",
        rules: &["Program directory written"],
        upstream: &["Write below binary dir"],
        act: |stage| {
            stage.cover(&["/usr/bin"])?;
            open_to_write("/usr/bin/login")
        },
    },
    Action {
        name: "rename-program",
        place: Place::Host,
        about: "moves a file over /usr/sbin/chpasswd",
        rules: &["Program directory written"],
        upstream: &["Modify binary dirs"],
        act: |stage| {
            stage.cover(&["/usr/sbin"])?;
            fs::write("/usr/sbin/new", "none")?;
            fs::rename("/usr/sbin/new", "/usr/sbin/chpasswd")?;
            Ok(())
        },
    },
    Action {
        name: "make-directory-for-programs",
        place: Place::Host,
        about: "makes a directory in /usr/bin",
        rules: &["Program directory written"],
        upstream: &["Mkdir binary dirs"],
        act: |stage| {
            stage.cover(&["/usr/bin"])?;
            fs::create_dir("/usr/bin/falco-generator-directory")?;
            Ok(())
        },
    },
    Action {
        name: "write-library",
        place: Place::Host,
        about: "writes a library",
        rules: &["Library or boot directory written"],
        upstream: &["Write below monitored dir"],
        act: |stage| {
            stage.cover(&["/usr/local/lib"])?;
            open_to_write("/usr/local/lib/libfalco-generator.so")
        },
    },
    Action {
        name: "write-accounts",
        place: Place::Host,
        about: "adds to /etc/passwd",
        rules: &["Account database written"],
        upstream: &["Write below etc"],
        act: |stage| {
            stage.cover(&["/etc"])?;
            open_to_write("/etc/passwd")
        },
    },
    Action {
        name: "add-ssh-key",
        place: Place::Host,
        about: "adds a key that may log in as root",
        rules: &["SSH key added"],
        upstream: &["Adding ssh keys to authorized_keys"],
        act: |stage| {
            stage.cover(&["/root"])?;
            fs::create_dir("/root/.ssh")?;
            open_to_write("/root/.ssh/authorized_keys")
        },
    },
    Action {
        name: "write-shell-configuration",
        place: Place::Host,
        about: "adds to the start-up file of a shell",
        rules: &["Shell start-up file written"],
        upstream: &["Modify Shell Configuration File"],
        act: |stage| {
            stage.cover(&["/root"])?;
            open_to_write("/root/.bashrc")
        },
    },
    Action {
        name: "read-shell-configuration",
        place: Place::Host,
        about: "reads the start-up file of a shell",
        rules: &["Shell start-up file read"],
        upstream: &["Read Shell Configuration File"],
        act: |stage| {
            stage.cover(&["/root"])?;
            fs::write("/root/.bashrc", "")?;
            File::open("/root/.bashrc")?;
            Ok(())
        },
    },
    Action {
        name: "schedule-by-file",
        place: Place::Host,
        about: "writes a job for cron",
        rules: &["Start-up configuration written"],
        upstream: &["Schedule Cron Jobs"],
        act: |stage| {
            stage.cover(&["/etc"])?;
            fs::create_dir("/etc/cron.d")?;
            open_to_write("/etc/cron.d/falco-generator")
        },
    },
    Action {
        name: "package-sources",
        place: Place::Host,
        about: "adds a source of packages",
        rules: &["Package sources changed"],
        upstream: &["Update Package Repository"],
        act: |stage| {
            stage.cover(&["/etc"])?;
            fs::create_dir_all("/etc/apt/sources.list.d")?;
            open_to_write("/etc/apt/sources.list.d/falco-generator.list")
        },
    },
    Action {
        name: "package-database",
        place: Place::Host,
        about: "writes the database of a package manager",
        rules: &["Package database written"],
        upstream: &["Write below rpm database"],
        act: |stage| {
            stage.cover(&["/var/lib"])?;
            fs::create_dir("/var/lib/rpm")?;
            open_to_write("/var/lib/rpm/falco-generator")
        },
    },
    Action {
        name: "write-configuration",
        place: Place::Host,
        about: "writes a file in /etc",
        rules: &["File written below /etc"],
        upstream: &["Write below etc"],
        act: |stage| {
            stage.cover(&["/etc"])?;
            open_to_write("/etc/falco-generator")
        },
    },
    Action {
        name: "create-in-root",
        place: Place::Host,
        about: "creates a file in the home directory of root",
        rules: &["File created in / or /root"],
        upstream: &["Write below root"],
        act: |stage| {
            stage.cover(&["/root"])?;
            open_to_write("/root/falco-generator")
        },
    },
    Action {
        name: "create-below-dev",
        place: Place::Host,
        about: "creates a file below /dev",
        rules: &["File made below /dev"],
        upstream: &["Create files below dev"],
        act: |_| {
            let path = "/dev/falco-generator";
            open_to_write(path)?;
            fs::remove_file(path)?;
            Ok(())
        },
    },
    Action {
        name: "set-user-id",
        place: Place::Host,
        about: "sets the set-user-id bit of a file",
        rules: &["Set-user-id bit set"],
        upstream: &["Set Setuid or Setgid bit"],
        act: |stage| {
            let file = stage.file("file", "none")?;
            fs::set_permissions(file, fs::Permissions::from_mode(0o4755))?;
            Ok(())
        },
    },
    Action {
        name: "change-mode",
        place: Place::Host,
        about: "changes who may read /etc/shadow",
        rules: &["Owner or mode of a system file changed"],
        upstream: &[],
        act: |stage| {
            stage.cover(&["/etc"])?;
            fs::write("/etc/shadow", "none")?;
            fs::set_permissions("/etc/shadow", fs::Permissions::from_mode(0o644))?;
            Ok(())
        },
    },
    Action {
        name: "change-mode-by-descriptor",
        place: Place::Host,
        about: "changes who may read /etc/shadow by a descriptor that has another name",
        rules: &["Owner or mode of a system file changed by descriptor"],
        upstream: &[],
        act: |stage| {
            stage.cover(&["/etc"])?;
            fs::write("/etc/shadow", "none")?;
            let link = stage.path("link");
            std::os::unix::fs::symlink("/etc/shadow", &link)?;
            File::open(link)?.set_permissions(fs::Permissions::from_mode(0o644))?;
            Ok(())
        },
    },
    Action {
        name: "clear-log",
        place: Place::Host,
        about: "empties a log",
        rules: &["Logs or history erased"],
        upstream: &["Clear Log Activities"],
        act: |stage| {
            stage.cover(&["/var/log"])?;
            fs::write("/var/log/secure", "none")?;
            File::create("/var/log/secure")?;
            Ok(())
        },
    },
    Action {
        name: "delete-history",
        place: Place::Host,
        about: "removes the history of a shell",
        rules: &["Logs or history erased"],
        upstream: &["Delete or rename shell history"],
        act: |stage| {
            stage.cover(&["/root"])?;
            fs::write("/root/.bash_history", "none")?;
            fs::remove_file("/root/.bash_history")?;
            Ok(())
        },
    },
    Action {
        name: "wipe",
        place: Place::Host,
        about: "wipes a file",
        rules: &["Data wiped"],
        upstream: &["Remove Bulk Data from Disk"],
        act: |stage| {
            let file = stage.file("file", "none")?;
            run(Command::new("shred").arg("-u").arg(file))
        },
    },
    Action {
        name: "hide",
        place: Place::Host,
        about: "makes a hidden file",
        rules: &["Hidden file made"],
        upstream: &["Create Hidden Files or Directories"],
        act: |stage| {
            stage.file(".hidden", "none")?;
            Ok(())
        },
    },
    Action {
        name: "kernel-helper",
        place: Place::Host,
        about: "opens core_pattern for writing, and writes nothing",
        rules: &["Kernel helper path written"],
        upstream: &[],
        act: |_| {
            OpenOptions::new()
                .write(true)
                .open("/proc/sys/kernel/core_pattern")?;
            Ok(())
        },
    },
    Action {
        name: "read-environment",
        place: Place::Container,
        about: "reads the environment of a process",
        rules: &["Environment of another process read"],
        upstream: &["Read environment variable from /proc files"],
        act: |_| {
            File::open(format!("/proc/{}/environ", std::process::id()))?;
            Ok(())
        },
    },
];
