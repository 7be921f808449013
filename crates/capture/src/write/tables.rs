//! The entries of the tables, as [`crate::tables`] reads them.

use std::net::{IpAddr, Ipv4Addr};

use falco_state::{Ends, Fd, FdKind, Interfaces, Proto, Thread, Tuple, Users};

use crate::blocks::{ARGS_MAX, CREDENTIAL_MAX, FD_NAME_MAX, INTERFACE_NAME_MAX, PATH_MAX};

/// The addresses of the interfaces. Broadcast addresses and speeds are not kept: 0.
pub(super) fn interfaces(interfaces: &Interfaces, to: &mut Vec<u8>) {
    const SPEED: u64 = 0;
    to.clear();
    for interface in &interfaces.list {
        let name = cut(&interface.name, INTERFACE_NAME_MAX);
        // The length of such an entry does not count itself.
        let start = to.len();
        u32(to, 0);
        let v4 = interface.address.is_ipv4();
        u16(to, if v4 { 1 } else { 2 });
        u16(to, name.len() as u16);
        for address in [interface.address, interface.mask] {
            ip(to, address, !v4);
        }
        to.extend_from_slice(&[0; 16][..if v4 { 4 } else { 16 }]);
        u64(to, SPEED);
        to.extend_from_slice(name);
        let length = to.len() - start - 4;
        set_length(to, start, length);
    }
}

/// The users and groups of the host.
pub(super) fn users(users: &Users, to: &mut Vec<u8>) {
    const HOST: &[u8] = b"";
    const USER: u8 = 0;
    const GROUP: u8 = 1;
    to.clear();
    for user in users.users(HOST) {
        entry(to, |to| {
            to.push(USER);
            u32(to, user.uid);
            u32(to, user.gid);
            for name in [&user.name, &user.home, &user.shell] {
                text(to, name, CREDENTIAL_MAX);
            }
        });
    }
    for group in users.groups(HOST) {
        entry(to, |to| {
            to.push(GROUP);
            u32(to, group.gid);
            text(to, &group.name, CREDENTIAL_MAX);
        });
    }
}

/// One thread; added to what is there.
pub(super) fn process(thread: &Thread, to: &mut Vec<u8>) {
    let image = &thread.image;
    entry(to, |to| {
        for id in [
            thread.tid,
            thread.pid,
            thread.ptid,
            thread.sid,
            thread.vpgid,
        ] {
            i64(to, id);
        }
        for path in [&image.comm, &image.exe, &image.exepath] {
            text(to, path, PATH_MAX - 1);
        }
        list(to, &image.args);
        text(to, &thread.cwd, PATH_MAX - 1);
        i64(to, thread.fd_limit);
        for number in [
            thread.flags,
            thread.uid,
            thread.gid,
            thread.vm_size_kb,
            thread.vm_rss_kb,
            thread.vm_swap_kb,
        ] {
            u32(to, number);
        }
        u64(to, thread.pfmajor);
        u64(to, thread.pfminor);
        list(to, &thread.env);
        i64(to, thread.vtid);
        i64(to, thread.vpid);
        list(to, &thread.cgroups);
        text(to, &thread.root, PATH_MAX - 1);
        u64(to, thread.pidns_start_ns);
        u32(to, thread.tty);
        u32(to, thread.loginuid);
        to.push(image.exe_writable.into());
        for set in [
            thread.cap_inheritable,
            thread.cap_permitted,
            thread.cap_effective,
        ] {
            u64(to, set);
        }
        to.push(image.exe_upper_layer.into());
        u64(to, image.exe_ino);
        u64(to, image.exe_ino_ctime_ns);
        u64(to, image.exe_ino_mtime_ns);
        to.push(image.exe_from_memfd.into());
        to.push(image.exe_lower_layer.into());
        i64(to, thread.pgid);
    });
}

/// The descriptors of one thread. One of which nothing is known is left out, as upstream does.
pub(super) fn fds(thread: &Thread, to: &mut Vec<u8>) {
    to.clear();
    i64(to, thread.tid);
    for (number, fd) in thread.fds.iter() {
        if fd.kind != FdKind::Unknown {
            entry(to, |to| descriptor(to, number, fd));
        }
    }
}

