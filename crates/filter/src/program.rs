//! Compiled conditions and how they are run.

use std::fmt;
use std::sync::Arc;

use bumpalo::Bump;

use crate::ast::{Check, Cmp, Pos};
use crate::glob::Glob;
use crate::operand::{Node, Operand};
use crate::predicate::{Predicate, Relation};
use crate::strings::contains_folded;
use crate::{Slot, Value, Values};

/// The tests of many programs; equal tests are one.
#[derive(Debug, Default)]
pub struct Tests {
    pub(crate) tests: Vec<Test>,
}

/// One comparison: what is looked at and what is asked.
#[derive(Debug)]
pub(crate) struct Test {
    pub(crate) left: Node,
    pub(crate) asked: Asked,
    /// A comparison that it came of, for listings.
    pub(crate) check: Arc<Check>,
}

/// What a test asks of the value on its left.
#[derive(Debug)]
pub(crate) enum Asked {
    Exists,
    /// A question whose answer is known from constants.
    Constant {
        predicate: Predicate,
        /// Of a connection: whether both ends have to satisfy it, as with `!=`.
        both_ends: bool,
        /// Of a list: whether every element has to satisfy it, as with `in`.
        every_element: bool,
    },
    /// A comparison with another value.
    Operand(Cmp, Node),
}

/// Answers remembered for the length of one event.
#[derive(Debug)]
pub struct Memo {
    /// One for each test: the event it is of, and in the lowest bit the answer.
    answers: Vec<u32>,
    /// Even; never that of an answer not given yet.
    event: u32,
}

impl Default for Memo {
    fn default() -> Self {
        Memo {
            answers: Vec::new(),
            event: 2,
        }
    }
}

impl Memo {
    /// Makes room for the answers of `tests`, so that running programs allocates nothing.
    pub fn new(tests: &Tests) -> Memo {
        Memo {
            answers: vec![0; tests.tests.len()],
            ..Memo::default()
        }
    }

    /// The answer of a test, if it was given for this event.
    #[inline]
    pub(crate) fn answer(&self, test: u32) -> Option<bool> {
        let answer = *self.answers.get(test as usize)?;
        (answer & !1 == self.event).then_some(answer & 1 == 1)
    }

    /// Remembers the answer of a test for this event.
    #[inline]
    pub(crate) fn keep(&mut self, test: u32, answer: bool) {
        if let Some(kept) = self.answers.get_mut(test as usize) {
            *kept = self.event | u32::from(answer);
        } else {
            // It was made for fewer tests.
            self.answers.resize(test as usize + 1, 0);
        }
    }

    /// Forgets all answers: what the values come from has changed.
    pub fn next_event(&mut self) {
        self.event = self.event.wrapping_add(2);
        if self.event == 0 {
            self.answers.fill(0);
            self.event = 2;
        }
    }
}

impl Tests {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.tests.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// Drops the tests that none of the programs makes, which are all that are still run.
    pub fn retain<'p>(&mut self, programs: impl IntoIterator<Item = &'p mut Program>) {
        let mut steps: Vec<&mut Step> = (programs.into_iter())
            .flat_map(|program| &mut program.code)
            .collect();
        let mut made = vec![false; self.tests.len()];
        for step in &steps {
            made[step.test as usize] = true;
        }
        let mut moved = vec![0; made.len()];
        let kept = moved.iter_mut().zip(&made).filter(|(_, made)| **made);
        for ((place, _), new) in kept.zip(0..) {
            *place = new;
        }
        for step in &mut steps {
            step.test = moved[step.test as usize];
        }
        let mut made = made.into_iter();
        self.tests.retain(|_| made.next().unwrap_or(false));
    }

    /// The answers that follow from the value of one field alone, whatever the others are: the tests, with what they say.
    pub fn known<'e>(&self, slot: Slot, value: Value<'e>, arena: &'e Bump) -> Known {
        let alone = Alone { slot, value, arena };
        let answers = self.tests.iter().enumerate().filter(|(_, test)| {
            matches!(&test.left, Node::Field(left) if *left == slot)
                && !matches!(test.asked, Asked::Operand(..))
        });
        Known(
            answers
                .map(|(index, test)| (index as u32, test.holds(&alone, &mut Last::default())))
                .collect(),
        )
    }

    /// Makes a test.
    #[inline]
    pub(crate) fn make<'e>(
        &self,
        test: u32,
        values: &impl Values<'e>,
        last: &mut Last<'e>,
    ) -> bool {
        let test = self.tests.get(test as usize);
        test.is_some_and(|test| test.holds(values, last))
    }
}

