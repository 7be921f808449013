//! A channel with its queue and the thread that serves it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{io, thread};

use crate::outputs::{Report, Trouble};
use crate::queue::Queue;
use crate::spool::Spool;
use crate::{Channel, Failure, Finished};

mod spooled;

/// After so many alerts a channel that collects is to get them out, even if more wait.
const MANY: u64 = 1000;

/// What a channel is to do.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    Deliver(Arc<Finished>),
    /// There is something in the spool.
    Look,
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
    spool: Option<Arc<Spool>>,
    /// A [`Task::Look`] is on its way.
    called: AtomicBool,
    /// That the spool takes nothing has been told.
    spool_full: AtomicBool,
    started: Instant,
    /// Since when the channel is at one call: microseconds after `started`, 0 while it is at none.
    busy_since: AtomicU64,
}

impl Lane {
    /// Starts a thread that serves the channel until the queue is closed and empty. `alive` is dropped at its end, however that comes.
    pub(crate) fn start(
        channel: Box<dyn Channel>,
        spool: Option<Arc<Spool>>,
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
            // What is left from before comes first.
            called: AtomicBool::new(false),
            spool_full: AtomicBool::new(false),
            spool,
            started: Instant::now(),
            busy_since: AtomicU64::new(0),
        });
        let worker = Worker {
            lane: Arc::clone(&lane),
            channel,
            report,
            kept: 0,
            outage: None,
            expired: false,
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

    pub(crate) fn has_spool(&self) -> bool {
        self.spool.is_some()
    }

    /// Has the alert wait on disk; whether it does.
    pub(crate) fn spool(&self, alert: &Finished, report: &Report) -> bool {
        let Some(spool) = &self.spool else {
            return false;
        };
        match spool.append(alert) {
            Ok(()) => {
                self.spool_full.store(false, Ordering::Relaxed);
                if !self.called.swap(true, Ordering::AcqRel) {
                    self.queue.push_always(Task::Look);
                }
                true
            }
            Err(cause) => {
                if !self.spool_full.swap(true, Ordering::Relaxed) {
                    let name = self.name.clone();
                    report(Trouble::Spool { name, cause });
                }
                false
            }
        }
    }

    /// Throws away what waits in memory; how many alerts.
    pub(crate) fn discard(&self) -> usize {
        let tasks = self.queue.take_all();
        let alerts = tasks.iter().filter(|task| matches!(task, Task::Deliver(_)));
        alerts.count()
    }

    /// It gets nothing any more.
    fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.queue.close();
        self.failed
            .fetch_add(self.discard() as u64, Ordering::Relaxed);
    }
}

struct Worker {
    lane: Arc<Lane>,
    channel: Box<dyn Channel>,
    report: Report,
    /// Alerts that the channel took and that may not be out yet.
    kept: u64,
    /// How long to wait before spooled alerts are tried again, while they cannot be delivered.
    outage: Option<Duration>,
    /// That alerts are too old has been told.
    expired: bool,
    _alive: mpsc::Sender<()>,
}

impl Worker {
    fn run(mut self) {
        let spool = self.lane.spool.clone();
        let mut spooled = spool.as_ref().and_then(|spool| self.wait_for_head(spool));
        loop {
            // In order: what is on disk was there first.
            if let Some(spooled) = &mut spooled
                && let Err(pause) = self.drain(spooled)
            {
                if self.lane.queue.wait_closed(pause) {
                    break;
                }
                continue;
            }
            let mut task = self.lane.queue.pop_now();
            if task.is_none() {
                self.flush();
                task = self.lane.queue.pop();
            }
            match task {
                Some(Task::Deliver(alert)) => self.deliver(&alert),
                Some(Task::Look) => self.lane.called.store(false, Ordering::Release),
                Some(Task::Reopen) => {
                    self.flush();
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

    fn deliver(&mut self, alert: &Arc<Finished>) {
        self.kept += 1;
        let outcome = self.call(|channel| channel.deliver(alert));
        if outcome.is_err() || !self.channel.collects() {
            self.settle(outcome);
        } else if self.kept >= MANY {
            self.flush();
        }
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

    /// Has the channel do something. A failure is reported.
    fn call(
        &mut self,
        act: impl FnOnce(&mut dyn Channel) -> Result<(), Failure>,
    ) -> Result<(), ()> {
        self.watched(act).map_err(|failure| self.report(failure))
    }

    fn report(&self, failure: Failure) {
        (self.report)(Trouble::Channel {
            name: self.lane.name.clone(),
            failure,
        });
    }

    /// Has the channel do something, under the eyes of the watchdog. A failure that is for good ends the lane.
    fn watched(
        &mut self,
        act: impl FnOnce(&mut dyn Channel) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let lane = &self.lane;
        let now = lane.started.elapsed().as_micros() as u64;
        lane.busy_since.store(now.max(1), Ordering::Relaxed);
        let outcome = act(&mut *self.channel);
        lane.busy_since.store(0, Ordering::Relaxed);
        lane.calls.fetch_add(1, Ordering::Relaxed);
        if let Err(Failure::Closed) = outcome {
            lane.die();
        }
        outcome
    }
}

impl Drop for Worker {
    /// However it ends, nobody shall wait for it.
    fn drop(&mut self) {
        self.lane.die();
    }
}
