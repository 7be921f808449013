//! Starts the built program and reads its alerts; every wait is bounded.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skips"
)]

pub(crate) mod recording;

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use recording::Recording;
use serde_json::Value;

const START: Duration = Duration::from_mins(1);
const ALERT: Duration = Duration::from_secs(10);

/// A running falco.
pub(crate) struct Falco {
    child: Child,
    lines: Receiver<String>,
    errors: Option<thread::JoinHandle<String>>,
    seen: Vec<String>,
}

impl Falco {
    /// Starts it live and returns when it is known to see: when a read of `/etc/shadow` has raised an alert.
    pub(crate) fn start(args: &[&str]) -> Falco {
        Falco::start_by(Command::new(env!("CARGO_BIN_EXE_falco")).args(args))
    }

    /// The same where a tracefs is mounted, as it is on most machines: then falco gives up the capability to mount one.
    pub(crate) fn start_with_tracefs(args: &[&str]) -> Falco {
        let mount = "mount -t tracefs tracefs /sys/kernel/tracing && exec \"$@\"";
        Falco::start_by(
            Command::new("unshare")
                .args(["--mount", "--propagation", "slave", "sh", "-c", mount, "sh"])
                .arg(env!("CARGO_BIN_EXE_falco"))
                .args(args),
        )
    }

    fn start_by(command: &mut Command) -> Falco {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut err = child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut text = String::new();
            let _ = err.read_to_string(&mut text);
            text
        });
        let mut falco = Falco {
            child,
            lines,
            errors: Some(errors),
            seen: Vec::new(),
        };
        let deadline = Instant::now() + START;
        loop {
            Command::new("cat")
                .arg("/etc/shadow")
                .stdout(Stdio::null())
                .status()
                .unwrap();
            let seen = falco.wait_up_to(Duration::from_millis(300), |alert| {
                alert["output_fields"]["proc.cmdline"] == "cat /etc/shadow"
            });
            if seen.is_some() {
                return falco;
            }
            if let Some(status) = falco.child.try_wait().unwrap() {
                panic!(
                    "falco ended with {status}:\n{}",
                    falco
                        .errors
                        .take()
                        .map(|errors| errors.join().unwrap())
                        .unwrap_or_default()
                );
            }
            assert!(
                Instant::now() < deadline,
                "falco saw nothing within {START:?}\n{}",
                falco.seen()
            );
        }
    }

    /// The next alert that fits, within ten seconds.
    pub(crate) fn wait(&mut self, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        self.wait_up_to(ALERT, fits)
    }

    /// The same, within a limit.
    pub(crate) fn wait_up_to(
        &mut self,
        limit: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Option<Value> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).ok()?;
            let alert = serde_json::from_str::<Value>(&line).ok();
            self.seen.push(line);
            if let Some(alert) = alert.filter(|alert| fits(alert)) {
                return Some(alert);
            }
        }
    }

    /// Whether an alert of that rule was among those looked at.
    pub(crate) fn has_seen(&self, rule: &str) -> bool {
        let (alerts, _) = printed(&self.seen);
        alerts.iter().any(|alert| alert["rule"] == rule)
    }

    /// The last lines that it printed.
    pub(crate) fn seen(&self) -> String {
        let mut text = String::new();
        for line in self.seen.iter().rev().take(12) {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// Has it load its rules anew.
    pub(crate) fn hang_up(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    }

    /// Ends it as Ctrl-C does and returns what it printed: the alerts, and all else.
    pub(crate) fn stop(mut self) -> (Vec<Value>, String) {
        Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status()
            .unwrap();
        let deadline = Instant::now() + ALERT;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
            }
            thread::sleep(Duration::from_millis(20));
        };
        self.seen.extend(self.lines.iter());
        assert!(status.success(), "falco ended with {status}");
        let (alerts, mut rest) = printed(&self.seen);
        if let Some(errors) = self.errors.take() {
            rest.push_str(&errors.join().unwrap());
        }
        (alerts, rest)
    }
}

