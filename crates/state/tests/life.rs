//! Short lives of processes and descriptors.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;

use falco_event::{Builder, Event, EventCode, codes};
use falco_state::{
    Ends, Fd, FdKind, Image, Interface, Proto, Role, State, Subject, Thread, Tuple, User,
};

const CLOEXEC: u32 = 1 << 12;
const THREAD: u32 = 1 << 13;

/// A machine with init and a shell.
fn machine() -> State {
    let mut state = State::default();
    for (tid, ptid, comm) in [(1, 0, &b"init"[..]), (10, 1, b"sh")] {
        state.add_thread(Thread {
            tid,
            pid: tid,
            ptid,
            vtid: tid,
            vpid: tid,
            image: Image {
                comm: comm.into(),
                exe: comm.into(),
                ..Image::default()
            }
            .into(),
            env: (*b"A=1\0").into(),
            cwd: (*b"/home/u").into(),
            ..Thread::default()
        });
    }
    state.settle();
    state
}

fn apply(state: &mut State, builder: Builder) -> Subject {
    state.apply(&Event::parse(&builder.finish()).unwrap())
}

fn event(code: EventCode, tid: i64) -> Builder {
    Builder::new(code, 1_000, tid)
}

fn cloned(tid: i64, result: i64, pid: i64, ptid: i64, flags: u32) -> Builder {
    let builder = event(codes::SYSCALL_CLONE_20_X, tid)
        .i64(result)
        .str(b"sh")
        .empty();
    let builder = builder.i64(tid).i64(pid).i64(ptid).str(b"").i64(1024);
    let builder = builder
        .u64(0)
        .u64(0)
        .u32(0)
        .u32(0)
        .u32(0)
        .str(b"sh")
        .empty();
    builder.u32(flags).u32(5).u32(6).i64(tid).i64(pid).u64(0)
}

fn executed(tid: i64, path: &[u8]) -> Builder {
    let builder = event(codes::SYSCALL_EXECVE_19_X, tid)
        .i64(0)
        .str(path)
        .bytes(b"-x\0");
    let builder = builder
        .i64(tid)
        .i64(tid)
        .i64(1)
        .str(b"")
        .u64(1024)
        .u64(0)
        .u64(0);
    let builder = builder
        .u32(0)
        .u32(0)
        .u32(0)
        .str(b"prog")
        .empty()
        .bytes(b"B=2\0")
        .u32(0);
    let builder = builder
        .i64(tid)
        .u32(7)
        .u32(1)
        .u64(1)
        .u64(2)
        .u64(3)
        .u64(4)
        .u64(5)
        .u64(6);
    builder.u32(9).str(path).i64(tid).u32(9).str(path)
}

fn opened(tid: i64, number: i64, path: &[u8], flags: u32) -> Builder {
    let builder = event(codes::SYSCALL_OPENAT_2_X, tid)
        .i64(number)
        .i64(-100)
        .str(path);
    builder.u32(flags).u32(0).u32(5).u64(77)
}

fn exited(tid: i64, reaper: i64) -> Builder {
    event(codes::PROCEXIT_1_E, tid)
        .i64(0)
        .i64(0)
        .u8(0)
        .u8(0)
        .i64(reaper)
}

/// Any event, to let what the one before ended go.
fn tick(state: &mut State) {
    apply(state, event(codes::SYSCALL_GETCWD_X, 1).i64(-1).empty());
}

fn name(state: &State, tid: i64, number: i64) -> Option<String> {
    let thread = state.threads.by_tid(tid)?;
    let fd = state.threads.fds(thread)?.get(number)?;
    Some(String::from_utf8(fd.name.to_vec()).unwrap())
}

#[test]
fn a_closed_descriptor_stays_until_the_next_event() {
    let mut state = machine();
    apply(&mut state, opened(10, 3, b"../x", 1));
    assert_eq!(name(&state, 10, 3).as_deref(), Some("/home/x"));
    let subject = apply(&mut state, event(codes::SYSCALL_CLOSE_X, 10).i64(0).i64(3));
    assert_eq!(subject.fd, Some(3));
    assert!(name(&state, 10, 3).is_some());
    tick(&mut state);
    assert_eq!(name(&state, 10, 3), None);
    // A close that failed closes nothing.
    apply(&mut state, opened(10, 3, b"/x", 1));
    apply(&mut state, event(codes::SYSCALL_CLOSE_X, 10).i64(-5).i64(3));
    tick(&mut state);
    assert!(name(&state, 10, 3).is_some());
}

