//! Programs whose memory changes while the kernel works with it, and others that reach for the probe: what is reported is what the
//! kernel did.
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "support/live.rs"]
mod live;

use std::{
    collections::BTreeSet,
    ffi::CString,
    sync::atomic::{AtomicBool, Ordering},
};

use falco_probe::How;
use live::{Notes, call};

/// An address of the loopback, as a number: the port in the second half.
fn inet(port: u16) -> u64 {
    let mut bytes = [2, 0, 0, 0, 127, 0, 0, 1];
    bytes[2..4].copy_from_slice(&port.to_be_bytes());
    u64::from_ne_bytes(bytes)
}

/// Runs the body while another thread writes one value after the other to the place.
fn while_it_flips(place: *mut u64, values: [u64; 2], body: impl FnOnce()) {
    let (stop, place) = (AtomicBool::new(false), place as usize);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for value in values {
                    // SAFETY: the place outlives the thread; the others that look at it are the kernel and the probe.
                    unsafe { (place as *mut u64).write_volatile(value) };
                    std::hint::spin_loop();
                }
            }
        });
        body();
        stop.store(true, Ordering::Relaxed);
    });
}

/// The address of connect is the one that the socket is connected to, whatever the program makes of its memory afterwards.
#[test]
fn an_address_that_changes_while_connecting() {
    let Some(mut probe) = live::open(&["connect", "bind"], None) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let mut addr = Box::new([inet(7001), 0]);
        let place = addr.as_mut_ptr();
        while_it_flips(place, [inet(7001), inet(7002)], || {
            for index in 0..100 {
                let fd = call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_DGRAM, 0);
                call!(libc::SYS_connect, fd, place, 16);
                let (mut peer, mut length) = ([0_u64; 2], 16_u32);
                let peer_at = peer.as_mut_ptr();
                call!(libc::SYS_getpeername, fd, peer_at, &raw mut length);
                notes.put(index, i64::from(u16::from_be((peer[0] >> 16) as u16)));
                call!(libc::SYS_close, fd);
                // SAFETY: lets the other thread run.
                unsafe { libc::sched_yield() };
            }
        });
        std::mem::forget(addr);
    });
    let mut ports = std::collections::BTreeSet::new();
    for index in 0..100 {
        let (port, text) = (seen.notes.get(index), live::text(&seen.take("connect")));
        ports.insert(port);
        assert!(
            text.contains(&format!("->127.0.0.1:{port} "))
                && text.ends_with(&format!(" addr=127.0.0.1:{port}")),
            "connected to port {port}: {text}"
        );
    }
    assert!(!ports.is_empty());
}

/// The same where it is certain: the memory says something else when the call ends.
#[test]
fn what_sockets_say_is_believed() {
    let Some(mut probe) = live::open(&["connect", "bind"], None) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let socket = |family: i32| call!(libc::SYS_socket, family, libc::SOCK_DGRAM, 0);
        let any = [2_u64, 0];
        let fd = socket(libc::AF_INET);
        notes.put(0, call!(libc::SYS_bind, fd, any.as_ptr(), 16));
        // Nowhere in particular becomes the loopback, and is reported as it was passed.
        let nowhere = [u64::from_ne_bytes([2, 0, 0, 9, 0, 0, 0, 0]), 0];
        call!(libc::SYS_connect, fd, nowhere.as_ptr(), 16);
        // No family: the end of being connected.
        let none = [0_u64, 0];
        call!(libc::SYS_connect, fd, none.as_ptr(), 16);
        // A socket of the newer family takes an address of the older.
        let fd = socket(libc::AF_INET6);
        let old = [inet(9), 0];
        notes.put(1, call!(libc::SYS_connect, fd, old.as_ptr(), 16));
    });
    let mut next = |name: &str| live::text(&seen.take(name));
    let (bind, nowhere, none) = (next("bind"), next("connect"), next("connect"));
    assert!(bind.starts_with("bind res=0 addr=0.0.0.0:0 "), "{bind}");
    assert!(
        nowhere.ends_with(" addr=0.0.0.0:9") && nowhere.contains("->127.0.0.1:9 "),
        "{nowhere}"
    );
    assert!(none.ends_with(" addr=-"), "{none}");
    if seen.notes.get(1) == 0 {
        let old = live::text(&seen.take("connect"));
        assert!(old.ends_with(" addr=127.0.0.1:9"), "{old}");
    }
}

