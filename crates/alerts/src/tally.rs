//! How many alerts there were: what is said at the end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Priority;

/// Counts alerts by rule and priority, while others may look. [`fmt::Display`] is the block of lines that ends a run.
#[derive(Debug)]
pub struct Tally {
    rules: Vec<(Arc<str>, AtomicU64)>,
    priorities: [AtomicU64; Priority::ALL.len()],
}

impl Tally {
    /// Nothing counted yet; the rules in the order in which they are to be listed.
    pub fn new(rules: impl IntoIterator<Item = Arc<str>>) -> Tally {
        Tally {
            rules: rules
                .into_iter()
                .map(|name| (name, AtomicU64::new(0)))
                .collect(),
            priorities: Default::default(),
        }
    }

    /// Counts a match of the rule at that place.
    pub fn count(&self, rule: usize, priority: Priority) {
        if let Some((_, count)) = self.rules.get(rule) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.priorities[priority as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many matches there were of the rule at that place.
    pub fn matches(&self, rule: usize) -> u64 {
        let count = self.rules.get(rule).map(|(_, count)| count);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// How many matches there were.
    pub fn total(&self) -> u64 {
        let counts = self.priorities.iter();
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Events detected: {}", self.total())?;
        writeln!(f, "Rule counts by severity:")?;
        for priority in Priority::ALL {
            let count = self.priorities[priority as usize].load(Ordering::Relaxed);
            if count > 0 {
                writeln!(f, "   {}: {count}", priority.short_name())?;
            }
        }
        writeln!(f, "Triggered rules by rule name:")?;
        for (name, count) in &self.rules {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                writeln!(f, "   {name}: {count}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happened_is_listed() {
        let tally = Tally::new(["a".into(), "b".into(), "c".into()]);
        tally.count(2, Priority::Informational);
        tally.count(0, Priority::Critical);
        tally.count(2, Priority::Informational);
        assert_eq!(
            (tally.matches(2), tally.matches(1), tally.matches(7)),
            (2, 0, 0)
        );
        assert_eq!(
            tally.to_string(),
            "Events detected: 3\nRule counts by severity:\n   CRITICAL: 1\n   INFO: 2\nTriggered rules by rule name:\n   a: 1\n   c: 2\n"
        );
    }
}
