//! Addresses, as the C library writes them.

use std::net::{IpAddr, Ipv6Addr};

use super::{Sink, put_shown};
use crate::{SockAddr, SockTuple};

/// Writes an address as the C library does.
pub fn put_ip(address: IpAddr, out: &mut impl Sink) {
    match address {
        IpAddr::V6(address) if ends_in_ipv4(address) => {
            let [.., a, b, c, d] = address.octets();
            put_shown(out, format_args!("::{a}.{b}.{c}.{d}"));
        }
        address => put_shown(out, format_args!("{address}")),
    }
}

/// Whether an address has the old form of an IPv4 address inside IPv6, which the C library still writes with dots.
fn ends_in_ipv4(address: Ipv6Addr) -> bool {
    let words = address.segments();
    words[..6] == [0; 6] && words[6] != 0
}

/// Writes `address:port`.
pub fn put_end((address, port): (IpAddr, u16), out: &mut impl Sink) {
    put_ip(address, out);
    put_shown(out, format_args!(":{port}"));
}

/// `address:port`, or the path of a unix socket.
pub(super) fn address(address: &SockAddr<'_>, out: &mut impl Sink) {
    match *address {
        SockAddr::Inet(ip, port) => put_end((ip, port), out),
        SockAddr::Unix(path) => out.put(path),
        SockAddr::Other(family) => put_shown(out, format_args!("family {family}")),
    }
}

/// `address:port->address:port`, or the kernel's addresses of two unix sockets and a path.
pub(super) fn tuple(tuple: &SockTuple<'_>, out: &mut impl Sink) {
    match *tuple {
        SockTuple::Inet(from, to) => {
            put_end(from, out);
            out.put(b"->");
            put_end(to, out);
        }
        SockTuple::Unix { source, peer, path } => {
            put_shown(out, format_args!("{source:x}->{peer:x} "));
            out.put(path);
        }
        SockTuple::Other(family) => put_shown(out, format_args!("family {family}")),
    }
}

/// What stands for an address that is too short for its family.
pub(super) fn invalid(family: u8) -> &'static [u8] {
    match family {
        2 => b"INVALID IPv4",
        10 => b"INVALID IPv6",
        // Of all others every length is good.
        _ => b"INVALID PATH",
    }
}
