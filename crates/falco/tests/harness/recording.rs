//! Captures that are made for a test or a bench.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each uses its part, and fails by panicking"
)]

use std::fs;

use falco_capture::{Machine, Writer};
use falco_event::{Builder, Event, codes};
use falco_state::{State, Thread};

/// A capture that is being written, its events at even distances.
pub(crate) struct Recording {
    writer: Writer<fs::File>,
    time_ns: u64,
    step_ns: u64,
}

impl Recording {
    /// With these processes in the beginning, each with its parent; the first event comes a step after `time_ns`.
    pub(crate) fn new(
        file: fs::File,
        processes: &[(i64, i64)],
        time_ns: u64,
        step_ns: u64,
    ) -> Recording {
        let mut state = State::default();
        for (tid, ptid) in processes {
            state.add_thread(Thread {
                tid: *tid,
                pid: *tid,
                ptid: *ptid,
                vtid: *tid,
                vpid: *tid,
                ..Thread::default()
            });
        }
        state.settle();
        Recording {
            writer: Writer::new(file, &Machine::default(), &state, 1).unwrap(),
            time_ns,
            step_ns,
        }
    }

    /// Adds the event that is made for its time.
    pub(crate) fn add(&mut self, event: impl FnOnce(u64) -> Builder) {
        self.time_ns += self.step_ns;
        let event = event(self.time_ns).finish();
        self.writer
            .event(&Event::parse(&event).unwrap(), 0)
            .unwrap();
    }

    /// A process changes its directory.
    pub(crate) fn chdir(&mut self, tid: i64, path: &str) {
        self.add(|time| {
            Builder::new(codes::SYSCALL_CHDIR_X, time, tid)
                .i64(0)
                .str(path.as_bytes())
        });
    }

    /// It closes descriptor 3.
    pub(crate) fn close(&mut self, tid: i64) {
        self.add(|time| {
            Builder::new(codes::SYSCALL_CLOSE_X, time, tid)
                .i64(0)
                .i64(3)
        });
    }

    /// The end of a clone in the child.
    pub(crate) fn child(&mut self, tid: i64, parent: i64, program: &str, args: &[u8], comm: &str) {
        self.add(|time| {
            Builder::new(codes::SYSCALL_CLONE_20_X, time, tid)
                .i64(0)
                .str(program.as_bytes())
                .bytes(args)
                .i64(tid)
                .i64(tid)
                .i64(parent)
                .str(b"")
                .i64(1024)
                .u64(0)
                .u64(0)
                .u32(0)
                .u32(0)
                .u32(0)
                .str(comm.as_bytes())
                .bytes(b"")
                .u32(0)
                .u32(0)
                .u32(0)
                .i64(tid)
                .i64(tid)
                .u64(0)
        });
    }

    /// A process ends.
    pub(crate) fn exit(&mut self, tid: i64) {
        self.add(|time| {
            Builder::new(codes::PROCEXIT_1_E, time, tid)
                .i64(0)
                .i64(0)
                .u8(0)
                .u8(0)
                .i64(1)
        });
    }

    pub(crate) fn finish(self) {
        self.writer.finish().unwrap();
    }
}
