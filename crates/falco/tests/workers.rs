//! However many workers judge: the same alerts, in the same order.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skips"
)]

mod harness;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use falco_event::{Builder, codes};
use harness::{Falco, can_watch, recording::Recording};

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
const CONFIG: &str = "
engine: {kind: replay}
stdout_output: {enabled: true}
json_output: true
log_stderr: true
log_syslog: false
log_level: debug
";

/// Replays with so many workers.
fn replay(dir: &Path, capture: &str, rules: &str, workers: usize, more: &[&str]) -> Output {
    let config = dir.join("falco.yaml").display().to_string();
    fs::write(&config, CONFIG).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_falco"))
        .args(["-c", &config, "-r", rules, "-o"])
        .arg(format!("engine.replay.capture_file={capture}"))
        .args(["-o", &format!("workers={workers}")])
        .args(more)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{errors}");
    out
}

/// How many batches other workers judged, by the log: each crew tells when it ends.
fn handed_over(log: &str) -> u64 {
    let told = log.lines().filter_map(|line| {
        let (_, rest) = line.split_once("batches of events ")?;
        rest.split(' ').next()?.parse::<u64>().ok()
    });
    told.sum()
}

/// Replays with one worker and with several, compares what is printed, and gives it.
fn compare(dir: &Path, capture: &str, rules: &str, more: &[&str]) -> String {
    let one = replay(dir, capture, rules, 1, more).stdout;
    for workers in [2, 3, 7] {
        let out = replay(dir, capture, rules, workers, more);
        assert!(out.stdout == one, "other alerts with {workers} workers");
        let log = String::from_utf8_lossy(&out.stderr);
        assert!(handed_over(&log) > 0, "nobody else judged: {log}");
    }
    String::from_utf8(one).unwrap()
}

const PROCESSES: i64 = 40;
const ROUNDS: i64 = 60;
const MILLISECOND_NS: u64 = 1_000_000;

/// A capture of processes, each the child of the one before. What a child's events show (the name behind a descriptor, the working
/// directory, the ancestors) was done by its parents; and it changes all the time.
fn family(path: &Path) {
    let first = 100;
    let file = fs::File::create(path).unwrap();
    let mut recording = Recording::new(file, &[(first, 1)], 1_000_000_000, MILLISECOND_NS);
    for round in 0..ROUNDS {
        for process in 0..PROCESSES {
            let tid = first + process;
            let name = format!("/file/{round}/{process}");
            recording.add(|time| {
                Builder::new(codes::SYSCALL_OPEN_X, time, tid)
                    .i64(3)
                    .str(name.as_bytes())
                    .u32(1)
                    .u32(0)
                    .u32(5)
                    .u64(77)
            });
            recording.chdir(tid, &format!("/dir/{round}/{process}"));
            // The child has what its parent has opened.
            let comm = format!("p{round}.{}", process + 1);
            recording.child(tid + 1, tid, "/bin/program", b"argument\0", &comm);
            recording.add(|time| {
                Builder::new(codes::SYSCALL_FCHMOD_X, time, tid + 1)
                    .i64(0)
                    .i64(3)
                    .u32(0o777)
            });
            recording.close(tid + 1);
        }
        for process in 1..=PROCESSES {
            recording.exit(first + process);
        }
    }
    recording.finish();
}

const FAMILY_RULES: &str = "
- rule: changed by a child
  desc: d
  condition: evt.type = fchmod and fd.name startswith /file
  output: \"%evt.num %evt.reltime %proc.name %proc.aname[1] %proc.aname[3] %proc.ppid %fd.name %proc.cwd\"
  priority: INFO
- rule: moved
  desc: d
  condition: evt.type = chdir and proc.pname startswith p
  output: \"%evt.num %evt.arg.path %proc.aname[2] %proc.cwd\"
  priority: NOTICE
- rule: any
  desc: d
  condition: evt.type in (open, close, clone, fchmod) and evt.num > 0
  output: \"%evt.num %evt.type %proc.pid %proc.pname %fd.num %fd.name\"
  priority: DEBUG
