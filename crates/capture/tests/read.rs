//! Small captures written here come back whole.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "mini/writer.rs"]
mod writer;

use std::{
    io::{self, Read, Write},
    net::IpAddr,
};

use falco_capture::{Next, Reader};
use falco_event::{Builder, HEADER_BYTES, codes};
use falco_state::{Ends, FdKind, Proto, State, Thread};
use flate2::{Compression, write::GzEncoder};
use writer::{Capture, LATER, chdir, process, process_of, sized, text};

/// The state at the beginning and the events.
fn read(source: impl Read) -> (State, Vec<Vec<u8>>) {
    let (mut reader, state) = Reader::new(source).unwrap();
    let mut events = Vec::new();
    loop {
        match reader.next_event().unwrap() {
            Next::Event(captured) => {
                assert_eq!(captured.cpu, 3);
                events.push(captured.event.bytes().to_vec());
            }
            Next::Section(_) => events.push(b"section".to_vec()),
            Next::End => return (state, events),
        }
    }
}

fn chdirs(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(chdir).collect()
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Gives one byte at a time, as a slow pipe may.
struct Drip<'a>(&'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = out.len().min(1);
        self.0.read(&mut out[..count])
    }
}

#[test]
fn events_come_back() {
    let capture = Capture::new().chdirs(100).0;
    assert_eq!(read(&capture[..]).1, chdirs(100));
    assert_eq!(read(Drip(&capture)).1, chdirs(100));
}

#[test]
fn gzip_is_found_out() {
    let capture = Capture::new().chdirs(20_000).0;
    let packed = pack(&capture);
    assert_eq!(read(&packed[..]).1, chdirs(20_000));
    assert_eq!(read(Drip(&packed)).1, chdirs(20_000));
    let (first, second) = capture.split_at(1_001);
    let mut members = [pack(first), pack(second)].concat();
    assert_eq!(read(&members[..]).1, chdirs(20_000));
    members.extend_from_slice(&[0; 512]);
    assert_eq!(read(&members[..]).1, chdirs(20_000));
}

#[test]
fn blocks_of_later_versions_are_skipped_before_the_events() {
    let capture = Capture::new().block(0x777, b"anything").chdirs(1).0;
    assert_eq!(read(&capture[..]).1, chdirs(1));
}

#[test]
fn events_of_later_schemas_are_skipped() {
    let mut future = chdir(0);
    future[20..22].copy_from_slice(&5_000_u16.to_le_bytes());
    let capture = Capture::new().event(&future).chdirs(1).0;
    assert_eq!(read(&capture[..]).1, chdirs(1));
}

#[test]
fn flags_come_back() {
    let body = [&3_u16.to_le_bytes()[..], &5_u32.to_le_bytes(), &chdir(0)].concat();
    let capture = Capture::new().block(0x217, &body).0;
    let (mut reader, _) = Reader::new(&capture[..]).unwrap();
    let Next::Event(captured) = reader.next_event().unwrap() else {
        panic!("an event");
    };
    assert_eq!((captured.cpu, captured.flags), (3, 5));
    assert_eq!(captured.event.bytes(), chdir(0));
}

#[test]
fn large_events_are_read_through_a_buffer_that_grows() {
    let large = Builder::new(codes::PLUGINEVENT_E, 1, 2)
        .u32(7)
        .bytes(&vec![b'x'; 3_000_000])
        .finish();
    let body = [&3_u16.to_le_bytes()[..], &large].concat();
    let capture = Capture::new().chdirs(1).block(0x221, &body).chdirs(1).0;
    assert_eq!(read(&capture[..]).1, [chdir(0), large, chdir(0)]);
}

#[test]
fn the_first_version_does_not_count_parameters() {
    let event = chdir(7);
    let mut old = event[..16].to_vec();
    old.extend_from_slice(&(event.len() as u32 - 4).to_le_bytes());
    old.extend_from_slice(&event[20..22]);
    old.extend_from_slice(&event[HEADER_BYTES..]);
    let body = [&3_u16.to_le_bytes()[..], &old].concat();
    for code in [0x204, 0x8010_ABCD] {
        let capture = Capture::new().block(code, &body).0;
        assert_eq!(read(&capture[..]).1, [chdir(7)]);
    }
    let flags = [&3_u16.to_le_bytes()[..], &5_u32.to_le_bytes(), &old].concat();
    let capture = Capture::new().block(0x208, &flags).0;
    assert_eq!(read(&capture[..]).1, [chdir(7)]);
}

