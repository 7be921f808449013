//! What is written comes back: the tables as they were, the events byte for byte.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says when it is skipped"
)]

#[path = "mini/writer.rs"]
mod mini;

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    sync::Arc,
};

use falco_capture::{Machine, Next, Reader, Writer};
use falco_event::{Builder, Event, codes};
use falco_state::{
    Ends, Fd, FdKind, FdTable, Group, Image, Interface, Proto, Role, State, Thread, Tuple, User,
};
use mini::chdir;
use proptest::prelude::*;

/// All that a capture holds of a state, in an order that does not depend on tables.
fn picture(state: &State) -> Vec<String> {
    let mut threads: Vec<&Thread> = state.threads.iter().collect();
    threads.sort_by_key(|thread| thread.tid);
    let mut lines: Vec<String> = Vec::new();
    for thread in threads {
        let mut fds: Vec<_> = thread.fds.iter().collect();
        fds.sort_by_key(|(number, _)| *number);
        let bare = Thread {
            fds: FdTable::default(),
            ..thread.clone()
        };
        lines.push(format!("{bare:?}"));
        lines.extend(fds.iter().map(|fd| format!("  {fd:?}")));
    }
    lines.push(format!("{:?} {}", state.interfaces, state.boot_ns));
    for container in [&b""[..]].into_iter().chain(state.users.containers()) {
        lines.push(format!("{:?}", state.users.users(container)));
        lines.push(format!("{:?}", state.users.groups(container)));
    }
    lines
}

/// Says where two states differ, in one line.
fn assert_same(left: &State, right: &State) {
    let (left, right) = (picture(left), picture(right));
    assert_eq!(left.len(), right.len());
    for (left, right) in left.iter().zip(&right) {
        assert_eq!(left, right);
    }
}

fn write(state: &State, events: &[Vec<u8>]) -> Vec<u8> {
    let machine = Machine {
        hostname: b"h".repeat(200),
        ..Machine::default()
    };
    let mut writer = Writer::new(Vec::new(), &machine, state, 5).unwrap();
    for event in events {
        writer.event(&Event::parse(event).unwrap(), 3).unwrap();
    }
    writer.finish().unwrap()
}

/// The state with what completes its tables, and the other events.
fn read(bytes: &[u8]) -> (State, Vec<Vec<u8>>) {
    let (mut reader, mut state) = Reader::new(bytes).unwrap();
    let mut events = Vec::new();
    loop {
        match reader.next_event().unwrap() {
            // What the capture began with.
            Next::Event(captured) if captured.event.time_ns() == 5 => {
                state.apply(&captured.event);
            }
            Next::Event(captured) => {
                assert_eq!((captured.cpu, captured.flags), (3, 0));
                events.push(captured.event.bytes().to_vec());
            }
            Next::Section(_) => panic!("one section was written"),
            Next::End => return (state, events),
        }
    }
}

/// Every kind of descriptor, with the roles that the first events find: the format has none.
fn kinds() -> Vec<(FdKind, &'static [u8])> {
    let v4 = |last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
    let v6 = |last| IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last));
    let tuple = |v6, proto, ends, role| {
        FdKind::Inet(Tuple {
            v6,
            proto,
            ends,
            role,
        })
    };
    vec![
        (FdKind::File, b"/etc/passwd"),
        (FdKind::Directory, b"/etc"),
        (
            tuple(
                false,
                Proto::Tcp,
                Ends::Pair((v4(1), 4000), (v4(2), 80)),
                Role::Client,
            ),
            b"10.0.0.1:4000->10.0.0.2:80",
        ),
        (
            tuple(
                true,
                Proto::Udp,
                Ends::Pair((v6(1), 4000), (v6(2), 53)),
                Role::None,
            ),
            b"fe80::1:4000->fe80::2:53",
        ),
        (
            tuple(false, Proto::Tcp, Ends::Listening(v4(1), 22), Role::None),
            b"10.0.0.1:22",
        ),
        (
            tuple(true, Proto::Tcp, Ends::Listening(v6(1), 23), Role::None),
            b"fe80::1:23",
        ),
        (
            FdKind::Unix {
                source: 1,
                peer: 2,
                role: Role::Server,
            },
            b"/run/x.sock",
        ),
        (FdKind::Netlink, b""),
        (FdKind::Pipe, b"pipe:[7]"),
        (FdKind::Event, b"[eventfd]"),
        (FdKind::Signal, b"[signalfd]"),
        (FdKind::Timer, b"[timerfd]"),
        (FdKind::Epoll, b"[eventpoll]"),
        (FdKind::Inotify, b"inotify"),
        (FdKind::Bpf, b"bpf-map"),
        (FdKind::Userfault, b"[userfaultfd]"),
        (FdKind::IoUring, b"[io_uring]"),
        (FdKind::Memfd, b"memfd:x"),
        (FdKind::Pidfd(-1), b"[pidfd]"),
        (FdKind::Unsupported, b"?"),
    ]
}

