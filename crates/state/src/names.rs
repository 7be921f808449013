//! What sockets are called.

use std::io::Write as _;

use falco_event::render::{put_end, put_ip};

use crate::fd::{Ends, Proto, Tuple};

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
        (Ends::Listening(address, port), _) => put_end((address, port), out),
        (Ends::Pair(from, to), Proto::Tcp | Proto::Udp) => {
            put_end(from, out);
            out.extend_from_slice(b"->");
            put_end(to, out);
        }
        (Ends::Pair(from, to), proto)
            if proto == Proto::Icmp || (proto == Proto::Raw && !tuple.v6) =>
        {
            put_ip(from.0, out);
            out.extend_from_slice(b"->");
            put_ip(to.0, out);
        }
        (Ends::Pair(..), _) => out.extend_from_slice(b"<unknown>"),
    }
}
