//! Lines about falco itself, to standard error and to syslog, in upstream's form: `Mon Nov 23 19:13:23 2026: text`.

use std::{
    io::{self, IsTerminal as _, Write as _},
    os::unix::net::UnixDatagram,
    sync::atomic::{AtomicBool, AtomicU8, Ordering},
};

use jiff::{Timestamp, tz::TimeZone};

use crate::config::Config;

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

/// The least important level that is shown, where to, and whether times are in ISO form. Until the configuration is read all goes
/// everywhere.
static SHOWN: AtomicU8 = AtomicU8::new(Level::Info as u8);
static STDERR: AtomicBool = AtomicBool::new(true);
static SYSLOG: AtomicBool = AtomicBool::new(true);
static ISO: AtomicBool = AtomicBool::new(false);

/// What is shown from now on.
pub(crate) fn configure(config: &Config) {
    SHOWN.store(config.log_level as u8, Ordering::Relaxed);
    STDERR.store(config.log_stderr, Ordering::Relaxed);
    SYSLOG.store(config.log_syslog, Ordering::Relaxed);
    ISO.store(config.time_iso, Ordering::Relaxed);
}

/// Whether lines of a level are shown.
pub(crate) fn shows(level: Level) -> bool {
    level as u8 <= SHOWN.load(Ordering::Relaxed)
}

/// Says something.
pub(crate) fn line(level: Level, text: &str) {
    if !shows(level) {
        return;
    }
    let text = text.trim_end_matches('\n');
    let now = Timestamp::now();
    if SYSLOG.load(Ordering::Relaxed) {
        to_syslog(level, now, text);
    }
    if STDERR.load(Ordering::Relaxed) {
        let time = if ISO.load(Ordering::Relaxed) {
            now.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
        } else {
            TimeZone::system()
                .to_datetime(now)
                .strftime("%a %b %e %H:%M:%S %Y")
                .to_string()
        };
        // There is nobody to tell when standard error is closed.
        let _ = writeln!(io::stderr(), "{}{time}: {text}", erase());
    }
}

/// On a terminal, what stood on the line.
fn erase() -> &'static str {
    if io::stderr().is_terminal() {
        "\x1b[K"
    } else {
        ""
    }
}

/// The facility of user programs, where the priority begins.
const FACILITY: u8 = 1 << 3;

/// The way of syslog(3). Where nobody listens the line is lost, as it is there.
fn to_syslog(level: Level, now: Timestamp, text: &str) {
    let Ok(socket) = UnixDatagram::unbound() else {
        return;
    };
    let time = TimeZone::system()
        .to_datetime(now)
        .strftime("%b %e %T")
        .to_string();
    let priority = FACILITY | level as u8;
    let _ = socket.set_nonblocking(true).and_then(|()| {
        socket.send_to(
            format!("<{priority}>{time} falco: {text}").as_bytes(),
            "/dev/log",
        )
    });
}

pub(crate) fn info(text: &str) {
    line(Level::Info, text);
}

pub(crate) fn warning(text: &str) {
    line(Level::Warning, text);
}

/// Says why the program ends; shown whatever is configured.
pub(crate) fn error(text: &str) {
    let _ = writeln!(io::stderr(), "{}{text}", erase());
}
