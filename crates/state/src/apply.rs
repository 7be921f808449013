//! The way of an event through the state.

use std::rc::Rc;

use falco_event::{Event, EventCode, EventFlags, Origin, codes};

use crate::{Image, State, Subject, Thread, ThreadIx, wire};

/// What the event before ended: to be forgotten when the next one comes.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    pub(crate) thread: Option<i64>,
    /// A thread, and the descriptor that it closed.
    pub(crate) fd: Option<(i64, i64)>,
}

impl State {
    /// Forgets what the event before destroyed, then takes in this one.
    pub fn apply(&mut self, event: &Event<'_>) -> Subject {
        self.forget(event.time_ns());
        let mut subject = self.reset(event);
        self.dispatch(event, &mut subject);
        if subject.thread.is_some() && !event.code().is_enter() {
            self.drop_entered(&subject);
        }
        subject
    }

    /// Each event that changes something, and the function that knows how. (The dump of all processes that the probe's iterators write
    /// at the start, codes 430 to 449, will have its place here; until then `/proc` is read.)
    fn dispatch(&mut self, event: &Event<'_>, at: &mut Subject) {
        match event.code() {
            codes::SYSCALL_OPEN_E
            | codes::SYSCALL_CREAT_E
            | codes::SYSCALL_OPENAT_2_E
            | codes::SYSCALL_OPENAT2_E
            | codes::SYSCALL_EXECVE_19_E
            | codes::SYSCALL_EXECVEAT_E
            | codes::SOCKET_CONNECT_E => self.keep_entered(event, at),

            codes::SYSCALL_CLONE_20_X
            | codes::SYSCALL_FORK_20_X
            | codes::SYSCALL_VFORK_20_X
            | codes::SYSCALL_CLONE3_X => self.cloned(event, at),
            codes::SYSCALL_EXECVE_19_X | codes::SYSCALL_EXECVEAT_X => self.executed(event, at),
            codes::PROCEXIT_1_E => self.exited(event, at),
            codes::SYSCALL_PRCTL_X => self.prctl(event, at),

            codes::SYSCALL_OPEN_X
            | codes::SYSCALL_CREAT_X
            | codes::SYSCALL_OPENAT_2_X
            | codes::SYSCALL_OPENAT2_X
            | codes::SYSCALL_OPEN_BY_HANDLE_AT_X => self.opened(event, at),
            codes::SYSCALL_CLOSE_X => self.closed(event, at),
            codes::SYSCALL_CLOSE_RANGE_X => self.closed_range(event, at),
            codes::SYSCALL_DUP_1_X | codes::SYSCALL_DUP2_X | codes::SYSCALL_DUP3_X => {
                self.duplicated(event, at);
            }
            codes::SYSCALL_FCNTL_X => self.fcntl(event, at),
            codes::SYSCALL_PIPE_X | codes::SYSCALL_PIPE2_X => self.piped(event, at),
            codes::SYSCALL_EVENTFD_X
            | codes::SYSCALL_EVENTFD2_X
            | codes::SYSCALL_SIGNALFD_X
            | codes::SYSCALL_SIGNALFD4_X
            | codes::SYSCALL_TIMERFD_CREATE_X
            | codes::SYSCALL_INOTIFY_INIT_X
            | codes::SYSCALL_INOTIFY_INIT1_X
            | codes::SYSCALL_BPF_2_X
            | codes::SYSCALL_USERFAULTFD_X
            | codes::SYSCALL_IO_URING_SETUP_X
            | codes::SYSCALL_EPOLL_CREATE_X
            | codes::SYSCALL_EPOLL_CREATE1_X => self.created_nameless(event, at),
            codes::SYSCALL_MEMFD_CREATE_X => self.created_memfd(event, at),
            codes::SYSCALL_PIDFD_OPEN_X => self.opened_pidfd(event, at),
            codes::SYSCALL_PIDFD_GETFD_X => self.taken_by_pidfd(event, at),

            codes::SOCKET_SOCKET_X => self.socket(event, at),
            codes::SOCKET_SOCKETPAIR_X => self.socketpair(event, at),
            codes::SOCKET_BIND_X => self.bound(event, at),
            codes::SOCKET_CONNECT_X => self.connected(event, at),
            codes::SOCKET_ACCEPT_5_X | codes::SOCKET_ACCEPT4_6_X => self.accepted(event, at),
            codes::SYSCALL_READ_X
            | codes::SYSCALL_READV_X
            | codes::SYSCALL_PREAD_X
            | codes::SYSCALL_PREADV_X
            | codes::SOCKET_RECV_X
            | codes::SOCKET_RECVFROM_X
            | codes::SOCKET_RECVMSG_X
            | codes::SOCKET_RECVMMSG_X => self.received(event, at),
            codes::SYSCALL_WRITE_X
            | codes::SYSCALL_WRITEV_X
            | codes::SYSCALL_PWRITE_X
            | codes::SYSCALL_PWRITEV_X
            | codes::SOCKET_SEND_X
            | codes::SOCKET_SENDTO_X
            | codes::SOCKET_SENDMSG_X
            | codes::SOCKET_SENDMMSG_X => self.sent(event, at),

            _ => self.dispatch_rest(event, at),
        }
    }

