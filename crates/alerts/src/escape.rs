//! Bytes as the inside of a JSON string, and as text that does nothing but be read.

use std::io::Write as _;

/// Adds `bytes` to `out` as they stand between the quotes of a JSON string: control characters, `"` and `\` escaped, everything that is not
/// UTF-8 replaced by U+FFFD (one for each longest piece of a broken character), and other characters as they are.
pub(crate) fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        escape_str(chunk.valid(), out);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Adds a JSON string with its quotes.
pub(crate) fn string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    escape(bytes, out);
    out.push(b'"');
}

/// Adds text of which no part acts on a terminal or makes a line look like two: control characters, U+2028 and U+2029, and what turns the
/// direction of text are written as JSON would escape them. Quotes and backslashes stay.
pub(crate) fn visible(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        let (text, mut copied) = (chunk.valid(), 0);
        for (at, c) in text.char_indices().filter(|(_, c)| acts(*c)) {
            out.extend_from_slice(&text.as_bytes()[copied..at]);
            copied = at + c.len_utf8();
            let short = match c {
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                _ => "",
            };
            out.extend_from_slice(short.as_bytes());
            if short.is_empty() {
                // All of them lie in the first plane. Writing to a vector cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
        }
        out.extend_from_slice(&text.as_bytes()[copied..]);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escape_str(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            0x09 => b't',
            0x0a => b'n',
            0x0c => b'f',
            0x0d => b'r',
            0..0x20 => 0,
            _ => continue,
        };
        out.extend_from_slice(&bytes[copied..at]);
        copied = at + 1;
        if short == 0 {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 0xf)]);
        } else {
            out.extend_from_slice(&[b'\\', short]);
        }
    }
    out.extend_from_slice(&bytes[copied..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_json() {
        for (bytes, expected) in [
            (&b""[..], ""),
            (b"plain", "plain"),
            (b"a\"b\\c", "a\\\"b\\\\c"),
            (b"\x08\t\n\x0c\r", "\\b\\t\\n\\f\\r"),
            (b"\x00\x1b\x1f\x7f", "\\u0000\\u001b\\u001f\u{7f}"),
            ("gr\u{fc}n \u{1f980}".as_bytes(), "gr\u{fc}n \u{1f980}"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            (b"a\xe2\x82z", "a\u{fffd}z"),
            (b"\xf0\x9f\xa6", "\u{fffd}"),
            (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
            (b"/", "/"),
        ] {
            let mut out = Vec::new();
            escape(bytes, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn what_acts_is_shown() {
        let shown = |text: &str| {
            let mut out = Vec::new();
            visible(text.as_bytes(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            shown("a\n\r\t\u{1b}[2J\u{7f}\u{85}\u{9b}31m\u{2028}\u{202e}\u{2066}z"),
            r"a\n\r\t\u001b[2J\u007f\u0085\u009b31m\u2028\u202e\u2066z"
        );
        assert_eq!(
            shown("\"gr\u{fc}n\" \\ \u{1f980}"),
            "\"gr\u{fc}n\" \\ \u{1f980}"
        );
        let mut out = Vec::new();
        visible(b"\xff\xe2\x80", &mut out);
        assert_eq!(out, "\u{fffd}\u{fffd}".as_bytes());
    }

    #[test]
    fn agrees_with_another_writer() {
        let all: String = (0..0x500).filter_map(char::from_u32).collect();
        let mut out = Vec::new();
        string(all.as_bytes(), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            serde_json::to_string(&all).unwrap()
        );
    }
}
