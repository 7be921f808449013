//! What is kept when much happens: memory at many threads, and whether it grows by threads that come and go or by files that are opened.
//! Prints figures; that nothing grows is held by the test of the same name.
#![allow(clippy::print_stdout, missing_docs)]

use std::{hint::black_box, time::Instant};

use falco_event::{Builder, Event, codes};
use falco_state::{State, Thread};

const LIVE: i64 = 100_000;
const FORKS: i64 = 10_000_000;
const OPENS: i64 = 1_000_000;
/// The kernel's highest id on large machines: ids come again after that many.
const PIDS: i64 = 4_194_304;

fn main() {
    println!("{:34} {:>10} {:>8} {:>10}", "", "threads", "MB", "ns/event");
    let before_kb = resident_kb();
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
    let report = |what: &str, state: &State, start: Instant, events: i64| {
        let mb = resident_kb().saturating_sub(before_kb) as f64 / 1024.0;
        let ns = start.elapsed().as_nanos() as f64 / events.max(1) as f64;
        println!("{what:34} {:>10} {mb:>8.1} {ns:>10.0}", state.threads.len());
    };

    // Processes of ten threads, every one of them with a program, an environment and descriptors of its own.
    let start = Instant::now();
    let mut events = 0;
    for pid in (2..LIVE).step_by(10) {
        let name = format!("worker-{pid}");
        let env = format!("HOME=/home/{pid}\0PATH=/usr/local/bin:/usr/bin:/bin\0INSTANCE={pid}\0");
        take(&mut state, &clone(1, pid, 0, pid, 1, b"init"));
        take(&mut state, &exec(pid, name.as_bytes(), env.as_bytes()));
        for number in 3..13 {
            let path = format!("/var/log/{name}/{number}");
            take(&mut state, &open(pid, number, path.as_bytes()));
        }
        for tid in pid + 1..pid + 10 {
            take(
                &mut state,
                &clone(pid, tid, THREAD, pid, 1, name.as_bytes()),
            );
        }
        events += 21;
    }
    report("live, 10 files a process", &state, start, events);

    let mut pid = LIVE;
    for tenth in 1..=10 {
        let start = Instant::now();
        for _ in 0..FORKS / 10 {
            pid = if pid + 1 == PIDS { LIVE + 10 } else { pid + 1 };
            take(&mut state, &clone(1, pid, 0, pid, 1, b"init"));
            take(&mut state, &exit(pid));
        }
        let what = format!("{} million forks and exits", FORKS / 10_000_000 * tenth);
        report(&what, &state, start, FORKS / 5);
    }

    let start = Instant::now();
    for number in 0..OPENS {
        let path = format!("/var/lib/many/{number}");
        take(&mut state, &open(2, number, path.as_bytes()));
    }
    report("1 million opens by one process", &state, start, OPENS);
}

const THREAD: u32 = (1 << 0) | (1 << 13);

fn take(state: &mut State, bytes: &[u8]) {
    if let Ok(event) = Event::parse(bytes) {
        black_box(state.apply(&event));
    }
}

/// The caller's side of a clone.
fn clone(caller: i64, child: i64, flags: u32, pid: i64, ptid: i64, comm: &[u8]) -> Vec<u8> {
    // The time goes on, or a child that ended would be taken for the one of the same id before.
    let time_ns = 3_000_000_000 * child as u64;
    let caller_pid = if flags == THREAD { pid } else { caller };
    Builder::new(codes::SYSCALL_CLONE_20_X, time_ns, caller)
        .i64(child)
        .str(b"/usr/bin/worker")
        .bytes(b"--foreground\0")
        .i64(caller)
        .i64(caller_pid)
        .i64(ptid)
        .str(b"")
        .i64(1024)
        .u64(0)
        .u64(0)
        .u32(1)
        .u32(1)
        .u32(0)
        .str(comm)
        .bytes(b"cpu=/system.slice\0memory=/system.slice\0")
        .u32(flags)
        .u32(0)
        .u32(0)
        .i64(caller)
        .i64(caller_pid)
        .empty()
        .finish()
}

fn exec(pid: i64, name: &[u8], env: &[u8]) -> Vec<u8> {
    let path = [b"/usr/local/bin/", name].concat();
    let builder = Builder::new(codes::SYSCALL_EXECVE_19_X, 3_000_000_000 * pid as u64, pid)
        .i64(0)
        .str(&path)
        .bytes(b"--foreground\0--config\0/etc/worker.yaml\0")
        .i64(pid)
        .i64(pid)
        .i64(1)
        .str(b"")
        .i64(1024)
        .u64(0)
        .u64(0)
        .u32(1)
        .u32(1)
        .u32(0)
        .str(name)
        .bytes(b"cpu=/system.slice\0memory=/system.slice\0")
        .bytes(env);
    let builder = builder.u32(0).i64(1).u32(0).u32(0).u64(0).u64(0).u64(0);
    let builder = builder.u64(7).u64(1).u64(1).u32(0).str(&path);
    builder.i64(1).u32(0).str(&path).finish()
}

fn exit(tid: i64) -> Vec<u8> {
    let builder = Builder::new(codes::PROCEXIT_1_E, 3_000_000_000 * tid as u64 + 1, tid);
    builder.i64(0).i64(0).u8(0).u8(0).i64(0).finish()
}

fn open(tid: i64, number: i64, path: &[u8]) -> Vec<u8> {
    let builder = Builder::new(codes::SYSCALL_OPENAT_2_X, 1_000, tid);
    let builder = builder.i64(number).i64(-100).str(path);
    builder.u32(1).u32(0).u32(5).u64(77).finish()
}

/// The memory of this process.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
