//! Figures about the program itself: how many events there were and were lost, what the tables hold, what it all costs.
//!
//! A [`Metric`] is one figure with its name, unit and kind; [`COLLECTORS`] is the table of functions that make them, by group. What only
//! the loop knows it puts into [`Figures`] when somebody asks; what holds as long as a configuration holds is in a [`Frame`]. From both,
//! [`collect`] makes all figures, and [`prometheus`] or [`snapshot`] write them down under upstream's names.
//!
//! To add a figure, add it to a function in [`groups`], or a function to the table.

mod board;
mod frame;
mod groups;
mod machine;
pub(crate) mod prometheus;
mod snapshot;

use std::borrow::Cow;

use falco_alerts::Counts;
use falco_sources::{
    Source,
    probe::{Program, Stats},
};
use falco_state::{Container, Counters, Interface, State};

pub(crate) use board::Board;
pub(crate) use frame::Frame;
pub(crate) use machine::start_ns;
pub(crate) use snapshot::Reporter;

/// A figure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Metric {
    /// Its name without prefix, with upstream's ending for its unit.
    pub(crate) name: Cow<'static, str>,
    pub(crate) group: Group,
    pub(crate) unit: Unit,
    pub(crate) kind: Kind,
    pub(crate) value: Value,
    pub(crate) prometheus: Shown,
}

/// How Prometheus is shown it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shown {
    /// By its name.
    Plain,
    /// Under a name that it shares with others, told apart by labels.
    As(&'static str, Vec<(Cow<'static, str>, String)>),
    /// Not at all.
    Hidden,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Count,
    Percent,
    Bytes,
    Kibibytes,
    /// A length of time, and a sum of such.
    Nanoseconds,
    NanosecondsTotal,
}

/// Whether a figure only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Whole(u64),
    Real(f64),
}

/// Figures that are switched on and off together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Rules,
    Kernel,
    PerCpu,
    Programs,
    Iterators,
    Resources,
    State,
    Plugins,
    Outputs,
}

impl Group {
    pub(crate) const ALL: [Group; 9] = [
        Group::Rules,
        Group::Kernel,
        Group::PerCpu,
        Group::Programs,
        Group::Iterators,
        Group::Resources,
        Group::State,
        Group::Plugins,
        Group::Outputs,
    ];

    /// The key that switches it, in the section `metrics`; none: it is always on.
    pub(crate) fn key(self) -> Option<&'static str> {
        Some(match self {
            Group::Rules => "rules_counters_enabled",
            Group::Kernel => "kernel_event_counters_enabled",
            Group::PerCpu => "kernel_event_counters_per_cpu_enabled",
            Group::Programs => "libbpf_stats_enabled",
            Group::Iterators => "kernel_iter_event_counters_enabled",
            Group::Resources => "resource_utilization_enabled",
            Group::State => "state_counters_enabled",
            Group::Plugins => "plugins_metrics_enabled",
            Group::Outputs => return None,
        })
    }

    /// What the names in alerts and in the file begin with.
    fn prefix(self) -> &'static str {
        match self {
            Group::Kernel | Group::PerCpu | Group::Programs | Group::Iterators => "scap.",
            Group::Rules | Group::Resources | Group::State | Group::Outputs => "falco.",
            Group::Plugins => "plugins.",
        }
    }

    /// What the names at Prometheus begin with, after `falcosecurity_`.
    fn subsystem(self) -> &'static str {
        match self {
            Group::Rules | Group::Resources | Group::Outputs => "falco",
            Group::Plugins => "plugins",
            _ => "scap",
        }
    }
}

type Collector = fn(&Frame, &Figures, &mut Vec<Metric>);

/// What makes figures, in upstream's order, ours at the end.
static COLLECTORS: &[(Group, Collector)] = &[
    (Group::Kernel, groups::kernel),
    (Group::PerCpu, groups::per_cpu),
    (Group::Programs, groups::programs),
    (Group::Iterators, groups::iterators),
    (Group::Resources, machine::resources),
    (Group::State, groups::state),
    (Group::Plugins, groups::plugins),
    (Group::Outputs, groups::outputs),
];

