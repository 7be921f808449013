//! Calls on sockets, made for real over the loopback.
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "support/live.rs"]
mod live;

use live::{Notes, call, said};

const CALLS: &[&str] = &[
    "socket",
    "socketpair",
    "bind",
    "connect",
    "listen",
    "accept",
    "accept4",
    "sendto",
    "sendmsg",
    "recvfrom",
    "recvmsg",
    "sendmmsg",
    "recvmmsg",
    "shutdown",
    "getsockname",
    "getpeername",
    "setsockopt",
    "getsockopt",
];

/// `struct sockaddr_in` of the loopback, in the 128 bytes that programs often pass whatever the family.
fn inet(port: u16) -> [u8; 128] {
    let mut addr = [0; 128];
    addr[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    addr[2..4].copy_from_slice(&port.to_be_bytes());
    addr[4..8].copy_from_slice(&[127, 0, 0, 1]);
    addr
}

/// `struct sockaddr_in6` of the loopback.
fn inet6(port: u16) -> [u8; 28] {
    let mut addr = [0; 28];
    addr[..2].copy_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
    addr[2..4].copy_from_slice(&port.to_be_bytes());
    addr[23] = 1;
    addr
}

fn unix(path: &[u8]) -> Vec<u8> {
    [&(libc::AF_UNIX as u16).to_ne_bytes()[..], path].concat()
}

/// The port that a socket was given.
fn port_of(fd: i64) -> i64 {
    let (mut addr, mut length) = ([0_u8; 28], 28_u32);
    call!(
        libc::SYS_getsockname,
        fd,
        addr.as_mut_ptr(),
        &raw mut length
    );
    u16::from_be_bytes([addr[2], addr[3]]).into()
}

/// A listening socket of the loopback and where it listens.
fn listening(notes: Notes, backlog: i64) -> (i64, [u8; 128]) {
    let any = inet(0);
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    let server = notes.put(100, call!(libc::SYS_socket, libc::AF_INET, kind, 0));
    call!(libc::SYS_bind, server, any.as_ptr(), 128);
    call!(libc::SYS_listen, server, backlog);
    (server, inet(notes.put(101, port_of(server)) as u16))
}

#[test]
fn tcp_over_ipv4() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let (server, to) = listening(notes, 5);
        let client = notes.put(
            0,
            call!(
                libc::SYS_socket,
                libc::AF_INET,
                libc::SOCK_STREAM,
                libc::IPPROTO_TCP
            ),
        );
        call!(libc::SYS_connect, client, to.as_ptr(), 16);
        notes.put(1, port_of(client));
        notes.put(2, call!(libc::SYS_accept, server, 0, 0));
        call!(libc::SYS_sendto, client, b"he llo".as_ptr(), 6, 0, 0, 0);
        notes.put(3, call!(libc::SYS_connect, client, to.as_ptr(), 3));
        call!(libc::SYS_accept, 12345, 0, 0);
    });
    let note = |index| seen.notes.get(index);
    let (server, port, kind) = (note(100), note(101), libc::SOCK_STREAM | libc::SOCK_CLOEXEC);
    let (client, from, accepted, refused) = (note(0), note(1), note(2), note(3));
    let to = format!("127.0.0.1:{port}");
    let tuple = format!("127.0.0.1:{from}->{to}");
    said!(
        seen,
        "socket fd={server} domain=AF_INET type={kind} proto=0 flags=O_CLOEXEC"
    );
    said!(seen, "bind res=0 addr=127.0.0.1:0 fd={server}");
    said!(seen, "listen res=0 fd={server} backlog=5");
    said!(
        seen,
        "socket fd={client} domain=AF_INET type=1 proto=6 flags=O_NONE"
    );
    said!(seen, "connect res=0 tuple={tuple} fd={client} addr={to}");
    said!(
        seen,
        "accept fd={accepted} tuple={tuple} queuepct=0 queuelen=0 queuemax=5"
    );
    said!(
        seen,
        "sendto res=6 data=he\\sllo fd={client} size=6 tuple={tuple}"
    );
    said!(seen, "connect res={refused} tuple=- fd={client} addr=-");
    let ebadf = -libc::EBADF;
    said!(
        seen,
        "accept fd={ebadf} tuple=- queuepct=0 queuelen=0 queuemax=0"
    );
}