    /// The events that change neither threads nor descriptors.
    fn dispatch_rest(&mut self, event: &Event<'_>, at: &mut Subject) {
        match event.code() {
            codes::SYSCALL_CHDIR_X | codes::SYSCALL_GETCWD_X => self.changed_directory(event, at),
            codes::SYSCALL_FCHDIR_X => self.changed_directory_by_fd(event, at),
            codes::SYSCALL_CHROOT_X => self.changed_root(event, at),

            codes::SYSCALL_SETRESUID_X
            | codes::SYSCALL_SETREUID_X
            | codes::SYSCALL_SETUID_X
            | codes::SYSCALL_SETRESGID_X
            | codes::SYSCALL_SETREGID_X
            | codes::SYSCALL_SETGID_X => self.set_ids(event, at),
            codes::SYSCALL_CAPSET_X => self.capset(event, at),
            codes::SYSCALL_UNSHARE_X | codes::SYSCALL_SETNS_X => self.entered_namespace(event, at),
            codes::SYSCALL_SETSID_X => self.setsid(event, at),
            codes::SYSCALL_GETRLIMIT_X | codes::SYSCALL_SETRLIMIT_X => self.rlimit(event, at),
            codes::SYSCALL_PRLIMIT_X => self.prlimit(event),
            codes::SCHEDSWITCH_6_E => self.switched(event, at),
            codes::SYSCALL_BRK_4_X
            | codes::SYSCALL_MMAP_X
            | codes::SYSCALL_MMAP2_X
            | codes::SYSCALL_MUNMAP_X => self.mapped(event, at),

            codes::USER_ADDED_E => self.user_added(event),
            codes::USER_DELETED_E => self.user_deleted(event),
            codes::GROUP_ADDED_E => self.group_added(event),
            codes::GROUP_DELETED_E => self.group_deleted(event),
            _ => {}
        }
    }

    fn forget(&mut self, now_ns: u64) {
        if let Some(tid) = self.leaving.thread.take() {
            if let Some(thread) = self.threads.by_tid(tid) {
                let (reaper, orphans) = (thread.reaper, self.threads.child_count(thread) > 0);
                self.gone.add(thread.ptid, tid, now_ns);
                // Who the kernel says adopts the children may be somebody we missed.
                if orphans && reaper > 0 && self.threads.find(reaper).is_none() {
                    self.recover(reaper, now_ns);
                }
            }
            self.remove_thread(tid);
        }
        self.purge(now_ns);
        if let Some((tid, number)) = self.leaving.fd.take()
            && let Some(ix) = self.threads.find(tid)
            && let Some(fds) = self.threads.fds_mut(ix)
        {
            self.counters.fds_removed += u64::from(fds.remove(number));
        }
    }

    /// Finds the thread of an event and the descriptor that it uses.
    fn reset(&mut self, event: &Event<'_>) -> Subject {
        let code = event.code();
        let info = code.info();
        if info.origin == Origin::Iter {
            return Subject::default();
        }
        if uses_nothing(code, info.flags) {
            return Subject {
                thread: self.threads.find(event.thread()),
                ..Subject::default()
            };
        }
        let (tid, now_ns) = (event.thread(), event.time_ns());
        self.counters.thread_lookups += 1;
        let thread = self.threads.find(tid).or_else(|| self.missing(event));
        let mut subject = Subject {
            thread,
            ..Subject::default()
        };
        let Some(ix) = thread else { return subject };
        self.threads.seen(ix, now_ns);
        if code == codes::SCHEDSWITCH_6_E {
            return subject;
        }
        let number = self.number_of(event, ix);
        if let Some(thread) = self.threads.get_mut(ix) {
            thread.last_fd = number;
        }
        if number >= 0 {
            self.counters.fd_lookups += 1;
            let fds = self.threads.fds_at(ix);
            if fds.is_some_and(|fds| fds.get(number).is_some()) {
                subject.fd = Some(number);
            } else {
                self.counters.fds_missing += 1;
            }
        }
        subject
    }

