//! What of the rules can be decided where the events come from: which of them nobody needs.
//!
//! From each condition a formula is derived that is true whenever the condition is ([`May`]); everything that the kernel cannot know may
//! go either way. When it is false for every rule, and what the event changes is not asked for later, the event need not be sent.
//!
//! - Of the calls that open files the result, the flags and the path are known. What all rules ask of paths becomes one automaton
//!   ([`Table`]), and for each of its outcomes a formula over the rest is left.
//! - A file that is opened matters to later events only if a rule that may match them asks for its descriptor. Directories, sockets and
//!   all else that is no file always matter: paths are relative to them, and a stale one would be taken for what it no longer is.
//!
//! Nothing here knows how a kernel decides: [`Filter`] is a description, and [`Filter::wants`] says what it means.

mod machine;
mod may;
mod needs;
mod paths;
mod program;
mod ranges;
mod site;
mod table;

use std::fmt;

use falco_event::{EventCode, codes};

pub use may::May;
pub use program::{Asks, Place, Programs, SEND, SKIP, STEPS_MAX, Step};
pub use ranges::Ranges;
pub use table::Table;

use crate::compile::Rule;
use crate::events::EventSet;
use crate::ruleset::RuleSet;
use paths::{Paths, Question};
use site::{OPENS, Site, World};

/// What has to be sent.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Why files that are opened have to be sent, whatever they are; `None`: they need not.
    pub files: Option<String>,
    /// Why the closing of descriptors has to be sent; `None`: it need not, if whoever knows of a descriptor is told to forget it before its
    /// number becomes that of a file that is not sent.
    pub closes: Option<String>,
    /// The calls that open files.
    pub opens: Vec<Open>,
    /// What is known of paths; `None` when no rule asks, or it is too much.
    pub paths: Option<Table>,
    /// Whether paths that a rule excepts are sent all the same, because to know those too would be too much.
    pub without_exceptions: bool,
    questions: Vec<Question>,
}

/// When the opening of a file may match a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The event.
    pub code: EventCode,
    /// Whatever the path is.
    pub any_path: May,
    /// By what is known of the path; empty when no rule asks for it.
    pub by_path: Vec<May>,
    /// The formula from which both follow.
    whole: May,
}

/// Bits of open flags on the wire: of a directory the path is compared otherwise.
const O_DIRECTORY: u32 = 1 << 10;
/// Bits beside them: a name was another one when the call began, could not be looked at both times.
pub const CHANGED: u32 = 1 << 31;
/// See [`CHANGED`].
pub const UNSEEN: u32 = 1 << 30;
/// Events that tell the kernel's own path of a descriptor that was opened earlier.
pub const TELLING_PATHS: [EventCode; 2] = [codes::SYSCALL_FCHMOD_X, codes::SYSCALL_FCHOWN_X];
/// Longer paths are not looked at.
pub const PATH_MAX: usize = 255;

/// Derives what has to be sent for the enabled rules, and for conditions that are asked of the events that match one of them.
///
/// # Errors
/// Why everything has to be.
pub fn derive(rules: &RuleSet, conditions: &RuleSet) -> Result<Filter, String> {
    let enabled = || rules.enabled().map(|(_, rule)| rule);
    if let Some(why) = needs::counts_events(both(rules, conditions)) {
        return Err(why);
    }
    let mut paths = Paths::default();
    let whole: Vec<(EventCode, May)> = OPENS
        .into_iter()
        .map(|code| {
            let looking = enabled().filter(|rule| rule.reach.events.contains(code));
            let parts: Vec<May> = looking
                .map(|rule| {
                    let mut site = Site {
                        code,
                        world: World::Opened,
                        paths: &mut paths,
                    };
                    site.may(&rule.condition, true)
                })
                .collect();
            (code, May::any(parts))
        })
        .collect();
    let (opens, table, without_exceptions) = decide(&whole, &paths.0);
    Ok(Filter {
        files: needs::files(both(rules, conditions), &rules.events()),
        closes: closes(rules, conditions),
        opens,
        paths: table,
        without_exceptions,
        questions: paths.0,
    })
}

fn both<'r>(rules: &'r RuleSet, conditions: &'r RuleSet) -> impl Iterator<Item = &'r Rule> {
    let all = rules.enabled().chain(conditions.enabled());
    all.map(|(_, rule)| rule)
}