/// The arguments of a new program are read where the new program finds them.
#[test]
fn arguments_that_change_during_execve() {
    let Some(mut probe) = live::open(&["execve"], None) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let out = dir.path().join(round.to_string());
        let out = CString::new(out.to_str().unwrap()).unwrap();
        let mut seen = live::in_child(&mut probe, |_| {
            let values = [*b"goodarg\0", *b"evilarg\0"].map(u64::from_ne_bytes);
            let mut text = Box::new([values[0], 0]);
            let place = text.as_mut_ptr();
            let fd = call!(
                libc::SYS_open,
                out.as_ptr(),
                libc::O_CREAT | libc::O_WRONLY,
                0o600
            );
            call!(libc::SYS_dup2, fd, 1);
            let argv = [c"echo".as_ptr() as u64, place as u64, 0];
            while_it_flips(place, values, || {
                call!(libc::SYS_execve, c"/bin/echo".as_ptr(), argv.as_ptr(), 0);
            });
        });
        let printed = std::fs::read_to_string(out.to_str().unwrap()).unwrap();
        let text = live::text(&seen.take("execve"));
        let wanted = format!("execve res=0 exe=echo args={}\\0 ", printed.trim_end());
        assert!(text.starts_with(&wanted), "{wanted}: {text}");
    }
}

/// Tables that cannot be written any more, by type and number of entries: which program reports a call, of which descriptors nobody was
/// told, which openings were left out.
const FROZEN: [(&str, &str); 3] = [("3", "512"), ("2", "16384"), ("6", "128")];

#[test]
fn tables_are_frozen() {
    let Some(_probe) = live::open(&["openat"], Some(How::AllCalls)) else {
        return;
    };
    let bpf =
        |command: i32, attr: &mut [u64; 16]| call!(libc::SYS_bpf, command, attr.as_mut_ptr(), 128);
    let (mut id, mut found) = (0_u64, BTreeSet::new());
    loop {
        let mut attr = [0; 16];
        attr[0] = id;
        if bpf(12, &mut attr) != 0 {
            break; // BPF_MAP_GET_NEXT_ID: that was the last one
        }
        id = attr[0] >> 32;
        attr = [0; 16];
        attr[0] = id;
        let fd = bpf(14, &mut attr); // BPF_MAP_GET_FD_BY_ID
        let Ok(info) = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")) else {
            continue;
        };
        let line = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name));
            line.map(str::trim).unwrap_or_default().to_owned()
        };
        let (kind, entries) = (line("map_type:"), line("max_entries:"));
        let ours = FROZEN.iter().position(|ours| *ours == (&kind, &entries));
        if let Some(ours) = ours.filter(|_| line("frozen:") == "1") {
            let (key, value) = (0_u32, -1_i32);
            let mut attr = [0; 16];
            attr[0] = fd as u64;
            attr[1] = (&raw const key) as u64;
            attr[2] = (&raw const value) as u64;
            // BPF_MAP_UPDATE_ELEM, then BPF_MAP_DELETE_ELEM, which takes no value
            let eperm = -i64::from(libc::EPERM);
            assert_eq!(bpf(2, &mut attr), eperm);
            attr[2] = 0;
            assert_eq!(bpf(3, &mut attr), eperm);
            found.insert(ours);
        }
        call!(libc::SYS_close, fd);
    }
    assert_eq!(found.len(), FROZEN.len(), "frozen: {found:?}");
}