/// The field that was looked at last, and its value: neighbouring tests often ask for the same.
#[derive(Debug)]
pub(crate) struct Last<'e> {
    slot: Slot,
    value: Option<Value<'e>>,
}

impl Default for Last<'_> {
    fn default() -> Self {
        Last {
            // There are not that many fields.
            slot: Slot(u32::MAX),
            value: None,
        }
    }
}

impl<'e> Last<'e> {
    #[inline]
    fn value(&mut self, slot: Slot, values: &impl Values<'e>) -> Option<&Value<'e>> {
        if self.slot != slot {
            *self = Last {
                slot,
                value: values.value(slot),
            };
        }
        self.value.as_ref()
    }
}

/// See [`Tests::known`]; by test, in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Known(Vec<(u32, bool)>);

impl Known {
    /// The answers that a program asks for.
    #[must_use]
    pub fn of<'p>(&self, programs: impl IntoIterator<Item = &'p Program>) -> Known {
        let steps = programs.into_iter().flat_map(|program| &program.code);
        let mut answers: Vec<(u32, bool)> = steps
            .filter_map(|step| Some((step.test, self.answer(step.test)?)))
            .collect();
        answers.sort_unstable();
        answers.dedup();
        Known(answers)
    }

    pub(crate) fn answer(&self, test: u32) -> Option<bool> {
        let at = self.0.binary_search_by_key(&test, |(test, _)| *test).ok()?;
        self.0.get(at).map(|(_, answer)| *answer)
    }
}

/// The value of one field, and no other.
struct Alone<'e> {
    slot: Slot,
    value: Value<'e>,
    arena: &'e Bump,
}

impl<'e> Values<'e> for Alone<'e> {
    fn value(&self, slot: Slot) -> Option<Value<'e>> {
        (slot == self.slot).then_some(self.value)
    }

    fn arena(&self) -> &'e Bump {
        self.arena
    }
}

impl Test {
    /// Without a value on the left (or, if another value is compared with, on the right) nothing holds.
    #[expect(
        clippy::inline_always,
        reason = "a call costs as much as the answer, and compilers change their minds about it"
    )]
    #[inline(always)]
    fn holds<'e>(&self, values: &impl Values<'e>, last: &mut Last<'e>) -> bool {
        let computed;
        let left = match &self.left {
            Node::Field(slot) => last.value(*slot, values),
            node => {
                computed = node.value(values);
                computed.as_ref()
            }
        };
        let Some(left) = left else {
            return false;
        };
        match (&self.asked, left) {
            (_, Value::Any(_) | Value::Ends(_) | Value::List(_))
            | (Asked::Exists | Asked::Operand(..), _) => self.holds_of(left, values),
            (Asked::Constant { predicate, .. }, one) => predicate.holds(one, values.arena()),
        }
    }

    /// What is rarely asked: of several values, of another value, whether there is one.
    #[inline(never)]
    fn holds_of<'e>(&self, left: &Value<'e>, values: &impl Values<'e>) -> bool {
        match &self.asked {
            Asked::Exists => !matches!(left, Value::Any([])),
            Asked::Constant {
                predicate,
                both_ends,
                every_element,
            } => {
                let arena = values.arena();
                let holds = |value: &Value<'_>| predicate.holds(value, arena);
                match left {
                    Value::Any(all) => all.iter().any(holds),
                    Value::Ends([]) => false,
                    Value::Ends(ends) if *both_ends => ends.iter().all(holds),
                    Value::Ends(ends) => ends.iter().any(holds),
                    Value::List(elements) if *every_element => elements.iter().all(holds),
                    Value::List(elements) => elements.iter().any(holds),
                    value => holds(value),
                }
            }
            Asked::Operand(cmp, right) => {
                let Some(right) = right.value(values) else {
                    return false;
                };
                match left {
                    Value::Any(all) => all.iter().any(|value| compare(*cmp, value, &right)),
                    Value::Ends(ends) if *cmp == Cmp::Ne => {
                        !ends.is_empty() && ends.iter().all(|value| compare(*cmp, value, &right))
                    }
                    Value::Ends(ends) => ends.iter().any(|value| compare(*cmp, value, &right)),
                    value => compare(*cmp, value, &right),
                }
            }
        }
    }
}

