//! Threads that end, and who adopts their children.

use falco_event::Event;

use crate::{State, Subject, apply::succeeded};

const PR_SET_CHILD_SUBREAPER: u32 = 36;
const PR_GET_CHILD_SUBREAPER: u32 = 37;

impl State {
    /// The thread stays, dead, until the next event.
    pub(crate) fn exited(&mut self, event: &Event<'_>, at: &mut Subject) {
        let Some(ix) = at.thread else { return };
        self.threads.mark_dead(ix);
        self.leaving.thread = Some(event.thread());
        let Some(thread) = self.threads.get(ix) else {
            return;
        };
        if thread.vpid == 1 && thread.vtid == 1 {
            self.containers.init_ended(thread.container);
        }
        if self.threads.child_count(thread) == 0 {
            return;
        }
        // 0 and -1: the kernel could not tell.
        if let Some(reaper) = event.i64(4)
            && let Some(thread) = self.threads.get_mut(ix)
        {
            thread.reaper = reaper;
        }
    }

    /// A process that wants to adopt orphans, or not any more.
    pub(crate) fn prctl(&mut self, event: &Event<'_>, at: &mut Subject) {
        if let Some(PR_SET_CHILD_SUBREAPER | PR_GET_CHILD_SUBREAPER) = event.u32(1)
            && succeeded(event)
            && let Some(ix) = at.thread
        {
            self.threads.set_reaper(ix, event.i64(3).unwrap_or(0) != 0);
        }
    }
}
