//! A capture of real life, replayed: what upstream made of each of its events is compared with what the state holds.
//!
//! The capture lies beside the checkout (`../shared/captures`); without it the test is skipped.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::unnecessary_wraps,
    clippy::needless_pass_by_value
)]

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use falco_capture::{Next, Reader};
use flate2::bufread::GzDecoder;
use serde_json::Value;

#[path = "scenarios/probes.rs"]
mod probes;
#[path = "scenarios/text.rs"]
mod text;

#[test]
fn a_capture_is_understood_as_upstream_understands_it() {
    let dir = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/captures"
    ));
    let capture = dir.join("everyday.scap");
    if !capture.exists() {
        println!("skipped: no captures at {}", dir.display());
        return;
    }
    let expected = File::open(dir.join("everyday.expected.jsonl.gz")).unwrap();
    let mut expected = BufReader::new(GzDecoder::new(BufReader::new(expected))).lines();
    let (mut reader, mut state) = Reader::open(&capture).unwrap();
    let (mut events, mut compared) = (0, 0);
    let mut wrong: BTreeMap<String, (u32, String)> = BTreeMap::new();
    loop {
        let event = match reader.next_event().unwrap() {
            Next::Event(captured) => captured.event,
            Next::Section(fresh) => {
                state = *fresh;
                continue;
            }
            Next::End => break,
        };
        let subject = state.apply(&event);
        if subject.hidden {
            continue;
        }
        let line: Value = serde_json::from_str(&expected.next().unwrap().unwrap()).unwrap();
        assert_eq!(line["evt.rawtime"], event.time_ns());
        events += 1;
        for (probe, ours) in probes::all(&state, &event, subject) {
            let Some(theirs) = line.get(probe) else {
                continue;
            };
            let theirs = (!theirs.is_null()).then(|| text::bytes_of(theirs));
            compared += 1;
            if ours != theirs && !shows_less(probe, theirs.as_deref()) {
                let key = format!("{probe} of {}", event.info().id);
                let show = |it: Option<Vec<u8>>| it.map(|it| it.escape_ascii().to_string());
                let example = format!(
                    "at {}: {:?} instead of {:?}",
                    event.time_ns(),
                    show(ours),
                    show(theirs)
                );
                wrong.entry(key).or_insert((0, example)).0 += 1;
            }
        }
    }
    println!("{events} events, {compared} values compared");
    assert!(events > 20_000 && compared > 400_000);
    let wrong: Vec<_> = wrong
        .iter()
        .map(|(key, (count, example))| format!("{count} {key}: {example}"))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} kinds wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The fields show nothing instead of 0.
fn shows_less(probe: &str, theirs: Option<&[u8]>) -> bool {
    probe.starts_with("proc.exe_ino") && theirs.is_none()
}
