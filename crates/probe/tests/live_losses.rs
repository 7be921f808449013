//! Nothing is lost without being counted.
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "support/group.rs"]
mod group;
#[path = "support/live.rs"]
mod live;

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use falco_probe::{Config, DropCause, Next, Probe, Stats};
use group::Group;
use live::{call, exit, ptr, wait};

/// Runs the body in a child and waits for its end, without reading a ring meanwhile.
fn run(body: impl FnOnce()) -> i64 {
    // SAFETY: the child makes system calls and ends without unwinding into the test harness.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        body();
        exit(0);
    }
    wait(pid.into());
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
        // Smaller than the end of a process, and so many that what may be left over is too small for that.
        for _ in 0..100 {
            call!(libc::SYS_rmdir, ptr(c"/x"));
        }
    });
    let stats = probe.stats();
    let read: u64 = drain(&mut probe).values().sum();
    let after = probe.stats();
    let lost: u64 = probe.lost().iter().map(|(_, count)| count).sum();
    assert!(
        lost >= stats.dropped_total(),
        "each with its event: {lost}, {stats:?}"
    );
    let of_rmdir = probe
        .lost()
        .into_iter()
        .find(|(code, _)| code.info().name == "rmdir");
    assert!(of_rmdir.is_some_and(|(_, count)| count >= 1));
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

/// A nap ends when as much has come as there is room for: here with every event. Each is made only when the one before was read: naps to
/// their ends would take longer than there is time.
#[test]
fn naps_end_before_there_is_no_room() {
    const EVENTS: usize = 400;
    const PATIENCE: Duration = Duration::from_secs(3);
    let config = Config {
        ring_bytes: 4096,
        ..Config::default()
    };
    let Some(mut probe) = open(&["rmdir"], &config) else {
        return;
    };
    let (mut said, mut says) = std::io::pipe().unwrap();
    // SAFETY: the child makes system calls and ends without unwinding into the test harness.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        drop(says);
        while said.read_exact(&mut [0]).is_ok() {
            call!(libc::SYS_rmdir, ptr(c"/does/not/exist"));
        }
        exit(0);
    }
    drop(said);
    let start = Instant::now();
    let mut read = 0;
    while read < EVENTS && start.elapsed() < PATIENCE {
        says.write_all(&[0]).unwrap();
        while let Next::Event(bytes) = probe.next(PATIENCE) {
            if live::parse(bytes).thread() == i64::from(pid) {
                read += 1;
                break;
            }
        }
    }
    drop(says);
    wait(pid.into());
    assert_eq!(read, EVENTS);
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

/// One group floods, another does a little while nobody reads: with shares the latter is told all the same.
#[test]
#[allow(clippy::print_stdout)]
fn a_noisy_group_leaves_room_for_others() {
    const PLANTED: u64 = 20;
    let (Some(noisy), Some(quiet)) = (
        Group::new("falco-noisy", None),
        Group::new("falco-quiet", None),
    ) else {
        println!("skipped: there is no second version of control groups to be had");
        return;
    };
    for fair_share in [true, false] {
        let config = Config {
            ring_bytes: 1 << 20,
            cpus_per_ring: 0,
            fair_share,
            ..Config::default()
        };
        let Some(mut probe) = open(&["rmdir"], &config) else {
            return;
        };
        let flood = || {
            noisy.enter();
            for _ in 0..100_000 {
                call!(libc::SYS_rmdir, ptr(c"/does/not/exist"));
            }
        };
        run(flood);
        let pid = run(|| {
            quiet.enter();
            for _ in 0..PLANTED {
                call!(libc::SYS_rmdir, ptr(c"/does/not/exist"));
            }
        });
        let stats = probe.stats();
        let told = drain(&mut probe)
            .get(&(pid, "rmdir".into()))
            .copied()
            .unwrap_or(0);
        assert!(stats.dropped(DropCause::DirFile) > 50_000, "{stats:?}");
        if fair_share {
            assert_eq!(told, PLANTED, "{stats:?}");
            assert!(stats.over_share > 50_000, "{stats:?}");
        } else {
            assert_eq!((told, stats.over_share), (0, 0), "{stats:?}");
        }
    }
}
