//! Descriptors, and the table of them that a process has.

use std::{net::IpAddr, rc::Rc};

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// The bits of [`Fd::open_flags`] that close it on exec.
const O_CLOEXEC: u32 = 1 << 12;
const EPOLL_CLOEXEC: u32 = 1;
const MFD_CLOEXEC: u32 = 1;

/// One open descriptor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fd {
    /// What it is.
    pub kind: FdKind,
    /// What it is called: an absolute normalised path, `ip:port->ip:port`, …; empty for what has no name.
    pub name: Rc<[u8]>,
    /// The path as it was given, where that differs.
    pub raw_name: Rc<[u8]>,
    /// The open flags, as they are on the wire ([`falco_event::flags::FILE_FLAGS`], those of memfd and epoll their own). Whether
    /// exec closes it: [`Fd::close_on_exec`].
    pub open_flags: u32,
    /// The device and inode of a file.
    pub dev: u32,
    /// See [`Fd::dev`].
    pub ino: u64,
    /// Which layer of an overlay a file lies in.
    pub layer: Layer,
    /// Whether the connection of a socket is there or on its way.
    pub connected: bool,
}

impl Fd {
    /// Whether exec closes it: the bit for that differs by kind.
    pub fn close_on_exec(&self) -> bool {
        self.open_flags & self.close_on_exec_bits() != 0
    }

    /// Has exec close it, or not.
    pub fn set_close_on_exec(&mut self, on: bool) {
        self.open_flags &= !self.close_on_exec_bits();
        if on {
            self.open_flags |= O_CLOEXEC;
        }
    }

    fn close_on_exec_bits(&self) -> u32 {
        match self.kind {
            FdKind::Epoll => O_CLOEXEC | EPOLL_CLOEXEC,
            FdKind::Memfd => O_CLOEXEC | MFD_CLOEXEC,
            _ => O_CLOEXEC,
        }
    }
}

/// What a descriptor is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FdKind {
    #[default]
    Unknown,
    File,
    Directory,
    /// An IPv4 or IPv6 socket.
    Inet(Tuple),
    /// A unix socket: the kernel's addresses of the two ends.
    Unix {
        source: u64,
        peer: u64,
        role: Role,
    },
    Netlink,
    Pipe,
    Event,
    Signal,
    Timer,
    Epoll,
    Inotify,
    Bpf,
    Userfault,
    IoUring,
    Memfd,
    /// A process.
    Pidfd(i64),
    Unsupported,
}

/// An internet socket: its family, its protocol, what it is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuple {
    /// Whether the socket is of the IPv6 family and its addresses are not mapped IPv4.
    pub v6: bool,
    /// The transport protocol.
    pub proto: Proto,
    /// The addresses.
    pub ends: Ends,
    /// Which end we are.
    pub role: Role,
}

/// The addresses of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// None yet.
    None,
    /// Bound or listening here.
    Listening(IpAddr, u16),
    /// From the first (source, client) to the second (destination, server).
    Pair((IpAddr, u16), (IpAddr, u16)),
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Proto {
    #[default]
    Unknown,
    Na,
    Tcp,
    Udp,
    Icmp,
    Raw,
}

/// Which end of a connection a process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Role {
    #[default]
    None,
    Client,
    Server,
}

/// The layer of an overlay that a file lies in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Layer {
    #[default]
    None,
    Upper,
    Lower,
}

/// The descriptors of a process, by number.
#[derive(Clone, Debug, Default)]
pub struct FdTable {
    fds: HashMap<i64, Fd, FxBuildHasher>,
}

impl FdTable {
    /// The descriptor of that number.
    pub fn get(&self, number: i64) -> Option<&Fd> {
        self.fds.get(&number)
    }

    /// Adds or replaces a descriptor.
    pub fn insert(&mut self, number: i64, fd: Fd) {
        self.fds.insert(number, fd);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.fds.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fds.is_empty()
    }
}
