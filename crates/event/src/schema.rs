//! The vocabulary of the tables: what is known of an event, a parameter, a system call.

use crate::tables::{events::EVENTS, syscalls::SYSCALLS, types::ParamType};

/// The number of an event: even when a call is entered, odd when it is left. Always one that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventCode(u16);

impl EventCode {
    /// How many there are.
    pub const COUNT: usize = EVENTS.len();

    pub(crate) const fn known(code: u16) -> EventCode {
        EventCode(code)
    }

    /// The event of that number, if there is one.
    #[inline]
    pub const fn new(code: u16) -> Option<EventCode> {
        if (code as usize) < Self::COUNT {
            Some(EventCode(code))
        } else {
            None
        }
    }

    /// The number.
    #[inline]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The number as an index into a table of [`EventCode::COUNT`] elements.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// What is known of the event.
    #[inline]
    pub const fn info(self) -> &'static EventInfo {
        &EVENTS[self.index()]
    }

    /// Whether the event stands for the entry into a call, not for its end.
    #[inline]
    pub const fn is_enter(self) -> bool {
        self.0.is_multiple_of(2)
    }

    /// The events that rules know by that name: entries and ends, of today and of older schemas.
    pub fn named(name: &str) -> impl Iterator<Item = EventCode> {
        Self::all().filter(move |code| code.info().name == name)
    }

    /// All of them, in order.
    pub fn all() -> impl Iterator<Item = EventCode> {
        (0..Self::COUNT as u16).map(EventCode)
    }
}

/// One event of the schema.
#[derive(Debug)]
pub struct EventInfo {
    /// The name in the schema: `SYSCALL_OPENAT_2_X`.
    pub id: &'static str,
    /// The name that rules use: `openat`.
    pub name: &'static str,
    /// What it is about.
    pub kind: Kind,
    /// Where it comes from.
    pub origin: Origin,
    /// Its properties.
    pub flags: EventFlags,
    /// Its parameters, in order.
    pub params: &'static [ParamInfo],
}

/// One parameter of an event.
#[derive(Debug)]
pub struct ParamInfo {
    /// The name that rules use: `evt.arg.NAME`.
    pub name: &'static str,
    /// The type of its bytes.
    pub ty: ParamType,
    /// How its number is shown.
    pub format: Format,
    /// What gives names to its values.
    pub names: Names,
}

/// How a number is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Not a number.
    Na,
    /// Decimal.
    Dec,
    /// Hexadecimal.
    Hex,
    /// Octal.
    Oct,
}

/// What gives names to the values of a parameter.
#[derive(Clone, Copy, Debug)]
pub enum Names {
    /// Nothing.
    None,
    /// A table of bits or choices.
    Table(&'static [Flag]),
    /// The first byte chooses the type of the rest.
    Dynamic(&'static [Alternative]),
    /// A path, relative to the descriptor in the parameter of this index.
    DirFd(u8),
}

/// A bit or a choice with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The name, as the kernel's headers have it.
    pub name: &'static str,
    /// The value on the wire.
    pub value: u64,
}

/// One type that a dynamic parameter may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// The type of the bytes after the first.
    pub ty: ParamType,
    /// How its number is shown.
    pub format: Format,
}

/// The properties of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventFlags(u16);

#[allow(missing_docs)]
impl EventFlags {
    pub const CREATES_FD: u16 = 1 << 0;
    pub const DESTROYS_FD: u16 = 1 << 1;
    pub const USES_FD: u16 = 1 << 2;
    pub const READS_FROM_FD: u16 = 1 << 3;
    pub const WRITES_TO_FD: u16 = 1 << 4;
    pub const MODIFIES_STATE: u16 = 1 << 5;
    pub const UNUSED: u16 = 1 << 6;
    pub const WAITS: u16 = 1 << 7;
    pub const SKIPPARSERESET: u16 = 1 << 8;
    pub const OLD_VERSION: u16 = 1 << 9;
    /// Lengths of parameters have 32 bits instead of 16.
    pub const LARGE_PAYLOAD: u16 = 1 << 10;
    pub const CONVERTER_MANAGED: u16 = 1 << 11;

