//! Upstream's own tests of its state engine, as data: events go in, what fields showed afterwards is compared with what the state holds.
//!
//! The corpus lies beside the checkout (`../shared/corpus/libs`, its README describes it); without it the test is skipped.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::unnecessary_wraps,
    clippy::needless_pass_by_value
)]

use std::{fs, path::Path};

use falco_event::Event;
use falco_state::State;
use serde_json::Value;

#[path = "scenarios/probes.rs"]
mod probes;
#[path = "scenarios/setup.rs"]
mod setup;
#[path = "scenarios/text.rs"]
mod text;

/// Scenarios whose recording leaves out what the test did to the engine behind the events' back.
fn has_hidden_setup(index: &str, name: &str) -> bool {
    // These two take a thread's process away from it, which the index does not say.
    name.ends_with("PROC_FILTER_nthreads")
        || name.ends_with("PROC_FILTER_nchilds")
        || index
            .lines()
            .map(|line| line.split('\t').collect::<Vec<_>>())
            .any(|columns| columns[0] == name && columns[3] != "-")
}

#[test]
fn scenarios_end_as_upstream_has_them() {
    let dir = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/corpus/libs/state"
    ));
    let Ok(index) = fs::read_to_string(dir.join("INDEX.tsv")) else {
        println!("skipped: no corpus at {}", dir.display());
        return;
    };
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    let (mut scenarios, mut compared, mut wrong) = (0, 0, Vec::new());
    for path in files {
        let scenario: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let name = scenario["name"].as_str().unwrap();
        if has_hidden_setup(&index, name) {
            continue;
        }
        scenarios += 1;
        let mut state = setup::state(&scenario);
        for step in scenario["steps"].as_array().unwrap() {
            compared += check_step(&mut state, step, name, &mut wrong);
        }
    }
    println!("{scenarios} scenarios, {compared} values compared");
    assert!(compared > 50_000, "only {compared} values compared");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn check_step(state: &mut State, step: &Value, name: &str, wrong: &mut Vec<String>) -> usize {
    let Some(raw) = step["event"]["raw"].as_str() else {
        return 0;
    };
    let bytes = text::from_hex(raw);
    let event = Event::parse(&bytes).unwrap();
    let subject = state.apply(&event);
    // What was not returned to the test has no number.
    if subject.hidden && !step["num"].is_null() {
        wrong.push(format!("{name}: {} is hidden", event.info().id));
    }
    let Some(fields) = step["fields"].as_object() else {
        return 0;
    };
    let mut compared = 0;
    for (probe, ours) in probes::all(state, &event, subject) {
        let Some(theirs) = fields.get(probe).map(text::bytes_of) else {
            continue;
        };
        compared += 1;
        if ours.as_deref() != Some(&theirs[..]) {
            wrong.push(format!(
                "{name}: event {} {} {probe}: {:?} instead of {:?}",
                step["num"],
                event.info().id,
                ours.map(|ours| ours.escape_ascii().to_string()),
                theirs.escape_ascii().to_string(),
            ));
        }
    }
    compared
}
