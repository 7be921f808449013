//! Sets of whole numbers, as ranges.

use std::fmt;

/// Ranges from the first number to the last, both included: in order, apart from each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ranges(Vec<(i64, i64)>);

impl Ranges {
    /// Every number.
    pub fn all() -> Ranges {
        Ranges(vec![(i64::MIN, i64::MAX)])
    }

    /// No number.
    pub fn none() -> Ranges {
        Ranges(Vec::new())
    }

    /// The numbers from one to the other; none if they are in the wrong order.
    pub fn between(first: i64, last: i64) -> Ranges {
        Ranges(if first <= last {
            vec![(first, last)]
        } else {
            Vec::new()
        })
    }

    /// The ranges.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i64, i64)> {
        self.0.iter().copied()
    }

    /// Whether a number is in.
    pub fn contains(&self, number: i64) -> bool {
        self.iter()
            .any(|(first, last)| (first..=last).contains(&number))
    }

    /// The numbers that are in one or the other.
    #[must_use]
    pub fn or(&self, other: &Ranges) -> Ranges {
        let mut all: Vec<(i64, i64)> = self.iter().chain(other.iter()).collect();
        all.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::new();
        for (first, last) in all {
            match joined.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => joined.push((first, last)),
            }
        }
        Ranges(joined)
    }

    /// The numbers that are in both.
    #[must_use]
    pub fn and(&self, other: &Ranges) -> Ranges {
        self.not().or(&other.not()).not()
    }

    /// The numbers that are not in.
    #[must_use]
    pub fn not(&self) -> Ranges {
        let mut rest = Vec::new();
        let mut from = Some(i64::MIN);
        for (first, last) in self.iter() {
            if let Some(from) = from.filter(|from| *from < first) {
                rest.push((from, first - 1));
            }
            from = last.checked_add(1);
        }
        rest.extend(from.map(|from| (from, i64::MAX)));
        Ranges(rest)
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" or ")?;
            }
            match (first, last) {
                (first, last) if first == last => write!(f, "{first}")?,
                (i64::MIN, i64::MAX) => f.write_str("any")?,
                (i64::MIN, last) => write!(f, "<= {last}")?,
                (first, i64::MAX) => write!(f, ">= {first}")?,
                (first, last) => write!(f, "{first} to {last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Ranges;

    fn ranges() -> impl Strategy<Value = Ranges> {
        let number = prop_oneof![-6..6_i64, Just(i64::MIN), Just(i64::MAX)];
        prop::collection::vec((number.clone(), number), 0..4).prop_map(|parts| {
            let parts = parts.iter().map(|(a, b)| Ranges::between(*a, *b));
            parts.fold(Ranges::none(), |all, part| all.or(&part))
        })
    }

    proptest! {
        #[test]
        fn they_are_sets(a in ranges(), b in ranges(), number in prop_oneof![-8..8_i64, Just(i64::MIN), Just(i64::MAX)]) {
            let (in_a, in_b) = (a.contains(number), b.contains(number));
            prop_assert_eq!(a.or(&b).contains(number), in_a || in_b);
            prop_assert_eq!(a.and(&b).contains(number), in_a && in_b);
            prop_assert_eq!(a.not().contains(number), !in_a);
            prop_assert_eq!(a.not().not(), a);
        }
    }
}
