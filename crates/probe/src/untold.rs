//! What events tell of descriptors: the probe forgets by it of which ones nobody was told (`bpf/lib/untold.h`).

use falco_event::{EventCode, EventFlags, ParamType, codes};

const NOTHING: u8 = 0;
const OF_RESULT: u8 = 1;
const OF_TABLE: u8 = 2;

/// As many events as the probe has room for.
const CODES: usize = 512;

/// Of each event what it tells: nothing, that its first parameter is a new descriptor, or of several.
pub(crate) fn tells() -> [u8; CODES] {
    let mut tells = [NOTHING; CODES];
    for code in EventCode::all() {
        if let Some(place) = tells.get_mut(usize::from(code.get())) {
            *place = tells_of(code);
        }
    }
    tells
}

fn tells_of(code: EventCode) -> u8 {
    /// Those that bring descriptors in their parameters, copy or end a whole table, or close by a range or by their being marked so.
    const OF_SEVERAL: [EventCode; 11] = [
        codes::SOCKET_RECVMSG_X,
        codes::SOCKET_RECVMMSG_X,
        codes::SYSCALL_CLOSE_RANGE_X,
        codes::SYSCALL_CLONE_20_X,
        codes::SYSCALL_CLONE3_X,
        codes::SYSCALL_FORK_20_X,
        codes::SYSCALL_VFORK_20_X,
        codes::SYSCALL_EXECVE_19_X,
        codes::SYSCALL_EXECVEAT_X,
        codes::SYSCALL_UNSHARE_X,
        codes::PROCEXIT_1_E,
    ];
    let info = code.info();
    let result_is_descriptor = (info.params.first()).is_some_and(|param| param.ty == ParamType::Fd);
    if OF_SEVERAL.contains(&code) {
        OF_TABLE
    } else if code.is_enter() {
        NOTHING
    } else if result_is_descriptor {
        OF_RESULT
    } else if info.flags.any(EventFlags::CREATES_FD) {
        OF_TABLE
    } else {
        NOTHING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_descriptors_tells_of_them() {
        for (code, expected) in [
            (codes::SYSCALL_OPENAT_2_X, OF_RESULT),
            (codes::SOCKET_SOCKET_X, OF_RESULT),
            (codes::SOCKET_ACCEPT4_6_X, OF_RESULT),
            (codes::SYSCALL_DUP2_X, OF_RESULT),
            (codes::SYSCALL_FCNTL_X, OF_RESULT),
            (codes::SYSCALL_PIPE2_X, OF_TABLE),
            (codes::SOCKET_SOCKETPAIR_X, OF_TABLE),
            (codes::PROCEXIT_1_E, OF_TABLE),
            (codes::SYSCALL_CLOSE_X, NOTHING),
            (codes::SYSCALL_READ_X, NOTHING),
        ] {
            assert_eq!(tells_of(code), expected, "{}", code.info().name);
        }
        let creating = |code: &EventCode| {
            let flags = code.info().flags;
            flags.any(EventFlags::CREATES_FD) && !code.is_enter()
        };
        for code in EventCode::all().filter(creating) {
            assert_ne!(tells_of(code), NOTHING, "{}", code.info().name);
            assert!(usize::from(code.get()) < CODES);
        }
    }
}
