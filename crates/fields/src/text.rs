//! Texts that are put together in the arena of an event.

use std::fmt::{self, Write};

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;
use falco_filter::Value;

/// A text in the making.
#[derive(Debug)]
pub(crate) struct Text<'e>(ArenaVec<'e, u8>);

impl<'e> Text<'e> {
    pub(crate) fn new(arena: &'e Bump) -> Text<'e> {
        Text(ArenaVec::new_in(arena))
    }

    pub(crate) fn with_capacity(capacity: usize, arena: &'e Bump) -> Text<'e> {
        Text(ArenaVec::with_capacity_in(capacity, arena))
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice_copy(bytes);
    }

    /// Adds NUL-closed entries, separated by blanks.
    pub(crate) fn push_entries(&mut self, entries: &[u8]) {
        let start = self.0.len();
        self.push(entries.strip_suffix(b"\0").unwrap_or(entries));
        for byte in self.0.iter_mut().skip(start).filter(|byte| **byte == 0) {
            *byte = b' ';
        }
    }

    /// Adds something that has a text form.
    pub(crate) fn push_shown(&mut self, shown: impl fmt::Display) {
        // The arena grows: writing cannot fail.
        let _ = write!(self, "{shown}");
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes back the last byte.
    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    pub(crate) fn finish(self) -> &'e [u8] {
        self.0.into_bump_slice()
    }

    pub(crate) fn value(self) -> Value<'e> {
        Value::Str(self.finish())
    }
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// NUL-closed entries, one after the other.
pub(crate) fn entries(bytes: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let entries = (!bytes.is_empty()).then(|| {
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        bytes.split(|byte| *byte == 0)
    });
    entries.into_iter().flatten()
}
