//! What stays in the kernel changes no alert: two falcos, one with and one without the filter, watch the same random doings.
//!
//! Needs root and a kernel with BTF; says so and skips where either is missing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

use std::{
    fmt::Write as _,
    fs,
    net::{TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::fs::PermissionsExt as _},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use harness::{Falco, can_watch};
use rustix::fs::{CWD, Mode, OFlags, openat};
use serde_json::Value;

/// One test at a time: a falco without the filter loses events in the flood.
static ALONE: Mutex<()> = Mutex::new(());

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % count
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// A falco that watches this machine and prints what it raises.
const WATCHING: [&str; 6] = [
    "-o",
    "json_output=true",
    "-o",
    "stdout_output.enabled=true",
    "-o",
    "engine.kind=modern_ebpf",
];

/// One that tells what it does about rules, which it reads again when it is told to.
fn talkative(rules: &Path) -> Falco {
    let rules = rules.display().to_string();
    let own = [
        "-r",
        &rules,
        "-v",
        "-o",
        "log_level=debug",
        "-o",
        "watch_config_files=false",
    ];
    Falco::start(&[&WATCHING[..], &own].concat())
}

/// What begins and ends the doings that are compared, by the names of files.
const ENDS: [&str; 2] = ["begins", "ends"];

/// A rule that the harness waits for.
const READY: &str = "- rule: ready\n  desc: d\n  condition: evt.type in (open, openat) and fd.name = /etc/shadow and proc.name = cat\n  \
     output: \"%proc.cmdline\"\n  priority: INFO\n";

/// It, and conditions by chance, about this process alone.
fn rules(dir: &str, seed: u64, about_files: bool) -> String {
    let mut dice = Dice(seed);
    let mut text = READY.to_owned();
    let _ = writeln!(
        text,
        "- rule: end\n  desc: d\n  condition: evt.type = openat and fd.name in ({dir}/{}, {dir}/{})\n  output: \"%fd.name\"\n  priority: INFO",
        ENDS[0], ENDS[1]
    );
    let opens = "evt.type in (open, openat, openat2, creat)";
    for index in 0..24 {
        let path = format!("{dir}/{}", dice.of(&["a", "b", "a/b", "x", "a/.h"]));
        let name = dice.of(&["b", "x", ".h", "c"]);
        let field = dice.of(&["fd.name", "fs.path.name", "evt.arg.name"]);
        let one = match dice.below(7) {
            0 => format!("{field} = {path}"),
            1 => format!("{field} startswith {path}"),
            2 => format!("{field} endswith /{name}"),
            3 => format!("fd.directory in ({path}, {dir})"),
            4 => format!("fd.filename in ({name}, y)"),
            5 => "fd.nameraw contains ../".to_owned(),
            _ => format!("{field} glob */a/*{name}"),
        };
        let other = dice.of(&[
            "evt.is_open_write = true",
            "evt.is_open_read = true",
            "evt.rawres >= 0",
            "evt.failed = true",
            "evt.res = ENOENT",
            "evt.arg.flags contains O_TRUNC",
            "evt.arg.flags contains O_DIRECTORY",
            "fd.num >= 0",
            "fd.num > 12",
            "evt.rawres < 15",
        ]);
        // With one `or` among them every open may match.
        let joins: &[&str] = if about_files {
            &["and", "and not", "or"]
        } else {
            &["and", "and", "and not"]
        };
        let join = dice.of(joins);
        let _ = writeln!(
            text,
            "- rule: open {index}\n  desc: d\n  condition: {opens} and proc.pid = {} and ({one} {join} {other})\n  \
             output: \"%evt.type %evt.rawres %fd.name %fd.nameraw %fd.directory %evt.arg.flags\"\n  priority: INFO",
            std::process::id()
        );
    }
    let mut later = vec![
        "evt.type in (dup, dup2, dup3) and fd.type in (ipv4, ipv6)",
        "evt.type in (dup, dup2, dup3) and fd.type in (pipe, directory)",
        "evt.type = connect and fd.typechar = 4",
        "evt.type = fchdir and fd.type in (directory, pipe, ipv4)",
    ];
    if about_files {
        later.push("evt.type in (dup, fchmod) and fd.name endswith b");
        later.push("evt.type = fchdir");
        later.push(
            "evt.type = close and fd.type in (ipv4, file, directory) and fd.name != /dev/null",
        );
    }
    // What children have from their parents, whichever way their making was told.
    let _ = writeln!(
        text,
        "- rule: children\n  desc: d\n  condition: evt.type in (execve, procexit) and proc.ppid = {pid}\n  \
         output: \"%evt.type %proc.cmdline %proc.pname %proc.aname[2] %proc.cwd %proc.sname %user.uid %proc.tty\"\n  priority: INFO\n\
         - rule: what children have\n  desc: d\n  condition: evt.type = dup2 and fd.type in (ipv4, pipe) and proc.ppid = {pid}\n  \
         output: \"%evt.type %evt.rawres %fd.type %fd.name %proc.name\"\n  priority: INFO",
        pid = std::process::id()
    );
    for (index, condition) in later.iter().enumerate() {
        let _ = writeln!(
            text,
            "- rule: later {index}\n  desc: d\n  condition: {condition} and proc.pid = {}\n  \
             output: \"%evt.type %evt.rawres %fd.type %fd.name %proc.cwd\"\n  priority: INFO",
            std::process::id()
        );
    }
    text
}

/// Opens, copies and closes by chance below a directory, which becomes the working directory.
fn act(dir: &Path, seed: u64) {
    let mut dice = Dice(seed);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut held: Vec<OwnedFd> = Vec::new();
    // More of a path than the kernel remembers.
    let long = format!("{}b", "./".repeat(60));
    for _ in 0..600 {
        let name = dice.of(&[
            "a", "b", "a/b", "a/c", "a/.h", "x", "y", "a/../b", "./x", "a//b", "a/./c", "none/x",
            &long,
        ]);
        let path = match dice.below(3) {
            0 => name.to_owned(),
            1 => format!("{}/{name}", dir.display()),
            _ => format!(
                "{}/../{}/{name}",
                dir.display(),
                dir.file_name().unwrap().display()
            ),
        };
        match dice.below(15) {
            // By a new thread, and by a new process with a descriptor of ours.
            14 => thread::scope(|scope| {
                scope.spawn(|| drop(fs::File::open(&path)));
            }),
            13 if !held.is_empty() => {
                let input = held.swap_remove(dice.below(held.len()));
                let mut child = Command::new("true");
                assert!(child.arg(&path).stdin(input).status().unwrap().success());
            }
            // A file that nobody asks for gets the number of a connection, or of a directory, that was told.
            12 => {
                let before: Option<OwnedFd> = match dice.below(2) {
                    0 => TcpStream::connect(address).ok().map(OwnedFd::from),
                    _ => fs::File::open(dir).ok().map(OwnedFd::from),
                };
                drop(before);
                let unasked = fs::File::open("/dev/null").unwrap();
                let _ = rustix::io::dup(&unasked);
                let _ = rustix::process::fchdir(&unasked);
            }
            0..=5 => {
                let flags = match dice.below(6) {
                    0 | 1 => OFlags::RDONLY,
                    2 => OFlags::WRONLY | OFlags::TRUNC,
                    3 => OFlags::RDWR | OFlags::CREATE,
                    4 => OFlags::RDONLY | OFlags::DIRECTORY,
                    _ => OFlags::PATH,
                };
                let opened = openat(
                    CWD,
                    path.as_str(),
                    flags | OFlags::CLOEXEC,
                    Mode::RUSR | Mode::WUSR,
                );
                held.extend(opened.ok().filter(|_| dice.below(2) == 0));
            }
            6 => {
                held.extend(TcpStream::connect(address).ok().map(OwnedFd::from));
                held.extend(listener.accept().ok().map(|(stream, _)| stream.into()));
            }
            7 => held.extend(std::io::pipe().ok().map(|(read, _)| OwnedFd::from(read))),
            8 | 9 if !held.is_empty() => {
                let from = dice.below(held.len());
                let to = dice.below(held.len());
                if from != to && dice.below(2) == 0 {
                    let mut target = held.swap_remove(to.max(from));
                    let source = &held[to.min(from)];
                    let _ = rustix::io::dup2(source, &mut target);
                    held.push(target);
                } else {
                    held.extend(rustix::io::dup(&held[from]).ok());
                }
            }
            10 if !held.is_empty() => {
                let fd = &held[dice.below(held.len())];
                let _ = rustix::process::fchdir(fd);
                let _ = rustix::fs::fchmod(fd, Mode::RWXU);
                rustix::process::chdir(dir).unwrap();
            }
            _ if !held.is_empty() => drop(held.swap_remove(dice.below(held.len()))),
            _ => {}
        }
        if held.len() > 40 {
            held.clear();
        }
    }
}

/// What the alerts between the ends say, without what differs between two observers.
fn said(alerts: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = alerts.iter().map(|alert| {
        // The output begins with the time.
        let output = text(&alert["output"]);
        let output = output.split_once(' ').map_or("", |(_, rest)| rest);
        format!("{}: {output}", text(&alert["rule"]))
    });
    let [begins, ends] = ENDS;
    let from_begin = lines.skip_while(|line| !line.ends_with(begins));
    from_begin
        .take_while(|line| !line.ends_with(ends))
        .collect()
}

/// `FALCO_TEST_SEEDS` says how many doings are compared; rules of every second ask for files that were opened before.
#[test]
fn the_same_alerts_with_and_without_it() {
    if !can_watch() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let seeds = std::env::var("FALCO_TEST_SEEDS").ok();
    let seeds: u64 = seeds.map_or(1, |count| count.parse().unwrap());
    let before = std::env::current_dir().unwrap();
    for seed in 1..=seeds {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().canonicalize().unwrap();
        fs::create_dir_all(dir.join("a/.h")).unwrap();
        for name in ["b", "a/b", "a/c", "x"] {
            fs::write(dir.join(name), name).unwrap();
            fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o700)).unwrap();
        }
        let file = dir.join("rules.yaml");
        fs::write(
            &file,
            rules(&dir.display().to_string(), seed, seed % 2 == 0),
        )
        .unwrap();
        let rules = file.display().to_string();
        let args = [&WATCHING[..], &["-r", &rules, "-o", "rule_matching=all"]].concat();
        let all = [&args[..], &["-o", "kernel_filter=false"]].concat();
        let args = [&args[..], &["-v", "-o", "log_level=debug"]].concat();
        let (mut with, mut without) = thread::scope(|scope| {
            let with = scope.spawn(|| Falco::start(&args));
            let without = Falco::start(&all);
            (with.join().unwrap(), without)
        });
        rustix::process::chdir(&dir).unwrap();
        let [begins, ends] = ENDS;
        let _ = fs::File::open(dir.join(begins));
        act(&dir, seed);
        let ended = dir.join(ends).display().to_string();
        let _ = fs::File::open(&ended);
        rustix::process::chdir(&before).unwrap();
        for falco in [&mut with, &mut without] {
            let end = |alert: &Value| alert["output_fields"]["fd.name"] == ended.as_str();
            assert!(falco.wait(end).is_some(), "{}", falco.seen());
        }
        let (with, rest) = with.stop();
        let left = rest
            .lines()
            .find_map(|line| line.strip_prefix("Left in the kernel:"));
        let left: u64 = left.unwrap().parse().unwrap();
        assert!(
            seed % 2 == 0 || left > 100,
            "only {left} are left out\n{rest}"
        );
        let (with, without) = (said(&with), said(&without.stop().0));
        assert!(without.len() > 200, "only {} alerts", without.len());
        for rule in ["children: ", "what children have: "] {
            assert!(
                without.iter().any(|alert| alert.starts_with(rule)),
                "{rule}"
            );
        }
        for (index, (with, without)) in with.iter().zip(&without).enumerate() {
            assert_eq!(with, without, "alert {index} of seed {seed}");
        }
        assert_eq!(with.len(), without.len());
    }
}

