//! Operations of `io_uring`, which no system call shows: the same events as of the calls that would do the same.
#![allow(unsafe_code, clippy::unwrap_used, clippy::print_stdout)]

#[path = "support/live.rs"]
mod live;

use std::ffi::CString;

use falco_event::{Event, SyscallCode};
use falco_probe::Probe;
use live::{Notes, call, ptr, said};

const CALLS: &[&str] = &[
    "openat",
    "openat2",
    "unlinkat",
    "renameat2",
    "mkdirat",
    "symlinkat",
    "linkat",
    "socket",
    "connect",
    "accept4",
    "sendto",
    "recvfrom",
    "sendmsg",
    "recvmsg",
];

const SETUP_SQPOLL: u32 = 2;

/// A probe for calls, or `None` with a printed line where it does not see rings.
fn open(calls: &[&str]) -> Option<Probe> {
    let probe = live::open(calls, None)?;
    if probe.lacks_rings() {
        println!("skipped: the kernel does not show operations of io_uring");
        return None;
    }
    Some(probe)
}

/// A ring, without a library: the kernel's interface alone.
struct Ring {
    fd: i64,
    base: *mut u8,
    entries: *mut [u64; 8],
    params: [u32; 30],
}

impl Ring {
    /// `None` where the kernel refuses rings.
    fn new(flags: u32) -> Option<Ring> {
        // sizes of both queues, flags, CPU and idle time of the poller, features; then where things lie in both queues
        let mut params = [0_u32; 30];
        (params[2], params[4]) = (flags, 2000);
        let fd = call!(libc::SYS_io_uring_setup, 8, params.as_mut_ptr());
        let map = |offset| {
            let both = libc::PROT_READ | libc::PROT_WRITE;
            let shared = libc::MAP_SHARED | libc::MAP_POPULATE;
            // SAFETY: a new mapping of the ring at an address of the kernel's choice.
            unsafe { libc::mmap(std::ptr::null_mut(), 4096, both, shared, fd as i32, offset) }
        };
        (fd >= 0).then(|| Ring {
            fd,
            base: map(0).cast(),
            entries: map(0x1000_0000).cast(),
            params,
        })
    }

    /// A number of the ring that both sides write.
    fn at(&self, offset: u32) -> &std::sync::atomic::AtomicU32 {
        let place = self.base.wrapping_add(offset as usize);
        // SAFETY: the kernel says that it lies there, aligned, as long as the mapping lives.
        unsafe { &*place.cast() }
    }

    /// Hands in an entry, waits for what came of it. Above the operation's number are flags and priority of the entry.
    fn run(&self, op: u32, fd: i64, words: [u64; 4]) -> i64 {
        use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
        let [offset, addr, length_and_flags, file_index] = words;
        let (tail, mask) = (
            self.at(self.params[11]),
            self.at(self.params[12]).load(Acquire),
        );
        let place = tail.load(Acquire) & mask;
        let head = u64::from(op) | (fd as u64 & 0xffff_ffff) << 32;
        let entry = self.entries.wrapping_add(place as usize);
        let words = [head, offset, addr, length_and_flags, 7, file_index << 32];
        // SAFETY: there are as many entries as the mask says; the rest of them is never written to, and zero.
        unsafe { std::ptr::copy_nonoverlapping(words.as_ptr(), entry.cast(), words.len()) };
        self.at(self.params[16] + 4 * place).store(place, Release);
        tail.fetch_add(1, AcqRel);
        self.wait(1)
    }

    /// Waits for a completion, after handing in so many entries.
    fn wait(&self, entries: u32) -> i64 {
        use std::sync::atomic::Ordering::{AcqRel, Acquire};
        let (head, done) = (self.at(self.params[20]), self.at(self.params[21]));
        let polled = self.params[2] & SETUP_SQPOLL != 0;
        let wakes = if polled { 3 } else { 1 }; // to get events, to wake the poller
        while head.load(Acquire) == done.load(Acquire) {
            call!(
                libc::SYS_io_uring_enter,
                self.fd,
                if polled { 0 } else { entries },
                1,
                wakes,
                0,
                0
            );
        }
        let mask = self.at(self.params[22]).load(Acquire);
        let place = head.fetch_add(1, AcqRel) & mask;
        // a completion: the number of the request in eight bytes, the result
        (self.at(self.params[25] + 16 * place + 8).load(Acquire) as i32).into()
    }
}

