//! What alerts tell of every event of a recorded capture.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "only tests use it"
)]

mod support;

use std::io::{BufRead, BufReader};

use falco_fields::Catalogue;
use falco_filter::{Field, Print, Value, Values};
use flate2::read::GzDecoder;
use serde_json::Value as Json;
use support::{Tally, replay, resolve, shared};

#[test]
fn agrees_with_a_recorded_capture() {
    let Some(folder) = shared("captures") else {
        return;
    };
    let packed = std::fs::File::open(folder.join("everyday.expected.jsonl.gz")).unwrap();
    let lines = BufReader::new(GzDecoder::new(packed)).lines();
    let mut expected = lines
        .map(Result::unwrap)
        .enumerate()
        // Half of the events are page faults and differ little: some of them are enough.
        .filter(|(at, line)| at % 16 == 0 || !line.contains("\"evt.type\":\"page_fault\""))
        .map(|(_, line)| serde_json::from_str::<Json>(&line).unwrap())
        .peekable();
    let names = expected
        .peek()
        .unwrap()
        .as_object()
        .unwrap()
        .keys()
        .cloned();
    let mut catalogue = Catalogue::new();
    let fields: Vec<(String, Field)> = names
        .map(|name| {
            let field = resolve(&mut catalogue, &name).unwrap();
            (name, field)
        })
        .collect();
    let mut tally = Tally::default();
    replay(
        &folder.join("everyday.scap"),
        &catalogue,
        |number, facts| {
            let Some(expected) = expected.next_if(|expected| expected["evt.num"] == number) else {
                return;
            };
            for (name, field) in &fields {
                let got = json(field, facts.shown(field.slot));
                if got == expected[name] {
                    tally.good += 1;
                    continue;
                }
                let place = || format!("event {number} {}", expected["evt.type"]);
                let (expected, got) = (expected[name].to_string(), got.to_string());
                tally.compare(name, place, Some(&expected), Some(&got));
            }
        },
    );
    println!("{}", tally.report());
    assert_eq!(expected.count(), 0, "events that were not delivered");
    assert_eq!(tally.bad(), 0);
}

/// A value as upstream writes it into the fields of an alert.
fn json(field: &Field, value: Option<Value<'_>>) -> Json {
    match value {
        None => Json::Null,
        Some(Value::Int(number)) if field.print != Print::Hex => number.into(),
        Some(Value::Uint(number)) if field.print != Print::Hex => number.into(),
        Some(Value::Bool(yes)) => yes.into(),
        other => support::printed(field, other).into(),
    }
}
