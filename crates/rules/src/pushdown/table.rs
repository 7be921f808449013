//! All questions to a path as one automaton: a table that gives, byte by byte, the next state, and at the end of the path what is left to
//! be asked.
//!
//! The automata of the questions run side by side, but no longer than somebody waits for their answers: a state is what is left of the
//! formulas, and where those automata are that it still asks. So few states are made that would turn out to be the same.

use rustc_hash::FxBuildHasher;

use super::machine::Machine;
use super::may::May;
use super::paths::Question;

type HashMap<K, V> = hashbrown::HashMap<K, V, FxBuildHasher>;

/// An absolute path in which nothing is to be resolved: no name is empty, `.` or `..`.
const PLAIN: &str = r"/|(?:/(?:[^/.][^/]*|\.[^/.][^/]*|\.\.[^/]+))+";
/// A path without doubled slashes: its raw form is compared as it is.
const SINGLE_SLASHES: &str = r"/?(?:[^/]+/)*[^/]*";
/// The machines of these two.
const CLEAR: usize = 0;
const CLEAR_RAW: usize = 1;
const OWN: usize = 2;

/// States before the smallest automaton is looked for, in a first attempt.
pub(super) const STATES_EXACT: usize = 5_000;
/// And in the last.
pub(super) const STATES_MAX: usize = 20_000;
/// Cells of the table.
const CELLS_MAX: usize = 1 << 18;

/// The automaton.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Of each byte its class, from 1 on.
    pub classes: Box<[u8; 256]>,
    /// How long the row of a state is: one more than there are classes.
    pub width: usize,
    /// Row after row, the first state first: the outcome at the end, then for each class where the row of the next state begins.
    pub cells: Vec<u32>,
}

impl Table {
    /// The outcome for a path.
    pub fn run(&self, path: &[u8]) -> u32 {
        let mut at = 0;
        for byte in path {
            let class = self.classes[usize::from(*byte)];
            at = self.cells[at + usize::from(class)] as usize;
        }
        self.cells[at]
    }
}

/// What is left to be asked of each call, by outcome.
pub(super) type Outcomes = Vec<Vec<May>>;

/// The table for formulas that ask paths; `None` when it becomes too large or takes more states than these on the way.
pub(super) fn build(
    formulas: &[May],
    questions: &[Question],
    states_max: usize,
) -> Option<(Table, Outcomes)> {
    let mut asked = vec![false; questions.len()];
    for formula in formulas {
        formula.each_path(&mut |place| asked[place] = true);
    }
    let pattern = |(question, asked): (&'_ Question, bool)| {
        // Of the others nobody will want to know.
        if asked {
            question.pattern.clone()
        } else {
            String::new()
        }
    };
    let patterns = [PLAIN, SINGLE_SLASHES].map(str::to_owned).into_iter();
    let patterns = patterns.chain(questions.iter().zip(asked).map(pattern));
    let machines = patterns
        .map(|pattern| Machine::new(&pattern))
        .collect::<Option<Vec<_>>>()?;
    // What is not clear may have either answer.
    let exact = |may: &May| {
        may.map_path(&|place, answer| {
            let raw = questions.get(place).is_some_and(|question| question.raw);
            let clear = if raw { CLEAR_RAW } else { CLEAR };
            May::any([May::Path(clear, false), May::Path(place + OWN, answer)])
        })
    };
    let mut search = Search {
        machines: &machines,
        formulas: Vec::new(),
        places: HashMap::default(),
        answered: HashMap::default(),
    };
    let first: Vec<u32> = formulas
        .iter()
        .map(|formula| search.intern(exact(formula)))
        .collect();
    let draft = search.run(&first, states_max)?;
    let (table, outcomes) = draft.finish();
    let outcomes = outcomes.iter().map(|row| {
        let left = row
            .iter()
            .map(|formula| search.formulas[*formula as usize].0.clone());
        left.collect()
    });
    (table.cells.len() <= CELLS_MAX).then(|| (table, outcomes.collect()))
}

