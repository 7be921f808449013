//! Shell patterns over bytes, as `fnmatch(3)` without flags in the C locale: `*` and `?` match `/` and leading dots too.

use std::fmt::Write as _;

/// A compiled pattern.
#[derive(Debug)]
pub struct Glob {
    tokens: Box<[Token]>,
    fold: bool,
}

#[derive(Debug)]
enum Token {
    Byte(u8),
    Any,
    Star,
    /// The bytes that match, one bit each.
    Class(Box<[u64; 4]>),
    /// Matches nothing: a trailing backslash, an unknown `[:class:]`.
    Nothing,
}

impl Glob {
    /// Compiles a pattern; `fold` makes ASCII letters match in either case. Every text is a pattern.
    pub fn new(pattern: &[u8], fold: bool) -> Glob {
        let mut tokens = Vec::new();
        let mut rest = pattern;
        while let [first, after @ ..] = rest {
            rest = after;
            tokens.push(match first {
                b'*' if matches!(tokens.last(), Some(Token::Star)) => continue,
                b'*' => Token::Star,
                b'?' => Token::Any,
                b'[' => match class(after, fold) {
                    Some((token, after)) => {
                        rest = after;
                        token
                    }
                    None => Token::Byte(b'['),
                },
                b'\\' => match after {
                    [escaped, after @ ..] => {
                        rest = after;
                        Token::Byte(folded(*escaped, fold))
                    }
                    [] => Token::Nothing,
                },
                byte => Token::Byte(folded(*byte, fold)),
            });
        }
        Glob {
            tokens: tokens.into(),
            fold,
        }
    }

    /// A regular expression that matches the same texts as a whole, in the syntax of the crate `regex`, for bytes, where `.` is to match
    /// line breaks, too. Without `slashes` the text is known to have none.
    pub fn regex(&self, slashes: bool) -> String {
        let any = if slashes { "." } else { "[^/]" };
        let mut out = String::from(if self.fold { "(?i:" } else { "(?:" });
        for token in &self.tokens {
            let _ = match token {
                Token::Byte(byte) => write!(out, r"\x{byte:02x}"),
                Token::Any => write!(out, "{any}"),
                Token::Star => write!(out, "{any}*"),
                Token::Class(set) => {
                    let bytes = (0..=255).filter(|byte| has(set, *byte));
                    let bytes = bytes.filter(|byte| slashes || *byte != b'/');
                    let mut class = String::new();
                    for byte in bytes {
                        let _ = write!(class, r"\x{byte:02x}");
                    }
                    match class.as_str() {
                        "" => write!(out, "{NOTHING}"),
                        class => write!(out, "[{class}]"),
                    }
                }
                Token::Nothing => write!(out, "{NOTHING}"),
            };
        }
        out.push(')');
        out
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        let (mut token, mut at) = (0, 0);
        // Where to go on when what follows the last star does not fit: one byte later.
        let mut retry = None;
        loop {
            let fits = match (self.tokens.get(token), text.get(at)) {
                (None, None) => return true,
                (Some(Token::Star), _) => {
                    token += 1;
                    if token == self.tokens.len() {
                        return true;
                    }
                    retry = Some((token, at));
                    continue;
                }
                (Some(Token::Byte(expected)), Some(&byte)) => *expected == folded(byte, self.fold),
                (Some(Token::Any), Some(_)) => true,
                (Some(Token::Class(set)), Some(&byte)) => has(set, byte),
                (Some(Token::Nothing) | None, _) | (_, None) => false,
            };
            if fits {
                token += 1;
                at += 1;
                continue;
            }
            match retry {
                Some((after_star, from)) if from < text.len() => {
                    retry = Some((after_star, from + 1));
                    (token, at) = (after_star, from + 1);
                }
                _ => return false,
            }
        }
    }
}

/// A regular expression that no text matches.
const NOTHING: &str = r"[^\x00-\xff]";

fn folded(byte: u8, fold: bool) -> u8 {
    if fold {
        byte.to_ascii_lowercase()
    } else {
        byte
    }
}

fn has(set: &[u64; 4], byte: u8) -> bool {
    set[byte as usize / 64] >> (byte % 64) & 1 == 1
}

/// A bracket expression after its `[`, and what follows it; `None` if it is not closed, when the bracket stands for itself.
fn class(pattern: &[u8], fold: bool) -> Option<(Token, &[u8])> {
    let mut set = [0u64; 4];
    let mut add = |byte: u8| {
        set[byte as usize / 64] |= 1 << (byte % 64);
        if fold {
            for byte in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
                set[byte as usize / 64] |= 1 << (byte % 64);
            }
        }
    };
    let (negated, mut rest) = match pattern {
        [b'!' | b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut known = true;
    let mut first = true;
    loop {
        if let [b']', after @ ..] = rest
            && !first
        {
            rest = after;
            break;
        }
        first = false;
        if let [b'[', b':', after @ ..] = rest
            && let Some(end) = after.windows(2).position(|w| w == b":]")
        {
            let (name, after) = after.split_at(end);
            rest = after.get(2..)?;
            match named(name) {
                Some(is) => (0..=255).filter(is).for_each(&mut add),
                None => known = false,
            }
            continue;
        }
        let (from, after) = element(rest)?;
        rest = after;
        let to = match rest {
            [b'-', after @ ..] if !matches!(after, [b']', ..] | []) => {
                let (to, after) = element(after)?;
                rest = after;
                to
            }
            _ => from,
        };
        (from..=to).for_each(&mut add);
    }
    if negated {
        set = set.map(|bits| !bits);
    }
    Some((
        if known {
            Token::Class(Box::new(set))
        } else {
            Token::Nothing
        },
        rest,
    ))
}

/// One byte of a bracket expression: itself, escaped, or as `[=a=]` or `[.a.]`.
fn element(pattern: &[u8]) -> Option<(u8, &[u8])> {
    match pattern {
        [b'\\', byte, rest @ ..] => Some((*byte, rest)),
        [b'[', b'=', byte, b'=', b']', rest @ ..] | [b'[', b'.', byte, b'.', b']', rest @ ..] => {
            Some((*byte, rest))
        }
        [byte, rest @ ..] => Some((*byte, rest)),
        [] => None,
    }
}

pub(crate) fn named(class: &[u8]) -> Option<fn(&u8) -> bool> {
    Some(match class {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |b| matches!(b, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |b| matches!(b, b' '..=b'~'),
        b"punct" => u8::is_ascii_punctuation,
        b"space" => |b| matches!(b, b' ' | b'\t'..=b'\r'),
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    })
}
