//! What the probe reported and what it lost.

/// Why an event was lost: the ring was full (by group of calls), or it could not be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DropCause {
    CloneFork,
    Execve,
    Connect,
    Open,
    DirFile,
    Other,
    Close,
    ProcExit,
    TooLarge,
    NoScratch,
}

impl DropCause {
    /// All, in the order of the probe's counters (`enum drop_cause` in bpf/include/maps.h).
    pub const ALL: [DropCause; 10] = [
        DropCause::CloneFork,
        DropCause::Execve,
        DropCause::Connect,
        DropCause::Open,
        DropCause::DirFile,
        DropCause::Other,
        DropCause::Close,
        DropCause::ProcExit,
        DropCause::TooLarge,
        DropCause::NoScratch,
    ];

    /// Whether it was for want of room in a ring.
    pub fn is_ring_full(self) -> bool {
        !matches!(self, DropCause::TooLarge | DropCause::NoScratch)
    }

    /// The name in metrics and messages.
    pub fn name(self) -> &'static str {
        match self {
            DropCause::CloneFork => "clone_fork",
            DropCause::Execve => "execve",
            DropCause::Connect => "connect",
            DropCause::Open => "open",
            DropCause::DirFile => "dir_file",
            DropCause::Other => "other_interest",
            DropCause::Close => "close",
            DropCause::ProcExit => "proc",
            DropCause::TooLarge => "max_event_size",
            DropCause::NoScratch => "scratch_map",
        }
    }
}

/// Counters since the probe was opened, over all CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events that the probe made, lost ones included.
    pub events: u64,
    /// Parameters that are empty because the memory they lie in could not be read.
    pub unreadable: u64,
    /// Of the lost: because their control group had filled its share of a ring.
    pub over_share: u64,
    /// Events that were not made because nobody needs them.
    pub filtered: u64,
    dropped: [u64; DropCause::ALL.len()],
}

/// The words of `struct counters`.
pub(crate) const COUNTER_BYTES: usize = (4 + DropCause::ALL.len()) * 8;

impl Stats {
    /// Lost for this cause.
    pub fn dropped(&self, cause: DropCause) -> u64 {
        self.dropped[cause as usize]
    }

    /// Lost for any cause.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Lost because a ring was full.
    pub fn dropped_by_rings(&self) -> u64 {
        let by_rings = DropCause::ALL
            .into_iter()
            .filter(|cause| cause.is_ring_full());
        by_rings.map(|cause| self.dropped(cause)).sum()
    }

    /// Lost because the event could not be built.
    pub fn dropped_elsewhere(&self) -> u64 {
        self.dropped_total() - self.dropped_by_rings()
    }

    /// What happened after `before`, which is of the same probe.
    #[must_use]
    pub fn since(&self, before: &Stats) -> Stats {
        let mut delta = *self;
        delta.events = delta.events.saturating_sub(before.events);
        delta.unreadable = delta.unreadable.saturating_sub(before.unreadable);
        delta.over_share = delta.over_share.saturating_sub(before.over_share);
        delta.filtered = delta.filtered.saturating_sub(before.filtered);
        for (now, before) in delta.dropped.iter_mut().zip(before.dropped) {
            *now = now.saturating_sub(before);
        }
        delta
    }

    /// Adds the counters of one CPU.
    pub(crate) fn add_counters(&mut self, counters: &[u8]) {
        let mut words = counters
            .chunks_exact(8)
            .map(|word| u64::from_ne_bytes(word.try_into().unwrap_or_default()));
        self.events += words.next().unwrap_or_default();
        for dropped in &mut self.dropped {
            *dropped += words.next().unwrap_or_default();
        }
        self.unreadable += words.next().unwrap_or_default();
        self.over_share += words.next().unwrap_or_default();
        self.filtered += words.next().unwrap_or_default();
    }
}

impl std::iter::Sum for Stats {
    fn sum<I: Iterator<Item = Stats>>(parts: I) -> Stats {
        parts.fold(Stats::default(), |mut sum, part| {
            sum.events += part.events;
            sum.unreadable += part.unreadable;
            sum.over_share += part.over_share;
            sum.filtered += part.filtered;
            for (dropped, part) in sum.dropped.iter_mut().zip(part.dropped) {
                *dropped += part;
            }
            sum
        })
    }
}

/// What the kernel counts of an attached program, if it counts at all (`kernel.bpf_stats_enabled`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// How often it ran.
    pub runs: u64,
    /// For how many nanoseconds.
    pub run_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_in_order() {
        let words: Vec<u8> = (1..=14_u64).flat_map(u64::to_ne_bytes).collect();
        assert_eq!(words.len(), COUNTER_BYTES);
        let mut stats = Stats::default();
        stats.add_counters(&words);
        stats.add_counters(&words);
        assert_eq!(
            (
                stats.events,
                stats.dropped(DropCause::CloneFork),
                stats.unreadable,
                stats.over_share,
                stats.filtered
            ),
            (2, 4, 24, 26, 28)
        );
        assert_eq!(stats.dropped(DropCause::NoScratch), 22);
        let mut later = stats;
        later.add_counters(&words);
        let delta = later.since(&stats);
        assert_eq!((delta.events, delta.dropped_elsewhere()), (1, 10 + 11));
        assert_eq!(delta.dropped_by_rings(), (2..=9).sum::<u64>());
    }
}
