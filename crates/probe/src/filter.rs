//! The tables by which the probe finds out which events nobody needs.

use std::os::fd::{AsFd as _, AsRawFd as _};

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
    /// instead, if not 0: flags of which one has to be set.
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
/// The size of `struct filter`.
const BYTES: usize =
    8 + 256 + 4 * CELLS + 2 * OUTCOMES + CALL_BYTES * CALLS + PADDING + STEP_BYTES * STEPS;
/// The steps begin at a multiple of 8.
const PADDING: usize = (8 + 256 + 4 * CELLS + 2 * OUTCOMES + CALL_BYTES * CALLS)
    .next_multiple_of(8)
    - (8 + 256 + 4 * CELLS + 2 * OUTCOMES + CALL_BYTES * CALLS);

impl Filter {
    /// Where to go on when the event is to be sent.
    pub const SEND: u16 = 0xFFFF;
    /// Where, when nobody needs it.
    pub const SKIP: u16 = 0xFFFE;

    /// The struct, given whether closing is watched; `None` when it does not fit.
    fn encode(&self, closes: bool) -> Option<Vec<u8>> {
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
            out.extend(step.result.0.to_ne_bytes());
            out.extend(step.result.1.to_ne_bytes());
            out.extend(step.flags.to_ne_bytes());
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
    let Some(bytes) = filter.and_then(|filter| filter.encode(closes)) else {
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
