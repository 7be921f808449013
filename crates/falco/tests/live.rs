//! Real system calls, read back as alerts of the built program.
//!
//! Needs root and a kernel with BTF; says so and skips where either is missing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use harness::{Falco, can_watch, upstream_rules};
use serde_json::Value;

/// A thing that is done, the rules that must find it, and what the alert must say.
struct Case {
    what: &'static str,
    command: Vec<String>,
    upstream: &'static str,
    own: &'static str,
    /// Fields of the upstream rule's alert.
    fields: Vec<(&'static str, String)>,
}

fn case(what: &'static str, command: &[&str], upstream: &'static str, own: &'static str) -> Case {
    let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
    Case {
        what,
        command,
        upstream,
        own,
        fields: Vec::new(),
    }
}

impl Case {
    fn field(mut self, name: &'static str, value: &str) -> Case {
        self.fields.push((name, value.to_owned()));
        self
    }
}

/// The suspicious things, done in `dir`, which only this run uses.
fn cases(dir: &Path, actions: &str) -> Vec<Case> {
    let at = |name: &str| dir.join(name).display().to_string();
    let (soft, hard, junk) = (at("x"), at("y"), at("junk"));
    fs::write(&junk, "junk").unwrap();
    let script = format!("/dev/shm/falco-live-{}.sh", std::process::id());
    fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let grep = format!("grep -r aws_secret_access_key {}", dir.display());
    vec![
        case(
            "cat",
            &["cat", "/etc/shadow"],
            "Read sensitive file untrusted",
            "Secret file read",
        )
        .field("proc.name", "cat")
        .field("proc.cmdline", "cat /etc/shadow")
        .field("fd.name", "/etc/shadow"),
        case(
            "dot-dot",
            &[actions, "open", "/etc/../etc/shadow"],
            "Read sensitive file untrusted",
            "Secret file read",
        )
        .field("proc.name", "actions")
        .field("fd.name", "/etc/shadow"),
        case(
            "symlink",
            &["ln", "-s", "/etc/shadow", &soft],
            "Create Symlink Over Sensitive Files",
            "Link over a secret file",
        )
        .field("proc.name", "ln")
        .field("evt.arg.target", "/etc/shadow")
        .field("evt.arg.linkpath", &soft),
        case(
            "hard link",
            &["ln", "/etc/shadow", &hard],
            "Create Hardlink Over Sensitive Files",
            "Link over a secret file",
        )
        .field("evt.arg.oldpath", "/etc/shadow")
        .field("evt.arg.newpath", &hard),
        case(
            "memfd",
            &[actions, "memfd", "/bin/true"],
            "Fileless execution via memfd_create",
            "Program run from memory",
        )
        .field("proc.exepath", "memfd:hidden")
        .field("evt.res", "SUCCESS"),
        case(
            "traceme",
            &[actions, "traceme"],
            "PTRACE anti-debug attempt",
            "Process asks to be traced",
        )
        .field("proc.cmdline", "actions traceme"),
        case(
            "dev-shm",
            &["sh", &script],
            "Execution from /dev/shm",
            "Program run from shared memory",
        ),
        case(
            "find",
            &["find", "/", "-maxdepth", "1", "-name", "id_rsa"],
            "Search Private Keys or Passwords",
            "Search for credentials",
        )
        .field("proc.cmdline", "find / -maxdepth 1 -name id_rsa"),
        case(
            "grep",
            &[
                "grep",
                "-r",
                "aws_secret_access_key",
                &dir.display().to_string(),
            ],
            "Find AWS Credentials",
            "Search for credentials",
        )
        .field("proc.cmdline", &grep),
        case(
            "shred",
            &["shred", &junk],
            "Remove Bulk Data from Disk",
            "Data wiped",
        )
        .field("proc.name", "shred"),
    ]
}

#[test]
fn upstream_rules_find_what_is_done() {
    let Some(rules) = upstream_rules() else {
        return;
    };
    check(
        Falco::start,
        &["-r", &rules, "-o", "json_output=true"],
        |case| case.upstream,
        true,
    );
}

#[test]
fn own_rules_find_what_is_done() {
    check(
        Falco::start_with_tracefs,
        &["-o", "json_output=true"],
        |case| case.own,
        false,
    );
}

/// One at a time: each would see what the other does.
static ALONE: Mutex<()> = Mutex::new(());

fn check(
    start: impl Fn(&[&str]) -> Falco,
    args: &[&str],
    rule: impl Fn(&Case) -> &'static str,
    with_fields: bool,
) {
    if !can_watch() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let actions = harness::compile_actions(dir.path());
    let me = fs::read_to_string("/proc/self/comm").unwrap();
    let prefix = format!("capture.path_prefix={}/recorded", dir.path().display());
    let recording = ["-o", "capture.enabled=true", "-o", "capture.mode=all_rules"];
    let length = ["-o", "capture.default_duration=600000", "-o", &prefix];
    let mut falco = start(&[args, &recording, &length].concat());
    for case in cases(dir.path(), &actions) {
        // A sign of its own in the environment would not be seen; the process id is.
        let mut child = Command::new(&case.command[0])
            .stdout(Stdio::null())
            .args(&case.command[1..])
            .spawn()
            .unwrap();
        let pid = child.id();
        child.wait().unwrap();
        let found = falco.wait(|alert| {
            alert["rule"] == rule(&case) && (!with_fields || shows(alert, &case, me.trim_end()))
        });
        assert!(
            found.is_some(),
            "{} (process {pid}): no alert of {:?} in\n{}",
            case.what,
            rule(&case),
            falco.seen()
        );
        if case.what == "dev-shm" {
            fs::remove_file(&case.command[1]).unwrap();
        }
    }
    let (alerts, summary) = falco.stop();
    assert!(summary.contains("Events detected: "), "{summary}");
    assert!(
        summary.contains("Triggered rules by rule name:"),
        "{summary}"
    );
    replays(&dir.path().join("recorded"), args, &alerts);
}

/// What was recorded raises the same alerts again, with the same fields.
fn replays(prefix: &Path, args: &[&str], live: &[Value]) {
    let start = prefix.file_name().unwrap().to_str().unwrap();
    let files: Vec<_> = fs::read_dir(prefix.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_str().unwrap().starts_with(start))
        .collect();
    assert_eq!(files.len(), 1, "one recording from the first alert on");
    let mode = files[0].metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else may read it");
    let (again, _) = harness::replay(&files[0].path(), args);
    for (again, live) in again.iter().zip(live) {
        assert_eq!(again, live);
    }
    assert_eq!(again.get(live.len()..), live.get(again.len()..));
}

/// Whether the alert has the case's fields, our name as the parent's, and root as the user.
fn shows(alert: &Value, case: &Case, me: &str) -> bool {
    let fields = &alert["output_fields"];
    case.fields
        .iter()
        .all(|(name, value)| fields[*name] == **value)
        && fields["proc.pname"] == me
        && fields["user.name"] == "root"
        && fields["user.uid"] == 0
}
