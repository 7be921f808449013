//! Numbers, in the forms of C's `printf`.

use std::fmt::Write as _;

use super::{Sink, put_shown, signal_name};
use crate::{Format, Param, ParamType as T, SyscallCode, value::Typed};

/// Shows a number, or what is a text of its own: a time without end, a set of signals.
pub(super) fn number(param: &Typed<'_>, value: Param<'_>, out: &mut impl Sink) {
    match (param.ty, value) {
        (T::Reltime, Param::Uint(u64::MAX)) => out.put(b"none"),
        (T::Sigset, Param::Uint(set)) => signals(set, out),
        (T::Syscallid, Param::Uint(code)) if code >= SyscallCode::COUNT as u64 => {
            out.put(b"<unknown syscall>");
        }
        // Upstream shows these as signed, whatever they are.
        (T::Uint64, Param::Uint(value)) => formatted(value as i64, value, param.format, out),
        (T::Uint32 | T::Mode | T::Uid | T::Gid, Param::Uint(value)) => {
            formatted((value as i32).into(), value, param.format, out);
        }
        (T::Uint8 | T::Uint16, Param::Uint(value)) => {
            formatted(value as i64, value, param.format, out);
        }
        (T::Int64, Param::Int(value)) => formatted(value, value as u64, param.format, out),
        // C widens them to 32 bits first.
        (T::Int8 | T::Int16 | T::Int32, Param::Int(value)) => {
            formatted(value, (value as u32).into(), param.format, out);
        }
        (_, Param::Int(value)) => put_shown(out, format_args!("{value}")),
        (_, Param::Uint(value)) => put_shown(out, format_args!("{value}")),
        (_, Param::Bool(value)) => put_shown(out, format_args!("{value}")),
        (_, Param::Double(value)) => put_shown(out, format_args!("{value:.1}")),
        _ => {}
    }
}

/// A number as its format wants it: as a number in decimal, as bits in hexadecimal and octal.
fn formatted(value: i64, bits: u64, format: Format, out: &mut impl Sink) {
    match format {
        Format::Hex => put_shown(out, format_args!("{bits:X}")),
        Format::Oct if bits != 0 => put_shown(out, format_args!("0{bits:o}")),
        _ => put_shown(out, format_args!("{value}")),
    }
}

/// The names of the signals in a set, the lowest bit being signal 1.
fn signals(set: u64, out: &mut impl Sink) {
    let mut blank: &[u8] = b"";
    for bit in (0..32).filter(|bit| set & (1 << bit) != 0) {
        if let Some(name) = signal_name(bit + 1) {
            out.put(blank);
            out.put(name.as_bytes());
            blank = b" ";
        }
    }
}

/// Nanoseconds as seconds, like C's `%gs`: six significant digits, no zeros at the end, an exponent where it is large or small.
pub(super) fn seconds(time_ns: u64, out: &mut impl Sink) {
    let seconds = time_ns as f64 / 1e9;
    let mut scientific = Short::default();
    // It fits: `d.ddddde-9` at the longest.
    let _ = write!(scientific, "{seconds:.5e}");
    let (digits, exponent) = scientific.split_at_exponent();
    if (-4..6).contains(&exponent) {
        let places = usize::try_from(5 - exponent).unwrap_or_default();
        let mut fixed = Short::default();
        let _ = write!(fixed, "{seconds:.places$}");
        out.put(without_zeros(fixed.text()));
    } else {
        out.put(without_zeros(digits));
        let sign = if exponent < 0 { '-' } else { '+' };
        put_shown(out, format_args!("e{sign}{:02}", exponent.unsigned_abs()));
    }
    out.put(b"s");
}

/// A decimal fraction without the zeros at its end.
fn without_zeros(mut digits: &[u8]) -> &[u8] {
    if digits.contains(&b'.') {
        while let Some(less) = digits.strip_suffix(b"0") {
            digits = less;
        }
        digits = digits.strip_suffix(b".").unwrap_or(digits);
    }
    digits
}

/// A text of a few bytes.
#[derive(Default)]
struct Short {
    bytes: [u8; 24],
    length: usize,
}

impl Short {
    fn text(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// What is before the `e`, and the number after it.
    fn split_at_exponent(&self) -> (&[u8], i32) {
        let text = self.text();
        let at = text.iter().position(|byte| *byte == b'e');
        let (digits, exponent) = text.split_at(at.unwrap_or(text.len()));
        let exponent = exponent.get(1..).and_then(|text| str::from_utf8(text).ok());
        let exponent = exponent.and_then(|text| text.parse().ok());
        (digits, exponent.unwrap_or_default())
    }
}

impl std::fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        let place = self.bytes.get_mut(self.length..end);
        place
            .ok_or(std::fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
