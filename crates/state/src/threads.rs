//! The table of threads: who belongs to which process, who is whose child.

use std::cell::Cell;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::{fd::FdTable, thread::Thread, wire::clone};

mod family;
mod verify;

/// The place of a thread in the table. Stays valid until the event after the one that ended the thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ThreadIx(pub(crate) u32);

/// The table of threads, by thread id.
#[derive(Clone, Debug, Default)]
pub struct Threads {
    places: HashMap<i64, ThreadIx, FxBuildHasher>,
    slots: Vec<Option<Slot>>,
    free: Vec<ThreadIx>,
    groups: HashMap<i64, Group, FxBuildHasher>,
    /// What was found last: events come in runs of one thread. Only a hint, the slot tells whether it still holds.
    recent: Cell<ThreadIx>,
}

#[derive(Clone, Debug)]
struct Slot {
    thread: Thread,
    links: Links,
    /// When an event last happened in it.
    seen_ns: u64,
    /// The entry into a call, kept for its end.
    entered: Option<Vec<u8>>,
}

/// The neighbours of a thread in the list of its process and in the list of its parent's children.
#[derive(Clone, Copy, Debug, Default)]
struct Links {
    in_group: bool,
    group_next: Option<ThreadIx>,
    group_prev: Option<ThreadIx>,
    parent: Option<ThreadIx>,
    child_next: Option<ThreadIx>,
    child_prev: Option<ThreadIx>,
    children: Option<ThreadIx>,
    child_count: u32,
}

/// The threads of one process. The main thread, if it is there, is the first.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    alive: u32,
    reaper: bool,
    first: Option<ThreadIx>,
    last: Option<ThreadIx>,
}

/// The working directory of a thread whose process is not known.
const NO_CWD: &[u8] = b"./";

impl Threads {
    /// The place of a thread.
    #[inline]
    pub fn find(&self, tid: i64) -> Option<ThreadIx> {
        let recent = self.recent.get();
        match self.slot(recent) {
            Some(slot) if slot.thread.tid == tid => Some(recent),
            _ => self.search(tid),
        }
    }

    fn search(&self, tid: i64) -> Option<ThreadIx> {
        let found = self.places.get(&tid).copied()?;
        self.recent.set(found);
        Some(found)
    }

    /// The thread at a place.
    #[inline]
    pub fn get(&self, ix: ThreadIx) -> Option<&Thread> {
        Some(&self.slot(ix)?.thread)
    }

