//! The worker that takes alerts from the queue and writes them to every channel.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::queue::Queue;
use crate::{Alert, Channel, Failure, Format};

/// How alerts are queued and written.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many alerts wait at most.
    pub capacity: usize,
    /// How they are written.
    pub format: Format,
}

impl Default for Options {
    /// Text; 32,768 alerts, which is some tens of megabytes.
    fn default() -> Options {
        Options {
            capacity: 32_768,
            format: Format::default(),
        }
    }
}

/// Something that whoever runs the program should know.
#[derive(Debug)]
pub enum Trouble {
    /// A channel did not take an alert.
    Channel {
        /// Its name.
        name: &'static str,
        /// Why.
        failure: Failure,
    },
    /// An alert found no room in the queue, for the first time.
    QueueFull,
    /// At the end, channels took nothing for too long.
    Discarded {
        /// How many alerts were lost.
        alerts: usize,
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Channel { name, failure } => write!(f, "{name}: {failure}"),
            Trouble::QueueFull => {
                f.write_str("Outputs queue out of memory. Drop event and continue on ...")
            }
            Trouble::Discarded { .. } => {
                f.write_str("output channels still blocked, discarding all remaining notifications")
            }
        }
    }
}

type Report = Arc<dyn Fn(Trouble) + Send + Sync>;

/// The way of alerts out of the program.
pub struct Outputs {
    shared: Arc<Shared>,
    report: Report,
    worker: JoinHandle<()>,
    /// Closed when the worker is done.
    done: mpsc::Receiver<()>,
}

struct Shared {
    queue: Queue<Item>,
    written: AtomicU64,
    dropped: AtomicU64,
    dead: AtomicBool,
}

enum Item {
    Alert(Alert),
    Reopen,
}

