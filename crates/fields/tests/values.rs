//! Values of fields for events and a state made by hand.
#![allow(clippy::unwrap_used, reason = "only tests use it")]

use std::sync::Arc;

use bumpalo::Bump;
use falco_event::render::Show;
use falco_event::{Builder, Event, codes};
use falco_fields::{Catalogue, Context, Facts, Seen};
use falco_filter::{Catalog, Slot, Value, Values};
use falco_state::{Ends, Fd, FdKind, Image, Interface, Proto, Role, State, Thread, Tuple};

const NOW_NS: u64 = 1_795_461_203_805_062_627;

/// A shell that a daemon started, with a thread besides the main one.
fn state() -> State {
    let mut state = State::default();
    state.interfaces.list.push(Interface {
        name: (*b"eth0").into(),
        address: "10.0.0.1".parse().unwrap(),
        mask: "255.0.0.0".parse().unwrap(),
    });
    for (tid, ptid, comm) in [(1, 0, "init"), (10, 1, "daemon"), (20, 10, "bash")] {
        state.add_thread(Thread {
            tid,
            pid: tid,
            ptid,
            vtid: tid,
            vpid: tid,
            sid: 10,
            uid: 0,
            gid: 77,
            image: Arc::new(Image {
                comm: comm.as_bytes().into(),
                exe: comm.as_bytes().into(),
                args: (*b"-c\0\0a b\0").into(),
                ..Image::default()
            }),
            env: (*b"HOME=/root\0PAD=  x \0").into(),
            cgroups: (*b"cpu=/a\0memory=/b\0").into(),
            cwd: (*b"/root/").into(),
            ..Thread::default()
        });
    }
    let local = ("10.0.0.1".parse().unwrap(), 40_000);
    let remote = ("1.1.1.1".parse().unwrap(), 443);
    let socket = Tuple {
        v6: false,
        proto: Proto::Tcp,
        ends: Ends::Pair(local, remote),
        role: Role::Client,
    };
    let fd = |kind, name: &[u8]| Fd {
        kind,
        name: name.into(),
        ..Fd::default()
    };
    state.add_fd(20, 0, fd(FdKind::File, b"/etc/passwd"));
    state.add_fd(
        20,
        3,
        fd(FdKind::Inet(socket), b"10.0.0.1:40000->1.1.1.1:443"),
    );
    state.add_fd(20, 4, fd(FdKind::Directory, b"/srv"));
    state.settle();
    state
}

/// Each row: a field, what conditions compare, what outputs show.
fn check(event: &[u8], rows: &[(&str, Option<Value<'_>>, Option<Value<'_>>)]) {
    check_with(&Context::default(), event, rows);
}

fn check_with(
    context: &Context,
    event: &[u8],
    rows: &[(&str, Option<Value<'_>>, Option<Value<'_>>)],
) {
    let mut catalogue = Catalogue::new();
    let slots: Vec<Slot> = rows
        .iter()
        .map(|(name, ..)| slot(&mut catalogue, name))
        .collect();
    let mut state = state();
    let event = Event::parse(event).unwrap();
    let subject = state.apply(&event);
    let seen = Seen {
        event,
        subject,
        number: 5,
        cpu: 2,
    };
    let arena = Bump::new();
    let facts = Facts::new(&catalogue, context, &state, seen, &arena);
    for ((name, value, shown), slot) in rows.iter().zip(slots) {
        assert_eq!(facts.value(slot), *value, "value of {name}");
        assert_eq!(facts.value(slot), *value, "value of {name}, remembered");
        assert_eq!(facts.shown(slot), *shown, "{name} shown");
    }
}

fn slot(catalogue: &mut Catalogue, text: &str) -> Slot {
    let (name, arg) = match text.split_once('[') {
        Some((name, arg)) => (name, Some(arg.trim_end_matches(']'))),
        None => (text, None),
    };
    catalogue.field(name, arg).unwrap().slot
}

