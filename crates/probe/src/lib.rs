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

mod bell;
mod beside;
mod dump;
mod error;
mod filter;
mod foreign;
mod load;
mod merge;
mod names;
mod numbers;
mod perf;
mod ring;
mod stats;
mod tracefs;
mod trial;
mod types;
mod untold;

use std::{
    fmt,
    time::{Duration, Instant},
};

use falco_event::{EventCode, SyscallCode};

pub use dump::Dump;
pub use error::Error;
pub use filter::{Filter, Step};
pub use foreign::Foreign;
pub use load::Watch;
pub use names::has_names;
pub use stats::{DropCause, Program, Stats};

use bell::Bell;
use load::Loaded;
use merge::Merge;

/// What to watch, and with how much memory.
#[derive(Clone, Debug)]
pub struct Config {
    /// The system calls. The ends of processes are always reported.
    pub calls: Vec<SyscallCode>,
    /// Whether each new thread is reported when it is made, as the child's end of the call that makes it, instead of both ends of these
    /// calls ([`MAKING_THREADS`]), even if they are asked for.
    pub births: bool,
    /// The size of a ring in bytes: a power of two, at least a page.
    pub ring_bytes: u32,
    /// How many CPUs share a ring; 0: all share one.
    pub cpus_per_ring: u16,
    /// How many bytes of data are reported of a write.
    pub snaplen: u32,
    /// Whether calls that failed are left out.
    pub drop_failed: bool,
    /// Whether calls by the kernel's other interfaces (32-bit programs, `int 0x80`) are watched, too. A program on all calls
    /// watches them in any case.
    pub foreign: Foreign,
    /// Whether a control group may not fill more than its share of a ring that is over half full.
    pub fair_share: bool,
    /// How to watch; `None`: the cheapest way that works here.
    pub how: Option<How>,
    /// Which events are needed; `None`: all.
    pub filter: Option<Filter>,
    /// The calls whose names are looked at when they begin, too, so that a change of them is told ([`falco_event::Trailer`]). It takes a
    /// tracefs; without one none are.
    pub compared: Vec<SyscallCode>,
    /// Of which descriptors the kernel's own path is told.
    pub real_paths: RealPaths,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            calls: Vec::new(),
            births: false,
            ring_bytes: 8 << 20,
            cpus_per_ring: 2,
            snaplen: 80,
            drop_failed: false,
            foreign: Foreign::default(),
            fair_share: false,
            how: None,
            filter: None,
            compared: Vec::new(),
            real_paths: RealPaths::None,
        }
    }
}

/// The system calls that make threads and processes.
pub const MAKING_THREADS: [&str; 4] = ["clone", "clone3", "fork", "vfork"];

/// Of which descriptors the kernel's own path is told. The same numbers are in `bpf/include/maps.h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RealPaths {
    /// Of none.
    #[default]
    None = 0,
    /// Of those whose mode or owner is changed (`fchmod`, `fchown`).
    Changed = 1,
    /// Of those, too, that are opened.
    Opened = 3,
}

/// How the system calls are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// A program on the exit of the kernel's function of each call that is asked for: other calls do not notice.
    Functions,
    /// A program on the exit of each call that is asked for: other calls hardly notice.
    PerCall,
    /// One program on the exit of all calls, which looks up whether somebody asked.
    AllCalls,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            How::Functions => {
                "the exit of the kernel's function for each system call that is asked for"
            }
            How::PerCall => "a tracepoint for each system call that is asked for",
            How::AllCalls => "one tracepoint for all system calls, with a table of those asked for",
        })
    }
}

/// A loaded and attached probe. Dropping it detaches.
#[derive(Debug)]
pub struct Probe {
    rings: Merge,
    bell: Bell,
    loaded: Loaded,
    unattended: u32,
}

/// What [`Probe::next`] found.
#[derive(Debug)]
pub enum Next<'a> {
    /// The oldest event that is there.
    Event(&'a [u8]),
    /// None came in time.
    Timeout,
}

/// After so many events it is looked whether there is more to watch; when idle, each time.
const ATTEND: u32 = 1024;

impl Probe {
    /// Loads and attaches the programs of the calls asked for.
    pub fn open(config: &Config) -> Result<Probe, Error> {
        let loaded = load::load(config)?;
        let rings = Merge::map(loaded.rings(), loaded.boot_time_ns())?;
        let bell = loaded.bell()?;
        Ok(Probe {
            rings,
            bell,
            loaded,
            unattended: 0,
        })
    }

    /// The oldest event; waits for one at most for `timeout`. The bytes are given back to the ring at the next call.
    pub fn next(&mut self, timeout: Duration) -> Next<'_> {
        let mut deadline = None;
        self.unattended += 1;
        loop {
            // The borrow checker would have the bytes lent out in the other branch, too.
            let found = self.rings.find();
            if !found || self.unattended > ATTEND {
                self.unattended = 0;
                if self.bell.narrow_seen() {
                    self.loaded.attend();
                }
            }
            if found {
                break;
            }
            let now = Instant::now();
            let deadline = *deadline.get_or_insert(now + timeout);
            let left = deadline.saturating_duration_since(now);
            if left.is_zero() {
                return Next::Timeout;
            }
            self.bell.sleep(left, || self.rings.is_empty());
        }
        self.bell.count();
        self.rings.found().map_or(Next::Timeout, Next::Event)
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

    /// How many events of each kind were lost, of those that were.
    pub fn lost(&self) -> Vec<(EventCode, u64)> {
        self.loaded.lost()
    }

    /// Sends from now on what another filter needs. False when it needs more than this probe can give: another one has to be opened.
    pub fn refilter(&mut self, filter: Option<&Filter>) -> Result<bool, Error> {
        self.loaded.refilter(filter)
    }

    /// How the calls are watched.
    pub fn how(&self) -> How {
        self.loaded.how()
    }

    /// What is done about calls by the kernel's other interfaces.
    pub fn foreign(&self) -> Watch {
        self.loaded.foreign()
    }

    /// How many of the calls are looked at when they begin, too ([`Config::compared`]).
    pub fn compared(&self) -> usize {
        self.loaded.compared()
    }

    /// The ways that would have been better, and why they do not work here.
    pub fn refused(&self) -> &[(How, Error)] {
        self.loaded.refused()
    }

    /// Whether operations of `io_uring` would do what the calls asked for do, and the kernel does not show them.
    pub fn lacks_rings(&self) -> bool {
        self.loaded.lacks_rings()
    }

    /// The calls that were asked for and that the probe cannot report.
    pub fn unsupported(&self) -> &[SyscallCode] {
        self.loaded.unsupported()
    }
}
