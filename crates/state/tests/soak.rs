//! However much happens, the tables hold what is there and no more. The bench of the same name shows the memory that it takes.
#![allow(clippy::unwrap_used)]

use falco_event::{Builder, Event, codes};
use falco_state::{FDS_MAX, State, Thread};

fn machine() -> State {
    let mut state = State::default();
    state.add_thread(Thread {
        tid: 1,
        pid: 1,
        ptid: 0,
        vtid: 1,
        vpid: 1,
        cwd: (*b"/").into(),
        ..Thread::default()
    });
    state.settle();
    state
}

fn apply(state: &mut State, builder: Builder) {
    let bytes = builder.finish();
    state.apply(&Event::parse(&bytes).unwrap());
}

/// The end of a clone as the caller sees it.
fn cloned(caller: i64, pid: i64, child: i64, flags: u32, time_ns: u64) -> Builder {
    let builder = Builder::new(codes::SYSCALL_CLONE_20_X, time_ns, caller);
    let builder = builder.i64(child).str(b"a").empty();
    let builder = builder.i64(caller).i64(pid).i64(0).str(b"").i64(1024);
    let builder = builder.u64(0).u64(0).u32(1).u32(1).u32(0).str(b"a");
    let builder = builder.empty().u32(flags).u32(0).u32(0);
    builder.i64(caller).i64(pid).empty()
}

fn exited(tid: i64, time_ns: u64) -> Builder {
    let builder = Builder::new(codes::PROCEXIT_1_E, time_ns, tid);
    builder.i64(0).i64(0).u8(0).u8(0).i64(0)
}

#[test]
fn threads_that_come_and_go_leave_nothing() {
    const THREAD: u32 = (1 << 0) | (1 << 13);
    let mut state = machine();
    let mut most = 0;
    for round in 0..20_000_i64 {
        // Ids come again, long after they were used.
        let (pid, time_ns) = (2 + 2 * (round % 5_000), 3_000_000_000 * round as u64);
        apply(&mut state, cloned(1, 1, pid, 0, time_ns));
        apply(&mut state, cloned(pid, pid, pid + 1, THREAD, time_ns));
        most = most.max(state.threads.len());
        // The main thread may go first.
        let ends = if round % 2 == 0 {
            [pid, pid + 1]
        } else {
            [pid + 1, pid]
        };
        apply(&mut state, exited(ends[0], time_ns));
        apply(&mut state, exited(ends[1], time_ns));
    }
    assert_eq!(most, 3);
    // What ended last goes with the next event.
    apply(
        &mut state,
        Builder::new(codes::SYSCALL_SETSID_X, 1, 1).i64(1),
    );
    assert_eq!(state.threads.len(), 1);
    assert_eq!(state.counters.threads_added, 1 + 40_000);
    assert_eq!(state.counters.threads_removed, 40_000);
    state.threads.verify().unwrap();
}

#[test]
fn a_process_that_opens_and_opens_is_bounded() {
    let mut state = machine();
    for number in 0..20_000 {
        let open = Builder::new(codes::SYSCALL_OPENAT_2_X, 1, 1);
        let open = open.i64(number).i64(-100).str(b"/f");
        apply(&mut state, open.u32(1).u32(0).u32(5).u64(77));
    }
    assert_eq!(state.threads.by_tid(1).unwrap().fds.len(), FDS_MAX);
    assert_eq!(state.counters.fds_added, FDS_MAX as u64);
    assert_eq!(state.counters.fds_dropped, 20_000 - FDS_MAX as u64);
}

#[test]
fn more_threads_than_the_limit_are_counted_and_left_out() {
    let mut state = machine();
    state.limits.threads = 1_000;
    for pid in 2..3_000 {
        apply(&mut state, cloned(1, 1, pid, 0, 1));
        // Events of threads that found no room are taken without one.
        apply(
            &mut state,
            Builder::new(codes::SYSCALL_SETSID_X, 1, pid).i64(pid),
        );
    }
    assert_eq!(state.threads.len(), 1_000);
    assert_eq!(state.counters.threads_added, 1_000);
    assert!(state.counters.threads_dropped >= 1_999);
    state.threads.verify().unwrap();
}
