//! How parameters are shown.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use falco_event::{
    Builder, Event, codes,
    render::{Resolver, Show, Sink, errno_name},
};
use proptest::prelude::*;

/// A machine with one descriptor, one process, one user.
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
        tid == 7
    }
    fn user(&self, uid: u32, out: &mut impl Sink) -> bool {
        if uid == 0 {
            out.put(b"root");
        }
        uid == 0
    }
    fn group(&self, _: u32, _: &mut impl Sink) -> bool {
        false
    }
    fn absolute(&self, _: Option<i64>, path: &[u8], out: &mut impl Sink) -> bool {
        out.put(b"/tmp/");
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

#[test]
fn values_and_what_they_stand_for() {
    let open = Builder::new(codes::SYSCALL_OPENAT_2_X, 0, 7)
        .i64(3)
        .i64(-100)
        .str(b"passwd")
        .u32(4097)
        .u32(0o600)
        .u32(0xfe00)
        .u64(5);
    assert_eq!(
        args(&open.finish()),
        "fd=3(<f>/etc/passwd) dirfd=-100(AT_FDCWD) name=passwd(/tmp/passwd) flags=4097(O_RDONLY|O_CLOEXEC) mode=0600 dev=FE00 ino=5"
    );
    let failed = Builder::new(codes::SYSCALL_OPENAT_2_X, 0, 7)
        .i64(-2)
        .i64(9)
        .empty()
        .u32(0)
        .u32(0)
        .empty()
        .empty();
    assert_eq!(
        args(&failed.finish()),
        "fd=-2(ENOENT) dirfd=9 name=<NA> flags=0(O_NONE) mode=0 dev=<NA> ino=<NA>"
    );
    let kill = Builder::new(codes::SYSCALL_KILL_X, 0, 7)
        .i64(0)
        .i64(7)
        .u8(15);
    assert_eq!(args(&kill.finish()), "res=0 pid=7(cat) sig=15(SIGTERM)");
    let ids = Builder::new(codes::SYSCALL_SETRESUID_X, 0, 7)
        .i64(-1)
        .u32(0)
        .u32(5)
        .u32(u32::MAX);
    assert_eq!(
        args(&ids.finish()),
        "res=-1(EPERM) ruid=0(root) euid=5(<NA>) suid=-1(<NONE>)"
    );
    let mode = Builder::new(codes::SYSCALL_CHMOD_X, 0, 7)
        .i64(0)
        .str(b"/x")
        .u32(0o4700);
    assert_eq!(
        args(&mode.finish()),
        "res=0 filename=/x mode=04700(S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID)"
    );
}

#[test]
fn sockets() {
    let tuple = [&[2, 127, 0, 0, 1, 0x16, 0x82, 10, 0, 0, 2, 80, 0][..]].concat();
    let connect = Builder::new(codes::SOCKET_CONNECT_X, 0, 7)
        .i64(-115)
        .bytes(&tuple)
        .i64(4)
        .bytes(&[2, 10, 0, 0, 2, 80, 0]);
    assert_eq!(
        args(&connect.finish()),
        "res=-115(EINPROGRESS) tuple=127.0.0.1:33302->10.0.0.2:80 fd=4 addr=10.0.0.2:80"
    );
    let unix = [&[1][..], &[1; 8], &[2; 8], b"/run/x\0"].concat();
    let connect = Builder::new(codes::SOCKET_CONNECT_X, 0, 7)
        .i64(0)
        .bytes(&unix)
        .i64(4)
        .empty();
    assert_eq!(
        args(&connect.finish()),
        "res=0 tuple=101010101010101->202020202020202 /run/x fd=4 addr=<NA>"
    );
}

#[test]
fn buffers_are_cut_and_printable() {
    let data: Vec<u8> = (0..100).collect();
    let read = Builder::new(codes::SYSCALL_READ_X, 0, 7)
        .i64(100)
        .bytes(&data)
        .i64(3)
        .u32(100)
        .finish();
    let shown = args(&read);
    assert!(
        shown.contains("KLMNOPQRSTUVWXYZ[\\]^_`abc fd=3("),
        "{shown}"
    );
    let cut = Show {
        buffer_max: 80,
        ..Show::default()
    };
    let mut out = Vec::new();
    cut.value(&Event::parse(&read).unwrap(), 1, &Little, &mut out);
    let shown = out.escape_ascii().to_string();
    assert!(shown.ends_with("@ABCDEFGHIJKL..."), "{shown}");
    let mut out = Vec::new();
    let base64 = Show {
        base64: true,
        ..Show::default()
    };
    let read = Builder::new(codes::SYSCALL_READ_X, 0, 7)
        .i64(4)
        .bytes(b"abcd")
        .i64(3)
        .u32(100)
        .finish();
    base64.arg(&Event::parse(&read).unwrap(), 1, &Little, &mut out);
    assert_eq!(out, b"YWJjZA==");
}

#[test]
fn errors_have_upstreams_names() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/corpus/libs/errno.jsonl"
    );
    let Ok(text) = fs::read_to_string(path) else {
        println!("skipped: {path} is not here");
        return;
    };
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            errno_name(case["v"].as_i64().unwrap()).unwrap_or(""),
            case["out"],
            "{line}"
        );
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(code in 0_u16..454, params in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..33)) {
        let code = falco_event::EventCode::new(code).unwrap();
        let mut builder = Builder::new(code, 0, 7);
        for param in params.iter().take(code.info().params.len()) {
            builder = builder.bytes(param);
        }
        args(&builder.finish());
    }
}
