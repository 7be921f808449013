//! What is wrong in a file of tests, and where.

use std::fmt;

use falco_rules::yaml::{Node, Source};

/// Something in a file of tests that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
    /// The text of the line.
    shown: String,
}

/// What is wrong, without the place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Wrong {
    pub(crate) fn new(message: impl Into<String>) -> Wrong {
        Wrong {
            message: message.into(),
            help: String::new(),
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Wrong {
        self.help = help.into();
        self
    }

    pub(crate) fn at(self, source: &Source, node: &Node) -> Problem {
        Problem::at_offset(source, node.start, self)
    }
}

impl From<String> for Wrong {
    fn from(message: String) -> Wrong {
        Wrong::new(message)
    }
}

impl Problem {
    pub(crate) fn at_offset(source: &Source, offset: usize, wrong: Wrong) -> Problem {
        let mark = source.mark(offset);
        Problem {
            file: source.name().to_owned(),
            line: mark.line + 1,
            column: mark.column + 1,
            message: wrong.message,
            help: wrong.help,
            shown: (source.text().lines().nth(mark.line).unwrap_or_default()).to_owned(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.to_string();
        let gutter = " ".repeat(line.len());
        writeln!(f, "error: {}", self.message)?;
        writeln!(f, "{gutter}--> {}:{line}:{}", self.file, self.column)?;
        writeln!(f, "{line} | {}", self.shown)?;
        // The caret stands under its character, whose number of bytes may differ.
        let before = self.shown.get(..self.column - 1).unwrap_or(&self.shown);
        writeln!(f, "{gutter} | {}^", " ".repeat(before.chars().count()))?;
        if !self.help.is_empty() {
            writeln!(f, "{gutter} = help: {}", self.help)?;
        }
        Ok(())
    }
}
