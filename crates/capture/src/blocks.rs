//! The layout of a capture: what blocks there are, how they are framed, what limits hold. Reader and writer share it.
//!
//! A capture is a run of blocks in the manner of pcapng: type (u32), length (u32), body, zeros up to a multiple of four, length again.
//! The length counts all of that. Numbers are little endian.

/// The bytes of a block beside its body: type, length, and length again.
pub(crate) const FRAME: usize = 12;
/// The bytes before the body.
pub(crate) const HEAD: usize = 8;
/// The bytes after the body.
pub(crate) const TAIL: usize = 4;

/// The first field of a section header's body: tells the byte order.
pub(crate) const MAGIC: u32 = 0x1A2B_3C4D;
/// The only major version there is.
pub(crate) const MAJOR: u16 = 1;
/// The body of a section header without options: magic u32, major u16, minor u16, length of the section u64 (all ones).
pub(crate) const SECTION_BODY: usize = 16;

/// The longest ordinary event block without its head.
pub(crate) const EVENT_MAX: usize = 1 << 16;
/// The longest block of a large event without its head. Upstream has no limit; this one keeps a packed file from filling the memory.
pub(crate) const LARGE_EVENT_MAX: usize = 1 << 26;
/// The longest comm, exe, executable path, working directory and root of a process.
pub(crate) const PATH_MAX: usize = 1024;
/// The longest arguments, environment and control groups of a process.
pub(crate) const ARGS_MAX: usize = 4096;
/// The longest name of a descriptor.
pub(crate) const FD_NAME_MAX: usize = 1023;
/// The longest name of an interface.
pub(crate) const INTERFACE_NAME_MAX: usize = 1023;
/// The body of a machine's description: processors u32, memory u64, largest process id u64, name of the machine (128 bytes), time of the
/// boot u64, flags u64, two reserved u64.
pub(crate) const MACHINE_BODY: usize = 180;
/// Where in it the time of the boot lies.
pub(crate) const MACHINE_BOOT: usize = 148;
/// Where in it our mark lies: the last number, which upstream leaves 0.
pub(crate) const MACHINE_MARK: usize = 172;
/// Says that the time of the boot is to be believed. Upstream forgets it when it reads a capture, and what it shows then is what its
/// captures have to show here; of ours we show what was shown live.
pub(crate) const MARK: [u8; 8] = *b"falco-rs";
/// The longest name, home and shell of a user, the longest name of a group.
pub(crate) const CREDENTIAL_MAX: usize = 255;

/// The newest versions of the blocks: what a writer writes.
pub(crate) mod code {
    pub(crate) const SECTION: u32 = 0x0A0D_0D0A;
    pub(crate) const MACHINE: u32 = 0x201;
    pub(crate) const PROCESSES: u32 = 0x215;
    pub(crate) const FDS: u32 = 0x218;
    pub(crate) const INTERFACES: u32 = 0x219;
    pub(crate) const USERS: u32 = 0x220;
    pub(crate) const EVENT: u32 = 0x216;
    pub(crate) const EVENT_FLAGS: u32 = 0x217;
    pub(crate) const EVENT_LARGE: u32 = 0x221;
    pub(crate) const EVENT_FLAGS_LARGE: u32 = 0x222;
}

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// The start of a capture.
    Section,
    /// One machine.
    Machine,
    /// Threads, in one of nine versions; from the ninth on each entry tells its length.
    Processes(u8),
    /// The descriptors of one thread; whether each entry tells its length.
    Fds { sized: bool },
    /// Network interfaces; whether each entry tells its length.
    Interfaces { sized: bool },
    /// Users and groups; whether each entry tells its length.
    Users { sized: bool },
    /// An event.
    Event(EventLayout),
    /// Something of a later version.
    Unknown,
}

/// How an event lies in its block: u16 cpu, [u32 flags], the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventLayout {
    /// Whether flags follow the number of the cpu.
    pub(crate) flags: bool,
    /// Whether the event's header tells how many parameters follow. In the first version it did not.
    pub(crate) counted: bool,
    /// Whether it may be longer than [`EVENT_MAX`].
    pub(crate) large: bool,
}

impl EventLayout {
    const fn new(flags: bool, counted: bool, large: bool) -> EventLayout {
        EventLayout {
            flags,
            counted,
            large,
        }
    }

    /// How an event lies in a block of that type, if it is one of events.
    #[inline]
    pub(crate) fn of(code: u32) -> Option<EventLayout> {
        // The newest ones are asked for one by one: faster than a table of jumps.
        if code == code::EVENT {
            return Some(EventLayout::new(false, true, false));
        }
        if code == code::EVENT_FLAGS {
            return Some(EventLayout::new(true, true, false));
        }
        match code {
            code::EVENT_LARGE => Some(EventLayout::new(false, true, true)),
            code::EVENT_FLAGS_LARGE => Some(EventLayout::new(true, true, true)),
            0x204 | 0x8010_ABCD => Some(EventLayout::new(false, false, false)),
            0x208 => Some(EventLayout::new(true, false, false)),
            _ => None,
        }
    }

    /// Where in the body the event begins.
    pub(crate) const fn event_at(self) -> usize {
        if self.flags { 6 } else { 2 }
    }

    /// The longest body and tail.
    pub(crate) const fn max(self) -> usize {
        if self.large {
            LARGE_EVENT_MAX
        } else {
            EVENT_MAX
        }
    }
}

impl Block {
    /// What a block of that type holds. The types above `0x8000_0000` are those of the first versions.
    pub(crate) fn of(code: u32) -> Block {
        match code {
            code::SECTION => Block::Section,
            code::MACHINE | 0x8002_ABCD => Block::Machine,
            0x202 | 0x8000_ABCD => Block::Processes(1),
            0x207 | 0x8013_ABCD => Block::Processes(2),
            0x209 | 0x8014_ABCD => Block::Processes(3),
            0x210..=0x215 => Block::Processes((code - 0x210) as u8 + 4),
            0x203 | 0x8001_ABCD => Block::Fds { sized: false },
            code::FDS => Block::Fds { sized: true },
            0x205 | 0x8011_ABCD => Block::Interfaces { sized: false },
            code::INTERFACES => Block::Interfaces { sized: true },
            0x206 | 0x8012_ABCD => Block::Users { sized: false },
            code::USERS => Block::Users { sized: true },
            _ => EventLayout::of(code).map_or(Block::Unknown, Block::Event),
        }
    }
}
