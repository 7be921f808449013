//! Lines about falco itself, to standard error, in upstream's form: `Mon Nov 23 19:13:23 2026: text`.

use std::{
    io::{self, Write as _},
    sync::atomic::{AtomicU8, Ordering},
};

use jiff::{Timestamp, tz::TimeZone};

/// How much a line matters; the order of syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Info,
    Debug,
}

impl Level {
    /// The level of that name, in lower case as the configuration has it.
    pub(crate) fn parse(name: &str) -> Option<Level> {
        use Level::{Alert, Critical, Debug, Emergency, Error, Info, Notice, Warning};
        let names = [
            "emergency",
            "alert",
            "critical",
            "error",
            "warning",
            "notice",
            "info",
            "debug",
        ];
        let levels = [
            Emergency, Alert, Critical, Error, Warning, Notice, Info, Debug,
        ];
        names
            .iter()
            .position(|known| *known == name)
            .and_then(|at| levels.get(at).copied())
    }
}

/// The least important level that is shown, and whether times are in ISO form.
static SHOWN: AtomicU8 = AtomicU8::new(Level::Info as u8);
static ISO: AtomicU8 = AtomicU8::new(0);
/// Nothing is shown: `log_stderr: false`.
const SILENT: u8 = u8::MAX;

/// What is shown from now on.
pub(crate) fn configure(stderr: bool, level: Level, iso: bool) {
    SHOWN.store(if stderr { level as u8 } else { SILENT }, Ordering::Relaxed);
    ISO.store(u8::from(iso), Ordering::Relaxed);
}

/// Says something.
pub(crate) fn line(level: Level, text: &str) {
    let shown = SHOWN.load(Ordering::Relaxed);
    if shown != SILENT && level as u8 <= shown {
        let now = Timestamp::now();
        let time = if ISO.load(Ordering::Relaxed) == 0 {
            TimeZone::system()
                .to_datetime(now)
                .strftime("%a %b %e %H:%M:%S %Y")
                .to_string()
        } else {
            now.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
        };
        // There is nobody to tell when standard error is closed.
        let _ = writeln!(io::stderr(), "{time}: {}", text.trim_end_matches('\n'));
    }
}

pub(crate) fn info(text: &str) {
    line(Level::Info, text);
}

pub(crate) fn warning(text: &str) {
    line(Level::Warning, text);
}

/// Says why the program ends; shown whatever is configured.
pub(crate) fn error(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
