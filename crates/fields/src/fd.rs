//! Fields of the descriptor that a call is about.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use falco_event::{EventCode, EventFlags, codes as c};
use falco_filter::Value;
use falco_state::{Ends, Fd, FdKind, Layer, Proto, Role, Thread, Tuple};

use crate::catalogue::Arg;
use crate::table::fd::Descriptor as D;
use crate::text::Text;
use crate::{Facts, path};

const USES_FD: u16 = EventFlags::CREATES_FD | EventFlags::USES_FD | EventFlags::DESTROYS_FD;

impl D {
    /// Whether it stands for both ends of a connection: conditions may ask that.
    fn is_either_end(self) -> bool {
        matches!(self, D::Ip | D::Port | D::Proto | D::Net)
    }

    /// Whether outputs can show it.
    pub(crate) fn is_shown(self) -> bool {
        !self.is_either_end() && !matches!(self, D::CipName | D::SipName | D::LipName | D::RipName)
    }
}

impl<'e> Facts<'e> {
    pub(crate) fn descriptor(&self, field: D, arg: &Arg) -> Option<Value<'e>> {
        if !self.event.info().flags.any(USES_FD) {
            return None;
        }
        let thread = self.thread?;
        if field == D::Num {
            return Some(Value::Int(thread.last_fd));
        }
        let fd = self.looked_at(thread, arg);
        match (field, fd) {
            (D::TypeChar, Some(fd)) => Some(Value::Str(type_char(fd))),
            (D::Name, Some(fd)) => Some(Value::Str(&fd.name)),
            _ => self.more_of_descriptor(field, arg, thread, fd),
        }
    }

    /// What is asked less often, or of a descriptor that is not there.
    #[inline(never)]
    fn more_of_descriptor(
        &self,
        field: D,
        arg: &Arg,
        thread: &'e Thread,
        fd: Option<&'e Fd>,
    ) -> Option<Value<'e>> {
        match field {
            D::Uid => {
                let mut text = Text::new(self.arena);
                text.push_shown(thread.tid);
                text.push_shown(thread.last_fd);
                return Some(text.value());
            }
            D::TypeChar if fd.is_none() => {
                return Some(Value::Str(expected_type_char(self.event.code())));
            }
            D::Name => return Some(Value::Str(self.fd_name(fd)?)),
            D::ContainerName => return Some(self.in_container(self.fd_name(fd)?)),
            D::Directory => return Some(Value::Str(self.directory(fd)?)),
            D::ContainerDirectory => return Some(self.in_container(self.directory(fd)?)),
            D::NameRaw => {
                let name = match fd {
                    Some(fd) => &fd.raw_name,
                    None => self.attempted_name(true)?,
                };
                let name = path::without_repeated_slashes(name, self.arena);
                return Some(Value::Str(name));
            }
            // Of calls that are given the descriptor the event may tell it itself.
            D::RealPath if *arg == Arg::None && self.event.trailer().path().is_some() => {
                return self.event.trailer().path().map(Value::Str);
            }
            D::Types if *arg == Arg::None => return self.all_types(thread),
            _ => {}
        }
        let fd = fd?;
        match field {
            D::Type => Some(Value::Str(type_name(fd))),
            D::Types => {
                let one = [Value::Str(type_name(fd))];
                Some(Value::List(self.arena.alloc_slice_copy(&one)))
            }
            D::Filename => filename(fd).map(Value::Str),
            D::L4proto => Some(Value::Str(protocol(fd))),
            D::SockFamily => match fd.kind {
                FdKind::Inet(_) => Some(Value::Str(b"ip")),
                FdKind::Unix { .. } => Some(Value::Str(b"unix")),
                _ => None,
            },
            D::Connected => Some(Value::Bool(fd.connected)),
            D::NameChanged => Some(Value::Bool(self.subject.name_changed)),
            D::Dev => Some(Value::Int((fd.dev as i32).into())),
            D::DevMajor => Some(Value::Int(((fd.dev & 0xf_ff00) >> 8).into())),
            D::DevMinor => {
                let minor = (fd.dev & 0xff) | ((fd.dev >> 12) & 0xf_ff00);
                Some(Value::Int(minor.into()))
            }
            D::Ino => Some(Value::Int(fd.ino as i64)),
            D::RealPath => (!fd.real_path.is_empty()).then_some(Value::Str(&fd.real_path)),
            D::UpperLayer => Some(Value::Bool(fd.layer == Layer::Upper)),
            D::LowerLayer => Some(Value::Bool(fd.layer == Layer::Lower)),
            // They would have to be asked for over the network: whatever condition is none of theirs, except that they exist.
            D::CipName | D::SipName | D::LipName | D::RipName => Some(Value::Ends(&[])),
            _ => self.socket(field, fd),
        }
    }

    /// The descriptor that the fields are about: that of the event or, if nothing is known of it, the last of its thread.
    #[inline]
    fn looked_at(&self, thread: &Thread, arg: &Arg) -> Option<&'e Fd> {
        match arg {
            Arg::Index(number) => self.fd_of(*number),
            _ => self.event_fd().or_else(|| {
                let known = thread.last_fd != -1;
                known.then(|| self.fd_of(thread.last_fd)).flatten()
            }),
        }
    }

    /// Addresses and ports.
    fn socket(&self, field: D, fd: &Fd) -> Option<Value<'e>> {
        let FdKind::Inet(tuple) = &fd.kind else {
            return match field {
                D::IsServer => Some(Value::Bool(false)),
                D::Cproto => (role(fd) != Role::None).then_some(Value::Str(b"")),
                _ if field.is_either_end() => Some(Value::Ends(&[])),
                _ => None,
            };
        };
        let (source, destination) = match tuple.ends {
            Ends::Pair(source, destination) => (source, destination),
            Ends::None => (unspecified(tuple.v6), unspecified(tuple.v6)),
            Ends::Listening(address, port) => {
                return self.listening(field, tuple, address, port);
            }
        };
        match field {
            D::Ip | D::Net => {
                return Some(self.ends(Value::Ip(source.0), Value::Ip(destination.0)));
            }
            D::Port | D::Proto => {
                let port = |port: u16| Value::Uint(port.into());
                return Some(self.ends(port(source.1), port(destination.1)));
            }
            D::IsServer => return Some(Value::Bool(self.is_local(destination.0))),
            _ if tuple.role == Role::None => return None,
            _ => {}
        }
        let (local, remote) = match field {
            D::Lip | D::Lnet | D::Lport | D::Lproto | D::Rip | D::Rnet | D::Rport | D::Rproto
                if !self.is_local(source.0) =>
            {
                (destination, source)
            }
            _ => (source, destination),
        };
        Some(match field {
            D::Cip | D::Cnet => Value::Ip(source.0),
            D::Sip | D::Snet => Value::Ip(destination.0),
            D::Lip | D::Lnet => Value::Ip(local.0),
            D::Rip | D::Rnet => Value::Ip(remote.0),
            D::Cport => Value::Uint(source.1.into()),
            D::Sport => Value::Uint(destination.1.into()),
            D::Lport => Value::Uint(local.1.into()),
            D::Rport => Value::Uint(remote.1.into()),
            D::Cproto => self.number(source.1),
            D::Sproto => self.number(destination.1),
            D::Lproto => self.number(local.1),
            D::Rproto => self.number(remote.1),
            _ => return None,
        })
    }

    /// Of a socket that only listens, there is the server.
    fn listening(&self, field: D, tuple: &Tuple, address: IpAddr, port: u16) -> Option<Value<'e>> {
        match field {
            D::Ip | D::Net => Some(self.ends(Value::Ip(address), Value::Ip(address))),
            D::Port | D::Proto => {
                let port = Value::Uint(port.into());
                Some(self.ends(port, port))
            }
            D::Sip | D::Snet => (tuple.role != Role::None).then_some(Value::Ip(address)),
            D::Sport => Some(Value::Uint(port.into())),
            D::Sproto => Some(Value::Str(b"")),
            D::Cproto => (tuple.role != Role::None).then_some(Value::Str(b"")),
            D::IsServer => Some(Value::Bool(true)),
            _ => None,
        }
    }

    fn ends(&self, one: Value<'e>, other: Value<'e>) -> Value<'e> {
        Value::Ends(self.arena.alloc_slice_copy(&[one, other]))
    }

    /// Whether an address is the container's, or one of the host if that is not known.
    fn is_local(&self, address: IpAddr) -> bool {
        let of = self.thread.map(|thread| thread.container);
        let container = of.and_then(|ix| self.state.containers.get(ix));
        let own =
            container.and_then(|container| container.info.as_ref()?.ip.parse::<IpAddr>().ok());
        match own {
            Some(own) => address == own,
            None => self.state.interfaces.is_local(address),
        }
    }

    /// A port as text. Names of services are for conditions only, as upstream has it.
    fn number(&self, port: u16) -> Value<'e> {
        let mut text = Text::new(self.arena);
        text.push_shown(port);
        text.value()
    }

    fn in_container(&self, name: &[u8]) -> Value<'e> {
        let mut text = Text::new(self.arena);
        text.push(self.container_id());
        text.push(b":");
        text.push(name);
        text.value()
    }

    /// What the descriptor is called; when nothing is known of it, because the call failed, what it would have been called.
    pub(crate) fn fd_name(&self, fd: Option<&'e Fd>) -> Option<&'e [u8]> {
        match fd {
            Some(fd) => Some(&fd.name),
            None => self.attempted_name(false),
        }
    }

    /// The name of the event's descriptor.
    pub(crate) fn event_fd_name(&self) -> Option<&'e [u8]> {
        let uses = self.event.info().flags.any(USES_FD);
        let thread = self.thread.filter(|_| uses)?;
        self.fd_name(self.looked_at(thread, &Arg::None))
    }

    /// What a call named that should have given a descriptor; empty for calls that name nothing.
    fn attempted_name(&self, raw: bool) -> Option<&'e [u8]> {
        if raw {
            return self.attempt(true);
        }
        self.attempted.get().unwrap_or_else(|| {
            let name = self.attempt(false);
            self.attempted.set(Some(name));
            name
        })
    }

    fn attempt(&self, raw: bool) -> Option<&'e [u8]> {
        let event = &self.event;
        match event.code() {
            code if code.is_enter() => None,
            c::SYSCALL_OPEN_X
            | c::SYSCALL_CREAT_X
            | c::SOCKET_ACCEPT_5_X
            | c::SOCKET_ACCEPT4_6_X
            | c::SOCKET_CONNECT_X => Some(self.param_text(1)),
            c::SYSCALL_OPENAT_2_X | c::SYSCALL_OPENAT2_X => {
                event.param(2)?;
                let name = event.str(2).unwrap_or(b"<NA>");
                if raw {
                    return Some(name);
                }
                Some(self.join(self.directory_of(event.i64(1)?, name), name))
            }
            c::SYSCALL_OPEN_BY_HANDLE_AT_X => Some(event.str(3).unwrap_or(b"<NA>")),
            _ => Some(b""),
        }
    }

    fn directory(&self, fd: Option<&'e Fd>) -> Option<&'e [u8]> {
        let name = match fd {
            None => self.attempted_name(false)?,
            Some(fd) => match fd.kind {
                FdKind::Directory => return Some(&fd.name),
                FdKind::File => &fd.name,
                _ => return None,
            },
        };
        match name.iter().rposition(|byte| *byte == b'/') {
            None | Some(0) => Some(b"/"),
            Some(at) if at + 1 == name.len() => Some(name),
            Some(at) => name.get(..at),
        }
    }

    /// What all descriptors of the process are, each kind once.
    fn all_types(&self, thread: &'e Thread) -> Option<Value<'e>> {
        let mut types = bumpalo::collections::Vec::new_in(self.arena);
        for (_, fd) in self.state.threads.fds(thread)?.iter() {
            let name = Value::Str(type_name(fd));
            if !types.contains(&name) {
                types.push(name);
            }
        }
        Some(Value::List(types.into_bump_slice()))
    }
}

/// The name of a file without its directory.
fn filename(fd: &Fd) -> Option<&[u8]> {
    if fd.kind != FdKind::File {
        return None;
    }
    match fd.name.iter().rposition(|byte| *byte == b'/') {
        None => Some(b"/"),
        Some(at) if at + 1 == fd.name.len() => Some(&fd.name),
        Some(at) => fd.name.get(at + 1..),
    }
}

fn role(fd: &Fd) -> Role {
    match &fd.kind {
        FdKind::Inet(tuple) => tuple.role,
        FdKind::Unix { role, .. } => *role,
        _ => Role::None,
    }
}

/// The protocol of a socket; that of a connection is known once its ends are.
pub(crate) fn protocol(fd: &Fd) -> &'static [u8] {
    let FdKind::Inet(tuple) = &fd.kind else {
        return b"<NA>";
    };
    let listens = matches!(tuple.ends, Ends::Listening(..));
    match tuple.proto {
        Proto::Raw => b"raw",
        _ if tuple.role == Role::None && !listens => b"<NA>",
        Proto::Tcp => b"tcp",
        Proto::Udp => b"udp",
        Proto::Icmp => b"icmp",
        Proto::Unknown | Proto::Na => b"<NA>",
    }
}

