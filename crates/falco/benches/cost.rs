//! What a running falco costs other programs: `cargo bench -p falco --bench cost` (root, BTF).
//!
//! Calls that no rule asks for, opens that none cares for, and programs that are started and end, in turn with nothing watching and with
//! falco. Of calls this thread's own time is taken, of programs all that passes; printed are the lower quartiles, which other work on
//! the machine disturbs least. `RULES=FILE` takes other rules than the default ones, `ROUNDS=N` goes round more often.
#![allow(clippy::print_stdout, reason = "it shows what it measured")]

use std::{
    env,
    fs::File,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// What is done, how often in a row, on which clock, and how to do it once.
type Doing = (&'static str, u32, ClockId, fn());

const DOINGS: [Doing; 3] = [
    ("getppid", 20_000, ClockId::ThreadCPUTime, || {
        let _ = rustix::process::getppid();
    }),
    (
        "open and close of a file that nobody cares for",
        5_000,
        ClockId::ThreadCPUTime,
        || {
            drop(File::open("/usr/lib/os-release"));
        },
    ),
    (
        "a program that starts and ends",
        100,
        ClockId::Monotonic,
        || {
            let _ = Command::new("/bin/true").status();
        },
    ),
];

/// Rows in a round.
const ROWS: usize = 5;

fn main() {
    let rounds = env::var("ROUNDS").ok().and_then(|text| text.parse().ok());
    let mut times = [(); 2].map(|()| DOINGS.map(|_| Vec::new()));
    for _ in 0..rounds.unwrap_or(6) {
        measure(&mut times[0]);
        let Some(mut falco) = start() else {
            println!("falco does not get to watch: `falco` says why");
            return;
        };
        measure(&mut times[1]);
        let _ = Command::new("kill")
            .args(["-INT", &falco.id().to_string()])
            .status();
        let _ = falco.wait();
    }
    let [without, with] = &mut times;
    for ((name, ..), (without, with)) in DOINGS.iter().zip(without.iter_mut().zip(with)) {
        let (without, with) = (quartile(without), quartile(with));
        let more = 100.0 * (with.as_secs_f64() / without.as_secs_f64() - 1.0);
        println!("{name}: {without:?} without, {with:?} with falco, {more:+.1} %");
    }
}

fn measure(times: &mut [Vec<Duration>; DOINGS.len()]) {
    for ((_, count, clock, once), times) in DOINGS.iter().zip(times) {
        for _ in 0..ROWS {
            let start = now(*clock);
            for _ in 0..*count {
                once();
            }
            times.push(now(*clock).saturating_sub(start) / *count);
        }
    }
}

fn now(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Starts it and waits until it watches.
fn start() -> Option<Child> {
    let rules = env::var("RULES").ok();
    let rules = rules.iter().flat_map(|file| ["-r", file]);
    let mut falco = Command::new(env!("CARGO_BIN_EXE_falco"))
        .args(rules)
        .args(["-o", "log_stderr=true", "-o", "log_level=debug"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let mut lines = BufReader::new(falco.stderr.take()?).lines();
    let watches =
        lines.any(|line| line.is_ok_and(|line| line.contains("Processes that run already")));
    // What it says later has to go somewhere.
    std::thread::spawn(move || lines.for_each(drop));
    watches.then_some(falco)
}

fn quartile(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 4).copied().unwrap_or_default()
}
