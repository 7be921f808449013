//! Which system calls to ask for: those of the rules, those that the state needs, and what `base_syscalls` says.

use std::collections::BTreeSet;

use falco_event::{EventFlags, Kind, SyscallCode};
use falco_rules::RuleSet;

use crate::{
    config::Config,
    list::is_generic,
    log::{self, Level},
};

/// Calls that read and write, which are left out unless all are asked for: they are many.
pub(crate) const IGNORED: [&str; 11] = [
    "pread", "preadv", "pwrite", "pwritev", "read", "readv", "recv", "send", "sendfile", "write",
    "writev",
];

/// What `base_syscalls.repair` asks for in any case: who runs what, as whom and where.
const REPAIR: [&str; 17] = [
    "clone",
    "clone3",
    "fork",
    "vfork",
    "execve",
    "execveat",
    "fchdir",
    "chdir",
    "chroot",
    "capset",
    "setgid",
    "setpgid",
    "setresgid",
    "setresuid",
    "setsid",
    "setuid",
    "prctl",
];

/// What is no call and comes with every move of every process.
const TRACEPOINTS: [&str; 4] = [
    "page_fault_kernel",
    "page_fault_user",
    "sched_switch",
    "signal_deliver",
];

type Calls = BTreeSet<SyscallCode>;

/// The name that rules know a call by: that of its event, or its own if its parameters are not read.
fn name(call: SyscallCode) -> &'static str {
    match (call.info().exit, call.info().name) {
        (Some(exit), _) if !is_generic(exit) => exit.info().name,
        (Some(_), name) => name,
        // Tracepoints.
        (None, "sched_process_exit") => "procexit",
        (None, "sched_switch") => "switch",
        (None, "signal_deliver") => "signaldeliver",
        (None, "page_fault_user" | "page_fault_kernel") => "page_fault",
        (None, name) => name,
    }
}

/// All names of a call: `accept4` is `accept`, too, in old events.
fn names(call: SyscallCode) -> impl Iterator<Item = &'static str> {
    let name = name(call);
    std::iter::once(name).chain((name == "accept4").then_some("accept"))
}

fn named(wanted: &[&str]) -> Calls {
    let known = |call: &SyscallCode| names(*call).any(|name| wanted.contains(&name));
    SyscallCode::all().filter(known).collect()
}

/// How many names, and which.
fn listed(calls: &Calls) -> (usize, String) {
    let names: BTreeSet<&str> = calls.iter().flat_map(|call| names(*call)).collect();
    (names.len(), join(&names))
}

fn join(names: &BTreeSet<&str>) -> String {
    let names: Vec<&str> = names.iter().copied().collect();
    names.join(", ")
}