/// What was decided of a path is not remembered for other rules, nor for other flags.
#[test]
fn what_was_left_out_is_told_when_it_is_asked_for() {
    if !can_watch() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().canonicalize().unwrap();
    let [one, other] = ["one", "other"].map(|name| dir.join(name));
    for file in [&one, &other] {
        fs::write(file, "").unwrap();
    }
    let rules = dir.join("rules.yaml");
    let write_rules = |rule: &str, how: &str, file: &Path| {
        let text = format!(
            "{READY}- rule: {rule}\n  desc: d\n  condition: evt.type = openat and proc.pid = {} and {how} and fd.name = {}\n  \
             output: \"%fd.name\"\n  priority: INFO\n",
            std::process::id(),
            file.display()
        );
        fs::write(&rules, text).unwrap();
    };
    write_rules("one written", "evt.is_open_write = true", &one);
    let mut falco = talkative(&rules);
    let read = |file: &Path| drop(fs::File::open(file).unwrap());
    (0..200).for_each(|_| read(&one));
    drop(fs::OpenOptions::new().write(true).open(&one).unwrap());
    let of = |rule: &'static str| move |alert: &Value| alert["rule"] == rule;
    assert!(falco.wait(of("one written")).is_some(), "{}", falco.seen());
    for (rule, file) in [("one read", &one), ("other read", &other)] {
        write_rules(rule, "evt.is_open_read = true", file);
        falco.hang_up();
        let is_told = (0..100).any(|_| {
            read(&one);
            read(&other);
            let limit = Duration::from_millis(100);
            falco.wait_up_to(limit, of(rule)).is_some()
        });
        assert!(is_told, "{rule}: {}", falco.seen());
    }
    let (_, rest) = falco.stop();
    let mut left = (rest.lines()).filter_map(|line| line.strip_prefix("Left in the kernel:"));
    assert!(
        left.any(|left| left.parse::<u64>().unwrap() >= 200),
        "{rest}"
    );
}

