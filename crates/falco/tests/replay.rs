//! A recorded capture raises the alerts that upstream raised.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skips"
)]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use falco_capture::{Machine, Next, Reader, Writer};
use falco_event::{Builder, Event, codes};
use falco_state::{State, Thread};
use serde_json::Value;

#[test]
fn alerts_are_upstreams() {
    let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    if !shared.exists() {
        println!(
            "skipped: the recorded captures are not here ({})",
            shared.display()
        );
        return;
    }
    let at = |name: &str| shared.join(name).display().to_string();
    let out = Command::new(env!("CARGO_BIN_EXE_falco"))
        .args([
            "-c",
            &at("captures/replay.yaml"),
            "-r",
            &at("rules/falco_rules.yaml"),
        ])
        .args(["-o", "engine.kind=replay", "-o"])
        .arg(format!(
            "engine.replay.capture_file={}",
            at("captures/everyday.scap")
        ))
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let alerts = |text: &str| -> Vec<Value> {
        let lines = text.lines().filter(|line| line.starts_with('{'));
        let mut alerts: Vec<Value> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for alert in &mut alerts {
            alert.as_object_mut().unwrap().remove("hostname");
        }
        alerts
    };
    let want = fs::read_to_string(at("captures/everyday.alerts.jsonl")).unwrap();
    assert_eq!(alerts(&String::from_utf8_lossy(&out.stdout)), alerts(&want));
    assert!(String::from_utf8_lossy(&out.stdout).contains("\nEvents detected: 4\n"));
}

/// A rule that finds what is done in the recorded capture of the project: `n` chdirs of one process.
const RULE: &str = "
- rule: seen
  desc: d
  condition: evt.type = chdir
  output: seen %evt.arg.path
  priority: INFO
";
const CONFIG: &str = "
engine: {kind: replay}
stdout_output: {enabled: true}
json_output: true
log_stderr: true
log_syslog: false
capture: {enabled: true, mode: all_rules, default_duration: 600000}
";

struct Replay {
    alerts: Vec<Value>,
    errors: String,
    /// The recordings, by name.
    files: Vec<PathBuf>,
    _dir: tempfile::TempDir,
}

/// Replays a capture of so many chdirs, records, and tells what came of it.
fn record(count: u64, rules: &str, more: &[&str]) -> Replay {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mut state = State::default();
    state.add_thread(Thread {
        tid: 42,
        pid: 42,
        ptid: 1,
        ..Thread::default()
    });
    state.settle();
    let file = fs::File::create(at("in.scap")).unwrap();
    let mut writer = Writer::new(file, &Machine::default(), &state, 1).unwrap();
    for number in 0..count {
        // What does not compress makes files grow.
        let mut noise = String::new();
        for part in number * 4..number * 4 + 4 {
            let mixed = part.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let _ = write!(noise, "{:016x}", mixed ^ (mixed >> 29));
        }
        let event = Builder::new(codes::SYSCALL_CHDIR_X, 1_000 + number, 42)
            .i64(0)
            .str(format!("/{noise}").as_bytes())
            .finish();
        writer.event(&Event::parse(&event).unwrap(), 0).unwrap();
    }
    writer.finish().unwrap();
    fs::write(at("c.yaml"), CONFIG).unwrap();
    fs::write(at("r.yaml"), rules).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_falco"))
        .current_dir(dir.path())
        .args([
            "-c",
            "c.yaml",
            "-r",
            "r.yaml",
            "-o",
            "engine={kind: replay, replay: {capture_file: in.scap}}",
        ])
        .args(["-o", "capture.path_prefix=out"])
        .args(more)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{errors}");
    let lines = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut files: Vec<PathBuf> = (fs::read_dir(dir.path()).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("out_")
        })
        .collect();
    files.sort();
    Replay {
        alerts: (lines.lines())
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect(),
        errors,
        files,
        _dir: dir,
    }
}

/// How many events a recording holds.
fn events(path: &Path) -> usize {
    let (mut reader, _) = Reader::open(path).unwrap();
    let mut count = 0;
    while let Next::Event(_) = reader.next_event().unwrap() {
        count += 1;
    }
    count
}

#[test]
fn a_recording_ends_at_the_configured_size() {
    let replay = record(20_000, RULE, &["-o", "capture.max_file_size_mb=1"]);
    let full: Vec<&Value> = (replay.alerts.iter())
        .filter(|alert| alert["rule"] == "Falco internal: capture size limit reached")
        .collect();
    assert_eq!(full.len(), replay.files.len() - 1, "{}", replay.errors);
    assert_eq!(full[0]["output_fields"]["max_file_size_mb"], 1);
    let size = fs::metadata(&replay.files[0]).unwrap().len();
    assert_eq!(full[0]["output_fields"]["written_bytes"], size);
    assert!((1 << 20..(1 << 20) + (1 << 17)).contains(&size), "{size}");
    // The event after the last of one file is the first of the next: nothing is lost between them.
    let recorded: usize = replay.files.iter().map(|path| events(path)).sum();
    assert_eq!(recorded, 20_000);
    assert_eq!(replay.alerts.len(), 20_000 + full.len());
}

#[test]
fn rules_say_how_much_is_enough() {
    let first = RULE.replace("= chdir", "= chdir and evt.num = 3");
    let limited = format!("{first}  capture: true\n  capture_events: 5\n");
    let replay = record(100, &limited, &["-o", "capture.mode=rules"]);
    assert_eq!(replay.files.len(), 1);
    assert_eq!(events(&replay.files[0]), 5);
    // Each match asks for so many from then on.
    let again = limited.replace("evt.num = 3", "evt.num in (3, 6)");
    let replay = record(100, &again, &["-o", "capture.mode=rules"]);
    assert_eq!(replay.files.len(), 1);
    assert_eq!(events(&replay.files[0]), 8);
    let small = format!("{first}  capture: true\n  capture_filesize: 200\n");
    let replay = record(20_000, &small, &["-o", "capture.mode=rules"]);
    let size = fs::metadata(&replay.files[0]).unwrap().len();
    assert!((200_000..400_000).contains(&size), "{size}");
}

#[test]
fn what_cannot_be_written_is_said_once_and_alerts_go_on() {
    let replay = record(
        500,
        RULE,
        &["-o", "capture.path_prefix=/nowhere/at/all/out"],
    );
    assert_eq!(replay.alerts.len(), 500);
    let said = replay
        .errors
        .matches("Recording to /nowhere/at/all/out")
        .count();
    assert_eq!(said, 1, "{}", replay.errors);
}