#[test]
fn a_connection_under_way() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let (server, to) = listening(notes, 5);
        let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK;
        let client = notes.put(0, call!(libc::SYS_socket, libc::AF_INET, kind, 0));
        notes.put(1, call!(libc::SYS_connect, client, to.as_ptr(), 128));
        notes.put(2, port_of(client));
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        notes.put(3, call!(libc::SYS_accept4, server, 0, 0, flags));
    });
    let note = |index| seen.notes.get(index);
    let (client, result, from, accepted) = (note(0), note(1), note(2), note(3));
    let to = format!("127.0.0.1:{}", note(101));
    let tuple = format!("127.0.0.1:{from}->{to}");
    assert!(
        result == -i64::from(libc::EINPROGRESS) || result == 0,
        "{result}"
    );
    said!(
        seen,
        "connect res={result} tuple={tuple} fd={client} addr={to}"
    );
    let flags = 64 + 4096; // O_NONBLOCK and O_CLOEXEC; the schema gives them no names here
    said!(
        seen,
        "accept4 fd={accepted} tuple={tuple} queuepct=0 queuelen=0 queuemax=5 flags={flags}"
    );
}

#[test]
fn a_full_queue() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let (server, to) = listening(notes, 4);
        for _ in 0..3 {
            let client = call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0);
            call!(libc::SYS_connect, client, to.as_ptr(), 16);
        }
        notes.put(0, call!(libc::SYS_accept, server, 0, 0));
    });
    said!(
        seen,
        "accept fd={} tuple=_ queuepct=50 queuelen=2 queuemax=4",
        seen.notes.get(0)
    );
}

#[test]
fn udp_over_both() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let (to, to6, any, long) = (inet(9), inet6(9), inet(0), [b'x'; 200]);
        let fd = notes.put(
            0,
            call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_DGRAM, 0),
        );
        call!(libc::SYS_bind, fd, any.as_ptr(), 16);
        notes.put(1, port_of(fd));
        call!(
            libc::SYS_sendto,
            fd,
            long.as_ptr(),
            long.len(),
            0,
            to.as_ptr(),
            16
        );
        let fd6 = notes.put(
            2,
            call!(libc::SYS_socket, libc::AF_INET6, libc::SOCK_DGRAM, 0),
        );
        notes.put(3, call!(libc::SYS_connect, fd6, to6.as_ptr(), 28));
        notes.put(4, port_of(fd6));
        let pieces = [b"one".as_ptr() as u64, 3, b"two!".as_ptr() as u64, 4];
        let message = [0_u64, 0, pieces.as_ptr() as u64, 2, 0, 0, 0];
        notes.put(5, call!(libc::SYS_sendmsg, fd6, message.as_ptr(), 0));
        call!(libc::SYS_sendmsg, fd6, 0, 0);
    });
    let note = |index| seen.notes.get(index);
    let (fd, port, fd6, connected, port6, sent) =
        (note(0), note(1), note(2), note(3), note(4), note(5));
    let short = "x".repeat(80);
    said!(
        seen,
        "sendto res=200 data={short} fd={fd} size=200 tuple=127.0.0.1:{port}->127.0.0.1:9"
    );
    if connected < 0 {
        return; // no IPv6 here
    }
    let tuple = format!("[::1]:{port6}->[::1]:9");
    said!(seen, "bind res=0 addr=127.0.0.1:0 fd={fd}");
    said!(
        seen,
        "socket fd={fd} domain=AF_INET type=2 proto=0 flags=O_NONE"
    );
    said!(
        seen,
        "socket fd={fd6} domain=AF_INET6 type=2 proto=0 flags=O_NONE"
    );
    said!(seen, "connect res=0 tuple={tuple} fd={fd6} addr=[::1]:9");
    // Nobody listens there: the second message learns it from the first, if it is that quick.
    let tuple = if sent == 7 { &tuple } else { "-" };
    said!(
        seen,
        "sendmsg res={sent} data=onetwo! fd={fd6} size=7 tuple={tuple}"
    );
    said!(
        seen,
        "sendmsg res={} data=- fd={fd6} size=- tuple=-",
        -libc::EFAULT
    );
}

