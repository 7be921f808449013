//! What tests have seen of rules.

use std::collections::BTreeSet;
use std::sync::Arc;

use falco_rules::{RuleIx, RuleSet};

/// What all tests together have seen of each rule, in the order of the rules.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// The rules.
    pub rules: Vec<RuleCoverage>,
}

/// What tests have seen of one rule.
#[derive(Clone, Debug)]
pub struct RuleCoverage {
    /// Its name.
    pub name: String,
    /// How many tests it fired in.
    pub fired: u32,
    /// How many tests were about it, and it did not fire.
    pub quiet: u32,
    /// The comparisons of its condition, each once.
    pub parts: Vec<Part>,
    /// Of each step of the condition, its place in `parts`.
    steps: Vec<usize>,
}

/// One comparison of a condition.
#[derive(Clone, Debug)]
pub struct Part {
    /// As text.
    pub text: Arc<str>,
    /// Whether it was ever true.
    pub was_true: bool,
    /// Whether it was ever false.
    pub was_false: bool,
}

impl Coverage {
    /// Takes in the rules of a set that are not known yet.
    pub(crate) fn add(&mut self, rules: &RuleSet) {
        for (ix, rule) in rules.rules().iter().enumerate() {
            if self.find(&rule.name).is_some() {
                continue;
            }
            let mut parts: Vec<Part> = Vec::new();
            let mut steps = Vec::new();
            for text in rules.parts(RuleIx(ix as u32)) {
                let place = parts.iter().position(|part| *part.text == *text);
                steps.push(place.unwrap_or(parts.len()));
                if place.is_none() {
                    parts.push(Part {
                        text: text.into(),
                        was_true: false,
                        was_false: false,
                    });
                }
            }
            self.rules.push(RuleCoverage {
                name: rule.name.clone(),
                fired: 0,
                quiet: 0,
                parts,
                steps,
            });
        }
    }

    pub(crate) fn find(&mut self, name: &str) -> Option<&mut RuleCoverage> {
        self.rules.iter_mut().find(|rule| rule.name == name)
    }

    /// Takes in a test: the rules that fired, and those that it was about.
    pub(crate) fn test(&mut self, fired: &BTreeSet<String>, about: &[String]) {
        for rule in &mut self.rules {
            if fired.contains(&rule.name) {
                rule.fired += 1;
            } else if about.contains(&rule.name) {
                rule.quiet += 1;
            }
        }
    }
}

impl RuleCoverage {
    pub(crate) fn part(&mut self, step: usize, holds: bool) {
        let part = self.steps.get(step).and_then(|at| self.parts.get_mut(*at));
        if let Some(part) = part {
            part.was_true |= holds;
            part.was_false |= !holds;
        }
    }

    /// Whether every part was both true and false.
    pub fn is_complete(&self) -> bool {
        self.parts.iter().all(Part::is_complete)
    }
}

impl Part {
    /// Whether it was both true and false.
    pub fn is_complete(&self) -> bool {
        self.was_true && self.was_false
    }
}
