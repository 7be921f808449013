//! Processes and their children: linking, ending, handing children on.

use super::{Group, Links, ThreadIx, Threads};
use crate::{FdTable, thread::Thread, wire::clone};

impl Threads {
    /// Makes a thread a member of its process and a child of its parent. Nothing happens to invalid threads and to linked ones.
    pub(crate) fn link(&mut self, ix: ThreadIx) {
        let Some(slot) = self.slot_mut(ix) else {
            return;
        };
        if slot.thread.flags & clone::FILES != 0 && !slot.thread.is_main() {
            // It uses those of the main thread.
            slot.thread.fds = FdTable::default();
        }
        if slot.links.in_group || slot.thread.is_invalid() {
            return;
        }
        let (tid, pid, ptid) = (slot.thread.tid, slot.thread.pid, slot.thread.ptid);
        self.join_group(ix);
        // The first process has no parent. Who is said to be its own is left at that.
        if pid == 1 || ptid == tid {
            return;
        }
        let parent = self
            .find(ptid)
            .filter(|parent| self.get(*parent).is_some_and(|it| !it.is_invalid()));
        self.adopt(parent, ix);
    }

    /// Takes a thread out of its process and its parent's children.
    pub(crate) fn unlink(&mut self, ix: ThreadIx) {
        self.leave_group(ix);
        self.leave_parent(ix);
    }

    /// Marks a thread as dead; its entry stays.
    pub(crate) fn mark_dead(&mut self, ix: ThreadIx) {
        self.set_dead(ix, true);
    }

    /// Makes a dead thread live again: the program that another thread of its process executed runs in it.
    pub(crate) fn resurrect(&mut self, ix: ThreadIx) {
        self.set_dead(ix, false);
    }

    /// Removes a thread that has ended. Its children go to whoever the kernel named ([`Thread::reaper`]), or would have. A main thread
    /// stays, dead, while other threads of its process live. How many entries went.
    pub(crate) fn remove(&mut self, tid: i64) -> usize {
        let Some(ix) = self.find(tid) else { return 0 };
        let Some(slot) = self.slot(ix) else { return 0 };
        if !slot.links.in_group {
            self.erase(ix);
            return 1;
        }
        let (pid, is_main) = (slot.thread.pid, slot.thread.is_main());
        let has_children = slot.links.children.is_some();
        self.mark_dead(ix);
        if has_children {
            let reaper = self.reaper_of(ix);
            if let Some(reaper) = reaper {
                let (tid, reaper_pid) = self.get(reaper).map_or((-1, pid), |it| (it.tid, it.pid));
                if let Some(thread) = self.get_mut(ix) {
                    thread.reaper = tid;
                }
                if reaper_pid != pid
                    && let Some(group) = self.groups.get_mut(&reaper_pid)
                {
                    group.reaper = true;
                }
            }
            self.disown(ix, reaper);
        }
        let mut removed = 0;
        let all_dead = self.groups.get(&pid).is_none_or(|group| group.alive == 0);
        if !is_main {
            self.erase(ix);
            removed += 1;
        }
        if all_dead && let Some(main) = self.main_of(pid) {
            self.erase(main);
            removed += 1;
        }
        removed
    }

    /// Gives a thread another process.
    pub(crate) fn set_pid(&mut self, ix: ThreadIx, pid: i64) {
        if self.get(ix).is_some_and(|thread| thread.pid != pid) {
            let linked = self.is_member(ix);
            self.unlink(ix);
            if let Some(thread) = self.get_mut(ix) {
                thread.pid = pid;
            }
            if linked {
                self.link(ix);
            }
        }
    }

    /// Has the process of a thread adopt the orphans among its descendants, or not.
    pub(crate) fn set_reaper(&mut self, ix: ThreadIx, reaper: bool) {
        if self.is_member(ix)
            && let Some(pid) = self.get(ix).map(|thread| thread.pid)
            && let Some(group) = self.groups.get_mut(&pid)
        {
            group.reaper = reaper;
        }
    }

