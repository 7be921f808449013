//! The events, a file for each subject. Each function takes one event in, whose thread and descriptor are found already.

mod accounts;
mod clone;
mod close;
mod container;
mod create;
mod credentials;
mod directory;
mod dump;
mod dup;
mod exec;
mod exit;
mod figures;
mod groups;
mod open;
mod socket;
mod traffic;

pub(crate) use clone::Gone;
pub(crate) use exec::{closed, existing};
pub(crate) use groups::Groups;

use crate::{Fd, State, Subject, Thread};

impl State {
    /// The thread of the event, to be changed.
    fn thread_of(&mut self, at: &Subject) -> Option<&mut Thread> {
        self.threads.get_mut(at.thread?)
    }

    /// The descriptor of the event.
    fn fd_of(&self, at: &Subject) -> Option<&Fd> {
        self.threads.fds_at(at.thread?)?.get(at.fd?)
    }

    /// The descriptor of the event, to be changed.
    fn fd_of_mut(&mut self, at: &Subject) -> Option<&mut Fd> {
        self.threads.fds_mut(at.thread?)?.get_mut(at.fd?)
    }

    /// Gives the thread of the event a descriptor, which becomes that of the event.
    fn add_event_fd(&mut self, at: &mut Subject, number: i64, fd: Fd) {
        let Some(ix) = at.thread else { return };
        if let Some(thread) = self.threads.get_mut(ix) {
            thread.last_fd = number;
        }
        let added = self
            .threads
            .fds_mut(ix)
            .is_some_and(|fds| fds.insert(number, fd));
        if added {
            self.counters.fds_added += 1;
        } else {
            self.counters.fds_dropped += 1;
        }
        at.fd = added.then_some(number);
    }
}
