//! The control groups that the ends of clone and exec tell, and `/proc`.

use std::sync::Arc;

use falco_event::Event;

use super::exec::strings;
use crate::Thread;

/// What was told last, and what was made of it: next to no thread is in other groups than the one before, and those who are in the
/// same share their text.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    told: Vec<u8>,
    normal: Arc<[u8]>,
}

impl Groups {
    /// Control groups, `subsystem=path` closed by NULs, with the names that the subsystems have in `/proc`. `None` when an entry is
    /// something else.
    pub(crate) fn normal(&mut self, told: &[u8]) -> Option<&Arc<[u8]>> {
        let told = strings(told);
        if told != self.told {
            self.normal = normalized(told)?;
            self.told.clear();
            self.told.extend_from_slice(told);
        }
        Some(&self.normal)
    }

    /// Takes in the control groups of the ends of clone and exec. A thread that is in the same as whom it comes from shares the text
    /// with it, one whose groups did not change keeps its own.
    pub(super) fn read(&mut self, thread: &mut Thread, parent: Option<&Thread>, event: &Event<'_>) {
        let told = event.param(14);
        let Some(groups) = told.and_then(|told| self.normal(told)) else {
            return;
        };
        match parent {
            Some(parent) if parent.cgroups == *groups => {
                thread.cgroups = Arc::clone(&parent.cgroups);
            }
            _ if thread.cgroups == *groups => {}
            _ => thread.cgroups = Arc::clone(groups),
        }
    }
}

fn normalized(groups: &[u8]) -> Option<Arc<[u8]>> {
    let mut out = Vec::with_capacity(groups.len() + 1);
    // Of nothing, `split` makes an entry.
    let entries = groups.split(|byte| *byte == 0);
    for entry in entries.take_while(|_| !groups.is_empty()) {
        let equals = entry.iter().position(|byte| *byte == b'=')?;
        let (subsystem, path) = entry.split_at(equals);
        let subsystem = subsystem.strip_suffix(b"_cgroup").unwrap_or(subsystem);
        out.extend_from_slice(match subsystem {
            b"perf" => b"perf_event",
            b"mem" => b"memory",
            b"io" => b"blkio",
            other => other,
        });
        out.extend_from_slice(path);
        out.push(0);
    }
    Some(out.into())
}

#[cfg(test)]
mod tests;