#[test]
fn a_child_has_the_descriptors_of_its_parent_until_it_changes_them() {
    let mut state = machine();
    apply(&mut state, opened(10, 3, b"/a", CLOEXEC));
    apply(&mut state, opened(10, 4, b"/b", 0));
    apply(&mut state, cloned(10, 20, 10, 1, 0));
    assert_eq!(name(&state, 20, 3).as_deref(), Some("/a"));
    apply(&mut state, executed(20, b"/bin/prog"));
    assert_eq!(name(&state, 20, 3), None);
    assert_eq!(name(&state, 20, 4).as_deref(), Some("/b"));
    assert_eq!(name(&state, 10, 3).as_deref(), Some("/a"));
    let child = state.threads.by_tid(20).unwrap();
    assert_eq!(&child.image.exepath[..], b"/bin/prog");
    assert_eq!(&child.image.args[..], b"-x\0");
    assert_eq!(state.threads.env(child), b"B=2\0");
    assert_eq!(state.threads.cwd(child), b"/home/u/");
    assert_eq!((child.uid, child.gid, child.loginuid), (9, 9, 7));
    assert_eq!(state.threads.parent(child).unwrap().tid, 10);
}

#[test]
fn either_side_of_a_clone_may_come_first() {
    for child_first in [false, true] {
        let mut state = machine();
        let (child, caller) = (cloned(20, 0, 20, 10, 0), cloned(10, 20, 10, 1, 0));
        let (first, second) = if child_first {
            (child, caller)
        } else {
            (caller, child)
        };
        apply(&mut state, first);
        apply(&mut state, second);
        let child = state.threads.by_tid(20).unwrap();
        assert_eq!((child.pid, child.ptid, child.uid), (20, 10, 5));
        assert_eq!(state.threads.env(child), b"A=1\0");
        assert_eq!(
            state.threads.child_count(state.threads.by_tid(10).unwrap()),
            1
        );
        assert_eq!(state.threads.len(), 3);
    }
}

#[test]
fn the_caller_does_not_bring_back_a_child_that_ended() {
    let mut state = machine();
    apply(&mut state, cloned(20, 0, 20, 10, 0));
    apply(&mut state, exited(20, 0));
    apply(&mut state, cloned(10, 20, 10, 1, 0));
    assert!(state.threads.by_tid(20).is_none());
}

#[test]
fn threads_share_what_their_process_has() {
    let mut state = machine();
    apply(&mut state, cloned(10, 11, 10, 1, THREAD));
    apply(&mut state, opened(11, 3, b"f", 0));
    apply(
        &mut state,
        event(codes::SYSCALL_CHDIR_X, 11).i64(0).str(b"sub"),
    );
    assert_eq!(name(&state, 10, 3).as_deref(), Some("/home/u/f"));
    let main = state.threads.by_tid(10).unwrap();
    assert_eq!(state.threads.cwd(main), b"/home/u/sub/");
    assert_eq!(state.threads.alive_count(main), 2);
    assert_eq!(state.threads.alive_besides_main(main), 1);
    // The main thread ends first, and stays for the other's sake.
    apply(&mut state, exited(10, 0));
    tick(&mut state);
    assert!(state.threads.by_tid(10).unwrap().is_dead());
    assert_eq!(name(&state, 11, 3).as_deref(), Some("/home/u/f"));
    // It lives again when the other executes a program: that runs under its id.
    apply(&mut state, executed(10, b"/bin/prog"));
    assert!(!state.threads.by_tid(10).unwrap().is_dead());
    assert!(state.threads.by_tid(11).is_none());
    apply(&mut state, exited(10, 0));
    tick(&mut state);
    assert!(state.threads.by_tid(10).is_none());
}

