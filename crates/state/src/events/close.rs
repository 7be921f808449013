//! Descriptors that are closed.

use falco_event::Event;

use crate::{State, Subject, apply::succeeded};

/// The flag of `close_range` that only marks.
const CLOSE_RANGE_CLOEXEC: u32 = 1 << 2;

impl State {
    /// The descriptor stays until the next event, so that this one's can be asked.
    pub(crate) fn closed(&mut self, event: &Event<'_>, at: &mut Subject) {
        if succeeded(event)
            && let Some(number) = at.fd
            && let Some(thread) = self.thread_of(at)
        {
            let tid = thread.tid;
            self.leaving.fd = Some((tid, number));
        }
    }

    pub(crate) fn closed_range(&mut self, event: &Event<'_>, at: &mut Subject) {
        let (Some(first), Some(last)) = (event.u32(1), event.u32(2)) else {
            return;
        };
        let range = i64::from(first)..=i64::from(last);
        let Some(fds) = at.thread.and_then(|ix| self.threads.fds_mut(ix)) else {
            return;
        };
        if !succeeded(event) {
            return;
        }
        if event.u32(3).unwrap_or(0) & CLOSE_RANGE_CLOEXEC != 0 {
            fds.change_if(
                |number, fd| range.contains(&number) && !fd.close_on_exec(),
                |fd| fd.set_close_on_exec(true),
            );
        } else {
            self.counters.fds_removed += fds.remove_if(|number, _| range.contains(&number)) as u64;
        }
    }
}