fn pair(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

fn address(text: &std::ffi::CStr) -> u64 {
    text.as_ptr() as u64
}

const CWD: i64 = libc::AT_FDCWD as i64;
const CWD_32: u32 = libc::AT_FDCWD as u32;

/// Opens, makes, renames and removes; with a table of files, too.
#[allow(clippy::too_many_lines)] // one operation after the other
fn files(flags: u32) {
    let Some(mut probe) = open(CALLS) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap().to_owned();
    let path = |name: &str| CString::new(format!("{dir}/{name}")).unwrap();
    let (sub, link, hard, moved) = (path("sub"), path("link"), path("hard"), path("moved"));
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let Some(ring) = Ring::new(flags) else {
            notes.put(0, -1);
            return;
        };
        let write = (libc::O_WRONLY | libc::O_CREAT | libc::O_CLOEXEC) as u32;
        notes.put(
            1,
            ring.run(18, CWD, [0, address(&hard), pair(0o640, write), 0]),
        );
        let how = [libc::O_RDONLY as u64, 0, 4];
        notes.put(
            2,
            ring.run(
                28,
                CWD,
                [
                    how.as_ptr() as u64,
                    address(c"/etc/hostname"),
                    pair(24, 0),
                    0,
                ],
            ),
        );
        notes.put(3, ring.run(18, CWD, [0, address(c"/does/not/exist"), 0, 0]));
        ring.run(37, CWD, [0, address(&sub), pair(0o700, 0), 0]);
        ring.run(38, CWD, [address(&link), address(c"target"), 0, 0]);
        ring.run(
            39,
            CWD,
            [address(&moved), address(&hard), pair(CWD_32, 0), 0],
        );
        ring.run(
            35,
            CWD,
            [address(&sub), address(&moved), pair(CWD_32, 2), 0],
        );
        ring.run(
            36,
            CWD,
            [0, address(&moved), pair(0, libc::AT_REMOVEDIR as u32), 0],
        );
        let table = [-1_i32; 2];
        call!(libc::SYS_io_uring_register, ring.fd, 2, table.as_ptr(), 2);
        notes.put(
            4,
            ring.run(
                18,
                CWD,
                [0, address(c"/dev/null"), pair(0, libc::O_RDWR as u32), 2],
            ),
        );
    });
    let notes = seen.notes;
    if notes.get(0) < 0 {
        return; // rings are switched off
    }
    let (fd, second, enoent) = (notes.get(1), notes.get(2), -libc::ENOENT);
    assert!(fd >= 0 && notes.get(3) == i64::from(enoent) && notes.get(4) == 0);
    said!(
        seen,
        "openat fd={fd} dirfd=-100 name={dir}/hard flags=O_WRONLY|O_CREAT|O_CLOEXEC|O_F_CREATED mode=640 dev=_ ino=_"
    );
    said!(
        seen,
        "openat2 fd={second} dirfd=-100 name=/etc/hostname flags=O_RDONLY mode=0 resolve=RESOLVE_NO_SYMLINKS dev=_ ino=_"
    );
    said!(
        seen,
        "openat fd={enoent} dirfd=-100 name=/does/not/exist flags=O_RDONLY mode=0 dev=0 ino=0"
    );
    said!(
        seen,
        "mkdirat res=0 dirfd=-100 path={dir}/sub mode={}",
        0o700
    );
    said!(
        seen,
        "symlinkat res=0 target=target linkdirfd=-100 linkpath={dir}/link"
    );
    said!(
        seen,
        "linkat res=0 olddir=-100 oldpath={dir}/hard newdir=-100 newpath={dir}/moved flags=0x0"
    );
    said!(
        seen,
        "renameat2 res=0 olddirfd=-100 oldpath={dir}/moved newdirfd=-100 newpath={dir}/sub flags=RENAME_EXCHANGE"
    );
    said!(
        seen,
        "unlinkat res=0 dirfd=-100 name={dir}/moved flags=AT_REMOVEDIR"
    );
    // A place in the ring's table is no descriptor.
    said!(
        seen,
        "openat fd={} dirfd=-100 name=/dev/null flags=O_RDWR mode=0 dev=0 ino=0",
        (1 << 30) + 1
    );
}

