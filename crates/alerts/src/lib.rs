//! Where alerts go: a bounded queue, a worker that writes them as lines of text or JSON, and the channels that it writes to.
//!
//! An [`Alert`] is complete: nothing here knows events, fields or rules. [`Outputs::start`] gives the channels to a worker thread; whoever
//! raises alerts calls [`Outputs::push`], which never waits and never fails silently: an alert for which there is no room comes back, and
//! [`Outputs::dropped`] counts it. A channel that fails is reported and keeps the others from nothing.
//!
//! The crate reads no configuration, asks no clock but for its own patience, and writes nothing but alerts; what is to be said of its
//! troubles it hands to a reporter.
//!
//! ```
//! use std::{collections::BTreeMap, time::Duration};
//! use falco_alerts::{Alert, Channel, Format, Kind, Options, Outputs, Priority};
//!
//! let outputs = Outputs::start(Options::default(), vec![Channel::stdout(false)], |trouble| panic!("{trouble}"))?;
//! let alert = Alert {
//!     time_ns: 1_000_000_000,
//!     priority: Priority::Notice,
//!     rule: "Shell".into(),
//!     source: "syscall".into(),
//!     message: b"a shell was started".to_vec(),
//!     fields: BTreeMap::new(),
//!     kind: Kind::Rule { tags: ["shell".into()].into() },
//! };
//! assert_eq!(Format::default().line(&alert), b"00:00:01.000000000: Notice a shell was started");
//! outputs.push(alert).expect("the queue is empty");
//! outputs.finish(Duration::from_secs(2));
//! # Ok::<(), std::io::Error>(())
//! ```
#![forbid(unsafe_code)]

mod alert;
mod channel;
mod escape;
mod line;
mod outputs;
mod queue;
mod tally;
mod time;

pub use alert::{Alert, Kind, Priority, UnknownPriority};
pub use channel::{Channel, Failure};
pub use line::Format;
pub use outputs::{Options, Outputs, Trouble};
pub use tally::Tally;
pub use time::{clock_time, iso8601};