";

#[test]
fn alerts_are_the_same_for_any_number() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    family(Path::new(&at("in.scap")));
    fs::write(at("r.yaml"), FAMILY_RULES).unwrap();
    // What the program tells of itself, by the time of events, comes in its place among the alerts.
    let drops =
        "syscall_event_drops={simulate_drops: true, actions: [alert], rate: 1, max_burst: 1000}";
    let more = ["-o", "rule_matching=all", "-o", drops];
    let out = compare(dir.path(), &at("in.scap"), &at("r.yaml"), &more);
    let alerts = (ROUNDS * PROCESSES) as usize;
    let count = |text: &str| out.matches(text).count();
    assert_eq!(count("\"rule\":\"changed by a child\""), alerts);
    assert_eq!(count("\"rule\":\"any\""), 4 * alerts);
    assert!(count("\"rule\":\"Falco internal: syscall event drop\"") > 5);
    // A child's descriptor and directory are its parent's.
    assert!(out.contains(" p7.5 p7.4 p7.2 104 /file/7/4 /dir/7/4/\""));
    let first = ["-o", "rule_matching=first"];
    let out = compare(dir.path(), &at("in.scap"), &at("r.yaml"), &first);
    assert!(out.matches("\"rule\":\"any\"").count() < 4 * alerts);
}

