//! What an event costs: the ones that come most often, and the life of a process.
#![allow(missing_docs)]

use std::hint::black_box;

use divan::Bencher;
use falco_event::{Builder, Event, EventCode, codes};
use falco_state::{Fd, FdKind, Image, State, Thread};

fn main() {
    divan::main();
}

/// A machine with so many processes, each with ten descriptors.
fn machine(processes: i64) -> State {
    let mut state = State::default();
    for pid in 1..=processes {
        state.add_thread(Thread {
            tid: pid,
            pid,
            ptid: pid / 2,
            vtid: pid,
            vpid: pid,
            image: Image {
                comm: (*b"bash").into(),
                exe: (*b"/bin/bash").into(),
                ..Image::default()
            }
            .into(),
            env: (*b"HOME=/root\0PATH=/usr/bin\0").into(),
            cwd: (*b"/root/").into(),
            ..Thread::default()
        });
        for number in 0..10 {
            let fd = Fd {
                kind: FdKind::File,
                name: (*b"/dev/null").into(),
                ..Fd::default()
            };
            state.add_fd(pid, number, fd);
        }
    }
    state.settle();
    state
}

fn clone(tid: i64, result: i64, pid: i64, ptid: i64) -> Vec<u8> {
    let builder = Builder::new(codes::SYSCALL_CLONE_20_X, 1_000, tid);
    let builder = builder
        .i64(result)
        .str(b"/bin/bash")
        .empty()
        .i64(tid)
        .i64(pid)
        .i64(ptid);
    let builder = builder
        .str(b"")
        .i64(1024)
        .u64(0)
        .u64(0)
        .u32(1)
        .u32(1)
        .u32(0)
        .str(b"bash");
    let builder = builder
        .bytes(b"cpu=/\0")
        .u32(0)
        .u32(0)
        .u32(0)
        .i64(pid)
        .i64(pid);
    builder.u64(0).finish()
}

fn exec(tid: i64) -> Vec<u8> {
    let builder = Builder::new(codes::SYSCALL_EXECVE_19_X, 1_000, tid)
        .i64(0)
        .str(b"/bin/true");
    let builder = builder
        .bytes(b"--help\0")
        .i64(tid)
        .i64(tid)
        .i64(1)
        .str(b"")
        .u64(1024);
    let builder = builder
        .u64(0)
        .u64(0)
        .u32(1)
        .u32(1)
        .u32(0)
        .str(b"true")
        .bytes(b"cpu=/\0");
    let builder = builder
        .bytes(b"HOME=/root\0PATH=/usr/bin\0")
        .u32(0)
        .i64(1)
        .u32(0)
        .u32(0);
    let builder = builder
        .u64(0)
        .u64(0)
        .u64(0)
        .u64(7)
        .u64(1)
        .u64(1)
        .u32(0)
        .str(b"/bin/true");
    builder.i64(1).u32(0).str(b"/bin/true").finish()
}

fn exit(tid: i64) -> Vec<u8> {
    let builder = Builder::new(codes::PROCEXIT_1_E, 1_000, tid).i64(0).i64(0);
    builder.u8(0).u8(0).i64(0).finish()
}

fn open_close(tid: i64, name: &[u8]) -> [Vec<u8>; 2] {
    let open = Builder::new(codes::SYSCALL_OPENAT_2_X, 1_000, tid)
        .i64(12)
        .i64(-100);
    let open = open.str(name).u32(1).u32(0).u32(5).u64(77).finish();
    let close = Builder::new(codes::SYSCALL_CLOSE_X, 1_000, tid)
        .i64(0)
        .i64(12)
        .finish();
    [open, close]
}

fn apply_all(state: &mut State, events: &[Vec<u8>]) {
    for bytes in events {
        if let Ok(event) = Event::parse(bytes) {
            black_box(state.apply(&event));
        }
    }
}

#[divan::bench(args = [10, 10_000], sample_size = 1000)]
fn open_and_close(bencher: Bencher<'_, '_>, processes: i64) {
    let mut state = machine(processes);
    let events = open_close(processes / 2, b"/etc/ld.so.cache");
    bencher.bench_local(|| apply_all(&mut state, &events));
}

#[divan::bench(sample_size = 1000)]
fn open_and_close_relative(bencher: Bencher<'_, '_>) {
    let mut state = machine(1_000);
    let events = open_close(500, b"../lib/../etc/passwd");
    bencher.bench_local(|| apply_all(&mut state, &events));
}

#[divan::bench(sample_size = 1000)]
fn fork_exec_and_exit(bencher: Bencher<'_, '_>) {
    let mut state = machine(1_000);
    let events = [
        clone(500, 5_000, 500, 250),
        clone(5_000, 0, 5_000, 500),
        exec(5_000),
        exit(5_000),
    ];
    // Once the child ended, the caller's side of the next clone within two seconds is not believed: the child's is.
    bencher.bench_local(|| apply_all(&mut state, &events));
}

fn quiet(code: EventCode, tid: i64) -> Vec<u8> {
    Builder::new(code, 1_000, tid)
        .i64(100)
        .bytes(b"data")
        .i64(3)
        .u32(100)
        .finish()
}

#[divan::bench(sample_size = 1000)]
fn read_that_changes_nothing(bencher: Bencher<'_, '_>) {
    let mut state = machine(1_000);
    let events = [quiet(codes::SYSCALL_READ_X, 500)];
    bencher.bench_local(|| apply_all(&mut state, &events));
}
