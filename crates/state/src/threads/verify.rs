//! What must hold between two events, for tests and fuzzing.

use super::{ThreadIx, Threads};

impl Threads {
    /// Whether the tables agree with each other: every thread where its id says, every parent and every member of a process there, all
    /// counts right, descriptors only where they are looked for. What does not hold, in words.
    #[cold]
    pub fn verify(&self) -> Result<(), String> {
        let places = self.slots.iter().flatten().count();
        check(self.places.len() == places, || {
            format!("{} ids for {places} threads", self.places.len())
        })?;
        check(self.free.len() + places == self.slots.len(), || {
            format!("{} places are lost", self.slots.len())
        })?;
        let (mut children, mut members) = (0, 0);
        for at in 0..self.slot_count() {
            if self.slot(ThreadIx(at)).is_some() {
                children += self.verify_thread(ThreadIx(at))?;
            }
        }
        for pid in self.groups.keys() {
            members += self.verify_group(*pid)?;
        }
        let linked = self.slots.iter().flatten();
        let with_parent = linked.clone().filter(|slot| slot.links.parent.is_some());
        let (with_parent, in_group) = (
            with_parent.count(),
            linked.filter(|slot| slot.links.in_group).count(),
        );
        check(children == with_parent, || {
            format!("{children} children have a parent, {with_parent} believe so")
        })?;
        check(members == in_group, || {
            format!("{members} threads are in a process, {in_group} believe so")
        })
    }

    /// How many children it has.
    fn verify_thread(&self, ix: ThreadIx) -> Result<usize, String> {
        let Some(slot) = self.slot(ix) else {
            return Ok(0);
        };
        let (thread, links) = (&slot.thread, &slot.links);
        let tid = thread.tid;
        check(self.places.get(&tid) == Some(&ix), || {
            format!("thread {tid} is not where its id says")
        })?;
        check(links.in_group != thread.is_invalid(), || {
            format!("thread {tid} is in a process and invalid, or neither")
        })?;
        if let Some(parent) = links.parent {
            let there = self.get(parent).map(|parent| parent.tid);
            check(there == Some(thread.ptid), || {
                format!("the parent of {tid} is {}, not {there:?}", thread.ptid)
            })?;
        }
        let found = self.fds(thread);
        let owns = found.is_some_and(|fds| std::ptr::eq(fds, &raw const thread.fds));
        check(thread.fds.is_empty() || owns, || {
            format!("nobody finds the descriptors of {tid}")
        })?;
        let (mut count, mut next, mut prev) = (0, links.children, None);
        while let Some(child) = next {
            let known = self.slot(child).map(|slot| slot.links);
            let of = known.map(|links| (links.parent, links.child_prev));
            check(of == Some((Some(ix), prev)), || {
                format!("a child of {tid} has other neighbours: {of:?}")
            })?;
            count += 1;
            check(count <= self.len(), || {
                format!("the children of {tid} form a loop")
            })?;
            (prev, next) = (next, known.and_then(|links| links.child_next));
        }
        check(count == links.child_count as usize, || {
            format!("{tid} has {count} children, not {}", links.child_count)
        })?;
        Ok(count)
    }

    /// How many members a process has.
    fn verify_group(&self, pid: i64) -> Result<usize, String> {
        let (mut count, mut alive, mut last) = (0, 0, None);
        for (ix, thread) in self.members(pid).take(self.len() + 1) {
            check(thread.pid == pid, || {
                format!("{} of {} is in process {pid}", thread.tid, thread.pid)
            })?;
            check(count == 0 || !thread.is_main(), || {
                format!("the main thread of {pid} is not the first")
            })?;
            (count, last) = (count + 1, Some(ix));
            alive += u32::from(!thread.is_dead());
        }
        let group = self.groups.get(&pid).copied().unwrap_or_default();
        check(count > 0 && group.last == last, || {
            format!("process {pid} has {count} threads and ends elsewhere")
        })?;
        check(group.alive == alive, || {
            format!("{alive} threads of {pid} live, not {}", group.alive)
        })?;
        Ok(count)
    }
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
