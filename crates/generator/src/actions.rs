//! The table of actions: name, what is done, where, and which rules have to notice it.

mod containers;
mod files;
mod inner;
mod network;
mod processes;

pub(crate) use inner::do_inner;

use crate::stage::Stage;

/// Where an action is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Host,
    Container,
    /// A container of which a runtime tells what it is.
    Known,
    /// The same, and it is privileged.
    Privileged,
}

/// A suspicious thing.
pub(crate) struct Action {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    /// What is done.
    pub(crate) about: &'static str,
    /// The default rules that notice it.
    pub(crate) rules: &'static [&'static str],
    /// The rules of upstream's files that notice it.
    pub(crate) upstream: &'static [&'static str],
    pub(crate) act: fn(&Stage) -> anyhow::Result<()>,
}

/// Why an action cannot be done on this machine.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Impossible(pub(crate) &'static str);

/// All actions, in order.
pub(crate) fn all() -> impl Iterator<Item = &'static Action> {
    let tables = [
        files::ACTIONS,
        processes::ACTIONS,
        containers::ACTIONS,
        network::ACTIONS,
    ];
    tables.into_iter().flatten()
}

/// Those whose name fits one of the patterns, in which `*` stands for anything; all if there are none.
pub(crate) fn named(patterns: &[String]) -> Vec<&'static Action> {
    all()
        .filter(|action| {
            patterns.is_empty() || patterns.iter().any(|pattern| fits(pattern, action.name))
        })
        .collect()
}

/// Whether a name fits a pattern.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => {
            let Some(tail) = name.strip_prefix(start) else {
                return false;
            };
            let mut places = tail.char_indices().map(|(at, _)| at).chain([tail.len()]);
            places.any(|at| tail.get(at..).is_some_and(|tail| fits(rest, tail)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "anything", true),
            ("read-*", "read-secret", true),
            ("*secret", "read-secret", true),
            ("*e*e*", "read-secret", true),
            ("*x", "read-secret", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn names_are_used_once() {
        let mut names: Vec<_> = all().map(|action| action.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    /// Rules that need what only a cluster knows of a container.
    const WITHOUT_ACTION: [&str; 1] = ["Connection out of an isolated namespace"];

    #[test]
    fn every_default_rule_has_an_action() {
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules/falco_rules.yaml");
        let text = std::fs::read_to_string(rules).expect("the default rules");
        let rules: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("- rule: "))
            .collect();
        for rule in &rules {
            let acted = all().any(|action| action.rules.contains(rule));
            assert_ne!(acted, WITHOUT_ACTION.contains(rule), "{rule}");
        }
        for action in all() {
            for rule in action.rules {
                assert!(
                    rules.contains(rule),
                    "{}: there is no rule {rule}",
                    action.name
                );
            }
        }
    }
}
