//! Sockets: made, bound, connected, accepted.

use std::{net::IpAddr, sync::Arc};

use falco_event::{Event, SockAddr, SockTuple, codes, render::put_end, unmapped};

use crate::{
    Ends, Fd, FdKind, Proto, Role, State, Subject, Tuple,
    apply::succeeded,
    names::{write_tuple, write_unix},
    wire::{address, addresses, open, result},
};

mod constants {
    pub(super) const AF_UNIX: u32 = 1;
    pub(super) const AF_INET: u32 = 2;
    pub(super) const AF_INET6: u32 = 10;
    pub(super) const AF_NETLINK: u32 = 16;
    pub(super) const SOCK_STREAM: u32 = 1;
    pub(super) const SOCK_DGRAM: u32 = 2;
    pub(super) const SOCK_RAW: u32 = 3;
    pub(super) const EINPROGRESS: i64 = 115;
}
use constants::{
    AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, EINPROGRESS, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM,
};

impl State {
    pub(crate) fn socket(&mut self, event: &Event<'_>, at: &mut Subject) {
        if !succeeded(event) {
            return;
        }
        let number = |index| event.u32(index).unwrap_or(0);
        let fd = Fd {
            kind: socket_kind(number(1), number(2), number(3)),
            open_flags: number(4),
            ..Fd::default()
        };
        self.add_event_fd(at, result(event), fd);
    }

    /// The event's descriptor is the first, the thread's last one the second.
    pub(crate) fn socketpair(&mut self, event: &Event<'_>, at: &mut Subject) {
        let (Some(first), Some(second)) = (event.i64(1), event.i64(2)) else {
            return;
        };
        if !succeeded(event) || first == second {
            return;
        }
        let fd = Fd {
            kind: FdKind::Unix {
                source: event.u64(3).unwrap_or(0),
                peer: event.u64(4).unwrap_or(0),
                role: Role::None,
            },
            ..Fd::default()
        };
        self.add_event_fd(at, first, fd.clone());
        let kept = at.fd;
        self.add_event_fd(at, second, fd);
        at.fd = kept;
    }

    /// Who binds a port is taken for a server.
    pub(crate) fn bound(&mut self, event: &Event<'_>, at: &mut Subject) {
        let Some(address) = address(event, 1).filter(|_| succeeded(event)) else {
            return;
        };
        let mut name = std::mem::take(&mut self.scratch.text);
        name.clear();
        match address {
            SockAddr::Inet(ip, port) => put_end((ip, port), &mut name),
            SockAddr::Unix(path) => name.extend_from_slice(path),
            SockAddr::Other(family) => {
                name.extend_from_slice(format!("family {family}").as_bytes());
            }
        }
        if let Some(fd) = self.fd_of_mut(at) {
            if let SockAddr::Inet(ip, port) = address
                && port > 0
            {
                let ip = unmapped(ip).unwrap_or(ip);
                fd.kind = FdKind::Inet(Tuple {
                    v6: ip.is_ipv6(),
                    proto: proto(fd),
                    ends: Ends::Listening(ip, port),
                    role: Role::Server,
                });
            }
            at.name_changed = rename(fd, &name);
        }
        self.scratch.text = name;
    }

    pub(crate) fn connected(&mut self, event: &Event<'_>, at: &mut Subject) {
        let kept = self.take_entered(event, at);
        if at.fd.is_some() && (succeeded(event) || result(event) == -EINPROGRESS) {
            let enter = kept.as_ref().and_then(|bytes| Event::parse(bytes).ok());
            let enter = enter.and_then(|enter| self::address(&enter, 1));
            self.connect(event, enter, at);
        }
        if let Some(kept) = kept {
            self.scratch.give_back(kept);
        }
    }

