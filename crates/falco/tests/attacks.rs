//! Ways to do something that is not meant to be seen as what it is: other paths to a file, names that change, `io_uring`, the kernel's other
//! interfaces, other names for who did it. Each raises an alert that shows the file or the program as the kernel knows it.
//!
//! What is done is in `live/attacks.c`. docs/security.md has a table of it. Names that change in every call on paths:
//! `crates/probe/tests/live_names.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skips"
)]

mod harness;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Stdio},
};

use harness::{Falco, can_watch};
use serde_json::Value;

/// What is done, the rule that finds it, and what the alert shows: fields with their values, `DIR` for the attack's directory.
type Attack = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const OPENED: &[(&str, &str)] = &[("fd.realpath", "DIR/protected/secret")];
const BY_RING: &[(&str, &str)] = &[
    ("fd.realpath", "DIR/protected/secret"),
    ("evt.is_io_uring", "true"),
];

const ATTACKS: &[Attack] = &[
    ("link", "Opened", OPENED),
    ("linked directory", "Opened", OPENED),
    ("chain of links", "Opened", OPENED),
    ("dots after a link", "Opened", OPENED),
    ("slashes", "Opened", OPENED),
    ("newline", "Opened", OPENED),
    ("root in /proc", "Opened", OPENED),
    ("cwd in /proc", "Opened", OPENED),
    ("descriptor of a directory", "Opened", OPENED),
    ("dirfd", "Opened", OPENED),
    ("handle of a place", "Opened", OPENED),
    ("chroot", "Opened", OPENED),
    ("resolved in a root", "Opened", OPENED),
    ("file handle", "Opened", OPENED),
    // Other places of the same file: the inode tells.
    (
        "bind mount",
        "Opened elsewhere",
        &[("fd.realpath", "DIR/innocent")],
    ),
    (
        "hard link",
        "Opened elsewhere",
        &[("fd.realpath", "DIR/hard")],
    ),
    (
        "detached mount",
        "Opened elsewhere",
        &[("fd.realpath", "/secret")],
    ),
    (
        "pivot_root",
        "Opened elsewhere",
        &[("fd.realpath", "/secret")],
    ),
    (
        "overlay",
        "Opened elsewhere",
        &[
            ("fd.realpath", "DIR/merged/secret"),
            ("fd.is_lower_layer", "true"),
        ],
    ),
    (
        "changing name",
        "Opened",
        &[
            ("fd.realpath", "DIR/protected/pipe"),
            ("fd.nameraw", "harmless"),
            ("evt.is_tampered", "true"),
        ],
    ),
    ("ring", "Opened", BY_RING),
    ("polled ring", "Opened", BY_RING),
    ("inherited ring", "Opened", BY_RING),
    (
        "removed by a ring",
        "Removed",
        &[
            ("evt.arg.name", "DIR/protected/removed"),
            ("evt.is_io_uring", "true"),
        ],
    ),
    (
        "renamed by a ring",
        "Removed",
        &[
            ("evt.arg.oldpath", "DIR/protected/renamed"),
            ("evt.is_io_uring", "true"),
        ],
    ),
    ("int 0x80", "Opened", OPENED),
    ("x32", "Opened", OPENED),
    ("tracer", "Opened", OPENED),
    ("tracer of arguments", "Opened", OPENED),
    // A tracepoint sees the call of the supervised, the exit of the kernel's function does not: the supervisor's is seen in any case.
    ("supervisor", "Opened", OPENED),
    (
        "runs a descriptor",
        "Ran",
        &[("proc.exepath", "TRUE"), ("proc.exe", "innocent")],
    ),
    (
        "runs a link",
        "Ran",
        &[("proc.exepath", "TRUE"), ("proc.name", "sshd")],
    ),
    (
        "runs a copy",
        "Ran",
        &[("proc.exepath", "DIR/sshd"), ("proc.name", "sshd")],
    ),
    ("runs what is gone", "Ran", &[("proc.exepath", "DIR/gone")]),
    (
        "runs from memory",
        "Ran",
        &[
            ("proc.exepath", "memfd:hidden"),
            ("proc.is_exe_from_memfd", "true"),
        ],
    ),
    (
        "runs by the loader",
        "Ran",
        &[("proc.exepath", "LOADER"), ("proc.args", "/bin/true")],
    ),
    (
        "runs a script",
        "Ran",
        &[
            ("proc.exepath", "TRUE"),
            ("proc.cmdline", "script x ./script argument"),
        ],
    ),
    (
        "runs in a thread",
        "Ran",
        &[("proc.exepath", "TRUE"), ("proc.args", "argument")],
    ),
    (
        "names itself",
        "Opened",
        &[
            ("fd.realpath", "DIR/protected/secret"),
            ("proc.exepath", "ATTACKS"),
        ],
    ),
    (
        "names itself in /proc",
        "Opened",
        &[
            ("fd.realpath", "DIR/protected/secret"),
            ("proc.exepath", "ATTACKS"),
        ],
    ),
    (
        "overwritten arguments",
        "Opened",
        &[
            ("fd.realpath", "DIR/protected/secret"),
            ("proc.cmdline", "attacks overwritten arguments"),
        ],
    ),
    ("vfork", "Opened", OPENED),
    ("shared descriptors", "Opened", OPENED),
];

