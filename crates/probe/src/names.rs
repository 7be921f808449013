//! Names in the memory of callers that are looked at when a call begins, too: `bpf/lib/names.h`.

use falco_event::SyscallCode;

use crate::{
    numbers::{self, NUMBERS_MAX},
    tracefs::Tracefs,
};

/// The calls, by the names of programs, and which of their arguments are names, from 1 on; 0: there is no second one.
const CALLS: [(&str, u8, u8); 25] = [
    ("open", 1, 0),
    ("creat", 1, 0),
    ("openat", 2, 0),
    ("openat2", 2, 0),
    ("chdir", 1, 0),
    ("chroot", 1, 0),
    ("mkdir", 1, 0),
    ("mkdirat", 2, 0),
    ("rmdir", 1, 0),
    ("unlink", 1, 0),
    ("unlinkat", 2, 0),
    ("link", 1, 2),
    ("linkat", 2, 4),
    ("symlink", 1, 2),
    ("symlinkat", 1, 3),
    ("rename", 1, 2),
    ("renameat", 2, 4),
    ("renameat2", 2, 4),
    ("chmod", 1, 0),
    ("fchmodat", 2, 0),
    ("chown", 1, 0),
    ("lchown", 1, 0),
    ("fchownat", 2, 0),
    ("mount", 1, 2),
    ("umount2", 1, 0),
];

const EVENTS_MAX: usize = 512;

/// What the probe has to know of these calls.
#[derive(Debug)]
pub(crate) struct Names {
    /// What the kernel calls each, and the number of the tracepoint at its beginning.
    pub(crate) tracepoints: Vec<(&'static str, u64)>,
    places: [u8; NUMBERS_MAX],
    events: [u8; EVENTS_MAX],
}

impl Names {
    /// Those of the calls whose beginning can be attached to.
    pub(crate) fn of(calls: &[SyscallCode], tracefs: Option<&Tracefs>) -> Names {
        let mut names = Names {
            tracepoints: Vec::new(),
            places: [0; NUMBERS_MAX],
            events: [0; EVENTS_MAX],
        };
        let native = numbers::by_call();
        for code in calls {
            let info = code.info();
            let Some((_, first, second)) = CALLS.iter().find(|(name, ..)| *name == info.name)
            else {
                continue;
            };
            let kernel_name = numbers::kernel_name(info.name);
            let id = tracefs.and_then(|tracefs| tracefs.sys_enter_id(kernel_name));
            let number = native.get(usize::from(code.get())).copied().unwrap_or(0);
            let place = names.places.get_mut(usize::from(number));
            let event = info.exit.map(|exit| usize::from(exit.get()));
            let event = event.and_then(|exit| names.events.get_mut(exit));
            if let (Some(id), Some(place), Some(event)) = (id, place, event) {
                *place = first | second << 4;
                *event = 1;
                names.tracepoints.push((kernel_name, id));
            }
        }
        names
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tracepoints.is_empty()
    }

    /// The tables, as the probe has them.
    pub(crate) fn encode(&self) -> Vec<u8> {
        [&self.places[..], &self.events].concat()
    }
}

/// Whether a call has names that can be looked at twice.
pub fn has_names(call: SyscallCode) -> bool {
    CALLS.iter().any(|(name, ..)| *name == call.info().name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_the_schema() {
        for (name, first, second) in CALLS {
            let call = SyscallCode::by_name(name).unwrap_or_else(|| panic!("{name}"));
            assert!(call.info().exit.is_some(), "{name}");
            assert!((1..3).contains(&first) && (second == 0 || (2..5).contains(&second)));
        }
    }
}