/// Nobody is told of calls that make threads until a rule asks for them: then of both ends.
#[test]
fn calls_that_make_threads_are_told_to_rules_that_ask() {
    if !can_watch() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let temp = tempfile::tempdir().unwrap();
    let rules = temp.path().join("rules.yaml");
    fs::write(&rules, READY).unwrap();
    let mut falco = talkative(&rules);
    let pid = std::process::id();
    let asking = format!(
        "{READY}- rule: made\n  desc: d\n  condition: evt.type in (clone, clone3, fork, vfork) and (proc.pid = {pid} or proc.ppid = {pid})\n  \
         output: \"%evt.rawres %proc.pid\"\n  priority: INFO\n"
    );
    fs::write(&rules, asking).unwrap();
    falco.hang_up();
    let mut of = |who: &str, made: fn(i64) -> bool| {
        let fits = |alert: &Value| {
            let fields = &alert["output_fields"];
            alert["rule"] == "made"
                && (fields["proc.pid"] == pid) == (who == "caller")
                && fields["evt.rawres"].as_i64().is_some_and(made)
        };
        (0..100).any(|_| {
            assert!(Command::new("true").status().unwrap().success());
            let limit = Duration::from_millis(100);
            falco.wait_up_to(limit, fits).is_some()
        })
    };
    let ends = (
        of("caller", |result| result > 0),
        of("child", |result| result == 0),
    );
    assert_eq!(ends, (true, true), "{}", falco.seen());
    let (_, rest) = falco.stop();
    let once = "New threads are told once";
    assert_eq!(rest.matches(once).count(), 1, "{rest}");
}

