//! Why the probe could not be started; each error says what to do.

use std::{fs, io, path::Path};

/// Why the probe could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel does not describe its types.
    #[error(
        "this kernel has no BTF (/sys/kernel/btf/vmlinux is missing), which the probe needs to find its way in the kernel\n  remedy: run a kernel built with CONFIG_DEBUG_INFO_BTF=y, as those of all current distributions are (Linux 5.8 or later)"
    )]
    NoBtf,
    /// We may not.
    #[error(
        "watching system calls needs privileges that this process does not have:{missing}\n  remedy: run falco as root, or give it CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE (where the first two cannot be given: CAP_SYS_ADMIN)"
    )]
    NoPrivilege {
        /// The capabilities that are missing and what for, on lines of their own.
        missing: String,
    },
    /// The kernel refused the probe.
    #[error(
        "the kernel refused the probe: {cause}{detail}\n  remedy: falco needs Linux 5.8 or later with BPF enabled and not locked down (see /sys/kernel/security/lockdown)"
    )]
    Refused {
        /// What the loader says.
        cause: String,
        /// What the loader printed, on lines of its own.
        detail: String,
    },
    /// The memory of a ring could not be had.
    #[error(
        "cannot make a ring buffer of {bytes} bytes: {cause}\n  remedy: choose a smaller engine.modern_ebpf.buf_size_preset"
    )]
    Ring {
        /// Its size.
        bytes: u64,
        /// What the system says.
        cause: io::Error,
    },
}

const CAP_SYS_PTRACE: u32 = 19;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Finds out what is missing before the kernel says no more than "operation not permitted".
pub(crate) fn check_machine() -> Result<(), Error> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    if let Some(missing) = effective.map(missing).filter(|missing| !missing.is_empty()) {
        return Err(Error::NoPrivilege {
            missing: missing.concat(),
        });
    }
    if Path::new("/sys/kernel/btf/vmlinux").exists() {
        Ok(())
    } else {
        Err(Error::NoBtf)
    }
}

/// The name of each and what it is for, as a line that begins with its newline.
fn missing(effective: u64) -> Vec<&'static str> {
    let needed = [
        (CAP_BPF, "\n    CAP_BPF: to load programs into the kernel"),
        (
            CAP_PERFMON,
            "\n    CAP_PERFMON: to attach them to system calls and to read the kernel's memory",
        ),
        (
            CAP_SYS_PTRACE,
            "\n    CAP_SYS_PTRACE: to read in /proc what other users' processes do",
        ),
    ];
    let has = |cap: u32| effective & (1 << cap) != 0;
    let covered = |cap| has(cap) || cap != CAP_SYS_PTRACE && has(CAP_SYS_ADMIN);
    needed
        .into_iter()
        .filter(|(cap, _)| !covered(*cap))
        .map(|(_, line)| line)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_capabilities_are_named() {
        let names = |has| -> Vec<&str> {
            let names = missing(has).into_iter();
            names
                .filter_map(|line| line.trim().split(':').next())
                .collect()
        };
        assert_eq!(names(u64::MAX), Vec::<&str>::new());
        assert_eq!(names(0), ["CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE"]);
        assert_eq!(
            names(1 << CAP_SYS_ADMIN | 1 << CAP_SYS_PTRACE),
            Vec::<&str>::new()
        );
        assert_eq!(names(1 << CAP_SYS_ADMIN), ["CAP_SYS_PTRACE"]);
        assert_eq!(names(1 << CAP_BPF | 1 << CAP_SYS_PTRACE), ["CAP_PERFMON"]);
    }
}