    /// The thread of that id.
    pub fn by_tid(&self, tid: i64) -> Option<&Thread> {
        self.get(self.find(tid)?)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// All threads.
    pub fn iter(&self) -> impl Iterator<Item = &Thread> {
        self.slots.iter().flatten().map(|slot| &slot.thread)
    }

    /// The main thread of a thread's process; itself if it is that.
    #[inline]
    pub fn main<'a>(&'a self, thread: &'a Thread) -> Option<&'a Thread> {
        if thread.is_main() {
            return Some(thread);
        }
        self.by_tid(thread.pid).filter(|main| main.is_main())
    }

    /// The parent: the process of the thread whose id the main thread has as `ptid`.
    pub fn parent(&self, thread: &Thread) -> Option<&Thread> {
        self.main(self.by_tid(self.main(thread)?.ptid)?)
    }

    /// That many steps up: 0 is the thread itself, 1 its parent.
    pub fn ancestor<'a>(&'a self, thread: &'a Thread, steps: usize) -> Option<&'a Thread> {
        let mut at = thread;
        for _ in 0..steps {
            let parent = self.parent(at)?;
            if parent.tid == at.tid {
                break;
            }
            at = parent;
        }
        Some(at)
    }

    /// The ancestors of a thread's process, parent first; ends at loops. Who is its own parent is named once.
    pub fn ancestors<'a>(&'a self, thread: &'a Thread) -> impl Iterator<Item = &'a Thread> {
        // Brent's way: a mark that is moved on after 1, 2, 4, ... steps will be met again if there is a loop.
        let mut next = self.parent(thread);
        let mut mark = match next {
            Some(parent) if parent.tid != thread.pid => thread.pid,
            _ => -1,
        };
        let (mut steps, mut power) = (0_u64, 1_u64);
        std::iter::from_fn(move || {
            let now = next.filter(|now| now.tid != mark)?;
            steps += 1;
            if steps == power {
                (mark, power, steps) = (now.tid, power * 2, 0);
            }
            next = self.parent(now);
            Some(now)
        })
    }

    /// The leader of a session or process group that a thread is in: the entry of that id, or the eldest of the consecutive ancestors
    /// with the same id. `id` says which one is meant; ids that count in a pid namespace (`within_namespace`) find no entry of the
    /// host.
    pub fn leader<'a>(
        &'a self,
        thread: &'a Thread,
        id: impl Fn(&Thread) -> i64,
        within_namespace: bool,
    ) -> Option<&'a Thread> {
        let wanted = id(thread);
        if wanted == -1 {
            return None;
        }
        if (!within_namespace || !thread.in_pid_namespace())
            && let Some(leader) = self.by_tid(wanted)
        {
            return Some(leader);
        }
        self.ancestors(thread)
            .take_while(|ancestor| id(ancestor) == wanted)
            .last()
    }

    /// The descriptors a thread uses.
    #[inline]
    pub fn fds<'a>(&'a self, thread: &'a Thread) -> Option<&'a FdTable> {
        if thread.flags & clone::FILES == 0 {
            Some(&thread.fds)
        } else {
            self.main(thread).map(|main| &main.fds)
        }
    }

    /// The working directory of a thread's process, closed by `/`.
    pub fn cwd<'a>(&'a self, thread: &'a Thread) -> &'a [u8] {
        self.main(thread).map_or(NO_CWD, |main| &main.cwd)
    }

    /// The environment of a thread's process, each entry closed by a NUL.
    pub fn env<'a>(&'a self, thread: &'a Thread) -> &'a [u8] {
        self.main(thread)
            .map_or(&thread.env[..], |main| &main.env[..])
    }

    /// How many children a thread has; threads of child processes count each.
    pub fn child_count(&self, thread: &Thread) -> u32 {
        let slot = self.find(thread.tid).and_then(|ix| self.slot(ix));
        slot.map_or(0, |slot| slot.links.child_count)
    }

    /// How many threads of a thread's process are alive (`proc.nthreads`); 0 if nothing is known of it.
    pub fn alive_count(&self, thread: &Thread) -> u32 {
        let slot = self.find(thread.tid).and_then(|ix| self.slot(ix));
        match slot {
            Some(slot) if slot.links.in_group => {
                self.groups.get(&thread.pid).map_or(0, |group| group.alive)
            }
            _ => 0,
        }
    }

    /// The same without the main thread: what `proc.nchilds` shows.
    pub fn alive_besides_main(&self, thread: &Thread) -> u32 {
        let main = self.main(thread).is_some_and(|main| !main.is_dead());
        self.alive_count(thread).saturating_sub(u32::from(main))
    }

    /// Adds a thread, or replaces the one with its id. It has no relations until it is linked.
    pub(crate) fn insert(&mut self, thread: Thread) -> ThreadIx {
        let tid = thread.tid;
        if let Some(ix) = self.find(tid) {
            self.unlink(ix);
            self.disown(ix, None);
        }
        let slot = Slot {
            thread,
            links: Links::default(),
            seen_ns: 0,
            entered: None,
        };
        let ix = self.find(tid).or_else(|| self.free.pop());
        let ix = ix.unwrap_or(ThreadIx(self.slots.len() as u32));
        match self.slots.get_mut(ix.0 as usize) {
            Some(place) => *place = Some(slot),
            None => self.slots.push(Some(slot)),
        }
        self.places.insert(tid, ix);
        ix
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, ix: ThreadIx) -> Option<&mut Thread> {
        Some(&mut self.slot_mut(ix)?.thread)
    }

    /// The place of the main thread of a thread's process.
    pub(crate) fn main_ix(&self, ix: ThreadIx) -> Option<ThreadIx> {
        let thread = self.get(ix)?;
        if thread.is_main() {
            return Some(ix);
        }
        let main = self.find(thread.pid)?;
        self.get(main)?.is_main().then_some(main)
    }

    pub(crate) fn main_mut(&mut self, ix: ThreadIx) -> Option<&mut Thread> {
        let main = self.main_ix(ix)?;
        self.get_mut(main)
    }

    /// See [`Threads::fds`].
    #[inline]
    pub(crate) fn fds_at(&self, ix: ThreadIx) -> Option<&FdTable> {
        self.fds(self.get(ix)?)
    }

    /// See [`Threads::fds`].
    pub(crate) fn fds_mut(&mut self, ix: ThreadIx) -> Option<&mut FdTable> {
        let own = self.get(ix)?.flags & clone::FILES == 0;
        let ix = if own { ix } else { self.main_ix(ix)? };
        Some(&mut self.get_mut(ix)?.fds)
    }

    /// Notes that an event happened in a thread.
    #[inline]
    pub(crate) fn seen(&mut self, ix: ThreadIx, now_ns: u64) {
        if let Some(slot) = self.slot_mut(ix) {
            slot.seen_ns = now_ns;
        }
    }

    /// The entry into a call that is kept for its end; taken out.
    #[inline]
    pub(crate) fn take_entered(&mut self, ix: ThreadIx) -> Option<Vec<u8>> {
        self.slot_mut(ix)?.entered.take()
    }

    /// The entry into a call that is kept for its end.
    pub(crate) fn entered(&self, ix: ThreadIx) -> Option<&[u8]> {
        self.slot(ix)?.entered.as_deref()
    }

    /// Keeps an entry into a call, and gives back what was kept before.
    pub(crate) fn keep_entered(&mut self, ix: ThreadIx, bytes: Vec<u8>) -> Option<Vec<u8>> {
        self.slot_mut(ix)?.entered.replace(bytes)
    }

    /// The places, to walk over them while the table changes.
    pub(crate) fn slot_count(&self) -> u32 {
        self.slots.len() as u32
    }

    /// A thread and when an event last happened in it.
    pub(crate) fn with_age(&self, ix: ThreadIx) -> Option<(&Thread, u64)> {
        let slot = self.slot(ix)?;
        Some((&slot.thread, slot.seen_ns))
    }

    #[inline]
    fn slot(&self, ix: ThreadIx) -> Option<&Slot> {
        self.slots.get(ix.0 as usize)?.as_ref()
    }

    #[inline]
    fn slot_mut(&mut self, ix: ThreadIx) -> Option<&mut Slot> {
        self.slots.get_mut(ix.0 as usize)?.as_mut()
    }
}
