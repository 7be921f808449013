//! Fields and conditions on single events, against what upstream answered.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "only tests use it"
)]

mod support;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use bumpalo::Bump;
use falco_event::{Builder, Event, codes};
use falco_fields::{Catalogue, Context, Facts, Seen};
use falco_filter::{Memo, Values};
use falco_state::{Fd, FdKind, Image, State, Subject, Thread};
use serde_json::Value as Json;
use support::{Tally, cases, compile, printed, recorded, resolve};

const START_NS: u64 = 1_566_230_400_000_000_000;
const STEP_NS: u64 = 10_000_000;
/// The descriptor of the sockets.
const SOCKET: i64 = 4;

/// A state, the event that was last applied to it, and how many there were.
struct Fixture {
    state: State,
    event: Vec<u8>,
    subject: Subject,
    number: u64,
    first_ns: u64,
}

fn closed(entries: &[&str]) -> Vec<u8> {
    entries
        .iter()
        .flat_map(|entry| [entry.as_bytes(), b"\0"].concat())
        .collect()
}

fn init() -> Thread {
    Thread {
        tid: 1,
        pid: 1,
        ptid: 0,
        sid: 0,
        vpgid: 1,
        pgid: 0,
        vtid: 1,
        vpid: 1,
        uid: 0,
        gid: 0,
        fd_limit: 1_048_576,
        cap_permitted: (1 << 41) - 1,
        cap_effective: (1 << 41) - 1,
        vm_size_kb: 10_000,
        vm_rss_kb: 100,
        pfmajor: 222,
        pfminor: 22,
        clone_ns: START_NS,
        image: Arc::new(Image {
            comm: (*b"init").into(),
            exe: (*b"/sbin/init").into(),
            exepath: (*b"/sbin/init").into(),
            args: closed(&["context", "ls", "--format", "{{json .}}"]).into(),
            exe_writable: true,
            ..Image::default()
        }),
        env: closed(&["TEST_ENV_PARENT_LINEAGE=secret", "HOME=/home/user/parent"]).into(),
        cwd: (*b"/root/").into(),
        root: (*b"/").into(),
        ..Thread::default()
    }
}

fn cat() -> Thread {
    Thread {
        tid: 100,
        pid: 100,
        ptid: 1,
        sid: 100,
        vpgid: 100,
        vtid: 100,
        vpid: 100,
        uid: 1000,
        gid: 1001,
        fd_limit: 1024,
        cap_permitted: 0x1ff,
        cap_effective: 3,
        clone_ns: START_NS + STEP_NS,
        image: Arc::new(Image {
            comm: (*b"cat-long-name").into(),
            exe: (*b"/usr/bin/Cat").into(),
            exepath: (*b"/usr/bin/cat").into(),
            args: closed(&["-n", "x=1", "file name", "", "-Z"]).into(),
            exe_writable: true,
            ..Image::default()
        }),
        env: closed(&["HOME=/home/u", "EMPTY=", "SP=  a b  ", "LONG=1=2"]).into(),
        cwd: (*b"/home/u/").into(),
        ..init()
    }
}

fn fixture(name: &str) -> Fixture {
    let mut state = State::default();
    state.add_thread(init());
    let null = Fd {
        kind: FdKind::File,
        name: (*b"/dev/null").into(),
        open_flags: 1,
        ino: 5,
        ..Fd::default()
    };
    state.add_fd(1, 0, null);
    let root = name == "root";
    if !root {
        state.add_thread(cat());
    }
    state.settle();
    // Making the second thread took a step too.
    let mut now = START_NS + STEP_NS + if root { 0 } else { STEP_NS };
    let first_ns = now;
    let mut number = 1;
    if name.starts_with("connect") {
        let family = match name {
            "connect4" => 2,
            "connect6" => 10,
            _ => 1,
        };
        let socket = Builder::new(codes::SOCKET_SOCKET_X, now, 100);
        let bytes = socket.i64(SOCKET).u32(family).u32(1).u32(0).finish();
        state.apply(&Event::parse(&bytes).unwrap());
        now += STEP_NS;
        number += 1;
    }
    let event = event(name, now);
    let subject = state.apply(&Event::parse(&event).unwrap());
    Fixture {
        state,
        event,
        subject,
        number,
        first_ns,
    }
}

fn event(name: &str, now: u64) -> Vec<u8> {
    let tid = if name == "root" { 1 } else { 100 };
    let make = |code| Builder::new(code, now, tid);
    let open = |fd: i64, path: &[u8], flags, mode, dev, ino| {
        let event = make(codes::SYSCALL_OPEN_X).i64(fd).str(path);
        event.u32(flags).u32(mode).u32(dev).u64(ino).finish()
    };
    match name {
        "root" => make(codes::SYSCALL_GETCWD_X)
            .i64(-1)
            .str(b"/test/dir")
            .finish(),
        "open" => open(5, b"../Sub//dir/./FILE.txt", 7, 0o755, 0x1234, 77),
        "failopen" => open(-2, b"/no/such", 0, 0, 0, 0),
        "execve" => {
            let event = make(codes::SYSCALL_EXECVE_19_X)
                .i64(0)
                .str(b"/bin/test-exe")
                .empty();
            let event = event
                .i64(100)
                .i64(100)
                .i64(100)
                .str(b"")
                .u64(0)
                .u64(0)
                .u64(0);
            let event = event.u32(0).u32(0).u32(0).str(b"test-exe").empty().empty();
            let event = event
                .u32(0)
                .i64(0)
                .u32(0)
                .u32(0)
                .u64(0)
                .u64(0)
                .u64(0)
                .u64(0);
            let event = event.u64(0).u64(0).u32(0).str(b"").i64(0).u32(0);
            event.str(b"/bin/test-exe").finish()
        }
        _ => {
            let (tuple, address) = addresses(name);
            let event = make(codes::SOCKET_CONNECT_X).i64(0).bytes(&tuple);
            event.i64(SOCKET).bytes(&address).finish()
        }
    }
}