fn thread() -> Thread {
    let mut thread = Thread {
        tid: 42,
        pid: 42,
        ptid: 41,
        sid: 40,
        vpgid: 39,
        pgid: 38,
        vtid: 2,
        vpid: 2,
        pidns_start_ns: 9,
        uid: 1000,
        gid: 1001,
        loginuid: 1002,
        tty: 7,
        flags: 0x80,
        cap_inheritable: 1,
        cap_permitted: 2,
        cap_effective: 3,
        fd_limit: 1024,
        vm_size_kb: 4,
        vm_rss_kb: 5,
        vm_swap_kb: 6,
        pfmajor: 7,
        pfminor: 8,
        image: Arc::new(Image {
            comm: (*b"comm").into(),
            exe: (*b"./exe").into(),
            exepath: (*b"/bin/exe").into(),
            args: (*b"a\0b c\0\0").into(),
            exe_ino: 10,
            exe_ino_ctime_ns: 11,
            exe_ino_mtime_ns: 12,
            exe_writable: true,
            exe_upper_layer: true,
            exe_lower_layer: false,
            exe_from_memfd: true,
        }),
        env: (*b"A=1\0").into(),
        cgroups: (*b"cpu=/a\0").into(),
        cwd: (*b"/home/").into(),
        root: (*b"/root").into(),
        ..Thread::default()
    };
    for (number, (kind, name)) in kinds().into_iter().enumerate() {
        let file = kind == FdKind::File;
        let connected = matches!(
            kind,
            FdKind::Inet(Tuple {
                proto: Proto::Tcp,
                ends: Ends::Pair(..),
                ..
            })
        );
        let fd = Fd {
            kind,
            name: name.into(),
            ino: number as u64,
            dev: if file { 8 } else { 0 },
            open_flags: u32::from(file),
            connected,
            ..Fd::default()
        };
        assert!(thread.fds.insert(number as i64, fd));
    }
    thread
}

fn state() -> State {
    let mut state = State::default();
    state.boot_ns = 77;
    for (name, address, mask) in [
        ("lo", "127.0.0.1", "255.0.0.0"),
        ("eth0", "fe80::1", "ffff::"),
    ] {
        state.interfaces.list.push(Interface {
            name: name.as_bytes().into(),
            address: address.parse().unwrap(),
            mask: mask.parse().unwrap(),
        });
    }
    for (container, id, name) in [(&b""[..], 0, "root"), (b"", 7, "u"), (b"c1", 8, "v")] {
        let name: Arc<[u8]> = name.as_bytes().into();
        state.users.add_user(
            container,
            User {
                uid: id,
                gid: id + 1,
                name: Arc::clone(&name),
                home: Arc::clone(&name),
                shell: (*b"/bin/sh").into(),
            },
        );
        state
            .users
            .add_group(container, Group { gid: id + 1, name });
    }
    state.add_thread(thread());
    state.add_thread(Thread {
        tid: 43,
        flags: 0x80 | 1 << 10,
        fds: FdTable::default(),
        ..thread()
    });
    state.settle();
    state
}

#[test]
fn tables_and_events_come_back() {
    let state = state();
    let mut events: Vec<Vec<u8>> = (0..100).map(chdir).collect();
    events.push(
        Builder::new(codes::ASYNCEVENT_E, 1_100, -1)
            .u32(1)
            .str(b"large")
            .bytes(&vec![7; 100_000])
            .finish(),
    );
    let (again, come_back) = read(&write(&state, &events));
    assert_same(&again, &state);
    assert_eq!(come_back, events);
}

#[test]
fn a_big_table_is_written_in_several_blocks() {
    let mut state = State::default();
    for tid in 1..2_000 {
        state.add_thread(Thread {
            tid,
            pid: tid,
            ..thread()
        });
    }
    state.settle();
    let events = [chdir(0)];
    let (again, _) = read(&write(&state, &events));
    assert_same(&again, &state);
}

