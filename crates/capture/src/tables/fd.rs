//! The entries of descriptor lists.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use falco_state::{Ends, Fd, FdKind, Proto, Role, Tuple};

use super::cursor::Cursor;
use crate::{blocks::FD_NAME_MAX, error::CaptureError};

/// Reads one entry: the number of the descriptor, and what it is unless the writer did not know either.
pub(super) fn read(at: &mut Cursor<'_>, sized: bool) -> Result<(i64, Option<Fd>), CaptureError> {
    let number = at.i64("the number of a descriptor")?;
    let mut fd = Fd {
        ino: at.u64("the inode of a descriptor")?,
        ..Fd::default()
    };
    let code = at.u8("the type of a descriptor")?;
    fd.kind = match code {
        0 => return Ok((number, None)),
        1 => FdKind::File,
        2 => FdKind::Directory,
        3 => {
            let (source, destination) = (v4(at)?, v4(at)?);
            pair(at, source, destination)?
        }
        4 => {
            let (source, destination) = (v6(at)?, v6(at)?);
            pair(at, source, destination)?
        }
        5 => {
            let address = v4(at)?;
            listening(at, address)?
        }
        6 => {
            let address = v6(at)?;
            listening(at, address)?
        }
        7 => FdKind::Pipe,
        8 => FdKind::Unix {
            source: at.u64("the address of a unix socket")?,
            peer: at.u64("the address of a unix socket's peer")?,
            role: Role::None,
        },
        9 => FdKind::Event,
        11 => FdKind::Signal,
        12 => FdKind::Epoll,
        13 => FdKind::Inotify,
        14 => FdKind::Timer,
        15 => FdKind::Netlink,
        16 => {
            fd.open_flags = at.u32("the open flags of a file")?;
            FdKind::File
        }
        17 => FdKind::Bpf,
        18 => FdKind::Userfault,
        19 => FdKind::IoUring,
        20 => FdKind::Memfd,
        21 => FdKind::Pidfd(-1),
        _ => FdKind::Unsupported,
    };
    match fd.kind {
        // The state names them, and finds out which end is ours.
        FdKind::Inet(_) => {}
        // A type from the future: its fields are skipped, if the entry tells how long it is.
        FdKind::Unsupported if code != 10 => {
            fd.name = format!("unknown-type:[{code}]").into_bytes().into();
        }
        _ => fd.name = at.text("the name of a descriptor", FD_NAME_MAX)?.into(),
    }
    if code == 16 && sized {
        fd.dev = at.added().map_or(0, u32::from_le_bytes);
    }
    Ok((number, Some(fd)))
}

fn v4(at: &mut Cursor<'_>) -> Result<IpAddr, CaptureError> {
    Ok(Ipv4Addr::from(at.array::<4>("an IPv4 address")?).into())
}

fn v6(at: &mut Cursor<'_>) -> Result<IpAddr, CaptureError> {
    Ok(Ipv6Addr::from(at.array::<16>("an IPv6 address")?).into())
}

fn pair(at: &mut Cursor<'_>, source: IpAddr, destination: IpAddr) -> Result<FdKind, CaptureError> {
    let (from, to) = (at.u16("a port")?, at.u16("a port")?);
    let proto = proto(at)?;
    Ok(FdKind::Inet(Tuple {
        v6: source.is_ipv6(),
        proto,
        ends: Ends::Pair((source, from), (destination, to)),
        role: Role::None,
    }))
}

fn listening(at: &mut Cursor<'_>, address: IpAddr) -> Result<FdKind, CaptureError> {
    let port = at.u16("a port")?;
    Ok(FdKind::Inet(Tuple {
        v6: address.is_ipv6(),
        proto: proto(at)?,
        ends: Ends::Listening(address, port),
        role: Role::None,
    }))
}

fn proto(at: &mut Cursor<'_>) -> Result<Proto, CaptureError> {
    Ok(match at.u8("a transport protocol")? {
        1 => Proto::Na,
        2 => Proto::Tcp,
        3 => Proto::Udp,
        4 => Proto::Icmp,
        5 => Proto::Raw,
        _ => Proto::Unknown,
    })
}