/// The tuple of a connection, and the address that it goes to.
fn addresses(name: &str) -> (Vec<u8>, Vec<u8>) {
    let (from, to) = (54321_u16.to_le_bytes(), 443_u16.to_le_bytes());
    match name {
        "connect4" => {
            let client = Ipv4Addr::new(172, 40, 111, 222).octets();
            let server = Ipv4Addr::new(142, 251, 111, 147).octets();
            let tuple = [&[2][..], &client, &from, &server, &to].concat();
            (tuple, [&[2][..], &server, &to].concat())
        }
        "connect6" => {
            let client = Ipv6Addr::LOCALHOST.octets();
            let server: Ipv6Addr = "2001:4860:4860::8888".parse().unwrap();
            let server = server.octets();
            let tuple = [&[10][..], &client, &from, &server, &to].concat();
            (tuple, [&[10][..], &server, &to].concat())
        }
        _ => {
            let (source, peer) = (0x9c75_8d0f_u64.to_le_bytes(), 0x9c75_8d0a_u64.to_le_bytes());
            let path = b"/tmp/socket.sock\0";
            let tuple = [&[1][..], &source, &peer, path].concat();
            (tuple, [&[1][..], path].concat())
        }
    }
}

/// Calls `look` with the facts of the event.
fn look<R>(fixture: &Fixture, catalogue: &Catalogue, look: impl FnOnce(&Facts<'_>) -> R) -> R {
    let arena = Bump::new();
    let context = Context {
        first_ns: fixture.first_ns,
        ..Context::default()
    };
    let seen = Seen {
        event: Event::parse(&fixture.event).unwrap(),
        subject: fixture.subject,
        number: fixture.number,
        cpu: 1,
    };
    look(&Facts::new(
        catalogue,
        &context,
        &fixture.state,
        seen,
        &arena,
    ))
}

/// Conditions with lists of which upstream looks at the first element only, or at none: an answer that lets things slip is not copied.
const LISTS: &[(&str, &str)] = &[
    ("open", "proc.aname = anyof (a, init)"),
    ("open", "proc.apid = anyof (5, 1)"),
    ("connect4", "fd.ip in (1.1.1.1, 142.251.111.147)"),
    ("connect4", "fd.ip = anyof (9.9.9.9, 142.251.111.147)"),
    ("connect4", "fd.net in (9.0.0.0/8, 142.0.0.0/8)"),
    ("connect4", "fd.net = anyof (9.0.0.0/8, 142.0.0.0/8)"),
    ("connect4", "fd.snet = anyof (9.0.0.0/8, 142.0.0.0/8)"),
    ("connect4", "fd.snet != allof (142.0.0.0/8)"),
    ("connect4", "fd.port = anyof (1,443)"),
];

#[test]
fn shows_what_upstream_shows() {
    let mut tally = Tally::default();
    for case in cases("corpus/libs/fields_on_fixture.jsonl") {
        let (on, text) = (case["on"].as_str().unwrap(), case["name"].as_str().unwrap());
        // Names of ids other than 0 come from the host that recorded.
        let of_host = text.starts_with("user.") || text.starts_with("group.");
        let mut catalogue = Catalogue::new();
        let field = resolve(&mut catalogue, text);
        let shown = field.and_then(|field| {
            look(&fixture(on), &catalogue, |facts| {
                printed(&field, facts.shown(field.slot))
            })
        });
        // Upstream refuses to show some: here they have nothing to show.
        let expected = match case["result"]["error"].as_str() {
            Some("no such field") => {
                assert_eq!(field, None, "{text}");
                continue;
            }
            Some(_) => None,
            None => recorded(text, &case["result"]["value"]),
        };
        let got = shown.filter(|_| !(text.ends_with("net") && expected.is_none()));
        if of_host && got.as_deref() == Some("<NA>") {
            continue;
        }
        tally.compare(text, || on.to_owned(), expected.as_deref(), got.as_deref());
    }
    println!("{}", tally.report());
    assert_eq!(tally.bad(), 0);
}

#[test]
fn conditions_hold_as_in_upstream() {
    let mut tally = Tally::default();
    for case in cases("corpus/libs/eval.jsonl") {
        let (on, text) = (case["on"].as_str().unwrap(), case["in"].as_str().unwrap());
        // What upstream finds out only while it runs may be refused before.
        if case["result"].get("run_error").is_some() {
            continue;
        }
        let expected = match &case["result"] {
            Json::Bool(holds) => holds.to_string(),
            other => other["compile_error"].as_str().unwrap().to_owned(),
        };
        let got = holds(&fixture(on), text);
        if LISTS.contains(&(on, text)) {
            assert_ne!(got, expected, "{text}");
            continue;
        }
        tally.compare(on, || text.to_owned(), Some(&expected), Some(&got));
    }
    println!("{}", tally.report());
    assert_eq!(tally.bad(), 0);
}

/// Whether a condition holds, or why it is none.
fn holds(fixture: &Fixture, condition: &str) -> String {
    let mut catalogue = Catalogue::new();
    catalogue.read_services("http 80/tcp\nhttps 443/tcp\nssh 22/tcp\n");
    let (program, tests) = match compile(condition, &mut catalogue) {
        Ok(compiled) => compiled,
        Err(error) => return error,
    };
    let mut memo = Memo::new(&tests);
    look(fixture, &catalogue, |facts| {
        program.run(&tests, facts, &mut memo)
    })
    .to_string()
}
