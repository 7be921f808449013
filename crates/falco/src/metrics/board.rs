//! Where the loop leaves figures for others. They ask; the loop looks at one flag between two events, and does something only if it is set.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{Figures, Frame};

/// Shared between the loop, the thread that knows the time, and the web server.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// Whether any of the others is set.
    called: AtomicBool,
    tick: AtomicBool,
    asked: AtomicBool,
    /// Whether there is anybody to ask, and figures are to be told.
    open: AtomicBool,
    seat: Mutex<Seat>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Seat {
    figures: Option<(Arc<Frame>, Arc<Figures>)>,
    /// How often they were left here.
    times: u64,
}

/// What the loop is wanted to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// To tell figures, as it does once in a while.
    pub(crate) report: bool,
    /// To leave figures here.
    pub(crate) publish: bool,
}

impl Board {
    /// Whether anybody wants anything; for the loop, at every turn.
    #[inline]
    pub(crate) fn is_called(&self) -> bool {
        self.called.load(Ordering::Relaxed)
    }

    /// What is wanted; from now on it is not any more.
    pub(crate) fn take(&self) -> Wanted {
        self.called.store(false, Ordering::SeqCst);
        Wanted {
            report: self.tick.swap(false, Ordering::SeqCst),
            publish: self.asked.swap(false, Ordering::SeqCst),
        }
    }

    /// It is time to tell figures.
    pub(super) fn tick(&self) {
        self.tick.store(true, Ordering::SeqCst);
        self.called.store(true, Ordering::SeqCst);
    }

    /// Leaves figures.
    pub(crate) fn publish(&self, frame: Arc<Frame>, figures: Arc<Figures>) {
        let mut seat = self.seat();
        seat.figures = Some((frame, figures));
        seat.times += 1;
        self.filled.notify_all();
    }

    /// Figures may be asked for from now on, or not any more.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::SeqCst);
    }

    /// Whether figures may be asked for.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::SeqCst)
    }

    /// Asks the loop for figures and waits at most that long; the last ones that there were, should it be busy with something else.
    pub(crate) fn ask(&self, patience: Duration) -> Option<(Arc<Frame>, Arc<Figures>)> {
        let seat = self.seat();
        let before = seat.times;
        self.asked.store(true, Ordering::SeqCst);
        self.called.store(true, Ordering::SeqCst);
        let waited = self
            .filled
            .wait_timeout_while(seat, patience, |seat| seat.times == before);
        let seat = waited.unwrap_or_else(PoisonError::into_inner).0;
        seat.figures.clone()
    }

    /// Nobody leaves it halfway: one who panicked left it as it was.
    fn seat(&self) -> MutexGuard<'_, Seat> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