/// A row of a field that is shown as it is compared.
fn same<'v>(name: &'v str, value: Value<'v>) -> (&'v str, Option<Value<'v>>, Option<Value<'v>>) {
    (name, Some(value), Some(value))
}

fn none(name: &str) -> (&str, Option<Value<'_>>, Option<Value<'_>>) {
    (name, None, None)
}

fn text(text: &str) -> Value<'_> {
    Value::Str(text.as_bytes())
}

fn chdir() -> Vec<u8> {
    Builder::new(codes::SYSCALL_CHDIR_X, NOW_NS, 20)
        .i64(-2)
        .str(b"/nowhere")
        .finish()
}

#[test]
fn processes() {
    check(
        &chdir(),
        &[
            same("proc.name", text("bash")),
            same("proc.cmdline", text("bash -c  a b")),
            same("proc.args", text("-c  a b")),
            same("proc.args[1]", text("")),
            same("proc.args[7]", text("")),
            same("proc.cmdnargs", Value::Uint(3)),
            same("proc.exeline", text("bash -c  a b")),
            same("proc.pname", text("daemon")),
            same("proc.aname[0]", text("bash")),
            same("proc.aname[2]", text("init")),
            none("proc.aname[3]"),
            (
                "proc.aname",
                Some(Value::Any(&[text("daemon"), text("init")])),
                Some(text("daemon init")),
            ),
            (
                "proc.apid",
                Some(Value::Any(&[Value::Int(10), Value::Int(1)])),
                Some(Value::Int(20)),
            ),
            same("proc.sname", text("daemon")),
            same("proc.loginshellid", Value::Int(20)),
            same("proc.env[PAD]", text("x")),
            same("proc.env[NONE]", text("")),
            same("thread.cgroup.memory", text("/b")),
            none("thread.cgroup.io"),
            same("thread.cgroups", text("cpu=/a memory=/b")),
            same("user.name", text("root")),
            same("group.name", text("<NA>")),
            none("fd.name"),
            none("proc.duration"),
        ],
    );
}

#[test]
fn the_event_itself() {
    check(
        &chdir(),
        &[
            same("evt.num", Value::Uint(5)),
            same("evt.cpu", Value::Int(2)),
            same("evt.time", text("19:13:23.805062627")),
            same(
                "evt.time.iso8601",
                text("2026-11-23T19:13:23.805062627+0000"),
            ),
            same("evt.datetime.s", text("2026-11-23 19:13:23")),
            same("evt.rawtime.ns", Value::Uint(805_062_627)),
            same("evt.res", text("ENOENT")),
            same("evt.args", text("res=-2(ENOENT) path=/nowhere")),
            same("evt.arg[1]", text("/nowhere")),
            none("evt.arg[2]"),
            none("evt.arg.flags"),
            same("evt.rawarg.res", Value::Int(-2)),
            ("evt.type.is.chdir", Some(Value::Uint(1)), None),
            (
                "evt.around[1795461203800000000]",
                Some(Value::Uint(6)),
                None,
            ),
            none("evt.abspath"),
        ],
    );
}

