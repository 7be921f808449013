//! Where events come from: the kernel of this machine, a capture, or nowhere (to run without a driver).
//!
//! Opening a [`Source`] gives the [`State`] of the machine as well: of the running one, or of the one that was
//! captured when the capture began. From then on the source lends one event after the other, numbered as upstream numbers them.
//!
//! The crate does not apply events to the state (but for those that upstream takes in while it opens a capture), and knows no rule.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use falco_sources::{Next, Source};
//!
//! let (mut source, mut state) = Source::replay("some.scap")?;
//! loop {
//!     match source.next(Duration::from_millis(100))? {
//!         Next::Event(event) => _ = state.apply(&event.event),
//!         Next::Restart(fresh) => state = *fresh,
//!         Next::Timeout => {}
//!         Next::End => break,
//!     }
//! }
//! # Ok::<(), falco_sources::SourceError>(())
//! ```
#![forbid(unsafe_code)]

mod live;
mod replay;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use falco_capture::CaptureError;
use falco_event::Event;
use falco_state::{LiveError, State};

pub use falco_probe as probe;
pub use live::Live;
pub use replay::Replay;

/// A source of events.
#[derive(Debug)]
pub enum Source {
    /// The kernel of this machine.
    Live(Box<Live>),
    /// A capture.
    Replay(Box<Replay>),
    /// None: for rules and channels to be tried without a driver.
    Idle,
}

/// What comes next.
#[derive(Debug)]
pub enum Next<'a> {
    /// An event, lent until the next call.
    Event(Delivery<'a>),
    /// Nothing came in the time given.
    Timeout,
    /// Another capture begins in the same file: the state is to be replaced by this one.
    Restart(Box<State>),
    /// There will be nothing more.
    End,
}

/// An event with what its source knows of it.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The event.
    pub event: Event<'a>,
    /// Its number (`evt.num`): events are counted from 1 on, also those that nobody gets to see.
    pub number: u64,
    /// The processor it happened on; 0 where the source does not tell.
    pub cpu: u16,
}

/// Why there are no events, or no more of them.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The probe cannot be started.
    #[error(transparent)]
    Probe(#[from] probe::Error),
    /// The running machine cannot be looked at.
    #[error(transparent)]
    Machine(#[from] LiveError),
    /// The capture cannot be read, or no further.
    #[error("{}: {cause}", path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        cause: CaptureError,
    },
}

impl Source {
    /// Starts the probe, then looks at the running machine, whose root directory is seen at `host_root`. What happens meanwhile waits in
    /// the rings.
    pub fn live(config: &probe::Config, host_root: &Path) -> Result<(Source, State), SourceError> {
        let (live, state) = Live::open(config, host_root)?;
        Ok((Source::Live(Box::new(live)), state))
    }

    /// Opens a capture: a file or a named pipe, plain or packed with gzip.
    pub fn replay(path: impl AsRef<Path>) -> Result<(Source, State), SourceError> {
        let (replay, state) = Replay::open(path.as_ref())?;
        Ok((Source::Replay(Box::new(replay)), state))
    }

    /// A source that never has an event; its state is empty.
    #[must_use]
    pub fn idle() -> (Source, State) {
        (Source::Idle, State::default())
    }

    /// The next event; waits for one at most that long. A capture never waits.
    #[inline]
    pub fn next(&mut self, timeout: Duration) -> Result<Next<'_>, SourceError> {
        match self {
            Source::Live(live) => Ok(live.next(timeout)),
            Source::Replay(replay) => replay.next_event(),
            Source::Idle => {
                std::thread::sleep(timeout);
                Ok(Next::Timeout)
            }
        }
    }
}
