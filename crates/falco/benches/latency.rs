//! From a system call to its alert on standard output: `cargo bench -p falco --bench latency` (root, BTF).
//!
//! Opens `/etc/shadow`, reads the alert from the running program's pipe, and so on, some hundred times; prints the percentiles.
#![allow(clippy::print_stdout, reason = "it shows what it measured")]

use std::{
    fs::File,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

const ROUNDS: usize = 500;

fn main() {
    let mut falco = Command::new(env!("CARGO_BIN_EXE_falco"))
        .args(["-o", "json_output=true"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("falco starts");
    let (sender, lines) = channel();
    let out = BufReader::new(falco.stdout.take().expect("it has a pipe"));
    thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            let now = Instant::now();
            if sender.send((now, line)).is_err() {
                break;
            }
        }
    });
    // `None`: no alert came in time.
    let once = |limit: Duration| -> Option<Duration> {
        while lines.try_recv().is_ok() {}
        let start = Instant::now();
        drop(File::open("/etc/shadow"));
        loop {
            let (at, line) = lines
                .recv_timeout(limit.saturating_sub(start.elapsed()))
                .ok()?;
            if line.contains("Secret file read") && line.contains("latency") {
                return Some(at - start);
            }
        }
    };
    let ready = (0..60).any(|_| once(Duration::from_millis(500)).is_some());
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..ROUNDS * usize::from(ready) {
        times.extend(once(Duration::from_secs(2)));
        thread::sleep(Duration::from_millis(2));
    }
    let _ = Command::new("kill")
        .args(["-INT", &falco.id().to_string()])
        .status();
    let _ = falco.wait();
    times.sort_unstable();
    let at = |share: f64| {
        times
            .get((times.len() as f64 * share) as usize)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "system call to alert: {} of {ROUNDS} seen; median {:?}, 99th percentile {:?}, most {:?}",
        times.len(),
        at(0.5),
        at(0.99),
        times.last().copied().unwrap_or_default(),
    );
}
