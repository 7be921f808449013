//! Configuration and rules are replaced while events flow, and none of them is missed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

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

use falco_capture::{Machine, Writer};
use falco_event::{Builder, Event, codes};
use falco_state::{State, Thread};

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
    let mut state = State::default();
    state.add_thread(Thread {
        tid: 42,
        pid: 42,
        ptid: 1,
        ..Thread::default()
    });
    state.settle();
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let mut writer = Writer::new(file, &Machine::default(), &state, 1).unwrap();
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
            let event = Builder::new(codes::SYSCALL_CHDIR_X, 1_000 + count as u64, 42)
                .i64(0)
                .str(path.as_bytes())
                .finish();
            writer.event(&Event::parse(&event).unwrap(), 0).unwrap();
            count += 1;
        }
        thread::sleep(Duration::from_millis(5));
    }
    writer.finish().unwrap();
    count
}
