//! The values of fields for one event.

use std::cell::Cell;

use bumpalo::Bump;
use falco_event::Event;
use falco_filter::{Slot, Value, Values};
use falco_state::{Fd, State, Subject, Thread};

use crate::catalogue::{Arg, Id, Wanted, remembers};
use crate::table::evt::Util;
use crate::{Catalogue, Context};

/// One event as it was seen.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'e> {
    /// The event.
    pub event: Event<'e>,
    /// What it is about, as [`State::apply`] said.
    pub subject: Subject,
    /// Its number, from 1.
    pub number: u64,
    /// The processor on which it happened.
    pub cpu: u16,
}

/// The values of fields for one event.
#[derive(Debug)]
pub struct Facts<'e> {
    pub(crate) catalogue: &'e Catalogue,
    pub(crate) context: &'e Context,
    pub(crate) state: &'e State,
    pub(crate) event: Event<'e>,
    pub(crate) subject: Subject,
    pub(crate) number: u64,
    pub(crate) cpu: u16,
    pub(crate) thread: Option<&'e Thread>,
    pub(crate) arena: &'e Bump,
    /// One place for each slot whose value is worth remembering; made when the first of them is asked for.
    remembered: Cell<Option<&'e [Remembered<Value<'e>>]>>,
    /// The event's descriptor, once it is known: most rules about descriptors ask for it again and again.
    event_fd: Remembered<&'e Fd>,
    /// The path that a call named without getting a descriptor, once it is known.
    pub(crate) attempted: Remembered<&'e [u8]>,
}

/// A value, once it is known.
pub(crate) type Remembered<T> = Cell<Option<Option<T>>>;

impl<'e> Facts<'e> {
    /// Looks at an event that `state` has taken in. `arena` is for what has to be put together; it may be emptied once these facts are
    /// no longer used.
    pub fn new(
        catalogue: &'e Catalogue,
        context: &'e Context,
        state: &'e State,
        seen: Seen<'e>,
        arena: &'e Bump,
    ) -> Facts<'e> {
        Facts {
            catalogue,
            context,
            state,
            event: seen.event,
            subject: seen.subject,
            number: seen.number,
            cpu: seen.cpu,
            thread: thread_of(&seen, state),
            arena,
            remembered: Cell::new(None),
            event_fd: Cell::new(None),
            attempted: Cell::new(None),
        }
    }

    #[inline]
    fn extract(&self, slot: Slot, wanted: &'e Wanted) -> Option<Value<'e>> {
        let arg = &wanted.arg;
        match wanted.id {
            Id::AnyEvent(field) => self.any_event(field),
            Id::Evt(field) => self.evt(field, slot, arg),
            Id::Proc(field) => self.process(field, slot, arg),
            Id::User(field) => self.user(field),
            Id::Group(field) => self.group(field),
            Id::Descriptor(field) => self.descriptor(field, arg),
            Id::FsPath(field) => self.fs_path(field),
            Id::FdList(field) => self.fd_list(field),
            Id::Container(field) => self.container(field, arg),
            Id::Kubernetes(field) => self.kubernetes(field, arg),
            Id::Static => match arg {
                Arg::Key(value) => Some(Value::Str(value.as_bytes())),
                _ => None,
            },
            Id::Util(Util::Count) => {
                let count = self.context.memory.recall(slot, 0) + 1;
                self.remember(slot, 0, count);
                Some(Value::Uint(count))
            }
        }
    }

    /// A value that is worth remembering.
    #[inline(never)]
    fn recall(&self, slot: Slot, wanted: &'e Wanted, at: usize) -> Option<Value<'e>> {
        let Some(place) = self.remembered(at) else {
            return self.extract(slot, wanted);
        };
        place.get().unwrap_or_else(|| {
            let value = self.extract(slot, wanted);
            place.set(Some(value));
            value
        })
    }

    /// Replaces what a field remembers from event to event; gives what it was, 0 at first.
    pub(crate) fn remember(&self, slot: Slot, of: i64, value: u64) -> u64 {
        debug_assert!(
            (self.catalogue.wanted(slot)).is_some_and(|wanted| remembers(wanted.id)),
            "who spreads events over threads has to know"
        );
        self.context.memory.remember(slot, of, value)
    }

    /// The place where the value of a slot is remembered.
    fn remembered(&self, at: usize) -> Option<&'e Remembered<Value<'e>>> {
        let places = self.remembered.get().unwrap_or_else(|| {
            let places: &[_] = self
                .arena
                .alloc_slice_fill_with(self.catalogue.remembered, |_| Cell::new(None));
            self.remembered.set(Some(places));
            places
        });
        places.get(at)
    }

    /// The descriptor that the event creates, uses or destroys, if the table has it.
    pub(crate) fn event_fd(&self) -> Option<&'e Fd> {
        self.event_fd.get().unwrap_or_else(|| {
            let fd = self.subject.fd.and_then(|number| self.fd_of(number));
            self.event_fd.set(Some(fd));
            fd
        })
    }

    /// The descriptor of that number of the event's process.
    pub(crate) fn fd_of(&self, number: i64) -> Option<&'e Fd> {
        self.state.threads.fds(self.thread?)?.get(number)
    }
}

/// The thread that an event happened in. What the state takes for no event of a thread (page faults, switches) still names one.
fn thread_of<'e>(seen: &Seen<'_>, state: &'e State) -> Option<&'e Thread> {
    match seen.subject.thread {
        Some(ix) => state.threads.get(ix),
        None => state.threads.by_tid(seen.event.thread()),
    }
}

impl<'e> Values<'e> for Facts<'e> {
    #[inline]
    fn value(&self, slot: Slot) -> Option<Value<'e>> {
        let wanted = self.catalogue.wanted(slot)?;
        match wanted.remember {
            None => self.extract(slot, wanted),
            Some(at) => self.recall(slot, wanted, at),
        }
    }

    fn shown(&self, slot: Slot) -> Option<Value<'e>> {
        let wanted = self.catalogue.wanted(slot)?;
        match wanted.id {
            Id::Evt(field) => self.shown_evt(field, slot, &wanted.arg),
            Id::Proc(field) => self.shown_process(field, slot, &wanted.arg),
            Id::Descriptor(field) if !field.is_shown() => None,
            _ => self.value(slot),
        }
    }

    fn arena(&self) -> &'e Bump {
        self.arena
    }
}
