//! From a place in the value of a scalar back to the place in the file where it is written.

use super::{Scalar, Source, Style};

/// The offset in `source` of the byte at `at` of the scalar's value.
///
/// Exact for every style of writing, whatever is folded, unquoted or unindented between the two; when writing and value cannot be
/// brought together (which would be an error of ours), the place up to which they could.
pub fn offset_in_source(source: &Source, scalar: &Scalar, at: usize) -> usize {
    let Some(raw) = source.text().get(scalar.start..scalar.end) else {
        return scalar.start;
    };
    let skipped = match scalar.style {
        Style::Plain => 0,
        Style::Single | Style::Double => 1,
        // The header: everything up to the end of its line.
        Style::Literal | Style::Folded if raw.starts_with(['|', '>']) => {
            raw.find('\n').map_or(raw.len(), |newline| newline + 1)
        }
        Style::Literal | Style::Folded => 0,
    };
    let mut walk = Walk {
        raw: raw.as_bytes(),
        at: skipped,
        style: scalar.style,
    };
    let value = scalar.text.as_bytes();
    for (index, &byte) in value.iter().enumerate() {
        let Some(stop) = walk.find(byte) else {
            break;
        };
        if index >= at {
            return scalar.start + stop;
        }
    }
    scalar.start + walk.at.min(raw.len())
}

struct Walk<'r> {
    raw: &'r [u8],
    at: usize,
    style: Style,
}

impl Walk<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.raw.get(self.at + ahead).copied()
    }

    /// Where the next byte of the value is written; goes behind it.
    fn find(&mut self, byte: u8) -> Option<usize> {
        loop {
            let here = self.at;
            let raw = self.peek(0)?;
            if self.style == Style::Double && raw == b'\\' {
                if self.escape(byte) {
                    return Some(here);
                }
                continue;
            }
            if raw == byte {
                let doubled = self.style == Style::Single && byte == b'\'';
                self.at += if doubled { 2 } else { 1 };
                return Some(here);
            }
            if !raw.is_ascii_whitespace() {
                return None;
            }
            // A fold: one blank or newline in the value stands for a newline and blanks in the writing.
            if byte == b' ' && (raw == b'\n' || raw == b'\r') {
                while self.peek(0).is_some_and(|b| b.is_ascii_whitespace()) {
                    self.at += 1;
                }
                return Some(here);
            }
            self.at += 1;
        }
    }

    /// Goes behind an escape in double quotes. Whether it gives bytes at all: a backslash at the end of a line does not.
    fn escape(&mut self, byte: u8) -> bool {
        let digits = match self.peek(1) {
            Some(b'\n' | b'\r') => {
                self.at += 1;
                while self.peek(0).is_some_and(|b| b.is_ascii_whitespace()) {
                    self.at += 1;
                }
                return false;
            }
            Some(b'x') => 2,
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => 0,
        };
        // The bytes after the first of a character beyond ASCII have no place of their own.
        let goes_on = byte >= 0xc0;
        if !goes_on {
            self.at += 2 + digits;
        }
        true
    }
}
