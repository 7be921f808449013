//! How soon an alert is on standard output: `cargo bench -p falco --bench latency` (root, BTF).
//!
//! From the start of the program, with `/etc/shadow` opened all the time meanwhile; and, once it runs, from a system call: opens
//! `/etc/shadow`, reads the alert from the program's pipe, and so on, some hundred times. Prints the percentiles. `RULES=FILE` takes other rules
//! than the default ones.
#![allow(clippy::print_stdout, reason = "it shows what it measured")]

use std::{
    env,
    fs::File,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

const STARTS: usize = 11;
const ROUNDS: usize = 500;

/// A running program, and when it wrote which lines.
struct Falco {
    child: Child,
    started: Instant,
    lines: Receiver<(Instant, String)>,
}

impl Falco {
    fn start() -> Falco {
        let rules = env::var("RULES").ok();
        let rules = rules.iter().flat_map(|file| ["-r", file]);
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_falco"))
            .args(["-o", "json_output=true"])
            .args(rules)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("falco starts");
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().expect("it has a pipe"));
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let now = Instant::now();
                if sender.send((now, line)).is_err() {
                    break;
                }
            }
        });
        Falco {
            child,
            started,
            lines,
        }
    }

    /// When the alert of an open by this program came; `None`: not in time.
    fn alert(&self, limit: Duration) -> Option<Instant> {
        let start = Instant::now();
        loop {
            let left = limit.saturating_sub(start.elapsed());
            let (at, line) = self.lines.recv_timeout(left).ok()?;
            if line.contains("/etc/shadow") && line.contains("latency") {
                return Some(at);
            }
        }
    }

    /// From the start to the first alert.
    fn first(&self) -> Option<Duration> {
        (0..10_000).find_map(|_| {
            drop(File::open("/etc/shadow"));
            Some(self.alert(Duration::from_millis(2))? - self.started)
        })
    }

    /// From a system call to its alert.
    fn once(&self) -> Option<Duration> {
        while self.lines.try_recv().is_ok() {}
        let start = Instant::now();
        drop(File::open("/etc/shadow"));
        Some(self.alert(Duration::from_secs(2))? - start)
    }

    fn stop(mut self) {
        let _ = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        let _ = self.child.wait();
    }
}

fn main() {
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let falco = Falco::start();
        starts.extend(falco.first());
        falco.stop();
    }
    show("start to first alert", STARTS, starts);
    let falco = Falco::start();
    let mut times = Vec::new();
    for _ in 0..ROUNDS * usize::from(falco.first().is_some()) {
        times.extend(falco.once());
        thread::sleep(Duration::from_millis(2));
    }
    falco.stop();
    show("system call to alert", ROUNDS, times);
}

fn show(what: &str, of: usize, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| {
        let place = (times.len() as f64 * share) as usize;
        times.get(place).copied().unwrap_or_default()
    };
    println!(
        "{what}: {} of {of} seen; least {:?}, median {:?}, 99th percentile {:?}, most {:?}",
        times.len(),
        at(0.0),
        at(0.5),
        at(0.99),
        times.last().copied().unwrap_or_default(),
    );
}
