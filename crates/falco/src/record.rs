//! Recording captures when rules match: the `capture` section of the configuration and the rules' keys of that name.
//!
//! A recording begins with the event that matched and the tables of that moment. It ends at its deadline, which every later match moves
//! on, or at a limit. What cannot be written ends it as well, with one warning; alerting goes on.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use falco_capture::{Machine, Writer};
use falco_rules::Rule;
use falco_sources::Delivery;
use falco_state::State;

use crate::{config::Capture, log};

/// Records what rules ask to be recorded.
pub(crate) struct Recorder {
    config: Capture,
    machine: Machine,
    /// The end of the recording under way, or of the next one: any match moves it on.
    deadline_ns: u64,
    open: Option<Recording>,
    /// What the matches of the event at hand ask for.
    asked: Option<Asked>,
    /// Whether it was said that nothing can be written. Once is enough until something was.
    warned: bool,
    /// Before that time nothing is tried again.
    resume_ns: u64,
}

/// How long recording rests when nothing can be written: a full disk does not become empty by trying at each match.
const REST_NS: u64 = 60_000_000_000;

struct Recording {
    writer: Writer<File>,
    path: PathBuf,
    events: u64,
    ends: Asked,
}

/// Limits: how many events and bytes are enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Asked {
    events: u64,
    bytes: u64,
}

/// Why a recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Deadline,
    /// The configured size.
    Full,
    /// The limits of all rules that asked for it.
    Enough,
}

/// A recording has reached the configured size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) limit_mb: u64,
    pub(crate) written: u64,
}

impl Recorder {
    pub(crate) fn new(config: Capture) -> Recorder {
        log::info(&format!(
            "Capture is enabled in mode '{}'. Capturing events to {}",
            if config.all_rules {
                "all_rules"
            } else {
                "rules"
            },
            config.path_prefix,
        ));
        Recorder {
            config,
            machine: this_machine(),
            deadline_ns: 0,
            open: None,
            asked: None,
            warned: false,
            resume_ns: 0,
        }
    }

    /// A rule matched the event at hand.
    pub(crate) fn matched(&mut self, rule: &Rule, time_ns: u64) {
        const MILLISECOND_NS: u64 = 1_000_000;
        let duration_ms = match rule.capture_duration_ms {
            0 => self.config.duration_ms,
            own => own,
        };
        let deadline_ns = time_ns.saturating_add(u64::from(duration_ms) * MILLISECOND_NS);
        self.deadline_ns = self.deadline_ns.max(deadline_ns);
        if (self.config.all_rules || rule.capture) && time_ns >= self.resume_ns {
            let asked = self.asked.get_or_insert_default();
            let limit = |own: u32, unit| match own {
                0 => u64::MAX,
                own => u64::from(own) * unit,
            };
            asked.events = asked.events.max(limit(rule.capture_events, 1));
            asked.bytes = asked.bytes.max(limit(rule.capture_filesize_kb, 1000));
        }
    }

    /// Writes the event at hand if it is to be: after the rules have seen it, before the state goes on.
    #[inline]
    pub(crate) fn event(&mut self, delivery: &Delivery<'_>, state: &State) -> Option<Full> {
        if self.open.is_none() && self.asked.is_none() {
            return None;
        }
        self.record(delivery, state)
    }

    fn record(&mut self, delivery: &Delivery<'_>, state: &State) -> Option<Full> {
        let Delivery { event, number, cpu } = *delivery;
        let asked = self.asked.take();
        if self.open.is_none() {
            let path = self.config.path(event.time_ns(), number);
            match begin(&path, &self.machine, state, event.time_ns()) {
                Ok(writer) => {
                    self.open = Some(Recording {
                        writer,
                        path,
                        events: 0,
                        ends: Asked::default(),
                    });
                }
                Err(error) => return self.fail(&path, &error, event.time_ns()),
            }
        }
        let recording = self.open.as_mut()?;
        if let Some(asked) = asked {
            recording.extend(asked);
        }
        if let Err(error) = recording.writer.event(&event, cpu) {
            let path = self.open.take()?.path;
            return self.fail(&path, &error, event.time_ns());
        }
        recording.events += 1;
        let written = recording.writer.written();
        let end = end(
            (event.time_ns(), self.deadline_ns),
            (written, self.config.max_file_size_mb),
            recording.has_enough(written),
        )?;
        let written = self.close(event.time_ns())?;
        (end == End::Full).then_some(Full {
            limit_mb: self.config.max_file_size_mb,
            written,
        })
    }

