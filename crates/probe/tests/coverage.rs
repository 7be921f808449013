//! No event of the schema is left without a live test.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, fs, path::Path};

use falco_event::{EventCode, EventFlags};

/// Events that cannot be made, and why.
const NOT_MADE: [(&str, &str); 1] = [("DROP_X", "the probe samples nothing, so it never stops")];

/// The texts that live tests compare events with begin with the name of the event; others take the event and look at parts of it.
fn tested(name: &str, tests: &str) -> bool {
    let ways = [
        format!("\"{name} "),
        format!("seen, \"{name}\""),
        format!("take(\"{name}\")"),
        format!("(\"{name}\", "),
    ];
    ways.iter().any(|way| tests.contains(way.as_str()))
}

#[test]
fn every_event_of_a_call_has_a_live_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut tests = String::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("live_") {
            tests += &fs::read_to_string(path).unwrap();
        }
    }
    let excused: BTreeSet<&str> = NOT_MADE.iter().map(|(id, _)| *id).collect();
    let exits = EventCode::all().map(|code| (code.get(), code.info()));
    let current = exits.filter(|(code, info)| {
        code % 2 == 1 && !info.flags.any(EventFlags::OLD_VERSION | EventFlags::UNUSED)
    });
    let missing: Vec<&str> = current
        .map(|(_, info)| info)
        .filter(|info| !excused.contains(info.id) && !tested(info.name, &tests))
        .map(|info| info.id)
        .collect();
    assert!(missing.is_empty(), "no live test of {missing:?}");
    for name in ["procexit", "signaldeliver", "switch", "page_fault"] {
        assert!(tested(name, &tests), "no live test of {name}");
    }
}