    fn connect(&mut self, event: &Event<'_>, enter: Option<SockAddr<'_>>, at: &mut Subject) {
        let mut name = std::mem::take(&mut self.scratch.text);
        name.clear();
        if let Some(fd) = self.fd_of_mut(at) {
            fd.connected = true;
            if event.param(1).is_none() {
                // The kernel had no addresses yet: only where it shall go is known.
                at.name_changed = connect_without_tuple(fd, enter, &mut name);
            } else {
                match addresses(event, 1) {
                    Some(SockTuple::Inet(from, to)) => {
                        let to = trusted(to, address(event, 3), enter);
                        connect_inet(fd, from, to);
                        if let FdKind::Inet(tuple) = &fd.kind {
                            write_tuple(&mut name, tuple);
                        }
                        at.name_changed = rename(fd, &name);
                    }
                    Some(SockTuple::Unix { source, peer, path }) => {
                        let path = trusted_path(path, address(event, 3), enter);
                        if connect_unix(fd, source, peer) {
                            write_unix(&mut name, source, peer, path);
                            at.name_changed = rename(fd, &name);
                        }
                    }
                    Some(SockTuple::Other(_)) | None => {}
                }
            }
        }
        self.scratch.text = name;
    }

    pub(crate) fn accepted(&mut self, event: &Event<'_>, at: &mut Subject) {
        if !succeeded(event) {
            return;
        }
        let number = result(event);
        if let Some(thread) = self.thread_of(at) {
            thread.last_fd = number;
        }
        let mut name = std::mem::take(&mut self.scratch.text);
        name.clear();
        let kind = match addresses(event, 1) {
            Some(SockTuple::Inet(from, to)) => {
                let tuple = Tuple {
                    v6: from.0.is_ipv6(),
                    proto: Proto::Tcp,
                    ends: Ends::Pair(from, to),
                    role: Role::Server,
                };
                write_tuple(&mut name, &tuple);
                Some(FdKind::Inet(tuple))
            }
            Some(SockTuple::Unix { source, peer, path }) => {
                write_unix(&mut name, source, peer, path);
                Some(FdKind::Unix {
                    source,
                    peer,
                    role: Role::Server,
                })
            }
            Some(SockTuple::Other(_)) | None => None,
        };
        if let Some(kind) = kind {
            let flags = event
                .i32(5)
                .filter(|_| event.code() == codes::SOCKET_ACCEPT4_6_X);
            let fd = Fd {
                kind,
                name: Arc::from(&name[..]),
                open_flags: flags.unwrap_or(0) as u32 & open::CLOEXEC,
                connected: true,
                ..Fd::default()
            };
            at.name_changed = !fd.name.is_empty();
            self.add_event_fd(at, number, fd);
        }
        self.scratch.text = name;
    }
}

/// What a call to `socket` makes.
pub(super) fn socket_kind(domain: u32, kind: u32, protocol: u32) -> FdKind {
    // Bits above the first byte are flags.
    let kind = kind & 0xff;
    match domain {
        AF_UNIX => FdKind::Unix {
            source: 0,
            peer: 0,
            role: Role::None,
        },
        AF_INET | AF_INET6 => FdKind::Inet(Tuple {
            v6: domain == AF_INET6,
            proto: match (protocol, kind) {
                (255, _) | (1 | 6 | 17, SOCK_RAW) => Proto::Raw,
                (6, _) | (0, SOCK_STREAM) => Proto::Tcp,
                (17, _) | (0, SOCK_DGRAM) => Proto::Udp,
                (1, _) => Proto::Icmp,
                _ => Proto::Unknown,
            },
            ends: Ends::None,
            role: Role::None,
        }),
        AF_NETLINK => FdKind::Netlink,
        _ => FdKind::Unknown,
    }
}

/// Names a descriptor; whether that changed anything.
pub(super) fn rename(fd: &mut Fd, name: &[u8]) -> bool {
    let changed = fd.name[..] != *name;
    if changed {
        fd.name = Arc::from(name);
    }
    changed
}

