//! What is sent and received. Sockets without a connection show their addresses only here.

use falco_event::{Event, SockTuple, codes};

use crate::{
    Ends, Fd, FdKind, Proto, Role, State, Subject, Tuple,
    apply::succeeded,
    events::socket::{proto, rename, role, socket_kind},
    names::{write_tuple, write_unix},
    net::Interfaces,
    wire::addresses,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

impl State {
    pub(crate) fn received(&mut self, event: &Event<'_>, at: &mut Subject) {
        let tuple = match event.code() {
            codes::SOCKET_RECVFROM_X => Some(2),
            codes::SOCKET_RECVMSG_X => Some(3),
            codes::SOCKET_RECVMMSG_X | codes::SOCKET_RECV_X => Some(4),
            _ => None,
        };
        self.moved(event, at, tuple, Way::In);
        self.take_passed(event, at);
    }

    /// Descriptors that came over a unix socket: what they are, only the running machine can tell.
    fn take_passed(&mut self, event: &Event<'_>, at: &Subject) {
        let control = match event.code() {
            codes::SOCKET_RECVMSG_X => event.param(4),
            codes::SOCKET_RECVMMSG_X => event.param(5),
            _ => None,
        };
        if let Some(control) = control
            && let Some(ix) = at.thread
            && let Some(FdKind::Unix { .. }) = self.fd_of(at).map(|fd| &fd.kind)
        {
            for number in passed(control) {
                self.look_up_fd(ix, number.into(), event.time_ns());
            }
        }
    }

    pub(crate) fn sent(&mut self, event: &Event<'_>, at: &mut Subject) {
        let tuple = match event.code() {
            codes::SOCKET_SEND_X | codes::SOCKET_SENDTO_X | codes::SOCKET_SENDMSG_X => {
                if at.fd.is_none() && succeeded(event) {
                    self.guess_socket(event, at);
                }
                Some(4)
            }
            codes::SOCKET_SENDMMSG_X => Some(4),
            _ => None,
        };
        self.moved(event, at, tuple, Way::Out);
    }

    /// Who sends without a socket that we know of: its making was missed, most likely it was for datagrams.
    fn guess_socket(&mut self, event: &Event<'_>, at: &mut Subject) {
        let family = event.param(4).and_then(|tuple| tuple.first());
        if let (Some(family @ (2 | 10)), Some(number)) = (family, event.i64(2)) {
            let fd = Fd {
                kind: socket_kind(u32::from(*family), 2, 17),
                ..Fd::default()
            };
            self.add_event_fd(at, number, fd);
        }
    }

    fn moved(&mut self, event: &Event<'_>, at: &mut Subject, tuple: Option<usize>, way: Way) {
        let Some(fd) = self.fd_of(at) else { return };
        let inet = matches!(fd.kind, FdKind::Inet(_));
        if tuple.is_none() && !inet {
            return;
        }
        // Old captures have the two calls for many messages without any parameter.
        if event.param(0).is_none() || !succeeded(event) {
            return;
        }
        let newly = inet && !fd.connected;
        let tcp = matches!(&fd.kind, FdKind::Inet(tuple) if tuple.proto == Proto::Tcp && !tuple.v6);
        let asks = fd.name.is_empty() || !tcp;
        let news = tuple
            .filter(|_| asks)
            .and_then(|index| addresses(event, index))
            .and_then(|addresses| news(fd, addresses, way, &self.interfaces));
        if !newly && news.is_none() {
            return;
        }
        let mut name = std::mem::take(&mut self.scratch.text);
        name.clear();
        if let Some(fd) = self.fd_of_mut(at) {
            fd.connected |= inet;
            if let Some(news) = news {
                refresh(fd, &news, &mut name);
                at.name_changed = rename(fd, &name);
            }
        }
        self.scratch.text = name;
    }
}

/// What an event tells that was not known.
enum News<'a> {
    Inet(Tuple),
    Unix {
        source: u64,
        peer: u64,
        path: &'a [u8],
    },
}

/// What an event's addresses tell of a socket. Upstream keeps the first destination of a socket that sends to several: what went
/// elsewhere would be judged by it.
fn news<'a>(
    fd: &Fd,
    addresses: SockTuple<'a>,
    way: Way,
    interfaces: &Interfaces,
) -> Option<News<'a>> {
    match addresses {
        SockTuple::Inet(from, to) => inet_news(fd, from, to, way, interfaces).map(News::Inet),
        SockTuple::Unix { source, peer, path } => match fd.kind {
            FdKind::Unix {
                source: s, peer: p, ..
            } if (s, p) == (source, peer) && !fd.name.is_empty() && fd.name.ends_with(path) => None,
            _ => Some(News::Unix { source, peer, path }),
        },
        SockTuple::Other(_) => None,
    }
}