#[test]
fn unix_sockets() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket").to_str().unwrap().to_owned();
    let (named, hidden) = (unix(path.as_bytes()), unix(b"\0abstract-name"));
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let (family, stream) = (libc::AF_UNIX, libc::SOCK_STREAM);
        let server = notes.put(0, call!(libc::SYS_socket, family, stream, 0));
        call!(libc::SYS_bind, server, named.as_ptr(), named.len());
        call!(libc::SYS_listen, server, 1);
        let client = notes.put(1, call!(libc::SYS_socket, family, stream, 0));
        call!(libc::SYS_connect, client, named.as_ptr(), named.len());
        notes.put(2, call!(libc::SYS_accept, server, 0, 0));
        let third = notes.put(3, call!(libc::SYS_socket, family, libc::SOCK_DGRAM, 0));
        call!(libc::SYS_bind, third, hidden.as_ptr(), hidden.len());
        let mut pair = [0_i32; 2];
        call!(libc::SYS_socketpair, family, stream, 0, pair.as_mut_ptr());
        notes.put(4, pair[0].into());
        notes.put(5, pair[1].into());
    });
    let fd: Vec<i64> = (0..6).map(|index| seen.notes.get(index)).collect();
    said!(seen, "bind res=0 addr=unix:{path}\\0 fd={}", fd[0]);
    let (connect, accept) = (seen.take("connect"), seen.take("accept"));
    live::compare(
        &connect,
        &format!("connect res=0 tuple=_ fd={} addr=unix:{path}\\0", fd[1]),
    );
    live::compare(
        &accept,
        &format!(
            "accept fd={} tuple=_ queuepct=0 queuelen=0 queuemax=1",
            fd[2]
        ),
    );
    let (ours, theirs) = (
        live::parse(&connect).param(1),
        live::parse(&accept).param(1),
    );
    assert_eq!(
        ours, theirs,
        "both ends name the same two sockets and the path"
    );
    let ours = ours.unwrap();
    assert_eq!(
        (ours[0], &ours[17..]),
        (1, [path.as_bytes(), b"\0"].concat().as_slice())
    );
    assert!(ours[1..9] != [0; 8] && ours[9..17] != [0; 8] && ours[1..9] != ours[9..17]);
    said!(seen, "bind res=0 addr=unix:abstract-name\\0 fd={}", fd[3]);
    said!(
        seen,
        "socketpair res=0 fd1={} fd2={} source=_ peer=_ domain=AF_UNIX type=1 proto=0",
        fd[4],
        fd[5]
    );
}

#[test]
fn receiving() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let any = inet(0);
        let sender = notes.put(
            0,
            call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_DGRAM, 0),
        );
        call!(libc::SYS_bind, sender, any.as_ptr(), 16);
        notes.put(1, port_of(sender));
        let fd = notes.put(
            2,
            call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_DGRAM, 0),
        );
        call!(libc::SYS_bind, fd, any.as_ptr(), 16);
        let to = inet(notes.put(3, port_of(fd)) as u16);
        for text in [b"first", b"other"] {
            call!(
                libc::SYS_sendto,
                sender,
                text.as_ptr(),
                5,
                0,
                to.as_ptr(),
                16
            );
        }
        let (mut data, mut from, mut length) = ([0_u8; 64], [0_u8; 16], 16_u32);
        let (from, length) = (from.as_mut_ptr(), &raw mut length);
        call!(
            libc::SYS_recvfrom,
            fd,
            data.as_mut_ptr(),
            64,
            0,
            from,
            length
        );
        let pieces = [data.as_mut_ptr() as u64, 2, (&raw mut data[10]) as u64, 50];
        let mut control = [0_u64; 8];
        let control = control.as_mut_ptr() as u64;
        let message = [from as u64, 16, pieces.as_ptr() as u64, 2, control, 64, 0];
        call!(libc::SYS_recvmsg, fd, message.as_ptr(), 0);
        call!(libc::SYS_recvmsg, fd, message.as_ptr(), libc::MSG_DONTWAIT);
        call!(
            libc::SYS_recvfrom,
            fd,
            data.as_mut_ptr(),
            64,
            libc::MSG_DONTWAIT,
            0,
            0
        );
    });
    let (fd, from, to) = (seen.notes.get(2), seen.notes.get(1), seen.notes.get(3));
    let tuple = format!("127.0.0.1:{from}->127.0.0.1:{to}");
    let eagain = -libc::EAGAIN;
    said!(
        seen,
        "recvfrom res=5 data=first tuple={tuple} fd={fd} size=64"
    );
    said!(
        seen,
        "recvmsg res=5 size=5 data=other tuple={tuple} msgcontrol=- fd={fd}"
    );
    said!(
        seen,
        "recvmsg res={eagain} size=0 data=- tuple=- msgcontrol=- fd={fd}"
    );
    said!(seen, "recvfrom res={eagain} data=- tuple=- fd={fd} size=64");
}