/// A state: what is left of each formula, and where the machines are that these ask.
type State = (Box<[u32]>, Box<[(u16, u32)]>);

/// A formula, and answers to questions that it asks.
type Answered = (u32, Box<[(u16, bool)]>);

struct Search<'m> {
    machines: &'m [Machine],
    /// All formulas, each with the machines that it asks.
    formulas: Vec<(May, Box<[u16]>)>,
    places: HashMap<May, u32>,
    /// What came of formulas with answers: many states ask the same.
    answered: HashMap<Answered, u32>,
}

impl Search<'_> {
    fn intern(&mut self, may: May) -> u32 {
        if let Some(place) = self.places.get(&may) {
            return *place;
        }
        let mut asks = Vec::new();
        may.each_path(&mut |place| asks.push(place as u16));
        asks.sort_unstable();
        asks.dedup();
        let place = self.formulas.len() as u32;
        self.places.insert(may.clone(), place);
        self.formulas.push((may, asks.into()));
        place
    }

    /// The formula once these answers are known.
    fn with(&mut self, formula: u32, answers: &[(u16, bool)]) -> u32 {
        let (may, asks) = &self.formulas[formula as usize];
        let asked = answers.iter().filter(|(place, _)| asks.contains(place));
        let answers: Box<[(u16, bool)]> = asked.copied().collect();
        if answers.is_empty() {
            return formula;
        }
        let key = (formula, answers);
        if let Some(left) = self.answered.get(&key) {
            return *left;
        }
        let left = may.map_path(&|place, wanted| {
            let known = key.1.iter().find(|(known, _)| usize::from(*known) == place);
            match known {
                Some((_, known)) => May::yes_if(*known == wanted),
                None => May::Path(place, wanted),
            }
        });
        let left = self.intern(left);
        self.answered.insert(key, left);
        left
    }

    /// A state in its one form: without what is no longer asked.
    fn state(&mut self, formulas: &[u32], at: &[(u16, u32)]) -> State {
        let machines = self.machines;
        let fates: Vec<(u16, bool)> = (at.iter())
            .filter_map(|(machine, state)| {
                let fate = machines[usize::from(*machine)].fate(*state);
                fate.map(|fate| (*machine, fate))
            })
            .collect();
        if fates.is_empty() {
            return (formulas.into(), at.into());
        }
        let left: Box<[u32]> = formulas
            .iter()
            .map(|formula| self.with(*formula, &fates))
            .collect();
        self.asked(left, at)
    }

    /// A state without the machines that nobody asks.
    fn asked(&self, left: Box<[u32]>, at: &[(u16, u32)]) -> State {
        let asked = |machine: u16| {
            let mut formulas = left.iter();
            formulas.any(|formula| self.formulas[*formula as usize].1.contains(&machine))
        };
        let at = at.iter().copied().filter(|(machine, _)| asked(*machine));
        let at = at.collect();
        (left, at)
    }

    fn begin(&mut self, formulas: &[u32], at: &[(u16, u32)]) -> State {
        let (left, at) = self.state(formulas, at);
        self.asked(left, &at)
    }

    fn run(&mut self, formulas: &[u32], states_max: usize) -> Option<Draft> {
        let machines = self.machines;
        let (classes, samples) = classes(machines);
        if samples.len() > usize::from(u8::MAX) {
            return None;
        }
        let begin: Vec<(u16, u32)> = (0..machines.len() as u16)
            .map(|machine| (machine, 0))
            .collect();
        let mut states = vec![self.begin(formulas, &begin)];
        let mut places: HashMap<State, u32> = HashMap::default();
        places.insert(states[0].clone(), 0);
        let (mut next, mut ends) = (Vec::new(), Vec::new());
        let mut current = 0;
        // Most bytes move the machines of a state alike.
        let mut moves: Vec<(Vec<(u16, u32)>, u32)> = Vec::new();
        let mut moved = Vec::new();
        while let Some((formulas, at)) = states.get(current).cloned() {
            current += 1;
            moves.clear();
            for byte in &samples {
                moved.clear();
                moved.extend(at.iter().map(|(machine, state)| {
                    let target = machines[usize::from(*machine)].next(*state, *byte);
                    (*machine, target)
                }));
                if let Some((_, place)) = moves.iter().find(|(known, _)| *known == moved) {
                    next.push(*place);
                    continue;
                }
                let target = self.state(&formulas, &moved);
                let place = *places.entry(target).or_insert_with_key(|target| {
                    states.push(target.clone());
                    states.len() as u32 - 1
                });
                moves.push((moved.clone(), place));
                next.push(place);
            }
            let answers: Vec<(u16, bool)> = (at.iter())
                .map(|(machine, state)| (*machine, machines[usize::from(*machine)].ends(*state)))
                .collect();
            let left: Vec<u32> = (formulas.iter())
                .map(|formula| self.with(*formula, &answers))
                .collect();
            ends.push(left);
            if states.len() > states_max {
                return None;
            }
        }
        Some(Draft {
            classes,
            width: samples.len() + 1,
            next,
            ends,
        })
    }
}

