//! Captures recorded by or for upstream: what goes in comes out (skipped where they are not at hand).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says when it is skipped"
)]

use std::{fs, path::PathBuf};

use falco_capture::{Next, Reader};
use falco_event::{EventCode, codes};

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

/// Events delivered, events dropped by the converter, threads in the tables.
fn count(path: &PathBuf) -> (Vec<EventCode>, u64, usize) {
    let (mut reader, state) = Reader::open(path).unwrap();
    let mut delivered = Vec::new();
    loop {
        match reader.next_event().unwrap() {
            Next::Event(captured) => delivered.push(captured.event.code()),
            Next::Section(_) => panic!("one section only"),
            Next::End => return (delivered, reader.dropped(), state.threads.iter().count()),
        }
    }
}

#[test]
fn everyday_is_read_whole() {
    let Some(path) = shared("captures/everyday.scap") else {
        return;
    };
    let (events, dropped, threads) = count(&path);
    assert_eq!((events.len(), dropped), (24_232, 0));
    assert_eq!(threads, 1);
}

#[test]
fn busy_is_read_whole() {
    let Some(path) = shared("captures/busy.scap") else {
        return;
    };
    let (events, dropped, _) = count(&path);
    assert_eq!((events.len(), dropped), (1_013_424, 0));
}

/// Upstream never shows the events that are there only for the state: entries into open and the like, and those that come before all
/// others.
fn shown(events: &[EventCode]) -> usize {
    const META: [EventCode; 8] = [
        codes::CONTAINER_E,
        codes::CONTAINER_JSON_E,
        codes::CONTAINER_JSON_2_E,
        codes::USER_ADDED_E,
        codes::USER_DELETED_E,
        codes::GROUP_ADDED_E,
        codes::GROUP_DELETED_E,
        codes::ASYNCEVENT_E,
    ];
    const FOR_STATE: [EventCode; 7] = [
        codes::SYSCALL_OPEN_E,
        codes::SYSCALL_CREAT_E,
        codes::SYSCALL_OPENAT_2_E,
        codes::SYSCALL_OPENAT2_E,
        codes::SYSCALL_EXECVE_19_E,
        codes::SYSCALL_EXECVEAT_E,
        codes::SOCKET_CONNECT_E,
    ];
    events
        .iter()
        .skip_while(|code| META.contains(code))
        .filter(|code| !FOR_STATE.contains(code))
        .count()
}

#[test]
fn small_captures_deliver_what_upstream_delivers() {
    let Some(folder) = shared("corpus/libs/captures") else {
        return;
    };
    let index = fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let mut wrong = Vec::new();
    for line in index.lines().skip(1) {
        let mut columns = line.split('\t');
        let (name, events_in, events_out) = (
            columns.next().unwrap(),
            columns.next().unwrap().parse::<u64>().unwrap(),
            columns.next().unwrap().parse::<usize>().unwrap(),
        );
        let (events, dropped, _) = count(&folder.join(format!("{name}.scap")));
        if (events.len() as u64 + dropped, shown(&events)) != (events_in, events_out) {
            wrong.push(format!(
                "{name}: {events_in} in, {events_out} out; read {} + {dropped} dropped, shown {}: {:?}",
                events.len(),
                shown(&events),
                events.iter().take(6).map(|code| code.info().id).collect::<Vec<_>>(),
            ));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
