//! What replaying costs: user CPU as multiples of unpacking the same capture with zcat, in the same run, and the most memory taken.
//!
//! Upstream 0.44 of the same capture: 1.2 (packed) and 0.71 (inflated) with a rule that matches nothing, 1.18 (inflated) with its stable
//! rules, 22 MB. Skipped where the capture is not at hand.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
const NOTHING: &str = "
- rule: nothing
  desc: matches no event
  condition: evt.type = open and fd.name = /nowhere/at/all
  output: never
  priority: DEBUG
";
const RUNS: usize = 5;

fn main() {
    let busy = format!("{SHARED}/captures/busy.scap");
    let stable = format!("{SHARED}/rules/falco_rules.yaml");
    if !Path::new(&busy).exists() {
        println!("skipped: {busy} is not here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (inflated, nothing) = (at("busy.scap"), at("nothing.yaml"));
    fs::write(&nothing, NOTHING).unwrap();
    let out = fs::File::create(&inflated).unwrap();
    let status = Command::new("zcat").arg(&busy).stdout(out).status();
    assert!(status.unwrap().success());

    let zcat = cost(|| {
        let mut zcat = Command::new("zcat");
        zcat.arg(&busy);
        zcat
    });
    println!("zcat: {:.2} s of user CPU", zcat.seconds);
    for (what, capture, rules) in [
        ("packed, a rule that matches nothing", &busy, &nothing),
        ("inflated, a rule that matches nothing", &inflated, &nothing),
        ("inflated, upstream's stable rules", &inflated, &stable),
    ] {
        let falco = cost(|| {
            let mut falco = Command::new(env!("CARGO_BIN_EXE_falco"));
            let file = format!("engine.replay.capture_file={capture}");
            falco.args(["-o", "engine.kind=replay", "-o", &file, "-r", rules]);
            falco
        });
        println!(
            "{what}: {:.2} s, {:.2} x zcat, at most {:.0} MB",
            falco.seconds,
            falco.seconds / zcat.seconds,
            falco.peak_mb
        );
    }
}

struct Cost {
    seconds: f64,
    peak_mb: f64,
}

/// The cheapest of some runs.
fn cost(command: impl Fn() -> Command) -> Cost {
    (0..RUNS)
        .map(|_| run(&mut command()))
        .min_by(|a, b| a.seconds.total_cmp(&b.seconds))
        .unwrap()
}

fn run(command: &mut Command) -> Cost {
    let before = children_seconds();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak_mb = 0.0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        peak_mb = peak(child.id()).unwrap_or(peak_mb);
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success());
    Cost {
        seconds: children_seconds() - before,
        peak_mb,
    }
}

/// The user CPU of the children that have ended, from `/proc/self/stat`: in hundredths of a second.
fn children_seconds() -> f64 {
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks: f64 = after_name
        .split_whitespace()
        .nth(13)
        .unwrap()
        .parse()
        .unwrap();
    ticks / TICKS
}

fn peak(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kb: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kb / 1024.0)
}
