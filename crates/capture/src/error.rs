//! What can be wrong with a capture.

use std::io;

/// Why a capture cannot be read, or cannot be read any further.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct CaptureError(Box<Fault>);

/// The fault of a capture. Offsets count the bytes of the capture itself: of what comes out of gzip, where it is packed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The system refused to open it.
    #[error("cannot open the capture: {0}")]
    Open(#[source] io::Error),
    /// The system refused to read, or the gzip file is cut off or damaged.
    #[error("cannot read the capture at byte {offset}: {cause}")]
    Read {
        /// Where the next byte was wanted.
        offset: u64,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The first bytes are of something else.
    #[error(
        "this is no capture: it begins with {found}, a capture (plain or gzip) begins with 0a 0d 0d 0a"
    )]
    NotCapture {
        /// The first bytes, in hexadecimal.
        found: String,
    },
    /// Written by a machine with the other byte order, or by a future version.
    #[error(
        "this capture cannot be read by this version: byte {offset} holds {found}, expected {expected}"
    )]
    Foreign {
        /// Where it says so.
        offset: u64,
        /// What was expected there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// The tables are there, but no event follows.
    #[error(
        "no events in the capture: it ends at byte {offset} where the first event was expected"
    )]
    NoEvents {
        /// The size of the capture.
        offset: u64,
    },
    /// The file ends in the middle of something.
    #[error(
        "the capture is cut off: {expected} needs {need} bytes from byte {offset} on, only {have} are there; all before it was read"
    )]
    Truncated {
        /// Where the thing begins that is not whole.
        offset: u64,
        /// What it is.
        expected: &'static str,
        /// The bytes that it needs.
        need: u64,
        /// The bytes that are there.
        have: u64,
    },
    /// Bytes that no writer of captures writes.
    #[error(
        "the capture is damaged at byte {offset}: expected {expected}, found {found}; all before it was read"
    )]
    Damaged {
        /// Where.
        offset: u64,
        /// What was expected there.
        expected: String,
        /// What is there.
        found: String,
    },
}

impl CaptureError {
    /// What it is.
    pub fn fault(&self) -> &Fault {
        &self.0
    }

    #[cold]
    pub(crate) fn damaged(
        offset: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> CaptureError {
        let (expected, found) = (expected.into(), found.into());
        CaptureError::from(Fault::Damaged {
            offset,
            expected,
            found,
        })
    }
}

impl From<Fault> for CaptureError {
    #[cold]
    fn from(fault: Fault) -> CaptureError {
        CaptureError(Box::new(fault))
    }
}
