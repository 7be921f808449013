//! What is watched beside the exits of calls: signals, switches and page faults, if they were asked for, and the operations of `io_uring`
//! that do what the calls asked for would do.

use std::collections::{BTreeMap, BTreeSet};

use falco_event::SyscallCode;

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

/// Reports operations of `io_uring` whose parameters are not read.
const GENERIC: &str = "ring_generic";

/// The operations of `io_uring`, by their number in the kernel's interface, the calls that do the same, and the programs that report them.
const OPERATIONS: [(u8, &str, &str); 49] = [
    (1, "readv", "ring_pieces"),
    (2, "writev", "ring_pieces"),
    (3, "fsync", GENERIC),
    (4, "read", "ring_read"),
    (5, "write", "ring_written"),
    (8, "sync_file_range", GENERIC),
    (9, "sendmsg", "ring_message_sent"),
    (10, "recvmsg", "ring_message_received"),
    (13, "accept", "ring_accepted"),
    (13, "accept4", "ring_accepted"),
    (16, "connect", "ring_connected"),
    (17, "fallocate", GENERIC),
    (18, "openat", "ring_opened"),
    (19, "close", "ring_small"),
    (21, "statx", GENERIC),
    (22, "read", "ring_read"),
    (23, "write", "ring_written"),
    (24, "fadvise64", GENERIC),
    (25, "madvise", GENERIC),
    (26, "sendto", "ring_sent"),
    (27, "recvfrom", "ring_received"),
    (28, "openat2", "ring_opened"),
    (29, "epoll_ctl", GENERIC),
    (30, "splice", "ring_small"),
    (33, "tee", GENERIC),
    (34, "shutdown", "ring_small"),
    (35, "renameat", "ring_paths"),
    (35, "renameat2", "ring_paths"),
    (36, "unlinkat", "ring_paths"),
    (37, "mkdirat", "ring_paths"),
    (38, "symlinkat", "ring_paths"),
    (39, "linkat", "ring_paths"),
    (41, "fsetxattr", GENERIC),
    (42, "setxattr", GENERIC),
    (43, "fgetxattr", GENERIC),
    (44, "getxattr", GENERIC),
    (45, "socket", "ring_made"),
    (47, "sendto", "ring_sent"),
    (48, "sendmsg", "ring_message_sent"),
    (49, "read", "ring_read"),
    (50, "waitid", GENERIC),
    (53, "futex_waitv", GENERIC),
    (54, "dup", "ring_small"),
    (55, "ftruncate", GENERIC),
    (56, "bind", "ring_bound"),
    (57, "listen", "ring_small"),
    (60, "readv", "ring_pieces"),
    (61, "writev", "ring_pieces"),
    (62, "pipe2", "ring_pipe"),
];

/// What marks an operation whose event has parameters (`OP_REPORTED` in bpf/uring/request.h).
const REPORTED: u16 = u16::MAX;

/// As many operations as the probe has room for (`OPS_MAX` in bpf/uring/request.h).
const OPERATIONS_MAX: usize = 64;

const URING: [(&str, &str); 2] = [
    ("io_uring/io_uring_submit_req", "uring_submitted"),
    ("io_uring/io_uring_complete", "uring_completed"),
];

/// The programs to load.
#[derive(Debug)]
pub(crate) struct Beside {
    /// Those to be attached, too.
    pub(crate) programs: BTreeSet<&'static str>,
    /// Those that report operations of `io_uring`, by operation: another one jumps to them.
    pub(crate) completions: BTreeMap<u8, &'static str>,
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
            completions: BTreeMap::new(),
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
            for (operation, _, program) in OPERATIONS.iter().filter(|(_, call, _)| *call == name) {
                if let Some(place) = beside.operations.get_mut(usize::from(*operation)) {
                    *place = if *program == GENERIC {
                        code.get()
                    } else {
                        REPORTED
                    };
                    beside.completions.insert(*operation, program);
                }
            }
        }
        if URING.iter().any(|(tracepoint, _)| !has(tracepoint)) {
            beside.completions.clear();
        }
        if beside.has_rings() {
            beside.programs.extend(URING.map(|(_, program)| program));
        }
        beside
    }

    /// Whether the operations of `io_uring` are watched.
    pub(crate) fn has_rings(&self) -> bool {
        !self.completions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use falco_event::codes::GENERIC_X;

    use super::*;

    #[test]
    fn operations_without_parameters_are_those_of_calls_without() {
        for (operation, call, program) in OPERATIONS {
            let code = SyscallCode::by_name(call).map(|code| code.info().exit == Some(GENERIC_X));
            assert_eq!(code, Some(program == GENERIC), "{operation} {call}");
        }
    }
}
