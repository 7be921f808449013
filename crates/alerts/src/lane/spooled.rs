//! A lane whose alerts wait on disk: each is tried until it is out, is refused or gets too old.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use super::{MANY, Worker};
use crate::outputs::Trouble;
use crate::spool::{Head, Next, Spool};
use crate::{Channel, Failure, Finished};

/// How soon a failed delivery is tried again; each time it takes twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How soon it is looked again whether another reader has gone.
const TURN: Duration = Duration::from_millis(20);

/// A spool, read by one at a time.
pub(super) struct Spooled<'a> {
    pub(super) spool: &'a Spool,
    pub(super) head: MutexGuard<'a, Head>,
}

impl Worker {
    /// Waits until nobody else reads the spool: another configuration does, while the two take turns. `None` if this one is to end before the
    /// other, which then delivers what is on disk.
    pub(super) fn wait_for_head<'a>(&self, spool: &'a Spool) -> Option<Spooled<'a>> {
        let mut ends = false;
        loop {
            if let Some(head) = spool.head() {
                return Some(Spooled { spool, head });
            }
            if ends {
                return None;
            }
            ends = self.lane.queue.wait_closed(TURN);
        }
    }

    /// Delivers what is on disk.
    ///
    /// # Errors
    /// Not all could be delivered: how long to wait before it is tried again.
    pub(super) fn drain(&mut self, spooled: &mut Spooled<'_>) -> Result<(), Duration> {
        loop {
            match spooled.spool.next(&mut spooled.head) {
                Ok(Next::Nothing) if self.kept == 0 => return Ok(()),
                Ok(Next::Nothing) => self.try_spooled(spooled, |channel| channel.flush())?,
                Ok(Next::Alert(alert)) => self.deliver_spooled(spooled, &alert)?,
                Ok(Next::TooOld) => self.pass_over(spooled),
                Err(cause) => return Err(self.pause(spooled, Failure::Write(cause))),
            }
        }
    }

    fn deliver_spooled(
        &mut self,
        spooled: &mut Spooled<'_>,
        alert: &Arc<Finished>,
    ) -> Result<(), Duration> {
        self.kept += 1;
        if !self.channel.collects() {
            return self.try_spooled(spooled, |channel| channel.deliver(alert));
        }
        if self.kept >= MANY {
            return self.try_spooled(spooled, |channel| {
                channel.deliver(alert)?;
                channel.flush()
            });
        }
        let kept = self.watched(|channel| channel.deliver(alert));
        kept.map_err(|failure| self.pause(spooled, failure))
    }

    /// Does what gets out all that the channel was given.
    fn try_spooled(
        &mut self,
        spooled: &mut Spooled<'_>,
        act: impl FnOnce(&mut dyn Channel) -> Result<(), Failure>,
    ) -> Result<(), Duration> {
        match self.watched(act) {
            Ok(()) => self.settle(Ok(())),
            Err(failure @ Failure::Refused(_)) => {
                self.report(failure);
                self.settle(Err(()));
            }
            Err(failure) => return Err(self.pause(spooled, failure)),
        }
        self.outage = None;
        self.commit(spooled);
        Ok(())
    }

    fn pass_over(&mut self, spooled: &mut Spooled<'_>) {
        self.lane.dropped.fetch_add(1, Ordering::Relaxed);
        if !self.expired {
            self.expired = true;
            let name = self.lane.name.clone();
            (self.report)(Trouble::Expired { name });
        }
        if self.kept == 0 {
            self.commit(spooled);
        }
    }

    /// What cannot be noted is delivered twice; that is told as what it is.
    fn commit(&mut self, spooled: &mut Spooled<'_>) {
        if let Err(cause) = spooled.spool.commit(&mut spooled.head) {
            self.report(Failure::Write(io::Error::new(
                cause.kind(),
                format!("cannot note what has been delivered: {cause}"),
            )));
        }
    }

    /// All that is not out is tried again, after the pause that comes back. The failure is told if there was none before.
    fn pause(&mut self, spooled: &mut Spooled<'_>, failure: Failure) -> Duration {
        self.kept = 0;
        Spool::rewind(&mut spooled.head);
        if self.outage.is_none() {
            self.report(failure);
        }
        let longer = |pause: Duration| (pause * 2).min(LONGEST_PAUSE);
        let pause = self.outage.map_or(FIRST_PAUSE, longer);
        self.outage = Some(pause);
        pause
    }
}
