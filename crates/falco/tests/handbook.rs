//! The handbook against the program.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::Command;

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
