//! Losses: once a second of the events' time it is looked at how many events the probe lost, and done what the configuration says.

use std::{collections::BTreeMap, fmt::Write as _};

use falco_alerts::{Alert, Priority};
use falco_sources::{
    Source,
    probe::{DropCause, Stats},
};

use crate::{
    config::{self, Action},
    log::{self, Level},
};

const SECOND_NS: u64 = 1_000_000_000;
/// The name of the alert.
const RULE: &str = "Falco internal: syscall event drop";

/// What the probe counted; nothing where there is none.
pub(crate) fn stats(source: &Source) -> Option<Stats> {
    match source {
        Source::Live(live) => Some(live.probe().stats()),
        Source::Replay(_) | Source::Idle => None,
    }
}

/// What was lost so far, and what was done about it.
#[derive(Debug)]
pub(crate) struct Drops {
    /// When to look again, in the events' time; 0 before the first event.
    next_ns: u64,
    seen: Stats,
    bucket: Bucket,
    occurrences: u64,
    actions_taken: u64,
}

/// What is to be done about a loss.
pub(crate) struct Outcome {
    pub(crate) alert: Option<Alert>,
    /// Whether the program is to end.
    pub(crate) exit: bool,
}

impl Drops {
    pub(crate) fn new(config: &config::Drops) -> Drops {
        Drops {
            next_ns: 0,
            seen: Stats::default(),
            bucket: Bucket::new(config),
            occurrences: 0,
            actions_taken: 0,
        }
    }

    /// The events come from another probe, whose counters begin at 0.
    pub(crate) fn restart(&mut self) {
        self.next_ns = 0;
        self.seen = Stats::default();
    }

    /// Another configuration holds.
    pub(crate) fn configure(&mut self, config: &config::Drops) {
        self.bucket = Bucket::new(config);
    }

    /// Whether a second has passed since the last look.
    #[inline]
    pub(crate) fn is_due(&mut self, now_ns: u64) -> bool {
        if now_ns <= self.next_ns {
            return false;
        }
        let due = self.next_ns > 0;
        self.next_ns = now_ns.saturating_add(SECOND_NS);
        due
    }

    /// Looks at what was lost since the last time.
    pub(crate) fn look(
        &mut self,
        config: &config::Drops,
        source: &Source,
        now_ns: u64,
    ) -> Option<Outcome> {
        let stats = stats(source);
        let now = stats.unwrap_or_default();
        let delta = now.since(&self.seen);
        self.seen = now;
        let mut lost = delta.dropped_total();
        let mut threshold = config.threshold;
        if config.simulate {
            log::info("Simulating syscall event drop");
            lost += 1;
            threshold = 0.0;
        }
        // Lost events are among the events; where nobody counts events any loss is too much.
        if lost == 0 || lost as f64 / delta.events as f64 <= threshold {
            return None;
        }
        self.occurrences += 1;
        if !self.bucket.take(now_ns) {
            log::line(
                Level::Debug,
                "Syscall event drop but token bucket depleted, skipping actions",
            );
            return None;
        }
        self.actions_taken += 1;
        let message = format!("{RULE}. {lost} system calls dropped in last second.");
        let does = |action| config.actions.contains(&action);
        if does(Action::Log) {
            log::line(Level::Debug, &message);
        }
        if does(Action::Exit) {
            log::line(Level::Critical, &message);
            log::line(Level::Critical, "Exiting.");
        }
        Some(Outcome {
            exit: does(Action::Exit),
            alert: does(Action::Alert).then(|| {
                let fields = fields(lost, &delta, stats.is_some());
                Alert::internal(now_ns, Priority::Debug, RULE, message, fields)
            }),
        })
    }

    /// What is said at the end.
    pub(crate) fn report(&self, source: &Source) -> String {
        let mut text = format!(
            "Syscall event drop monitoring:\n   - event drop detected: {} occurrences\n   - num times actions taken: {}\n",
            self.occurrences, self.actions_taken
        );
        if let Some(stats) = stats(source).filter(|stats| stats.dropped_total() > 0) {
            let (lost, events) = (stats.dropped_total(), stats.events);
            let _ = writeln!(
                text,
                "   - lost: {lost} of {events} events ({})",
                causes(&stats)
            );
        }
        text
    }
}

