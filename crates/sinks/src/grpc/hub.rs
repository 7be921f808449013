//! Alerts between the one who writes them and the clients that read them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_stream::Stream;
use tonic::Status;

/// How many may read at once.
const MAX_READERS: usize = 256;

/// The last messages, bounded in bytes. Each reader has its place among them; who falls behind loses the oldest.
///
/// What nobody has taken yet waits for the next reader. The writer waits for the fastest reader while that one gets on, and never for the
/// others: a reader that sleeps costs nobody else anything.
#[derive(Debug)]
pub(crate) struct Hub {
    max_bytes: usize,
    patience: Duration,
    state: Mutex<State>,
    /// Somebody took something, or left.
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Bytes>,
    bytes: usize,
    /// The number of the first message that is there, counted from the beginning.
    first: u64,
    /// The number of the first message that nobody has taken.
    untaken: u64,
    /// The next message of each reader.
    readers: Vec<(u64, u64)>,
    last_reader: u64,
    /// Who waits for a message.
    sleepers: Vec<Waker>,
    /// The fastest reader took nothing for too long; until it does, nobody waits for it.
    stalled: bool,
    closed: bool,
    /// Somebody waits for readers to get on.
    watched: bool,
    lost: u64,
}

impl Hub {
    /// With room for so many bytes; the writer waits for `patience` for a reader that takes nothing.
    pub(crate) fn new(max_bytes: usize, patience: Duration) -> Hub {
        Hub {
            max_bytes,
            patience,
            state: Mutex::default(),
            moved: Condvar::new(),
        }
    }

    /// Adds a message.
    pub(crate) fn publish(&self, message: Bytes) {
        let mut state = self.lock();
        while state.bytes + message.len() > self.max_bytes && !state.messages.is_empty() {
            if state.first >= state.untaken {
                if !state.readers.is_empty() && !state.stalled {
                    state = self.wait(state);
                    continue;
                }
                state.untaken += 1;
                state.lost += 1;
            }
            state.pop();
        }
        state.bytes += message.len();
        state.messages.push_back(message);
        let sleepers = std::mem::take(&mut state.sleepers);
        drop(state);
        sleepers.into_iter().for_each(Waker::wake);
    }

    /// Waits until the fastest reader has taken something.
    fn wait<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let (before, deadline) = (state.untaken, Instant::now() + self.patience);
        while state.untaken == before && !state.readers.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.stalled = true;
                break;
            }
            state = self.sleep(state, left);
        }
        state
    }

    /// Waits until a reader has taken something.
    fn sleep<'a>(&self, mut state: MutexGuard<'a, State>, left: Duration) -> MutexGuard<'a, State> {
        state.watched = true;
        let waited = self.moved.wait_timeout(state, left);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.watched = false;
        state
    }

    /// A reader of what nobody has taken, and of what is to come. `None` if there are too many.
    pub(crate) fn reader(self: &Arc<Hub>) -> Option<Reader> {
        let mut state = self.lock();
        if state.readers.len() >= MAX_READERS {
            return None;
        }
        state.last_reader += 1;
        let (id, next) = (state.last_reader, state.untaken);
        state.readers.push((id, next));
        drop(state);
        Some(Reader {
            hub: Arc::clone(self),
            id,
            end: u64::MAX,
        })
    }

    /// There will be no more messages: who has read all comes to the end. Waits for readers as long as one of them gets on.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let sleepers = std::mem::take(&mut state.sleepers);
        drop(state);
        sleepers.into_iter().for_each(Waker::wake);
        let mut state = self.lock();
        let mut at = state.progress();
        let mut deadline = Instant::now() + self.patience;
        while !state.readers.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.sleep(state, left);
            if state.progress() != at {
                at = state.progress();
                deadline = Instant::now() + self.patience;
            }
        }
    }

    /// How many messages a reader, or all, never got.
    pub(crate) fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Nobody leaves the state halfway.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pop(&mut self) {
        if let Some(message) = self.messages.pop_front() {
            self.bytes -= message.len();
            self.first += 1;
        }
    }

    /// Lets go of what everybody has.
    fn trim(&mut self) {
        let slowest = self.readers.iter().map(|(_, next)| *next).min();
        let needed = slowest.unwrap_or(self.untaken).min(self.untaken);
        while self.first < needed && !self.messages.is_empty() {
            self.pop();
        }
    }

    /// Changes whenever a reader takes something.
    fn progress(&self) -> u64 {
        self.readers
            .iter()
            .fold(0, |sum, (_, next)| sum.wrapping_add(*next))
    }

    fn end(&self) -> u64 {
        self.first + self.messages.len() as u64
    }
}

/// Reads from a [`Hub`].
#[derive(Debug)]
pub(crate) struct Reader {
    hub: Arc<Hub>,
    id: u64,
    /// The number of the message before which it ends.
    end: u64,
}

