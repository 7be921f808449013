//! The tables by which the probe finds out which events nobody needs.

mod flags;

use std::{
    os::fd::{AsFd as _, AsRawFd as _},
    sync::atomic::{AtomicU32, Ordering},
};

use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType};

/// Which events have to be sent. What the words mean: `bpf/lib/filter.h`.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Whether files that are opened have to be known later.
    pub files: bool,
    /// Of each byte of a path its class, from 1 on.
    pub classes: [u8; 256],
    /// Rows of an automaton over paths: the outcome at the end of the path, then for each class where the next row begins.
    pub cells: Vec<u32>,
    /// Where to begin, by outcome: a slice of it belongs to a call.
    pub outcomes: Vec<u16>,
    /// The calls by the codes of their events: where to begin before the path is looked at, and where in `outcomes` its slice is.
    pub calls: Vec<(u16, u16, Option<u16>)>,
    /// What is asked.
    pub steps: Vec<Step>,
}

/// A question, and where to go on.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The range that the result has to be in;
    pub result: (i64, i64),
    /// instead, if not 0: flags of which one has to be set, as they are on the wire.
    pub flags: u32,
    /// Where to go on if it holds: a step, [`Filter::SEND`] or [`Filter::SKIP`].
    pub yes: u16,
    /// Where, if not.
    pub no: u16,
}

const CELLS: usize = 1 << 18;
const OUTCOMES: usize = 1 << 13;
const STEPS: usize = 1 << 10;
const CALLS: usize = 1 << 9;
const STEP_BYTES: usize = 24;
const CALL_BYTES: usize = 4;
const HEAD_BYTES: usize = 16;
/// The size of `struct filter`.
const BYTES: usize =
    HEAD_BYTES + 256 + 4 * CELLS + 2 * OUTCOMES + CALL_BYTES * CALLS + PADDING + STEP_BYTES * STEPS;
/// The steps begin at a multiple of 8.
const PADDING: usize = (HEAD_BYTES + 256 + 4 * CELLS + 2 * OUTCOMES + CALL_BYTES * CALLS)
    .next_multiple_of(8)
    - (HEAD_BYTES + 256 + 4 * CELLS + 2 * OUTCOMES + CALL_BYTES * CALLS);

/// Further than any result, and near enough that differences are numbers.
const FAR: i64 = 1 << 62;
/// A range that nothing is in.
const NO_RESULT: (i64, i64) = (FAR, -FAR);

impl Filter {
    /// Where to go on when the event is to be sent.
    pub const SEND: u16 = 0xFFFF;
    /// Where, when nobody needs it.
    pub const SKIP: u16 = 0xFFFE;

    /// The least result from 0 on behind which none is treated in another way than the next.
    fn alike(&self) -> i32 {
        let ranges = self.steps.iter().filter(|step| step.flags == 0);
        let bounds = ranges.flat_map(|step| [Some(step.result.0), step.result.1.checked_add(1)]);
        let last = bounds.flatten().max().unwrap_or(0).max(0);
        i32::try_from(last).unwrap_or(i32::MAX)
    }

    /// The struct, given which filter it is and whether closing is watched; `None` when it does not fit.
    fn encode(&self, number: u32, closes: bool) -> Option<Vec<u8>> {
        let fits = self.cells.len() <= CELLS
            && self.outcomes.len() <= OUTCOMES
            && self.steps.len() <= STEPS
            && self
                .calls
                .iter()
                .all(|(code, ..)| usize::from(*code) < CALLS);
        if !fits {
            return None;
        }
        let mut out = Vec::with_capacity(BYTES);
        out.extend(u32::from(self.files).to_ne_bytes());
        out.extend(u32::from(closes).to_ne_bytes());
        out.extend(number.to_ne_bytes());
        out.extend(self.alike().to_ne_bytes());
        out.extend(self.classes);
        let mut at = out.len() + 4 * CELLS;
        out.extend(self.cells.iter().flat_map(|cell| cell.to_ne_bytes()));
        out.resize(at, 0);
        at += 2 * OUTCOMES;
        out.extend(self.outcomes.iter().flat_map(|place| place.to_ne_bytes()));
        out.resize(at, 0);
        // Calls that are not in it are sent.
        let mut calls = vec![(Filter::SEND, 0); CALLS];
        for (code, first, outcomes) in &self.calls {
            let outcomes = outcomes.map_or(0, |outcomes| outcomes + 1);
            if let Some(call) = calls.get_mut(usize::from(*code)) {
                *call = (*first, outcomes);
            }
        }
        for (first, outcomes) in calls {
            out.extend(first.to_ne_bytes());
            out.extend(outcomes.to_ne_bytes());
        }
        out.resize(out.len() + PADDING, 0);
        for step in &self.steps {
            let flags = flags::asked(step.flags);
            let (first, last) = if step.flags == 0 {
                step.result
            } else {
                NO_RESULT
            };
            out.extend(first.clamp(-FAR, FAR).to_ne_bytes());
            out.extend(last.clamp(-FAR, FAR).to_ne_bytes());
            out.extend(flags.to_ne_bytes());
            out.extend(step.yes.to_ne_bytes());
            out.extend(step.no.to_ne_bytes());
        }
        out.resize(BYTES, 0);
        Some(out)
    }
}

/// Puts a filter in place of the one that is there, at once for whoever comes next; without one everything is sent. One that does not
/// fit is as none. `closes`: whether closing is watched.
pub(crate) fn install(
    filters: &impl MapCore,
    filter: Option<&Filter>,
    closes: bool,
) -> libbpf_rs::Result<()> {
    let place = 0_u32.to_ne_bytes();
    static INSTALLED: AtomicU32 = AtomicU32::new(0);
    let number = INSTALLED.fetch_add(1, Ordering::Relaxed) + 1;
    let Some(bytes) = filter.and_then(|filter| filter.encode(number, closes)) else {
        // There may be none.
        let _ = filters.delete(&place);
        return Ok(());
    };
    let options = libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_sys::bpf_map_create_opts>() as libbpf_sys::size_t,
        ..Default::default()
    };
    let map = MapHandle::create(MapType::Array, Some("filter"), 4, BYTES as u32, 1, &options)?;
    map.update(&place, &bytes, MapFlags::ANY)?;
    // The kernel keeps what a map holds.
    filters.update(
        &place,
        &map.as_fd().as_raw_fd().to_ne_bytes(),
        MapFlags::ANY,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_alike_behind_the_last_bound() {
        let alike = |ranges: &[(i64, i64)]| {
            let steps = ranges.iter().map(|result| Step {
                result: *result,
                flags: 0,
                yes: Filter::SEND,
                no: Filter::SKIP,
            });
            let filter = Filter {
                files: false,
                classes: [1; 256],
                cells: Vec::new(),
                outcomes: Vec::new(),
                calls: Vec::new(),
                steps: steps.collect(),
            };
            filter.alike()
        };
        assert_eq!(alike(&[]), 0);
        assert_eq!(alike(&[(0, i64::MAX), (-13, -13), (i64::MIN, -1)]), 0);
        assert_eq!(alike(&[(0, i64::MAX), (5, 9)]), 10);
        assert_eq!(alike(&[(i64::MIN, 14), (13, i64::MAX)]), 15);
        assert_eq!(alike(&[(i64::MAX, i64::MAX)]), i32::MAX);
    }
}