/// Upstream's fields: texts all. What it can count and we cannot have is 0.
fn fields(lost: u64, delta: &Stats, probe: bool) -> BTreeMap<String, serde_json::Value> {
    let mut fields = BTreeMap::new();
    let mut put = |name: &str, value: u64| {
        fields.insert(name.to_owned(), value.to_string().into());
    };
    put("ebpf_enabled", probe.into());
    put("n_evts", delta.events);
    put("n_drops", lost);
    put("n_drops_buffer_total", delta.dropped_by_rings());
    put("n_drops_scratch_map", delta.dropped_elsewhere());
    for cause in DropCause::ALL
        .into_iter()
        .filter(|cause| cause.is_ring_full())
    {
        let name = format!("n_drops_buffer_{}_exit", cause.name());
        put(&name, delta.dropped(cause));
    }
    put("n_drops_page_faults", 0);
    put("n_drops_bug", 0);
    fields
}

/// The causes of losses since the start, with their counts.
fn causes(stats: &Stats) -> String {
    let lost = |cause: &DropCause| stats.dropped(*cause) > 0;
    let count = |cause: DropCause| format!("{}={}", cause.name(), stats.dropped(cause));
    let causes: Vec<String> = DropCause::ALL.into_iter().filter(lost).map(count).collect();
    causes.join(" ")
}

/// Lets through what comes at a rate, and a burst now and then.
#[derive(Debug)]
struct Bucket {
    rate: f64,
    max: f64,
    tokens: f64,
    last_ns: u64,
}

impl Bucket {
    fn new(config: &config::Drops) -> Bucket {
        Bucket {
            rate: config.rate,
            max: config.max_burst,
            tokens: config.max_burst,
            last_ns: 0,
        }
    }

    fn take(&mut self, now_ns: u64) -> bool {
        let seconds = now_ns.saturating_sub(self.last_ns) as f64 / SECOND_NS as f64;
        self.last_ns = now_ns;
        self.tokens = (self.tokens + self.rate * seconds).min(self.max);
        let granted = self.tokens >= 1.0;
        if granted {
            self.tokens -= 1.0;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> config::Drops {
        config::Drops {
            threshold: 0.1,
            rate: 0.5,
            max_burst: 2.0,
            simulate: true,
            actions: vec![Action::Alert, Action::Exit],
        }
    }

    #[test]
    fn the_bucket_lets_a_burst_through_and_then_the_rate() {
        let mut bucket = Bucket::new(&config());
        let mut taken = Vec::new();
        for second in 1..=8 {
            taken.push(bucket.take(second * SECOND_NS));
        }
        assert_eq!(
            taken,
            [true, true, true, false, true, false, true, false],
            "two at once and one that grew meanwhile, then one in two seconds"
        );
    }

    #[test]
    fn a_second_has_to_pass() {
        let mut drops = Drops::new(&config());
        let due: Vec<bool> = [10, 20, SECOND_NS + 10, SECOND_NS + 11, SECOND_NS + 12]
            .map(|now| drops.is_due(now))
            .into();
        assert_eq!(due, [false, false, false, true, false]);
    }

    #[test]
    fn a_made_up_loss_is_told() {
        let mut drops = Drops::new(&config());
        let outcome = drops.look(&config(), &Source::Idle, 7).unwrap();
        assert!(outcome.exit);
        let alert = outcome.alert.unwrap();
        assert_eq!(
            String::from_utf8(alert.message).unwrap(),
            "Falco internal: syscall event drop. 1 system calls dropped in last second."
        );
        assert_eq!(alert.fields.len(), 15);
        assert!(alert.fields.values().all(serde_json::Value::is_string));
        assert_eq!(
            drops.report(&Source::Idle),
            "Syscall event drop monitoring:\n   - event drop detected: 1 occurrences\n   - num times actions taken: 1\n"
        );
    }
}
