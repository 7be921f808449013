//! What libbpf says.

use std::sync::Mutex;

use libbpf_rs::{PrintLevel, set_print};

static LINES: Mutex<String> = Mutex::new(String::new());

/// What libbpf prints while we load, kept for the error.
pub(crate) struct Said;

impl Said {
    pub(crate) fn listen() -> Said {
        set_print(Some((PrintLevel::Warn, |_, line| {
            if let Ok(mut lines) = LINES.lock() {
                lines.push_str(&line);
            }
        })));
        Said
    }

    /// The last lines of it, each on a line of its own.
    pub(crate) fn take() -> String {
        let lines = LINES
            .lock()
            .map(|mut lines| std::mem::take(&mut *lines))
            .unwrap_or_default();
        let lines: Vec<&str> = lines.lines().collect();
        let mut text = String::new();
        for line in lines.iter().skip(lines.len().saturating_sub(25)) {
            text.push_str("\n    ");
            text.push_str(line);
        }
        text
    }
}

impl Drop for Said {
    fn drop(&mut self) {
        set_print(None);
    }
}