#[test]
fn orphans_are_adopted() {
    let parent_of = |state: &State, tid| state.threads.by_tid(tid).unwrap().ptid;
    let family = || {
        let mut state = machine();
        apply(&mut state, cloned(10, 20, 10, 1, 0));
        apply(&mut state, cloned(20, 30, 20, 10, 0));
        state
    };
    // By init; by an ancestor that asked for it; by whom the kernel names.
    let mut state = family();
    apply(&mut state, exited(20, 0));
    tick(&mut state);
    assert_eq!(parent_of(&state, 30), 1);

    let mut state = family();
    let subreaper = event(codes::SYSCALL_PRCTL_X, 10)
        .i64(0)
        .u32(36)
        .str(b"")
        .i64(1);
    apply(&mut state, subreaper);
    apply(&mut state, exited(20, 0));
    tick(&mut state);
    assert_eq!(parent_of(&state, 30), 10);

    let mut state = family();
    apply(&mut state, exited(20, 10));
    tick(&mut state);
    assert_eq!(parent_of(&state, 30), 10);
    assert_eq!(
        state.threads.child_count(state.threads.by_tid(10).unwrap()),
        1
    );
}

#[test]
fn what_a_call_was_entered_with_wins() {
    let mut state = machine();
    let enter = event(codes::SYSCALL_OPENAT_2_E, 10)
        .i64(-100)
        .str(b"/etc/shadow")
        .u32(1)
        .u32(0);
    assert!(apply(&mut state, enter.clone()).hidden);
    apply(&mut state, opened(10, 3, b"/tmp/harmless", 1 << 14));
    assert_eq!(name(&state, 10, 3).as_deref(), Some("/etc/shadow"));
    // The end of another call in between: its own was missed.
    apply(&mut state, enter);
    apply(
        &mut state,
        event(codes::SYSCALL_CHDIR_X, 10).i64(-2).str(b"/"),
    );
    apply(&mut state, opened(10, 4, b"/tmp/x", 0));
    assert_eq!(name(&state, 10, 4).as_deref(), Some("/tmp/x"));
}

fn end(port: u16, last: u8) -> Vec<u8> {
    [&[10, 0, 0, last][..], &port.to_le_bytes()].concat()
}

fn socket(state: &mut State, number: i64, kind: u32) {
    let builder = event(codes::SOCKET_SOCKET_X, 10)
        .i64(number)
        .u32(2)
        .u32(kind)
        .u32(0)
        .u32(0);
    apply(state, builder);
}