#[test]
fn what_is_too_long_for_the_format_is_cut() {
    let mut state = State::default();
    let long: Vec<u8> = b"x".repeat(70_000);
    let mut thread = Thread {
        image: Arc::new(Image {
            comm: long.as_slice().into(),
            args: long.as_slice().into(),
            ..Image::default()
        }),
        env: long.as_slice().into(),
        cwd: [b"/", &long[..]].concat().into(),
        ..thread()
    };
    let fd = Fd {
        kind: FdKind::Pipe,
        name: long.as_slice().into(),
        ..Fd::default()
    };
    thread.fds.insert(5, fd);
    state.add_thread(thread);
    let (again, _) = read(&write(&state, &[chdir(0)]));
    let thread = again.threads.by_tid(42).unwrap();
    assert_eq!(thread.image.comm.len(), 1023);
    assert_eq!(thread.image.args[..], [&long[..4095], b"\0"].concat());
    assert_eq!(thread.env.len(), 4096);
    assert_eq!(thread.fds.get(5).unwrap().name.len(), 1023);
}

#[test]
fn an_error_is_told_and_what_was_written_can_be_read() {
    /// A disk with room for that many bytes.
    struct Small(Vec<u8>, usize);
    impl Write for &mut Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = self.1.saturating_sub(self.0.len()).min(bytes.len());
            if room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.extend_from_slice(&bytes[..room]);
            Ok(room)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut disk = Small(Vec::new(), 20_000);
    let mut writer = Writer::new(&mut disk, &Machine::default(), &state(), 5).unwrap();
    let error = (0..1_000_000).find_map(|number| {
        let bytes = chdir(number);
        writer.event(&Event::parse(&bytes).unwrap(), 0).err()
    });
    assert_eq!(error.unwrap().kind(), io::ErrorKind::StorageFull);
    drop(writer);
    let (mut reader, _) = Reader::new(&disk.0[..]).unwrap();
    let mut count = 0;
    while let Ok(Next::Event(_)) = reader.next_event() {
        count += 1;
    }
    assert!(count > 100, "{count}");
}

#[test]
fn a_real_capture_comes_back() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures/everyday.scap");
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return;
    }
    let (mut reader, mut state) = Reader::open(&path).unwrap();
    // In the midst of it, so that events have made the tables what they are.
    let mut events = Vec::new();
    for number in 0..20_000 {
        let Next::Event(captured) = reader.next_event().unwrap() else {
            break;
        };
        if number < 10_000 {
            state.apply(&captured.event);
        } else {
            events.push(captured.event.bytes().to_vec());
        }
    }
    assert_eq!(events.len(), 10_000);
    let bytes = write(&state, &events);
    let (again, come_back) = read(&bytes);
    assert_eq!(come_back, events);
    assert_eq!(again.threads.len(), state.threads.len());
    // Written again, it is the same but for what the format cannot hold.
    let (third, _) = read(&write(&again, &events));
    assert_same(&third, &again);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_texts_come_back(
        comm in "[^\0]{0,20}", exe in "[^\0]{0,300}", args in prop::collection::vec("[^\0]{0,40}", 0..20),
        name in "[^\0]{0,300}", root in "/[^\0]{0,40}", ids in any::<(i64, i64, i64, u32, u32)>(),
    ) {
        let closed: Vec<u8> = args.iter().flat_map(|arg| [arg.as_bytes(), b"\0"].concat()).collect();
        let mut thread = Thread {
            image: Arc::new(Image { comm: comm.as_bytes().into(), exe: exe.as_bytes().into(), args: closed.into(), ..Image::default() }),
            root: root.as_bytes().into(),
            sid: ids.0, vpgid: ids.1, pgid: ids.2, uid: ids.3, gid: ids.4,
            ..thread()
        };
        thread.fds.insert(0, Fd { kind: FdKind::File, name: name.as_bytes().into(), ..Fd::default() });
        let mut state = State::default();
        state.add_thread(thread);
        state.settle();
        let (again, _) = read(&write(&state, &[chdir(0)]));
        assert_same(&again, &state);
    }
}

#[test]
fn containers_come_back() {
    let json = br#"{"container":{"id":"32a1026ccb88","name":"web","type":11}}"#;
    let told = Builder::new(codes::ASYNCEVENT_E, 9, 0)
        .u32(0)
        .str(b"container")
        .bytes(&[&json[..], b"\0"].concat())
        .finish();
    let mut state = State::default();
    state.apply(&Event::parse(&told).unwrap());
    let (again, _) = read(&write(&state, &[]));
    let ix = again.containers.find(b"32a1026ccb88").unwrap();
    let info = again.containers.get(ix).unwrap().info.as_ref().unwrap();
    assert_eq!(
        (&*info.name, info.kind.name(), &info.json[..]),
        ("web", "podman", &json[..])
    );
}