#[test]
fn recorded_captures_raise_the_same_alerts() {
    let capture = format!("{SHARED}/captures/everyday.scap");
    if !Path::new(&capture).exists() {
        println!("skipped: {capture} is not here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let rules = format!("{SHARED}/rules/falco_rules.yaml");
    let out = compare(dir.path(), &capture, &rules, &[]);
    assert!(out.contains("\nEvents detected: 4\n"));
    // Five hundred rules of all kinds: nearly every event matches one.
    let rules = format!("{SHARED}/captures/everyday.rules.yaml");
    let out = compare(dir.path(), &capture, &rules, &[]);
    assert!(out.lines().filter(|line| line.starts_with('{')).count() > 20_000);
}

#[test]
fn where_only_one_can_do_it_one_does() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    harness::write_capture(Path::new(&at("in.scap")), 300);
    let rule = "- {rule: seen, desc: d, condition: evt.type = chdir, output: \"%evt.deltatime\", priority: INFO}\n";
    fs::write(at("delta.yaml"), rule).unwrap();
    fs::write(at("r.yaml"), rule.replace("%evt.deltatime", "%evt.num")).unwrap();
    let prefix = format!(
        "capture={{enabled: true, mode: all_rules, path_prefix: {}}}",
        at("out")
    );
    for (rules, more, why) in [
        ("delta.yaml", &[][..], "evt.deltatime is asked for"),
        (
            "r.yaml",
            &["-o", &prefix][..],
            "recordings (capture.enabled)",
        ),
    ] {
        let out = replay(dir.path(), &at("in.scap"), &at(rules), 3, more);
        let log = String::from_utf8_lossy(&out.stderr);
        let warned = format!("workers: 3: one will do all the work, for {why}");
        assert!(log.contains(&warned), "{log}");
        assert!(!log.contains("batches of events"), "{log}");
        let alerts = String::from_utf8_lossy(&out.stdout);
        assert_eq!(alerts.matches("\"rule\":\"seen\"").count(), 300);
    }
    for wrong in ["0", "65"] {
        let out = Command::new(env!("CARGO_BIN_EXE_falco"))
            .args(["-c", &at("falco.yaml"), "-r", &at("r.yaml"), "--dry-run"])
            .args([
                "-o",
                &format!("engine.replay.capture_file={}", at("in.scap")),
            ])
            .args(["-o", &format!("workers={wrong}")])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(!out.status.success(), "{wrong}");
        assert!(said.contains("must be between 1 and 64"), "{said}");
    }
}

/// A process that is ended with the test.
struct Load(Child);

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const PLANTED: usize = 100;
/// How many opens in a row, a hundred times a second: what a build without optimisation can take.
const LOAD: usize = 50;

/// Rules that have to look at every open of the load, and at what is planted; what others open meanwhile stays in the kernel.
fn live_rules(dir: &str, version: usize) -> String {
    format!(
        "
- rule: known to see
  desc: d
  condition: evt.type in (open, openat, openat2) and fd.name = /etc/shadow
  output: \"%proc.cmdline\"
  priority: INFO
- rule: planted v{version}
  desc: d
  condition: evt.type in (open, openat, openat2) and fd.name startswith {dir}/planted
  output: \"%fd.name %proc.pname %proc.aname[2] %proc.cwd\"
  priority: INFO
- rule: never
  desc: d
  condition: evt.type in (open, openat, openat2) and fd.name startswith {dir}/load and fd.name regex '.*(a|b)+c?d[0-9]{{7}}'
  output: never
  priority: INFO
"
    )
}

#[test]
fn planted_attacks_are_found_under_load() {
    if !can_watch() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let dir_name = dir.path().display().to_string();
    let config = CONFIG.replace("kind: replay", "kind: modern_ebpf");
    fs::write(
        at("falco.yaml"),
        format!("{config}watch_config_files: false\n"),
    )
    .unwrap();
    fs::write(at("r.yaml"), live_rules(&dir_name, 1)).unwrap();
    let mut falco = Falco::start(&[
        "-U",
        "-c",
        &at("falco.yaml"),
        "-r",
        &at("r.yaml"),
        "-o",
        "workers=2",
    ]);
    // Opens without end, by two processes.
    let _load: Vec<Load> = (0..2)
        .map(|number| {
            let file = at(&format!("load{number}"));
            fs::write(&file, "").unwrap();
            let burst = format!(": < {file}; ").repeat(LOAD);
            let script = format!("while :; do {burst}sleep 0.01; done");
            let mut sh = Command::new("sh");
            sh.args(["-c", &script]).current_dir(dir.path());
            Load(sh.spawn().unwrap())
        })
        .collect();
    let plant = |from: usize, to: usize| {
        for number in from..to {
            let file = at(&format!("planted{number}"));
            fs::write(&file, "").unwrap();
            let script = format!("cat {file}; true");
            let done = Command::new("sh")
                .args(["-c", &script])
                .current_dir(dir.path())
                .stdout(Stdio::null())
                .status();
            assert!(done.unwrap().success());
        }
    };
    plant(0, PLANTED / 2);
    // Rules are replaced, with those who judge by them.
    fs::write(at("r.yaml"), live_rules(&dir_name, 2)).unwrap();
    falco.hang_up();
    plant(PLANTED / 2, PLANTED);
    let last = format!("{dir_name}/planted{}", PLANTED - 1);
    let seen = falco.wait_up_to(Duration::from_mins(1), |alert| {
        alert["output_fields"]["fd.name"] == *last && alert["output_fields"]["proc.pname"] == "sh"
    });
    let (alerts, log) = falco.stop();
    if let Some(lost) = log.lines().find(|line| line.contains("- lost:")) {
        println!("undecided: this machine has too much to do: {lost}");
        return;
    }
    assert!(seen.is_some(), "the last one is missing: {log}");
    assert!(handed_over(&log) > 0, "nobody else judged: {log}");
    for number in 0..PLANTED {
        let name = format!("{dir_name}/planted{number}");
        let of_cat: Vec<_> = alerts
            .iter()
            .filter(|alert| {
                let fields = &alert["output_fields"];
                fields["fd.name"] == *name && fields["proc.pname"] == "sh"
            })
            .collect();
        assert_eq!(of_cat.len(), 1, "{name}");
        let cwd = &of_cat[0]["output_fields"]["proc.cwd"];
        assert_eq!(*cwd, format!("{dir_name}/"));
    }
}
