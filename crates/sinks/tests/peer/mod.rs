//! Servers that run while a test runs.
#![allow(dead_code, reason = "not every build has every sink")]
#![allow(clippy::print_stdout, reason = "a test says what it skips")]

mod tls;

use std::env;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use tls::Certificates;

/// The slowest of them takes a while on a busy machine.
const START: Duration = Duration::from_mins(4);

/// Where a program is; says so when it is nowhere.
pub(crate) fn found(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    let mut files = folders.iter().map(|folder| folder.join(program));
    let file = files.find(|file| file.is_file());
    if file.is_none() {
        println!("skipped: no {program}");
    }
    file
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What a program prints; it has to go well.
pub(crate) fn output(command: &mut Command) -> String {
    let told = command.output().unwrap();
    let errors = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{command:?}: {errors}");
    String::from_utf8(told.stdout).unwrap()
}

/// Waits until something holds.
pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + START;
    while !holds() {
        assert!(Instant::now() < deadline, "it took too long");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A server, ended with the test, however that ends.
pub(crate) struct Peer {
    pub(crate) child: Child,
}

impl Peer {
    /// Starts it, in a group of its own with all that it starts.
    pub(crate) fn spawn(command: &mut Command) -> Peer {
        Peer {
            child: command.process_group(0).spawn().unwrap(),
        }
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(command: &mut Command, port: u16) -> Peer {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut peer = Peer::spawn(command);
        until(|| {
            let ended = peer.child.try_wait().unwrap();
            assert_eq!(ended, None, "{command:?} ended");
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        peer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.child);
        let kill = |signal| rustix::process::kill_process_group(group, signal);
        let _ = kill(rustix::process::Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            if Instant::now() > deadline {
                let _ = kill(rustix::process::Signal::KILL);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