#[test]
fn files_by_a_ring() {
    files(0);
}

/// A thread of the kernel's takes the entries from memory: the process makes no call at all.
#[test]
fn files_by_a_polled_ring() {
    files(SETUP_SQPOLL);
}

#[test]
fn sockets_by_a_ring() {
    let Some(mut probe) = open(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let Some(ring) = Ring::new(0) else {
            notes.put(0, -1);
            return;
        };
        let (family, kind) = (libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC);
        let socket = || ring.run(45, family.into(), [kind as u64, 0, 0, 0]);
        let (server, client) = (notes.put(1, socket()), notes.put(2, socket()));
        let mut addr = [2_u8, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        call!(libc::SYS_bind, server, addr.as_ptr(), 16);
        call!(libc::SYS_listen, server, 4);
        let mut length = 16_u32;
        call!(
            libc::SYS_getsockname,
            server,
            addr.as_mut_ptr(),
            &raw mut length
        );
        notes.put(3, u16::from_be_bytes([addr[2], addr[3]]).into());
        notes.put(4, ring.run(16, client, [16, addr.as_ptr() as u64, 0, 0]));
        let accepted = notes.put(
            5,
            ring.run(13, server, [0, 0, pair(0, libc::SOCK_CLOEXEC as u32), 0]),
        );
        let mut text = *b"hello";
        let place = text.as_mut_ptr() as u64;
        ring.run(26, client, [0, place, pair(5, 0), 0]);
        ring.run(27, accepted, [0, place, pair(5, 0), 0]);
        let pieces = [place, 2, place + 2, 3];
        let message = [0, 0, pieces.as_ptr() as u64, 2, 0, 0, 0];
        ring.run(9, client, [0, message.as_ptr() as u64, pair(1, 0), 0]);
        ring.run(10, accepted, [0, message.as_ptr() as u64, pair(1, 0), 0]);
        notes.put(6, ring.run(16, 777, [16, addr.as_ptr() as u64, 0, 0]));
    });
    let note: Vec<i64> = (0..7).map(|index| seen.notes.get(index)).collect();
    if note[0] < 0 {
        return; // rings are switched off
    }
    let (server, client, port, accepted) = (note[1], note[2], note[3], note[5]);
    assert_eq!((note[4], note[6]), (0, i64::from(-libc::EBADF)));
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    for fd in [server, client] {
        said!(
            seen,
            "socket fd={fd} domain=AF_INET type={kind} proto=0 flags=O_CLOEXEC"
        );
    }
    let connect = live::text(&seen.take("connect"));
    let from = connect.split(['=', '-']).nth(2).unwrap().to_owned();
    let ends = format!("{from}->127.0.0.1:{port}");
    assert_eq!(
        connect,
        format!("connect res=0 tuple={ends} fd={client} addr=127.0.0.1:{port}")
    );
    said!(
        seen,
        "accept4 fd={accepted} tuple={ends} queuepct=0 queuelen=0 queuemax=4 flags=4096"
    );
    said!(
        seen,
        "sendto res=5 data=hello fd={client} size=5 tuple={ends}"
    );
    said!(
        seen,
        "recvfrom res=5 data=hello tuple={ends} fd={accepted} size=5"
    );
    said!(
        seen,
        "sendmsg res=5 data=hello fd={client} size=5 tuple={ends}"
    );
    said!(
        seen,
        "recvmsg res=5 size=5 data=hello tuple={ends} msgcontrol=- fd={accepted}"
    );
    said!(
        seen,
        "connect res={} tuple=- fd=777 addr=127.0.0.1:{port}",
        -libc::EBADF
    );
}