impl Drop for Falco {
    /// A test that fails leaves nothing running.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells the alerts from the other lines.
fn printed(lines: &[String]) -> (Vec<Value>, String) {
    let (mut alerts, mut rest) = (Vec::new(), String::new());
    for line in lines {
        match serde_json::from_str(line) {
            Ok(alert) => alerts.push(alert),
            Err(_) => _ = writeln!(rest, "{line}"),
        }
    }
    (alerts, rest)
}

/// Replays a capture.
pub(crate) fn replay(capture: &Path, args: &[&str]) -> (Vec<Value>, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_falco"))
        .args(["-o", "engine.kind=replay", "-o"])
        .arg(format!("engine.replay.capture_file={}", capture.display()))
        .args(args)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{errors}");
    let lines: Vec<String> = String::from_utf8_lossy(&out.stdout)
        .lines()
        .map(str::to_owned)
        .collect();
    printed(&lines)
}

/// Whether this machine lets us watch it; says what is missing when not.
pub(crate) fn can_watch() -> bool {
    let root = fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        status
            .lines()
            .any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
    });
    let btf = Path::new("/sys/kernel/btf/vmlinux").exists();
    if !root {
        println!("skipped: watching the machine needs root");
    }
    if !btf {
        println!("skipped: this kernel has no BTF (/sys/kernel/btf/vmlinux)");
    }
    root && btf
}

/// Upstream's stable rules, where they lie beside the project; says so when not.
pub(crate) fn upstream_rules() -> Option<String> {
    let rules = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/rules/falco_rules.yaml"
    ));
    if !rules.exists() {
        println!(
            "skipped: upstream's rules are not here ({})",
            rules.display()
        );
        return None;
    }
    Some(rules.display().to_string())
}

/// The program that does what needs C.
pub(crate) fn compile_actions(dir: &Path) -> String {
    compile(dir, "actions", &[])
}

/// A program of `tests/live`.
pub(crate) fn compile(dir: &Path, name: &str, options: &[&str]) -> String {
    let source = format!("{}/tests/live/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let program = dir.join(name).display().to_string();
    assert!(
        Command::new("cc")
            .args(["-O1", "-o", &program, &source])
            .args(options)
            .status()
            .unwrap()
            .success()
    );
    program
}

/// A control group as a runtime makes it, with a process in it; gone with the test.
pub(crate) struct Group(Vec<PathBuf>);

impl Group {
    /// In all hierarchies that there are; `None`, with a word, where groups cannot be made.
    pub(crate) fn new(id: &str) -> Option<Group> {
        let root = Path::new("/sys/fs/cgroup");
        let unified = root.join("cgroup.procs").exists();
        let hierarchies = if unified {
            // The probe tells of controllers: one has to be on.
            let _ = fs::write(root.join("cgroup.subtree_control"), "+memory");
            vec![root.to_owned()]
        } else {
            ["memory", "cpu", "pids"].map(|name| root.join(name)).into()
        };
        let group = Group(hierarchies.iter().map(|at| at.join(id)).collect());
        for path in &group.0 {
            if fs::create_dir_all(path).is_err()
                || (unified && !path.join("memory.current").exists())
            {
                println!("skipped: control groups cannot be made here");
                return None;
            }
        }
        Some(group)
    }

    /// Runs a shell that enters the group and then executes programs.
    pub(crate) fn run(&self, script: &str) {
        let enter: Vec<String> = (self.0.iter())
            .map(|path| format!("echo $$ > {}/cgroup.procs", path.display()))
            .collect();
        let script = format!("{}; {script}", enter.join("; "));
        assert!(
            Command::new("sh")
                .args(["-c", &script])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for path in &self.0 {
            // A group is not empty before its last process is reaped.
            let deadline = Instant::now() + Duration::from_secs(5);
            while path.exists() && fs::remove_dir(path).is_err() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// A capture of so many changes of directory, a nanosecond apart.
pub(crate) fn write_capture(path: &Path, events: u64) {
    let file = fs::File::create(path).unwrap();
    let mut recording = Recording::new(file, &[(42, 1)], 999, 1);
    for _ in 0..events {
        recording.chdir(42, "/");
    }
    recording.finish();
}

/// The most memory that a process had so far; 0 when it is gone.
pub(crate) fn peak_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kilobytes.unwrap_or(0)
}