    /// The thread of an event that nobody knows: looked up, unless /proc cannot tell, or not yet, or not any more.
    fn missing(&mut self, event: &Event<'_>) -> Option<ThreadIx> {
        self.counters.threads_missing += 1;
        match event.code() {
            codes::SYSCALL_CLONE_20_X
            | codes::SYSCALL_CLONE3_X
            | codes::SYSCALL_FORK_20_X
            | codes::SYSCALL_VFORK_20_X
            | codes::SCHEDSWITCH_6_E
            | codes::PROCEXIT_1_E => None,
            _ => self.recover(event.thread(), event.time_ns()),
        }
    }

    /// The number of the descriptor that an event uses, -1 if none.
    fn number_of(&self, event: &Event<'_>, ix: ThreadIx) -> i64 {
        let code = event.code();
        if !event.info().flags.any(EventFlags::USES_FD) {
            return -1;
        }
        if code.is_enter() {
            return event.i64(0).unwrap_or(-1);
        }
        // What a call was entered with is what the kernel used.
        if code == codes::SOCKET_CONNECT_X
            && let Some(enter) = self.threads.entered(ix)
            && let Ok(enter) = Event::parse(enter)
            && enter.code() == codes::SOCKET_CONNECT_E
            && let Some(number) = enter.i64(0)
        {
            return number;
        }
        fd_parameter(code)
            .and_then(|index| event.i64(index))
            .unwrap_or(-1)
    }

    /// Looks a missing thread up. If nothing is found, or nobody may look, an invalid entry stands for it; `None` when the table is
    /// full.
    pub(crate) fn recover(&mut self, tid: i64, now_ns: u64) -> Option<ThreadIx> {
        if let Some(ix) = self.look_up(tid, now_ns) {
            self.counters.threads_recovered += 1;
            return Some(ix);
        }
        let image = self.scratch.unknown.get_or_insert_with(|| {
            Rc::new(Image {
                comm: (*b"<NA>").into(),
                exe: (*b"<NA>").into(),
                ..Image::default()
            })
        });
        let thread = Thread {
            tid,
            image: Rc::clone(image),
            ..Thread::default()
        };
        self.insert_thread(thread)
    }

    /// Adds a thread and links it; `None` when the table is full.
    pub(crate) fn insert_thread(&mut self, thread: Thread) -> Option<ThreadIx> {
        let known = self.threads.find(thread.tid).is_some();
        if !known
            && self.threads.len() >= self.limits.threads
            && Some(thread.pid) != self.limits.own_pid
        {
            self.counters.threads_dropped += 1;
            return None;
        }
        self.counters.threads_added += 1;
        let ix = self.threads.insert(thread);
        self.threads.link(ix);
        Some(ix)
    }

    pub(crate) fn remove_thread(&mut self, tid: i64) {
        self.counters.threads_removed += self.threads.remove(tid) as u64;
    }

    /// Keeps an entry into a call for its end.
    fn keep_entered(&mut self, event: &Event<'_>, at: &mut Subject) {
        at.hidden = true;
        let Some(ix) = at.thread else {
            self.counters.enters_dropped += 1;
            return;
        };
        // An entry whose text could not be read says nothing that its end does not say.
        let says_nothing = event.param(0).is_none()
            && !matches!(
                event.code(),
                codes::SYSCALL_EXECVEAT_E | codes::SOCKET_CONNECT_E
            );
        if says_nothing {
            return;
        }
        let mut bytes = self.scratch.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(event.bytes());
        self.counters.enters_kept += 1;
        if let Some(old) = self.threads.keep_entered(ix, bytes) {
            self.scratch.give_back(old);
        }
    }

    /// Takes the kept entry of the call that this event ends, if it is that.
    pub(crate) fn take_entered(&mut self, event: &Event<'_>, at: &Subject) -> Option<Vec<u8>> {
        let bytes = at.thread.and_then(|ix| self.threads.take_entered(ix));
        let matches = bytes.as_ref().is_some_and(|bytes| {
            Event::parse(bytes).is_ok_and(|enter| {
                let (enter, exit) = (enter.code(), event.code());
                // What execveat begins, the end of an execve reports.
                enter.get() + 1 == exit.get()
                    || (enter == codes::SYSCALL_EXECVEAT_E && exit == codes::SYSCALL_EXECVE_19_X)
            })
        });
        if matches {
            self.counters.enters_found += 1;
            return bytes;
        }
        self.counters.enters_missing += 1;
        if let Some(bytes) = bytes {
            self.scratch.give_back(bytes);
        }
        None
    }