fn unspecified(v6: bool) -> (IpAddr, u16) {
    let address = if v6 {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    } else {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    };
    (address, 0)
}

/// What a descriptor is, as a word.
pub(crate) fn type_name(fd: &Fd) -> &'static [u8] {
    match &fd.kind {
        FdKind::File => b"file",
        FdKind::Directory => b"directory",
        FdKind::Inet(tuple) if tuple.v6 => b"ipv6",
        FdKind::Inet(_) => b"ipv4",
        FdKind::Unix { .. } => b"unix",
        FdKind::Pipe => b"pipe",
        FdKind::Event => b"event",
        FdKind::Signal => b"signalfd",
        FdKind::Epoll => b"eventpoll",
        FdKind::Inotify => b"inotify",
        FdKind::Timer => b"timerfd",
        FdKind::Netlink => b"netlink",
        FdKind::Bpf => b"bpf",
        FdKind::Userfault => b"userfaultfd",
        FdKind::IoUring => b"io_uring",
        FdKind::Memfd => b"memfd",
        FdKind::Pidfd(_) => b"pidfd",
        FdKind::Unknown | FdKind::Unsupported => b"<NA>",
    }
}

/// What a descriptor is, as a letter.
pub(crate) fn type_char(fd: &Fd) -> &'static [u8] {
    match &fd.kind {
        FdKind::File => b"f",
        FdKind::Directory => b"d",
        FdKind::Inet(tuple) if tuple.v6 => b"6",
        FdKind::Inet(_) => b"4",
        FdKind::Unix { .. } | FdKind::Userfault => b"u",
        FdKind::Pipe => b"p",
        FdKind::Event => b"e",
        FdKind::Signal => b"s",
        FdKind::Epoll => b"l",
        FdKind::Inotify => b"i",
        FdKind::Timer => b"t",
        FdKind::Netlink => b"n",
        FdKind::Bpf => b"b",
        FdKind::IoUring => b"r",
        FdKind::Memfd => b"m",
        FdKind::Pidfd(_) => b"P",
        FdKind::Unsupported => b"X",
        FdKind::Unknown => b"o",
    }
}

/// What a call would give a descriptor for.
fn expected_type_char(code: EventCode) -> &'static [u8] {
    match code {
        c::SYSCALL_OPENAT_2_X | c::SYSCALL_OPENAT2_X | c::SYSCALL_CREAT_X => b"f",
        // Of whatever family: the event does not tell.
        c::SOCKET_SOCKET_X | c::SOCKET_ACCEPT_5_X | c::SOCKET_ACCEPT4_6_X => b"4",
        c::SYSCALL_PIPE_X | c::SYSCALL_PIPE2_X => b"p",
        c::SYSCALL_EVENTFD_X | c::SYSCALL_EVENTFD2_X => b"e",
        c::SYSCALL_SIGNALFD_X | c::SYSCALL_SIGNALFD4_X => b"s",
        c::SYSCALL_TIMERFD_CREATE_X => b"t",
        c::SYSCALL_INOTIFY_INIT_X | c::SYSCALL_INOTIFY_INIT1_X => b"i",
        _ => b"o",
    }
}