#[test]
fn another_capture_may_follow() {
    let tables = |capture: Capture| capture.block(0x215, &sized(&process(9)));
    let first = tables(Capture::new()).chdirs(2);
    let both = tables(first.section()).chdirs(1).0;
    let section = b"section".to_vec();
    let want = [chdir(0), chdir(1), section, chdir(0)];
    assert_eq!(read(&both[..]).1, want);
    assert_eq!(read(&pack(&both)[..]).1, want);
}

fn thread_of(capture: &Capture) -> Thread {
    let (state, _) = read(&capture.clone().chdirs(1).0[..]);
    state.threads.by_tid(42).unwrap().clone()
}

#[test]
fn process_lists_of_all_versions() {
    let codes = [0x202, 0x207, 0x209, 0x210, 0x211, 0x212, 0x213, 0x214];
    for (version, code) in (1..).zip(codes) {
        let body = [process(version), process_of(41, version)].concat();
        let thread = thread_of(&Capture::new().block(code, &body));
        assert_eq!((thread.pid, thread.ptid), (42, 41), "version {version}");
        assert_eq!((thread.uid, thread.gid), (1000, 1001));
        assert_eq!(&*thread.image.comm, b"comm");
        assert_eq!(&*thread.image.args, b"one\0two\0");
        assert_eq!(thread.fd_limit, 1024);
        let from = |first, value, default| if version >= first { value } else { default };
        assert_eq!(thread.pfminor, from(2, 15, 0) as u64);
        assert_eq!(thread.env.len(), from(3, 4, 0) as usize);
        assert_eq!(thread.vtid, from(4, 7, -1));
        assert_eq!(thread.root.len(), from(5, 5, 0) as usize);
        assert_eq!(thread.sid, from(6, 39, -1));
        assert_eq!(thread.image.exepath.len(), from(7, 8, 0) as usize);
        assert_eq!(thread.vpgid, from(8, 38, -1));
        assert_eq!((thread.loginuid, thread.tty), (u32::MAX, 0));
    }
}

#[test]
fn the_ninth_version_has_room_for_more() {
    let mut entry = process(9);
    entry.resize(entry.len() + 70_001, 0xFF);
    let body = [sized(&entry), sized(&process(9))].concat();
    let thread = thread_of(&Capture::new().block(0x215, &body));
    assert_eq!((thread.pidns_start_ns, thread.tty), (100, 34816));
    assert_eq!(thread.loginuid, 1002);
    let caps = (thread.cap_inheritable, thread.cap_permitted);
    assert_eq!((caps, thread.cap_effective), ((20, 21), 22));
    assert!(thread.image.exe_writable && thread.image.exe_upper_layer);
    assert!(thread.image.exe_from_memfd && !thread.image.exe_lower_layer);
    assert_eq!(thread.image.exe_ino_mtime_ns, 25);
    assert_eq!(thread.pgid, 37);
}

#[test]
fn the_first_writers_of_the_ninth_version_lacked_two_fields() {
    let mut entry = process(8);
    entry.extend_from_slice(&LATER);
    let thread = thread_of(&Capture::new().block(0x215, &sized(&entry)));
    assert_eq!((thread.pidns_start_ns, thread.tty), (0, 0));
    assert_eq!((thread.loginuid, thread.cap_effective), (1002, 22));
    assert_eq!((thread.image.exe_ino, thread.pgid), (0, -1));
}

/// The head of a descriptor's entry, and the rest.
fn descriptor(number: i64, code: u8, rest: &[u8]) -> Vec<u8> {
    let (number, inode) = (number.to_le_bytes(), 99_u64.to_le_bytes());
    [&number[..], &inode, &[code], rest].concat()
}