pub(super) fn proto(fd: &Fd) -> Proto {
    match &fd.kind {
        FdKind::Inet(tuple) => tuple.proto,
        _ => Proto::Unknown,
    }
}

pub(super) fn role(fd: &Fd) -> Role {
    match &fd.kind {
        FdKind::Inet(tuple) => tuple.role,
        FdKind::Unix { role, .. } => *role,
        _ => Role::None,
    }
}

type End = (IpAddr, u16);

/// Where a connection really goes. If what the kernel reports is what the program's memory says after the call, it may stem from there;
/// then what the call was entered with is believed.
fn trusted(to: End, exit: Option<SockAddr<'_>>, enter: Option<SockAddr<'_>>) -> End {
    let end = |address| match address {
        Some(SockAddr::Inet(ip, port)) if to.0.is_ipv4() => unmapped(ip).map(|ip| (ip, port)),
        Some(SockAddr::Inet(ip, port)) => Some((ip, port)),
        _ => None,
    };
    match (end(exit), end(enter)) {
        (Some(exit), Some(enter)) if exit == to && enter.0.is_ipv4() == to.0.is_ipv4() => enter,
        _ => to,
    }
}

/// The same for unix sockets.
fn trusted_path<'a>(
    path: &'a [u8],
    exit: Option<SockAddr<'_>>,
    enter: Option<SockAddr<'a>>,
) -> &'a [u8] {
    match (exit, enter) {
        (Some(SockAddr::Unix(exit)), Some(SockAddr::Unix(enter))) if exit == path => enter,
        _ => path,
    }
}

fn connect_inet(fd: &mut Fd, from: End, to: End) {
    let v6 = from.0.is_ipv6();
    let mut tuple = Tuple {
        v6,
        // Upstream forgets the protocol of a socket that turns out to be of the other family; rules rely on what it shows.
        proto: match &fd.kind {
            FdKind::Inet(old) if old.v6 != v6 => Proto::Unknown,
            _ => proto(fd),
        },
        ends: Ends::Pair(from, to),
        role: role(fd),
    };
    let old = match &fd.kind {
        FdKind::Inet(old) => old.ends,
        _ => Ends::None,
    };
    if old == Ends::Pair(from, to) || old == Ends::Pair(to, from) {
        tuple.ends = old;
    } else if tuple.role == Role::Server && tuple.proto == Proto::Udp {
        tuple.ends = Ends::Pair(to, from);
    }
    if tuple.role == Role::None {
        tuple.role = Role::Client;
    }
    fd.kind = FdKind::Inet(tuple);
}

/// False when it is no unix socket.
fn connect_unix(fd: &mut Fd, new_source: u64, new_peer: u64) -> bool {
    let FdKind::Unix { source, peer, role } = &mut fd.kind else {
        return false;
    };
    (*source, *peer) = (new_source, new_peer);
    if *role == Role::None {
        *role = Role::Client;
    }
    true
}

/// The name of an internet socket stays as it was: half of it is not known. Whether the name changed.
fn connect_without_tuple(fd: &mut Fd, enter: Option<SockAddr<'_>>, name: &mut Vec<u8>) -> bool {
    match enter {
        Some(SockAddr::Inet(ip, port)) => {
            let ip = unmapped(ip).unwrap_or(ip);
            let from = match &fd.kind {
                FdKind::Inet(Tuple {
                    ends: Ends::Pair(from, _),
                    v6,
                    ..
                }) if *v6 == ip.is_ipv6() => *from,
                _ => (unspecified(ip), 0),
            };
            fd.kind = FdKind::Inet(Tuple {
                v6: ip.is_ipv6(),
                proto: proto(fd),
                ends: Ends::Pair(from, (ip, port)),
                role: role(fd),
            });
            false
        }
        Some(SockAddr::Unix(path)) => {
            name.extend_from_slice(path);
            rename(fd, name)
        }
        Some(SockAddr::Other(_)) | None => false,
    }
}

/// The unspecified address of the same family.
pub(crate) fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}
