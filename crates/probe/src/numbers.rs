//! Which call of the schema a number is, in each interface of this machine's kernel; and what the kernel calls its calls.

use std::collections::BTreeSet;

use falco_event::SyscallCode;

/// As many numbers as the probe keeps of an interface (`NUMBERS_MAX` in bpf/include/maps.h).
pub(crate) const NUMBERS_MAX: usize = 1024;

/// The codes of the calls by their number, 0 where there is none.
pub(crate) type Table = [u16; NUMBERS_MAX];

/// The numbers that the machine's own programs use.
pub(crate) fn native() -> Table {
    if cfg!(target_arch = "aarch64") {
        return read(include_str!("numbers/arm64"));
    }
    let mut table = read(include_str!("numbers/x32"));
    for code in SyscallCode::all() {
        let place = code.info().x86_64.map(usize::from);
        if let Some(place) = place.and_then(|number| table.get_mut(number)) {
            *place = code.get();
        }
    }
    table
}

/// The numbers that programs of the 32-bit interface use.
pub(crate) fn narrow() -> Table {
    if cfg!(target_arch = "aarch64") {
        return [0; NUMBERS_MAX];
    }
    read(include_str!("numbers/i386"))
}

/// The calls that programs of the 32-bit interface can make; some are operations of one call.
pub(crate) fn of_narrow() -> BTreeSet<SyscallCode> {
    let table = narrow();
    let mut calls: BTreeSet<SyscallCode> = table
        .into_iter()
        .filter(|code| *code != 0)
        .filter_map(SyscallCode::new)
        .collect();
    if calls.iter().any(|call| call.info().name == "socketcall") {
        let operations = ["accept", "send", "recv"];
        calls.extend(operations.into_iter().filter_map(SyscallCode::by_name));
    }
    calls
}

/// The machine's own number of each call, by its code; 0 where there is none, and for the call that has it.
pub(crate) fn by_call() -> Table {
    let mut table = [0; NUMBERS_MAX];
    for (number, code) in native().into_iter().enumerate().rev() {
        if let Some(place) = table.get_mut(usize::from(code)) {
            *place = number as u16;
        }
    }
    table[0] = 0;
    table
}

fn read(text: &str) -> Table {
    let mut table = [0; NUMBERS_MAX];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let number = line.split_once(' ').and_then(|(number, name)| {
            Some((number.parse::<usize>().ok()?, SyscallCode::by_name(name)?))
        });
        if let Some((number, code)) = number
            && let Some(place) = table.get_mut(number)
        {
            *place = code.get();
        }
    }
    table
}

/// What the kernel and the probe's programs call a call, where it is not the name that user space knows.
pub(crate) fn kernel_name(call: &'static str) -> &'static str {
    match call {
        "umount2" => "umount",
        "umount" => "oldumount",
        "stat" => "newstat",
        "lstat" => "newlstat",
        "fstat" => "newfstat",
        "uname" => "newuname",
        "sendfile" => "sendfile64",
        "sendfile64" => "sendfile64_32",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str) -> usize {
        text.lines().filter(|line| !line.starts_with('#')).count()
    }

    fn name(table: &Table, number: usize) -> &'static str {
        let code = SyscallCode::new(table[number]);
        code.map_or("", |code| code.info().name)
    }

    /// A name that the schema does not know would be a number that is lost.
    #[test]
    fn every_line_is_a_call() {
        for text in [
            include_str!("numbers/arm64"),
            include_str!("numbers/i386"),
            include_str!("numbers/x32"),
        ] {
            let found = read(text).iter().filter(|code| **code != 0).count();
            assert_eq!(found, known(text));
        }
    }

    #[test]
    fn numbers_of_the_interfaces() {
        let narrow = read(include_str!("numbers/i386"));
        let names: Vec<&str> = [5, 11, 90, 102, 192, 22, 52, 212]
            .iter()
            .map(|number| name(&narrow, *number))
            .collect();
        assert_eq!(
            names,
            [
                "open",
                "execve",
                "mmap",
                "socketcall",
                "mmap2",
                "umount",
                "umount2",
                "chown"
            ]
        );
        let arm = read(include_str!("numbers/arm64"));
        assert_eq!((name(&arm, 56), name(&arm, 221)), ("openat", "execve"));
        if cfg!(target_arch = "x86_64") {
            let native = native();
            assert_eq!((name(&native, 2), name(&native, 520)), ("open", "execve"));
        }
    }
}
