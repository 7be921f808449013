//! The regular expressions of conditions: RE2's POSIX syntax, matched against the whole text.
//!
//! That syntax has no `\d`, `(?i)`, `a*?` or set operations, takes `{` as itself where it is no repetition, and lets `^` and `$` match
//! at lines. Patterns are rewritten for the `regex` crate with every literal escaped, so that nothing of its own syntax shows.

use std::fmt::Write;

use bumpalo::Bump;
use regex::bytes::{Regex, RegexBuilder};

/// The most repetitions of one `{n,m}`.
const MAX_REPEAT: u32 = 1000;
/// The memory that one pattern may take, compiled.
const MAX_SIZE: usize = 8 << 20;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern. The error says what is wrong in RE2's words.
    pub(crate) fn new(pattern: &[u8]) -> Result<Pattern, String> {
        let text = std::str::from_utf8(pattern).map_err(|_| "invalid UTF-8".to_owned())?;
        let whole = format!(r"\A(?:{})\z", Translator::new(text).run()?);
        let regex = RegexBuilder::new(&whole)
            .multi_line(true)
            .size_limit(MAX_SIZE)
            .build();
        regex
            .map(Pattern)
            .map_err(|_| "pattern too large - compile failed".to_owned())
    }

    /// Whether all of `text` matches. What is not UTF-8 in it counts as U+FFFD.
    pub(crate) fn matches(&self, text: &[u8], arena: &Bump) -> bool {
        if std::str::from_utf8(text).is_ok() {
            return self.0.is_match(text);
        }
        let mut clean = bumpalo::collections::String::new_in(arena);
        for chunk in text.utf8_chunks() {
            clean.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                clean.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.0.is_match(clean.as_bytes())
    }
}

struct Translator<'p> {
    pattern: &'p str,
    rest: &'p str,
    out: String,
    /// Where in `out` the groups that are open begin.
    groups: Vec<usize>,
    /// Where in `out` the last thing that can be repeated begins, and whether it is a repetition already.
    last: Option<(usize, bool)>,
}

impl<'p> Translator<'p> {
    fn new(pattern: &'p str) -> Self {
        Translator {
            pattern,
            rest: pattern,
            out: String::with_capacity(pattern.len() * 2),
            groups: Vec::new(),
            last: None,
        }
    }

    fn run(mut self) -> Result<String, String> {
        while let Some(c) = self.next() {
            match c {
                '(' => {
                    self.groups.push(self.out.len());
                    self.out.push_str("(?:");
                    self.last = None;
                }
                ')' => {
                    let start = self
                        .groups
                        .pop()
                        .ok_or_else(|| format!("unexpected ): {}", self.pattern))?;
                    self.out.push(')');
                    self.last = Some((start, false));
                }
                '|' => {
                    self.out.push('|');
                    self.last = None;
                }
                '*' | '+' | '?' => self.repeat(c.encode_utf8(&mut [0; 4]))?,
                '{' => match self.counts()? {
                    Some(counts) => self.repeat(counts)?,
                    None => self.atom("\\{"),
                },
                '[' => self.class()?,
                '.' | '^' | '$' => self.atom(c.encode_utf8(&mut [0; 4])),
                '\\' if self.rest.starts_with('C') => {
                    self.next();
                    self.atom("(?s-u:.)");
                }
                '\\' => {
                    let c = self.escape()?;
                    self.atom(&literal(c));
                }
                _ => self.atom(&literal(c)),
            }
        }
        if self.groups.is_empty() {
            Ok(self.out)
        } else {
            Err(format!("missing ): {}", self.pattern))
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(c)
    }

    fn atom(&mut self, text: &str) {
        self.last = Some((self.out.len(), false));
        self.out.push_str(text);
    }

    /// Repeats the last thing. A repetition that is repeated becomes a group: `a+?` is `(a+)?` here, not a lazy `a+`.
    fn repeat(&mut self, operator: &str) -> Result<(), String> {
        let (start, repeated) = self
            .last
            .ok_or_else(|| format!("no argument for repetition operator: {operator}"))?;
        if repeated {
            self.out.insert_str(start, "(?:");
            self.out.push(')');
        }
        self.out.push_str(operator);
        self.last = Some((start, true));
        Ok(())
    }

    /// `{n}`, `{n,}` or `{n,m}`, whose `{` is taken; anything else is a brace.
    fn counts(&mut self) -> Result<Option<&'p str>, String> {
        let Some((inner, after)) = self.rest.split_once('}') else {
            return Ok(None);
        };
        let (low, high) = inner.split_once(',').unwrap_or((inner, inner));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if low.is_empty() || !digits(low) || !digits(high) {
            return Ok(None);
        }
        let begin = self.pattern.len() - self.rest.len() - 1;
        let counts = self
            .pattern
            .get(begin..=begin + inner.len() + 1)
            .unwrap_or_default();
        let count = |text: &str| text.parse().unwrap_or(u32::MAX);
        let (low, high) = (
            count(low),
            if high.is_empty() {
                MAX_REPEAT
            } else {
                count(high)
            },
        );
        if low > high || high > MAX_REPEAT {
            return Err(format!("invalid repetition size: {counts}"));
        }
        self.rest = after;
        Ok(Some(counts))
    }

