//! What workers gain: events a second with 1, 2, 3 and 4 of them, where several hundred rules read fields of most events, where
//! rules are few, and where rules match nothing.
//!
//! A capture is replayed as fast as it goes, so what is measured is the work on events, not the kernel's part. The capture is made here:
//! processes that start, open, read, close and end. `CAPTURE=FILE` takes another (inflated, or unpacking counts), `RUNS=N` repeats more
//! often.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "../tests/harness/recording.rs"]
mod recording;

use std::{
    env,
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use falco_capture::Reader;
use falco_event::{Builder, codes};
use recording::Recording;

const NOTHING: &str = "
- rule: nothing
  desc: matches no event
  condition: evt.type = open and fd.name = /nowhere/at/all
  output: never
  priority: DEBUG
";
/// Rules of the heavy set.
const RULES: usize = 400;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let capture = env::var("CAPTURE").unwrap_or_else(|_| {
        let path = at("in.scap");
        record(Path::new(&path));
        path
    });
    let events = count(Path::new(&capture));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{events} events, {processors} processors");
    fs::write(at("nothing.yaml"), NOTHING).unwrap();
    fs::write(at("heavy.yaml"), heavy()).unwrap();
    let built_in = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules/falco_rules.yaml");
    for (what, rules) in [
        ("a rule that matches nothing", at("nothing.yaml")),
        ("the built-in rules", built_in.to_owned()),
        ("400 rules that read fields", at("heavy.yaml")),
    ] {
        let start = best(&capture, &rules, 1, &["--dry-run"]);
        println!("{what}:");
        let mut one = (0.0, 0.0);
        for workers in 1..=4 {
            let took = best(&capture, &rules, workers, &[]);
            let rates = (
                events as f64 / (took.seconds - start.seconds),
                events as f64 / (took.busiest - start.busiest),
            );
            if workers == 1 {
                one = rates;
            }
            println!(
                "  {workers} worker(s): {:.0} thousand events a second, {:.2} of one; by the busiest thread's CPU {:.0}, {:.2}",
                rates.0 / 1000.0,
                rates.0 / one.0,
                rates.1 / 1000.0,
                rates.1 / one.1
            );
        }
    }
}

/// Seconds that passed, and that the thread with the most of them was on a CPU: other work on the machine disturbs that less.
#[derive(Clone, Copy)]
struct Took {
    seconds: f64,
    busiest: f64,
}

/// The shortest of some runs, of both.
fn best(capture: &str, rules: &str, workers: usize, more: &[&str]) -> Took {
    let runs = env::var("RUNS").ok().and_then(|text| text.parse().ok());
    (0..runs.unwrap_or(5))
        .map(|_| run(capture, rules, workers, more))
        .reduce(|a, b| Took {
            seconds: a.seconds.min(b.seconds),
            busiest: a.busiest.min(b.busiest),
        })
        .unwrap()
}

fn run(capture: &str, rules: &str, workers: usize, more: &[&str]) -> Took {
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_falco"))
        .args(["-o", "engine.kind=replay", "-r", rules, "-o"])
        .arg(format!("engine.replay.capture_file={capture}"))
        .args(["-o", &format!("workers={workers}")])
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut busiest = 0.0_f64;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        busiest = busiest.max(busiest_thread(child.id()));
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(status.success());
    Took {
        seconds: started.elapsed().as_secs_f64(),
        busiest,
    }
}

/// The seconds that the busiest thread of a process was on a CPU so far.
fn busiest_thread(pid: u32) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let on_cpu = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        let ns: f64 = text.split_whitespace().next()?.parse().ok()?;
        Some(ns / 1e9)
    };
    let threads = tasks.into_iter().flatten().flatten().filter_map(on_cpu);
    threads.fold(0.0, f64::max)
}

fn count(path: &Path) -> u64 {
    let (mut reader, _) = Reader::open(path).unwrap();
    let mut events = 0;
    while let falco_capture::Next::Event(_) = reader.next_event().unwrap() {
        events += 1;
    }
    events
}

/// Rules that ask for what is not the same in all of them: names of ancestors, arguments, paths and their parts.
fn heavy() -> String {
    let mut rules = String::new();
    for number in 0..RULES {
        let condition = match number % 4 {
            0 => format!("proc.aname[{}] contains x{number}", 1 + number % 5),
            1 => format!("proc.cmdline icontains \"word {number}\""),
            2 => format!("fd.name glob \"*/{number}/*.{number}\""),
            _ => format!("proc.pexepath endswith /{number} or evt.args contains word{number}"),
        };
        let _ = writeln!(
            rules,
            "- rule: r{number}\n  desc: d\n  condition: evt.type != chdir and ({condition})\n  output: never\n  priority: DEBUG"
        );
    }
    rules
}

/// A capture of processes that start, open, read, close and end.
fn record(path: &Path) {
    const SHELL: i64 = 100;
    const COMPILER: &[u8] = b"-quiet\0-imultiarch\0x86_64-linux-gnu\0-D_GNU_SOURCE\0main.cc\0";
    let file = fs::File::create(path).unwrap();
    let processes = [(1, 0), (50, 1), (SHELL, 50)];
    let mut recording = Recording::new(file, &processes, 1_000_000_000, 1_000);
    for round in 0..4_000_i64 {
        let tid = 1_000 + round;
        recording.child(tid, SHELL, "/usr/bin/cc1plus", COMPILER, "cc1plus");
        for file in 0..20 {
            let name = format!("/usr/lib/x86_64-linux-gnu/package-{round}/lib{file}.so.{file}");
            recording.add(|time| {
                Builder::new(codes::SYSCALL_OPENAT_2_X, time, tid)
                    .i64(3)
                    .i64(-100)
                    .str(name.as_bytes())
                    .u32(1)
                    .u32(0)
                    .u32(5)
                    .u64(77)
            });
            recording.add(|time| {
                Builder::new(codes::SYSCALL_READ_X, time, tid)
                    .i64(832)
                    .bytes(&[0x7f; 80])
                    .i64(3)
                    .u32(832)
            });
            recording.close(tid);
        }
        recording.exit(tid);
    }
    recording.finish();
}
