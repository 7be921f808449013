//! What lies inside parameters: bits that state looks at, socket addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use falco_event::Event;

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

/// One address of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address<'a> {
    Inet(IpAddr, u16),
    Unix(&'a [u8]),
    Other(u8),
}

/// Both addresses of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addresses<'a> {
    Inet((IpAddr, u16), (IpAddr, u16)),
    Unix {
        source: u64,
        peer: u64,
        path: &'a [u8],
    },
    Other,
}

/// Reads a SOCKADDR parameter; `None` when it is absent or too short for its family. Mapped IPv4 addresses stay IPv6.
pub(crate) fn address<'a>(event: &Event<'a>, index: usize) -> Option<Address<'a>> {
    let (family, rest) = event.param(index)?.split_first()?;
    Some(match family {
        1 => Address::Unix(c_string(rest)?),
        2 => {
            let (end, _) = inet(rest)?;
            Address::Inet(end.0, end.1)
        }
        10 => {
            let (end, _) = inet6(rest)?;
            Address::Inet(end.0, end.1)
        }
        other => Address::Other(*other),
    })
}

/// Reads a SOCKTUPLE parameter; `None` when it is absent or too short for its family. If both addresses are mapped IPv4, they become
/// that; the unspecified address counts as mapped.
pub(crate) fn addresses<'a>(event: &Event<'a>, index: usize) -> Option<Addresses<'a>> {
    let (family, rest) = event.param(index)?.split_first()?;
    Some(match family {
        1 => {
            let (source, rest) = rest.split_first_chunk()?;
            let (peer, rest) = rest.split_first_chunk()?;
            Addresses::Unix {
                source: u64::from_le_bytes(*source),
                peer: u64::from_le_bytes(*peer),
                path: c_string(rest)?,
            }
        }
        2 => {
            let (from, rest) = inet(rest)?;
            let (to, _) = inet(rest)?;
            Addresses::Inet(from, to)
        }
        10 => {
            let (from, rest) = inet6(rest)?;
            let (to, _) = inet6(rest)?;
            Addresses::Inet(from, to).unmapped()
        }
        _ => Addresses::Other,
    })
}

impl Addresses<'_> {
    fn unmapped(self) -> Self {
        match self {
            Addresses::Inet(from, to) => match (mapped(from.0), mapped(to.0)) {
                (Some(a), Some(b)) => Addresses::Inet((a, from.1), (b, to.1)),
                _ => self,
            },
            other => other,
        }
    }
}

/// The IPv4 address that an IPv6 one stands for. The unspecified address stands for that of IPv4.
pub(crate) fn mapped(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(_) => Some(address),
        IpAddr::V6(address) if address.is_unspecified() => Some(Ipv4Addr::UNSPECIFIED.into()),
        IpAddr::V6(address) => address.to_ipv4_mapped().map(IpAddr::V4),
    }
}

type End<'a> = ((IpAddr, u16), &'a [u8]);

fn inet(bytes: &[u8]) -> Option<End<'_>> {
    let (address, rest) = bytes.split_first_chunk::<4>()?;
    let (port, rest) = rest.split_first_chunk()?;
    Some((
        (Ipv4Addr::from(*address).into(), u16::from_le_bytes(*port)),
        rest,
    ))
}

fn inet6(bytes: &[u8]) -> Option<End<'_>> {
    let (address, rest) = bytes.split_first_chunk::<16>()?;
    let (port, rest) = rest.split_first_chunk()?;
    Some((
        (Ipv6Addr::from(*address).into(), u16::from_le_bytes(*port)),
        rest,
    ))
}

/// A text that must be closed by a NUL at the end of the bytes.
fn c_string(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.last() != Some(&0) {
        return None;
    }
    bytes.split(|byte| *byte == 0).next()
}
