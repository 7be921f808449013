//! Memory and limits.

use falco_event::Event;

use crate::{State, Subject, Thread, apply::succeeded, wire::result};

const RLIMIT_NOFILE: u8 = 7;

impl State {
    pub(crate) fn rlimit(&mut self, event: &Event<'_>, at: &mut Subject) {
        if event.u8(3) == Some(RLIMIT_NOFILE)
            && succeeded(event)
            && let Some(main) = at.thread.and_then(|ix| self.threads.main_mut(ix))
        {
            set_fd_limit(main, event);
        }
    }

    /// The limits of any process.
    pub(crate) fn prlimit(&mut self, event: &Event<'_>) {
        if event.u8(6) != Some(RLIMIT_NOFILE) || result(event) != 0 {
            return;
        }
        let tid = match event.i64(5) {
            Some(0) => event.thread(),
            Some(tid) => tid,
            None => return,
        };
        if let Some(ix) = self.threads.find(tid)
            && let Some(main) = self.threads.main_mut(ix)
            && !main.is_invalid()
        {
            set_fd_limit(main, event);
        }
    }

    /// What the scheduler says when a thread is put aside.
    pub(crate) fn switched(&mut self, event: &Event<'_>, at: &mut Subject) {
        let (Some(ix), Some(swap)) = (at.thread, event.u32(5)) else {
            return;
        };
        if let Some(thread) = self.threads.get_mut(ix) {
            thread.pfmajor = event.u64(1).unwrap_or(0);
            thread.pfminor = event.u64(2).unwrap_or(0);
        }
        if let Some(main) = self.threads.main_mut(ix) {
            main.vm_size_kb = event.u32(3).unwrap_or(0);
            main.vm_rss_kb = event.u32(4).unwrap_or(0);
            main.vm_swap_kb = swap;
        }
    }

    pub(crate) fn mapped(&mut self, event: &Event<'_>, at: &mut Subject) {
        let Some(thread) = self.thread_of(at) else {
            return;
        };
        if let Some(size) = event.u32(1) {
            thread.vm_size_kb = size;
        }
        if let (Some(rss), Some(swap)) = (event.u32(2), event.u32(3)) {
            thread.vm_rss_kb = rss;
            thread.vm_swap_kb = swap;
        }
    }
}

fn set_fd_limit(main: &mut Thread, event: &Event<'_>) {
    if let Some(limit) = event.i64(1).filter(|limit| *limit != -1) {
        main.fd_limit = limit;
    }
}

/// The memory and page faults that the ends of clone and exec report, all or none.
pub(super) fn read_memory(thread: &mut Thread, event: &Event<'_>) {
    if let (Some(pfmajor), Some(pfminor), Some(size), Some(rss), Some(swap)) = (
        event.u64(8),
        event.u64(9),
        event.u32(10),
        event.u32(11),
        event.u32(12),
    ) {
        thread.pfmajor = pfmajor;
        thread.pfminor = pfminor;
        thread.vm_size_kb = size;
        thread.vm_rss_kb = rss;
        thread.vm_swap_kb = swap;
    }
}
