//! The handbook against the program.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

use std::{
    fs,
    process::{Command, Stdio},
};

use serde_json::Value;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

fn said(args: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_falco"))
        .args(args)
        .output()
        .unwrap();
    String::from_utf8(out.stdout).unwrap()
}

fn page(name: &str) -> String {
    fs::read_to_string(format!("{DOCS}/{name}")).unwrap()
}

#[test]
fn fields_and_events_are_those_of_the_program() {
    for (name, option) in [("fields.md", "--list"), ("events.md", "--list-events")] {
        assert!(
            page(name).ends_with(&said(&[option, "--format", "markdown"])),
            "docs/{name} is not what falco {option} says: run scripts/docs"
        );
    }
}

#[test]
fn the_default_rules_are_all_told() {
    let page = page("default-rules.md");
    let rules = fs::read_to_string(format!("{DOCS}/../rules/falco_rules.yaml")).unwrap();
    let mut told = page.lines().filter_map(|line| line.strip_prefix("| "));
    for rule in rules.split("\n- rule: ").skip(1) {
        let name = rule.lines().next().unwrap();
        let off = if rule.contains("\n  enabled: false\n") {
            " (**off**)"
        } else {
            ""
        };
        let row = format!("{name}{off} | ");
        assert!(
            told.any(|line| line.starts_with(&row)),
            "docs/default-rules.md does not tell of {name}{off} in its place"
        );
    }
}

/// Whether a figure is what a row tells of: a word in capitals stands for anything.
fn is_told(name: &str, row: &str) -> bool {
    let capital = |c: char| c.is_ascii_uppercase();
    let Some(start) = row.find(capital) else {
        return name == row;
    };
    let (before, word) = row.split_at(start);
    let after = word.trim_start_matches(capital);
    let Some(rest) = name.strip_prefix(before) else {
        return false;
    };
    let mut places = rest
        .char_indices()
        .map(|(at, _)| at)
        .skip(1)
        .chain([rest.len()]);
    places.any(|at| rest.get(at..).is_some_and(|rest| is_told(rest, after)))
}

#[test]
fn figures_are_all_told() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = dir.path().join("metrics.jsonl");
    let output = format!("metrics.output_file={}", file.display());
    // Without rights the figures of the kernel are missing; the others are not.
    let kind = if harness::can_watch() {
        "modern_ebpf"
    } else {
        "nodriver"
    };
    let status = Command::new(env!("CARGO_BIN_EXE_falco"))
        .args([
            "-M",
            "3",
            "-o",
            "metrics.enabled=true",
            "-o",
            "metrics.interval=1s",
        ])
        .args(["-o", "metrics.include_empty_values=true", "-o", &output])
        .args(["-o", &format!("engine.kind={kind}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let lines = fs::read_to_string(file).unwrap();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    let page = page("metrics.md");
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let rows: Vec<_> = rows.collect();
    let figures = last["output_fields"].as_object().unwrap();
    assert!(figures.len() > 30, "{figures:?}");
    for name in figures.keys() {
        assert!(
            rows.iter().any(|row| is_told(name, row)),
            "docs/metrics.md does not tell of {name}"
        );
    }
}