type End = (std::net::IpAddr, u16);

fn inet_news(fd: &Fd, from: End, to: End, way: Way, interfaces: &Interfaces) -> Option<Tuple> {
    let known = match &fd.kind {
        FdKind::Inet(Tuple {
            ends: Ends::Pair(a, b),
            ..
        }) => Some((*a, *b)),
        _ => None,
    };
    if known == Some((from, to)) || known == Some((to, from)) {
        return None;
    }
    // Servers usually begin by receiving, clients by sending.
    let role = match (role(fd), way) {
        (Role::None, Way::In) => Role::Server,
        (Role::None, Way::Out) => Role::Client,
        (known, _) => known,
    };
    // The client is the source, whoever spoke.
    let (mut from, mut to) = match (role, way) {
        (Role::Client, Way::In) | (Role::Server, Way::Out) => (to, from),
        _ => (from, to),
    };
    if let Some((known_from, known_to)) = known {
        fill(&mut from, known_from);
        fill(&mut to, known_to);
    }
    let mut tuple = Tuple {
        v6: from.0.is_ipv6(),
        // TCP would not change its mind.
        proto: match proto(fd) {
            Proto::Unknown => Proto::Udp,
            known => known,
        },
        ends: Ends::Pair(from, to),
        role,
    };
    interfaces.complete(&mut tuple);
    (known != Some((from, to)) || fd.name.is_empty()).then_some(tuple)
}

/// Keeps what is known where an event tells nothing.
fn fill(end: &mut End, known: End) {
    if end.0.is_unspecified() && known.0.is_ipv4() == end.0.is_ipv4() {
        end.0 = known.0;
    }
    if end.1 == 0 {
        end.1 = known.1;
    }
}

fn refresh(fd: &mut Fd, news: &News<'_>, name: &mut Vec<u8>) {
    match *news {
        News::Inet(tuple) => {
            write_tuple(name, &tuple);
            fd.kind = FdKind::Inet(tuple);
        }
        News::Unix { source, peer, path } => {
            write_unix(name, source, peer, path);
            let role = role(fd);
            fd.kind = FdKind::Unix { source, peer, role };
        }
    }
}

/// The descriptors in control messages: `cmsghdr` of 64-bit machines (length with header u64, level i32, type i32), then data, each
/// padded to eight bytes. Of `SCM_RIGHTS` the data are descriptors (i32 each), at most 253.
fn passed(mut control: &[u8]) -> impl Iterator<Item = i32> {
    const HEADER: usize = 16;
    const SOL_SOCKET_SCM_RIGHTS: [u8; 8] = [1, 0, 0, 0, 1, 0, 0, 0];
    const FDS_MAX: usize = 253;
    let messages = std::iter::from_fn(move || {
        let length = u64::from_le_bytes(*control.first_chunk()?) as usize;
        let kind = control.get(8..HEADER)?;
        let data = control.get(HEADER..length)?;
        control = length
            .checked_next_multiple_of(8)
            .and_then(|next| control.get(next..))
            .unwrap_or_default();
        Some((kind == SOL_SOCKET_SCM_RIGHTS).then_some(data))
    });
    messages
        .flatten()
        .flat_map(|data| data.chunks_exact(4).take(FDS_MAX))
        .filter_map(|bytes| Some(i32::from_le_bytes(*bytes.first_chunk()?)))
}

#[cfg(test)]
mod tests {
    use super::passed;

    #[test]
    fn finds_the_descriptors_that_were_passed() {
        let message = |level: u32, kind: u32, data: &[u8]| {
            let mut out = (16 + data.len() as u64).to_le_bytes().to_vec();
            out.extend_from_slice(&level.to_le_bytes());
            out.extend_from_slice(&kind.to_le_bytes());
            out.extend_from_slice(data);
            out.resize(out.len().next_multiple_of(8), 0);
            out
        };
        let bytes = [
            message(1, 2, &[9; 12]),
            message(1, 1, &[5, 0, 0, 0]),
            message(1, 1, &[6, 0, 0, 0, 7, 0, 0, 0]),
        ]
        .concat();
        assert_eq!(passed(&bytes).collect::<Vec<_>>(), [5, 6, 7]);
        assert_eq!(passed(&bytes[..bytes.len() - 1]).collect::<Vec<_>>(), [5]);
        for bad in [&[][..], &[0; 16], &[0xff; 40], &[17, 0, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(passed(bad).count(), 0);
        }
    }
}
