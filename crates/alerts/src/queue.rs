//! A bounded queue between one who raises and one who writes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Items in order, never more than its capacity.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    capacity: usize,
    state: Mutex<State<T>>,
    /// Something was put in, or the queue was closed.
    filled: Condvar,
    /// Something was taken out.
    drained: Condvar,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    closed: bool,
    /// How many wait for an item, and for room: nobody is woken where nobody sleeps.
    hungry: usize,
    patient: usize,
}

impl<T> Queue<T> {
    /// An empty queue; it grows with what is in it.
    pub(crate) fn new(capacity: usize) -> Queue<T> {
        Queue {
            capacity: capacity.max(1),
            state: Mutex::new(State {
                items: VecDeque::new(),
                closed: false,
                hungry: 0,
                patient: 0,
            }),
            filled: Condvar::new(),
            drained: Condvar::new(),
        }
    }

    /// Puts an item at the end; gives it back if there is no room within `patience`, or when the queue is closed.
    pub(crate) fn push(&self, item: T, patience: Duration) -> Result<(), T> {
        let mut state = self.lock();
        if self.is_full(&state) && !patience.is_zero() {
            let deadline = Instant::now() + patience;
            while self.is_full(&state) {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                state.patient += 1;
                let waited = self.drained.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                state.patient -= 1;
            }
        }
        if self.is_full(&state) || state.closed {
            return Err(item);
        }
        self.put(state, item);
        Ok(())
    }

    /// Puts an item at the end, room or not: for the few that must not be lost.
    pub(crate) fn push_always(&self, item: T) {
        self.put(self.lock(), item);
    }

    fn put(&self, mut state: MutexGuard<'_, State<T>>, item: T) {
        state.items.push_back(item);
        let sleeps = state.hungry > 0;
        drop(state);
        if sleeps {
            self.filled.notify_one();
        }
    }

    /// The first item; waits for one. `None` once the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        while state.items.is_empty() && !state.closed {
            state.hungry += 1;
            let waited = self.filled.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
            state.hungry -= 1;
        }
        self.first(state)
    }

    /// The first item, if there is one.
    pub(crate) fn pop_now(&self) -> Option<T> {
        self.first(self.lock())
    }

    fn first(&self, mut state: MutexGuard<'_, State<T>>) -> Option<T> {
        let item = state.items.pop_front();
        let sleeps = item.is_some() && state.patient > 0;
        drop(state);
        if sleeps {
            self.drained.notify_one();
        }
        item
    }

    /// Nothing more will come: who waits for room gets back what is in hand, who waits for items gets what is left.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.drained.notify_all();
    }

    /// Whether nothing more will come.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Takes out all that is in it.
    pub(crate) fn take_all(&self) -> VecDeque<T> {
        let items = std::mem::take(&mut self.lock().items);
        self.drained.notify_all();
        items
    }

    /// Waits until nothing more will come, or so long; whether it is closed.
    pub(crate) fn wait_closed(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        while !state.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.filled.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.closed
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    fn is_full(&self, state: &State<T>) -> bool {
        state.items.len() >= self.capacity && !state.closed
    }

    /// Nobody leaves the state halfway: one who panicked left it as it was.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_comes_back() {
        let queue = Queue::new(2);
        assert_eq!(queue.push(1, Duration::ZERO), Ok(()));
        assert_eq!(queue.push(2, Duration::ZERO), Ok(()));
        assert_eq!(queue.push(3, Duration::ZERO), Err(3));
        assert_eq!(queue.push(3, Duration::from_millis(1)), Err(3));
        queue.push_always(4);
        assert_eq!(queue.len(), 3);
        queue.close();
        assert_eq!(queue.push(5, Duration::from_secs(30)), Err(5));
        let all: Vec<i32> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(all, [1, 2, 4]);
    }

    #[test]
    fn a_patient_one_waits_for_room() {
        let queue = Queue::new(1);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..1000 {
                    queue.push(number, Duration::from_secs(30)).unwrap();
                }
                queue.close();
            });
            let all: Vec<i32> = std::iter::from_fn(|| queue.pop()).collect();
            assert_eq!(all, (0..1000).collect::<Vec<_>>());
        });
    }
}
