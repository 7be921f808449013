//! Copies of descriptors.

use falco_event::{Event, codes};

use crate::{
    State, Subject,
    apply::succeeded,
    wire::{clone, open, result},
};

const F_DUPFD: u8 = 1;
const F_SETFD: u8 = 3;
const F_DUPFD_CLOEXEC: u8 = 26;
/// What `F_SETFD` sets.
const FD_CLOEXEC: u64 = 1;

impl State {
    pub(crate) fn duplicated(&mut self, event: &Event<'_>, at: &mut Subject) {
        if !succeeded(event) {
            return;
        }
        if at.fd.is_none() {
            self.copied_unknown(event, at);
            return;
        }
        // A shell that connects programs by a pipe makes its ends their input and output.
        let end = match result(event) {
            0 => clone::PIPE_DST,
            1 => clone::PIPE_SRC,
            _ => 0,
        };
        if let Some(thread) = self.thread_of(at) {
            thread.flags |= end;
        }
        let flags = event
            .u32(3)
            .filter(|_| event.code() == codes::SYSCALL_DUP3_X);
        self.copy(event, at, flags.unwrap_or(0) & open::CLOEXEC != 0);
    }

    pub(crate) fn fcntl(&mut self, event: &Event<'_>, at: &mut Subject) {
        if !succeeded(event) {
            return;
        }
        match event.u8(2) {
            Some(F_DUPFD) => self.copy(event, at, false),
            Some(F_DUPFD_CLOEXEC) => self.copy(event, at, true),
            Some(F_SETFD) => {
                let on = event.u64(3).unwrap_or(0) & FD_CLOEXEC != 0;
                if self.fd_of(at).is_some_and(|fd| fd.close_on_exec() != on)
                    && let Some(fd) = self.fd_of_mut(at)
                {
                    fd.set_close_on_exec(on);
                }
            }
            _ => {}
        }
    }

    fn copy(&mut self, event: &Event<'_>, at: &mut Subject, close_on_exec: bool) {
        if let Some(fd) = self.fd_of(at) {
            let mut fd = fd.clone();
            fd.set_close_on_exec(close_on_exec);
            self.add_event_fd(at, result(event), fd);
        } else {
            self.copied_unknown(event, at);
        }
    }

    /// Of what is copied nothing is known: the probe need not tell of files. What was known by the number before is gone. Of captures
    /// upstream keeps it.
    fn copied_unknown(&mut self, event: &Event<'_>, at: &Subject) {
        let live = self.machine.is_some();
        let fds = at.thread.filter(|_| live);
        if let Some(fds) = fds.and_then(|ix| self.threads.fds_mut(ix)) {
            self.counters.fds_removed += u64::from(fds.remove(result(event)));
        }
    }
}
