//! YAML as a tree of nodes that know where they stand.
//!
//! Scalars stay text: what is a number or a yes is decided by who asks ([`boolean`], [`unsigned`]), with the readings of yaml-cpp, which
//! upstream uses. The same holds for null ([`Value::Null`]: nothing, `~` or `null`, not quoted) and for a key that occurs twice (the
//! first one counts). Aliases share the node that they stand for; how much they may stand for altogether is bounded.

use std::sync::Arc;

use granit_parser::Parser;

mod build;
mod place;

use build::{Builder, syntax_error};
pub use place::offset_in_source;

/// A text with a name.
#[derive(Debug)]
pub struct Source {
    name: String,
    text: String,
    /// Offsets at which lines begin.
    lines: Vec<usize>,
}

impl Source {
    /// The text of the file `name`, without byte-order mark.
    pub fn new(name: &str, text: &str) -> Arc<Source> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = std::iter::once(0)
            .chain(memchr_lines(text))
            .collect::<Vec<_>>();
        Arc::new(Source {
            name: name.to_owned(),
            text: text.to_owned(),
            lines,
        })
    }

    /// What the file is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it holds.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line and column of an offset.
    pub fn mark(&self, offset: usize) -> Mark {
        let line = self.lines.partition_point(|&start| start <= offset) - 1;
        Mark {
            offset,
            line,
            column: offset - self.lines.get(line).copied().unwrap_or(0),
        }
    }
}

fn memchr_lines(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.bytes()
        .enumerate()
        .filter_map(|(at, byte)| (byte == b'\n').then_some(at + 1))
}

/// A place in a text. Everything counts from 0 and in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// From the start.
    pub offset: usize,
    /// Lines before it.
    pub line: usize,
    /// From the start of the line.
    pub column: usize,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it begins: at its anchor or tag, if it has one; a missing value where the next thing begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// What a node holds. Cloning is cheap.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing.
    Null,
    /// A text.
    Scalar(Arc<Scalar>),
    /// A sequence.
    Seq(Arc<[Node]>),
    /// A mapping, in the order of the text, with all keys that occur twice.
    Map(Arc<[(Node, Node)]>),
}

/// A text as it stands in the source.
#[derive(Debug)]
pub struct Scalar {
    /// The value.
    pub text: String,
    /// How it is written.
    pub style: Style,
    /// Where the writing begins, without anchor and tag.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Bare.
    Plain,
    /// In single quotes.
    Single,
    /// In double quotes.
    Double,
    /// After `|`.
    Literal,
    /// After `>`.
    Folded,
}

impl Node {
    /// The value of a key of a mapping; of one that occurs twice the first.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find_map(|(k, value)| (k.scalar() == Some(key)).then_some(value))
    }

    /// The entries of a mapping; nothing for others.
    pub fn entries(&self) -> &[(Node, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a sequence.
    pub fn items(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The text of a scalar.
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// Whether it is a mapping.
    pub fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }
}

/// Why a text is no YAML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct YamlError {
    /// What is wrong; where yaml-cpp has words for it, in those.
    pub message: String,
    /// Where.
    pub offset: usize,
}

/// The documents of a text.
///
/// # Errors
/// The first thing that is not YAML; nesting beyond 255 levels; aliases that stand for too much.
pub fn parse(source: &Source) -> Result<Vec<Node>, YamlError> {
    let options = granit_parser::options! { emit_comments: false, emit_anchor_events: true };
    let parser = Parser::new_from_str_with_options(source.text(), options);
    let mut builder = Builder::new(source);
    for next in parser {
        let (event, span) = next.map_err(|error| syntax_error(&error, source))?;
        builder.event(event, &span)?;
    }
    Ok(builder.documents)
}

/// A yes or no, in one of the spellings of YAML 1.1.
pub fn boolean(text: &str) -> Option<bool> {
    let lower = text.to_ascii_lowercase();
    let capital = text
        .strip_prefix(|c: char| c.is_ascii_uppercase())
        .is_some_and(|rest| !rest.contains(|c: char| c.is_ascii_uppercase()));
    if text != lower && text != text.to_ascii_uppercase() && !capital {
        return None;
    }
    match lower.as_str() {
        "y" | "yes" | "true" | "on" => Some(true),
        "n" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// A number of 32 bits: decimal, octal after `0`, hexadecimal after `0x`.
pub fn unsigned(text: &str) -> Option<u32> {
    let text = text.trim_ascii_end();
    let digits = text.strip_prefix('+').unwrap_or(text);
    let (digits, radix) = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    (!digits.starts_with('+'))
        .then(|| u32::from_str_radix(digits, radix).ok())
        .flatten()
}

#[cfg(test)]
mod tests;
