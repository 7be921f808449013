//! What fields show while upstream's own test scenarios are replayed through the state.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "only tests use it"
)]

mod support;

use bumpalo::Bump;
use falco_event::Event;
use falco_fields::{Catalogue, Context, Facts, Seen};
use falco_filter::{Field, Values};
use serde_json::Value as Json;
use support::{DIFFERENT, Tally, printed, recorded, resolve, shared, state_of, thread, unhex};

#[test]
fn agrees_with_scenarios() {
    let Some(folder) = shared("corpus/libs/state") else {
        return;
    };
    let mut catalogue = Catalogue::new();
    let probes = std::fs::read_to_string(folder.join("PROBES.txt")).unwrap();
    let probes: Vec<(&str, Field)> = probes
        .split_whitespace()
        .filter_map(|name| Some((name, resolve(&mut catalogue, name)?)))
        .collect();
    let mut tally = Tally::default();
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    for name in replayable(&index) {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let scenario: Json = serde_json::from_str(&text).unwrap();
        if scenario["mode"] == "test" {
            replay(&scenario, &catalogue, &probes, &mut tally);
        }
    }
    println!("{}", tally.report());
    assert_eq!(tally.bad(), 0);
}

/// The scenarios of which everything was recorded.
fn replayable(index: &str) -> impl Iterator<Item = &str> {
    // What these do behind the engine's back the index does not tell; one lays /proc elsewhere.
    let unsaid = [
        "sinsp_with_test_input.PROC_FILTER_nthreads",
        "sinsp_with_test_input.PROC_FILTER_nchilds",
        "sinsp_with_test_input.test_pidfd",
    ];
    index.lines().skip(1).filter_map(move |row| {
        let name = row.strip_suffix("\t-")?.split('\t').next()?;
        (!unsaid.contains(&name) && !DIFFERENT.contains(&name)).then_some(name)
    })
}

fn replay(scenario: &Json, catalogue: &Catalogue, probes: &[(&str, Field)], tally: &mut Tally) {
    let mut state = state_of(&scenario["threads"]);
    let mut context = Context::default();
    let steps = scenario["steps"].as_array().unwrap();
    let events = steps.iter().filter(|step| step.get("event").is_some());
    let reduced = events.count() > 60;
    for step in steps {
        if let Some(row) = step.get("late_thread") {
            state.add_thread(thread(row));
            state.settle();
        }
        let Some(raw) = step["event"]["raw"].as_str() else {
            continue;
        };
        let bytes = unhex(raw);
        let Ok(event) = Event::parse(&bytes) else {
            continue;
        };
        if context.first_ns == 0 {
            context.first_ns = event.time_ns();
        }
        let subject = state.apply(&event);
        let Some(fields) = step.get("fields") else {
            continue;
        };
        let arena = Bump::new();
        let seen = Seen {
            event,
            subject,
            number: step["num"].as_u64().unwrap_or(0),
            cpu: 1,
        };
        let facts = Facts::new(catalogue, &context, &state, seen, &arena);
        for (name, field) in probes {
            let expected = fields.get(*name);
            if expected.is_none() && reduced {
                continue;
            }
            let expected = expected.and_then(|value| recorded(name, value));
            // Names of ids other than 0 come from the host that recorded.
            let of_host = name.starts_with("user.") || name.starts_with("group.");
            if of_host && expected.is_none() {
                continue;
            }
            let got = printed(field, facts.shown(field.slot));
            let place = || format!("{} {}", scenario["name"], event.info().id);
            tally.compare(name, place, expected.as_deref(), got.as_deref());
        }
    }
}
