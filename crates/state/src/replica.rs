//! Copies of the state that take in the same events, each on a thread of its own.
//!
//! What an event does to the state follows from the state and the event, but for what only the running machine can tell: `/proc` is asked
//! about threads that nobody knows. That is asked once, by the state that was copied. It keeps the answers in order
//! ([`State::take_answers`]), and a copy is told them before it takes in the same event ([`State::hear`]). So all copies stay equal.

use std::collections::VecDeque;

use crate::{Fd, Scratch, State, Thread, Threads, procfs::Live};

/// What the running machine said to one question.
#[derive(Clone, Debug)]
pub struct Answer(pub(crate) Said);

#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// The thread that nobody knew, if it was found.
    Thread(Option<Box<Found>>),
    /// The descriptor that came from another process, if there is one of that number.
    Fd(Option<Box<Fd>>),
    /// Whether a thread still runs.
    Alive(bool),
    /// The texts of `passwd` and `group` in a container, if its root directory could be looked into; one that could not be read is empty.
    Accounts(Option<[Box<[u8]>; 2]>),
}

/// A thread that was looked up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// The main thread of its process with its descriptors, unless that is known.
    pub(crate) process: Option<(Thread, Vec<(i64, Fd)>)>,
    /// The thread, unless it is that.
    pub(crate) thread: Option<Thread>,
}

/// Who can tell of the running machine.
#[derive(Debug)]
pub(crate) enum Machine {
    /// It is asked.
    Here(Box<Live>),
    /// It was asked by the state that this one is a copy of.
    Told(VecDeque<Said>),
}

impl State {
    /// A copy that stays equal if it takes in the same events. From now on answers are kept for it.
    #[must_use]
    pub fn replica(&mut self) -> State {
        if self.machine.is_some() {
            self.answers.get_or_insert_default();
        }
        State {
            threads: self.threads.clone(),
            containers: self.containers.clone(),
            kubernetes: self.kubernetes.clone(),
            users: self.users.clone(),
            interfaces: self.interfaces.clone(),
            boot_ns: self.boot_ns,
            host_root: self.host_root.clone(),
            limits: self.limits,
            counters: self.counters,
            leaving: self.leaving.clone(),
            gone: self.gone.clone(),
            listening: self.listening.clone(),
            purge: self.purge,
            waiting: self.waiting.clone(),
            machine: self
                .machine
                .as_ref()
                .map(|_| Machine::Told(VecDeque::new())),
            answers: None,
            scratch: Scratch::default(),
        }
    }

    /// There are no copies any more.
    pub fn dismiss_replicas(&mut self) {
        self.answers = None;
    }

    /// What was answered since the last time; nothing while there are no copies.
    #[inline]
    pub fn take_answers(&mut self) -> Vec<Answer> {
        match &mut self.answers {
            Some(answers) if !answers.is_empty() => std::mem::take(answers),
            _ => Vec::new(),
        }
    }

    /// Tells a copy what was answered when the state that it was copied from took in the event that comes next.
    pub fn hear(&mut self, answers: &[Answer]) {
        if let Some(Machine::Told(told)) = &mut self.machine {
            told.extend(answers.iter().map(|answer| answer.0.clone()));
        }
    }

    /// Asks the running machine; `None` where there is none.
    pub(crate) fn ask(
        &mut self,
        question: impl FnOnce(&mut Live, &Threads) -> Said,
    ) -> Option<Said> {
        match self.machine.as_mut()? {
            Machine::Here(live) => {
                let said = question(live, &self.threads);
                live.forget_sockets();
                if let Some(answers) = &mut self.answers {
                    answers.push(Answer(said.clone()));
                }
                Some(said)
            }
            Machine::Told(told) => told.pop_front(),
        }
    }

    /// The running machine, where it can be asked.
    pub(crate) fn here(&mut self) -> Option<&mut Live> {
        match &mut self.machine {
            Some(Machine::Here(live)) => Some(live),
            _ => None,
        }
    }
}
