//! One question to a path as an automaton of its own.

use regex_automata::{
    Anchored, MatchKind,
    dfa::{Automaton, StartKind, dense},
    util::{primitives::StateID, syntax},
};
use rustc_hash::FxBuildHasher;

type HashMap<K, V> = hashbrown::HashMap<K, V, FxBuildHasher>;

/// States that one question may have.
const STATES_MAX: usize = 20_000;
/// Memory while it is made.
const BYTES_MAX: usize = 16 << 20;

/// An automaton that reads a whole path.
pub(super) struct Machine {
    /// Of each byte its class, from 0 on.
    classes: Box<[u8; 256]>,
    width: usize,
    /// The next state, by state and class; the first state is 0.
    next: Vec<u32>,
    /// Whether the answer is yes when the path ends there.
    ends: Vec<bool>,
    /// The answer, where it no longer depends on what follows.
    fates: Vec<Option<bool>>,
}

impl Machine {
    /// `None` when it becomes too large.
    pub(super) fn new(pattern: &str) -> Option<Machine> {
        let config = dense::Config::new()
            .match_kind(MatchKind::All)
            .start_kind(StartKind::Anchored)
            .dfa_size_limit(Some(BYTES_MAX))
            .determinize_size_limit(Some(BYTES_MAX));
        let syntax = syntax::Config::new()
            .unicode(false)
            .utf8(false)
            .dot_matches_new_line(true);
        let dfa = dense::Builder::new()
            .configure(config)
            .syntax(syntax)
            .build(pattern)
            .ok()?;
        let start = dfa.universal_start_state(Anchored::Yes)?;

        // A byte of each of the classes that all states treat alike.
        let mut classes = Box::new([0; 256]);
        let mut samples: Vec<u8> = Vec::new();
        let mut class_of: HashMap<u8, u8> = HashMap::default();
        for byte in 0..=255_u8 {
            let class = *class_of
                .entry(dfa.byte_classes().get(byte))
                .or_insert_with(|| {
                    samples.push(byte);
                    samples.len() as u8 - 1
                });
            classes[usize::from(byte)] = class;
        }

        let mut places: HashMap<StateID, u32> = HashMap::default();
        let mut states = vec![start];
        places.insert(start, 0);
        let (mut next, mut ends) = (Vec::new(), Vec::new());
        let mut at = 0;
        while let Some(&state) = states.get(at) {
            at += 1;
            for byte in &samples {
                let target = dfa.next_state(state, *byte);
                next.push(*places.entry(target).or_insert_with(|| {
                    states.push(target);
                    states.len() as u32 - 1
                }));
            }
            ends.push(dfa.is_match_state(dfa.next_eoi_state(state)));
            if states.len() > STATES_MAX {
                return None;
            }
        }
        let mut machine = Machine {
            classes,
            width: samples.len(),
            next,
            ends,
            fates: Vec::new(),
        };
        machine.find_fates();
        Some(machine)
    }

    /// A state's fate is open when ends of both kinds can be reached from it.
    fn find_fates(&mut self) {
        let reaches = |answer: bool| {
            let mut reaching: Vec<bool> = self.ends.iter().map(|end| *end == answer).collect();
            let mut changed = true;
            while changed {
                changed = false;
                for (state, row) in self.next.chunks(self.width).enumerate().rev() {
                    if !reaching[state] && row.iter().any(|target| reaching[*target as usize]) {
                        reaching[state] = true;
                        changed = true;
                    }
                }
            }
            reaching
        };
        let (yes, no) = (reaches(true), reaches(false));
        let fates = yes.iter().zip(no).map(|fate| match fate {
            (true, true) => None,
            (yes, _) => Some(*yes),
        });
        self.fates = fates.collect();
    }

    pub(super) fn class(&self, byte: u8) -> u8 {
        self.classes[usize::from(byte)]
    }

    pub(super) fn next(&self, state: u32, byte: u8) -> u32 {
        self.next[state as usize * self.width + usize::from(self.class(byte))]
    }

    pub(super) fn fate(&self, state: u32) -> Option<bool> {
        self.fates[state as usize]
    }

    pub(super) fn ends(&self, state: u32) -> bool {
        self.ends[state as usize]
    }
}
