//! From whoever raises alerts to the channels: a queue, a thread that makes lines, and a lane for each channel.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;
use std::{fmt, io};

use crate::lane::{Lane, Task};
use crate::queue::Queue;
use crate::spool::{Spool, SpoolOptions};
use crate::watchdog::Watchdog;
use crate::{Alert, Channel, Failure, Finished, Format, Routes};

/// How alerts are queued and written.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many alerts wait at most, in all and for each channel.
    pub capacity: usize,
    /// Whether a full queue holds up whoever raises alerts, instead of losing them.
    pub patient: bool,
    /// How long a channel may be at one call before that is told; zero: for ever.
    pub timeout: Duration,
    /// How alerts are written.
    pub format: Format,
    /// Where alerts wait for channels that [`spool`](Channel::spools), if they do.
    pub spool: Option<SpoolOptions>,
}

impl Default for Options {
    /// Text; 32,768 alerts, which is some tens of megabytes; two seconds.
    fn default() -> Options {
        Options {
            capacity: 32_768,
            patient: false,
            timeout: Duration::from_secs(2),
            format: Format::default(),
            spool: None,
        }
    }
}

/// Something that whoever runs the program should know.
#[derive(Debug)]
pub enum Trouble {
    /// A channel did not do what it should.
    Channel {
        /// Its name.
        name: String,
        /// Why.
        failure: Failure,
    },
    /// A channel is at one call for longer than it may.
    Timeout {
        /// Its name.
        name: String,
    },
    /// Alerts of a channel cannot be written to disk, for the first time since they could.
    Spool {
        /// Its name.
        name: String,
        /// Why.
        cause: io::Error,
    },
    /// Alerts of a channel waited too long on disk, for the first time.
    Expired {
        /// Its name.
        name: String,
    },
    /// An alert found no room in a queue, for the first time.
    QueueFull,
    /// At the end, channels took nothing for too long.
    Discarded {
        /// How many alerts were lost; one that several channels did not get counts for each.
        alerts: usize,
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Channel { name, failure } => write!(f, "{name}: {failure}"),
            // The channels that are not blocked are said to be, too: upstream's words, which people look for.
            Trouble::Timeout { name } => write!(
                f,
                "\"{name}\" output timeout, all output channels are blocked"
            ),
            Trouble::Spool { name, cause } => write!(
                f,
                "{name}: the spool takes no alerts ({cause}): they wait in memory, and are counted where there is no room"
            ),
            Trouble::Expired { name } => write!(
                f,
                "{name}: alerts waited in the spool for longer than max_age and are left out"
            ),
            Trouble::QueueFull => {
                f.write_str("Outputs queue out of memory. Drop event and continue on ...")
            }
            Trouble::Discarded { .. } => {
                f.write_str("output channels still blocked, discarding all remaining notifications")
            }
        }
    }
}

pub(crate) type Report = Arc<dyn Fn(Trouble) + Send + Sync>;

/// What became of the alerts of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// The channel.
    pub name: String,
    /// How many are out.
    pub delivered: u64,
    /// How many could not be got out.
    pub failed: u64,
    /// How many found no room in its queue.
    pub dropped: u64,
}

/// The way of alerts out of the program.
pub struct Outputs {
    shared: Arc<Shared>,
    patient: bool,
    timeout: Duration,
    /// Closed when every thread is done.
    done: Mutex<mpsc::Receiver<()>>,
    _watchdog: Watchdog,
}

struct Shared {
    queue: Queue<Item>,
    lanes: Vec<Arc<Lane>>,
    /// How many alerts at least one channel did not get because there was no room.
    dropped: AtomicU64,
    report: Report,
}

enum Item {
    Alert(Box<Alert>, Routes),
    Reopen,
}

/// How long somebody patient waits for room before it is looked whether there is anybody left to wait for.
const BREATH: Duration = Duration::from_millis(500);

impl Outputs {
    /// Starts the threads. `report` is called from them, and by whoever pushes; it must not push alerts itself.
    ///
    /// # Errors
    /// There are more than [`Routes::MAX`] channels, or the system gives no thread.
    pub fn start(
        options: Options,
        channels: Vec<Box<dyn Channel>>,
        report: impl Fn(Trouble) + Send + Sync + 'static,
    ) -> io::Result<Outputs> {
        if channels.len() > Routes::MAX {
            return Err(io::Error::other(format!(
                "there are {} channels; {} is the limit",
                channels.len(),
                Routes::MAX
            )));
        }
        let Options {
            capacity,
            patient,
            timeout,
            format,
            spool,
        } = options;
        let report: Report = Arc::new(report);
        let (alive, done) = mpsc::channel();
        let mut lanes: Vec<Arc<Lane>> = Vec::new();
        for channel in channels {
            let same = |lane: &&Arc<Lane>| lane.name == channel.name();
            let mut directory = file_name(channel.name());
            let others = lanes.iter().filter(same).count();
            if others > 0 {
                directory = format!("{directory}-{}", others + 1);
            }
            let spool = spool.as_ref().filter(|_| channel.spools());
            let spool = spool.and_then(|options| {
                let trouble = |cause| Trouble::Spool {
                    name: channel.name().to_owned(),
                    cause,
                };
                let opened = Spool::open(options, &directory);
                opened.map_err(|cause| report(trouble(cause))).ok()
            });
            lanes.push(Lane::start(
                channel,
                spool,
                capacity,
                Arc::clone(&report),
                alive.clone(),
            )?);
        }
        let shared = Arc::new(Shared {
            queue: Queue::new(capacity),
            lanes: lanes.clone(),
            dropped: AtomicU64::new(0),
            report: Arc::clone(&report),
        });
        let finisher = Finisher {
            shared: Arc::clone(&shared),
            format,
            patient,
            _alive: alive,
        };
        thread::Builder::new()
            .name("outputs".to_owned())
            .spawn(move || finisher.run())?;
        Ok(Outputs {
            shared,
            patient,
            timeout,
            done: Mutex::new(done),
            _watchdog: Watchdog::start(lanes, timeout, report)?,
        })
    }

