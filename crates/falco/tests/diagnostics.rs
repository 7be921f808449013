//! What the built program says when something is wrong: place, snippet, cause, and a status of 1.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    process::{Command, Output},
};

fn falco(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_falco"))
        .args(args)
        .output()
        .unwrap()
}

/// Runs with a rule of this condition and returns what was said.
fn rule(condition: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rules.yaml");
    let text = format!(
        "- macro: spawned_process\n  condition: evt.type = execve\n\n- rule: Bad rule\n  desc: it is bad\n  condition: >\n    \
         evt.type = execve and\n    {condition}\n  output: x %proc.name\n  priority: INFO\n"
    );
    fs::write(&file, text).unwrap();
    let out = falco(&[
        "-r",
        &file.display().to_string(),
        "-o",
        "engine.kind=nodriver",
    ]);
    assert_eq!(out.status.code(), Some(1), "{condition}");
    String::from_utf8_lossy(&out.stderr).replace(&dir.path().display().to_string(), "DIR")
}

#[test]
fn rules_errors_point_into_the_file() {
    for (condition, place, snippet, cause) in [
        (
            "proc.name = = x",
            "DIR/rules.yaml:8:17",
            "8 |     proc.name = = x",
            "expected a string value",
        ),
        (
            "proc.nmae = x",
            "DIR/rules.yaml:8:5",
            "8 |     proc.nmae = x",
            "did you mean `proc.name`?",
        ),
        (
            "spawnd_process",
            "DIR/rules.yaml:8:5",
            "8 |     spawnd_process",
            "Undefined macro 'spawnd_process'",
        ),
        (
            "proc.pid contains 3",
            "DIR/rules.yaml:8:5",
            "8 |     proc.pid contains 3",
            "'contains' operator not supported for numeric filters",
        ),
    ] {
        let said = rule(condition);
        for part in [place, snippet, cause] {
            assert!(said.contains(part), "{condition}: {part} is not in\n{said}");
        }
    }
}

#[test]
fn other_errors_say_what_is_wrong() {
    for (args, said) in [
        (&["--nope"][..], "Error: Option ‘nope’ does not exist"),
        (
            &["-c", "/nowhere/falco.yaml"],
            "Error: Could not find configuration file at /nowhere/falco.yaml",
        ),
        (
            &["-r", "/nowhere/rules.yaml"],
            "Error: Could not open file /nowhere/rules.yaml for reading",
        ),
        (
            &["-o", "priority=loud"],
            "Error: Unknown priority \"loud\"--must be one of emergency",
        ),
        (
            &[
                "-o",
                "engine={kind: replay, replay: {capture_file: /nowhere/x.scap}}",
            ],
            "Error: Could not open trace filename /nowhere/x.scap for reading: ",
        ),
        (
            &["-e", "x.scap"],
            "Error: Option ‘e’ does not exist\n  It was one of earlier versions: use -o engine.kind=replay",
        ),
        (
            &[
                "-o",
                "stdout_output.enabled=false",
                "-o",
                "engine.kind=nodriver",
            ],
            "Error: No output configured",
        ),
    ] {
        let out = falco(args);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
    }
}

#[test]
fn help_fits_a_terminal() {
    let out = falco(&["--help"]);
    assert!(out.status.success());
    let help = String::from_utf8_lossy(&out.stdout);
    assert!(
        help.lines().all(|line| line.chars().count() <= 80),
        "{help}"
    );
}

#[test]
fn the_built_in_rules_are_good() {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules/falco_rules.yaml");
    let out = falco(&["-V", rules]);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stdout)
    );
    assert!(String::from_utf8_lossy(&out.stdout).contains("falco_rules.yaml: Ok\n"));
}
