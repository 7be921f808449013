//! Formulas as steps that a kernel can take: each asks one thing and says where to go on, always forward.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::Filter;
use super::may::May;

/// Where a program begins, or goes on: a step, or one of [`SEND`] and [`SKIP`].
pub type Place = u16;
/// The event is to be sent.
pub const SEND: Place = u16::MAX;
/// Nobody needs it.
pub const SKIP: Place = u16::MAX - 1;

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is asked.
    pub asks: Asks,
    /// Where to go on if it holds.
    pub yes: Place,
    /// Where, if not.
    pub no: Place,
}

/// What a step asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Whether the result is in a range, both ends included.
    Result(i64, i64),
    /// Whether one of these open flags is set.
    Flags(u32),
}

/// All programs of a filter; equal ones are one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Programs {
    /// The steps of all.
    pub steps: Vec<Step>,
    /// Of each call of [`Filter::opens`], where to begin before its path is looked at, and by what is known of the path.
    pub opens: Vec<(Place, Vec<Place>)>,
}

/// More steps than this are not taken for one event.
pub const STEPS_MAX: usize = 48;

impl Filter {
    /// The formulas as programs.
    pub fn programs(&self) -> Programs {
        let mut writer = Writer::default();
        let opens = self.opens.iter().map(|open| {
            let first = writer.place(&open.any_path);
            let by_path = open.by_path.iter().map(|may| writer.place(may)).collect();
            (first, by_path)
        });
        let opens = opens.collect();
        Programs {
            steps: writer.steps,
            opens,
        }
    }
}

#[derive(Default)]
struct Writer {
    steps: Vec<Step>,
    known: HashMap<May, Place, FxBuildHasher>,
}

impl Writer {
    fn place(&mut self, may: &May) -> Place {
        if let Some(place) = self.known.get(may) {
            return *place;
        }
        let before = self.steps.len();
        let mut place = self.write(may, SEND, SKIP);
        // What is too long to be asked is sent.
        if self.steps.len() - before > STEPS_MAX || self.steps.len() >= usize::from(SKIP) {
            self.steps.truncate(before);
            place = SEND;
        }
        self.known.insert(may.clone(), place);
        place
    }

    /// Writes a formula so that it goes on at one of two places; gives where it begins. What follows is written before.
    fn write(&mut self, may: &May, yes: Place, no: Place) -> Place {
        match may {
            May::No => no,
            May::Yes | May::Path(..) => yes,
            May::Result(ranges) => ranges.iter().rev().fold(no, |next, (first, last)| {
                self.step(Asks::Result(first, last), yes, next)
            }),
            May::Flags { mask, set: true } => self.step(Asks::Flags(*mask), yes, no),
            May::Flags { mask, set: false } => self.step(Asks::Flags(*mask), no, yes),
            May::All(parts) => {
                (parts.iter().rev()).fold(yes, |next, part| self.write(part, next, no))
            }
            May::Any(parts) => {
                (parts.iter().rev()).fold(no, |next, part| self.write(part, yes, next))
            }
        }
    }

    fn step(&mut self, asks: Asks, yes: Place, no: Place) -> Place {
        self.steps.push(Step { asks, yes, no });
        // More than there are places for are cut off by `place`.
        (self.steps.len() - 1).min(usize::from(SKIP)) as Place
    }
}

impl Programs {
    /// Whether a program that begins there sends, as a kernel would find out.
    pub fn sends(&self, mut at: Place, result: i64, flags: u32) -> bool {
        while let Some(step) = self.steps.get(usize::from(at)) {
            let holds = match step.asks {
                Asks::Result(first, last) => (first..=last).contains(&result),
                Asks::Flags(mask) => flags & mask != 0,
            };
            at = if holds { step.yes } else { step.no };
        }
        at == SEND
    }
}