/// Of each byte its class, from 1 on, and a byte of each class: all machines treat those of one class alike.
fn classes(machines: &[Machine]) -> (Box<[u8; 256]>, Vec<u8>) {
    let mut classes = Box::new([0; 256]);
    let mut samples: Vec<u8> = Vec::new();
    let mut known: HashMap<Vec<u8>, u8> = HashMap::default();
    for byte in 0..=255_u8 {
        let treated = machines.iter().map(|machine| machine.class(byte)).collect();
        let class = *known.entry(treated).or_insert_with(|| {
            samples.push(byte);
            samples.len() as u8
        });
        classes[usize::from(byte)] = class;
    }
    (classes, samples)
}

/// An automaton before its smallest form is found.
struct Draft {
    classes: Box<[u8; 256]>,
    width: usize,
    next: Vec<u32>,
    /// Of each state what is left of each formula at the end.
    ends: Vec<Vec<u32>>,
}

impl Draft {
    /// The smallest automaton with the same outcomes.
    fn finish(self) -> (Table, Vec<Vec<u32>>) {
        let states = self.ends.len();
        let classes = self.width - 1;
        let mut outcomes: Vec<Vec<u32>> = Vec::new();
        let mut known: HashMap<&[u32], u32> = HashMap::default();
        let outcome: Vec<u32> = (self.ends.iter())
            .map(|left| {
                *known.entry(left).or_insert_with(|| {
                    outcomes.push(left.clone());
                    outcomes.len() as u32 - 1
                })
            })
            .collect();
        let mut block = outcome.clone();
        let mut count = 0;
        // States that differ in where they lead are told apart until nothing changes.
        loop {
            let mut blocks: HashMap<Box<[u32]>, u32> = HashMap::default();
            let rows = self.next.chunks(classes).zip(&block);
            let refined: Vec<u32> = rows
                .map(|(row, own)| {
                    let targets = row.iter().map(|target| block[*target as usize]);
                    let signature: Box<[u32]> = std::iter::once(*own).chain(targets).collect();
                    let new = blocks.len() as u32;
                    *blocks.entry(signature).or_insert(new)
                })
                .collect();
            let found = blocks.len();
            block = refined;
            if found == count {
                break;
            }
            count = found;
        }
        // The first state is in the first block: blocks are numbered as they are met.
        let mut cells = vec![0; count * self.width];
        for state in 0..states {
            let row = block[state] as usize * self.width;
            cells[row] = outcome[state];
            for class in 0..classes {
                let target = self.next[state * classes + class] as usize;
                cells[row + 1 + class] = block[target] * self.width as u32;
            }
        }
        let table = Table {
            classes: self.classes,
            width: self.width,
            cells,
        };
        (table, outcomes)
    }
}