/// Chooses, and says why.
pub(crate) fn select(config: &Config, rules: &RuleSet) -> Vec<SyscallCode> {
    let say = |level, sign: &str, calls: &Calls, what: &str| {
        if !calls.is_empty() {
            let (count, names) = listed(calls);
            log::line(level, &format!("{sign}({count}) {what}: {names}"));
        }
    };
    let wanted = rules.syscalls();
    let of_rules: Calls = SyscallCode::all()
        .filter(|call| wanted.contains(*call))
        .collect();
    say(Level::Debug, "", &of_rules, "syscalls in rules");

    let custom = config.custom_syscalls.iter().map(String::as_str);
    let custom: Vec<&str> = custom.filter(|name| !name.is_empty()).collect();
    let (negative, positive): (Vec<&str>, Vec<&str>) =
        custom.iter().partition(|name| name.starts_with('!'));
    let negative: Vec<&str> = negative
        .iter()
        .map(|name| name.trim_start_matches('!'))
        .collect();
    let (added, removed) = (named(&positive), named(&negative));

    say(
        Level::Debug,
        "+",
        &added,
        "syscalls added (base_syscalls override)",
    );
    complain("positive", &positive, &added);
    let base = if added.is_empty() {
        SyscallCode::all()
            .filter(|call| needs_state(*call))
            .collect()
    } else {
        added.clone()
    };
    let mut selected = if config.repair_syscalls && added.is_empty() {
        repaired(&of_rules)
    } else {
        &of_rules | &base
    };
    selected = &selected - &removed;
    say(
        Level::Debug,
        "-",
        &removed,
        "syscalls removed (base_syscalls override)",
    );
    complain("negative", &negative, &removed);
    if added.is_empty() {
        let others = &selected - &of_rules;
        say(
            Level::Debug,
            "+",
            &others,
            "syscalls (Falco's state engine set of syscalls)",
        );
    }
    if !config.all_syscalls {
        let ignored = &selected & &named(&IGNORED);
        selected = &selected - &ignored;
        say(
            Level::Debug,
            "-",
            &ignored,
            "ignored syscalls (-> activate via `-A` flag)",
        );
    }
    if config.repair_syscalls && !custom.is_empty() {
        let whole = repaired(&selected);
        say(Level::Info, "+", &(&whole - &selected), "repaired syscalls");
        selected = whole;
    }
    // Without the ends of processes the table of processes would grow for ever.
    selected.extend(named(&["procexit"]));
    say(
        Level::Debug,
        "",
        &selected,
        "syscalls selected in total (final set)",
    );
    let missing = &of_rules - &selected;
    if !missing.is_empty() {
        log::error(&format!(
            "Loaded rules match syscalls that are not activated (e.g. were removed via config settings such as no -A flag or \
             negative base_syscalls elements) or unsupported with current configuration: warning (unsupported-evttype): {}\n\
             If syscalls in rules include high volume syscalls (-> activate via `-A` flag), else syscalls may have been removed \
             via base_syscalls option or might be associated with syscalls undefined on your architecture \
             (https://marcin.juszkiewicz.com.pl/download/tables/syscalls.html)",
            listed(&missing).1
        ));
    }
    asked_for(selected, rules, &added)
}

/// Without switches, signals and page faults, which are very many, unless a rule names them: one that leaves open what it is about
/// does not ask for them.
fn asked_for(mut calls: Calls, rules: &RuleSet, added: &Calls) -> Vec<SyscallCode> {
    calls.retain(|call| {
        !TRACEPOINTS.contains(&call.info().name) || rules.names(*call) || added.contains(call)
    });
    calls.into_iter().collect()
}

/// Names that are none.
fn complain(kind: &str, asked: &[&str], found: &Calls) {
    let known: BTreeSet<&str> = found.iter().flat_map(|call| names(*call)).collect();
    let unknown: BTreeSet<&str> = asked
        .iter()
        .copied()
        .filter(|name| !known.contains(name))
        .collect();
    if !unknown.is_empty() {
        log::warning(&format!(
            "Invalid ({kind}) syscall names: warning (base_syscalls override): {}",
            join(&unknown)
        ));
    }
}

/// The least that the state needs to tell what these calls are about.
fn repaired(calls: &Calls) -> Calls {
    let is = |kinds: &[Kind]| {
        calls
            .iter()
            .filter_map(|call| call.info().exit)
            .any(|exit| kinds.contains(&exit.info().kind))
    };
    let mut needed = REPAIR.to_vec();
    let net = is(&[Kind::Net]);
    if net {
        needed.extend(["socket", "getsockopt"]);
    }
    if calls
        .iter()
        .any(|call| ["accept", "accept4", "listen"].contains(&name(*call)))
    {
        needed.push("bind");
    }
    if net || is(&[Kind::File, Kind::IoRead, Kind::IoWrite, Kind::IoOther]) {
        needed.push("close");
    }
    &named(&needed) | calls
}

/// Whether the state changes with the call.
fn needs_state(call: SyscallCode) -> bool {
    call.info()
        .exit
        .is_some_and(|exit| exit.info().flags.any(EventFlags::MODIFIES_STATE))
}
