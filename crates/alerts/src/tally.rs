//! How many alerts there were: what is said at the end.

use std::fmt;
use std::sync::Arc;

use crate::Priority;

/// Counts alerts by rule and priority. [`fmt::Display`] is the block of lines that ends a run.
#[derive(Clone, Debug)]
pub struct Tally {
    rules: Vec<(Arc<str>, u64)>,
    priorities: [u64; Priority::ALL.len()],
}

impl Tally {
    /// Nothing counted yet; the rules in the order in which they are to be listed.
    pub fn new(rules: impl IntoIterator<Item = Arc<str>>) -> Tally {
        Tally {
            rules: rules.into_iter().map(|name| (name, 0)).collect(),
            priorities: [0; Priority::ALL.len()],
        }
    }

    /// Counts a match of the rule at that place.
    pub fn count(&mut self, rule: usize, priority: Priority) {
        if let Some((_, count)) = self.rules.get_mut(rule) {
            *count += 1;
        }
        self.priorities[priority as usize] += 1;
    }

    /// How many matches there were.
    pub fn total(&self) -> u64 {
        self.priorities.iter().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Events detected: {}", self.total())?;
        writeln!(f, "Rule counts by severity:")?;
        for priority in Priority::ALL {
            let count = self.priorities[priority as usize];
            if count > 0 {
                writeln!(f, "   {}: {count}", priority.short_name())?;
            }
        }
        writeln!(f, "Triggered rules by rule name:")?;
        for (name, count) in self.rules.iter().filter(|(_, count)| *count > 0) {
            writeln!(f, "   {name}: {count}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happened_is_listed() {
        let mut tally = Tally::new(["a".into(), "b".into(), "c".into()]);
        tally.count(2, Priority::Informational);
        tally.count(0, Priority::Critical);
        tally.count(2, Priority::Informational);
        assert_eq!(
            tally.to_string(),
            "Events detected: 3\nRule counts by severity:\n   CRITICAL: 1\n   INFO: 2\nTriggered rules by rule name:\n   a: 1\n   c: 2\n"
        );
    }
}
