//! The rule set: which rules look at which events, which are enabled, and running them.

use bumpalo::Bump;
use falco_event::{EventCode, SyscallCode, codes};
use falco_filter::{Chain, Memo, Program, Slot, Tests, Value, Values};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::Priority;
use crate::compile::{Compiled, Rule};
use crate::events::{EventSet, SyscallSet};

/// The place of a rule in its [`RuleSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIx(pub u32);

/// Which matches of one event count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matching {
    /// The first, in the order of the rules.
    #[default]
    First,
    /// All.
    All,
}

/// One entry of `rules:` in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Whether to enable or to disable.
    pub enable: bool,
    /// What.
    pub what: Selected,
}

/// Which rules an entry of `rules:` is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    /// Those whose name fits a pattern with `*`.
    Rule(String),
    /// Those with a tag.
    Tag(String),
}

/// Rules that can be run, in the order of their definition.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    enabled: Vec<bool>,
    tests: Tests,
    /// The place of `evt.type`, if there is such a field.
    type_slot: Option<Slot>,
    /// The conditions of the enabled rules that look at an event, in order, less what the event's type decides.
    chains: Vec<Chain>,
    /// For each event the place of its chain; [`NOBODY`] if no rule can match it.
    index: Box<[u16]>,
}

const NOBODY: u16 = u16::MAX;

impl RuleSet {
    pub(crate) fn new(compiled: Compiled, mut tests: Tests, min_priority: Priority) -> RuleSet {
        let mut rules: Vec<Rule> = (compiled.rules.into_iter())
            .filter(|rule| rule.priority <= min_priority)
            .collect();
        tests.retain(rules.iter_mut().map(|rule| &mut rule.program));
        let mut set = RuleSet {
            enabled: rules.iter().map(|rule| rule.enabled).collect(),
            rules,
            tests,
            type_slot: compiled.type_slot,
            chains: Vec::new(),
            index: Box::default(),
        };
        set.build_index();
        set
    }

    /// All rules, also those that are not enabled.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// A rule.
    pub fn get(&self, rule: RuleIx) -> Option<&Rule> {
        self.rules.get(rule.0 as usize)
    }

    /// Whether a rule is enabled.
    pub fn is_enabled(&self, rule: RuleIx) -> bool {
        self.enabled.get(rule.0 as usize).copied().unwrap_or(false)
    }

    /// The enabled rules, in order.
    pub fn enabled(&self) -> impl Iterator<Item = (RuleIx, &Rule)> {
        (self.rules.iter().zip(&self.enabled).enumerate())
            .filter(|(_, (_, enabled))| **enabled)
            .map(|(index, (rule, _))| (RuleIx(index as u32), rule))
    }

    /// Enables and disables rules, entry by entry.
    pub fn select(&mut self, selections: &[Selection]) {
        for selection in selections {
            for (rule, enabled) in self.rules.iter().zip(&mut self.enabled) {
                let selected = match &selection.what {
                    Selected::Rule(pattern) => fits(pattern, &rule.name),
                    Selected::Tag(tag) => rule.tags.contains(tag),
                };
                if selected {
                    *enabled = selection.enable;
                }
            }
        }
        if !selections.is_empty() {
            self.build_index();
        }
    }

    /// The events that an enabled rule can match.
    pub fn events(&self) -> EventSet {
        let mut events = EventSet::NONE;
        self.enabled()
            .for_each(|(_, rule)| events.extend(&rule.reach.events));
        events
    }

    /// The system calls whose events an enabled rule can match.
    pub fn syscalls(&self) -> SyscallSet {
        let mut calls = SyscallSet::NONE;
        self.enabled()
            .for_each(|(_, rule)| calls.extend(&rule.reach.syscalls));
        calls
    }

    /// Whether an enabled rule names this call, and does not merely leave open which calls it is about.
    pub fn names(&self, call: SyscallCode) -> bool {
        let half = SyscallSet::all().len() / 2;
        self.enabled().any(|(_, rule)| {
            let calls = &rule.reach.syscalls;
            calls.contains(call) && calls.len() < half
        })
    }

    /// Whether an enabled rule looks at events of this kind.
    #[inline]
    pub fn looks_at(&self, code: EventCode) -> bool {
        let chain = self.index.get(code.index());
        chain.is_some_and(|chain| *chain != NOBODY)
    }

