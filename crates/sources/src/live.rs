//! The kernel of this machine.

use std::{panic::resume_unwind, path::Path, thread, time::Duration};

use falco_event::{Event, EventCode, codes};
use falco_probe::{self as probe, Dump, Probe};
use falco_state::State;

use crate::{Delivery, Next, SourceError};

/// What the kernel's iterators tell, in upstream's order.
const DUMPED: [EventCode; 10] = [
    codes::ITER_TASK_E,
    codes::ITER_TASK_FILE_PIPE_E,
    codes::ITER_TASK_FILE_MEMFD_E,
    codes::ITER_TASK_FILE_REGULAR_E,
    codes::ITER_TASK_FILE_DIRECTORY_E,
    codes::ITER_TASK_FILE_SOCKET_INET_E,
    codes::ITER_TASK_FILE_SOCKET_INET6_E,
    codes::ITER_TASK_FILE_SOCKET_UNIX_E,
    codes::ITER_TASK_FILE_SOCKET_NETLINK_E,
    codes::ITER_TASK_FILE_ANON_INODE_E,
];

/// The probe, with its events counted.
#[derive(Debug)]
pub struct Live {
    probe: Probe,
    not_dumped: Option<probe::Error>,
    dumped: Vec<(&'static str, u64)>,
    number: u64,
    malformed: u64,
}

impl Live {
    /// Starts the probe first and looks at the machine second, so that nothing that happens in between is missed: by the kernel's
    /// iterators, or in `/proc` where they are not to be had. Both are loaded at the same time.
    pub fn open(config: &probe::Config, host_root: &Path) -> Result<(Live, State), SourceError> {
        let (probe, dump) = thread::scope(|scope| {
            let dump = thread::Builder::new().name("load".into());
            let dump = dump.spawn_scoped(scope, Dump::load);
            let probe = Probe::open(config);
            let dump = dump.map(thread::ScopedJoinHandle::join);
            (probe, dump.unwrap_or_else(|_| Ok(Dump::load())))
        });
        let (probe, dump) = (probe?, dump.unwrap_or_else(|panic| resume_unwind(panic)));
        let mut counts = [0; DUMPED.len()];
        let (state, not_dumped) = State::live_from(host_root, |take| {
            dump?.read(|bytes| {
                let code = Event::parse(bytes).map(|event| event.code());
                let place = DUMPED.iter().position(|known| code == Ok(*known));
                if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
                    *count += 1;
                }
                take(bytes);
            })
        })?;
        let names = DUMPED.iter().map(|code| code.info().name);
        let live = Live {
            probe,
            not_dumped,
            dumped: names.zip(counts).collect(),
            number: 0,
            malformed: 0,
        };
        Ok((live, state))
    }

    /// The next event; waits for one at most that long.
    #[inline]
    pub fn next(&mut self, timeout: Duration) -> Next<'_> {
        let bytes = match self.probe.next(timeout) {
            probe::Next::Event(bytes) => bytes,
            probe::Next::Timeout => return Next::Timeout,
        };
        let Ok(event) = Event::parse(bytes) else {
            self.malformed += 1;
            return Next::Timeout;
        };
        self.number += 1;
        Next::Event(Delivery {
            event,
            number: self.number,
            cpu: 0,
        })
    }

    /// The probe: how it watches, what it lost.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// Sends from now on what another filter needs. False when that is more than this probe can give.
    pub fn refilter(&mut self, filter: Option<&probe::Filter>) -> Result<bool, SourceError> {
        Ok(self.probe.refilter(filter)?)
    }

    /// Why the processes that were there at the start were read from `/proc`; `None` when the kernel's iterators told them.
    pub fn not_dumped(&self) -> Option<&probe::Error> {
        self.not_dumped.as_ref()
    }

    /// How many events the kernel's iterators gave at the start, by name.
    pub fn dumped(&self) -> &[(&'static str, u64)] {
        &self.dumped
    }

    /// How many events were left out because they contradict the schema; always 0 unless probe and program do not belong together.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }
}
