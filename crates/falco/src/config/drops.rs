//! The sections `syscall_event_drops` and `syscall_event_timeouts`.

use anyhow::bail;

use super::Keys;

/// What is done when events are lost.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drops {
    /// The share of events that may be lost in a second, 0 to 1.
    pub(crate) threshold: f64,
    /// How many times a second something is done at most, on the average.
    pub(crate) rate: f64,
    /// How many times at once.
    pub(crate) max_burst: f64,
    /// Whether a loss is made up every second, to see what is done then.
    pub(crate) simulate: bool,
    /// In order, each once; none: losses are only counted.
    pub(crate) actions: Vec<Action>,
}

/// One of the things that are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Log,
    Alert,
    Exit,
}

/// Reads the section on losses.
pub(super) fn drops(keys: &Keys<'_>) -> anyhow::Result<Drops> {
    let threshold = keys.fraction("syscall_event_drops.threshold", 0.1);
    if !(0.0..=1.0).contains(&threshold) {
        bail!(
            "Error reading config file ({}): syscall event drops threshold must be a double in the range [0, 1]",
            keys.name
        );
    }
    let mut actions = Vec::new();
    let mut ignored = false;
    for name in keys.texts("syscall_event_drops.actions") {
        match name.as_str() {
            "ignore" => ignored = true,
            "log" | "alert" if ignored => bail!(
                "Error reading config file ({}): syscall event drop action \"{name}\" does not make sense with the \"ignore\" action",
                keys.name
            ),
            "log" => actions.push(Action::Log),
            "alert" => actions.push(Action::Alert),
            "exit" => actions.push(Action::Exit),
            _ => bail!(
                "Error reading config file ({}): available actions for syscall event drops are \"ignore\", \"log\", \"alert\", and \"exit\"",
                keys.name
            ),
        }
    }
    actions.sort_unstable();
    actions.dedup();
    Ok(Drops {
        threshold,
        rate: keys.fraction("syscall_event_drops.rate", 0.03333),
        max_burst: keys.fraction("syscall_event_drops.max_burst", 1.0),
        simulate: keys.truth("syscall_event_drops.simulate_drops", false),
        actions,
    })
}

/// After how many waits in vain it is said that no event comes.
pub(super) fn timeouts(keys: &Keys<'_>) -> anyhow::Result<u32> {
    let max = keys.number("syscall_event_timeouts.max_consecutives", 1000);
    if max == 0 {
        bail!(
            "Error reading config file({}): the maximum consecutive timeouts without an event must be an unsigned integer > 0",
            keys.name
        );
    }
    Ok(max)
}