impl Reader {
    /// Ends with what is there now.
    pub(crate) fn end_here(&mut self) {
        if self.end == u64::MAX {
            self.end = self.hub.lock().end();
        }
    }

    /// The next message; `None` at the end.
    fn poll(&self, context: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.hub.lock();
        let State {
            readers,
            messages,
            first,
            lost,
            untaken,
            stalled,
            closed,
            sleepers,
            ..
        } = &mut *state;
        let Some((_, next)) = readers.iter_mut().find(|(id, _)| *id == self.id) else {
            return Poll::Ready(None);
        };
        *lost += first.saturating_sub(*next);
        *next = (*next).max(*first);
        if *next >= self.end {
            return Poll::Ready(None);
        }
        let Some(message) = messages.get((*next - *first) as usize).cloned() else {
            if *closed {
                return Poll::Ready(None);
            }
            if !sleepers
                .iter()
                .any(|waker| waker.will_wake(context.waker()))
            {
                sleepers.push(context.waker().clone());
            }
            return Poll::Pending;
        };
        *next += 1;
        if *next > *untaken {
            *untaken = *next;
            *stalled = false;
        }
        state.trim();
        let watched = state.watched;
        drop(state);
        if watched {
            self.hub.moved.notify_all();
        }
        Poll::Ready(Some(message))
    }
}

impl Stream for Reader {
    type Item = Result<Bytes, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context).map(|message| message.map(Ok))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.hub.lock();
        state.readers.retain(|(id, _)| *id != self.id);
        state.trim();
        drop(state);
        self.hub.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(20);

    fn message(number: u8) -> Bytes {
        Bytes::copy_from_slice(&[number])
    }

    /// What a reader can take without waiting.
    fn all(reader: &Reader) -> Vec<u8> {
        let context = Context::from_waker(Waker::noop());
        let mut taken = Vec::new();
        while let Poll::Ready(Some(message)) = reader.poll(&context) {
            taken.push(message[0]);
        }
        taken
    }

    #[test]
    fn what_nobody_took_waits_and_what_has_no_room_is_counted() {
        let hub = Arc::new(Hub::new(3, PATIENCE));
        (0..5).for_each(|number| hub.publish(message(number)));
        assert_eq!(hub.lost(), 2);
        let mut first = hub.reader().unwrap();
        first.end_here();
        assert_eq!(all(&first), [2, 3, 4]);
        assert!(hub.lock().messages.is_empty(), "everybody has them");
        drop(first);
        hub.publish(message(5));
        assert_eq!(all(&hub.reader().unwrap()), [5]);
        assert_eq!(hub.lost(), 2);
    }

    #[test]
    fn every_reader_gets_all_that_comes() {
        let hub = Arc::new(Hub::new(10, PATIENCE));
        let (one, other) = (hub.reader().unwrap(), hub.reader().unwrap());
        (0..4).for_each(|number| hub.publish(message(number)));
        assert_eq!(all(&one), [0, 1, 2, 3]);
        let late = hub.reader().unwrap();
        hub.publish(message(4));
        assert_eq!(all(&late), [4]);
        assert_eq!(all(&other), [0, 1, 2, 3, 4]);
        assert_eq!(all(&one), [4]);
        hub.close();
        let context = Context::from_waker(Waker::noop());
        assert!(matches!(one.poll(&context), Poll::Ready(None)));
    }

    #[test]
    fn a_slow_reader_loses_and_holds_up_nobody() {
        let hub = Arc::new(Hub::new(2, Duration::from_mins(10)));
        let (quick, slow) = (hub.reader().unwrap(), hub.reader().unwrap());
        for number in 0..9 {
            hub.publish(message(number));
            assert_eq!(all(&quick), [number]);
        }
        assert_eq!(all(&slow), [7, 8]);
        assert_eq!(hub.lost(), 7);
    }

    #[test]
    fn the_writer_waits_for_the_fastest_reader_and_gives_up_on_one_that_sleeps() {
        let hub = Arc::new(Hub::new(2, Duration::from_mins(10)));
        let reader = hub.reader().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..200).for_each(|number| hub.publish(message(number))));
            let mut taken = Vec::new();
            while taken.len() < 200 {
                taken.extend(all(&reader));
                std::thread::yield_now();
            }
            assert_eq!(taken, (0..200).collect::<Vec<_>>());
        });
        assert_eq!(hub.lost(), 0);

        let hub = Arc::new(Hub::new(2, PATIENCE));
        let sleeper = hub.reader().unwrap();
        (0..100).for_each(|number| hub.publish(message(number)));
        assert_eq!(hub.lost(), 98);
        assert_eq!(all(&sleeper), [98, 99]);
    }
}