/// All figures of the groups that are switched on.
fn collect(frame: &Frame, figures: &Figures) -> Vec<Metric> {
    let mut metrics = Vec::new();
    let groups = &frame.config.groups;
    for (group, collector) in COLLECTORS {
        // Upstream has those of each CPU only along with the sums.
        let needed = if *group == Group::PerCpu {
            Group::Kernel
        } else {
            *group
        };
        if groups.contains(group) && groups.contains(&needed) {
            collector(frame, figures, &mut metrics);
        }
    }
    metrics
}

impl Metric {
    fn new(group: Group, name: impl Into<Cow<'static, str>>, unit: Unit, value: Value) -> Metric {
        Metric {
            name: name.into(),
            group,
            unit,
            kind: Kind::Gauge,
            value,
            prometheus: Shown::Plain,
        }
    }

    /// What is counted and only grows.
    fn counter(group: Group, name: impl Into<Cow<'static, str>>, count: u64) -> Metric {
        Metric {
            kind: Kind::Counter,
            ..Metric::new(group, name, Unit::Count, Value::Whole(count))
        }
    }

    /// How many there are just now.
    fn gauge(group: Group, name: impl Into<Cow<'static, str>>, count: u64) -> Metric {
        Metric::new(group, name, Unit::Count, Value::Whole(count))
    }

    /// The same figure, shown to Prometheus under a name that it shares with others.
    fn shown_as(self, name: &'static str, label: &'static str, value: impl Into<String>) -> Metric {
        Metric {
            prometheus: Shown::As(name, vec![(label.into(), value.into())]),
            ..self
        }
    }

    fn hidden(self) -> Metric {
        Metric {
            prometheus: Shown::Hidden,
            ..self
        }
    }
}

/// What only the loop knows, taken between two events.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// How many events there were since this configuration holds.
    pub(crate) events: u64,
    /// What the probe counted by CPU; empty where there is none.
    pub(crate) per_cpu: Vec<Stats>,
    pub(crate) programs: Vec<Program>,
    /// What the kernel's iterators gave at the start, by name.
    pub(crate) dumped: Vec<(&'static str, u64)>,
    pub(crate) state: Counters,
    pub(crate) threads: u64,
    pub(crate) fds: u64,
    /// Containers of which more is known than that they are there.
    pub(crate) containers: u64,
    pub(crate) interfaces: Vec<Interface>,
    /// Alerts that found no room, and what became of those of each channel.
    pub(crate) dropped_alerts: u64,
    pub(crate) channels: Vec<Counts>,
}

impl Figures {
    /// What source and state know.
    pub(crate) fn of(source: &Source, state: &State) -> Figures {
        let (mut per_cpu, mut programs, mut dumped) = Default::default();
        if let Source::Live(live) = source {
            per_cpu = live.probe().stats_per_cpu();
            dumped = live.dumped().to_vec();
            if machine::counts_programs() {
                programs = live.probe().programs();
            }
        }
        let threads = state.threads.iter();
        let known = |one: &&Container| one.info.is_some() && !one.ended;
        Figures {
            per_cpu,
            programs,
            dumped,
            state: state.counters,
            threads: state.threads.len() as u64,
            // Threads that share a table have an empty one of their own.
            fds: threads.map(|thread| thread.fds.len() as u64).sum(),
            containers: state.containers.iter().filter(known).count() as u64,
            interfaces: state.interfaces.list.clone(),
            ..Figures::default()
        }
    }
}

/// The name with everything but letters, digits, `_` and `:` replaced by `_`, of which never two follow each other.
fn plain(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for letter in name.chars() {
        let letter = if letter.is_ascii_alphanumeric() || letter == ':' {
            letter
        } else {
            '_'
        };
        if letter != '_' || !text.ends_with('_') {
            text.push(letter);
        }
    }
    text
}

/// Rounded to one digit after the point.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests;
