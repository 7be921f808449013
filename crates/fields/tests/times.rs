//! How times are written, against what upstream wrote in the zone UTC.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "only tests use it"
)]

mod support;

use bumpalo::Bump;
use falco_event::{Builder, Event, codes};
use falco_fields::{Catalogue, Context, Facts, Seen};
use falco_filter::Values;
use falco_state::{State, Subject};
use support::{Tally, cases, printed, resolve};

/// What a field shows of an event of that time.
fn shown(name: &str, time_ns: u64) -> Option<String> {
    let mut catalogue = Catalogue::new();
    let field = resolve(&mut catalogue, name)?;
    let bytes = Builder::new(codes::SYSCALL_GETCWD_X, time_ns, 1).finish();
    let (state, context, arena) = (State::default(), Context::default(), Bump::new());
    let seen = Seen {
        event: Event::parse(&bytes).unwrap(),
        subject: Subject::default(),
        number: 1,
        cpu: 0,
    };
    let facts = Facts::new(&catalogue, &context, &state, seen, &arena);
    printed(&field, facts.shown(field.slot))
}

#[test]
fn times_are_written_as_upstream_does() {
    let mut tally = Tally::default();
    for case in cases("corpus/libs/time_format.jsonl") {
        let name = match (case["date"].as_u64(), case["ns"].as_u64()) {
            (Some(0), Some(0)) => "evt.time.s",
            (Some(0), _) => "evt.time",
            (_, Some(0)) => "evt.datetime.s",
            _ => "evt.datetime",
        };
        let got = shown(name, case["ts"].as_u64().unwrap());
        tally.compare(
            name,
            || case.to_string(),
            case["out"].as_str(),
            got.as_deref(),
        );
    }
    for case in cases("corpus/libs/iso8601.jsonl") {
        let name = "evt.time.iso8601";
        let got = shown(name, case["ts"].as_u64().unwrap());
        tally.compare(
            name,
            || case.to_string(),
            case["out"].as_str(),
            got.as_deref(),
        );
    }
    println!("{}", tally.report());
    assert_eq!(tally.bad(), 0);
}