    /// Ends the recording; how many bytes it has become.
    pub(crate) fn close(&mut self, time_ns: u64) -> Option<u64> {
        let recording = self.open.take()?;
        self.deadline_ns = 0;
        let size = |file: File| file.metadata().map(|metadata| metadata.len());
        match recording.writer.finish().and_then(size) {
            Ok(size) => {
                self.warned = false;
                Some(size)
            }
            Err(error) => {
                self.fail(&recording.path, &error, time_ns);
                None
            }
        }
    }

    #[cold]
    fn fail(&mut self, path: &Path, error: &io::Error, time_ns: u64) -> Option<Full> {
        self.open = None;
        self.deadline_ns = 0;
        self.resume_ns = time_ns.saturating_add(REST_NS);
        if fs::metadata(path).is_ok_and(|metadata| metadata.len() == 0) {
            // What could not even be begun leaves nothing behind.
            let _ = fs::remove_file(path);
        }
        if !self.warned {
            log::warning(&format!(
                "Recording to {} stopped: {error}. Alerts go on; it is tried again in a minute.",
                path.display()
            ));
        }
        self.warned = true;
        None
    }
}

impl Recording {
    /// Later matches ask for so much from now on.
    fn extend(&mut self, asked: Asked) {
        let written = self.writer.written();
        self.ends.events = (self.ends.events).max(self.events.saturating_add(asked.events));
        self.ends.bytes = self.ends.bytes.max(written.saturating_add(asked.bytes));
    }

    fn has_enough(&self, written: u64) -> bool {
        self.events >= self.ends.events || written >= self.ends.bytes
    }
}

impl Capture {
    /// The file of a recording that begins with that event.
    fn path(&self, time_ns: u64, number: u64) -> PathBuf {
        format!("{}_{time_ns:020}_{number:020}.scap", self.path_prefix).into()
    }
}

/// Whether a recording ends after an event; if several ways at once, time comes first.
fn end(
    (time_ns, deadline_ns): (u64, u64),
    (written, max_mb): (u64, u64),
    enough: bool,
) -> Option<End> {
    const MEGABYTE: u64 = 1 << 20;
    if time_ns >= deadline_ns {
        Some(End::Deadline)
    } else if max_mb > 0 && written >= max_mb.saturating_mul(MEGABYTE) {
        Some(End::Full)
    } else {
        enough.then_some(End::Enough)
    }
}

/// Captures tell what people did: nobody else may read them, and no link may lead them astray.
fn begin(path: &Path, machine: &Machine, state: &State, time_ns: u64) -> io::Result<Writer<File>> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    Writer::new(file, machine, state, time_ns)
}

fn this_machine() -> Machine {
    let max_pid = fs::read_to_string("/proc/sys/kernel/pid_max");
    let info = rustix::system::sysinfo();
    Machine {
        cpus: std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u32),
        memory_bytes: (info.totalram as u64).saturating_mul(u64::from(info.mem_unit)),
        max_pid: max_pid.map_or(0, |text| text.trim().parse().unwrap_or(0)),
        hostname: rustix::system::uname().nodename().to_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_sorts_by_time() {
        for (prefix, time_ns, number, path) in [
            (
                "/tmp/falco",
                1_234,
                42,
                "/tmp/falco_00000000000000001234_00000000000000000042.scap",
            ),
            (
                "",
                u64::MAX,
                1,
                "_18446744073709551615_00000000000000000001.scap",
            ),
        ] {
            let capture = Capture {
                path_prefix: prefix.into(),
                ..Capture::default()
            };
            assert_eq!(capture.path(time_ns, number), Path::new(path));
        }
    }

    #[test]
    fn the_first_limit_ends_it_and_time_wins() {
        const MB: u64 = 1 << 20;
        for (time, size, enough, expected) in [
            ((100, 200), (0, 0), false, None),
            ((100, 200), (MB - 1, 1), false, None),
            ((100, 200), (u64::MAX, 0), false, None),
            ((100, 200), (MB, 1), false, Some(End::Full)),
            ((200, 200), (0, 0), false, Some(End::Deadline)),
            ((201, 200), (2 * MB, 1), true, Some(End::Deadline)),
            ((100, 200), (2 * MB, 1), true, Some(End::Full)),
            ((100, 200), (0, 1), true, Some(End::Enough)),
        ] {
            assert_eq!(end(time, size, enough), expected, "{time:?} {size:?}");
        }
    }
}