/// Two processes on two processors open and close without end, and nothing is lost of what matters. `FALCO_TEST_PLANTED` says how often
/// something does.
#[test]
fn a_flood_of_opens_hides_nothing() {
    if !can_watch() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let planted = std::env::var("FALCO_TEST_PLANTED").ok();
    let planted: usize = planted.map_or(50, |count| count.parse().unwrap());
    let temp = tempfile::tempdir().unwrap();
    let rules = temp.path().join("rules.yaml");
    fs::write(&rules, READY).unwrap();
    let path = rules.display().to_string();
    let (act, threshold) = (
        "syscall_event_drops.actions[]=alert",
        "syscall_event_drops.threshold=0",
    );
    let own = ["-r", &path, "-o", act, "-o", threshold];
    let mut falco = Falco::start(&[&WATCHING[..], &own].concat());
    let cat = |args: &[&str]| {
        let mut cat = Command::new("cat");
        let status = cat.args(args).stdout(Stdio::null()).status();
        assert!(status.unwrap().success());
    };
    let file = std::env::current_exe().unwrap();
    let ending = AtomicBool::new(false);
    let pairs: usize = thread::scope(|scope| {
        let flood = || {
            let mut pairs = 0;
            while !ending.load(Ordering::Relaxed) {
                fs::File::open(&file).unwrap();
                pairs += 1;
            }
            pairs
        };
        let floods = [scope.spawn(flood), scope.spawn(flood)];
        for _ in 0..planted {
            cat(&["/etc/shadow"]);
        }
        ending.store(true, Ordering::Relaxed);
        floods.into_iter().map(|flood| flood.join().unwrap()).sum()
    });
    cat(&["-u", "/etc/shadow"]);
    let last = |alert: &Value| alert["output_fields"]["proc.cmdline"] == "cat -u /etc/shadow";
    assert!(falco.wait(last).is_some(), "{}", falco.seen());
    let (alerts, rest) = falco.stop();
    let seen = alerts
        .iter()
        .filter(|alert| alert["output_fields"]["proc.cmdline"] == "cat /etc/shadow");
    // The harness reads it, too, until falco is known to see.
    let seen = seen.count();
    assert!(
        seen > planted,
        "{seen} of {planted} under {pairs} opens\n{rest}"
    );
    let dropped = alerts
        .iter()
        .find(|alert| alert["rule"] == "Falco internal: syscall event drop");
    assert!(dropped.is_none(), "{dropped:?}");
}