    /// A memory for [`RuleSet::run`] that fits this rule set.
    pub fn memo(&self) -> Memo {
        Memo::new(&self.tests)
    }

    /// Runs the enabled rules that look at events of this kind over one event and tells which match. Allocates nothing.
    pub fn run<'e>(
        &self,
        code: EventCode,
        values: &impl Values<'e>,
        memo: &mut Memo,
        matching: Matching,
        mut on_match: impl FnMut(RuleIx),
    ) {
        let chain = self.index.get(code.index());
        let Some(chain) = chain.and_then(|chain| self.chains.get(usize::from(*chain))) else {
            return;
        };
        memo.next_event();
        chain.run(&self.tests, values, memo, |rule| {
            on_match(RuleIx(rule));
            matching == Matching::All
        });
    }

    /// Runs one rule over an event after [`RuleSet::run`], whatever it looks at; says of each part of its condition that decides
    /// something its place in [`RuleSet::parts`], and whether it holds.
    pub fn observe<'e>(
        &self,
        rule: RuleIx,
        values: &impl Values<'e>,
        memo: &mut Memo,
        on_part: impl FnMut(usize, bool),
    ) -> bool {
        let rule = self.get(rule);
        rule.is_some_and(|rule| rule.program.observe(&self.tests, values, memo, on_part))
    }

    /// The comparisons that a rule's condition consists of, as text.
    pub fn parts(&self, rule: RuleIx) -> impl Iterator<Item = String> {
        let rule = self.get(rule).into_iter();
        rule.flat_map(|rule| rule.program.texts())
    }

    /// Every rule also looks at asynchronous events: their names are not known beforehand. Of other events the name is, so that what a
    /// condition asks of it need not be asked again for each event, and a rule that it excludes need not be run at all.
    fn build_index(&mut self) {
        // Of these two the event tells its name.
        const NAMED_LATER: [EventCode; 2] = [codes::ASYNCEVENT_E, codes::GENERIC_X];
        let arena = Bump::new();
        let mut chains = Vec::new();
        // Many events differ in nothing that rules ask.
        let mut made = HashMap::<_, _, FxBuildHasher>::default();
        let index = EventCode::all().map(|code| {
            let rules: Vec<RuleIx> = self
                .enabled()
                .filter(|(_, rule)| code == codes::ASYNCEVENT_E || rule.reach.events.contains(code))
                .map(|(ix, _)| ix)
                .collect();
            let name = Value::Str(code.info().name.as_bytes());
            let known = (self.type_slot)
                .filter(|_| !rules.is_empty() && !NAMED_LATER.contains(&code))
                .map(|slot| self.tests.known(slot, name, &arena))
                .map(|known| known.of(self.programs(&rules).map(|(_, program)| program)));
            *made
                .entry((rules, known))
                .or_insert_with_key(|(rules, known)| {
                    let chain = Chain::new(self.programs(rules), known.as_ref());
                    if chain.is_empty() {
                        return NOBODY;
                    }
                    // There are fewer events than that.
                    chains.push(chain);
                    chains.len() as u16 - 1
                })
        });
        self.index = index.collect();
        self.chains = chains;
    }

    fn programs(&self, rules: &[RuleIx]) -> impl Iterator<Item = (u32, &Program)> {
        let known = rules.iter().filter_map(|ix| Some((ix.0, self.get(*ix)?)));
        known.map(|(ix, rule)| (ix, &rule.program))
    }
}

/// Whether a name fits a pattern. For a `*` the shortest text is taken after which the pattern goes on, and never another: so `*o` does not
/// fit `foo`.
fn fits(pattern: &str, name: &str) -> bool {
    let mut literals = pattern.split('*');
    let Some(mut rest) = literals.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    if !pattern.contains('*') {
        return rest.is_empty();
    }
    let mut ends_open = false;
    for literal in literals {
        ends_open = literal.is_empty();
        match rest.find(literal) {
            Some(at) => rest = rest.get(at + literal.len()..).unwrap_or(""),
            None => return false,
        }
    }
    ends_open || rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_take_the_first_that_fits() {
        for (pattern, name, expected) in [
            ("foo", "foo", true),
            ("foo", "foobar", false),
            ("*", "", true),
            ("*", "anything", true),
            ("f*", "foo", true),
            ("*o", "foo", false),
            ("*oo", "foo", true),
            ("f*o", "foo", false),
            ("*a*c", "xaybc", true),
            ("**b*", "abc", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
