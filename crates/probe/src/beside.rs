//! What is watched beside the exits of calls: signals, switches and page faults, if they were asked for, and the operations of `io_uring`
//! that do what the calls asked for would do.

use std::collections::BTreeSet;

use falco_event::{SyscallCode, codes::GENERIC_X};

use crate::tracefs::Tracefs;

/// The call of the schema that stands for a tracepoint, where the kernel has it, and the program on it.
const TRACEPOINTS: [(&str, &str, &str); 4] = [
    (
        "signal_deliver",
        "signal/signal_deliver",
        "signal_delivered",
    ),
    ("sched_switch", "sched/sched_switch", "switched"),
    (
        "page_fault_user",
        "exceptions/page_fault_user",
        "faulted_user",
    ),
    (
        "page_fault_kernel",
        "exceptions/page_fault_kernel",
        "faulted_kernel",
    ),
];

/// The operations of `io_uring`, by their number in the kernel's interface, and the calls that do the same.
const OPERATIONS: [(usize, &str); 49] = [
    (1, "readv"),
    (2, "writev"),
    (3, "fsync"),
    (4, "read"),
    (5, "write"),
    (8, "sync_file_range"),
    (9, "sendmsg"),
    (10, "recvmsg"),
    (13, "accept"),
    (13, "accept4"),
    (16, "connect"),
    (17, "fallocate"),
    (18, "openat"),
    (19, "close"),
    (21, "statx"),
    (22, "read"),
    (23, "write"),
    (24, "fadvise64"),
    (25, "madvise"),
    (26, "sendto"),
    (27, "recvfrom"),
    (28, "openat2"),
    (29, "epoll_ctl"),
    (30, "splice"),
    (33, "tee"),
    (34, "shutdown"),
    (35, "renameat"),
    (35, "renameat2"),
    (36, "unlinkat"),
    (37, "mkdirat"),
    (38, "symlinkat"),
    (39, "linkat"),
    (41, "fsetxattr"),
    (42, "setxattr"),
    (43, "fgetxattr"),
    (44, "getxattr"),
    (45, "socket"),
    (47, "sendto"),
    (48, "sendmsg"),
    (49, "read"),
    (50, "waitid"),
    (53, "futex_waitv"),
    (54, "dup"),
    (55, "ftruncate"),
    (56, "bind"),
    (57, "listen"),
    (60, "readv"),
    (61, "writev"),
    (62, "pipe2"),
];

/// What marks an operation whose event has parameters (`OP_REPORTED` in bpf/syscalls/uring.c).
const REPORTED: u16 = u16::MAX;

/// As many operations as the probe has room for (`OPS_MAX` in bpf/syscalls/uring.c).
const OPERATIONS_MAX: usize = 64;

const URING: [(&str, &str); 2] = [
    ("io_uring/io_uring_submit_req", "uring_submitted"),
    ("io_uring/io_uring_complete", "uring_completed"),
];

/// The programs to load and attach.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(crate) programs: BTreeSet<&'static str>,
    /// The calls that are reported so.
    pub(crate) calls: BTreeSet<SyscallCode>,
    /// Whether each operation of `io_uring` is reported: by the code of its call if its parameters are not.
    pub(crate) operations: [u16; OPERATIONS_MAX],
}

impl Beside {
    /// What the calls need of what the kernel has.
    pub(crate) fn of(calls: &[SyscallCode], tracefs: Option<&Tracefs>) -> Beside {
        let mut beside = Beside {
            programs: BTreeSet::new(),
            calls: BTreeSet::new(),
            operations: [0; OPERATIONS_MAX],
        };
        let has = |tracepoint: &str| tracefs.is_some_and(|tracefs| tracefs.has(tracepoint));
        for code in calls {
            let name = code.info().name;
            for (_, _, program) in TRACEPOINTS
                .iter()
                .filter(|(call, tracepoint, _)| *call == name && has(tracepoint))
            {
                beside.programs.insert(program);
                beside.calls.insert(*code);
            }
            for (operation, _) in OPERATIONS.iter().filter(|(_, call)| *call == name) {
                if let Some(place) = beside.operations.get_mut(*operation) {
                    let generic = code.info().exit == Some(GENERIC_X);
                    *place = if generic { code.get() } else { REPORTED };
                }
            }
        }
        let is_wanted = beside.operations.iter().any(|call| *call != 0);
        if is_wanted && URING.iter().all(|(tracepoint, _)| has(tracepoint)) {
            beside.programs.extend(URING.map(|(_, program)| program));
        }
        beside
    }

    /// Whether the operations of `io_uring` are watched.
    pub(crate) fn has_rings(&self) -> bool {
        self.programs.contains(URING[0].1)
    }
}
