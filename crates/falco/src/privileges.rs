//! What the program may do: of what whoever started it gave it, it keeps what it needs.

use std::path::Path;

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

use crate::{
    config::{Config, Engine},
    log::{self, Level},
};

/// What is kept in any case: to read and write files of others, and to listen on low ports.
const FILES_AND_PORTS: CapabilitySet = CapabilitySet::DAC_OVERRIDE
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::NET_BIND_SERVICE);

/// What watching needs, as long as it goes on: a reload may load other programs.
const WATCHING: CapabilitySet = CapabilitySet::BPF
    .union(CapabilitySet::PERFMON)
    // To read what `/proc` says of other users' processes.
    .union(CapabilitySet::SYS_PTRACE)
    // To lock memory for maps, which kernels before 5.11 count against a limit.
    .union(CapabilitySet::SYS_RESOURCE);

/// Gives up the rest. It has to be done before there are other threads, which have what the one has that started them. What is given up
/// is not what programs get that the program output starts: for those of root the kernel begins anew.
pub(crate) fn give_up_the_rest(config: &Config) {
    let now = match capabilities(None) {
        Ok(now) if !now.permitted.is_empty() => now,
        _ => return,
    };
    let mut needed = FILES_AND_PORTS;
    if matches!(config.engine, Engine::Probe { .. }) {
        needed |= WATCHING;
        if needs_admin(now.permitted) {
            needed |= CapabilitySet::SYS_ADMIN;
        }
    }
    let kept = CapabilitySets {
        effective: now.effective & needed,
        permitted: now.permitted & needed,
        inheritable: now.inheritable & needed,
    };
    let outcome = match set_capabilities(None, kept) {
        Ok(()) => format!("Privileges kept: {}", names(kept.permitted)),
        Err(cause) => format!("Privileges that are not needed could not be given up: {cause}"),
    };
    log::line(Level::Debug, &outcome);
}

/// Where the two smaller ones cannot be given, it stands for them; and it mounts a tracefs where none is.
fn needs_admin(permitted: CapabilitySet) -> bool {
    let smaller = CapabilitySet::BPF | CapabilitySet::PERFMON;
    !permitted.contains(smaller) || !Path::new("/sys/kernel/tracing/events").exists()
}

fn names(set: CapabilitySet) -> String {
    let names: Vec<String> = set
        .iter_names()
        .map(|(name, _)| format!("CAP_{name}"))
        .collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_needed() {
        for dangerous in [
            CapabilitySet::SYS_MODULE,
            CapabilitySet::SYS_RAWIO,
            CapabilitySet::SETUID,
            CapabilitySet::NET_ADMIN,
            CapabilitySet::SYS_ADMIN,
        ] {
            assert!(!(FILES_AND_PORTS | WATCHING).contains(dangerous));
        }
        assert_eq!(
            names(CapabilitySet::BPF | CapabilitySet::SYS_PTRACE),
            "CAP_SYS_PTRACE CAP_BPF"
        );
        assert!(needs_admin(CapabilitySet::SYS_PTRACE));
    }
}
