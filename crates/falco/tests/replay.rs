//! A recorded capture raises the alerts that upstream raised.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skips"
)]

use std::{fs, path::Path, process::Command};

use serde_json::Value;

#[test]
fn alerts_are_upstreams() {
    let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    if !shared.exists() {
        println!(
            "skipped: the recorded captures are not here ({})",
            shared.display()
        );
        return;
    }
    let at = |name: &str| shared.join(name).display().to_string();
    let out = Command::new(env!("CARGO_BIN_EXE_falco"))
        .args([
            "-c",
            &at("captures/replay.yaml"),
            "-r",
            &at("rules/falco_rules.yaml"),
        ])
        .args(["-e", &at("captures/everyday.scap")])
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let alerts = |text: &str| -> Vec<Value> {
        let lines = text.lines().filter(|line| line.starts_with('{'));
        let mut alerts: Vec<Value> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for alert in &mut alerts {
            alert.as_object_mut().unwrap().remove("hostname");
        }
        alerts
    };
    let want = fs::read_to_string(at("captures/everyday.alerts.jsonl")).unwrap();
    assert_eq!(alerts(&String::from_utf8_lossy(&out.stdout)), alerts(&want));
    assert!(String::from_utf8_lossy(&out.stdout).contains("\nEvents detected: 4\n"));
}
