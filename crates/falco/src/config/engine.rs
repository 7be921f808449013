//! The `engine` section.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use falco_sources::probe::{Foreign, How};

use super::Keys;

/// More threads than that repeat the work on the state for nothing.
const WORKERS_MAX: u32 = 64;

/// Where events come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// The eBPF probe.
    Probe {
        /// The size of a ring, as a step from 1 to 10.
        preset: i16,
        /// How many CPUs share one.
        cpus_per_ring: u16,
        /// Whether failed calls are left out.
        drop_failed: bool,
        /// Whether calls by the kernel's other interfaces are watched.
        foreign: Foreign,
    },
    /// A capture.
    Replay(PathBuf),
    /// No events at all.
    Idle,
}

pub(super) fn engine(keys: &Keys<'_>, warnings: &mut Vec<String>) -> anyhow::Result<Engine> {
    let kind = keys.text("engine.kind").unwrap_or("kmod");
    match kind {
        "replay" => {
            let file = keys
                .text("engine.replay.capture_file")
                .filter(|file| !file.is_empty());
            let file = file.with_context(|| {
                format!(
                    "Error reading config file ({}): engine.kind is 'replay' but no engine.replay.capture_file specified.",
                    keys.name
                )
            })?;
            return Ok(Engine::Replay(file.into()));
        }
        "nodriver" => return Ok(Engine::Idle),
        "kmod" => warnings.push(
            "engine.kind is 'kmod': there is no kernel module; the eBPF probe is used instead."
                .into(),
        ),
        "modern_ebpf" => {}
        _ => bail!(
            "Error reading config file ({}): engine.kind '{kind}' is not a valid kind.",
            keys.name
        ),
    }
    let preset = keys
        .text(&format!("engine.{kind}.buf_size_preset"))
        .and_then(|text| text.trim().parse().ok());
    Ok(Engine::Probe {
        preset: preset.unwrap_or(4),
        cpus_per_ring: keys
            .number("engine.modern_ebpf.cpus_for_each_buffer", 2)
            .try_into()
            .unwrap_or(2),
        drop_failed: keys.truth(&format!("engine.{kind}.drop_failed_exit"), false),
        foreign: foreign(keys)?,
    })
}

fn foreign(keys: &Keys<'_>) -> anyhow::Result<Foreign> {
    Ok(match keys.text("foreign_calls").unwrap_or("auto") {
        "auto" => Foreign::Auto,
        "always" => Foreign::Always,
        "never" => Foreign::Never,
        other => bail!(
            "Error reading config file ({}): foreign_calls '{other}' is none of 'auto', 'always' and 'never'.",
            keys.name
        ),
    })
}

/// How the probe is to attach, where that is not left to it.
pub(super) fn attach(keys: &Keys<'_>) -> anyhow::Result<Option<How>> {
    Ok(match keys.text("kernel_attach").unwrap_or("auto") {
        "auto" => None,
        "functions" => Some(How::Functions),
        "per_call" => Some(How::PerCall),
        "all_calls" => Some(How::AllCalls),
        other => bail!(
            "Error reading config file ({}): kernel_attach '{other}' is none of auto, functions, per_call, all_calls.",
            keys.name
        ),
    })
}

/// The size of a ring of that preset.
pub(crate) fn ring_bytes(preset: i16) -> anyhow::Result<u32> {
    if !(1..=10).contains(&preset) {
        bail!("The 'buf_size_preset' value must be between '1' and '10'");
    }
    Ok((1 << 20) << (preset - 1))
}

/// How many threads keep the state and ask the rules.
pub(super) fn workers(keys: &Keys<'_>) -> anyhow::Result<usize> {
    let workers = keys.number("workers", 1);
    if !(1..=WORKERS_MAX).contains(&workers) {
        bail!(
            "Error reading config file ({}): workers '{workers}' must be between 1 and {WORKERS_MAX}.",
            keys.name
        );
    }
    Ok(workers as usize)
}
