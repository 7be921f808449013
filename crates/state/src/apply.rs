//! The way of an event through the state.

use std::sync::Arc;

use falco_event::{Event, codes};

use crate::{Image, State, Subject, Thread, ThreadIx, route::Route, wire};

/// What the event before ended: to be forgotten when the next one comes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaving {
    pub(crate) thread: Option<i64>,
    /// A thread, and the descriptor that it closed.
    pub(crate) fd: Option<(i64, i64)>,
}

impl Leaving {
    fn is_any(&self) -> bool {
        self.thread.is_some() || self.fd.is_some()
    }
}

impl State {
    /// Forgets what the event before destroyed, then takes in this one.
    pub fn apply(&mut self, event: &Event<'_>) -> Subject {
        let route = Route::of(event.code());
        let mut subject = Subject::default();
        if self.leaving.is_any() {
            self.forget(event.time_ns());
        }
        self.purge(event.time_ns());
        self.reset(event, route, &mut subject);
        if let Some(take) = route.take {
            take(self, event, &mut subject);
        }
        if !event.code().is_enter() {
            self.drop_entered(&subject);
        }
        subject
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
        if let Some((tid, number)) = self.leaving.fd.take()
            && let Some(ix) = self.threads.find(tid)
            && let Some(fds) = self.threads.fds_mut(ix)
        {
            self.counters.fds_removed += u64::from(fds.remove(number));
        }
    }

    /// Finds the thread of an event and the descriptor that it uses.
    #[inline]
    fn reset(&mut self, event: &Event<'_>, route: &Route, at: &mut Subject) {
        if !route.in_thread {
            if route.names_thread {
                at.thread = self.threads.find(event.thread());
            }
            return;
        }
        self.counters.thread_lookups += 1;
        let found = self.threads.find(event.thread());
        at.thread = found.or_else(|| self.missing(event));
        let Some(ix) = at.thread else { return };
        self.threads.seen(ix, event.time_ns());
        if event.code() == codes::SCHEDSWITCH_6_E {
            return;
        }
        let number = self.number_of(event, route, ix);
        if let Some(thread) = self.threads.get_mut(ix) {
            thread.last_fd = number;
        }
        if number >= 0 {
            self.counters.fd_lookups += 1;
            let fds = self.threads.fds_at(ix);
            if fds.is_some_and(|fds| fds.get(number).is_some()) {
                at.fd = Some(number);
            } else {
                self.counters.fds_missing += 1;
            }
        }
    }

    /// The thread of an event that nobody knows: looked up, unless /proc cannot tell, or not yet, or not any more.
    #[cold]
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
    #[inline]
    fn number_of(&self, event: &Event<'_>, route: &Route, ix: ThreadIx) -> i64 {
        let Some(parameter) = route.fd else {
            return -1;
        };
        // What a call was entered with is what the kernel used.
        if event.code() == codes::SOCKET_CONNECT_X
            && let Some(enter) = self.threads.entered(ix)
            && let Ok(enter) = Event::parse(enter)
            && enter.code() == codes::SOCKET_CONNECT_E
            && let Some(number) = enter.i64(0)
        {
            return number;
        }
        event.i64(parameter.into()).unwrap_or(-1)
    }

    /// Looks a missing thread up. If nothing is found, or nobody may look, an invalid entry stands for it; `None` when the table is
    /// full.
    pub(crate) fn recover(&mut self, tid: i64, now_ns: u64) -> Option<ThreadIx> {
        if let Some(ix) = self.look_up(tid, now_ns) {
            self.counters.threads_recovered += 1;
            return Some(ix);
        }
        let image = self.scratch.unknown.get_or_insert_with(|| {
            Arc::new(Image {
                comm: (*b"<NA>").into(),
                exe: (*b"<NA>").into(),
                ..Image::default()
            })
        });
        let thread = Thread {
            tid,
            image: Arc::clone(image),
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
    pub(crate) fn keep_entered(&mut self, event: &Event<'_>, at: &mut Subject) {
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

/// Whether the end of a call says that it succeeded.
pub(crate) fn succeeded(event: &Event<'_>) -> bool {
    wire::result(event) >= 0
}
