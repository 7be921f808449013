//! Socket addresses and pairs of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Sink;

const UNIX: u8 = 1;
const INET: u8 = 2;
const INET6: u8 = 10;

/// `address:port`, or the path of a unix socket.
pub(super) fn address(bytes: &[u8], out: &mut impl Sink) {
    let Some((family, rest)) = bytes.split_first() else {
        return;
    };
    match *family {
        UNIX => out.put(text(rest)),
        INET => match inet(rest) {
            Some((end, _)) => put_end(end, out),
            None => out.put(b"INVALID IPv4"),
        },
        INET6 => match inet6(rest) {
            Some((end, _)) => put_end(end, out),
            None => out.put(b"INVALID IPv6"),
        },
        other => put_shown(out, format_args!("family {other}")),
    }
}

/// `address:port->address:port`, or the kernel's addresses of two unix sockets and a path.
pub(super) fn tuple(bytes: &[u8], out: &mut impl Sink) {
    let Some((family, rest)) = bytes.split_first() else {
        return;
    };
    let pair = match *family {
        UNIX => return unix_pair(rest, out),
        INET => inet(rest).and_then(|(from, rest)| Some((from, inet(rest)?.0))),
        INET6 => inet6(rest).and_then(|(from, rest)| Some((from, inet6(rest)?.0))),
        other => return put_shown(out, format_args!("family {other}")),
    };
    let Some((mut from, mut to)) = pair else {
        return out.put(if *family == INET {
            b"INVALID IPv4"
        } else {
            b"INVALID IPv6"
        });
    };
    if let (Some(a), Some(b)) = (mapped(from.0), mapped(to.0)) {
        (from.0, to.0) = (a, b);
    }
    put_end(from, out);
    out.put(b"->");
    put_end(to, out);
}

fn unix_pair(bytes: &[u8], out: &mut impl Sink) {
    let pair = || {
        let (source, rest) = bytes.split_first_chunk()?;
        let (peer, path) = rest.split_first_chunk()?;
        Some((u64::from_le_bytes(*source), u64::from_le_bytes(*peer), path))
    };
    match pair() {
        Some((source, peer, path)) => {
            put_shown(out, format_args!("{source:x}->{peer:x} "));
            out.put(text(path));
        }
        None => out.put(b"INVALID PATH"),
    }
}

/// The IPv4 address that an IPv6 one stands for; the unspecified one stands for IPv4's.
fn mapped(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(_) => Some(address),
        IpAddr::V6(address) if address.is_unspecified() => Some(Ipv4Addr::UNSPECIFIED.into()),
        IpAddr::V6(address) => address.to_ipv4_mapped().map(IpAddr::V4),
    }
}

type End = (IpAddr, u16);

fn put_end((address, port): End, out: &mut impl Sink) {
    put_shown(out, format_args!("{address}:{port}"));
}

fn inet(bytes: &[u8]) -> Option<(End, &[u8])> {
    let (address, rest) = bytes.split_first_chunk::<4>()?;
    let (port, rest) = rest.split_first_chunk()?;
    Some((
        (Ipv4Addr::from(*address).into(), u16::from_le_bytes(*port)),
        rest,
    ))
}

fn inet6(bytes: &[u8]) -> Option<(End, &[u8])> {
    let (address, rest) = bytes.split_first_chunk::<16>()?;
    let (port, rest) = rest.split_first_chunk()?;
    Some((
        (Ipv6Addr::from(*address).into(), u16::from_le_bytes(*port)),
        rest,
    ))
}

fn text(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

pub(super) fn put_shown(out: &mut impl Sink, shown: std::fmt::Arguments<'_>) {
    struct Bytes<'a, S>(&'a mut S);
    impl<S: Sink> std::fmt::Write for Bytes<'_, S> {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.put(text.as_bytes());
            Ok(())
        }
    }
    // A sink takes everything, so this cannot fail.
    let _ = std::fmt::Write::write_fmt(&mut Bytes(out), shown);
}
