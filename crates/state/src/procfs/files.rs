//! Reading small files and links relative to an open directory.

use std::{io, os::fd::BorrowedFd};

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Dir, OFlags},
    path::Arg,
};

use super::NO_MODE;

/// The longest text that is taken from a file of a process.
const TEXT_MAX: usize = 1 << 16;

/// A buffer for what is read.
#[derive(Debug, Default)]
pub(super) struct Files {
    text: Vec<u8>,
    link: Vec<u8>,
}

impl Files {
    /// The text of a file, at most 64 KiB; empty when it cannot be read.
    pub(super) fn text(&mut self, dir: BorrowedFd<'_>, name: &str) -> &[u8] {
        self.text.clear();
        if read_to(&mut self.text, dir, name, TEXT_MAX).is_err() {
            self.text.clear();
        }
        &self.text
    }

    /// What a link leads to; empty when that cannot be read.
    pub(super) fn link(&mut self, dir: BorrowedFd<'_>, name: &str) -> &[u8] {
        const LINK_MAX: usize = 4096;
        self.link.resize(LINK_MAX, 0);
        let read = rustix::fs::readlinkat_raw(dir, name, self.link.as_mut_slice());
        self.link.truncate(read.unwrap_or(0));
        &self.link
    }
}

pub(super) fn open_dir(dir: impl AsFd, name: impl Arg) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, NO_MODE)
}

/// Appends a file's bytes, at most so many.
pub(super) fn read_to(
    out: &mut Vec<u8>,
    dir: BorrowedFd<'_>,
    name: &str,
    max: usize,
) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::openat(dir, name, flags, NO_MODE)?;
    let end = out.len().saturating_add(max);
    let mut filled = out.len();
    loop {
        const STEP: usize = 4096;
        let step = STEP.max(filled).min(end - filled);
        if step == 0 {
            break;
        }
        out.resize(filled + step, 0);
        let read = rustix::io::retry_on_intr(|| {
            rustix::io::read(&file, out.get_mut(filled..).unwrap_or_default())
        });
        filled += *read.as_ref().unwrap_or(&0);
        if !matches!(read, Ok(1..)) {
            out.truncate(filled);
            read?;
            break;
        }
    }
    out.truncate(filled);
    Ok(())
}

/// The entries of a directory whose names are numbers.
pub(super) fn numbers(dir: BorrowedFd<'_>, out: &mut Vec<i64>) -> io::Result<()> {
    for entry in Dir::read_from(dir)? {
        if let Some(number) = decimal(entry?.file_name().to_bytes()) {
            out.push(number);
        }
    }
    Ok(())
}

/// A number in decimal; blanks around it do not matter.
pub(super) fn decimal(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// The lines of a text.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

/// The words of a line.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}
