//! Old events become what upstream's converter makes of them (recorded sequences; skipped where they are not at hand).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use falco_capture::convert::{Converted, Converter};
use falco_event::Event;
use serde_json::Value;

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(hex.get(at * 2..at * 2 + 2).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn recorded_sequences_come_out_as_upstream() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/corpus/libs/conversion.jsonl"
    );
    let Ok(text) = fs::read_to_string(path) else {
        println!("skipped: {path} is not here");
        return;
    };
    let mut wrong = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let mut converter = Converter::default();
        for (number, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            let input = bytes(&step["in"]["raw"]);
            let event = Event::parse(&input).unwrap();
            let got = match converter.convert(event) {
                Ok(Converted::Same) => ("pass", Some(input.clone())),
                Ok(Converted::Anew(out)) => ("pass", Some(out)),
                Ok(Converted::Dropped) => ("drop", None),
                Err(_) => ("error", None),
            };
            let want = (
                step["result"].as_str().unwrap(),
                step.get("out").map(|out| bytes(&out["raw"])),
            );
            if got != want {
                wrong.push(format!(
                    "{} step {number} {}: want {want:?}, got {got:?}",
                    case["id"], step["in"]["type"]
                ));
            }
        }
    }
    let count = text.lines().count();
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(12)].join("\n")
    );
}
