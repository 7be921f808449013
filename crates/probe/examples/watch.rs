//! Watches a few calls for some seconds and counts what comes: `cargo run -p falco-probe --example watch -- [SECONDS] [CALL...]`.

#![allow(clippy::print_stdout, reason = "it shows what it saw")]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use falco_event::{Event, SyscallCode};
use falco_probe::{Config, Next, Probe};

fn main() -> Result<(), falco_probe::Error> {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().and_then(|text| text.parse().ok()).unwrap_or(3);
    let mut calls: Vec<SyscallCode> = args
        .filter_map(|name| SyscallCode::by_name(&name))
        .collect();
    if calls.is_empty() {
        calls = SyscallCode::all().collect();
    }
    let start = Instant::now();
    let mut probe = Probe::open(&Config {
        calls,
        ..Config::default()
    })?;
    println!("opened in {:?}: {}", start.elapsed(), probe.how());
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        if let Next::Event(bytes) = probe.next(Duration::from_millis(100)) {
            let name = Event::parse(bytes).map_or("(malformed)", |event| event.info().id);
            *counts.entry(name).or_default() += 1;
        }
    }
    println!("{counts:#?}\n{:?}", probe.stats());
    Ok(())
}
