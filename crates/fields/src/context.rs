//! What fields ask that neither an event nor the state knows.

use std::cell::{RefCell, RefMut};

use falco_event::render::Show;
use falco_filter::Slot;
use hashbrown::HashMap;
use jiff::tz::TimeZone;
use rustc_hash::FxBuildHasher;

/// The source of kernel events.
pub(crate) const SYSCALL: &str = "syscall";

/// What is the same for all events of a source.
#[derive(Debug)]
pub struct Context {
    /// The name of the host (`evt.hostname`); empty in replay.
    pub hostname: Box<[u8]>,
    /// Where the events come from (`evt.source`).
    pub source: &'static str,
    /// The zone of local times.
    pub zone: TimeZone,
    /// The time of the first event, notifications not counted, in nanoseconds since 1970.
    pub first_ns: u64,
    /// How buffers in parameters are shown.
    pub show: Show,
    /// What some fields remember from event to event.
    pub memory: Memory,
}

/// What some fields remember from event to event.
#[derive(Debug, Default)]
pub struct Memory {
    /// A time or a sum, by field and by processor or thread.
    sums: RefCell<HashMap<(Slot, i64), u64, FxBuildHasher>>,
    /// A buffer that is used again.
    scratch: RefCell<Vec<u8>>,
}

impl Default for Context {
    fn default() -> Context {
        Context {
            hostname: Box::default(),
            source: SYSCALL,
            zone: TimeZone::UTC,
            first_ns: 0,
            show: Show::default(),
            memory: Memory::default(),
        }
    }
}

impl Memory {
    /// Replaces what a field remembers; gives what it was, 0 at first.
    pub(crate) fn remember(&self, slot: Slot, of: i64, value: u64) -> u64 {
        self.sums
            .borrow_mut()
            .insert((slot, of), value)
            .unwrap_or(0)
    }

    /// A buffer for a moment; what is in it is from before.
    pub(crate) fn scratch(&self) -> RefMut<'_, Vec<u8>> {
        self.scratch.borrow_mut()
    }

    /// What a field remembers, 0 at first.
    pub(crate) fn recall(&self, slot: Slot, of: i64) -> u64 {
        self.sums.borrow().get(&(slot, of)).copied().unwrap_or(0)
    }
}