/// A descriptor goes from one socket to the other: the control data that carries it is reported.
#[test]
fn descriptors_that_are_passed() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let mut pair = [0_i32; 2];
        call!(
            libc::SYS_socketpair,
            libc::AF_UNIX,
            libc::SOCK_STREAM,
            0,
            pair.as_mut_ptr()
        );
        let mut byte = *b"x";
        let piece = [byte.as_mut_ptr() as u64, 1];
        // struct cmsghdr: length, level, type; then the descriptor
        let level_and_type = libc::SOL_SOCKET as u64 | (libc::SCM_RIGHTS as u64) << 32;
        let mut control = [20, level_and_type, 0];
        let control = control.as_mut_ptr();
        let message = [0, 0, piece.as_ptr() as u64, 1, control as u64, 24, 0];
        call!(libc::SYS_sendmsg, pair[0], message.as_ptr(), 0);
        notes.put(0, pair[1].into());
        notes.put(1, call!(libc::SYS_recvmsg, pair[1], message.as_ptr(), 0));
        // SAFETY: the array of that type that the kernel wrote to; nobody else uses it any more.
        let control = unsafe { &*control.cast::<[u64; 3]>() };
        notes.put(2, control[2] as i64);
    });
    let (fd, passed) = (seen.notes.get(0), seen.notes.get(2) as u8);
    let bytes = [
        &20_u64.to_le_bytes()[..],
        &[1, 0, 0, 0, 1, 0, 0, 0, passed, 0, 0, 0],
    ]
    .concat();
    let event = seen.take("recvmsg");
    live::compare(
        &event,
        &format!("recvmsg res=1 size=1 data=x tuple=_ msgcontrol=_ fd={fd}"),
    );
    assert_eq!(
        live::parse(&event).param(4).map(|have| &have[..20]),
        Some(&bytes[..])
    );
}

#[test]
fn options() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let fd = notes.put(
            0,
            call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0),
        );
        let (level, one) = (libc::SOL_SOCKET, 1_u32);
        let set = |level, name, value: *const u8, length| {
            call!(libc::SYS_setsockopt, fd, level, name, value, length)
        };
        set(level, libc::SO_REUSEADDR, (&raw const one).cast(), 4);
        let time = [2_i64, 3];
        set(level, libc::SO_RCVTIMEO, time.as_ptr().cast(), 16);
        let linger = [1_u32, 5];
        set(level, libc::SO_LINGER, linger.as_ptr().cast(), 8);
        set(
            libc::IPPROTO_TCP,
            libc::TCP_NODELAY,
            (&raw const one).cast(),
            4,
        );
        let text = *b"abcd";
        notes.put(3, set(level, 9999, text.as_ptr(), 4));
        let (mut value, mut length) = (0_u64, 8_u32);
        let into = &raw mut value;
        for name in [libc::SO_TYPE, libc::SO_ERROR, 57] {
            length = 8;
            call!(libc::SYS_getsockopt, fd, level, name, into, &raw mut length);
        }
        notes.put(1, value as i64);
        call!(
            libc::SYS_getsockopt,
            -1,
            level,
            libc::SO_TYPE,
            into,
            &raw mut length
        );
    });
    let (fd, cookie) = (seen.notes.get(0), seen.notes.get(1));
    let ebadf = -libc::EBADF;
    let level = format!("fd={fd} level=SOL_SOCKET");
    said!(
        seen,
        "setsockopt res=0 {level} optname=SO_REUSEADDR val=2:1 optlen=4"
    );
    said!(
        seen,
        "setsockopt res=0 {level} optname=SO_RCVTIMEO val=4:2000003000 optlen=16"
    );
    said!(
        seen,
        "setsockopt res=0 {level} optname=SO_LINGER val=0:\\x01\\0\\0\\0\\x05\\0\\0\\0 optlen=8"
    );
    said!(
        seen,
        "setsockopt res=0 fd={fd} level=SOL_TCP optname=UNKNOWN val=0:\\x01\\0\\0\\0 optlen=4"
    );
    said!(
        seen,
        "setsockopt res={} {level} optname=UNKNOWN val=0:abcd optlen=4",
        seen.notes.get(3)
    );
    said!(
        seen,
        "getsockopt res=0 {level} optname=SO_TYPE val=2:1 optlen=4"
    );
    said!(
        seen,
        "getsockopt res=0 {level} optname=SO_ERROR val=1:0 optlen=4"
    );
    said!(
        seen,
        "getsockopt res=0 {level} optname=SO_COOKIE val=3:{cookie} optlen=8"
    );
    said!(
        seen,
        "getsockopt res={ebadf} fd=-1 level=SOL_SOCKET optname=SO_TYPE val=2:{} optlen=8",
        cookie as u32
    );
}