fn tuple_of(state: &State, number: i64) -> Tuple {
    let thread = state.threads.by_tid(10).unwrap();
    match &state.threads.fds(thread).unwrap().get(number).unwrap().kind {
        FdKind::Inet(tuple) => *tuple,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_connection_goes_where_the_call_was_told() {
    let mut state = machine();
    socket(&mut state, 3, 1);
    let address = |port, last| [vec![2], end(port, last)].concat();
    let enter = event(codes::SOCKET_CONNECT_E, 10)
        .i64(3)
        .bytes(&address(443, 9));
    assert!(apply(&mut state, enter).hidden);
    // After the call, the program has written another address over it.
    let tuple = [vec![2], end(5000, 1), end(80, 2)].concat();
    let exit = event(codes::SOCKET_CONNECT_X, 10)
        .i64(-115)
        .bytes(&tuple)
        .i64(3);
    let subject = apply(&mut state, exit.bytes(&address(80, 2)));
    assert!(subject.name_changed);
    assert_eq!(
        name(&state, 10, 3).as_deref(),
        Some("10.0.0.1:5000->10.0.0.9:443")
    );
    let found = tuple_of(&state, 3);
    assert_eq!(
        (found.role, found.proto, found.v6),
        (Role::Client, Proto::Tcp, false)
    );
}

#[test]
fn datagrams_show_who_speaks_to_whom() {
    let mut state = machine();
    socket(&mut state, 3, 2);
    let sent = |to: u8| {
        let tuple = [vec![2], end(5000, 1), end(53, to)].concat();
        event(codes::SOCKET_SENDTO_X, 10)
            .i64(4)
            .bytes(b"data")
            .i64(3)
            .u32(4)
            .bytes(&tuple)
    };
    assert!(apply(&mut state, sent(2)).name_changed);
    assert!(!apply(&mut state, sent(2)).name_changed);
    assert_eq!(
        name(&state, 10, 3).as_deref(),
        Some("10.0.0.1:5000->10.0.0.2:53")
    );
    apply(&mut state, sent(3));
    assert_eq!(
        name(&state, 10, 3).as_deref(),
        Some("10.0.0.1:5000->10.0.0.3:53")
    );
    // The answer does not turn the connection round.
    let tuple = [vec![2], end(53, 3), end(5000, 1)].concat();
    let answer = event(codes::SOCKET_RECVFROM_X, 10)
        .i64(4)
        .bytes(b"data")
        .bytes(&tuple);
    assert!(!apply(&mut state, answer.i64(3).u32(4)).name_changed);
    // A server begins by receiving.
    socket(&mut state, 4, 2);
    let asked = event(codes::SOCKET_RECVFROM_X, 10).i64(4).bytes(b"data");
    apply(
        &mut state,
        asked
            .bytes(&[vec![2], end(7000, 8), end(53, 1)].concat())
            .i64(4)
            .u32(4),
    );
    assert_eq!(tuple_of(&state, 4).role, Role::Server);
    assert_eq!(
        name(&state, 10, 4).as_deref(),
        Some("10.0.0.8:7000->10.0.0.1:53")
    );
}

#[test]
fn missing_addresses_come_from_the_interfaces() {
    let mut state = State::default();
    let ip = |last: u8| IpAddr::from([10, 0, 0, last]);
    for (name, address) in [(&b"lo"[..], IpAddr::from([127, 0, 0, 1])), (b"eth0", ip(1))] {
        let mask = IpAddr::from([255, 255, 255, 0]);
        state.interfaces.list.push(Interface {
            name: name.into(),
            address,
            mask,
        });
    }
    state.add_thread(Thread {
        tid: 10,
        pid: 10,
        ptid: 0,
        ..Thread::default()
    });
    let zero = IpAddr::from([0, 0, 0, 0]);
    let tuple = Tuple {
        v6: false,
        proto: Proto::Udp,
        ends: Ends::Pair((zero, 5000), (ip(7), 53)),
        role: Role::None,
    };
    state.add_fd(
        10,
        3,
        Fd {
            kind: FdKind::Inet(tuple),
            ..Fd::default()
        },
    );
    state.settle();
    assert_eq!(
        tuple_of(&state, 3).ends,
        Ends::Pair((ip(1), 5000), (ip(7), 53))
    );
    assert!(state.interfaces.is_local(ip(1)) && !state.interfaces.is_local(ip(7)));
}

#[test]
fn users_come_from_texts_and_events() {
    let mut state = State::default();
    let text = b"+nis\n\nroot:x:0:0:r:/root:/bin/sh\nalice:x:1000:1001:A,,:/home/a:/bin/zsh\nbob:x:1000:1:b:/b:/b\nbad:x:y:0::/:/\n";
    state.users.read_passwd(b"", text);
    state.users.read_group(b"", b"staff:x:50:alice,bob\nbad\n");
    let user = |state: &State, uid| state.users.user(b"", uid).map(|user| user.name.to_vec());
    assert_eq!(user(&state, 1000).unwrap(), b"alice");
    assert_eq!(&state.users.user(b"", 1000).unwrap().home[..], b"/home/a");
    assert_eq!(&state.users.group(b"", 50).unwrap().name[..], b"staff");
    assert_eq!(&state.users.user(b"pod", 0).unwrap().name[..], b"root");
    let added = event(codes::USER_ADDED_E, -1)
        .u32(7)
        .u32(8)
        .str(b"eve")
        .str(b"/e")
        .str(b"/s")
        .str(b"");
    assert_eq!(apply(&mut state, added).thread, None);
    assert_eq!(user(&state, 7).unwrap(), b"eve");
    let deleted = event(codes::USER_DELETED_E, -1)
        .u32(7)
        .u32(8)
        .str(b"eve")
        .str(b"")
        .str(b"")
        .str(b"");
    apply(&mut state, deleted);
    assert_eq!(user(&state, 7), None);
    let nis = User {
        uid: 9,
        gid: 9,
        name: (*b"+x").into(),
        home: (*b"").into(),
        shell: (*b"").into(),
    };
    state.users.add_user(b"", nis);
    assert_eq!(user(&state, 9), None);
}

#[test]
fn full_tables_take_no_more() {
    let mut state = machine();
    for number in 0..5_000 {
        apply(&mut state, opened(10, number, b"/f", 0));
    }
    assert_eq!(
        state.threads.by_tid(10).unwrap().fds.len(),
        falco_state::FDS_MAX
    );
    assert_eq!(state.counters.fds_dropped, 5_000 - 4_096);
    state.limits.threads = 2;
    assert_eq!(apply(&mut state, opened(99, 3, b"/f", 0)).thread, None);
    apply(&mut state, cloned(10, 20, 10, 1, 0));
    assert_eq!(state.threads.len(), 2);
    assert_eq!(state.counters.threads_dropped, 2);
}
