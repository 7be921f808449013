//! Replaying captures.

use std::path::{Path, PathBuf};

use falco_capture::{CaptureError, Captured, Reader, Step};
use falco_event::{EventCode, codes};
use falco_state::State;

use crate::{Delivery, Next, SourceError};

/// A capture that is being replayed.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    reader: Reader,
    /// How many events were counted.
    number: u64,
    /// Whether opening the capture came upon an event that is still to be delivered.
    held: bool,
}

impl Replay {
    /// Opens a capture and takes in what it begins with.
    pub fn open(path: &Path) -> Result<(Replay, State), SourceError> {
        let (reader, mut state) = Reader::open(path).map_err(|cause| error(path, cause))?;
        let mut replay = Replay {
            path: path.to_owned(),
            reader,
            number: 0,
            held: false,
        };
        while let Some(next) = replay.begin(&mut state)? {
            state = next;
        }
        Ok((replay, state))
    }

    /// The next event.
    #[inline]
    pub fn next_event(&mut self) -> Result<Next<'_>, SourceError> {
        if !self.held {
            match self.reader.advance() {
                Ok(Step::Event) => {}
                Ok(Step::End) => return Ok(Next::End),
                Ok(Step::Section(state)) => return self.restart(*state),
                Err(cause) => return Err(error(&self.path, cause)),
            }
        }
        self.held = false;
        match self.reader.event() {
            Ok(Captured { event, cpu, .. }) => {
                self.number += 1;
                Ok(Next::Event(Delivery {
                    event,
                    number: self.number,
                    cpu,
                }))
            }
            Err(cause) => Err(error(&self.path, cause)),
        }
    }

    /// Another capture begins. What it begins with is not counted, as upstream has it.
    #[cold]
    fn restart(&mut self, mut state: State) -> Result<Next<'static>, SourceError> {
        let number = self.number;
        while let Some(next) = self.begin(&mut state)? {
            state = next;
        }
        self.number = number;
        Ok(Next::Restart(Box::new(state)))
    }

    /// Takes in the events that only complete the tables: those that a capture begins with, up to the first of another kind, or up to one
    /// that has no place in today's schema. They are counted but never delivered. Gives the state of the next capture if that begins
    /// before any other event.
    fn begin(&mut self, state: &mut State) -> Result<Option<State>, SourceError> {
        loop {
            let dropped_before = self.reader.dropped();
            match self.reader.advance() {
                Ok(Step::Event) => {}
                Ok(Step::End) => return Ok(None),
                Ok(Step::Section(state)) => return Ok(Some(*state)),
                Err(cause) => return Err(error(&self.path, cause)),
            }
            let dropped = self.reader.dropped() > dropped_before;
            let captured = match self.reader.event() {
                Ok(captured) => captured,
                Err(cause) => return Err(error(&self.path, cause)),
            };
            if !completes_tables(captured.event.code()) || dropped {
                self.held = true;
                return Ok(None);
            }
            self.number += 1;
            state.apply(&captured.event);
        }
    }
}

fn completes_tables(code: EventCode) -> bool {
    [
        codes::CONTAINER_JSON_2_E,
        codes::USER_ADDED_E,
        codes::USER_DELETED_E,
        codes::GROUP_ADDED_E,
        codes::GROUP_DELETED_E,
        codes::ASYNCEVENT_E,
    ]
    .contains(&code)
}

#[cold]
fn error(path: &Path, cause: CaptureError) -> SourceError {
    SourceError::Capture {
        path: path.to_owned(),
        cause,
    }
}
