//! The eBPF probe, from user space: loads `bpf/`, attaches it, reads its rings, counts what was lost.
//!
//! [`Probe::open`] loads only the programs of the calls that are asked for, attaches each to the exit of its call, and says how
//! ([`Probe::how`]). [`Probe::next`] lends out one event after the other, oldest first, in the wire form. What an event means is not
//! known here, and no type of libbpf leaves the crate.
//!
//! ```no_run
//! use std::time::Duration;
//! use falco_event::SyscallCode;
//! use falco_probe::{Config, Next, Probe};
//!
//! let calls = SyscallCode::by_name("openat").into_iter().collect();
//! let mut probe = Probe::open(&Config { calls, ..Config::default() })?;
//! if let Next::Event(bytes) = probe.next(Duration::from_secs(1)) {
//!     println!("{} bytes", bytes.len());
//! }
//! # Ok::<(), falco_probe::Error>(())
//! ```

mod dump;
mod error;
mod load;
mod numbers;
mod perf;
mod ring;
mod stats;
mod tracefs;

use std::{
    fmt, thread,
    time::{Duration, Instant},
};

use falco_event::SyscallCode;

pub use dump::dump;
pub use error::Error;
pub use stats::{DropCause, Program, Stats};

use load::Loaded;
use ring::Rings;

/// What to watch, and with how much memory.
#[derive(Clone, Debug)]
pub struct Config {
    /// The system calls. The ends of processes are always reported.
    pub calls: Vec<SyscallCode>,
    /// The size of a ring in bytes: a power of two, at least a page.
    pub ring_bytes: u32,
    /// How many CPUs share a ring; 0: all share one.
    pub cpus_per_ring: u16,
    /// How many bytes of data are reported of a write.
    pub snaplen: u32,
    /// Whether calls that failed are left out.
    pub drop_failed: bool,
    /// How to watch; `None`: the cheapest way that works here.
    pub how: Option<How>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            calls: Vec::new(),
            ring_bytes: 8 << 20,
            cpus_per_ring: 2,
            snaplen: 80,
            drop_failed: false,
            how: None,
        }
    }
}

/// How the system calls are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// A program on the exit of each call that is asked for: other calls hardly notice.
    PerCall,
    /// One program on the exit of all calls, which looks up whether somebody asked.
    AllCalls,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            How::PerCall => "a tracepoint for each system call that is asked for",
            How::AllCalls => "one tracepoint for all system calls, with a table of those asked for",
        })
    }
}

/// A loaded and attached probe. Dropping it detaches.
#[derive(Debug)]
pub struct Probe {
    rings: Rings,
    loaded: Loaded,
}

/// What [`Probe::next`] found.
#[derive(Debug)]
pub enum Next<'a> {
    /// The oldest event that is there.
    Event(&'a [u8]),
    /// None came in time.
    Timeout,
}

/// How long an idle consumer sleeps at first and at most: alerts come within the latter.
const SLEEP_MIN: Duration = Duration::from_micros(100);
const SLEEP_MAX: Duration = Duration::from_millis(10);

impl Probe {
    /// Loads and attaches the programs of the calls asked for.
    pub fn open(config: &Config) -> Result<Probe, Error> {
        let loaded = load::load(config)?;
        let rings = Rings::map(loaded.rings())?;
        Ok(Probe { rings, loaded })
    }

    /// The oldest event; waits for one at most for `timeout`. The bytes are given back to the ring at the next call.
    pub fn next(&mut self, timeout: Duration) -> Next<'_> {
        self.rings.release();
        let mut found = self.rings.oldest();
        if found.is_none() {
            let deadline = Instant::now() + timeout;
            let mut sleep = SLEEP_MIN;
            while found.is_none() {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Next::Timeout;
                }
                thread::sleep(sleep.min(left));
                sleep = (sleep * 2).min(SLEEP_MAX);
                found = self.rings.oldest();
            }
        }
        found.map_or(Next::Timeout, |record| {
            Next::Event(self.rings.bytes(record))
        })
    }

    /// What was reported and what was lost, since the start.
    pub fn stats(&self) -> Stats {
        self.stats_per_cpu().into_iter().sum()
    }

    /// The same for each CPU that there can be, by its number.
    pub fn stats_per_cpu(&self) -> Vec<Stats> {
        self.loaded.stats_per_cpu()
    }

    /// How often the attached programs ran and for how long; zeros unless the kernel counts (`kernel.bpf_stats_enabled`).
    pub fn programs(&self) -> Vec<Program> {
        self.loaded.programs()
    }

    /// How the calls are watched.
    pub fn how(&self) -> How {
        self.loaded.how()
    }

    /// The calls that were asked for and that the probe cannot report.
    pub fn unsupported(&self) -> &[SyscallCode] {
        self.loaded.unsupported()
    }
}