const OUTPUT: &str = "%proc.pid %proc.ppid %proc.name %proc.exe %proc.exepath %proc.cmdline %proc.args %proc.is_exe_from_memfd %fd.name \
                      %fd.nameraw %fd.realpath %fd.ino %fd.is_lower_layer %evt.arg.name %evt.arg.oldpath %evt.is_io_uring \
                      %evt.is_tampered %evt.is_unverified";

/// Rules about what is protected in these directories, each with its inodes.
fn rules(dir: &Path, inodes: &[u64]) -> String {
    let opens = "evt.type in (open, openat, openat2, open_by_handle_at) and evt.failed = false";
    let (dir, inodes) = (dir.display(), inodes.iter().map(u64::to_string));
    let inodes = inodes.collect::<Vec<_>>().join(", ");
    let rule = |name: &str, condition: &str| {
        format!(
            "- rule: {name}\n  desc: {name}\n  priority: NOTICE\n  output: \"{OUTPUT}\"\n  condition: >\n    {condition}\n"
        )
    };
    [
        rule("Begun", &format!("{opens} and fd.name = /etc/shadow")),
        rule(
            "Opened",
            &format!(
                "{opens} and fd.realpath startswith {dir} \
                 and (fd.realpath endswith /protected/secret or fd.realpath endswith /protected/pipe)"
            ),
        ),
        rule(
            "Opened elsewhere",
            &format!("{opens} and (fd.ino in ({inodes}) or fd.realpath endswith /merged/secret)"),
        ),
        rule(
            "Removed",
            &format!(
                "evt.type in (unlinkat, renameat2) and (evt.arg.name contains {dir} or evt.arg.oldpath contains {dir})"
            ),
        ),
        rule(
            "Ran",
            &format!(
                "evt.type in (execve, execveat) and evt.failed = false and proc.cwd startswith {dir}"
            ),
        ),
    ]
    .concat()
}

#[test]
fn attacks_are_seen_as_what_they_are() {
    if !can_watch() {
        return;
    }
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let dir = dir.path().canonicalize().unwrap();
    let program = harness::compile(&dir, "attacks", &["-pthread"]);
    let mut inodes = Vec::new();
    for (index, _) in ATTACKS.iter().enumerate() {
        let protected = dir.join(index.to_string()).join("protected");
        fs::create_dir_all(&protected).unwrap();
        for name in ["secret", "removed", "renamed"] {
            fs::write(protected.join(name), name).unwrap();
        }
        inodes.push(protected.join("secret").metadata().unwrap().ino());
        let pipe = protected.join("pipe");
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    }
    let file = dir.join("rules.yaml");
    fs::write(&file, rules(&dir, &inodes)).unwrap();
    let mut falco = Falco::start(&[
        "-r",
        file.to_str().unwrap(),
        "-o",
        "json_output=true",
        "-o",
        "foreign_calls=always",
    ]);
    let real = |path: &str| fs::canonicalize(path).unwrap_or_default();
    let (works, loader) = (real("/bin/true"), real("/lib64/ld-linux-x86-64.so.2"));
    let mut missed = Vec::new();
    for (index, (name, rule, shows)) in ATTACKS.iter().enumerate() {
        let place = dir.join(index.to_string());
        let child = Command::new(&program)
            .arg(name)
            .current_dir(&place)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = i64::from(child.id());
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        if done.status.code() == Some(77) {
            println!("skipped: {name}: {}", said.trim_end());
            continue;
        }
        assert!(done.status.success(), "{name}: {} {said}", done.status);
        let wanted = |value: &str| {
            value
                .replace("DIR", &place.display().to_string())
                .replace("TRUE", &works.display().to_string())
                .replace("LOADER", &loader.display().to_string())
                .replace("ATTACKS", &program)
        };
        let found = falco.wait(|alert| {
            let fields = &alert["output_fields"];
            let ours = fields["proc.pid"] == pid || fields["proc.ppid"] == pid;
            ours && alert["rule"] == *rule
                && shows
                    .iter()
                    .all(|(field, value)| text(&fields[*field]) == wanted(value))
        });
        if found.is_none() {
            missed.push(format!(
                "{name} (process {pid}): no alert of {rule:?} that shows {shows:?} in\n{}",
                falco.seen()
            ));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    falco.stop();
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
