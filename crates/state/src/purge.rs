//! What keeps the table small, and finds threads that were missed.

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
