//! Captures: `.scap` files and pipes, plain or packed with gzip.
//!
//! [`Reader`] delivers first the [`State`](falco_state::State) of the machine when the capture began, from the tables at its head, then
//! one event after the other, borrowed from its buffer, in today's form: what older writers wrote is converted ([`convert`]). Nothing is
//! copied or allocated for an event in today's form, and memory stays bounded whatever the lengths in a file claim. Of a damaged or
//! truncated capture everything before the damage is delivered, then one [`CaptureError`] that tells where and what was expected.
//!
//! [`Writer`] writes one: the state as it is, then the events that it is given.
//!
//! The crate does not apply events to the state, nor number them: `falco-sources` does.
//!
//! ```no_run
//! use falco_capture::{Next, Reader};
//!
//! let (mut reader, mut state) = Reader::open("some.scap")?;
//! loop {
//!     match reader.next_event()? {
//!         Next::Event(captured) => _ = state.apply(&captured.event),
//!         Next::Section(fresh) => state = *fresh,
//!         Next::End => break,
//!     }
//! }
//! # Ok::<(), falco_capture::CaptureError>(())
//! ```
#![forbid(unsafe_code)]

mod blocks;
pub mod convert;
mod error;
mod gzip;
mod input;
mod old;
mod reader;
mod tables;
mod write;

pub use error::{CaptureError, Fault};
pub use reader::{Captured, Next, Reader, Step};
pub use write::{Machine, Writer};
