//! What lies inside parameters: bits that state looks at, results, texts.

use falco_event::{Event, SockAddr, SockTuple};

/// Bits of [`falco_event::flags::CLONE_FLAGS`], and those that only the state sets.
pub(crate) mod clone {
    pub(crate) const FILES: u32 = 1 << 0;
    pub(crate) const NEWPID: u32 = 1 << 6;
    pub(crate) const PARENT: u32 = 1 << 8;
    pub(crate) const THREAD: u32 = 1 << 13;
    /// The entry was made by the child's event, before the caller's came.
    pub(crate) const INVERTED: u32 = 1 << 16;
    pub(crate) const NAME_CHANGED: u32 = 1 << 17;
    /// The thread is dead, its entry stays for others.
    pub(crate) const CLOSED: u32 = 1 << 18;
    pub(crate) const ACTIVE: u32 = 1 << 19;
    pub(crate) const NEWUSER: u32 = 1 << 20;
    /// The thread writes to, or reads from, a pipe of a shell.
    pub(crate) const PIPE_SRC: u32 = 1 << 21;
    pub(crate) const PIPE_DST: u32 = 1 << 22;
    pub(crate) const VFORK: u32 = 1 << 27;
    pub(crate) const CHILD_IN_PIDNS: u32 = 1 << 29;
}

/// Bits of [`falco_event::flags::FILE_FLAGS`].
pub(crate) mod open {
    pub(crate) const DIRECTORY: u32 = 1 << 10;
    pub(crate) const CLOEXEC: u32 = 1 << 12;
    /// From here upwards the probe adds bits at the end of the call.
    pub(crate) const CREATED: u32 = 1 << 14;
    pub(crate) const UPPER_LAYER: u32 = 1 << 15;
    pub(crate) const LOWER_LAYER: u32 = 1 << 16;
}

/// The descriptor number that stands for the working directory.
pub(crate) const AT_FDCWD: i64 = -100;

/// The result of a call: its first parameter, of 32 or 64 bits; 0 when it is absent.
pub(crate) fn result(event: &Event<'_>) -> i64 {
    let narrow = || event.i32(0).map(i64::from);
    event.i64(0).or_else(narrow).unwrap_or(0)
}

/// A text parameter, as upstream reads it.
pub(crate) fn text<'a>(event: &Event<'a>, index: usize) -> &'a [u8] {
    event.str(index).unwrap_or(b"<NA>")
}

/// A SOCKADDR parameter; `None` when it is absent or too short for its family.
pub(crate) fn address<'a>(event: &Event<'a>, index: usize) -> Option<SockAddr<'a>> {
    SockAddr::parse(event.param(index)?)
}

/// A SOCKTUPLE parameter, likewise.
pub(crate) fn addresses<'a>(event: &Event<'a>, index: usize) -> Option<SockTuple<'a>> {
    SockTuple::parse(event.param(index)?)
}
