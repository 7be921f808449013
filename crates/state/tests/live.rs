//! The running machine: this test looks at itself, its sockets and its children.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        fd::AsRawFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use falco_event::{Builder, Event, codes};
use falco_state::{Ends, Fd, FdKind, Proto, Role, State, Thread};

fn own(state: &State) -> &Thread {
    state
        .threads
        .by_tid(std::process::id().into())
        .expect("our own process")
}

fn fd<'a>(state: &'a State, number: &impl AsRawFd) -> &'a Fd {
    let fds = state.threads.fds(own(state)).unwrap();
    fds.get(number.as_raw_fd().into())
        .expect("our own descriptor")
}

/// Ends with the test.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Sleeper {
        let mut command = Command::new("sleep");
        command.arg("60").stdin(Stdio::null()).current_dir("/");
        Sleeper(command.env("FALCO_TEST", "1").spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_scan_finds_us() {
    let started = Instant::now();
    let state = State::live(Path::new("/")).unwrap();
    let fds: usize = state.threads.iter().map(|thread| thread.fds.len()).sum();
    println!(
        "{} threads, {fds} descriptors in {:?}",
        state.threads.len(),
        started.elapsed()
    );
    let me = own(&state);
    let exe = std::env::current_exe().unwrap();
    assert_eq!(&me.image.exepath[..], exe.as_os_str().as_encoded_bytes());
    let mut cwd = std::env::current_dir()
        .unwrap()
        .into_os_string()
        .into_encoded_bytes();
    cwd.push(b'/');
    assert_eq!(state.threads.cwd(me), cwd);
    assert!(!me.env.is_empty());
    assert!(me.clone_ns > state.boot_ns && state.boot_ns > 0);
    assert!(me.fd_limit > 0);
    assert!(state.threads.alive_count(me) >= 1);
    assert!(state.threads.ancestors(me).count() >= 1);
    assert_eq!(me.image.comm.len().min(15), me.image.comm.len());
    let root = state.users.user(b"", 0).unwrap();
    assert_eq!(&root.name[..], b"root");
}

#[test]
fn the_scan_names_descriptors() {
    let dir = std::env::temp_dir().join(format!("falco-state-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("file");
    let file = std::fs::File::create(&path).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let unix_path = dir.join("socket");
    let unix = UnixListener::bind(&unix_path).unwrap();
    let unix_client = UnixStream::connect(&unix_path).unwrap();

    let state = State::live(Path::new("/")).unwrap();

    let found = fd(&state, &file);
    assert_eq!(found.kind, FdKind::File);
    assert_eq!(&found.name[..], path.as_os_str().as_encoded_bytes());
    assert!(found.ino > 0);
    // Opened for writing, closed by exec.
    assert_eq!(found.open_flags & 3, 2);
    assert!(found.close_on_exec());

    let port = listener.local_addr().unwrap();
    let client_port = client.local_addr().unwrap();
    let text = |found: &Fd| String::from_utf8(found.name.to_vec()).unwrap();
    let inet = |found: &Fd| match &found.kind {
        FdKind::Inet(tuple) => *tuple,
        other => panic!("{other:?}"),
    };
    let found = inet(fd(&state, &listener));
    assert_eq!(found.ends, Ends::Listening(port.ip(), port.port()));
    assert_eq!((found.role, found.proto), (Role::Server, Proto::Tcp));
    for (end, role) in [(&client, Role::Client), (&server, Role::Server)] {
        let found = fd(&state, end);
        assert_eq!(inet(found).role, role);
        assert!(found.connected);
        assert_eq!(text(found), format!("{client_port}->{port}"));
    }
    let found = inet(fd(&state, &udp));
    let port = udp.local_addr().unwrap();
    assert_eq!(found.ends, Ends::Listening(port.ip(), port.port()));
    assert_eq!(text(fd(&state, &unix)), unix_path.to_str().unwrap());
    assert!(matches!(fd(&state, &unix_client).kind, FdKind::Unix { .. }));
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_thread_that_was_missed_is_looked_up() {
    let mut state = State::live(Path::new("/")).unwrap();
    let sleeper = Sleeper::start();
    let tid = i64::from(sleeper.0.id());
    // Not before the child runs its program.
    let cmdline = || std::fs::read(format!("/proc/{tid}/cmdline")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while cmdline() != b"sleep\x0060\0" {
        assert!(Instant::now() < deadline, "sleep does not start");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(state.threads.by_tid(tid).is_none());
    let bytes = Builder::new(codes::SYSCALL_GETCWD_X, 1_000, tid)
        .i64(0)
        .str(b"/")
        .finish();
    let subject = state.apply(&Event::parse(&bytes).unwrap());
    let thread = state.threads.get(subject.thread.unwrap()).unwrap();
    assert_eq!(&thread.image.comm[..], b"sleep");
    assert_eq!(&thread.image.args[..], b"60\0");
    assert_eq!(state.threads.cwd(thread), b"/");
    assert!(
        thread
            .env
            .split(|byte| *byte == 0)
            .any(|entry| entry == b"FALCO_TEST=1")
    );
    let parent = state.threads.parent(thread).unwrap();
    assert_eq!(parent.pid, i64::from(std::process::id()));
    assert_eq!(state.counters.threads_recovered, 1);
}

#[test]
fn a_thread_that_nobody_finds_gets_an_invalid_entry() {
    let mut state = State::live(Path::new("/")).unwrap();
    let tid = 0x7fff_fff0;
    let bytes = Builder::new(codes::SYSCALL_GETCWD_X, 1_000, tid)
        .i64(0)
        .str(b"/")
        .finish();
    let subject = state.apply(&Event::parse(&bytes).unwrap());
    let thread = state.threads.get(subject.thread.unwrap()).unwrap();
    assert!(thread.is_invalid());
    assert_eq!(&thread.image.comm[..], b"<NA>");
}

#[test]
fn threads_that_ended_unseen_are_purged() {
    const SECOND_NS: u64 = 1_000_000_000;
    let mut state = State::live(Path::new("/")).unwrap();
    state.limits.idle_max_ns = SECOND_NS;
    let ghost = 0x7fff_fff1;
    state.add_thread(Thread {
        tid: ghost,
        pid: ghost,
        ptid: 1,
        ..Thread::default()
    });
    state.settle();
    let me = i64::from(std::process::id());
    let mut event = |seconds: u64| {
        let event = Builder::new(codes::SYSCALL_SETSID_X, seconds * SECOND_NS, me).i64(1);
        state.apply(&Event::parse(&event.finish()).unwrap());
        state.threads.by_tid(ghost).is_some()
    };
    assert!(event(1) && event(20));
    event(40);
    assert!((0..10_000).any(|_| !event(41)));
    assert!(state.threads.by_tid(me).is_some());
}

/// The machine is asked by the state that was copied: a copy knows what the other knew, even when it comes to the event later.
#[test]
fn a_copy_is_told_what_the_machine_said() {
    const SECOND_NS: u64 = 1_000_000_000;
    let mut state = State::live(Path::new("/")).unwrap();
    state.limits.idle_max_ns = SECOND_NS;
    let mut copy = state.replica();
    let sleeper = Sleeper::start();
    let (tid, ghost, me) = (
        i64::from(sleeper.0.id()),
        0x7fff_fff2,
        i64::from(std::process::id()),
    );
    let setsid = |seconds: u64, tid| {
        let event = Builder::new(codes::SYSCALL_SETSID_X, seconds * SECOND_NS, tid);
        event.i64(1).finish()
    };
    let mut events: Vec<Vec<u8>> = vec![setsid(1, tid), setsid(2, ghost), setsid(20, me)];
    // The first looks for threads that ended unseen, then some more at each event.
    events.push(setsid(40, me));
    events.extend((0..5_000).map(|_| setsid(41, me)));
    let answers: Vec<_> = events
        .iter()
        .map(|bytes| {
            state.apply(&Event::parse(bytes).unwrap());
            state.take_answers()
        })
        .collect();
    assert!(state.threads.by_tid(ghost).is_none(), "purged");
    let of_sleep = |state: &State| state.threads.by_tid(tid).map(|it| it.image.comm.clone());
    assert!(of_sleep(&state).is_some());
    // By now the machine would give another answer.
    drop(sleeper);
    for (bytes, answers) in events.iter().zip(&answers) {
        copy.hear(answers);
        copy.apply(&Event::parse(bytes).unwrap());
    }
    assert_eq!(of_sleep(&copy), of_sleep(&state));
    let shape = |state: &State| {
        let threads: Vec<_> = state.threads.iter().collect();
        format!("{threads:?} {:?}", state.counters)
    };
    assert!(shape(&copy) == shape(&state));
    state.dismiss_replicas();
    state.apply(&Event::parse(&setsid(42, ghost)).unwrap());
    assert!(
        state.take_answers().is_empty(),
        "nothing is kept for nobody"
    );
}
