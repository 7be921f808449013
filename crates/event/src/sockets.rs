//! The addresses in parameters: one end of a socket, both ends.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The families that have a form of their own on the wire (`AF_UNIX`, `AF_INET`, `AF_INET6`).
const UNIX: u8 = 1;
const INET: u8 = 2;
const INET6: u8 = 10;

/// One end of a socket: what a SOCKADDR parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SockAddr<'a> {
    /// An internet address and a port. IPv4 addresses that are mapped into IPv6 stay as they are.
    Inet(IpAddr, u16),
    /// The path of a unix socket; empty when it has none.
    Unix(&'a [u8]),
    /// The family of any other.
    Other(u8),
}

impl<'a> SockAddr<'a> {
    /// Reads the bytes of a parameter; `None` when they are too few for their family, or a path is not closed by a NUL.
    pub fn parse(bytes: &'a [u8]) -> Option<SockAddr<'a>> {
        let (family, rest) = bytes.split_first()?;
        Some(match *family {
            UNIX => SockAddr::Unix(closed_text(rest)?),
            INET => {
                let ((address, port), _) = inet(rest)?;
                SockAddr::Inet(address, port)
            }
            INET6 => {
                let ((address, port), _) = inet6(rest)?;
                SockAddr::Inet(address, port)
            }
            other => SockAddr::Other(other),
        })
    }
}

/// Both ends of a socket: what a SOCKTUPLE parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SockTuple<'a> {
    /// From the first address and port to the second. If both are IPv4 mapped into IPv6 they are given as IPv4; the unspecified address
    /// counts as mapped.
    Inet((IpAddr, u16), (IpAddr, u16)),
    /// A unix socket.
    Unix {
        /// The kernel's address of our end.
        source: u64,
        /// The kernel's address of the other end.
        peer: u64,
        /// The path; empty when it has none.
        path: &'a [u8],
    },
    /// The family of any other.
    Other(u8),
}

impl<'a> SockTuple<'a> {
    /// Reads the bytes of a parameter; `None` when they are too few for their family, or a path is not closed by a NUL.
    pub fn parse(bytes: &'a [u8]) -> Option<SockTuple<'a>> {
        let (family, rest) = bytes.split_first()?;
        Some(match *family {
            UNIX => {
                let (source, rest) = rest.split_first_chunk()?;
                let (peer, rest) = rest.split_first_chunk()?;
                SockTuple::Unix {
                    source: u64::from_le_bytes(*source),
                    peer: u64::from_le_bytes(*peer),
                    path: closed_text(rest)?,
                }
            }
            INET => {
                let (from, rest) = inet(rest)?;
                let (to, _) = inet(rest)?;
                SockTuple::Inet(from, to)
            }
            INET6 => {
                let (from, rest) = inet6(rest)?;
                let (to, _) = inet6(rest)?;
                match (unmapped(from.0), unmapped(to.0)) {
                    (Some(a), Some(b)) => SockTuple::Inet((a, from.1), (b, to.1)),
                    _ => SockTuple::Inet(from, to),
                }
            }
            other => SockTuple::Other(other),
        })
    }
}

/// The IPv4 address that an address stands for, if it does; IPv6's unspecified address stands for IPv4's.
pub fn unmapped(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(_) => Some(address),
        IpAddr::V6(address) if address.is_unspecified() => Some(Ipv4Addr::UNSPECIFIED.into()),
        IpAddr::V6(address) => address.to_ipv4_mapped().map(IpAddr::V4),
    }
}

type End<'a> = ((IpAddr, u16), &'a [u8]);

/// Addresses are in network order, ports in the order of the machine.
fn inet(bytes: &[u8]) -> Option<End<'_>> {
    let (address, rest) = bytes.split_first_chunk::<4>()?;
    let (port, rest) = rest.split_first_chunk()?;
    let address = Ipv4Addr::from(*address);
    Some(((address.into(), u16::from_le_bytes(*port)), rest))
}

fn inet6(bytes: &[u8]) -> Option<End<'_>> {
    let (address, rest) = bytes.split_first_chunk::<16>()?;
    let (port, rest) = rest.split_first_chunk()?;
    let address = Ipv6Addr::from(*address);
    Some(((address.into(), u16::from_le_bytes(*port)), rest))
}

/// A text whose last byte must be a NUL; it may end before.
fn closed_text(bytes: &[u8]) -> Option<&[u8]> {
    let (0, text) = bytes.split_last()? else {
        return None;
    };
    text.split(|byte| *byte == 0).next()
}