    /// Another thread of the same process than this one and than the main thread.
    pub(crate) fn other_thread(&self, ix: ThreadIx) -> Option<i64> {
        let pid = self.slot(ix).filter(|slot| slot.links.in_group)?.thread.pid;
        self.members(pid)
            .filter(|(other, thread)| *other != ix && !thread.is_main())
            .map(|(_, thread)| thread.tid)
            .next()
    }

    /// Hands the children of a thread to another; without one they have parent 0.
    pub(super) fn disown(&mut self, ix: ThreadIx, reaper: Option<ThreadIx>) {
        while let Some(child) = self.slot(ix).and_then(|slot| slot.links.children) {
            self.leave_parent(child);
            self.adopt(reaper, child);
        }
    }

    fn adopt(&mut self, parent: Option<ThreadIx>, child: ThreadIx) {
        let parent = parent.filter(|parent| *parent != child);
        let tid = parent.and_then(|parent| self.get(parent)).map(|it| it.tid);
        let (Some(parent), Some(tid)) = (parent, tid) else {
            if let Some(thread) = self.get_mut(child) {
                thread.ptid = 0;
            }
            return;
        };
        let mut first = None;
        if let Some(slot) = self.slot_mut(parent) {
            first = slot.links.children.replace(child);
            slot.links.child_count += 1;
        }
        if let Some(first) = first {
            self.change(first, |links| links.child_prev = Some(child));
        }
        if let Some(slot) = self.slot_mut(child) {
            slot.thread.ptid = tid;
            slot.links.parent = Some(parent);
            slot.links.child_prev = None;
            slot.links.child_next = first;
        }
    }

    fn leave_parent(&mut self, ix: ThreadIx) {
        let Some(links) = self.slot(ix).map(|slot| slot.links) else {
            return;
        };
        let Some(parent) = links.parent else { return };
        match links.child_prev {
            Some(prev) => self.change(prev, |it| it.child_next = links.child_next),
            None => self.change(parent, |it| it.children = links.child_next),
        }
        if let Some(next) = links.child_next {
            self.change(next, |it| it.child_prev = links.child_prev);
        }
        self.change(parent, |it| {
            it.child_count = it.child_count.saturating_sub(1);
        });
        self.change(ix, |it| {
            (it.parent, it.child_prev, it.child_next) = (None, None, None);
        });
    }

    fn join_group(&mut self, ix: ThreadIx) {
        let Some(thread) = self.get(ix) else { return };
        let (pid, main, dead) = (thread.pid, thread.is_main(), thread.is_dead());
        let init = pid == 1 || thread.vpid == 1;
        let group = self.groups.entry(pid).or_insert(Group {
            reaper: init,
            ..Group::default()
        });
        group.alive += u32::from(!dead);
        let (old_first, old_last) = (group.first, group.last);
        if main {
            group.first = Some(ix);
            group.last = old_last.or(Some(ix));
            self.change(ix, |it| (it.in_group, it.group_next) = (true, old_first));
            if let Some(first) = old_first {
                self.change(first, |it| it.group_prev = Some(ix));
            }
        } else {
            group.last = Some(ix);
            group.first = old_first.or(Some(ix));
            self.change(ix, |it| (it.in_group, it.group_prev) = (true, old_last));
            if let Some(last) = old_last {
                self.change(last, |it| it.group_next = Some(ix));
            }
        }
    }

