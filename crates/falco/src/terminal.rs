//! What only people in front of a terminal see: colours, and a line that says that falco is well while nothing happens. Whatever is piped
//! stays plain.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use crate::config::Config;

/// How often the line is written.
const EVERY: Duration = Duration::from_secs(1);

/// Whether standard output shows colours.
pub(crate) fn has_colours() -> bool {
    io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A line at the bottom of the terminal. The cursor stays at its beginning, so that the next line that anybody writes goes over it; lines
/// for terminals erase what they do not cover.
#[derive(Debug)]
pub(crate) struct Status {
    shown: Option<Instant>,
    wanted: bool,
}

impl Status {
    /// Shown where people see both alerts and log.
    pub(crate) fn new(config: &Config) -> Status {
        let seen = io::stdout().is_terminal() && io::stderr().is_terminal();
        Status {
            shown: None,
            wanted: seen && config.log_stderr,
        }
    }

    /// Whether it is time to write it again.
    pub(crate) fn is_due(&self) -> bool {
        self.wanted && self.shown.is_none_or(|shown| shown.elapsed() >= EVERY)
    }

    pub(crate) fn show(&mut self, events: u64, alerts: u64, lost: u64) {
        self.shown = Some(Instant::now());
        let _ = io::stderr().write_all(line(events, alerts, lost).as_bytes());
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = io::stderr().write_all(b"\x1b[K");
        }
    }
}

fn line(events: u64, alerts: u64, lost: u64) -> String {
    let lost = match lost {
        0 => String::new(),
        lost => format!(", {lost} events lost"),
    };
    format!("\x1b[2mwatching: {events} events, {alerts} alerts{lost}\x1b[0m\x1b[K\r")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_leaves_the_cursor_at_its_beginning() {
        let text = line(1200, 3, 0);
        assert_eq!(
            text,
            "\x1b[2mwatching: 1200 events, 3 alerts\x1b[0m\x1b[K\r"
        );
        assert!(line(1, 1, 7).contains(", 7 events lost"));
    }
}
