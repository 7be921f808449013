//! What keeps the table small, and finds threads that were missed.

use crate::{State, ThreadIx, replica::Said};

const SECOND_NS: u64 = 1_000_000_000;

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most threads.
    pub threads: usize,
    /// A process that always finds room: our own.
    pub own_pid: Option<i64>,
    /// How often the table is searched for threads that ended unseen, nanoseconds.
    pub purge_interval_ns: u64,
    /// How long a thread must have been silent to be suspected, nanoseconds.
    pub idle_max_ns: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            threads: 262_144,
            own_pid: None,
            purge_interval_ns: 1_200 * SECOND_NS,
            idle_max_ns: 1_800 * SECOND_NS,
        }
    }
}

/// Where the search for threads that ended unseen stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Purge {
    next_ns: u64,
    at: Option<u32>,
}

impl State {
    /// Looks at some more threads, when it is time. Captures keep everything: nobody can be asked whether a thread still lives.
    pub(crate) fn purge(&mut self, now_ns: u64) {
        /// So many entries an event: a search through the whole table would let events pile up.
        const BATCH: u32 = 64;
        if self.machine.is_none() {
            return;
        }
        let Some(from) = self.purge.at else {
            if self.purge.next_ns == 0 {
                // The first search comes early.
                let first_ns = self.limits.purge_interval_ns.min(30 * SECOND_NS);
                self.purge.next_ns = now_ns.saturating_add(first_ns);
            } else if now_ns >= self.purge.next_ns {
                self.purge.next_ns = now_ns.saturating_add(self.limits.purge_interval_ns);
                self.purge.at = Some(0);
            }
            return;
        };
        let to = from.saturating_add(BATCH).min(self.threads.slot_count());
        for ix in from..to {
            if let Some(tid) = self.is_forgotten(ThreadIx(ix), now_ns) {
                self.remove_thread(tid);
            }
        }
        self.purge.at = (to < self.threads.slot_count()).then_some(to);
    }

    /// The id of a thread that is not to be kept: nothing is known of it, or it ended unseen.
    fn is_forgotten(&mut self, ix: ThreadIx, now_ns: u64) -> Option<i64> {
        let (thread, seen_ns) = self.threads.with_age(ix)?;
        let (pid, tid) = (thread.pid, thread.tid);
        if thread.is_invalid() {
            return Some(tid);
        }
        if now_ns.saturating_sub(seen_ns) <= self.limits.idle_max_ns {
            return None;
        }
        let said = self.ask(|live, _| Said::Alive(live.is_alive(pid, tid)));
        matches!(said, Some(Said::Alive(false))).then_some(tid)
    }
}
