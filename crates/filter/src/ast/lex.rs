//! A cursor over the text that knows the tokens. There is no separate tokenizer: what a word is depends on where it stands.

use super::{Pos, SyntaxError, unescape};

/// Where the parser stands, and the last token it took, which messages quote.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    pub(super) pos: Pos,
    pub(super) last: Vec<u8>,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Cursor {
            text,
            pos: Pos::START,
            last: Vec::new(),
        }
    }

    pub(super) fn at_end(&self) -> bool {
        self.pos.index as usize == self.text.len()
    }

    pub(super) fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError {
            message: message.into(),
            pos: self.pos,
        }
    }

    fn rest(&self) -> &'t [u8] {
        self.text
            .as_bytes()
            .get(self.pos.index as usize..)
            .unwrap_or_default()
    }

    fn advance(&mut self, len: usize) -> &'t [u8] {
        let (token, _) = self.rest().split_at(len);
        for byte in token {
            self.pos.index += 1;
            self.pos.column += 1;
            if matches!(byte, b'\r' | b'\n') {
                self.pos.column = 1;
                self.pos.line += 1;
            }
        }
        token
    }

    fn take(&mut self, len: usize) -> bool {
        if len > 0 {
            let token = self.advance(len);
            self.last.clear();
            self.last.extend_from_slice(token);
        }
        len > 0
    }

    /// The last token; only tokens cut from the text are asked for, never unquoted ones.
    pub(super) fn last_text(&self) -> String {
        String::from_utf8_lossy(&self.last).into_owned()
    }

    /// Skips blanks; the only token that is not remembered.
    pub(super) fn blank(&mut self) -> bool {
        let len = span(self.rest(), |b| {
            matches!(b, b' ' | b'\t' | b'\x08' | b'\r' | b'\n')
        });
        self.advance(len);
        len > 0
    }

    /// Takes exactly this text.
    pub(super) fn literal(&mut self, text: &str) -> bool {
        self.rest().starts_with(text.as_bytes()) && self.take(text.len())
    }

    /// Whether this text stands here with that byte after it.
    pub(super) fn followed_by(&self, text: &str, next: u8) -> bool {
        self.rest()
            .strip_prefix(text.as_bytes())
            .is_some_and(|after| after.first() == Some(&next))
    }

    /// Takes this word if a blank follows, and the blank.
    pub(super) fn word(&mut self, text: &str) -> bool {
        if !self.rest().starts_with(text.as_bytes()) {
            return false;
        }
        let before = self.clone();
        self.literal(text);
        let found = self.blank();
        if !found {
            *self = before;
        }
        found
    }

    /// Takes `not` and the blanks after it.
    pub(super) fn not(&mut self) -> bool {
        let rest = self.rest();
        if !rest.starts_with(b"not") {
            return false;
        }
        match span(rest.get(3..).unwrap_or_default(), is_space) {
            0 => false,
            blanks => self.take(3 + blanks),
        }
    }

    pub(super) fn identifier(&mut self) -> bool {
        self.take(identifier_len(self.rest()))
    }

    /// Takes two or more identifiers joined by dots.
    pub(super) fn field_name(&mut self) -> bool {
        let rest = self.rest();
        let mut len = identifier_len(rest);
        let mut dots = 0;
        while len > 0 && rest.get(len) == Some(&b'.') {
            match identifier_len(rest.get(len + 1..).unwrap_or_default()) {
                0 => break,
                more => len += 1 + more,
            }
            dots += 1;
        }
        dots > 0 && self.take(len)
    }

    pub(super) fn number(&mut self) -> bool {
        self.take(number_len(self.rest()))
    }

    /// Takes an unquoted literal.
    pub(super) fn bare(&mut self) -> bool {
        let len = span(self.rest(), |b| {
            !is_space(b) && !matches!(b, b'(' | b')' | b'"' | b'\'' | b'=' | b',')
        });
        self.take(len)
    }

    /// Takes an unquoted field argument.
    pub(super) fn bare_arg(&mut self) -> bool {
        let len = span(self.rest(), |b| {
            !is_space(b) && !matches!(b, b'[' | b']' | b'"' | b'\'')
        });
        self.take(len)
    }

    /// Takes a quoted literal; the token is its value. A quote after a backslash does not close, not even after two.
    pub(super) fn quoted(&mut self) -> Result<bool, SyntaxError> {
        let start = self.pos.index as usize;
        let rest = self.rest();
        let Some(&quote @ (b'"' | b'\'')) = rest.first() else {
            return Ok(false);
        };
        let close = (1..rest.len()).find(|&i| rest[i] == quote && rest[i - 1] != b'\\');
        let Some(close) = close else { return Ok(false) };
        self.advance(close + 1);
        let quoted = self.text.get(start..=start + close).unwrap_or_default();
        self.last = unescape(quoted).map_err(|e| self.error(e.to_string()))?;
        Ok(true)
    }

    /// Whether a list or an identifier follows, but not `and`, `or` or `not`: what a modifier needs after it.
    pub(super) fn list_follows(&self) -> bool {
        let rest = self.rest();
        let keyword = |word: &&str| {
            rest.strip_prefix(word.as_bytes())
                .is_some_and(|after| after.first().is_none_or(|b| !b.is_ascii_alphanumeric()))
        };
        (rest.first() == Some(&b'(') || identifier_len(rest) > 0)
            && !["and", "or", "not"].iter().any(keyword)
    }
}

fn span(bytes: &[u8], f: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|&b| !f(b)).unwrap_or(bytes.len())
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn identifier_len(bytes: &[u8]) -> usize {
    match bytes.first() {
        Some(b) if b.is_ascii_alphabetic() => {
            span(bytes, |b| b.is_ascii_alphanumeric() || b == b'_')
        }
        _ => 0,
    }
}

/// `0xFF`, or `-1.5e+3` with the sign of the exponent required.
fn number_len(bytes: &[u8]) -> usize {
    let digits = |from: usize| {
        span(bytes.get(from..).unwrap_or_default(), |b| {
            b.is_ascii_digit()
        })
    };
    if let [b'0', b'x' | b'X', hex @ ..] = bytes {
        let hex = span(hex, |b| b.is_ascii_hexdigit());
        if hex > 0 {
            return 2 + hex;
        }
    }
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(sign);
    if whole == 0 {
        return 0;
    }
    let mut len = sign + whole;
    if bytes.get(len) == Some(&b'.') {
        len += 1 + digits(len + 1);
    }
    if let (Some(b'e' | b'E'), Some(b'+' | b'-')) = (bytes.get(len), bytes.get(len + 1)) {
        match digits(len + 2) {
            0 => {}
            exponent => len += 2 + exponent,
        }
    }
    len
}
