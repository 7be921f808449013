//! How parameters are shown.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skips"
)]

use std::fs;

use falco_event::{
    Builder, Event, EventCode, SyscallCode, codes,
    render::{
        Resolver, Show, Sink, capability_name, errno_name, is_event_name, put_capabilities, put_ip,
        signal_name,
    },
};
use proptest::prelude::*;

/// A machine with one descriptor, one process, one user, and one process without a name.
struct Little;

impl Resolver for Little {
    fn fd(&self, number: i64, out: &mut impl Sink) -> bool {
        if number == 3 {
            out.put(b"<f>/etc/passwd");
        }
        number == 3
    }
    fn fd_letter(&self, number: i64) -> Option<char> {
        (number == 3).then_some('f')
    }
    fn comm(&self, tid: i64, out: &mut impl Sink) -> bool {
        if tid == 7 {
            out.put(b"cat");
        }
        tid == 7 || tid == 8
    }
    fn user(&self, uid: u32, out: &mut impl Sink) -> bool {
        if uid == 0 {
            out.put(b"root");
        }
        uid == 0 || uid == 8
    }
    fn group(&self, _: u32, _: &mut impl Sink) -> bool {
        false
    }
    fn absolute(&self, dirfd: Option<i64>, path: &[u8], out: &mut impl Sink) -> bool {
        out.put(if dirfd.is_none() { b"/tmp/" } else { b"/dir/" });
        out.put(path);
        true
    }
    fn date_time(&self, time_ns: u64, out: &mut impl Sink) {
        out.put(time_ns.to_string().as_bytes());
    }
}

