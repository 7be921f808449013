//! Nothing is lost without being counted.
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "support/live.rs"]
mod live;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use falco_probe::{Config, DropCause, Next, Probe, Stats};
use live::{call, ptr};

/// Runs the body in a child and waits for its end, without reading a ring meanwhile.
fn run(body: impl FnOnce()) -> i64 {
    // SAFETY: the child makes system calls and ends without unwinding into the test harness.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        body();
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(0) };
    }
    // SAFETY: waits for our own child.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
    pid.into()
}

/// What the rings hold from before now, by thread and name. Others may be busy, so it does not wait for silence.
fn drain(probe: &mut Probe) -> BTreeMap<(i64, String), u64> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_nanos() as u64;
    let mut counts = BTreeMap::new();
    while let Next::Event(bytes) = probe.next(Duration::from_millis(300)) {
        let event = live::parse(bytes);
        if event.time_ns() > now {
            break;
        }
        let key = (event.thread(), event.info().name.to_owned());
        *counts.entry(key).or_default() += 1;
    }
    counts
}

fn open(calls: &[&str], config: &Config) -> Option<Probe> {
    live::can_open().then(|| {
        Probe::open(&Config {
            calls: live::codes(calls),
            ..config.clone()
        })
        .unwrap()
    })
}

#[test]
fn a_full_ring_is_counted_by_cause() {
    let config = Config {
        ring_bytes: 4096,
        cpus_per_ring: 0,
        ..Config::default()
    };
    let Some(mut probe) = open(&["openat", "rmdir"], &config) else {
        return;
    };
    run(|| {
        for _ in 0..1000 {
            call!(
                libc::SYS_openat,
                libc::AT_FDCWD,
                ptr(c"/does/not/exist"),
                0,
                0
            );
        }
        // Larger than what may be left over.
        call!(
            libc::SYS_rmdir,
            ptr(c"/does/not/exist/and/is/longer/than/what/the/others/left")
        );
    });
    let stats = probe.stats();
    let read: u64 = drain(&mut probe).values().sum();
    let after = probe.stats();
    assert!(stats.dropped(DropCause::Open) > 900, "{stats:?}");
    assert!(
        stats.dropped(DropCause::DirFile) >= 1 && stats.dropped(DropCause::ProcExit) >= 1,
        "{stats:?}"
    );
    assert_eq!(
        stats.dropped(DropCause::TooLarge) + stats.dropped(DropCause::NoScratch),
        0
    );
    // Others work meanwhile: what was sent lies between the two looks, but for the event that each CPU may be about to count.
    let sent = |stats: &Stats| stats.events - stats.dropped_total();
    let cpus = std::thread::available_parallelism().unwrap().get() as u64;
    let range = sent(&stats) - cpus..=sent(&after);
    assert!(range.contains(&read), "{read} read; {stats:?}, {after:?}");
}

#[test]
fn nothing_is_lost_where_there_is_room() {
    let Some(mut probe) = open(&["rmdir"], &Config::default()) else {
        return;
    };
    let pid = run(|| {
        for _ in 0..20_000 {
            call!(libc::SYS_rmdir, ptr(c"/does/not/exist"));
        }
    });
    let counts = drain(&mut probe);
    assert_eq!(counts.get(&(pid, "rmdir".into())), Some(&20_000));
    assert_eq!(probe.stats().dropped_total(), 0);
}

#[test]
fn failed_calls_are_left_out_when_asked() {
    let config = Config {
        drop_failed: true,
        ..Config::default()
    };
    let Some(mut probe) = open(&["rmdir", "mkdir", "execve"], &config) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = std::ffi::CString::new(dir.path().join("x").to_str().unwrap()).unwrap();
    let pid = run(|| {
        call!(libc::SYS_rmdir, ptr(&path));
        call!(libc::SYS_mkdir, ptr(&path), 0o700);
        call!(libc::SYS_mkdir, ptr(&path), 0o700);
        call!(libc::SYS_execve, ptr(c"/does/not/exist"), 0, 0);
        call!(libc::SYS_rmdir, ptr(&path));
    });
    let counts: Vec<_> = drain(&mut probe)
        .into_iter()
        .filter(|((thread, _), _)| *thread == pid)
        .collect();
    let one = |name: &str| ((pid, name.to_owned()), 1);
    assert_eq!(counts, [one("mkdir"), one("procexit"), one("rmdir")]);
}

/// A path in memory that is not there cannot be read; the event comes without it, and that is counted.
#[test]
fn memory_that_is_not_there_is_counted() {
    let Some(mut probe) = open(&["rmdir"], &Config::default()) else {
        return;
    };
    let before = probe.stats().unreadable;
    let pid = run(|| {
        call!(libc::SYS_rmdir, 8);
    });
    assert_eq!(drain(&mut probe).get(&(pid, "rmdir".into())), Some(&1));
    assert!(probe.stats().unreadable > before);
}
