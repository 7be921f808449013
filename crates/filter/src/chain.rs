//! Many conditions as one: those that are asked of the same kind of thing, one after the other.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::Values;
use crate::program::{ACCEPT, Known, Last, Memo, Program, REJECT, Tests};

/// Conditions one after the other, in one piece of jump code. What follows from the answers that led somewhere is not asked there again, nor
/// in any condition after it: where one fails, running goes on at the first comparison of another whose answer is open.
#[derive(Clone, Debug)]
pub struct Chain {
    start: u32,
    code: Box<[Step]>,
    /// Targets that are no steps: the first of them follows the last step.
    holds: Box<[Holds]>,
}

/// A test, and where to go on.
#[derive(Clone, Copy, Debug)]
struct Step {
    test: u32,
    /// Whether a step before it may have made the same test, and whether one after it may make it.
    again: bool,
    keep: bool,
    on_true: u32,
    on_false: u32,
}

/// A condition holds; where those after it begin.
#[derive(Clone, Copy, Debug)]
struct Holds {
    condition: u32,
    next: u32,
}

const END: u32 = u32::MAX;

impl Chain {
    /// Puts conditions together, each with a number to tell it by, when some answers are known.
    pub fn new<'p>(
        conditions: impl IntoIterator<Item = (u32, &'p Program)>,
        known: Option<&Known>,
    ) -> Chain {
        Joined::new(conditions, known).thread()
    }

    /// Whether none of the conditions can hold.
    pub fn is_empty(&self) -> bool {
        self.start == END
    }

    /// Asks all conditions, and tells those that hold, in order, until it is told not to go on. `tests` are those of the compiler that made the
    /// programs; `memo` is of the same tests, and of the thing that `values` come from.
    #[inline]
    pub fn run<'e>(
        &self,
        tests: &Tests,
        values: &impl Values<'e>,
        memo: &mut Memo,
        mut on_match: impl FnMut(u32) -> bool,
    ) {
        let mut last = Last::default();
        let mut at = self.start as usize;
        loop {
            while let Some(step) = self.code.get(at) {
                let kept = if step.again {
                    memo.answer(step.test)
                } else {
                    None
                };
                let holds = kept.unwrap_or_else(|| {
                    let holds = tests.make(step.test, values, &mut last);
                    if step.keep {
                        memo.keep(step.test, holds);
                    }
                    holds
                });
                at = if holds { step.on_true } else { step.on_false } as usize;
            }
            let Some(holds) = self.holds.get(at - self.code.len()) else {
                return;
            };
            if !on_match(holds.condition) {
                return;
            }
            at = holds.next as usize;
        }
    }
}

/// A place in conditions that were put one after the other; every target is a later place.
enum Place {
    /// The beginning of a condition, or a test whose answer is known.
    Go(usize),
    /// A test, and where to go on when it does not hold and when it does.
    Ask { test: u32, targets: [usize; 2] },
    /// The condition holds. Those after it begin at the next place.
    Holds(u32),
}

/// Conditions one after the other, as they are.
struct Joined {
    places: Vec<Place>,
    /// The tests that are at more places than one, in order.
    tests: Vec<u32>,
}

/// Of so many tests it is followed what their answers lead to: one that is asked again nevertheless is remembered when chains are run.
const MAX_FOLLOWED: usize = 1024;

impl Joined {
    fn new<'p>(
        conditions: impl IntoIterator<Item = (u32, &'p Program)>,
        known: Option<&Known>,
    ) -> Joined {
        let mut places = Vec::new();
        for (condition, program) in conditions {
            let first = places.len() + 1;
            let accept = first + program.code.len();
            let target = |target: u32| match target {
                ACCEPT => accept,
                REJECT => accept + 1,
                step => first + step as usize,
            };
            places.push(Place::Go(target(program.start)));
            places.extend(program.code.iter().map(|step| {
                let targets = [target(step.on_false), target(step.on_true)];
                match known.and_then(|known| known.answer(step.test)) {
                    Some(answer) => Place::Go(targets[usize::from(answer)]),
                    None => Place::Ask {
                        test: step.test,
                        targets,
                    },
                }
            }));
            places.push(Place::Holds(condition));
        }
        let asked = places.iter().filter_map(|place| match place {
            Place::Ask { test, .. } => Some(*test),
            _ => None,
        });
        let mut asked: Vec<u32> = asked.collect();
        asked.sort_unstable();
        let several = asked.chunk_by(u32::eq).filter(|same| same.len() > 1);
        let tests = several.map(|same| same[0]).take(MAX_FOLLOWED).collect();
        Joined { places, tests }
    }

