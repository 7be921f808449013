//! What several threads make, put into the order in which it was asked for.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Gives out places in the order and keeps what is made out of turn.
#[derive(Debug)]
pub(super) struct Desk<T> {
    ledger: Mutex<Ledger<T>>,
    /// Nothing is waited for any more.
    emptied: Condvar,
}

#[derive(Debug)]
struct Ledger<T> {
    /// The number of the first place.
    first: u64,
    /// What is made, `None` while it is waited for. The first place always waits.
    places: VecDeque<Option<Vec<T>>>,
}

impl<T> Desk<T> {
    pub(super) fn new() -> Desk<T> {
        Desk {
            ledger: Mutex::new(Ledger {
                first: 0,
                places: VecDeque::new(),
            }),
            emptied: Condvar::new(),
        }
    }

    /// A place behind all others, to be filled later.
    pub(super) fn place(&self) -> u64 {
        let mut ledger = self.ledger();
        ledger.places.push_back(None);
        ledger.first + ledger.places.len() as u64 - 1
    }

    /// Fills a place, once. `emit` gets what is no longer waited for, in order.
    pub(super) fn fill(&self, place: u64, made: Vec<T>, mut emit: impl FnMut(T)) {
        let mut ledger = self.ledger();
        let at = place.wrapping_sub(ledger.first) as usize;
        if let Some(waits) = ledger.places.get_mut(at) {
            *waits = Some(made);
        }
        while let Some(made) = ledger.next() {
            made.into_iter().for_each(&mut emit);
        }
        if ledger.places.is_empty() {
            self.emptied.notify_all();
        }
    }

    /// What comes behind all places that there are.
    pub(super) fn add(&self, made: T, mut emit: impl FnMut(T)) {
        let mut ledger = self.ledger();
        match ledger.places.back_mut() {
            None => emit(made),
            Some(Some(last)) => last.push(made),
            Some(None) => ledger.places.push_back(Some(vec![made])),
        }
    }

    /// Waits until nothing is waited for, at most that long; whether that is so.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let ledger = self.ledger();
        let waited = self
            .emptied
            .wait_timeout_while(ledger, limit, |ledger| !ledger.places.is_empty());
        let ledger = waited.unwrap_or_else(PoisonError::into_inner).0;
        ledger.places.is_empty()
    }

    /// Nobody leaves it halfway: one who panicked left it as it was.
    fn ledger(&self) -> MutexGuard<'_, Ledger<T>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Ledger<T> {
    /// What is in the first place, if it is no longer waited for.
    fn next(&mut self) -> Option<Vec<T>> {
        let made = self.places.front_mut()?.take()?;
        self.places.pop_front();
        self.first += 1;
        Some(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_out_of_turn_waits() {
        let desk = Desk::new();
        let mut out = Vec::new();
        desk.add(1, |made| out.push(made));
        let (a, b) = (desk.place(), desk.place());
        desk.add(5, |made| out.push(made));
        desk.add(6, |made| out.push(made));
        let c = desk.place();
        assert!(!desk.wait(Duration::ZERO));
        desk.fill(b, vec![3, 4], |made| out.push(made));
        assert_eq!(out, [1]);
        desk.fill(a, vec![2], |made| out.push(made));
        assert_eq!(out, [1, 2, 3, 4, 5, 6]);
        desk.fill(c, Vec::new(), |made| out.push(made));
        assert!(desk.wait(Duration::ZERO));
        desk.add(7, |made| out.push(made));
        assert_eq!(out, [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn threads_keep_the_order() {
        let (desk, out) = (Desk::new(), Mutex::new(Vec::new()));
        let places: Vec<u64> = (0..600).map(|_| desk.place()).collect();
        std::thread::scope(|scope| {
            for worker in 0..3 {
                let (desk, out, places) = (&desk, &out, &places);
                scope.spawn(move || {
                    for place in places.iter().skip(worker).step_by(3) {
                        desk.fill(*place, vec![*place], |made| out.lock().unwrap().push(made));
                    }
                });
            }
            assert!(desk.wait(Duration::from_secs(30)));
        });
        assert_eq!(*out.lock().unwrap(), places);
    }
}