fn args(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    Show::default().args(&Event::parse(bytes).unwrap(), &Little, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn arg(show: Show, bytes: &[u8], index: usize) -> String {
    let mut out = Vec::new();
    show.arg(&Event::parse(bytes).unwrap(), index, &Little, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn make(code: EventCode) -> Builder {
    Builder::new(code, 0, 7)
}

fn check(event: Builder, expected: &str) {
    assert_eq!(args(&event.finish()), expected);
}

#[test]
fn values_and_what_they_stand_for() {
    let open = |fd, dirfd| make(codes::SYSCALL_OPENAT_2_X).i64(fd).i64(dirfd);
    check(
        open(3, -100)
            .str(b"passwd")
            .u32(4097)
            .u32(0o600)
            .u32(0xfe00)
            .u64(5),
        "fd=3(<f>/etc/passwd) dirfd=-100(AT_FDCWD) name=passwd(/tmp/passwd) flags=4097(O_RDONLY|O_CLOEXEC) mode=0600 dev=FE00 ino=5",
    );
    check(
        open(-2, 9).empty().u32(0).u32(0).empty().empty(),
        "fd=-2(ENOENT) dirfd=9 name=<NA> flags=0(O_NONE) mode=0 dev=<NA> ino=<NA>",
    );
    check(open(-1000, 9).str(b"a"), "fd=-1000 dirfd=9 name=a(/dir/a)");
    check(open(0, 0).str(b"/a"), "fd=0 dirfd=0 name=/a");
    check(open(0, 0).str(b""), "fd=0 dirfd=0 name=");
    for unreadable in [b"<NA>", &b"(NULL)"[..]] {
        check(open(0, 0).str(unreadable), "fd=0 dirfd=0 name=<NA>");
    }
    let kill = |pid| make(codes::SYSCALL_KILL_X).i64(0).i64(pid).u8(15);
    check(kill(7), "res=0 pid=7(cat) sig=15(SIGTERM)");
    check(kill(8), "res=0 pid=8 sig=15(SIGTERM)");
    assert_eq!(arg(Show::default(), &kill(8).finish(), 1), "8");
    let mode = make(codes::SYSCALL_CHMOD_X).i64(0).str(b"/x");
    check(
        mode.u32(0o4700),
        "res=0 filename=/x mode=04700(S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID)",
    );
}

#[test]
fn users_and_groups() {
    let ids = |ruid, euid| {
        make(codes::SYSCALL_SETRESUID_X)
            .i64(-1)
            .u32(ruid)
            .u32(euid)
            .u32(u32::MAX)
    };
    check(
        ids(0, 5),
        "res=-1(EPERM) ruid=0(root) euid=5(<NA>) suid=-1(<NONE>)",
    );
    check(
        ids(8, u32::MAX - 1),
        "res=-1(EPERM) ruid=8(<NA>) euid=-2(<NA>) suid=-1(<NONE>)",
    );
    let group = make(codes::SYSCALL_SETGID_X).i64(0).u32(0);
    check(group, "res=0 gid=0(<NA>)");
}

#[test]
fn choices_have_all_their_names() {
    let socket = make(codes::SOCKET_SOCKET_X).i64(3).u32(1).u32(1).u32(0);
    check(
        socket,
        "fd=3(<f>/etc/passwd) domain=1(AF_LOCAL|AF_UNIX) type=1 proto=0",
    );
}

#[test]
fn sockets() {
    let connect = |tuple: &[u8], address: &[u8]| {
        let event = make(codes::SOCKET_CONNECT_X).i64(-115).bytes(tuple);
        event.i64(4).bytes(address)
    };
    let check = |tuple: &[u8], address: &[u8], shown: (&str, &str)| {
        let (tuple_text, address_text) = shown;
        check(
            connect(tuple, address),
            &format!("res=-115(EINPROGRESS) tuple={tuple_text} fd=4 addr={address_text}"),
        );
    };
    check(
        &[2, 127, 0, 0, 1, 0x16, 0x82, 10, 0, 0, 2, 80, 0],
        &[2, 10, 0, 0, 2, 80, 0],
        ("127.0.0.1:33302->10.0.0.2:80", "10.0.0.2:80"),
    );
    let unix = [&[1][..], &[1; 8], &[2; 8], b"/run/x\0"].concat();
    check(
        &unix,
        b"\x01/run/x\0",
        ("101010101010101->202020202020202 /run/x", "/run/x"),
    );
    let [mut loopback, mut any] = [[0; 19], [0; 19]];
    (loopback[0], loopback[16], any[0]) = (10, 1, 10);
    let six = [&loopback[..], &any[1..]].concat();
    check(&six, &loopback, ("::1:0->:::0", "::1:0"));
    check(&[], &[], ("NULL", "<NA>"));
    check(&[16], &[16], ("family 16", "family 16"));
    check(&unix[..18], b"\x01x", ("INVALID PATH", "INVALID PATH"));
    check(&[2, 1], &[2, 1], ("INVALID IPv4", "INVALID IPv4"));
    check(
        &six[..36],
        &loopback[..18],
        ("INVALID IPv6", "INVALID IPv6"),
    );
}

#[test]
fn addresses_look_as_the_c_library_has_them() {
    for text in [
        "127.0.0.1",
        "::",
        "::1",
        "::1.2.3.4",
        "::ffff:1.2.3.4",
        "1::2:0:0:3",
        "1:0:2:3:4:5:6:7",
        "fe80::1",
    ] {
        let mut out = Vec::new();
        put_ip(text.parse().unwrap(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }
}

#[test]
fn what_a_selector_chooses() {
    let option = |value: &[u8]| {
        let event = make(codes::SOCKET_GETSOCKOPT_X).i64(0).i64(3).u8(0).u8(0);
        event.bytes(value).finish()
    };
    let check = |value: &[u8], expected: &str| {
        let shown = args(&option(value));
        let (_, shown) = shown.split_once("val=").unwrap();
        assert_eq!(shown, expected, "{value:?}");
    };
    check(b"\0a\nb", "a.b");
    check(b"\0", "");
    check(&[&[1][..], &(-2_i64).to_le_bytes()].concat(), "-2(ENOENT)");
    check(&[2, 7, 0, 0, 0], "7");
    check(&[2, 255, 255, 255, 255], "-1");
    check(&[2, 7], "<NA>");
    let second = 1_500_000_000_u64.to_le_bytes();
    check(&[&[4][..], &second].concat(), "1500000000(1.5s)");
    check(&[99, 1], "INVALID DYNAMIC PARAMETER");
    check(&[], "NULL");
    let key = make(codes::SYSCALL_KEYCTL_X).i64(0).u32(1);
    let shown = args(&key.bytes(b"\x01name\0").bytes(b"\x01\0").finish());
    assert!(shown.ends_with("arg2=name arg3="), "{shown}");
}

#[test]
fn times_are_shown_in_six_digits() {
    let check = |time_ns: u64, expected: &str| {
        let sleep = make(codes::SYSCALL_NANOSLEEP_X).i64(0).u64(time_ns);
        check(sleep, &format!("res=0 interval={expected}"));
    };
    check(0, "0(0s)");
    check(1, "1(1e-09s)");
    check(50_000, "50000(5e-05s)");
    check(100_000, "100000(0.0001s)");
    check(123_456_789, "123456789(0.123457s)");
    check(2_000_000_000, "2000000000(2s)");
    check(100_000_000_000_000, "100000000000000(100000s)");
    check(999_999_500_000_000, "999999500000000(1e+06s)");
    check(u64::MAX - 1, "18446744073709551614(1.84467e+10s)");
    check(u64::MAX, "none");
}

#[test]
fn numbers_have_the_format_of_the_schema() {
    let capset = make(codes::SYSCALL_CAPSET_X).i64(0).u64(0).u64(u64::MAX);
    check(
        capset,
        "res=0 cap_inheritable=0 cap_permitted=FFFFFFFFFFFFFFFF",
    );
    let semop = make(codes::SYSCALL_SEMOP_X).i64(0).u32(u32::MAX);
    check(
        semop.u16(u16::MAX).u16(u16::MAX),
        "res=0 nsops=-1 sem_num_0=65535 sem_op_0=-1",
    );
    let bad = make(codes::SYSCALL_SEMOP_X).bytes(&[1]).u64(1);
    check(bad, "res=<NA> nsops=<NA>");
}

#[test]
fn lists_and_sets() {
    let entry = |fd: i64, events: i16| [&fd.to_le_bytes()[..], &events.to_le_bytes()].concat();
    let fds = [&[2, 0][..], &entry(3, 1), &entry(-1, -1)].concat();
    check(
        make(codes::SYSCALL_PPOLL_X)
            .i64(1)
            .bytes(&fds)
            .u64(u64::MAX)
            .u32(0x4001),
        "res=1 fds=3:f1 18446744073709551615:?ffffffff timeout=none sigmask=SIGHUP SIGTERM",
    );
    check(
        make(codes::SYSCALL_PPOLL_X).i64(0).bytes(&[0, 0]).empty(),
        "res=0 fds= timeout=<NA>",
    );
}

#[test]
fn events_that_stand_for_many() {
    let call = |code: u16, native: u16| make(codes::GENERIC_X).u16(code).u16(native).finish();
    let madvise = SyscallCode::by_name("madvise").unwrap();
    let known = call(madvise.get(), 28);
    assert_eq!(args(&known), "", "it only says which call it was");
    assert_eq!(arg(Show::default(), &known, 0), "madvise");
    let check = |bytes: &[u8], name: &str| {
        let event = Event::parse(bytes).unwrap();
        assert_eq!(event.name().escape_ascii().to_string(), name);
    };
    check(&known, "madvise");
    check(&call(0, 28), "madvise");
    check(&call(0, 511), "unknown");
    check(&call(u16::MAX, u16::MAX), "unknown");
    check(&make(codes::GENERIC_X).finish(), "unknown");
    assert_eq!(
        arg(Show::default(), &call(u16::MAX, 0), 0),
        "<unknown syscall>"
    );
    let asynchronous = make(codes::ASYNCEVENT_E).u32(0).str(b"sample").empty();
    check(&asynchronous.finish(), "sample");
    check(&make(codes::SYSCALL_OPENAT_2_X).finish(), "openat");
    assert!(is_event_name("openat") && is_event_name("madvise") && !is_event_name("nosuch"));
}

#[test]
fn buffers_are_cut_and_printable() {
    let data: Vec<u8> = (0..100).collect();
    let read = |data: &[u8]| {
        let event = make(codes::SYSCALL_READ_X).i64(100).bytes(data);
        event.i64(3).u32(100).finish()
    };
    let shown = args(&read(&data));
    assert!(
        shown.contains("data=................................ !\"#"),
        "{shown}"
    );
    assert!(
        shown.contains("KLMNOPQRSTUVWXYZ[\\]^_`abc fd=3("),
        "{shown}"
    );
    let check = |buffer_max, data: &[u8], expected: &str| {
        let show = Show {
            buffer_max,
            base64: false,
        };
        assert_eq!(arg(show, &read(data), 1), expected);
    };
    check(5, b"abcdef", "ab...");
    check(6, b"abcdef", "abcdef");
    check(4, b"abcdef", "a...");
    check(
        80,
        &data,
        "................................ !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKL...",
    );
    // There are no dots where nothing else would have room.
    check(3, b"abcdef", "abc");
    let base64 = Show {
        buffer_max: 2,
        base64: true,
    };
    for (data, expected) in [
        (&b"abcd"[..], "YWJjZA=="),
        (b"abcde", "YWJjZGU="),
        (b"\xff\xfe\xfd", "//79"),
    ] {
        assert_eq!(arg(base64, &read(data), 1), expected);
    }
}

/// The cases of a file of the corpus, if it is here.
fn cases(name: &str) -> Vec<serde_json::Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus/libs/");
    let path = format!("{folder}{name}");
    let Ok(text) = fs::read_to_string(&path) else {
        println!("skipped: {path} is not here");
        return Vec::new();
    };
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn errors_have_upstreams_names() {
    for case in cases("errno.jsonl") {
        let name = errno_name(case["v"].as_i64().unwrap());
        assert_eq!(name.unwrap_or(""), case["out"], "{case}");
    }
    assert_eq!(errno_name(-13), Some("EACCES"));
    assert_eq!(errno_name(i64::MIN), None);
}

#[test]
fn capabilities_have_upstreams_names() {
    for case in cases("caps.jsonl") {
        let mut out = Vec::new();
        put_capabilities(case["v"].as_u64().unwrap(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), case["out"], "{case}");
    }
    assert_eq!(capability_name(21), Some("CAP_SYS_ADMIN"));
    assert_eq!(capability_name(41), None);
    assert_eq!((signal_name(9), signal_name(0)), (Some("SIGKILL"), None));
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(code in 0_u16..454, params in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..33), max in 0_usize..6) {
        let code = EventCode::new(code).unwrap();
        let mut builder = make(code);
        for param in params.iter().take(code.info().params.len()) {
            builder = builder.bytes(param);
        }
        let bytes = builder.finish();
        let shown = args(&bytes);
        prop_assert!(code != codes::GENERIC_X || shown.is_empty());
        let event = Event::parse(&bytes).unwrap();
        let show = Show { buffer_max: max, base64: max == 0 };
        for index in 0..=event.len() {
            let (mut resolved, mut value, mut arg) = (Vec::new(), Vec::new(), Vec::new());
            let known = show.resolved(&event, index, &Little, &mut resolved);
            prop_assert_eq!(known, !resolved.is_empty());
            show.value(&event, index, &Little, &mut value);
            show.arg(&event, index, &Little, &mut arg);
            prop_assert_eq!(arg, if known { resolved } else { value });
        }
    }

    #[test]
    fn reads_back_every_address(octets in any::<[u8; 16]>(), zeros in 0_usize..16) {
        let mut octets = octets;
        octets[..zeros].fill(0);
        let address = std::net::IpAddr::from(octets);
        let mut out = Vec::new();
        put_ip(address, &mut out);
        prop_assert_eq!(String::from_utf8(out).unwrap().parse(), Ok(address));
    }
}