impl Outputs {
    /// Starts the worker. `report` is called from it, and by whoever pushes; it must not push alerts itself.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        options: Options,
        channels: Vec<Channel>,
        report: impl Fn(Trouble) + Send + Sync + 'static,
    ) -> io::Result<Outputs> {
        let shared = Arc::new(Shared {
            queue: Queue::new(options.capacity),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            dead: AtomicBool::new(false),
        });
        let report: Report = Arc::new(report);
        let (alive, done) = mpsc::channel();
        let worker = Worker {
            shared: Arc::clone(&shared),
            report: Arc::clone(&report),
            channels,
            format: options.format,
            line: Vec::new(),
        };
        let worker = thread::Builder::new()
            .name("outputs".to_owned())
            .spawn(move || {
                // Dropped at the end, however it comes about.
                let _alive: mpsc::Sender<()> = alive;
                worker.run();
            })?;
        Ok(Outputs {
            shared,
            report,
            worker,
            done,
        })
    }

    /// Hands over an alert.
    ///
    /// # Errors
    /// There is no room for it. It is counted as dropped, and handed back.
    pub fn push(&self, alert: Alert) -> Result<(), Box<Alert>> {
        self.offer(alert, Duration::ZERO).inspect_err(|_| {
            if self.shared.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
                (self.report)(Trouble::QueueFull);
            }
        })
    }

    /// Hands over an alert that can wait, for those who would rather be slow than lose one.
    ///
    /// # Errors
    /// There was no room for it for that long. It is handed back, and not counted: it may be offered again.
    pub fn offer(&self, alert: Alert, patience: Duration) -> Result<(), Box<Alert>> {
        match self.shared.queue.push(Item::Alert(alert), patience) {
            Err(Item::Alert(alert)) => Err(Box::new(alert)),
            Ok(()) | Err(Item::Reopen) => Ok(()),
        }
    }

    /// Has files opened anew.
    pub fn reopen(&self) {
        self.shared.queue.push_always(Item::Reopen);
    }

    /// How many alerts found no room.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Whether no channel will ever take an alert again.
    pub fn is_dead(&self) -> bool {
        self.shared.dead.load(Ordering::Relaxed)
    }

    /// Has everything written and ends the worker. If no alert gets written for `patience`, the rest is discarded, and reported.
    pub fn finish(self, patience: Duration) {
        self.shared.queue.close();
        loop {
            let before = self.shared.written.load(Ordering::Relaxed);
            match self.done.recv_timeout(patience) {
                Err(mpsc::RecvTimeoutError::Disconnected) | Ok(()) => {
                    // A panic of the worker has been shown by the panic handler.
                    _ = self.worker.join();
                    return;
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    if self.shared.written.load(Ordering::Relaxed) == before {
                        // The worker itself cannot be freed from what holds it.
                        let alerts = self.shared.queue.clear();
                        (self.report)(Trouble::Discarded { alerts });
                        return;
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outputs")
            .field("waiting", &self.shared.queue.len())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

struct Worker {
    shared: Arc<Shared>,
    report: Report,
    channels: Vec<Channel>,
    format: Format,
    line: Vec<u8>,
}

impl Worker {
    fn run(mut self) {
        while let Some(item) = self.shared.queue.pop() {
            match item {
                Item::Alert(alert) => {
                    self.line.clear();
                    self.format.write(&alert, &mut self.line);
                    self.line.push(b'\n');
                    let line = std::mem::take(&mut self.line);
                    self.each(|channel| channel.deliver(&line));
                    self.line = line;
                    self.shared.written.fetch_add(1, Ordering::Relaxed);
                }
                Item::Reopen => self.each(Channel::reopen),
            }
        }
        self.each(Channel::finish);
    }

    /// Does something with every channel. What fails is reported; a channel that nobody reads any more is left out from then on.
    fn each(&mut self, mut act: impl FnMut(&mut Channel) -> Result<(), Failure>) {
        let report = &self.report;
        self.channels.retain_mut(|channel| match act(channel) {
            Ok(()) => true,
            Err(failure) => {
                let stays = !matches!(failure, Failure::Closed);
                report(Trouble::Channel {
                    name: channel.name(),
                    failure,
                });
                stays
            }
        });
        if self.channels.is_empty() {
            self.shared.dead.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;
    use crate::Priority;

    fn alert(number: u64) -> Alert {
        Alert::internal(
            number,
            Priority::Debug,
            "r",
            format!("n{number}"),
            BTreeMap::new(),
        )
    }

    #[test]
    fn everything_is_written_in_order_to_every_channel_that_works() {
        let dir = tempfile::tempdir().unwrap();
        let good = dir.path().join("good");
        let channels = vec![
            Channel::file("/nowhere/at/all".into(), true, false),
            Channel::file(good.clone(), true, true),
        ];
        let troubles = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&troubles);
        let report = move |trouble: Trouble| sink.lock().unwrap().push(trouble.to_string());
        let outputs = Outputs::start(Options::default(), channels, report).unwrap();
        for number in 0..100 {
            outputs.push(alert(number)).unwrap();
        }
        outputs.reopen();
        assert_eq!((outputs.dropped(), outputs.is_dead()), (0, false));
        outputs.finish(Duration::from_secs(30));
        let text = std::fs::read_to_string(good).unwrap();
        assert_eq!(text.lines().count(), 100);
        for (number, line) in text.lines().enumerate() {
            assert!(line.ends_with(&format!("Debug n{number} ()")), "{line}");
        }
        let troubles = troubles.lock().unwrap();
        assert_eq!(troubles.len(), 101);
        assert_eq!(
            troubles[0],
            "file: failed to open output file /nowhere/at/all"
        );
    }

    #[test]
    fn a_full_queue_counts_what_it_cannot_take_and_gives_up_at_the_end() {
        // Nobody reads the other end of a pipe, so the worker is held for good once it is full.
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap();
        assert!(made.success());
        let troubles = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&troubles);
        let report = move |trouble: Trouble| sink.lock().unwrap().push(trouble);
        let options = Options {
            capacity: 3,
            ..Options::default()
        };
        let channels = vec![Channel::file(pipe, true, false)];
        let outputs = Outputs::start(options, channels, report).unwrap();
        outputs.push(alert(0)).unwrap();
        for _ in 0..10_000 {
            if outputs.shared.queue.len() == 0 {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        let lost = (1..10).filter(|&n| outputs.push(alert(n)).is_err()).count();
        assert_eq!(lost, 6);
        assert!(outputs.offer(alert(11), Duration::from_millis(1)).is_err());
        assert_eq!(outputs.dropped(), 6);
        outputs.finish(Duration::from_millis(20));
        let troubles = troubles.lock().unwrap();
        assert!(
            matches!(
                troubles[..],
                [Trouble::QueueFull, Trouble::Discarded { alerts: 3 }]
            ),
            "{troubles:?}"
        );
    }
}
