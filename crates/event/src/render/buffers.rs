//! Bytes that a call read or wrote.

use super::{Show, Sink};

impl Show {
    /// A buffer, cut to the limit; what cannot be printed is a dot.
    pub(super) fn buffer(self, bytes: &[u8], out: &mut impl Sink) {
        if self.base64 {
            return base64(bytes, out);
        }
        let max = self.buffer_max;
        if max == 0 || bytes.len() <= max {
            return dots(bytes, out);
        }
        // Dots replace the last three, where there are more.
        let marked = max > DOTS.len();
        let shown = if marked { max - DOTS.len() } else { max };
        dots(bytes.get(..shown).unwrap_or(bytes), out);
        if marked {
            out.put(DOTS);
        }
    }
}

const DOTS: &[u8] = b"...";

fn dots(bytes: &[u8], out: &mut impl Sink) {
    for run in bytes.chunk_by(|a, b| is_printed(*a) && is_printed(*b)) {
        out.put(if is_printed(run[0]) { run } else { b"." });
    }
}

fn is_printed(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte)
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8], out: &mut impl Sink) {
    for three in bytes.chunks(3) {
        let word = three
            .iter()
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        let digit = |place: u32| BASE64[(word >> (18 - 6 * place)) as usize & 63];
        let mut four = [digit(0), digit(1), digit(2), digit(3)];
        for missing in four.iter_mut().skip(three.len() + 1) {
            *missing = b'=';
        }
        out.put(&four);
    }
}
