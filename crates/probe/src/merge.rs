//! Several rings as one: the oldest record first.
//!
//! A record may reach its ring after a later one has reached another: its CPU was still writing it. So a record is lent out only when
//! no earlier one can come any more: every other ring holds a later one, or was seen to be empty [`HOLD_NS`] after its time.

use std::os::fd::BorrowedFd;

use rustix::time::{ClockId, clock_gettime};

use crate::{
    error::Error,
    ring::{Place, Ring},
};

/// How long a CPU may take to write an event: many times what it takes.
pub(crate) const HOLD_NS: u64 = 200_000;

/// The rings of a probe.
#[derive(Debug)]
pub(crate) struct Merge {
    rings: Vec<Ring>,
    /// The next record of each ring, as far as it is known.
    heads: Vec<Option<Head>>,
    /// Earlier than this, nothing comes into a ring that has no head.
    settled_ns: u64,
    /// The boot's time, as the probe adds it to its own.
    boot_time_ns: u64,
    /// The ring whose record was found, and given to whoever asked.
    found: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    time_ns: u64,
    place: Place,
}

impl Merge {
    pub(crate) fn map<'a>(
        rings: impl Iterator<Item = (BorrowedFd<'a>, usize)>,
        boot_time_ns: u64,
    ) -> Result<Merge, Error> {
        let rings: Vec<Ring> = rings
            .map(|(fd, bytes)| {
                Ring::map(fd, bytes).map_err(|cause| Error::Ring {
                    bytes: bytes as u64,
                    cause,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Merge {
            heads: vec![None; rings.len()],
            rings,
            settled_ns: 0,
            boot_time_ns,
            found: None,
        })
    }

    /// Looks for the oldest record of all rings that no earlier one can follow, and gives back the one that was found before.
    pub(crate) fn find(&mut self) -> bool {
        if let Some(index) = self.found.take() {
            if let Some(head) = self.heads[index].take() {
                self.rings[index].advance(head.place);
            }
            self.look(index);
        }
        let mut oldest = self.oldest();
        if oldest.is_none_or(|(_, time_ns)| time_ns >= self.settled_ns) {
            let now_ns = self.now_ns();
            for index in 0..self.rings.len() {
                self.look(index);
            }
            // The order within a ring is the kernel's.
            let hold_ns = if self.rings.len() == 1 { 0 } else { HOLD_NS };
            self.settled_ns = (now_ns + 1).saturating_sub(hold_ns);
            oldest = self.oldest();
        }
        let is_settled =
            |time_ns| time_ns < self.settled_ns || self.heads.iter().all(Option::is_some);
        self.found = oldest
            .filter(|(_, time_ns)| is_settled(*time_ns))
            .map(|(index, _)| index);
        self.found.is_some()
    }

    /// The record that was found last.
    pub(crate) fn found(&self) -> Option<&[u8]> {
        let index = self.found?;
        Some(self.rings[index].bytes(self.heads[index]?.place))
    }

    /// Whether no ring holds anything. What is being written counts.
    pub(crate) fn is_empty(&self) -> bool {
        self.rings.iter().all(Ring::is_empty)
    }

    /// Finds the head of a ring that has none yet.
    fn look(&mut self, index: usize) {
        if let (None, Some(place)) = (self.heads[index], self.rings[index].peek()) {
            let time_ns = self.rings[index].time(place);
            self.heads[index] = Some(Head { time_ns, place });
        }
    }

    fn oldest(&self) -> Option<(usize, u64)> {
        let heads = self.heads.iter().enumerate();
        heads
            .filter_map(|(index, head)| Some((index, (*head)?.time_ns)))
            .min_by_key(|(_, time_ns)| *time_ns)
    }

    /// The time, as the probe would write it.
    fn now_ns(&self) -> u64 {
        let time = clock_gettime(ClockId::Boottime);
        self.boot_time_ns + time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}

#[cfg(test)]
mod tests;
