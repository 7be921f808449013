//! What sockets are called.

use std::{
    io::Write as _,
    net::{IpAddr, Ipv6Addr},
};

use crate::fd::{Ends, Proto, Tuple};

/// Writes an address as the C library does.
pub fn write_ip(out: &mut Vec<u8>, address: IpAddr) {
    // Writing to a vector cannot fail.
    let _ = match address {
        IpAddr::V6(address) if ends_in_ipv4(address) => {
            let [.., a, b, c, d] = address.octets();
            write!(out, "::{a}.{b}.{c}.{d}")
        }
        address => write!(out, "{address}"),
    };
}

/// Whether an address has the old form of an IPv4 address inside IPv6, which the C library still writes with dots.
fn ends_in_ipv4(address: Ipv6Addr) -> bool {
    let words = address.segments();
    words[..6] == [0; 6] && words[6] != 0
}

/// Writes `ip:port`.
pub fn write_end(out: &mut Vec<u8>, (address, port): (IpAddr, u16)) {
    write_ip(out, address);
    let _ = write!(out, ":{port}");
}

/// Writes the name of a unix socket: the kernel's addresses of the two ends and the path.
pub(crate) fn write_unix(out: &mut Vec<u8>, source: u64, peer: u64, path: &[u8]) {
    let _ = write!(out, "{source:x}->{peer:x} ");
    out.extend_from_slice(path);
}

/// Writes the name of an internet socket: `ip:port->ip:port`, `ip:port` when it listens. Only protocols with ports have them in the
/// name; what is of no known protocol is `<unknown>`.
pub(crate) fn write_tuple(out: &mut Vec<u8>, tuple: &Tuple) {
    match (tuple.ends, tuple.proto) {
        (Ends::None, _) => {}
        (Ends::Listening(address, port), _) => write_end(out, (address, port)),
        (Ends::Pair(from, to), Proto::Tcp | Proto::Udp) => {
            write_end(out, from);
            out.extend_from_slice(b"->");
            write_end(out, to);
        }
        (Ends::Pair(from, to), proto)
            if proto == Proto::Icmp || (proto == Proto::Raw && !tuple.v6) =>
        {
            write_ip(out, from.0);
            out.extend_from_slice(b"->");
            write_ip(out, to.0);
        }
        (Ends::Pair(..), _) => out.extend_from_slice(b"<unknown>"),
    }
}
