//! What fields show while captures of upstream's own test scenarios are replayed.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "only tests use it"
)]

mod support;

use std::collections::BTreeMap;

use falco_fields::Catalogue;
use falco_filter::{Field, Values};
use serde_json::Value as Json;
use support::{DIFFERENT, Tally, printed, recorded, replay, resolve, shared};

#[test]
fn agrees_with_captures() {
    let Some(folder) = shared("corpus/libs") else {
        return;
    };
    let mut catalogue = Catalogue::new();
    let probes = std::fs::read_to_string(folder.join("state/PROBES.txt")).unwrap();
    let probes: Vec<(&str, Field)> = probes
        .split_whitespace()
        .filter_map(|name| Some((name, resolve(&mut catalogue, name)?)))
        .collect();
    let folder = folder.join("captures");
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let mut tally = Tally::default();
    for row in index.lines().skip(1) {
        let name = row.split('\t').next().unwrap();
        if DIFFERENT.contains(&name) {
            continue;
        }
        let lines = std::fs::read_to_string(folder.join(format!("{name}.expect.jsonl"))).unwrap();
        let mut expected: BTreeMap<u64, Json> = lines
            .lines()
            .map(|line| {
                let row: Json = serde_json::from_str(line).unwrap();
                (row["evt.num"].as_str().unwrap().parse().unwrap(), row)
            })
            .collect();
        let capture = folder.join(format!("{name}.scap"));
        replay(&capture, &catalogue, |number, facts| {
            let Some(row) = expected.remove(&number) else {
                return;
            };
            for (probe, field) in &probes {
                let expected = row.get(*probe).and_then(|value| recorded(probe, value));
                let got = printed(field, facts.shown(field.slot));
                let place = || format!("{name} event {number} {}", row["evt.type"]);
                tally.compare(probe, place, expected.as_deref(), got.as_deref());
            }
        });
        let left = (!expected.is_empty()).then_some("left");
        tally.compare("(events)", || name.to_owned(), None, left);
    }
    println!("{}", tally.report());
    assert_eq!(tally.bad(), 0);
}
