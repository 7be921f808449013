//! What a channel is, and what it is given.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::Alert;

/// A way out for alerts. Each has a queue and a thread of its own, so that it may take its time.
pub trait Channel: Send {
    /// What messages call it: one word, `file`, `http`.
    fn name(&self) -> &str;

    /// Gets an alert out, or keeps it until [`flush`](Channel::flush) if it [`collects`](Channel::collects). Alerts come in order. One
    /// that fails is reported and, unless it is spooled, lost.
    ///
    /// # Errors
    /// The alert is not out, nor are those kept so far: these are to be forgotten.
    fn deliver(&mut self, alert: &Arc<Finished>) -> Result<(), Failure>;

    /// Whether alerts are kept until `flush`, because many are cheaper together.
    fn collects(&self) -> bool {
        false
    }

    /// Whether alerts may wait on disk until they can be delivered: for what is reached over a network or comes and goes by itself.
    fn spools(&self) -> bool {
        false
    }

    /// No alert waits at the moment, or many were kept: what was kept goes out now.
    ///
    /// # Errors
    /// What was kept is not out, and is to be forgotten.
    fn flush(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Opens anew what was opened by name, which may mean something else now.
    ///
    /// # Errors
    /// It cannot be opened.
    fn reopen(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// There will be no more alerts; what was held back goes out.
    ///
    /// # Errors
    /// What was held back is lost.
    fn finish(&mut self) -> Result<(), Failure> {
        self.flush()
    }
}

/// An alert with its line, which is made once and shared by the channels.
#[derive(Debug)]
pub struct Finished {
    /// The alert.
    pub alert: Alert,
    line: Vec<u8>,
}

impl Finished {
    /// With its line, without a newline.
    pub fn new(alert: Alert, mut line: Vec<u8>) -> Finished {
        line.push(b'\n');
        line.shrink_to_fit();
        Finished { alert, line }
    }

    /// The alert as it is configured to be written: UTF-8, no newline.
    pub fn line(&self) -> &[u8] {
        self.line.strip_suffix(b"\n").unwrap_or(&self.line)
    }

    /// The same with a newline.
    pub fn line_and_newline(&self) -> &[u8] {
        &self.line
    }
}

/// Which channels an alert is for, by their place among those given to [`Outputs::start`](crate::Outputs::start).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routes(u64);

impl Routes {
    /// Every channel.
    pub const ALL: Routes = Routes(u64::MAX);
    /// None.
    pub const NONE: Routes = Routes(0);
    /// How many channels there can be.
    pub const MAX: usize = 64;

    /// These and that channel.
    #[must_use]
    pub fn with(self, channel: usize) -> Routes {
        Routes(self.0 | Routes::bit(channel))
    }

    /// These without that channel.
    #[must_use]
    pub fn without(self, channel: usize) -> Routes {
        Routes(self.0 & !Routes::bit(channel))
    }

    /// Whether that channel is among them.
    pub fn has(self, channel: usize) -> bool {
        self.0 & Routes::bit(channel) != 0
    }

    fn bit(channel: usize) -> u64 {
        1u64.checked_shl(channel as u32).unwrap_or(0)
    }
}

/// Why an alert could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The file cannot be opened.
    #[error("failed to open output file {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The other end is closed for good: the channel gets nothing any more.
    #[error("nobody reads any more")]
    Closed,
    /// Writing failed.
    #[error("{0}")]
    Write(#[source] io::Error),
    /// Something that may go well another time.
    #[error("{0}")]
    Other(String),
    /// The other end does not want this alert, and will not want it another time.
    #[error("{0}")]
    Refused(String),
}

impl From<io::Error> for Failure {
    fn from(cause: io::Error) -> Failure {
        if cause.kind() == io::ErrorKind::BrokenPipe {
            Failure::Closed
        } else {
            Failure::Write(cause)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_name_channels_by_their_place() {
        let routes = Routes::NONE.with(0).with(63).with(64);
        assert!(routes.has(0) && routes.has(63) && !routes.has(1));
        assert!(!routes.has(64) && !Routes::ALL.has(64));
        assert_eq!(routes.without(63).without(0), Routes::NONE);
        assert!(Routes::ALL.has(63));
    }
}
