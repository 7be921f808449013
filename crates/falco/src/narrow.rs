//! What the kernel need not send: derived from the rules, put into the probe's terms, told to the user.

use falco_event::SyscallCode;
use falco_rules::{
    RuleSet,
    pushdown::{self, Asks},
};
use falco_sources::probe;

use crate::{
    config::{Config, Engine},
    log::{self, Level},
};

/// Calls without which the state would not learn that a descriptor is no longer what it was.
const REPLACING: [&str; 4] = ["close", "close_range", "dup2", "dup3"];

/// What events have to tell beside their parameters, because rules ask.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    /// The calls whose names are to be compared with what they were at the beginning.
    pub(crate) compared: Vec<SyscallCode>,
    /// Whether the kernel's own path of what is opened is to be told.
    pub(crate) real_paths: bool,
}

impl Extra {
    pub(crate) fn of(rules: &RuleSet, calls: &[SyscallCode]) -> Extra {
        let marks = pushdown::asking(rules, &["evt.is_tampered", "evt.is_unverified"]);
        let asked = |call: &&SyscallCode| {
            let exit = call.info().exit;
            probe::has_names(**call) && exit.is_some_and(|exit| marks.contains(exit))
        };
        Extra {
            compared: calls.iter().filter(asked).copied().collect(),
            real_paths: !pushdown::asking(rules, &["fd.realpath"]).is_empty(),
        }
    }

    /// Whether it is all that the other asks for.
    pub(crate) fn covers(&self, other: &Extra) -> bool {
        let has = |call| self.compared.contains(call);
        other.compared.iter().all(has) && self.real_paths >= other.real_paths
    }
}

/// Derives what has to be sent, and says so; `None`: everything.
pub(crate) fn derive(
    config: &Config,
    rules: &RuleSet,
    calls: &[SyscallCode],
) -> Option<probe::Filter> {
    let Engine::Probe { .. } = config.engine else {
        return None;
    };
    let filter = if !config.kernel_filter {
        Err("the configuration says so".to_owned())
    } else if config.capture.is_some() {
        Err("recordings hold every event".to_owned())
    } else {
        pushdown::derive(rules)
    };
    match filter {
        Ok(mut filter) => {
            let watched = |name: &&str| calls.iter().any(|call| call.info().name == *name);
            if let Some(missing) = REPLACING.iter().find(|name| !watched(name)) {
                filter
                    .files
                    .get_or_insert_with(|| format!("{missing} is not watched"));
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
        closes: filter.closes,
        classes,
        cells,
        outcomes,
        calls,
        steps: steps.collect(),
    }
}