    /// The end of any call ends the claim of an entry that was kept.
    fn drop_entered(&mut self, at: &Subject) {
        if let Some(bytes) = at.thread.and_then(|ix| self.threads.take_entered(ix)) {
            self.scratch.give_back(bytes);
        }
    }
}

impl crate::Scratch {
    pub(crate) fn give_back(&mut self, bytes: Vec<u8>) {
        const SPARE_MAX: usize = 64;
        if self.spare.len() < SPARE_MAX {
            self.spare.push(bytes);
        }
    }
}

/// Events that may name a thread but do not happen in it.
fn uses_nothing(code: EventCode, flags: EventFlags) -> bool {
    flags.any(EventFlags::SKIPPARSERESET)
        || matches!(
            code,
            codes::CONTAINER_JSON_2_E
                | codes::USER_ADDED_E
                | codes::USER_DELETED_E
                | codes::GROUP_ADDED_E
                | codes::GROUP_DELETED_E
                | codes::PLUGINEVENT_E
                | codes::ASYNCEVENT_E
        )
}

/// Which parameter of the end of a call is the descriptor that it used. There is no rule to it.
fn fd_parameter(code: EventCode) -> Option<usize> {
    Some(match code {
        codes::SYSCALL_SETNS_X
        | codes::SOCKET_LISTEN_X
        | codes::SOCKET_SHUTDOWN_X
        | codes::SYSCALL_FCHDIR_X
        | codes::SYSCALL_LSEEK_X
        | codes::SYSCALL_LLSEEK_X
        | codes::SYSCALL_IOCTL_3_X
        | codes::SYSCALL_FSTAT_X
        | codes::SYSCALL_CLOSE_X
        | codes::SYSCALL_GETDENTS_X
        | codes::SYSCALL_GETDENTS64_X
        | codes::SYSCALL_FLOCK_X
        | codes::SYSCALL_COPY_FILE_RANGE_X
        | codes::SYSCALL_FCNTL_X
        | codes::SYSCALL_DUP_1_X
        | codes::SYSCALL_DUP2_X
        | codes::SYSCALL_DUP3_X
        | codes::SYSCALL_NEWFSTATAT_X
        | codes::SYSCALL_FCHOWNAT_X
        | codes::SYSCALL_FCHMODAT_X
        | codes::SYSCALL_MKDIRAT_X
        | codes::SYSCALL_UNLINKAT_2_X
        | codes::SYSCALL_MKNODAT_X
        | codes::SOCKET_SENDMMSG_X
        | codes::SOCKET_RECVMMSG_X
        | codes::SYSCALL_IO_URING_REGISTER_X
        | codes::SYSCALL_IO_URING_ENTER_X
        | codes::SOCKET_SETSOCKOPT_X
        | codes::SOCKET_GETSOCKOPT_X
        | codes::SYSCALL_FSCONFIG_X
        | codes::SYSCALL_FINIT_MODULE_X
        | codes::SYSCALL_FCHMOD_X
        | codes::SYSCALL_FCHOWN_X => 1,
        codes::SYSCALL_READ_X
        | codes::SYSCALL_PREAD_X
        | codes::SOCKET_BIND_X
        | codes::SYSCALL_WRITE_X
        | codes::SYSCALL_PWRITE_X
        | codes::SOCKET_RECV_X
        | codes::SOCKET_SEND_X
        | codes::SOCKET_SENDTO_X
        | codes::SOCKET_SENDMSG_X
        | codes::SYSCALL_SENDFILE_X
        | codes::SYSCALL_SPLICE_X
        | codes::SYSCALL_WRITEV_X
        | codes::SYSCALL_PWRITEV_X
        | codes::SOCKET_CONNECT_X
        | codes::SYSCALL_SYMLINKAT_X => 2,
        codes::SOCKET_RECVFROM_X | codes::SYSCALL_READV_X | codes::SYSCALL_PREADV_X => 3,
        codes::SOCKET_RECVMSG_X => 5,
        codes::SYSCALL_MMAP_X | codes::SYSCALL_MMAP2_X => 8,
        _ => return None,
    })
}

/// Whether the end of a call says that it succeeded.
pub(crate) fn succeeded(event: &Event<'_>) -> bool {
    wire::result(event) >= 0
}
