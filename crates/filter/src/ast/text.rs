//! Quoting: literals as they are written and as they are meant.

use std::fmt::Write;

/// Why a quoted text has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EscapeError {
    /// A quote was escaped that is not the one around the text.
    #[error("invalid \\{found} escape in {around}-quoted string")]
    OtherQuote {
        /// The escaped quote.
        found: char,
        /// The quote around the text.
        around: char,
    },
    /// `\x` without two characters after it.
    #[error("truncated hex char escape sequence")]
    TruncatedHex,
    /// `\x` with something after it that is no hexadecimal number.
    #[error("invalid hex char escape sequence: {0}")]
    InvalidHex(String),
    /// A backslash before something that needs none.
    #[error("unsupported string escape sequence: \\{0}")]
    Unknown(char),
}

/// A literal as the canonical text shows it: in double quotes if it has a blank, `=`, a backslash, a quote, a control character with an
/// escape of its own, or a byte that is not UTF-8.
pub fn escape(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    let mut quote = false;
    for chunk in value.utf8_chunks() {
        for c in chunk.valid().chars() {
            let escaped = match c {
                '\x08' => "\\b",
                '\x0c' => "\\f",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\\' => "\\\\",
                '"' => "\\\"",
                _ => {
                    quote |= matches!(c, ' ' | '=' | '\'' | '\0');
                    out.push(c);
                    continue;
                }
            };
            quote = true;
            out.push_str(escaped);
        }
        for byte in chunk.invalid() {
            quote = true;
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    if quote { format!("\"{out}\"") } else { out }
}

/// The value of a quoted text; `quoted` has its quotes around it. A backslash before a blank gives a backslash: rules rely on it.
///
/// # Errors
/// Names the escape sequence that is none.
pub fn unescape(quoted: &str) -> Result<Vec<u8>, EscapeError> {
    let around = quoted.chars().next().unwrap_or('"');
    let inner = quoted
        .get(1..quoted.len().saturating_sub(1))
        .unwrap_or_default();
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let Some(c) = rest.next() else { break };
        out.push(match c {
            'b' => 0x08,
            'f' => 0x0c,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            ' ' | '\\' => b'\\',
            '/' => b'/',
            '"' | '\'' if c == around => c as u8,
            '"' | '\'' => return Err(EscapeError::OtherQuote { found: c, around }),
            'x' => {
                let (Some(high), Some(low)) = (rest.next(), rest.next()) else {
                    return Err(EscapeError::TruncatedHex);
                };
                match (high.to_digit(16), low.to_digit(16)) {
                    (Some(high), Some(low)) => (high * 16 + low) as u8,
                    _ => return Err(EscapeError::InvalidHex(format!("{high}{low}"))),
                }
            }
            _ => return Err(EscapeError::Unknown(c)),
        });
    }
    Ok(out)
}
