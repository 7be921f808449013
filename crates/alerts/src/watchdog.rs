//! Watches for channels that are at one call for too long.

use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{io, thread};

use crate::lane::Lane;
use crate::outputs::{Report, Trouble};

/// Ends its thread when it is dropped.
#[derive(Debug)]
pub(crate) struct Watchdog {
    _stop: mpsc::Sender<()>,
}

impl Watchdog {
    /// Starts to watch; with a `timeout` of zero there is nothing to watch for.
    pub(crate) fn start(
        lanes: Vec<Arc<Lane>>,
        timeout: Duration,
        report: Report,
    ) -> io::Result<Watchdog> {
        let (stop, stopped) = mpsc::channel();
        if !timeout.is_zero() {
            thread::Builder::new()
                .name("watchdog".to_owned())
                .spawn(move || watch(&lanes, timeout, &report, &stopped))?;
        }
        Ok(Watchdog { _stop: stop })
    }
}

/// A call that begins right after a look is found by the next one, before its time is over: no finer rhythm is needed.
fn watch(lanes: &[Arc<Lane>], timeout: Duration, report: &Report, stopped: &mpsc::Receiver<()>) {
    let mut told = vec![0; lanes.len()];
    let mut pause = timeout;
    while stopped.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout) {
        pause = timeout;
        for (lane, told) in lanes.iter().zip(&mut told) {
            let Some((time, since)) = lane.busy().filter(|(_, since)| since != told) else {
                continue;
            };
            match timeout.checked_sub(time) {
                Some(left) if !left.is_zero() => pause = pause.min(left),
                _ => {
                    *told = since;
                    report(Trouble::Timeout {
                        name: lane.name.clone(),
                    });
                }
            }
        }
    }
}
