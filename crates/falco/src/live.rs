//! Watching this machine: which calls to ask the probe for, and what it lost.

use std::{fmt::Write as _, path::Path};

use falco_event::SyscallCode;
use falco_sources::{
    Source, SourceError,
    probe::{self, DropCause, Stats},
};
use falco_state::State;

use crate::{
    config::{Config, Engine, ring_bytes},
    log,
};

/// Attaches to the calls that the rules and the state need.
pub(crate) fn open(config: &Config, calls: &[SyscallCode]) -> Result<(Source, State), SourceError> {
    let mut probe_config = probe::Config {
        calls: calls.to_vec(),
        snaplen: config.snaplen,
        ..probe::Config::default()
    };
    if let Engine::Probe {
        preset,
        cpus_per_ring,
        drop_failed,
    } = config.engine
    {
        probe_config = probe::Config {
            ring_bytes: ring_bytes(preset).unwrap_or(8 << 20),
            cpus_per_ring,
            drop_failed,
            ..probe_config
        };
    }
    log::info("Opening 'syscall' source with modern BPF probe.");
    let (source, state) = Source::live(&probe_config, Path::new("/"))?;
    if let Source::Live(live) = &source {
        let count = probe_config.calls.len() - live.probe().unsupported().len();
        log::info(&format!(
            "Watching {count} system calls by {}.",
            live.probe().how()
        ));
        log::info(&match live.not_dumped() {
            None => "Processes that run already: told by the kernel's iterators.".to_owned(),
            Some(cause) => format!("Processes that run already: read from /proc ({cause})."),
        });
        let unsupported: Vec<&str> = live
            .probe()
            .unsupported()
            .iter()
            .map(|call| call.info().name)
            .collect();
        if !unsupported.is_empty() {
            log::line(
                log::Level::Debug,
                &format!("Not reported by the probe yet: {}", unsupported.join(", ")),
            );
        }
    }
    Ok((source, state))
}

fn stats(source: &Source) -> Option<Stats> {
    match source {
        Source::Live(live) => Some(live.probe().stats()),
        Source::Replay(_) | Source::Idle => None,
    }
}

const SECOND_NS: u64 = 1_000_000_000;

/// Looks once a second of the events' time whether the probe lost something.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    next_ns: u64,
    dropped: u64,
}

impl Drops {
    pub(crate) fn is_due(&mut self, now_ns: u64) -> bool {
        let due = now_ns >= self.next_ns;
        if due {
            self.next_ns = now_ns.saturating_add(SECOND_NS);
        }
        due
    }

    /// Says what was lost since the last time.
    pub(crate) fn look(&mut self, source: &Source) {
        let Some(stats) = stats(source) else { return };
        let dropped = stats.dropped_total();
        if dropped > self.dropped {
            log::warning(&format!(
                "Falco internal: syscall event drop. {} system calls dropped in last second.{}",
                dropped - self.dropped,
                causes(&stats)
            ));
            self.dropped = dropped;
        }
    }
}

/// The causes of losses, with their counts since the start.
fn causes(stats: &Stats) -> String {
    let mut text = String::new();
    for cause in DropCause::ALL
        .into_iter()
        .filter(|cause| stats.dropped(*cause) > 0)
    {
        let _ = write!(text, " {}={}", cause.name(), stats.dropped(cause));
    }
    if text.is_empty() {
        text
    } else {
        format!(" Since the start:{text}.")
    }
}

/// What is said at the end about losses.
pub(crate) fn report(source: &Source, verbose: bool) -> String {
    let Some(stats) = stats(source) else {
        return "Syscall event drop monitoring:\n   - event drop detected: 0 occurrences\n   - num times actions taken: 0".to_owned();
    };
    let mut text = String::new();
    if verbose {
        let _ = writeln!(
            text,
            "Driver Events:{}\nDriver Drops:{}",
            stats.events,
            stats.dropped_total()
        );
    }
    let _ = writeln!(
        text,
        "Syscall event drop monitoring:\n   - event drops: {} of {} events{}",
        stats.dropped_total(),
        stats.events,
        causes(&stats)
    );
    text
}