fn descriptor(to: &mut Vec<u8>, number: i64, fd: &Fd) {
    const REGULAR: u8 = 16;
    i64(to, number);
    u64(to, fd.ino);
    let kind = match &fd.kind {
        FdKind::Inet(tuple) => return socket(to, tuple),
        FdKind::File => {
            to.push(REGULAR);
            u32(to, fd.open_flags);
            text(to, &fd.name, FD_NAME_MAX);
            return u32(to, fd.dev);
        }
        FdKind::Unix { source, peer, .. } => {
            to.push(8);
            u64(to, *source);
            u64(to, *peer);
            return text(to, &fd.name, FD_NAME_MAX);
        }
        FdKind::Directory => 2,
        FdKind::Pipe => 7,
        FdKind::Event => 9,
        FdKind::Unknown | FdKind::Unsupported => 10,
        FdKind::Signal => 11,
        FdKind::Epoll => 12,
        FdKind::Inotify => 13,
        FdKind::Timer => 14,
        FdKind::Netlink => 15,
        FdKind::Bpf => 17,
        FdKind::Userfault => 18,
        FdKind::IoUring => 19,
        FdKind::Memfd => 20,
        FdKind::Pidfd(_) => 21,
    };
    to.push(kind);
    text(to, &fd.name, FD_NAME_MAX);
}

/// A socket that has no addresses yet is a pair of none.
fn socket(to: &mut Vec<u8>, tuple: &Tuple) {
    const NONE: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let (from, end) = match tuple.ends {
        Ends::None => (NONE, NONE),
        Ends::Pair(from, end) => (from, end),
        Ends::Listening(address, port) => {
            to.push(if tuple.v6 { 6 } else { 5 });
            ip(to, address, tuple.v6);
            u16(to, port);
            return to.push(protocol(tuple.proto));
        }
    };
    to.push(if tuple.v6 { 4 } else { 3 });
    ip(to, from.0, tuple.v6);
    ip(to, end.0, tuple.v6);
    u16(to, from.1);
    u16(to, end.1);
    to.push(protocol(tuple.proto));
}

fn protocol(proto: Proto) -> u8 {
    match proto {
        Proto::Unknown => 0,
        Proto::Na => 1,
        Proto::Tcp => 2,
        Proto::Udp => 3,
        Proto::Icmp => 4,
        Proto::Raw => 5,
    }
}

/// An address of that family; one that is of the other and cannot be written in it becomes none.
fn ip(to: &mut Vec<u8>, address: IpAddr, v6: bool) {
    match (address, v6) {
        (IpAddr::V4(address), false) => to.extend_from_slice(&address.octets()),
        (IpAddr::V6(address), false) => {
            let address = address.to_ipv4_mapped().unwrap_or(Ipv4Addr::UNSPECIFIED);
            to.extend_from_slice(&address.octets());
        }
        (IpAddr::V4(Ipv4Addr::UNSPECIFIED), true) => to.extend_from_slice(&[0; 16]),
        (IpAddr::V4(address), true) => to.extend_from_slice(&address.to_ipv6_mapped().octets()),
        (IpAddr::V6(address), true) => to.extend_from_slice(&address.octets()),
    }
}

/// An entry that begins with its own length.
fn entry(to: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = to.len();
    u32(to, 0);
    fill(to);
    let length = to.len() - start;
    set_length(to, start, length);
}

fn set_length(to: &mut [u8], start: usize, length: usize) {
    if let Some(place) = to.get_mut(start..start + 4) {
        place.copy_from_slice(&(length as u32).to_le_bytes());
    }
}

fn text(to: &mut Vec<u8>, bytes: &[u8], max: usize) {
    let bytes = cut(bytes, max);
    u16(to, bytes.len() as u16);
    to.extend_from_slice(bytes);
}

/// Texts closed by NULs. What is cut is closed again.
fn list(to: &mut Vec<u8>, bytes: &[u8]) {
    let whole = cut(bytes, ARGS_MAX);
    u16(to, whole.len() as u16);
    to.extend_from_slice(whole);
    if whole.len() < bytes.len()
        && let Some(last) = to.last_mut()
    {
        *last = 0;
    }
}

fn cut(bytes: &[u8], max: usize) -> &[u8] {
    bytes.get(..max).unwrap_or(bytes)
}

fn u16(to: &mut Vec<u8>, number: u16) {
    to.extend_from_slice(&number.to_le_bytes());
}

fn u32(to: &mut Vec<u8>, number: u32) {
    to.extend_from_slice(&number.to_le_bytes());
}

fn u64(to: &mut Vec<u8>, number: u64) {
    to.extend_from_slice(&number.to_le_bytes());
}

fn i64(to: &mut Vec<u8>, number: i64) {
    to.extend_from_slice(&number.to_le_bytes());
}
