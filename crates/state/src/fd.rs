//! Descriptors, and the table of them that a process has.

use std::{net::IpAddr, sync::Arc};

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
    pub name: Arc<[u8]>,
    /// The path as it was given, where that differs.
    pub raw_name: Arc<[u8]>,
    /// The path of a file as the kernel knows it; empty when it did not tell.
    pub real_path: Arc<[u8]>,
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

/// The most descriptors that are kept of one process.
pub const FDS_MAX: usize = 4096;

/// The descriptors of a process, by number. A child shares the table of its parent until one of them changes it; what does not change
/// stays shared even then.
#[derive(Clone, Debug, Default)]
pub struct FdTable {
    fds: Option<Arc<Fds>>,
}

/// In order of their numbers. The kernel gives out the lowest free one, so most lie at the place of their number.
type Fds = Vec<(i64, Arc<Fd>)>;

impl FdTable {
    /// The descriptor of that number.
    #[inline]
    pub fn get(&self, number: i64) -> Option<&Fd> {
        let fds = self.fds.as_ref()?;
        let (_, fd) = fds.get(place(fds, number).ok()?)?;
        Some(fd)
    }

    /// The descriptor of that number, to be changed.
    pub(crate) fn get_mut(&mut self, number: i64) -> Option<&mut Fd> {
        let fds = self.fds.as_mut()?;
        let place = place(fds, number).ok()?;
        let (_, fd) = Arc::make_mut(fds).get_mut(place)?;
        Some(Arc::make_mut(fd))
    }

    /// Adds or replaces a descriptor. False when there is no room for it, or its number is none.
    pub fn insert(&mut self, number: i64, fd: Fd) -> bool {
        if number < 0 {
            return false;
        }
        let fds = self.fds.get_or_insert_default();
        match place(fds, number) {
            Ok(place) => {
                if let Some((_, old)) = Arc::make_mut(fds).get_mut(place) {
                    match Arc::get_mut(old) {
                        Some(old) => *old = fd,
                        None => *old = Arc::new(fd),
                    }
                }
            }
            Err(_) if fds.len() >= FDS_MAX => return false,
            Err(place) => Arc::make_mut(fds).insert(place, (number, Arc::new(fd))),
        }
        true
    }

    /// Takes a descriptor out. False when it was not there.
    pub(crate) fn remove(&mut self, number: i64) -> bool {
        let Some(fds) = &mut self.fds else {
            return false;
        };
        let place = place(fds, number);
        if let Ok(place) = place {
            Arc::make_mut(fds).remove(place);
        }
        place.is_ok()
    }

    /// Takes out what the test says, and how many that were.
    pub(crate) fn remove_if(&mut self, test: impl Fn(i64, &Fd) -> bool) -> usize {
        match &mut self.fds {
            Some(fds) if fds.iter().any(|(number, fd)| test(*number, fd)) => {
                let before = fds.len();
                let fds = Arc::make_mut(fds);
                fds.retain(|(number, fd)| !test(*number, fd));
                before - fds.len()
            }
            _ => 0,
        }
    }

    /// Changes what the test says.
    pub(crate) fn change_if(
        &mut self,
        test: impl Fn(i64, &Fd) -> bool,
        mut change: impl FnMut(&mut Fd),
    ) {
        if let Some(fds) = &mut self.fds
            && fds.iter().any(|(number, fd)| test(*number, fd))
        {
            for (number, fd) in Arc::make_mut(fds) {
                if test(*number, fd) {
                    change(Arc::make_mut(fd));
                }
            }
        }
    }

    /// All descriptors, in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Fd)> {
        let fds = self.fds.iter().flat_map(|fds| fds.iter());
        fds.map(|(number, fd)| (*number, fd.as_ref()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.fds.as_ref().map_or(0, |fds| fds.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where a number is, or should be.
#[inline]
fn place(fds: &Fds, number: i64) -> Result<usize, usize> {
    match fds.get(number as usize) {
        Some((there, _)) if *there == number => Ok(number as usize),
        _ => fds.binary_search_by_key(&number, |(number, _)| *number),
    }
}
