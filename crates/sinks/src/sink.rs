//! What all sinks have in common: batches, retries, an order that is kept.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use falco_alerts::{Channel, Failure, Finished, Format};

/// The pause before the first repetition; it doubles with each.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A batch is no bigger, unless one alert is.
const BATCH_BYTES: usize = 1 << 20;

/// An alert as sinks see it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The alert with the line that other channels write.
    pub(crate) finished: Arc<Finished>,
    /// The alert as JSON, with everything in it.
    pub(crate) document: Vec<u8>,
    /// Its own name, which stays the same when it is sent again: who keeps alerts can tell.
    pub(crate) id: String,
}

/// How one kind of sink sends alerts.
pub(crate) trait Client: Send {
    /// Sends a batch, which is never empty. It may be sent again as a whole after a failure, unless that is [`Failure::Refused`].
    fn send(&mut self, batch: &[Entry]) -> Result<(), Failure>;

    /// Forgets connections and certificates.
    fn reset(&mut self) {}
}

/// How patient a sink is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many alerts are sent together at most.
    pub(crate) batch: usize,
    /// How often a batch is sent again.
    pub(crate) retries: u32,
    /// The time between two batches, for what would rather have few of them.
    pub(crate) gap: Duration,
}

/// A channel over a network. What is raised while one batch is on its way makes the next.
pub struct Sink {
    name: String,
    format: Format,
    limits: Limits,
    client: Box<dyn Client>,
    batch: Vec<Entry>,
    bytes: usize,
    sent: Option<Instant>,
    /// What the names of its alerts begin with, and how many there were.
    prefix: String,
    number: u64,
}

impl Sink {
    /// `format` has to be JSON.
    pub(crate) fn new(
        name: String,
        format: Format,
        limits: Limits,
        client: Box<dyn Client>,
    ) -> Sink {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_micros());
        let prefix = format!("{}-{:x}-{now:x}", format.hostname, std::process::id());
        Sink {
            prefix,
            number: 0,
            name,
            format,
            limits,
            client,
            batch: Vec::new(),
            bytes: 0,
            sent: None,
        }
    }

    fn send(&mut self) -> Result<(), Failure> {
        if self.batch.is_empty() {
            return Ok(());
        }
        if let Some(sent) = self.sent {
            thread::sleep(self.limits.gap.saturating_sub(sent.elapsed()));
        }
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        let (mut pause, mut retries) = (PAUSE, self.limits.retries);
        let outcome = loop {
            match self.client.send(&batch) {
                Ok(()) => break Ok(()),
                Err(failure @ (Failure::Refused(_) | Failure::Closed)) => break Err(failure),
                Err(failure) if retries == 0 => break Err(failure),
                Err(_) => {
                    retries -= 1;
                    thread::sleep(pause);
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        };
        self.sent = Some(Instant::now());
        outcome
    }
}

impl Channel for Sink {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver(&mut self, alert: &Arc<Finished>) -> Result<(), Failure> {
        let document = self.format.line(&alert.alert);
        self.bytes += document.len();
        self.batch.push(Entry {
            finished: Arc::clone(alert),
            document,
            id: format!("{}-{:x}", self.prefix, self.number),
        });
        self.number += 1;
        if self.batch.len() >= self.limits.batch || self.bytes >= BATCH_BYTES {
            return self.send();
        }
        Ok(())
    }

    fn collects(&self) -> bool {
        self.limits.batch > 1
    }

    fn spools(&self) -> bool {
        true
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.send()
    }

    fn reopen(&mut self) -> Result<(), Failure> {
        self.client.reset();
        Ok(())
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("name", &self.name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::fixture::{alert, format};

    /// Fails as often as it is told, then takes what it gets.
    struct Moody {
        failures: Vec<Failure>,
        taken: Arc<Mutex<Vec<usize>>>,
    }

    impl Client for Moody {
        fn send(&mut self, batch: &[Entry]) -> Result<(), Failure> {
            if let Some(failure) = self.failures.pop() {
                return Err(failure);
            }
            self.taken.lock().unwrap().push(batch.len());
            Ok(())
        }
    }

    fn sink(failures: Vec<Failure>, retries: u32) -> (Sink, Arc<Mutex<Vec<usize>>>) {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let client = Moody {
            failures,
            taken: Arc::clone(&taken),
        };
        let limits = Limits {
            batch: 2,
            retries,
            gap: Duration::ZERO,
        };
        let sink = Sink::new("s".to_owned(), format(), limits, Box::new(client));
        (sink, taken)
    }

    fn other() -> Failure {
        Failure::Other("not now".to_owned())
    }

    #[test]
    fn alerts_go_together_and_again() {
        let (mut sink, taken) = sink(vec![other(), other()], 2);
        for number in 0..3 {
            sink.deliver(&alert(number)).unwrap();
        }
        sink.flush().unwrap();
        sink.flush().unwrap();
        assert_eq!(*taken.lock().unwrap(), [2, 1]);
    }

    #[test]
    fn what_fails_for_good_is_told_and_forgotten() {
        let refused = Failure::Refused("never".to_owned());
        let (mut sink, taken) = sink(vec![other(), other(), refused], 1);
        sink.deliver(&alert(0)).unwrap();
        assert!(matches!(sink.flush(), Err(Failure::Refused(_))));
        sink.deliver(&alert(1)).unwrap();
        assert!(matches!(sink.flush(), Err(Failure::Other(_))));
        sink.deliver(&alert(2)).unwrap();
        sink.flush().unwrap();
        assert_eq!(*taken.lock().unwrap(), [1]);
    }
}
