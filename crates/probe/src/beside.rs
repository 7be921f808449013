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

/// The programs at the submission and at the completion of every operation of `io_uring`.
pub(crate) const SUBMITTED: &str = "uring_submitted";
const COMPLETED: &str = "uring_completed";

const COMPLETION: &str = "io_uring/io_uring_complete";
/// The tracepoint at the submission, by what it is called; it got its name with 6.3.
const SUBMISSION: &str = "io_uring_submit_req";
const SUBMISSION_BEFORE: &str = "io_uring_submit_sqe";
/// Before this it tells of a request without giving it.
const SUBMISSION_SINCE: (u32, u32) = (6, 0);

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
    /// The tracepoint at the submission of operations.
    pub(crate) submission: Option<&'static str>,
    /// Whether operations of `io_uring` were asked for, and there may be some that are not seen.
    pub(crate) lacks_rings: bool,
}

impl Beside {
    /// What the calls need of what the kernel has.
    pub(crate) fn of(calls: &[SyscallCode], tracefs: Option<&Tracefs>) -> Beside {
        let mut beside = Beside {
            programs: BTreeSet::new(),
            completions: BTreeMap::new(),
            calls: BTreeSet::new(),
            operations: [0; OPERATIONS_MAX],
            submission: None,
            lacks_rings: false,
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
        if !beside.has_rings() {
            return beside;
        }
        beside.submission = tracefs.and_then(submission);
        if beside.submission.is_some() {
            beside.programs.extend([SUBMITTED, COMPLETED]);
        } else {
            beside.completions.clear();
            // A kernel without the tracepoint at the completion was built without rings.
            beside.lacks_rings = tracefs.is_none() || has(COMPLETION);
        }
        beside
    }

    /// Whether the operations of `io_uring` are watched.
    pub(crate) fn has_rings(&self) -> bool {
        !self.completions.is_empty()
    }
}

/// The tracepoint at which requests are submitted, where those and their completions can be seen.
fn submission(tracefs: &Tracefs) -> Option<&'static str> {
    let has = |tracepoint: &str| tracefs.has(&format!("io_uring/{tracepoint}"));
    if !tracefs.has(COMPLETION) {
        return None;
    }
    if has(SUBMISSION) {
        return Some(SUBMISSION);
    }
    let release = rustix::system::uname();
    let is_given = version(&release.release().to_string_lossy()) >= SUBMISSION_SINCE;
    (is_given && has(SUBMISSION_BEFORE)).then_some(SUBMISSION_BEFORE)
}

/// The first two numbers of a kernel's release.
fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next()?.parse().ok();
    (next().unwrap_or(0), next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use falco_event::codes::GENERIC_X;

    use super::*;

    #[test]
    fn releases_have_versions() {
        assert_eq!(version("5.10.0-46-cloud-amd64"), (5, 10));
        assert_eq!(version("6.1.192-2"), (6, 1));
        assert_eq!(version("7.0-rc1"), (7, 0));
        assert_eq!(version(""), (0, 0));
    }

    #[test]
    fn operations_without_parameters_are_those_of_calls_without() {
        for (operation, call, program) in OPERATIONS {
            let code = SyscallCode::by_name(call).map(|code| code.info().exit == Some(GENERIC_X));
            assert_eq!(code, Some(program == GENERIC), "{operation} {call}");
        }
    }
}
