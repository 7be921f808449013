//! Descriptors of other things than files and sockets.

use std::{io::Write as _, sync::Arc};

use falco_event::{Event, codes};

use crate::{
    Fd, FdKind, State, Subject,
    apply::succeeded,
    wire::{open, result, text},
};

const EPOLL_CLOEXEC: u32 = 1;

impl State {
    /// Both ends of a pipe; the event's descriptor is the second.
    pub(crate) fn piped(&mut self, event: &Event<'_>, at: &mut Subject) {
        let (Some(first), Some(second)) = (event.i64(1), event.i64(2)) else {
            return;
        };
        if !succeeded(event) {
            return;
        }
        let flags = event
            .u32(4)
            .filter(|_| event.code() == codes::SYSCALL_PIPE2_X);
        let fd = Fd {
            kind: FdKind::Pipe,
            ino: event.u64(3).unwrap_or(0),
            open_flags: flags.unwrap_or(0),
            ..Fd::default()
        };
        self.add_event_fd(at, first, fd.clone());
        self.add_event_fd(at, second, fd);
    }

    pub(crate) fn created_nameless(&mut self, event: &Event<'_>, at: &mut Subject) {
        if !succeeded(event) {
            return;
        }
        let narrow = |index| u32::from(event.u16(index).unwrap_or(0));
        let (kind, open_flags) = match event.code() {
            codes::SYSCALL_EVENTFD2_X => (FdKind::Event, narrow(1)),
            codes::SYSCALL_SIGNALFD_X => (FdKind::Signal, 0),
            codes::SYSCALL_SIGNALFD4_X => (FdKind::Signal, narrow(1)),
            codes::SYSCALL_TIMERFD_CREATE_X => (FdKind::Timer, event.u8(2).unwrap_or(0).into()),
            codes::SYSCALL_INOTIFY_INIT_X => (FdKind::Inotify, 0),
            codes::SYSCALL_INOTIFY_INIT1_X => (FdKind::Inotify, narrow(1)),
            codes::SYSCALL_BPF_2_X => (FdKind::Bpf, 0),
            codes::SYSCALL_USERFAULTFD_X => (FdKind::Userfault, 0),
            codes::SYSCALL_IO_URING_SETUP_X => (FdKind::IoUring, 0),
            codes::SYSCALL_EPOLL_CREATE_X => (FdKind::Epoll, 0),
            codes::SYSCALL_EPOLL_CREATE1_X => {
                let closes = event.u32(1).unwrap_or(0) & EPOLL_CLOEXEC != 0;
                (FdKind::Epoll, if closes { open::CLOEXEC } else { 0 })
            }
            _ => (FdKind::Event, 0),
        };
        let fd = Fd {
            kind,
            open_flags,
            ..Fd::default()
        };
        self.add_event_fd(at, result(event), fd);
    }

    /// Upstream adds a descriptor even if the call failed; there is none.
    pub(crate) fn created_memfd(&mut self, event: &Event<'_>, at: &mut Subject) {
        if !succeeded(event) {
            return;
        }
        let fd = Fd {
            kind: FdKind::Memfd,
            name: Arc::from(text(event, 1)),
            open_flags: event.u32(2).unwrap_or(0),
            ..Fd::default()
        };
        at.name_changed = !fd.name.is_empty();
        self.add_event_fd(at, result(event), fd);
    }

    pub(crate) fn opened_pidfd(&mut self, event: &Event<'_>, at: &mut Subject) {
        let Some(pid) = event.i64(1).filter(|_| succeeded(event)) else {
            return;
        };
        let mut name = self.host_root.to_vec();
        let _ = write!(name, "/proc/{pid}");
        let fd = Fd {
            kind: FdKind::Pidfd(pid),
            name: name.into(),
            open_flags: event.u32(2).unwrap_or(0),
            ..Fd::default()
        };
        at.name_changed = true;
        self.add_event_fd(at, result(event), fd);
    }

    /// A copy of another process's descriptor.
    pub(crate) fn taken_by_pidfd(&mut self, event: &Event<'_>, at: &mut Subject) {
        let (Some(pidfd), Some(target)) = (event.i64(1), event.i64(2)) else {
            return;
        };
        let fds = at.thread.and_then(|ix| self.threads.fds_at(ix));
        let Some(FdKind::Pidfd(pid)) = fds.and_then(|fds| fds.get(pidfd)).map(|fd| &fd.kind) else {
            return;
        };
        let theirs = self.threads.find(*pid);
        let fd = theirs.and_then(|ix| self.threads.fds_at(ix)?.get(target));
        if let Some(fd) = fd.filter(|_| succeeded(event)) {
            let mut fd = fd.clone();
            fd.set_close_on_exec(true);
            self.add_event_fd(at, result(event), fd);
        }
    }
}
