//! What libbpf says.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use libbpf_rs::{PrintLevel, set_print};

static LINES: Mutex<String> = Mutex::new(String::new());
static LISTENERS: AtomicUsize = AtomicUsize::new(0);

/// What libbpf prints while we load, kept for the error. Where several threads load at a time it is nobody's in particular.
pub(crate) struct Said;

impl Said {
    pub(crate) fn listen() -> Said {
        LISTENERS.fetch_add(1, Ordering::Relaxed);
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
        if LISTENERS.fetch_sub(1, Ordering::Relaxed) == 1 {
            set_print(None);
            Said::take();
        }
    }
}
