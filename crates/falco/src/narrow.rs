//! What the kernel need not send: derived from the rules, put into the probe's terms, told to the user.

use std::sync::Arc;

use falco_event::SyscallCode;
use falco_rules::{
    RuleSet,
    pushdown::{self, Asks},
};
use falco_sources::probe::{self, MAKING_THREADS, RealPaths};

use crate::{
    config::{Config, Engine},
    log::{self, Level},
    set::Set,
};

/// Calls without which the state would not learn that a descriptor is no longer what it was.
const REPLACING: [&str; 3] = ["close_range", "dup2", "dup3"];

/// What the probe has to tell beside the parameters of the calls, because rules ask; and what it need not, because none does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    /// Whether new threads may be told as they are made, once, instead of by the calls that make them, which return twice.
    pub(crate) births: bool,
    /// The calls whose names are to be compared with what they were at the beginning.
    pub(crate) compared: Vec<SyscallCode>,
    /// Of which descriptors the kernel's own path is to be told.
    pub(crate) real_paths: RealPaths,
}

impl Extra {
    pub(crate) fn of(
        config: &Config,
        rules: &RuleSet,
        conditions: &RuleSet,
        calls: &[SyscallCode],
    ) -> Extra {
        let asking = |fields: &[&str]| pushdown::asking(rules, conditions, fields);
        let marks = asking(&["evt.is_tampered", "evt.is_unverified"]);
        let asked = |call: &&SyscallCode| {
            let exit = call.info().exit;
            probe::has_names(**call) && exit.is_some_and(|exit| marks.contains(exit))
        };
        let of_paths = asking(&["fd.realpath"]);
        let mut of_paths = of_paths.iter().filter(|code| !code.is_enter()).peekable();
        let real_paths = if of_paths.peek().is_none() {
            RealPaths::None
        } else if of_paths.all(|code| pushdown::TELLING_PATHS.contains(&code)) {
            RealPaths::Changed
        } else {
            RealPaths::Opened
        };
        let of_rules = rules.syscalls();
        let only_state = |name| {
            SyscallCode::by_name(name)
                .is_some_and(|call| calls.contains(&call) && !of_rules.contains(call))
        };
        let births = matches!(config.engine, Engine::Probe { .. })
            && may_leave_out(config).is_ok()
            && MAKING_THREADS.into_iter().all(only_state);
        if births {
            log::line(
                Level::Debug,
                "New threads are told once, when they are made: no rule asks for the calls that make them.",
            );
        }
        Extra {
            births,
            compared: calls.iter().filter(asked).copied().collect(),
            real_paths,
        }
    }

    /// Whether it is all that the other asks for.
    pub(crate) fn covers(&self, other: &Extra) -> bool {
        let has = |call| self.compared.contains(call);
        other.compared.iter().all(has)
            && self.real_paths >= other.real_paths
            && self.births <= other.births
    }
}

/// Whether anything may be left out; if not, why.
fn may_leave_out(config: &Config) -> Result<(), String> {
    if !config.kernel_filter {
        Err("the configuration says so".to_owned())
    } else if config.capture.is_some() {
        Err("recordings hold every event".to_owned())
    } else {
        Ok(())
    }
}

/// Does without `close` unless somebody asks for it: a descriptor is what it is told to be until its number is given to another, and
/// that is told. So a call that everybody makes all the time costs nothing.
pub(crate) fn leave_closing(
    config: &Config,
    rules: &RuleSet,
    conditions: &RuleSet,
    calls: &mut Vec<SyscallCode>,
) {
    let asked = config.custom_syscalls.iter().any(|name| name == "close");
    if may_leave_out(config).is_ok() && !asked && pushdown::closes(rules, conditions).is_none() {
        calls.retain(|call| call.info().name != "close");
    }
}

/// What the kernel has to send for rules; `None`: everything.
pub(crate) struct Narrowed {
    pub(crate) rules: Arc<RuleSet>,
    pub(crate) filter: Option<probe::Filter>,
}

/// Derives it for a set, to be called while its source is opened.
pub(crate) fn later(set: &Set) -> impl FnOnce() -> Narrowed + Send + use<> {
    let (config, calls) = (set.config.clone(), set.calls.clone());
    let rules = Arc::clone(&set.book.rules);
    let conditions = Arc::clone(set.book.routing.conditions());
    move || Narrowed {
        filter: derive(&config, &rules, &conditions, &calls),
        rules,
    }
}

/// Derives what has to be sent, and says so; `None`: everything.
pub(crate) fn derive(
    config: &Config,
    rules: &RuleSet,
    conditions: &RuleSet,
    calls: &[SyscallCode],
) -> Option<probe::Filter> {
    let Engine::Probe { .. } = config.engine else {
        return None;
    };
    match may_leave_out(config).and_then(|()| pushdown::derive(rules, conditions)) {
        Ok(mut filter) => {
            let watched = |name: &&str| calls.iter().any(|call| call.info().name == *name);
            if let Some(missing) = REPLACING.iter().find(|name| !watched(name)) {
                filter
                    .files
                    .get_or_insert_with(|| format!("{missing} is not watched"));
            }
            if watched(&"close") {
                filter
                    .closes
                    .get_or_insert_with(|| "base_syscalls names it".to_owned());
            }
            log::line(Level::Debug, "Events that the kernel sends, by call:");
            for line in filter.to_string().lines() {
                log::line(Level::Debug, &format!("   {line}"));
            }
            Some(encode(&filter))
        }
        Err(why) => {
            log::line(
                Level::Debug,
                &format!("The kernel sends all events: {why}."),
            );
            None
        }
    }
}

fn encode(filter: &pushdown::Filter) -> probe::Filter {
    let programs = filter.programs();
    let steps = programs.steps.iter().map(|step| {
        let (result, flags) = match step.asks {
            Asks::Result(first, last) => ((first, last), 0),
            Asks::Flags(mask) => ((0, 0), mask),
        };
        probe::Step {
            result,
            flags,
            yes: step.yes,
            no: step.no,
        }
    });
    let mut outcomes = Vec::new();
    let mut calls = Vec::new();
    for (open, (first, by_path)) in filter.opens.iter().zip(&programs.opens) {
        let slice = filter.paths.as_ref().filter(|_| !by_path.is_empty());
        let at = slice.map(|_| outcomes.len() as u16);
        if at.is_some() {
            outcomes.extend(by_path);
        }
        calls.push((open.code.get(), *first, at));
    }
    let (classes, cells) = match &filter.paths {
        Some(table) => (*table.classes, table.cells.clone()),
        None => ([0; 256], Vec::new()),
    };
    probe::Filter {
        files: filter.files.is_some(),
        classes,
        cells,
        outcomes,
        calls,
        steps: steps.collect(),
    }
}