/// What is not asked for is not reported, and a plain call beside a ring is reported once.
#[test]
fn a_plain_call_beside_a_ring() {
    let Some(mut probe) = open(&["openat"]) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        if let Some(ring) = Ring::new(0) {
            ring.run(37, CWD, [0, address(c"/does/not/exist"), 0, 0]);
        }
        notes.put(
            0,
            call!(libc::SYS_openat, CWD, ptr(c"/does/not/exist"), 0, 0),
        );
    });
    said!(
        seen,
        "openat fd={} dirfd=-100 name=/does/not/exist flags=O_RDONLY mode=0 dev=0 ino=0",
        seen.notes.get(0)
    );
    assert_eq!(seen.events.len(), 1, "and then its end");
}

/// What else a ring can do: read, write, close, move, listen, and hand out its own files.
#[test]
#[allow(clippy::too_many_lines)] // one operation after the other
fn data_by_a_ring() {
    let calls = [
        "read", "write", "readv", "writev", "close", "splice", "pipe2", "dup", "fsync",
    ];
    let Some(mut probe) = open(&calls) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = CString::new(dir.path().join("file").to_str().unwrap()).unwrap();
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let Some(ring) = Ring::new(0) else {
            notes.put(0, -1);
            return;
        };
        let (mut text, nowhere) = (*b"hello", u64::MAX);
        let place = text.as_mut_ptr() as u64;
        let pieces = [place, 2, place + 2, 3];
        let pieces_at = pieces.as_ptr() as u64;
        let write = libc::O_RDWR | libc::O_CREAT;
        let fd = notes.put(1, call!(libc::SYS_open, path.as_ptr(), write, 0o600));
        ring.run(23, fd, [0, place, pair(5, 0), 0]);
        ring.run(22, fd, [0, place, pair(5, 0), 0]);
        ring.run(2, fd, [0, pieces_at, pair(2, 0), 0]);
        ring.run(1, fd, [0, pieces_at, pair(2, 0), 0]);
        ring.run(3, fd, [0, 0, 0, 0]);
        let mut ends = [0_i32; 2];
        call!(libc::SYS_pipe, ends.as_mut_ptr());
        notes.put(2, ends[1].into());
        let into = ring.run(
            30,
            ends[1].into(),
            [nowhere, 0, pair(4, 0), fd as u64 & 0xffff_ffff],
        );
        notes.put(3, into);
        ring.run(19, fd, [0; 4]);
        notes.put(4, ring.run(22, fd, [0, place, pair(5, 0), 0]));
        let table = [-1_i32; 2];
        call!(libc::SYS_io_uring_register, ring.fd, 2, table.as_ptr(), 2);
        notes.put(5, ring.run(62, 0, [0, ends.as_mut_ptr() as u64, 0, 0]));
        notes.put(6, ends[0].into());
        notes.put(7, ends[1].into());
        ring.run(
            18,
            CWD,
            [0, address(c"/dev/null"), pair(0, libc::O_RDWR as u32), 2],
        );
        // a descriptor for a file of the table
        notes.put(8, ring.run(0x136, 1, [0; 4]));
    });
    let note: Vec<i64> = (0..9).map(|index| seen.notes.get(index)).collect();
    if note[0] < 0 {
        return; // rings are switched off
    }
    let (fd, pipe, slot) = (note[1], note[2], (1 << 30) + 1);
    let (einval, ebadf) = (i64::from(-libc::EINVAL), -libc::EBADF);
    assert_eq!((note[3], note[4]), (4, ebadf.into()));
    assert!(Event::parse(&seen.events[0]).unwrap().trailer().is_ring());
    said!(seen, "write res=5 data=hello fd={fd} size=5");
    said!(seen, "read res=5 data=hello fd={fd} size=5");
    said!(seen, "writev res=5 data=hello fd={fd} size=5");
    said!(seen, "readv res=5 size=5 data=hello fd={fd}");
    let fsync = seen.take("syscall");
    assert_eq!(
        Event::parse(&fsync).unwrap().u16(0),
        SyscallCode::by_name("fsync").map(SyscallCode::get)
    );
    said!(
        seen,
        "splice res=4 fd_in={fd} fd_out={pipe} size=4 flags=0x0"
    );
    said!(seen, "close res=0 fd={fd}");
    said!(seen, "read res={ebadf} data=- fd={fd} size=5");
    // Newer kernels alone have these.
    if note[5] != einval {
        assert_eq!(note[5], 0);
        said!(
            seen,
            "pipe2 res=0 fd1={} fd2={} ino=_ flags=O_NONE",
            note[6],
            note[7]
        );
    }
    if note[8] != einval {
        said!(seen, "dup res={} oldfd={slot}", note[8]);
    }
}

