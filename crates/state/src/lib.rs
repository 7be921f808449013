//! What events change and fields ask: threads and processes, their descriptors, users and groups.
//!
//! [`State::apply`] takes one event after the other; between two of them everything an event destroyed is still there to be read.
//! One writer, no locks, no clock: time comes from the events. `/proc` is read in one small module only, at start and for threads
//! that were missed.
#![forbid(unsafe_code)]

mod fd;
mod thread;

pub use fd::{Ends, Fd, FdKind, FdTable, Layer, Proto, Role, Tuple};
pub use thread::{Image, Thread, ThreadIx, Threads};

use falco_event::Event;

/// All that is known of the machine.
#[derive(Debug, Default)]
pub struct State {
    /// The threads, and through them the descriptors.
    pub threads: Threads,
}

/// What an event is about, once the state has taken it in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The thread that it happened in; absent for events of no thread.
    pub thread: Option<ThreadIx>,
    /// The number of the descriptor that the event creates, uses or destroys.
    pub fd: Option<i64>,
}

impl State {
    /// Forgets what the event before destroyed, then takes in this one.
    pub fn apply(&mut self, event: &Event<'_>) -> Subject {
        Subject {
            thread: self.threads.find(event.thread()),
            fd: None,
        }
    }
}
