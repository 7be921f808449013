//! A channel with its queue and the thread that serves it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{io, thread};

use crate::outputs::{Report, Trouble};
use crate::queue::Queue;
use crate::{Channel, Failure, Finished};

/// After so many alerts a channel that collects is to get them out, even if more wait.
const MANY: u64 = 1000;

/// What a channel is to do.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    Deliver(Arc<Finished>),
    Reopen,
}

/// What others see of a channel.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) name: String,
    pub(crate) queue: Queue<Task>,
    /// How many alerts are out, could not be got out, and found no room in the queue.
    pub(crate) delivered: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) dropped: AtomicU64,
    /// How many calls came back, whatever came of them: as long as it grows something moves.
    pub(crate) calls: AtomicU64,
    /// It will never take an alert again.
    pub(crate) dead: AtomicBool,
    started: Instant,
    /// Since when the channel is at one call: microseconds after `started`, 0 while it is at none.
    busy_since: AtomicU64,
}

impl Lane {
    /// Starts a thread that serves the channel until the queue is closed and empty. `alive` is dropped at its end, however that comes.
    pub(crate) fn start(
        channel: Box<dyn Channel>,
        capacity: usize,
        report: Report,
        alive: mpsc::Sender<()>,
    ) -> io::Result<Arc<Lane>> {
        let lane = Arc::new(Lane {
            name: channel.name().to_owned(),
            queue: Queue::new(capacity),
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            started: Instant::now(),
            busy_since: AtomicU64::new(0),
        });
        let worker = Worker {
            lane: Arc::clone(&lane),
            channel,
            report,
            kept: 0,
            _alive: alive,
        };
        thread::Builder::new()
            .name(lane.name.clone())
            .spawn(move || worker.run())?;
        Ok(lane)
    }

    /// For how long the channel is at one call, and when that began.
    pub(crate) fn busy(&self) -> Option<(Duration, u64)> {
        let since = self.busy_since.load(Ordering::Relaxed);
        let now = self.started.elapsed();
        (since > 0).then(|| (now.saturating_sub(Duration::from_micros(since)), since))
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// It gets nothing any more.
    fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.queue.close();
        let waiting = self.queue.clear() as u64;
        self.failed.fetch_add(waiting, Ordering::Relaxed);
    }
}

struct Worker {
    lane: Arc<Lane>,
    channel: Box<dyn Channel>,
    report: Report,
    /// Alerts that the channel took and that may not be out yet.
    kept: u64,
    _alive: mpsc::Sender<()>,
}

impl Worker {
    fn run(mut self) {
        loop {
            let mut task = self.lane.queue.pop_now();
            if task.is_none() {
                self.flush();
                task = self.lane.queue.pop();
            }
            match task {
                Some(Task::Deliver(alert)) => {
                    self.kept += 1;
                    let outcome = self.call(|channel| channel.deliver(&alert));
                    if outcome.is_err() || !self.channel.collects() {
                        self.settle(outcome);
                    } else if self.kept >= MANY {
                        self.flush();
                    }
                }
                Some(Task::Reopen) => {
                    let _ = self.call(|channel| channel.reopen());
                }
                None => break,
            }
            if self.lane.is_dead() {
                return;
            }
        }
        let outcome = self.call(|channel| channel.finish());
        self.settle(outcome);
    }

    fn flush(&mut self) {
        if self.kept > 0 {
            let outcome = self.call(|channel| channel.flush());
            self.settle(outcome);
        }
    }

    /// What the channel took is out, or lost.
    fn settle(&mut self, outcome: Result<(), ()>) {
        let count = match outcome {
            Ok(()) => &self.lane.delivered,
            Err(()) => &self.lane.failed,
        };
        count.fetch_add(std::mem::take(&mut self.kept), Ordering::Relaxed);
    }

    /// Has the channel do something, under the eyes of the watchdog. A failure is reported; one that is for good ends the lane.
    fn call(
        &mut self,
        act: impl FnOnce(&mut dyn Channel) -> Result<(), Failure>,
    ) -> Result<(), ()> {
        let lane = &self.lane;
        let now = lane.started.elapsed().as_micros() as u64;
        lane.busy_since.store(now.max(1), Ordering::Relaxed);
        let outcome = act(&mut *self.channel);
        lane.busy_since.store(0, Ordering::Relaxed);
        lane.calls.fetch_add(1, Ordering::Relaxed);
        outcome.map_err(|failure| {
            if matches!(failure, Failure::Closed) {
                lane.die();
            }
            (self.report)(Trouble::Channel {
                name: lane.name.clone(),
                failure,
            });
        })
    }
}

impl Drop for Worker {
    /// However it ends, nobody shall wait for it.
    fn drop(&mut self) {
        self.lane.die();
    }
}