/// A server that makes no call but to wait; one entry accepts all its clients.
#[test]
fn a_server_by_a_ring() {
    let calls = ["bind", "listen", "accept4", "shutdown", "sendto"];
    let Some(mut probe) = open(&calls) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let Some(ring) = Ring::new(0) else {
            notes.put(0, -1);
            return;
        };
        let socket = || call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0);
        let server = notes.put(1, socket());
        let mut addr = [2_u8, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        let place = addr.as_mut_ptr();
        notes.put(2, ring.run(56, server, [16, place as u64, 0, 0]));
        if notes.get(2) < 0 {
            call!(libc::SYS_bind, server, place, 16);
        }
        addr[2] = 7;
        ring.run(56, server, [16, place as u64, 0, 0]);
        addr[2] = 0;
        notes.put(3, ring.run(57, server, [0, 0, pair(3, 0), 0]));
        if notes.get(3) < 0 {
            call!(libc::SYS_listen, server, 3);
        }
        let mut length = 16_u32;
        call!(libc::SYS_getsockname, server, place, &raw mut length);
        notes.put(4, u16::from_be_bytes([addr[2], addr[3]]).into());
        let clients = [socket(), socket()];
        call!(libc::SYS_connect, clients[0], place, 16);
        // Accepts again and again.
        notes.put(5, ring.run(0x1_000d, server, [0; 4]));
        call!(libc::SYS_connect, clients[1], place, 16);
        notes.put(6, ring.wait(0));
        let text = *b"zero copies";
        ring.run(47, clients[0], [0, text.as_ptr() as u64, pair(4, 0), 0]);
        notes.put(7, clients[0]);
        ring.wait(0); // the memory is no longer needed
        ring.run(34, clients[0], [0, 0, pair(2, 0), 0]);
    });
    let note: Vec<i64> = (0..8).map(|index| seen.notes.get(index)).collect();
    if note[0] < 0 {
        return; // rings are switched off
    }
    let (server, port) = (note[1], note[4]);
    if note[2] == 0 {
        said!(seen, "bind res=0 addr=127.0.0.1:0 fd={server}");
        let einval = -libc::EINVAL;
        said!(seen, "bind res={einval} addr=127.0.0.1:1792 fd={server}");
        said!(seen, "listen res=0 fd={server} backlog=3");
    }
    for accepted in [note[5], note[6]] {
        assert!(accepted > server);
        let text = live::text(&seen.take("accept4"));
        assert!(
            text.starts_with(&format!("accept4 fd={accepted} tuple=127.0.0.1:"))
                && text.contains(&format!("->127.0.0.1:{port} queue")),
            "{text}"
        );
    }
    let text = live::text(&seen.take("sendto"));
    assert!(text.starts_with(&format!("sendto res=4 data=zero fd={} size=4", note[7])));
    said!(seen, "shutdown res=0 fd={} how=SHUT_RDWR", note[7]);
}