    /// Hands over an alert. Somebody patient waits for room, for as long as there is a channel; else an alert without room is counted.
    pub fn push(&self, alert: Alert, routes: Routes) {
        let mut item = Item::Alert(Box::new(alert), routes);
        let patience = if self.patient { BREATH } else { Duration::ZERO };
        while let Err(back) = self.shared.queue.push(item, patience) {
            if !self.patient || self.is_dead() {
                self.shared.drop_one();
                return;
            }
            item = back;
        }
    }

    /// Has files opened anew.
    pub fn reopen(&self) {
        self.shared.queue.push_always(Item::Reopen);
    }

    /// How many alerts found no room on the way to at least one channel.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// What became of the alerts of each channel.
    pub fn counts(&self) -> Vec<Counts> {
        let counts = |lane: &Arc<Lane>| Counts {
            name: lane.name.clone(),
            delivered: lane.delivered.load(Ordering::Relaxed),
            failed: lane.failed.load(Ordering::Relaxed),
            dropped: lane.dropped.load(Ordering::Relaxed),
        };
        self.shared.lanes.iter().map(counts).collect()
    }

    /// Whether no channel will ever take an alert again.
    pub fn is_dead(&self) -> bool {
        self.shared.lanes.iter().all(|lane| lane.is_dead())
    }

    /// Has everything written and ends the threads. If nothing gets written for as long as a channel may be at one call (two seconds
    /// where it may for ever), the rest is discarded, and reported.
    pub fn finish(self) {
        let shared = &self.shared;
        let patience = match self.timeout {
            Duration::ZERO => Options::default().timeout,
            timeout => timeout,
        };
        shared.queue.close();
        let done = self.done.into_inner();
        let done = done.unwrap_or_else(PoisonError::into_inner);
        loop {
            let before = shared.calls();
            match done.recv_timeout(patience) {
                Err(mpsc::RecvTimeoutError::Disconnected) | Ok(()) => return,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    if shared.calls() == before {
                        // The threads themselves cannot be freed from what holds them.
                        let alerts = shared.discard();
                        (shared.report)(Trouble::Discarded { alerts });
                        return;
                    }
                }
            }
        }
    }
}

/// A channel's name as that of a directory.
fn file_name(name: &str) -> String {
    let safe = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => c,
        _ => '_',
    };
    name.chars().map(safe).collect()
}

impl Shared {
    fn drop_one(&self) {
        if self.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
            (self.report)(Trouble::QueueFull);
        }
    }

    fn calls(&self) -> u64 {
        let calls = |lane: &Arc<Lane>| lane.calls.load(Ordering::Relaxed);
        self.lanes.iter().map(calls).sum()
    }

    fn discard(&self) -> usize {
        let mut alerts = self.queue.take_all().len();
        for lane in &self.lanes {
            lane.queue.close();
            alerts += lane.discard();
        }
        alerts
    }
}

impl fmt::Debug for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outputs")
            .field("waiting", &self.shared.queue.len())
            .field("dropped", &self.dropped())
            .field("channels", &self.counts())
            .finish_non_exhaustive()
    }
}

/// Makes the line of each alert and shares it out.
struct Finisher {
    shared: Arc<Shared>,
    format: Format,
    patient: bool,
    _alive: mpsc::Sender<()>,
}

impl Finisher {
    fn run(self) {
        let lanes = &self.shared.lanes;
        while let Some(item) = self.shared.queue.pop() {
            match item {
                Item::Alert(alert, routes) => {
                    let line = self.format.line(&alert);
                    let finished = Arc::new(Finished::new(*alert, line));
                    let mut full = false;
                    // What one channel shows is on disk for those that need it.
                    for on_disk in [true, false] {
                        for (place, lane) in lanes.iter().enumerate() {
                            if lane.has_spool() == on_disk && routes.has(place) {
                                full |= !self.hand(lane, &finished);
                            }
                        }
                    }
                    if full {
                        self.shared.drop_one();
                    }
                }
                Item::Reopen => {
                    for lane in lanes {
                        lane.queue.push_always(Task::Reopen);
                    }
                }
            }
        }
        for lane in lanes {
            lane.queue.close();
        }
    }

    /// Gives the alert to a channel; whether there was room. A channel that is gone needs none.
    fn hand(&self, lane: &Lane, finished: &Arc<Finished>) -> bool {
        let patience = if self.patient { BREATH } else { Duration::ZERO };
        if lane.spool(finished, &self.shared.report) {
            return true;
        }
        let mut task = Task::Deliver(Arc::clone(finished));
        while let Err(back) = lane.queue.push(task, patience) {
            if lane.queue.is_closed() {
                return true;
            }
            if !self.patient {
                lane.dropped.fetch_add(1, Ordering::Relaxed);
                return false;
            }
            task = back;
        }
        true
    }
}

#[cfg(test)]
mod tests;
