//! What events change and fields ask: threads and processes, their descriptors, users and groups.
//!
//! [`State::apply`] takes one event after the other; between two of them everything an event destroyed is still there to be read.
//! One writer, no locks, no clock: time comes from the events. `/proc` is read in one small module only, at start and for threads
//! that were missed.
#![forbid(unsafe_code)]

mod fd;
mod net;
mod thread;
mod users;

pub use fd::{Ends, Fd, FdKind, FdTable, Layer, Proto, Role, Tuple};
pub use net::{Interface, Interfaces};
pub use thread::{Image, Thread, ThreadIx, Threads};
pub use users::{Group, User, Users};

use falco_event::Event;

/// All that is known of the machine.
#[derive(Debug, Default)]
pub struct State {
    /// The threads, and through them the descriptors.
    pub threads: Threads,
    /// The users and groups of the host and of containers.
    pub users: Users,
    /// The network interfaces of the host.
    pub interfaces: Interfaces,
    /// When the host started, nanoseconds since 1970; 0 in replay, as upstream has it.
    pub boot_ns: u64,
}

/// What an event is about, once the state has taken it in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The thread that it happened in; absent for events of no thread.
    pub thread: Option<ThreadIx>,
    /// The number of the descriptor that the event creates, uses or destroys; only if the table has it ([`Threads::fds`]). The number
    /// that `fd.num` shows is [`Thread::last_fd`], even when nothing is known of it.
    pub fd: Option<i64>,
    /// Whether the event gave that descriptor another name.
    pub name_changed: bool,
    /// Whether nobody but the state may see the event: entries into calls, kept for their ends.
    pub hidden: bool,
}

impl State {
    /// Takes in a thread that was there before the first event. The interfaces come first, then the threads, then the descriptors, then
    /// [`State::settle`].
    pub fn add_thread(&mut self, thread: Thread) {
        self.threads.insert(thread);
    }

    /// Takes in a descriptor that was there before the first event. Sockets need no name and no role: [`State::settle`] gives them.
    /// Ignored when there is no such thread.
    pub fn add_fd(&mut self, tid: i64, number: i64, fd: Fd) {
        if let Some(ix) = self.threads.find(tid) {
            self.threads.insert_fd(ix, number, fd);
        }
    }

    /// Links the threads that were added: groups, parents, roles of sockets.
    pub fn settle(&mut self) {}

    /// Forgets what the event before destroyed, then takes in this one.
    pub fn apply(&mut self, event: &Event<'_>) -> Subject {
        Subject {
            thread: self.threads.find(event.thread()),
            ..Subject::default()
        }
    }
}
