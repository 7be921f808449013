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
use falco_filter::{Field, Memo, Values};
use falco_state::State;
use serde_json::Value as Json;
use support::{
    DIFFERENT, Tally, compile, printed, recorded, resolve, shared, state_of, thread, unhex,
};

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
        let arena = Bump::new();
        let seen = Seen {
            event,
            subject,
            number: step["num"].as_u64().unwrap_or(0),
            cpu: 1,
        };
        let place = || format!("{} {}", scenario["name"], event.info().id);
        for assert in step["asserts"].as_array().into_iter().flatten() {
            check_assert(assert, &context, &state, seen, place, tally);
        }
        let Some(fields) = step.get("fields") else {
            continue;
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
            tally.compare(name, place, expected.as_deref(), got.as_deref());
        }
    }
}

/// What the test itself looked at: the text of a field, whether it has a value, whether a condition holds.
fn check_assert(
    assert: &Json,
    context: &Context,
    state: &State,
    seen: Seen<'_>,
    place: impl Fn() -> String,
    tally: &mut Tally,
) {
    let (arena, mut catalogue) = (Bump::new(), Catalogue::new());
    if let Some(name) = assert["field"].as_str() {
        let field = resolve(&mut catalogue, name);
        let facts = Facts::new(&catalogue, context, state, seen, &arena);
        let got = field.and_then(|field| printed(&field, facts.shown(field.slot)));
        if let Some(exists) = assert["exists"].as_bool() {
            let (got, exists) = (got.is_some().to_string(), exists.to_string());
            tally.compare(name, &place, Some(&exists), Some(&got));
        } else {
            let expected = recorded(name, &assert["value"]);
            tally.compare(name, &place, expected.as_deref(), got.as_deref());
        }
    }
    if let Some(condition) = assert["filter"].as_str() {
        let got = compile(condition, &mut catalogue).map_or_else(
            |error| error,
            |(program, tests)| {
                let mut memo = Memo::new(&tests);
                let facts = Facts::new(&catalogue, context, state, seen, &arena);
                program.run(&tests, &facts, &mut memo).to_string()
            },
        );
        let expected = match &assert["result"] {
            Json::Bool(holds) => holds.to_string(),
            _ => assert["error"].as_str().unwrap().to_owned(),
        };
        tally.compare(condition, &place, Some(&expected), Some(&got));
    }
}
