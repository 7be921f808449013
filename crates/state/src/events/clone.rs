//! New threads and processes. The call returns twice: in the caller with the child's id, in the child with 0; either may come first, or
//! not at all.

use std::sync::Arc;

use falco_event::{Event, codes};

use super::figures::read_memory;
use crate::{
    ContainerIx, Containers, State, Subject, Thread, ThreadIx, events::exec::program, wire::clone,
};

/// An entry that is younger is taken for that of the same clone.
const RECENT_NS: u64 = 2_000_000_000;

impl State {
    pub(crate) fn cloned(&mut self, event: &Event<'_>, at: &mut Subject) {
        self.sweep_containers();
        match event.i64(0) {
            Some(0) => self.cloned_in_child(event, at),
            Some(child) if child > 0 => self.cloned_in_caller(event, at, child),
            _ => {}
        }
    }

    fn cloned_in_caller(&mut self, event: &Event<'_>, at: &mut Subject, child: i64) {
        let (tid, now_ns) = (event.thread(), event.time_ns());
        at.thread = at.thread.or_else(|| self.recover(tid, now_ns));
        let Some(caller) = at.thread else { return };
        let known = self.threads.get(caller).is_some_and(|it| !it.is_invalid());
        if !known {
            self.introduce(caller, event);
        }
        let flags = event.u32(15).unwrap_or(0);
        if self.is_childs_business(event, caller, flags) || self.gone.is_recent(tid, child, now_ns)
        {
            return;
        }
        if let Some(there) = self.threads.by_tid(child) {
            if there.flags & clone::INVERTED != 0 {
                return;
            }
            // The end of a former thread of that id was missed.
            self.remove_thread(child);
        }
        // The caller itself may have gone with it.
        let Some(caller) = self.threads.find(tid) else {
            at.thread = None;
            return;
        };
        let Some(parent) = self.threads.get(caller) else {
            return;
        };
        let mut thread = Thread {
            tid: child,
            flags,
            ..Thread::default()
        };
        if flags & clone::THREAD == 0 {
            thread.pid = child;
            thread.ptid = parent.tid;
            if known {
                self.inherit_process(&mut thread, parent);
            }
        } else {
            thread.pid = parent.pid;
            thread.ptid = parent.ptid;
            thread.flags |= clone::FILES;
            thread.exec_ns = parent.exec_ns;
        }
        thread.vtid = thread.tid;
        thread.vpid = thread.pid;
        thread.pidns_start_ns = self.boot_ns;
        let source = known.then_some(parent);
        inherit(&mut thread, source, event);
        self.scratch.groups.read(&mut thread, source, event);
        settle_container(&mut self.containers, &mut thread, source);
        if !known && let Some(parent) = self.threads.get_mut(caller) {
            parent.image = Arc::clone(&thread.image);
        }
        self.insert_thread(thread);
    }

    /// Fills an invalid caller in with what the event says of it.
    fn introduce(&mut self, caller: ThreadIx, event: &Event<'_>) {
        if let (Some(pid), Some(ptid)) = (event.i64(4), event.i64(5))
            && let Some(thread) = self.threads.get_mut(caller)
        {
            thread.pid = pid;
            thread.ptid = ptid;
            thread.vtid = event.i64(18).unwrap_or(thread.tid);
            thread.vpid = event.i64(19).unwrap_or(-1);
            self.threads.link(caller);
        }
    }

    /// Whether only the child can tell its ids (in namespaces), or should be heard first: with vfork it may have ended before the
    /// caller goes on.
    fn is_childs_business(&self, event: &Event<'_>, caller: ThreadIx, flags: u32) -> bool {
        let apart = clone::CHILD_IN_PIDNS | clone::NEWPID | clone::PARENT | clone::VFORK;
        let vtid = self.threads.get(caller).map(|thread| thread.vtid);
        flags & apart != 0
            || event.code() == codes::SYSCALL_VFORK_20_X
            || vtid != Some(event.thread())
    }

