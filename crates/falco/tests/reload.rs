//! Configuration and rules are replaced while events flow, and none of them is missed.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

#[path = "harness/recording.rs"]
mod recording;

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use recording::Recording;
const RELOADS: usize = 4;
/// Nothing here takes that long.
const PATIENCE: Duration = Duration::from_mins(1);

fn rules(name: &str) -> String {
    format!(
        "- rule: {name}\n  desc: d\n  condition: evt.type = chdir\n  output: seen\n  priority: INFO\n"
    )
}

fn hang_up(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
}

/// The lines of a stream as they come, looked at from the other thread.
fn lines(stream: impl std::io::Read + Send + 'static) -> std::sync::mpsc::Receiver<String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

#[test]
fn no_event_is_missed_while_rules_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let made = Command::new("mkfifo").arg(at("in.scap")).status().unwrap();
    assert!(made.success());
    fs::write(at("r.yaml"), rules("rule 0")).unwrap();
    let mut falco = Command::new(env!("CARGO_BIN_EXE_falco"))
        .current_dir(dir.path())
        .args(["-r", "r.yaml", "-o", "watch_config_files=false"])
        .args([
            "-o",
            "engine={kind: replay, replay: {capture_file: in.scap}}",
        ])
        .args(["-o", "json_output=true"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (alerts, log) = (
        lines(falco.stdout.take().unwrap()),
        lines(falco.stderr.take().unwrap()),
    );
    let enough = Arc::new(AtomicBool::new(false));
    let writer = thread::spawn({
        let (enough, path) = (Arc::clone(&enough), at("in.scap"));
        move || feed(&path, &enough)
    });
    let deadline = Instant::now() + PATIENCE;
    let until = |text: &str| {
        let left = || deadline.saturating_duration_since(Instant::now());
        while !log.recv_timeout(left()).unwrap().contains(text) {}
    };
    until("Replaying events");
    for number in 1..=RELOADS {
        fs::write(at("r.yaml"), rules(&format!("rule {number}"))).unwrap();
        hang_up(&falco);
        until("SIGHUP received, restarting...");
    }
    // What is wrong is told, and all goes on.
    fs::write(at("r.yaml"), "- rule: broken\n").unwrap();
    hang_up(&falco);
    let mut found = Vec::new();
    loop {
        let line = alerts
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            .unwrap();
        let failed = line.contains("Falco internal: hot restart failure: r.yaml: Invalid");
        found.push(line);
        if failed {
            break;
        }
    }
    enough.store(true, Ordering::Relaxed);
    let written = writer.join().unwrap();
    assert!(falco.wait().unwrap().success());
    found.extend(alerts);
    let of = |name: &str| found.iter().filter(|line| line.contains(name)).count();
    let by_rule: Vec<usize> = (0..=RELOADS)
        .map(|number| of(&format!("\"rule\":\"rule {number}\"")))
        .collect();
    assert_eq!(by_rule.iter().sum::<usize>(), written, "{by_rule:?}");
    assert!(by_rule.iter().all(|count| *count > 0), "{by_rule:?}");
}

/// Writes events into the capture until it is enough; how many.
fn feed(path: &std::path::Path, enough: &AtomicBool) -> usize {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let mut recording = Recording::new(file, &[(42, 1)], 999, 1);
    let mut count = 0;
    let started = Instant::now();
    while !enough.load(Ordering::Relaxed) && started.elapsed() < PATIENCE {
        for _ in 0..20 {
            // What does not compress gets through at once.
            let mut path = String::new();
            for part in 0..32 {
                let mixed = (count as u64 * 32 + part).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let _ = write!(path, "{:016x}", mixed ^ (mixed >> 29));
            }
            recording.chdir(42, &path);
            count += 1;
        }
        thread::sleep(Duration::from_millis(5));
    }
    recording.finish();
    count
}

/// How many events a second, and which of them the rules look for.
const RATE: u64 = 50_000;
const MARKED: u64 = 100;

/// A thousand reloads while 50,000 events a second flow: each marked event is found by one of the two sets, memory stays, and a swap takes
/// less than 5 ms.
#[test]
#[ignore = "takes minutes, and wants a quiet machine"]
fn a_thousand_reloads_under_load() {
    let reloads = std::env::var("RELOADS").map_or(1000, |count| count.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let made = Command::new("mkfifo").arg(at("in.scap")).status().unwrap();
    assert!(made.success());
    let rules = |name: &str| {
        rules(name).replace(
            "evt.type = chdir",
            "evt.type = chdir and evt.arg.path startswith /marked",
        )
    };
    fs::write(at("r.yaml"), rules("even")).unwrap();
    let program = std::env::var("FALCO").unwrap_or(env!("CARGO_BIN_EXE_falco").into());
    let mut falco = Command::new(program)
        .current_dir(dir.path())
        .args(["-r", "r.yaml", "-o", "watch_config_files=false"])
        .args([
            "-o",
            "engine={kind: replay, replay: {capture_file: in.scap}}",
        ])
        .args(["-o", "json_output=true", "-o", "log_level=debug"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let alerts = lines(falco.stdout.take().unwrap());
    let counter = thread::spawn(move || {
        let is_alert =
            |line: &String| line.contains("\"rule\":\"even\"") || line.contains("\"rule\":\"odd\"");
        alerts.into_iter().filter(is_alert).count() as u64
    });
    let log = lines(falco.stderr.take().unwrap());
    let enough = Arc::new(AtomicBool::new(false));
    let writer = thread::spawn({
        let (enough, path) = (Arc::clone(&enough), at("in.scap"));
        move || feed_at_a_rate(&path, &enough)
    });
    let mut swaps_us = Vec::new();
    let mut memory_kb = Vec::new();
    let started = Instant::now();
    while !log
        .recv_timeout(PATIENCE)
        .unwrap()
        .contains("Replaying events")
    {}
    for number in 1..=reloads {
        let name = if number % 2 == 0 { "even" } else { "odd" };
        fs::write(at("r.yaml"), rules(name)).unwrap();
        hang_up(&falco);
        loop {
            let line = log.recv_timeout(PATIENCE).unwrap();
            if let Some((_, rest)) = line.split_once("Replaced in ") {
                let number = rest.split(' ').next().unwrap();
                swaps_us.push(number.parse::<u64>().unwrap());
                break;
            }
        }
        memory_kb.push(resident_kb(falco.id()));
    }
    let seconds = started.elapsed().as_secs_f64();
    enough.store(true, Ordering::Relaxed);
    let (events, marked) = writer.join().unwrap();
    assert!(falco.wait().unwrap().success());
    let found = counter.join().unwrap();
    swaps_us.sort_unstable();
    let (warm, last) = (memory_kb[reloads / 10], memory_kb[reloads - 1]);
    println!(
        "{reloads} reloads in {seconds:.0} s, {:.0} events/s, {marked} marked and {found} found; swaps: median {} µs, longest {} µs; \
         memory after a tenth {warm} kB, at the end {last} kB",
        events as f64 / seconds,
        swaps_us[reloads / 2],
        swaps_us[reloads - 1],
    );
    assert_eq!(marked, found);
    assert!(swaps_us[reloads - 1] < 5000);
    assert!(last < warm + warm / 10, "memory grew");
}

fn resident_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Writes events at a rate until it is enough; how many, and how many of them are marked.
fn feed_at_a_rate(path: &std::path::Path, enough: &AtomicBool) -> (u64, u64) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let mut recording = Recording::new(file, &[(42, 1)], 999, 1);
    let (mut count, mut marked) = (0_u64, 0);
    let started = Instant::now();
    while !enough.load(Ordering::Relaxed) {
        let due = started.elapsed().as_micros() as u64 * RATE / 1_000_000;
        if count >= due {
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        let path = if count % MARKED == 0 {
            "/marked"
        } else {
            "/plain"
        };
        marked += u64::from(count % MARKED == 0);
        recording.chdir(42, path);
        count += 1;
    }
    recording.finish();
    (count, marked)
}