    fn leave_group(&mut self, ix: ThreadIx) {
        let Some(slot) = self.slot(ix).filter(|slot| slot.links.in_group) else {
            return;
        };
        let (links, pid, dead) = (slot.links, slot.thread.pid, slot.thread.is_dead());
        if let Some(prev) = links.group_prev {
            self.change(prev, |it| it.group_next = links.group_next);
        }
        if let Some(next) = links.group_next {
            self.change(next, |it| it.group_prev = links.group_prev);
        }
        self.change(ix, |it| {
            (it.in_group, it.group_prev, it.group_next) = (false, None, None);
        });
        if let Some(group) = self.groups.get_mut(&pid) {
            group.alive -= u32::from(!dead).min(group.alive);
            if group.first == Some(ix) {
                group.first = links.group_next;
            }
            if group.last == Some(ix) {
                group.last = links.group_prev;
            }
            if group.first.is_none() {
                self.groups.remove(&pid);
            }
        }
    }

    fn set_dead(&mut self, ix: ThreadIx, dead: bool) {
        let Some(slot) = self.slot_mut(ix) else {
            return;
        };
        if slot.thread.is_dead() == dead {
            return;
        }
        slot.thread.flags ^= clone::CLOSED;
        let (in_group, pid) = (slot.links.in_group, slot.thread.pid);
        if in_group && let Some(group) = self.groups.get_mut(&pid) {
            group.alive = if dead {
                group.alive.saturating_sub(1)
            } else {
                group.alive + 1
            };
        }
    }

    fn erase(&mut self, ix: ThreadIx) {
        self.unlink(ix);
        self.disown(ix, None);
        if let Some(slot) = self.slots.get_mut(ix.0 as usize).and_then(Option::take) {
            self.places.remove(&slot.thread.tid);
            self.free.push(ix);
        }
    }

    /// Who gets the children of a thread that ends.
    fn reaper_of(&self, ix: ThreadIx) -> Option<ThreadIx> {
        let thread = self.get(ix)?;
        let named = Some(thread.reaper).filter(|tid| *tid > 0);
        let named = named
            .and_then(|tid| self.find(tid))
            .filter(|reaper| *reaper != ix && self.get(*reaper).is_some_and(|it| !it.is_invalid()));
        named
            .or_else(|| self.living(thread.pid, Some(ix)))
            .or_else(|| self.nearest_reaper(thread))
    }

    /// The nearest ancestor that adopts orphans; the search ends where a pid namespace ends.
    fn nearest_reaper(&self, thread: &Thread) -> Option<ThreadIx> {
        let mut at = self.find(thread.ptid)?;
        // The relation of parents has no loops unless events were lost: the bound is for that case.
        for _ in 0..self.len() {
            let parent = self.get(at)?;
            if parent.in_pid_namespace() != thread.in_pid_namespace() {
                return None;
            }
            if self.is_member(at)
                && self.groups.get(&parent.pid).is_some_and(|it| it.reaper)
                && let Some(found) = self.living(parent.pid, None)
            {
                return Some(found);
            }
            at = self.find(parent.ptid)?;
        }
        None
    }

    /// The first living thread of a process.
    fn living(&self, pid: i64, except: Option<ThreadIx>) -> Option<ThreadIx> {
        self.members(pid)
            .find(|(ix, thread)| Some(*ix) != except && !thread.is_dead())
            .map(|(ix, _)| ix)
    }

    pub(super) fn members(&self, pid: i64) -> impl Iterator<Item = (ThreadIx, &Thread)> {
        let mut next = self.groups.get(&pid).and_then(|group| group.first);
        std::iter::from_fn(move || {
            let ix = next?;
            let slot = self.slot(ix)?;
            next = slot.links.group_next;
            Some((ix, &slot.thread))
        })
    }

    fn main_of(&self, pid: i64) -> Option<ThreadIx> {
        let main = self.find(pid)?;
        (self.is_member(main) && self.get(main)?.is_main()).then_some(main)
    }

    fn is_member(&self, ix: ThreadIx) -> bool {
        self.slot(ix).is_some_and(|slot| slot.links.in_group)
    }

    fn change(&mut self, ix: ThreadIx, change: impl FnOnce(&mut Links)) {
        if let Some(slot) = self.slot_mut(ix) {
            change(&mut slot.links);
        }
    }
}