    /// Leads every jump past the tests whose answers follow from how one comes there, and leaves out what nothing leads to.
    fn thread(&self) -> Chain {
        let answers = Answers::none(self.tests.len());
        // Of each place, the answers that every way there has in common.
        let mut common: Vec<Option<Answers>> = vec![None; self.places.len()];
        let start = self.lead(0, &answers, &mut common);
        let (mut asked, mut holding) = (Vec::new(), Vec::new());
        for (at, place) in self.places.iter().enumerate() {
            // All ways to a place begin before it.
            let Some(mut answers) = common.get_mut(at).and_then(Option::take) else {
                continue;
            };
            match place {
                Place::Go(_) => {}
                Place::Ask { test, targets } => {
                    let followed = self.tests.binary_search(test);
                    let targets = [false, true].map(|answer| {
                        if let Ok(test) = followed {
                            answers.set(test, answer);
                        }
                        self.lead(targets[usize::from(answer)], &answers, &mut common)
                    });
                    asked.push((at, *test, targets));
                }
                Place::Holds(condition) => {
                    holding.push((at, *condition, self.lead(at + 1, &answers, &mut common)));
                }
            }
        }
        // Where things are once only they are there.
        let mut moved = vec![END; self.places.len() + 1];
        let places = asked.iter().map(|(at, ..)| *at);
        for (to, from) in (0..).zip(places.chain(holding.iter().map(|(at, ..)| *at))) {
            moved[from] = to;
        }
        // Of each test the first and the last step that makes it.
        let mut ends: HashMap<u32, [usize; 2], FxBuildHasher> = HashMap::default();
        for (at, test, _) in &asked {
            ends.entry(*test).or_insert([*at; 2])[1] = *at;
        }
        Chain {
            start: moved[start],
            code: (asked.iter())
                .map(|&(at, test, [on_false, on_true])| Step {
                    test,
                    again: ends[&test][0] != at,
                    keep: ends[&test][1] != at,
                    on_true: moved[on_true],
                    on_false: moved[on_false],
                })
                .collect(),
            holds: (holding.iter())
                .map(|&(_, condition, next)| Holds {
                    condition,
                    next: moved[next],
                })
                .collect(),
        }
    }

    /// Where one comes who goes on at a place with these answers; notes there that one may.
    fn lead(&self, from: usize, answers: &Answers, common: &mut [Option<Answers>]) -> usize {
        let to = self.follow(from, answers);
        match common.get_mut(to) {
            Some(Some(others)) => others.keep_common(answers),
            Some(nobody) => *nobody = Some(answers.clone()),
            None => {}
        }
        to
    }

    /// The first place from here on where an answer is open, or a condition holds.
    fn follow(&self, mut at: usize, answers: &Answers) -> usize {
        loop {
            at = match self.places.get(at) {
                Some(Place::Go(to)) => *to,
                Some(Place::Ask { test, targets }) => {
                    let followed = self.tests.binary_search(test).ok();
                    match followed.and_then(|test| answers.get(test)) {
                        Some(answer) => targets[usize::from(answer)],
                        None => return at,
                    }
                }
                Some(Place::Holds(_)) | None => return at,
            };
        }
    }
}

/// Answers to some of the tests.
#[derive(Clone)]
struct Answers(Box<[Word]>);

/// Which of 64 tests have answers, and which of these are yes.
#[derive(Clone, Copy, Default)]
struct Word {
    known: u64,
    yes: u64,
}

impl Answers {
    fn none(tests: usize) -> Answers {
        Answers(vec![Word::default(); tests / 64 + 1].into())
    }

    fn get(&self, test: usize) -> Option<bool> {
        let (word, bit) = (self.0[test / 64], 1 << (test % 64));
        (word.known & bit != 0).then_some(word.yes & bit != 0)
    }

    fn set(&mut self, test: usize, answer: bool) {
        let (word, bit) = (&mut self.0[test / 64], 1 << (test % 64));
        word.known |= bit;
        if answer {
            word.yes |= bit;
        } else {
            word.yes &= !bit;
        }
    }

    /// Forgets what the others do not say as well.
    fn keep_common(&mut self, others: &Answers) {
        for (word, other) in self.0.iter_mut().zip(&others.0) {
            word.known &= other.known & !(word.yes ^ other.yes);
            word.yes &= word.known;
        }
    }
}
