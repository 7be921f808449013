//! Where alerts go: queues, lines of text or JSON, and the channels that take them.
//!
//! An [`Alert`] is complete: nothing here knows events, fields or rules. Whoever raises alerts calls [`Outputs::push`]; a thread makes the
//! line of each, once, and puts both into the queues of the channels it is for ([`Routes`]). Each [`Channel`] has a thread of its own: one
//! that hangs or fails is reported and holds up no other. All queues are bounded; [`Outputs::dropped`] counts what found no room.
//!
//! The crate reads no configuration, asks no clock but for its own patience, and writes nothing but alerts; what is to be said of its
//! troubles it hands to a reporter.
//!
//! ```
//! use std::collections::BTreeMap;
//! use falco_alerts::{Alert, Format, Kind, Options, Outputs, Priority, Routes, StdoutChannel};
//!
//! let channels = vec![Box::new(StdoutChannel::new(false, false)) as _];
//! let outputs = Outputs::start(Options::default(), channels, |trouble| panic!("{trouble}"))?;
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
//! outputs.push(alert, Routes::ALL);
//! outputs.finish();
//! # Ok::<(), std::io::Error>(())
//! ```
#![forbid(unsafe_code)]

mod alert;
mod channel;
mod escape;
mod file;
mod lane;
mod line;
mod outputs;
mod program;
mod queue;
mod spool;
mod syslog;
mod tally;
mod time;
mod watchdog;

pub use alert::{Alert, Kind, Priority, UnknownPriority};
pub use channel::{Channel, Failure, Finished, Routes};
pub use file::{FileChannel, StdoutChannel};
pub use line::{Format, JsonForm};
pub use outputs::{Counts, Options, Outputs, Trouble};
pub use program::ProgramChannel;
pub use spool::SpoolOptions;
pub use spool::record::{Record, read as read_record};
pub use syslog::SyslogChannel;
pub use tally::Tally;
pub use time::{clock_time, iso8601};

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;

    /// An alert with that line.
    pub(crate) fn finished(line: &str) -> Arc<Finished> {
        let alert = Alert::internal(0, Priority::Debug, "r", String::new(), BTreeMap::new());
        Arc::new(Finished::new(alert, line.into()))
    }
}
