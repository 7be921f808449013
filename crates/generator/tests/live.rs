//! A falco that watches this machine notices everything the generator does.
//!
//! Needs root, a kernel with BTF, and the built falco beside the generator; says so and skips where one is missing.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const GENERATOR: &str = env!("CARGO_BIN_EXE_falco-generator");

/// The falco that can be tried here; says why there is none.
fn falco() -> Option<PathBuf> {
    let falco = Path::new(GENERATOR).with_file_name("falco");
    let why = if !rustix::process::geteuid().is_root() {
        "only root may watch"
    } else if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        "this kernel has no BTF"
    } else if !falco.exists() {
        "falco is not built: cargo build -p falco"
    } else {
        return Some(falco);
    };
    eprintln!("skipped: {why}");
    None
}

/// Ended when the test ends, however that comes.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn alerts_of_a_falco_that_runs_come_by_every_way() {
    let Some(falco) = falco() else { return };
    let dir = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let file = dir.path().join("alerts").display().to_string();
    let socket = format!("unix://{}/socket", dir.path().display());
    let mut command = Command::new(falco);
    for option in [
        "json_output=true",
        "file_output.enabled=true",
        &format!("file_output.filename={file}"),
        "http_output.enabled=true",
        &format!("http_output.url=http://{address}/"),
        "grpc.enabled=true",
        "grpc_output.enabled=true",
        &format!("grpc.bind_address={socket}"),
    ] {
        command.args(["-o", option]);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let _falco = Running(command.spawn().unwrap());
    let deadline = Instant::now() + Duration::from_mins(1);
    while !fs::read_to_string(&file).is_ok_and(|text| text.contains("head -c0 /etc/shadow")) {
        assert!(Instant::now() < deadline, "falco sees nothing");
        let mut head = Command::new("head");
        head.args(["-c0", "/etc/shadow"]).status().unwrap();
        thread::sleep(Duration::from_millis(200));
    }
    for (option, value) in [
        ("--alerts", &file),
        ("--http", &address),
        ("--grpc", &socket),
    ] {
        let mut test = Command::new(GENERATOR);
        test.args(["test", option, value, "--wait", "20"]);
        let out = test.args(["read-secret", "link-*"]).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success(), "{option}: {said}");
        assert!(said.contains(", 0 missed, 0 cannot"), "{option}: {said}");
    }
}

#[test]
fn nothing_is_missed() {
    misses_nothing(&[]);
}

#[test]
#[ignore = "needs podman: make test-containers"]
fn nothing_is_missed_in_containers_of_podman() {
    misses_nothing(&["--podman"]);
}

fn misses_nothing(how: &[&str]) {
    let Some(falco) = falco() else { return };
    let mut test = Command::new(GENERATOR);
    test.args(["test", "--wait", "20", "--falco"]).arg(falco);
    let out = test.args(how).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{said}");
    assert!(said.contains(", 0 missed, "), "{said}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (words, why) in [
        (&["run", "no-such"][..], "no action is called no-such"),
        (&["run", "--podman"], "run needs the names of actions"),
        (&["nonsense"], "there is no `nonsense`"),
        (&["loop", "--rate", "0"], "needs a number above 0"),
        (&["test", "--falco"], "--falco needs a value"),
        (
            &["test", "--alerts", "x", "--http", "y"],
            "--alerts and --http exclude each other",
        ),
        (&["test", "--grpc", "localhost:5060"], "unix:///PATH"),
    ] {
        let out = Command::new(GENERATOR).args(words).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(
            !out.status.success() && said.contains(why),
            "{words:?}: {said}"
        );
    }
}