#[test]
fn descriptor_lists() {
    let v4 = [127, 0, 0, 1, 10, 0, 0, 2, 0x50, 0, 0xBB, 1, 2];
    let mut mapped = [0_u8; 37];
    mapped[10..16].copy_from_slice(&[0xFF, 0xFF, 1, 2, 3, 4]);
    mapped[26..37].copy_from_slice(&[0xFF, 0xFF, 5, 6, 7, 8, 9, 0, 53, 0, 3]);
    let unix = [&[0; 16][..], &text(b"/run/x")].concat();
    let file = [&1_u32.to_le_bytes()[..], &text(b"/etc/x"), &[9, 0, 0, 0]].concat();
    let entries = [
        descriptor(0, 16, &file),
        descriptor(1, 3, &v4),
        descriptor(2, 4, &mapped),
        descriptor(3, 8, &unix),
        descriptor(4, 7, &text(b"pipe")),
        descriptor(5, 5, &[0, 0, 0, 0, 22, 0, 2]),
        descriptor(6, 200, b"who knows"),
        descriptor(7, 0, b""),
    ];
    let mut body = 42_i64.to_le_bytes().to_vec();
    for entry in &entries {
        body.extend_from_slice(&sized(entry));
    }
    let stray = [&77_i64.to_le_bytes()[..], &sized(&entries[4])].concat();
    let thread = thread_of(
        &Capture::new()
            .block(0x215, &sized(&process(9)))
            .block(0x218, &body)
            .block(0x218, &stray),
    );
    assert_eq!(thread.fds.len(), 7);
    let fd = |number| thread.fds.get(number).unwrap();
    assert_eq!((&*fd(0).name, fd(0).open_flags), (&b"/etc/x"[..], 1));
    assert_eq!((fd(0).dev, fd(0).ino), (9, 99));
    assert_eq!(&*fd(3).name, b"/run/x");
    assert_eq!(fd(4).kind, FdKind::Pipe);
    assert_eq!(&*fd(6).name, b"unknown-type:[200]");
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let ends = |number| match &fd(number).kind {
        FdKind::Inet(tuple) => (tuple.ends, tuple.proto),
        other => panic!("{other:?}"),
    };
    let pair = Ends::Pair((ip("127.0.0.1"), 80), (ip("10.0.0.2"), 443));
    assert_eq!(ends(1), (pair, Proto::Tcp));
    let pair = Ends::Pair((ip("1.2.3.4"), 9), (ip("5.6.7.8"), 53));
    assert_eq!(ends(2), (pair, Proto::Udp));
    assert_eq!(&*fd(2).name, b"1.2.3.4:9->5.6.7.8:53");
    let listening = Ends::Listening(ip("0.0.0.0"), 22);
    assert_eq!(ends(5), (listening, Proto::Tcp));
}

#[test]
fn descriptor_lists_without_lengths() {
    let file = [&1_u32.to_le_bytes()[..], &text(b"/etc/x")].concat();
    let body = [
        &42_i64.to_le_bytes()[..],
        &descriptor(0, 16, &file),
        &descriptor(1, 1, &text(b"/etc/y")),
    ];
    let thread = thread_of(
        &Capture::new()
            .block(0x8000_ABCD, &process(1))
            .block(0x203, &body.concat()),
    );
    assert_eq!(&*thread.fds.get(0).unwrap().name, b"/etc/x");
    assert_eq!(&*thread.fds.get(1).unwrap().name, b"/etc/y");
}

#[test]
fn users_and_interfaces() {
    let user = [
        &[0][..],
        &1000_u32.to_le_bytes(),
        &1001_u32.to_le_bytes(),
        &text(b"alice"),
        &text(b"/home/alice"),
        &text(b"/bin/sh"),
    ]
    .concat();
    let group = [&[1][..], &1001_u32.to_le_bytes(), &text(b"staff")].concat();
    let interface = [
        &[1, 0, 2, 0, 10, 0, 0, 1, 255, 0, 0, 0][..],
        &[0; 12],
        b"lo",
    ]
    .concat();
    let slow = [&[4, 0, 4, 0][..], &[0xFE; 48], b"eth0"].concat();
    for new in [true, false] {
        let entries = |list: [&[u8]; 2], itself: u32| {
            let one = |entry: &[u8]| {
                let length = entry.len() as u32 + itself;
                if new {
                    [&length.to_le_bytes()[..], entry].concat()
                } else {
                    entry.to_vec()
                }
            };
            list.map(one).concat()
        };
        let (users, interfaces) = if new { (0x220, 0x219) } else { (0x206, 0x205) };
        let capture = Capture::new()
            .block(interfaces, &entries([&interface, &slow], 0))
            .block(users, &entries([&user, &group], 4))
            .chdirs(1);
        let (state, _) = read(&capture.0[..]);
        let alice = state.users.user(b"", 1000).unwrap();
        assert_eq!((&*alice.name, alice.gid), (&b"alice"[..], 1001));
        assert_eq!(&*state.users.group(b"", 1001).unwrap().name, b"staff");
        let list = &state.interfaces.list;
        assert_eq!(&*list[0].name, b"lo");
        assert_eq!(list[0].address, "10.0.0.1".parse::<IpAddr>().unwrap());
        assert_eq!(&*list[1].name, b"eth0");
        assert!(list[1].address.is_ipv6());
    }
}
