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
}

impl<T> Queue<T> {
    /// An empty queue; it grows with what is in it.
    pub(crate) fn new(capacity: usize) -> Queue<T> {
        Queue {
            capacity: capacity.max(1),
            state: Mutex::new(State {
                items: VecDeque::new(),
                closed: false,
            }),
            filled: Condvar::new(),
            drained: Condvar::new(),
        }
    }

    /// Puts an item at the end; gives it back if there is no room within `patience`.
    pub(crate) fn push(&self, item: T, patience: Duration) -> Result<(), T> {
        let mut state = self.lock();
        if state.items.len() >= self.capacity && !patience.is_zero() {
            let deadline = Instant::now() + patience;
            while state.items.len() >= self.capacity {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let waited = self.drained.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        if state.items.len() >= self.capacity {
            return Err(item);
        }
        state.items.push_back(item);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Puts an item at the end, room or not: for the few that must not be lost.
    pub(crate) fn push_always(&self, item: T) {
        self.lock().items.push_back(item);
        self.filled.notify_one();
    }

    /// The first item; waits for one. `None` once the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                drop(state);
                self.drained.notify_one();
                return Some(item);
            }
            if state.closed {
                return None;
            }
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Throws away what is in it; tells how many.
    pub(crate) fn clear(&self) -> usize {
        let items = std::mem::take(&mut self.lock().items);
        items.len()
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
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