/// Compares two values of one type.
fn compare(cmp: Cmp, left: &Value<'_>, right: &Value<'_>) -> bool {
    if let Some(relation) = Relation::of(cmp) {
        return match order(left, right) {
            Some(order) => relation.holds(order),
            None => relation == Relation::Ne,
        };
    }
    match (left, right) {
        (Value::List(left), Value::List(right)) => match cmp {
            Cmp::In => left.iter().all(|value| right.contains(value)),
            _ => left.iter().any(|value| right.contains(value)),
        },
        (Value::Str(left) | Value::Bytes(left), Value::Str(right) | Value::Bytes(right)) => {
            match cmp {
                Cmp::Contains | Cmp::Bcontains => memchr::memmem::find(left, right).is_some(),
                Cmp::Icontains => contains_folded(left, &right.to_ascii_lowercase()),
                Cmp::Startswith | Cmp::Bstartswith => left.starts_with(right),
                Cmp::Endswith => left.ends_with(right),
                Cmp::Glob | Cmp::Iglob => Glob::new(right, cmp == Cmp::Iglob).matches(left),
                _ => left == right,
            }
        }
        _ => matches!(cmp, Cmp::In | Cmp::Intersects) && left == right,
    }
}

fn order(left: &Value<'_>, right: &Value<'_>) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Uint(left), Value::Uint(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Str(left) | Value::Bytes(left), Value::Str(right) | Value::Bytes(right)) => {
            Some(left.cmp(right))
        }
        (Value::Ip(left), Value::Ip(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// Something that is probably not meant as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What, in upstream's words.
    pub message: String,
    /// Where the right-hand side begins.
    pub pos: Pos,
}

/// A compiled condition: tests, each with where to go on. Every jump is forward.
#[derive(Clone)]
pub struct Program {
    pub(crate) start: u32,
    pub(crate) code: Box<[Step]>,
    /// Of each step a comparison that its test came of.
    pub(crate) checks: Box<[Arc<Check>]>,
    pub(crate) warnings: Vec<Warning>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) test: u32,
    pub(crate) on_true: u32,
    pub(crate) on_false: u32,
}

pub(crate) const ACCEPT: u32 = u32::MAX;
pub(crate) const REJECT: u32 = u32::MAX - 1;

impl Program {
    /// Whether the condition holds. `tests` are those of the compiler that made the program; `memo` is of the same tests, and of the
    /// thing that `values` come from.
    pub fn run<'e>(&self, tests: &Tests, values: &impl Values<'e>, memo: &mut Memo) -> bool {
        self.observe(tests, values, memo, |_, _| {})
    }

    /// The same as [`Program::run`]; says of each test that it makes its place in the program, and the answer.
    pub fn observe<'e>(
        &self,
        tests: &Tests,
        values: &impl Values<'e>,
        memo: &mut Memo,
        mut on_test: impl FnMut(usize, bool),
    ) -> bool {
        let mut last = Last::default();
        let mut at = self.start;
        while let Some(step) = self.code.get(at as usize) {
            let holds = memo.answer(step.test).unwrap_or_else(|| {
                let holds = tests.make(step.test, values, &mut last);
                memo.keep(step.test, holds);
                holds
            });
            on_test(at as usize, holds);
            at = if holds { step.on_true } else { step.on_false };
        }
        at == ACCEPT
    }

    /// The tests as text, in the order of the condition: comparisons that never hold are not among them.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.checks.iter().map(ToString::to_string)
    }

    /// What is probably not meant as it is written.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

/// A listing: one step a line, `number: test ? then : else`.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code.is_empty() {
            return writeln!(f, "{}", Target(self.start));
        }
        for (i, (step, check)) in self.code.iter().zip(&self.checks).enumerate() {
            writeln!(
                f,
                "{i}: {check} ? {} : {}",
                Target(step.on_true),
                Target(step.on_false)
            )?;
        }
        Ok(())
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Target(u32);

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ACCEPT => f.write_str("yes"),
            REJECT => f.write_str("no"),
            at => at.fmt(f),
        }
    }
}

impl Operand {
    pub(crate) fn into_node(self) -> Node {
        self.node
    }
}
