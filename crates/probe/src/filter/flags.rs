//! Open flags as the probe asks of them: the kernel's own bits, so that none has to be moved for an opening that nobody needs. Only reading and writing
//! are as on the wire, a bit each (`asked_flags` in `bpf/lib/flags.h`).

use falco_event::flags::FILE_FLAGS;

/// The kernel's bits of which one is set when that flag is on the wire. Which bits those are in the kernel: `include/uapi/asm-generic/fcntl.h`, and
/// `arch/arm64/include/uapi/asm/fcntl.h`.
const KERNEL: &[(&str, u32)] = &[
    ("O_RDONLY", 1),
    ("O_WRONLY", 2),
    ("O_CREAT", 0o100),
    ("O_EXCL", 0o200),
    ("O_TRUNC", 0o1000),
    ("O_APPEND", 0o2000),
    ("O_NONBLOCK", 0o4000),
    ("O_DSYNC", 0o1_0000),
    ("O_SYNC", 0o401_0000),
    ("O_CLOEXEC", 0o200_0000),
    ("O_DIRECT", if ARM { 0o20_0000 } else { 0o4_0000 }),
    ("O_LARGEFILE", if ARM { 0o40_0000 } else { 0o10_0000 }),
    ("O_DIRECTORY", DIRECTORY),
    ("O_TMPFILE", 0o2000_0000 | DIRECTORY),
];

const ARM: bool = cfg!(target_arch = "aarch64");
const DIRECTORY: u32 = if ARM { 0o4_0000 } else { 0o20_0000 };

/// Marks of a name that changed, or that was not seen when its call began: `FILTER_CHANGED` and `FILTER_UNSEEN` in `bpf/lib/names.h`.
const MARKS: u32 = 0b11 << 30;

/// What the probe has to ask of, given flags on the wire of which one has to be set. Nothing for those that are known only of a file that was opened.
pub(super) fn asked(flags: u32) -> u32 {
    let kernel = KERNEL.iter().filter(|(name, _)| {
        let flag = FILE_FLAGS.iter().find(|flag| flag.name == *name);
        flag.is_some_and(|flag| u64::from(flags) & flag.value != 0)
    });
    kernel.fold(flags & MARKS, |asked, (_, bits)| asked | bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_flags_of_an_opening_have_bits() {
        let unknown = FILE_FLAGS
            .iter()
            .filter(|flag| asked(flag.value as u32) == 0);
        let unknown: Vec<_> = unknown.map(|flag| flag.name).collect();
        assert_eq!(
            unknown,
            ["O_NONE", "O_F_CREATED", "FD_UPPER_LAYER", "FD_LOWER_LAYER"]
        );
    }

    #[test]
    fn marks_are_kept() {
        assert_eq!(asked(1 << 31 | 1 << 30 | 1), 1 << 31 | 1 << 30 | 1);
    }
}