/// Why the closing of descriptors matters to the enabled rules, or to conditions on what matches them; `None` if it does not.
pub fn closes(rules: &RuleSet, conditions: &RuleSet) -> Option<String> {
    needs::closes(both(rules, conditions), &rules.events())
}

/// The events of which the enabled rules, or conditions on what matches them, ask for one of the fields.
pub fn asking(rules: &RuleSet, conditions: &RuleSet, fields: &[&str]) -> EventSet {
    needs::events_asking(both(rules, conditions), &rules.events(), fields)
}

/// For each call what is left once the path is known, the automaton that knows paths, and whether it does so without exceptions.
fn decide(whole: &[(EventCode, May)], questions: &[Question]) -> (Vec<Open>, Option<Table>, bool) {
    let formulas: Vec<May> = whole.iter().map(|(_, may)| may.clone()).collect();
    let asked = formulas.iter().any(May::asks_path);
    let exact = asked.then(|| table::build(&formulas, questions, table::STATES_EXACT));
    let exact = exact.flatten();
    // Of many rules the exceptions are most of the questions, and the least of the use.
    let coarse = (asked && exact.is_none()).then(|| {
        let formulas: Vec<May> = (formulas.iter())
            .map(|may| {
                may.map_path(&|place, holds| {
                    if holds {
                        May::Path(place, true)
                    } else {
                        May::Yes
                    }
                })
            })
            .collect();
        table::build(&formulas, questions, table::STATES_MAX)
    });
    let coarse = coarse.flatten();
    let without_exceptions = coarse.is_some();
    let built = exact.or(coarse);
    let opens = whole.iter().enumerate().map(|(index, (code, may))| Open {
        code: *code,
        any_path: may.map_path(&|_, _| May::Yes),
        by_path: match &built {
            Some((_, outcomes)) if may.asks_path() => {
                outcomes.iter().map(|row| row[index].clone()).collect()
            }
            _ => Vec::new(),
        },
        whole: may.clone(),
    });
    let opens = opens.collect();
    (opens, built.map(|(table, _)| table), without_exceptions)
}

impl Filter {
    /// Whether a file that is opened has to be sent because a rule may match; `path` as the call was given it, `flags` as they are on
    /// the wire.
    pub fn wants(&self, code: EventCode, result: i64, flags: u32, path: Option<&[u8]>) -> bool {
        let Some(open) = self.opens.iter().find(|open| open.code == code) else {
            return true;
        };
        if !open.any_path.holds(result, flags) {
            return false;
        }
        let path = path.filter(|path| path.len() <= PATH_MAX && flags & O_DIRECTORY == 0);
        let (Some(table), Some(path)) = (&self.paths, path) else {
            return true;
        };
        let left = open.by_path.get(table.run(path) as usize);
        left.is_none_or(|left| left.holds(result, flags))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Calls of which the same is asked share a line.
        for (index, open) in self.opens.iter().enumerate() {
            let same = |other: &&Open| other.whole == open.whole;
            if self.opens.iter().take(index).any(|other| same(&other)) {
                continue;
            }
            let calls = self.opens.iter().filter(same);
            let names: Vec<&str> = calls.map(|call| call.code.info().name).collect();
            write!(f, "{}: ", names.join(", "))?;
            open.whole.show(f, &|place| {
                let question = self.questions.get(place);
                question.map_or_else(String::new, |question| question.text.clone())
            })?;
            writeln!(f)?;
        }
        match &self.files {
            None => writeln!(f, "files: opened unseen where no rule can match"),
            Some(why) => writeln!(f, "files: all that are opened, because {why}"),
        }?;
        match &self.closes {
            None => writeln!(f, "closing: not watched"),
            Some(why) => writeln!(f, "closing: watched, because {why}"),
        }?;
        match &self.paths {
            None => writeln!(f, "paths: not looked at"),
            Some(table) => writeln!(
                f,
                "paths: {} questions{} in an automaton of {} states",
                self.questions.len(),
                if self.without_exceptions {
                    ", but for those of exceptions,"
                } else {
                    ""
                },
                table.cells.len() / table.width
            ),
        }
    }
}