#[test]
fn names_and_ends() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let kind = libc::SOCK_STREAM;
        let fd = notes.put(0, call!(libc::SYS_socket, libc::AF_INET, kind, 0));
        let (mut value, mut length) = (0_u64, 8_u32);
        let into = &raw mut value;
        port_of(fd);
        call!(libc::SYS_getpeername, fd, into, &raw mut length);
        notes.put(2, call!(libc::SYS_shutdown, fd, libc::SHUT_WR));
        call!(libc::SYS_shutdown, -1, 7);
    });
    let (fd, ebadf) = (seen.notes.get(0), -libc::EBADF);
    said!(seen, "getsockname");
    said!(seen, "getpeername");
    said!(
        seen,
        "shutdown res={} fd={fd} how=SHUT_WR",
        seen.notes.get(2)
    );
    said!(seen, "shutdown res={ebadf} fd=-1 how=0xff");
}

#[test]
fn several_messages_at_once() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let any = inet(0);
        let kind = libc::SOCK_DGRAM;
        let fd = notes.put(0, call!(libc::SYS_socket, libc::AF_INET, kind, 0));
        call!(libc::SYS_bind, fd, any.as_ptr(), 16);
        let to = inet(notes.put(1, port_of(fd)) as u16);
        let text = *b"onetwothree";
        let base = text.as_ptr() as u64;
        let pieces = [base, 3, base + 3, 3, base + 6, 5];
        let (name, array) = (to.as_ptr() as u64, pieces.as_ptr() as u64);
        // struct mmsghdr: name, its length, pieces and how many, control data, flags; then how much was sent
        let mut messages = [
            [name, 16, array, 2, 0, 0, 0, 0],
            [name, 16, array + 32, 1, 0, 0, 0, 0],
        ];
        notes.put(
            2,
            call!(libc::SYS_sendmmsg, fd, messages.as_mut_ptr(), 2, 0),
        );
        let mut buffer = [0_u8; 64];
        let base = buffer.as_mut_ptr() as u64;
        let into = [base, 16, base + 16, 16];
        let array = into.as_ptr() as u64;
        let mut messages = [
            [0, 0, array, 1, 0, 0, 0, 0],
            [0, 0, array + 16, 1, 0, 0, 0, 0],
        ];
        notes.put(
            3,
            call!(libc::SYS_recvmmsg, fd, messages.as_mut_ptr(), 2, 0, 0),
        );
        call!(libc::SYS_sendmmsg, -1, messages.as_mut_ptr(), 2, 0);
        call!(libc::SYS_recvmmsg, -1, messages.as_mut_ptr(), 2, 0, 0);
    });
    assert_eq!((seen.notes.get(2), seen.notes.get(3)), (2, 2));
    let (fd, port, ebadf) = (seen.notes.get(0), seen.notes.get(1), -libc::EBADF);
    let ends = format!("127.0.0.1:{port}->127.0.0.1:{port}");
    said!(
        seen,
        "sendmmsg res=6 fd={fd} size=6 data=onetwo tuple={ends}"
    );
    said!(
        seen,
        "sendmmsg res=5 fd={fd} size=5 data=three tuple={ends}"
    );
    // Where it came from was not asked for: the socket, which is not connected, does not know.
    let ends = format!("0.0.0.0:0->127.0.0.1:{port}");
    said!(
        seen,
        "recvmmsg res=6 fd={fd} size=6 data=onetwo tuple={ends} msgcontrol=-"
    );
    said!(
        seen,
        "recvmmsg res=5 fd={fd} size=5 data=three tuple={ends} msgcontrol=-"
    );
    said!(seen, "sendmmsg res={ebadf} fd=-1 size=0 data=- tuple=-");
    said!(
        seen,
        "recvmmsg res={ebadf} fd=-1 size=0 data=- tuple=- msgcontrol=-"
    );
}
