//! Sets of texts to compare with: whole, as beginnings, as ends.

use hashbrown::HashSet;
use rustc_hash::FxBuildHasher;

/// A set of texts. A text of a length that none has is rejected without hashing it.
#[derive(Debug)]
pub(crate) struct StringSet {
    /// Bit `n`: one has `n` bytes; the last bit: one has as many or more.
    lengths: u64,
    strings: HashSet<Box<[u8]>, FxBuildHasher>,
}

impl FromIterator<Box<[u8]>> for StringSet {
    fn from_iter<I: IntoIterator<Item = Box<[u8]>>>(strings: I) -> StringSet {
        let strings: HashSet<Box<[u8]>, FxBuildHasher> = strings.into_iter().collect();
        StringSet {
            lengths: strings.iter().fold(0, |bits, s| bits | length_bit(s)),
            strings,
        }
    }
}

impl StringSet {
    pub(crate) fn contains(&self, text: &[u8]) -> bool {
        self.lengths & length_bit(text) != 0 && self.strings.contains(text)
    }
}

fn length_bit(text: &[u8]) -> u64 {
    1 << text.len().min(63)
}

/// Beginnings or ends, sorted, without those that another one makes redundant: only the greatest that is not greater can fit.
#[derive(Debug)]
pub(crate) struct Affixes {
    sorted: Box<[Box<[u8]>]>,
}

impl Affixes {
    pub(crate) fn prefixes<'s>(texts: impl IntoIterator<Item = &'s [u8]>) -> Affixes {
        Self::new(texts.into_iter().map(Box::from).collect())
    }

    pub(crate) fn suffixes<'s>(texts: impl IntoIterator<Item = &'s [u8]>) -> Affixes {
        Self::new(
            texts
                .into_iter()
                .map(|t| t.iter().rev().copied().collect())
                .collect(),
        )
    }

    fn new(mut texts: Vec<Box<[u8]>>) -> Affixes {
        texts.sort_unstable();
        texts.dedup_by(|later, earlier| later.starts_with(earlier));
        Affixes {
            sorted: texts.into(),
        }
    }

    pub(crate) fn starts(&self, text: &[u8]) -> bool {
        let after = self.sorted.partition_point(|prefix| **prefix <= *text);
        after
            .checked_sub(1)
            .and_then(|i| self.sorted.get(i))
            .is_some_and(|prefix| text.starts_with(prefix))
    }

    pub(crate) fn ends(&self, text: &[u8]) -> bool {
        let after = self
            .sorted
            .partition_point(|suffix| suffix.iter().le(text.iter().rev()));
        let candidate = after.checked_sub(1).and_then(|i| self.sorted.get(i));
        candidate.is_some_and(|suffix| {
            suffix.len() <= text.len() && suffix.iter().eq(text.iter().rev().take(suffix.len()))
        })
    }
}

/// Whether `text` contains `needle`, which is in lower case, in any case of ASCII letters.
pub(crate) fn contains_folded(text: &[u8], needle: &[u8]) -> bool {
    let Some((&first, rest)) = needle.split_first() else {
        return true;
    };
    let starts = memchr::memchr2_iter(first, first.to_ascii_uppercase(), text);
    starts.map(|at| at + 1).any(|at| {
        text.get(at..at + rest.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(rest))
    })
}
