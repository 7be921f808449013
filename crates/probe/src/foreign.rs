//! Calls by the kernel's other interfaces, which programs on calls one by one do not see: those of 32-bit programs and, from any
//! program, `int 0x80`. A program on all calls sees them, and every call of the machine pays for it; so it may wait until it is
//! needed.

use std::{fs, io::Read, path::Path};

/// Whether calls by the kernel's other interfaces are watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Foreign {
    /// From the first 32-bit program on, if there is none already. `int 0x80` of other programs goes unseen until then.
    #[default]
    Auto,
    /// From the start.
    Always,
    /// They are not.
    Never,
}

/// Whether a program of the 32-bit interface runs already.
pub(crate) fn runs_already() -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .map(|process| process.path().join("exe"))
        .any(|exe| is_32_bit(&exe))
}

/// The fifth byte of an ELF file is its class.
fn is_32_bit(exe: &Path) -> bool {
    let mut head = [0; 5];
    let read = fs::File::open(exe).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == *b"\x7fELF\x01"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_a_program() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            fs::write(&path, bytes).unwrap();
            is_32_bit(&path)
        };
        assert!(file("narrow", b"\x7fELF\x01\x01\x01"));
        assert!(!file("wide", b"\x7fELF\x02\x01\x01") && !file("script", b"#!/bin/sh"));
        assert!(!file("short", b"\x7fEL") && !is_32_bit(&dir.path().join("none")));
    }
}