    /// Whether it has any of these properties.
    pub const fn any(self, flags: u16) -> bool {
        self.0 & flags != 0
    }
}

/// What an event is about (`evt.category`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Unknown,
    Other,
    File,
    Net,
    Ipc,
    Memory,
    Process,
    Sleep,
    System,
    Signal,
    User,
    Time,
    IoRead,
    IoWrite,
    IoOther,
    Wait,
    Scheduler,
    Internal,
}

/// Where an event comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Origin {
    None,
    Syscall,
    Tracepoint,
    Plugin,
    Metaevent,
    Iter,
}

/// The number of a system call in the schema, the same on all architectures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SyscallCode(u16);

impl SyscallCode {
    /// How many there are.
    pub const COUNT: usize = SYSCALLS.len();

    /// The call of that number, if there is one.
    pub fn new(code: u16) -> Option<SyscallCode> {
        (usize::from(code) < Self::COUNT).then_some(SyscallCode(code))
    }

    /// The call that has that number on `x86_64`.
    #[inline]
    pub fn from_x86_64(number: u16) -> Option<SyscallCode> {
        let code = X86_64.get(usize::from(number))?;
        code.map(SyscallCode)
    }

    /// The call of that name.
    pub fn by_name(name: &str) -> Option<SyscallCode> {
        Self::all().find(|code| code.info().name == name)
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }

    /// What is known of the call.
    #[inline]
    pub fn info(self) -> &'static Syscall {
        &SYSCALLS[usize::from(self.0)]
    }

    /// All of them, in order.
    pub fn all() -> impl Iterator<Item = SyscallCode> {
        (0..Self::COUNT as u16).map(SyscallCode)
    }
}

/// The codes of system calls by their numbers on `x86_64`.
static X86_64: [Option<u16>; X86_64_COUNT] = {
    let mut codes = [None; X86_64_COUNT];
    let mut code = 0;
    while code < SYSCALLS.len() {
        if let Some(number) = SYSCALLS[code].x86_64 {
            codes[number as usize] = Some(code as u16);
        }
        code += 1;
    }
    codes
};

/// More than the highest number there is: one beyond does not compile.
const X86_64_COUNT: usize = 512;

/// One system call, or a kernel tracepoint that is treated as one.
#[derive(Debug)]
pub struct Syscall {
    /// Its name.
    pub name: &'static str,
    /// Its number on `x86_64`, where it exists there.
    pub x86_64: Option<u16>,
    /// The event of its end; [`crate::codes::GENERIC_X`] when it has none of its own, `None` for tracepoints.
    pub exit: Option<EventCode>,
    /// What sampling does with it.
    pub sampling: Sampling,
}

/// What sampling does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// Keeps it always: state depends on it.
    NeverDrop,
    /// Drops it always.
    AlwaysDrop,
    /// Keeps the configured share.
    Ratio,
}

pub(crate) const fn event(
    id: &'static str,
    name: &'static str,
    kind: Kind,
    origin: Origin,
    flags: u16,
    params: &'static [ParamInfo],
) -> EventInfo {
    EventInfo {
        id,
        name,
        kind,
        origin,
        flags: EventFlags(flags),
        params,
    }
}

pub(crate) const fn param(
    name: &'static str,
    ty: ParamType,
    format: Format,
    names: Names,
) -> ParamInfo {
    ParamInfo {
        name,
        ty,
        format,
        names,
    }
}

pub(crate) const fn syscall(
    name: &'static str,
    x86_64: Option<u16>,
    exit: Option<EventCode>,
    sampling: Sampling,
) -> Syscall {
    Syscall {
        name,
        x86_64,
        exit,
        sampling,
    }
}
