//! The default rules against their tests in `rules/tests/`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::Command;

use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules");

#[test]
fn every_default_rule_fires_and_stays_quiet_when_it_should() {
    let files = fs::read_dir(format!("{ROOT}/tests")).unwrap();
    let files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    let out = Command::new(env!("CARGO_BIN_EXE_falco"))
        .arg("test")
        .args(&files)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{said}");
    let count = rules().len();
    for what in ["fired", "stayed quiet in a test about them"] {
        assert!(
            said.contains(&format!("{count} of {count} rules {what}\n")),
            "{said}"
        );
    }
}

#[test]
fn every_default_rule_has_a_remedy_and_tags() {
    for rule in rules() {
        let info = &rule["info"];
        let (name, desc) = (&info["name"], info["description"].as_str().unwrap());
        assert!(desc.contains("Remedy: "), "{name}");
        let tags: Vec<_> = (info["tags"].as_array().unwrap().iter())
            .map(|tag| tag.as_str().unwrap())
            .collect();
        let one = |start: &str| tags.iter().filter(|tag| tag.starts_with(start)).count();
        assert_eq!(one("maturity_"), 1, "{name}");
        assert_eq!(one("mitre_"), 1, "{name}");
        assert_eq!(one("T"), 1, "{name}");
        assert!(
            tags.contains(&"host") || tags.contains(&"container"),
            "{name}"
        );
    }
}

/// The rules that are built in, as the program describes them.
fn rules() -> Vec<Value> {
    let out = Command::new(env!("CARGO_BIN_EXE_falco"))
        .args(["-L", "-o", "json_output=true", "-r"])
        .arg(format!("{ROOT}/falco_rules.yaml"))
        .output()
        .unwrap();
    let described: Value = serde_json::from_slice(&out.stdout).unwrap();
    described["rules"].as_array().unwrap().clone()
}