    /// The character that an escape sequence stands for; its backslash is taken.
    fn escape(&mut self) -> Result<char, String> {
        let Some(c) = self.next() else {
            return Err("trailing \\".to_owned());
        };
        let octal = |c: &char| c.is_digit(8);
        let bad = |end: &str| format!("invalid escape sequence: \\{c}{end}");
        Ok(match c {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '0'..='7' => {
                if c != '0' && !self.rest.starts_with(|c: char| c.is_digit(8)) {
                    return Err(bad(""));
                }
                let mut code = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    if let Some(digit) = self.rest.chars().next().filter(octal) {
                        code = code * 8 + digit.to_digit(8).unwrap_or(0);
                        self.next();
                    }
                }
                char::from_u32(code).ok_or_else(|| bad(""))?
            }
            'x' => {
                let hex = if let Some(inner) = self.rest.strip_prefix('{') {
                    let (hex, after) = inner.split_once('}').ok_or_else(|| bad(self.rest))?;
                    self.rest = after;
                    hex
                } else {
                    let hex = self.rest.get(..2).ok_or_else(|| bad(self.rest))?;
                    self.rest = self.rest.get(2..).unwrap_or_default();
                    hex
                };
                let valid = !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
                let code = if valid {
                    u32::from_str_radix(hex, 16).ok()
                } else {
                    None
                };
                code.and_then(char::from_u32).ok_or_else(|| bad(hex))?
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_' => c,
            _ => return Err(bad("")),
        })
    }

    /// A bracket expression whose `[` is taken.
    fn class(&mut self) -> Result<(), String> {
        let begin = self.pattern.len() - self.rest.len() - 1;
        let missing = || {
            format!(
                "missing ]: {}",
                self.pattern.get(begin..).unwrap_or_default()
            )
        };
        let missing = missing();
        let mut class = "[".to_owned();
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            class.push('^');
        }
        let mut first = true;
        loop {
            if self.rest.starts_with(']') && !first {
                self.next();
                class.push(']');
                self.atom(&class);
                return Ok(());
            }
            if self.rest.starts_with('-') && !first && !self.rest.starts_with("-]") {
                let bad: String = self.rest.chars().take(2).collect();
                return Err(if bad.len() < 2 {
                    missing
                } else {
                    format!("invalid character class range: {bad}")
                });
            }
            first = false;
            if let Some((name, after)) = self
                .rest
                .strip_prefix("[:")
                .and_then(|inner| inner.split_once(":]"))
            {
                let plain = name.strip_prefix('^').unwrap_or(name);
                if crate::glob::named(plain.as_bytes()).is_none()
                    && !matches!(plain, "ascii" | "word")
                {
                    return Err(format!("invalid character class range: [:{name}:]"));
                }
                let _ = write!(class, "[:{name}:]");
                self.rest = after;
                continue;
            }
            let start = self.rest;
            let low = self.class_char(&missing)?;
            let high = if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.next();
                self.class_char(&missing)?
            } else {
                low
            };
            if high < low {
                let range = start
                    .get(..start.len() - self.rest.len())
                    .unwrap_or_default();
                return Err(format!("invalid character class range: {range}"));
            }
            let _ = write!(
                class,
                "\\x{{{:x}}}-\\x{{{:x}}}",
                u32::from(low),
                u32::from(high)
            );
        }
    }

    fn class_char(&mut self, missing: &str) -> Result<char, String> {
        match self.next() {
            None => Err(missing.to_owned()),
            Some('\\') => self.escape(),
            Some(c) => Ok(c),
        }
    }
}

fn literal(c: char) -> String {
    regex::escape(c.encode_utf8(&mut [0; 4]))
}
