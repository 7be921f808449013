//! Watching this machine: which calls to ask the probe for.

use std::path::Path;

use falco_sources::{
    Source, SourceError,
    probe::{self, Watch},
};
use falco_state::State;

use crate::{
    config::{Engine, ring_bytes},
    log,
    set::Set,
};

/// Attaches to the calls that the rules and the state need.
pub(crate) fn open(set: &Set) -> Result<(Source, State), SourceError> {
    let config = &set.config;
    let mut probe_config = probe::Config {
        calls: set.calls.clone(),
        births: set.extra.births,
        filter: set.filter.clone(),
        snaplen: config.snaplen,
        how: config.kernel_attach,
        fair_share: config.kernel_fair_share,
        compared: set.extra.compared.clone(),
        real_paths: set.extra.real_paths,
        ..probe::Config::default()
    };
    if let Engine::Probe {
        preset,
        cpus_per_ring,
        drop_failed,
        foreign,
    } = config.engine
    {
        probe_config = probe::Config {
            ring_bytes: ring_bytes(preset).unwrap_or(8 << 20),
            cpus_per_ring,
            drop_failed,
            foreign,
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
        log::info(match live.probe().foreign() {
            Watch::On => "Calls of 32-bit programs, and by `int 0x80`: watched.",
            Watch::Waiting => {
                "Calls of 32-bit programs, and by `int 0x80`: watched from the first 32-bit program on (foreign_calls: always watches \
                 from the start)."
            }
            Watch::Off => {
                "Calls of 32-bit programs, and by `int 0x80`: not watched (foreign_calls)."
            }
        });
        for (how, why) in live.probe().refused() {
            let why = why.to_string();
            let why = why.lines().next().unwrap_or_default();
            if *how == probe::How::PerCall {
                log::info(&format!(
                    "A tracepoint for each would cost other programs less ({why}). It takes CAP_DAC_READ_SEARCH and a tracefs at /sys/kernel/tracing."
                ));
            } else {
                log::line(log::Level::Debug, &format!("Not by {how}: {why}"));
            }
        }
        if live.probe().compared() < set.extra.compared.len() {
            log::warning(
                "Rules ask for evt.is_tampered or evt.is_unverified, and names cannot be looked at when calls begin: both are always \
                 false. It takes tracefs and the tracepoints of system calls.",
            );
        }
        if live.probe().lacks_rings() {
            log::warning(
                "Operations of io_uring are not seen: by them programs open, connect or delete without a system call. It takes tracefs and \
                 Linux 6.0.",
            );
        }
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
