//! Captures recorded by or for upstream are replayed with upstream's event numbers (skipped where they are not at hand).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says when it is skipped"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use falco_sources::{Next, Source};

fn shared(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not here", path.display());
    None
}

/// The numbers and names of the events that upstream shows.
fn replay(path: &Path) -> Vec<(u64, &'static str)> {
    let (mut source, mut state) = Source::replay(path).unwrap();
    let mut shown = Vec::new();
    loop {
        match source.next(Duration::ZERO).unwrap() {
            Next::Event(delivery) => {
                if !state.apply(&delivery.event).hidden {
                    shown.push((delivery.number, delivery.event.info().name));
                }
            }
            Next::Restart(fresh) => state = *fresh,
            Next::Timeout => panic!("a capture does not wait"),
            Next::End => return shown,
        }
    }
}

#[test]
fn everyday_is_numbered_from_the_first_to_the_last() {
    let Some(path) = shared("captures/everyday.scap") else {
        return;
    };
    let shown = replay(&path);
    assert_eq!(shown.first().unwrap().0, 1);
    assert_eq!(shown.last().unwrap().0, 24_232);
    assert_eq!(shown.len(), 24_232);
}

#[test]
fn small_captures_are_numbered_as_upstream_does() {
    let Some(folder) = shared("corpus/libs/captures") else {
        return;
    };
    let index = fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let mut wrong = Vec::new();
    for name in index
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next())
    {
        let expected = fs::read_to_string(folder.join(format!("{name}.expect.jsonl"))).unwrap();
        let want: Vec<u64> = expected
            .lines()
            .map(|line| {
                let event: serde_json::Value = serde_json::from_str(line).unwrap();
                event["evt.num"].as_str().unwrap().parse().unwrap()
            })
            .collect();
        let shown = replay(&folder.join(format!("{name}.scap")));
        let got: Vec<u64> = shown.iter().map(|(number, _)| *number).collect();
        if got != want {
            wrong.push(format!("{name}: want {want:?}, got {shown:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