    fn cloned_in_child(&mut self, event: &Event<'_>, at: &mut Subject) {
        let (tid, now_ns) = (event.thread(), event.time_ns());
        if let Some(there) = at.thread.and_then(|ix| self.threads.get(ix))
            && there.clone_ns != 0
        {
            if now_ns.wrapping_sub(there.clone_ns) < RECENT_NS {
                return;
            }
            self.remove_thread(tid);
        }
        at.thread = None;
        let (Some(pid), Some(ptid)) = (event.i64(4), event.i64(5)) else {
            return;
        };
        let mut thread = Thread {
            tid,
            pid,
            ptid,
            vtid: event.i64(18).unwrap_or(tid),
            vpid: event.i64(19).unwrap_or(-1),
            flags: event.u32(15).unwrap_or(0) | clone::INVERTED,
            pidns_start_ns: self.boot_ns,
            ..Thread::default()
        };
        if (thread.in_pid_namespace() || thread.flags & clone::NEWPID != 0)
            && let Some(since_boot) = event.u64(20)
        {
            thread.pidns_start_ns = self.boot_ns.saturating_add(since_boot);
        }
        let leads = thread.flags & clone::THREAD == 0;
        if !leads {
            thread.flags |= clone::FILES;
        }
        let Some(source) = self.source_of(&thread, leads, now_ns) else {
            return;
        };
        let Some(parent) = self.threads.get(source) else {
            return;
        };
        let known = !parent.is_invalid();
        if known && leads {
            self.inherit_process(&mut thread, parent);
        } else if known {
            thread.exec_ns = parent.exec_ns;
        }
        let parent = known.then_some(parent);
        inherit(&mut thread, parent, event);
        self.scratch.groups.read(&mut thread, parent, event);
        settle_container(&mut self.containers, &mut thread, parent);
        if !known && !leads {
            self.fill_main(source, &thread);
        }
        at.thread = self.insert_thread(thread);
    }

    /// Whom a child's data comes from: of a process the parent, of a thread the main thread.
    fn source_of(&mut self, child: &Thread, leads: bool, now_ns: u64) -> Option<ThreadIx> {
        let tid = if leads { child.ptid } else { child.pid };
        let found = self.threads.find(tid);
        found.or_else(|| self.recover(tid, now_ns))
    }

    /// Fills an invalid main thread in with what is known of another thread of its process.
    fn fill_main(&mut self, main: ThreadIx, thread: &Thread) {
        if let Some(main) = self.threads.get_mut(main) {
            main.pid = thread.pid;
            main.ptid = thread.ptid;
            main.vpid = thread.vpid;
            main.vtid = thread.vpid;
            main.image = Arc::clone(&thread.image);
        }
        self.threads.link(main);
    }

    /// What a process has for all its threads.
    fn inherit_process(&self, child: &mut Thread, parent: &Thread) {
        if let Some(fds) = self.threads.fds(parent) {
            child.fds = fds.clone();
        }
        child.cwd = match self.threads.main(parent) {
            Some(main) => Arc::clone(&main.cwd),
            None => Arc::from(self.threads.cwd(parent)),
        };
        // A thread that was there before us has the environment of its process, one that came later has none to hand on.
        child.env = Arc::clone(&parent.env);
    }
}

/// What every thread has of its own: from the event, the rest from whom it comes from.
fn inherit(child: &mut Thread, parent: Option<&Thread>, event: &Event<'_>) {
    child.image = program(event, parent);
    child.fd_limit = event.i64(7).unwrap_or(-1);
    read_memory(child, event);
    child.uid = event.u32(16).unwrap_or(u32::MAX);
    child.gid = event.u32(17).unwrap_or(u32::MAX);
    child.clone_ns = event.time_ns();
    if let Some(parent) = parent {
        child.root = Arc::clone(&parent.root);
        child.sid = parent.sid;
        child.vpgid = parent.vpgid;
        child.pgid = parent.pgid;
        child.tty = parent.tty;
        child.loginuid = parent.loginuid;
        child.cap_permitted = parent.cap_permitted;
        child.cap_inheritable = parent.cap_inheritable;
        child.cap_effective = parent.cap_effective;
        child.exe_ctime_to_clone_ns = parent.exe_ctime_to_clone_ns;
    }
}

/// A child is in the container of whom it comes from, unless its control groups are others.
fn settle_container(containers: &mut Containers, child: &mut Thread, parent: Option<&Thread>) {
    child.container = match parent {
        Some(parent) if Arc::ptr_eq(&parent.cgroups, &child.cgroups) => parent.container,
        parent => {
            let before = parent.map_or(ContainerIx::HOST, |parent| parent.container);
            containers.of(&child.cgroups, before)
        }
    };
}

/// Children that ended before the caller's side of their clone was heard: that must not bring them back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gone {
    /// Parent, child, when. A child's place is its id, modulo: ids are given out one after the other.
    ring: Vec<(i64, i64, u64)>,
}

impl Gone {
    const SIZE: usize = 8192;

    pub(crate) fn add(&mut self, parent: i64, child: i64, now_ns: u64) {
        if self.ring.is_empty() {
            self.ring = vec![(-1, -1, 0); Self::SIZE];
        }
        if let Some(place) = self.ring.get_mut(child as usize % Self::SIZE) {
            *place = (parent, child, now_ns);
        }
    }

    fn is_recent(&self, parent: i64, child: i64, now_ns: u64) -> bool {
        self.ring
            .get(child as usize % Self::SIZE)
            .is_some_and(|(p, c, then_ns)| {
                (*p, *c) == (parent, child)
                    && now_ns
                        .checked_sub(*then_ns)
                        .is_some_and(|age| age < RECENT_NS)
            })
    }
}
