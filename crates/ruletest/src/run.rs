//! Running tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use bumpalo::Bump;
use falco_event::Event;
use falco_fields::{Catalogue, Context, Facts, Seen};
use falco_filter::Memo;
use falco_rules::{Matching, RuleIx, RuleSet, Selected, Selection};
use falco_sources::{Next, Source};
use falco_state::{State, Subject};

use crate::coverage::Coverage;
use crate::event::child;
use crate::mock::{Mocked, container_of};
use crate::suite::{Expected, Happens, Suite, Test};
use crate::world::{self, Process};

/// How many alerts of one test are kept for comparing; more are only counted.
const ALERTS_MAX: usize = 10_000;

/// What came of a test.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The name of the test.
    pub test: String,
    /// Where it begins: the line, from 1.
    pub line: usize,
    /// What is not as expected; nothing when it passed.
    pub failures: Vec<String>,
}

/// An alert that came.
struct Got {
    rule: String,
    output: String,
    /// For each expectation of its rule what the fields were.
    fields: Vec<Vec<String>>,
}

impl Suite {
    /// Runs all tests over rules that were loaded with the catalogue that the suite was parsed with.
    pub fn run(
        &self,
        rules: &mut RuleSet,
        catalogue: &Catalogue,
        coverage: &mut Coverage,
    ) -> Vec<Outcome> {
        coverage.add(rules);
        let folder = Path::new(&self.name).parent().unwrap_or(Path::new(""));
        let mut outcomes = Vec::new();
        for test in &self.tests {
            let back = enable(rules, &test.enable);
            let mut run = Run {
                test,
                rules,
                catalogue,
                coverage,
                context: Context::default(),
                memo: rules.memo(),
                got: Vec::new(),
                arena: Bump::new(),
            };
            let mut failures = match &test.happens {
                Happens::Events(events) => {
                    run.events(events);
                    Vec::new()
                }
                Happens::Capture(path) => run.capture(&folder.join(path)),
            };
            let got = run.got;
            failures.extend(unknown(test, rules));
            failures.extend(compare(&test.alerts, &got));
            let fired = got.into_iter().map(|alert| alert.rule).collect();
            coverage.test(&fired, &test.about);
            outcomes.push(Outcome {
                test: test.name.clone(),
                line: test.line,
                failures,
            });
            rules.select(&back);
        }
        outcomes
    }
}

/// Enables rules; how to disable them again.
fn enable(rules: &mut RuleSet, names: &[String]) -> Vec<Selection> {
    if names.is_empty() {
        return Vec::new();
    }
    let select = |name: &String, enable| Selection {
        enable,
        what: Selected::Rule(name.clone()),
    };
    let disabled = (0..)
        .zip(rules.rules())
        .filter(|(ix, _)| !rules.is_enabled(RuleIx(*ix)));
    let back: Vec<_> = disabled
        .map(|(_, rule)| select(&rule.name, false))
        .collect();
    let on: Vec<_> = names.iter().map(|name| select(name, true)).collect();
    rules.select(&on);
    back
}

/// Rules that a test names, and that are not there.
fn unknown(test: &Test, rules: &RuleSet) -> Vec<String> {
    let named = test.alerts.iter().map(|alert| &alert.rule);
    let names: BTreeSet<&String> = named.chain(&test.about).collect();
    (names.into_iter())
        .filter(|name| !rules.rules().iter().any(|rule| rule.name == **name))
        .map(|name| format!("there is no rule `{name}`"))
        .collect()
}

struct Run<'r> {
    test: &'r Test,
    rules: &'r RuleSet,
    catalogue: &'r Catalogue,
    coverage: &'r mut Coverage,
    context: Context,
    memo: Memo,
    got: Vec<Got>,
    arena: Bump,
}