#[test]
fn sockets() {
    let read = Builder::new(codes::SYSCALL_READ_X, NOW_NS, 20).i64(4);
    let read = read.bytes(b"GET\0").i64(3).u32(9).finish();
    let ip = |text: &str| Value::Ip(text.parse().unwrap());
    let (local, remote) = (ip("10.0.0.1"), ip("1.1.1.1"));
    let show = Show {
        base64: true,
        ..Show::default()
    };
    let context = Context {
        show,
        ..Context::default()
    };
    check_with(
        &context,
        &read,
        &[
            same("fd.num", Value::Int(3)),
            same("fd.type", text("ipv4")),
            same("fd.cip", local),
            same("fd.rip", remote),
            same("fd.lport", Value::Uint(40_000)),
            same("fd.sproto", text("443")),
            same("fd.l4proto", text("tcp")),
            same("fd.is_server", Value::Bool(false)),
            same("fd.uid", text("203")),
            ("fd.ip", Some(Value::Ends(&[local, remote])), None),
            ("fd.net", Some(Value::Ends(&[local, remote])), None),
            ("fd.sip.name", Some(Value::Ends(&[])), None),
            same("fd.types[0]", Value::List(&[text("file")])),
            same("evt.category", text("net")),
            same("evt.buflen", Value::Uint(4)),
            (
                "evt.buffer",
                Some(Value::Bytes(b"GET\0")),
                Some(text("R0VUAA==")),
            ),
            ("evt.arg.data", Some(text("GET.")), Some(text("R0VUAA=="))),
            same("evt.arg.fd", text("<4t>10.0.0.1:40000->1.1.1.1:443")),
        ],
    );
}

#[test]
fn paths() {
    let unlink = Builder::new(codes::SYSCALL_UNLINKAT_2_X, NOW_NS, 20).i64(0);
    let unlink = unlink.i64(4).str(b"a/..//b").u32(0).finish();
    check(
        &unlink,
        &[
            same("fs.path.name", text("/srv/b")),
            same("fs.path.nameraw", text("a/..//b")),
            none("fs.path.source"),
            same("evt.abspath", text("/srv/b")),
        ],
    );
    let open = Builder::new(codes::SYSCALL_OPENAT_2_X, NOW_NS, 20).i64(-13);
    let open = open
        .i64(-100)
        .str(b"..//etc/shadow")
        .u32(2)
        .u32(0)
        .u32(0)
        .u64(0)
        .finish();
    check(
        &open,
        &[
            same("fd.name", text("/etc/shadow")),
            same("fd.nameraw", text("../etc/shadow")),
            same("fd.directory", text("/etc")),
            none("fd.filename"),
            same("fd.typechar", text("f")),
            same("evt.is_open_write", Value::Bool(true)),
            same("evt.count.error.file", Value::Uint(1)),
        ],
    );
}

#[test]
fn containers_are_the_host() {
    check(
        &chdir(),
        &[
            same("container.id", text("host")),
            same("container.name", text("host")),
            same("container.image.repository", text("")),
            same("container.privileged", Value::Bool(false)),
            none("container.start_ts"),
            none("container.label[app]"),
            none("k8s.pod.name"),
            none("proc.is_container_healthcheck"),
        ],
    );
}

#[test]
fn unknown_threads_have_no_values() {
    let switch = Builder::new(codes::SCHEDSWITCH_6_E, NOW_NS, 999)
        .i64(20)
        .finish();
    check(
        &switch,
        &[
            same("thread.tid", Value::Int(999)),
            none("proc.name"),
            none("user.uid"),
            none("container.id"),
            none("evt.res"),
        ],
    );
}

#[test]
fn remembers_from_event_to_event() {
    let mut catalogue = Catalogue::new();
    let [delta, count] = ["evt.deltatime", "util.cnt"].map(|name| slot(&mut catalogue, name));
    let (context, mut state, mut arena) = (Context::default(), state(), Bump::new());
    for (step, expected) in [(0, 0), (7, 7), (10, 3)] {
        let bytes = Builder::new(codes::SYSCALL_CHDIR_X, NOW_NS + step, 20)
            .i64(0)
            .finish();
        let event = Event::parse(&bytes).unwrap();
        arena.reset();
        let seen = Seen {
            subject: state.apply(&event),
            event,
            number: 1,
            cpu: 0,
        };
        let facts = Facts::new(&catalogue, &context, &state, seen, &arena);
        // Within one event the answer does not change.
        for _ in 0..2 {
            assert_eq!(facts.value(delta), Some(Value::Uint(expected)));
        }
        assert!(facts.value(count).is_some());
    }
}