impl Run<'_> {
    fn events(&mut self, events: &[crate::event::Event]) {
        let processes = &self.test.processes;
        let mut state = world::state(processes, &self.test.users);
        let mut last = processes.last().map_or(0, |process| process.thread.tid);
        let mut next = (processes.iter())
            .map(|process| process.thread.tid.saturating_add(1))
            .max()
            .unwrap_or(1);
        let mut number = 0;
        for event in events {
            let mut tid = event.tid.unwrap_or(last);
            if event.starts
                && let Some(parent) = state.threads.by_tid(tid)
            {
                number += 1;
                let bytes = child(number, next, parent);
                self.wire(&bytes, number, &mut state);
                (tid, last, next) = (next, next, next.saturating_add(1));
            }
            number += 1;
            let bytes = event.bytes(number, tid, state.threads.by_tid(tid));
            self.wire(&bytes, number, &mut state);
        }
    }

    fn wire(&mut self, bytes: &[u8], number: u64, state: &mut State) {
        // What is built by the schema is an event of the schema.
        if let Ok(event) = Event::parse(bytes) {
            self.take(event, number, 0, state);
        }
    }

    /// Takes the events of a capture; why it cannot be read.
    fn capture(&mut self, path: &Path) -> Vec<String> {
        let unreadable = |cause| vec![format!("the capture cannot be read: {cause}")];
        let (mut source, mut state) = match Source::replay(path) {
            Ok(opened) => opened,
            Err(cause) => return unreadable(cause),
        };
        loop {
            match source.next(Duration::ZERO) {
                Ok(Next::Event(delivery)) => {
                    self.take(delivery.event, delivery.number, delivery.cpu, &mut state);
                }
                Ok(Next::Restart(fresh)) => state = *fresh,
                Ok(Next::Timeout) => {}
                Ok(Next::End) => return Vec::new(),
                Err(cause) => return unreadable(cause),
            }
        }
    }

    fn take(&mut self, event: Event<'_>, number: u64, cpu: u16, state: &mut State) {
        let subject: Subject = state.apply(&event);
        if subject.hidden {
            return;
        }
        let mut arena = std::mem::take(&mut self.arena);
        {
            let seen = Seen {
                event,
                subject,
                number,
                cpu,
            };
            let facts = Facts::new(self.catalogue, &self.context, state, seen, &arena);
            let processes: &[Process] = &self.test.processes;
            let containers = &self.test.containers;
            let values = Mocked {
                facts: &facts,
                container: container_of(containers, processes, state, event.thread()),
            };
            let mut matched = Vec::new();
            (self.rules).run(
                event.code(),
                &values,
                &mut self.memo,
                Matching::All,
                |rule| matched.push(rule),
            );
            for (ix, rule) in self.rules.enabled() {
                if let Some(known) = self.coverage.find(&rule.name) {
                    self.rules
                        .observe(ix, &values, &mut self.memo, |step, holds| {
                            known.part(step, holds);
                        });
                }
            }
            for rule in matched.into_iter().filter_map(|ix| self.rules.get(ix)) {
                let mut output = Vec::new();
                if self.got.len() < ALERTS_MAX {
                    rule.output.render(&values, &mut output);
                }
                let expected = self.test.alerts.iter().filter(|e| e.rule == rule.name);
                let fields = expected.map(|expected| {
                    let shown = expected.fields.iter().map(|(_, template, _)| {
                        let mut text = Vec::new();
                        template.render(&values, &mut text);
                        String::from_utf8_lossy(&text).into_owned()
                    });
                    shown.collect()
                });
                self.got.push(Got {
                    rule: rule.name.clone(),
                    output: String::from_utf8_lossy(&output).into_owned(),
                    fields: fields.collect(),
                });
            }
        }
        arena.reset();
        self.arena = arena;
    }
}

/// What is not as expected, rule by rule.
fn compare(expected: &[Expected], got: &[Got]) -> Vec<String> {
    let mut failures = Vec::new();
    let mut names: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for alert in expected {
        names.entry(&alert.rule).or_default().0 += alert.count;
    }
    for alert in got {
        names.entry(&alert.rule).or_default().1 += 1;
    }
    let mut difference = String::new();
    for (name, (wanted, came)) in names {
        if wanted == came {
            continue;
        }
        for _ in came..wanted.min(came + 3) {
            let _ = writeln!(difference, "- {name}");
        }
        let surplus = got.iter().filter(|alert| alert.rule == name);
        for alert in surplus
            .skip(wanted as usize)
            .take(3)
            .filter(|_| came > wanted)
        {
            let _ = writeln!(difference, "+ {name}: {}", alert.output);
        }
        if wanted.abs_diff(came) > 3 || wanted > 1 {
            let _ = writeln!(difference, "  ({name}: {wanted} expected, {came} came)");
        }
    }
    if !difference.is_empty() {
        failures.push(format!(
            "not the alerts that were expected (-), but others (+):\n{}",
            difference.trim_end()
        ));
    }
    for name in expected
        .iter()
        .map(|alert| &alert.rule)
        .collect::<BTreeSet<_>>()
    {
        failures.extend(contents(name, expected, got));
    }
    failures
}

/// Whether the alerts of a rule say what they should: those that come first what is expected first.
fn contents(name: &str, expected: &[Expected], got: &[Got]) -> Vec<String> {
    let mut failures = Vec::new();
    let mut got = got.iter().filter(|alert| alert.rule == name);
    let expected = expected.iter().filter(|alert| alert.rule == name);
    for (place, expected) in expected.enumerate() {
        for alert in got.by_ref().take(expected.count as usize) {
            if let Some(text) = &expected.output
                && !alert.output.contains(text.as_str())
            {
                failures.push(format!(
                    "the output of {name} does not contain what was expected (-):\n- {text}\n+ {}",
                    alert.output
                ));
            }
            let shown = alert.fields.get(place).into_iter().flatten();
            for ((field, _, wanted), shown) in expected.fields.iter().zip(shown) {
                if wanted != shown {
                    failures.push(format!(
                        "{field} of {name} is not what was expected (-):\n- {wanted}\n+ {shown}"
                    ));
                }
            }
        }
    }
    failures
}
