//! What rules ask of descriptors in events other than those that open them: whether files that are opened have to be known later.

use falco_event::{EventCode, EventFlags, ParamType, codes};

use falco_filter::ast::Right;

use super::TELLING_PATHS;
use super::paths::Paths;
use super::site::{OPENS, Site, World, number_told};
use crate::compile::Rule;
use crate::events::EventSet;

/// What the value of a field depends on, besides its event and the threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    /// Nothing else.
    Nothing,
    /// The descriptor that the event is about.
    Descriptor,
    /// The descriptors among the parameters.
    Parameters,
    /// Any descriptor of the process.
    Descriptors,
    /// Which events came before.
    History,
}

/// What a field depends on; what is not known here may depend on every descriptor.
fn reads(name: &str, with_argument: bool, code: EventCode) -> Reads {
    let class = name.split('.').next().unwrap_or_default();
    match (class, name) {
        (_, "evt.num" | "util.cnt") => Reads::History,
        ("evt", name) if name.starts_with("evt.reltime") || name.starts_with("evt.deltatime") => {
            Reads::History
        }
        ("proc", name)
            if ["proc.std", "proc.fdopencount", "proc.fdusage"]
                .iter()
                .any(|prefix| name.starts_with(prefix)) =>
        {
            Reads::Descriptors
        }
        ("proc" | "thread" | "user" | "group" | "container" | "k8s" | "static" | "syscall", _) => {
            Reads::Nothing
        }
        ("fd", "fd.num" | "fd.uid") => Reads::Nothing,
        ("fd", "fd.realpath") if TELLING_PATHS.contains(&code) => Reads::Nothing,
        ("fd", name) if with_argument || name.starts_with("fd.types") => Reads::Descriptors,
        ("fd", _) => Reads::Descriptor,
        ("fs", _) if [codes::SYSCALL_FCHMOD_X, codes::SYSCALL_FCHOWN_X].contains(&code) => {
            Reads::Descriptor
        }
        ("fs", _) => Reads::Nothing,
        (_, "evt.args" | "evt.info") => Reads::Parameters,
        ("evt", name) if name == "evt.arg" || name.starts_with("evt.arg.") => Reads::Parameters,
        ("evt", name) if name.starts_with("evt.rawarg") => Reads::Nothing,
        ("evt", "evt.category" | "evt.is_syslog") => Reads::Descriptor,
        ("evt", name) if name.starts_with("evt.count.error") || name.starts_with("evt.buflen") => {
            Reads::Descriptor
        }
        ("evt", name) if is_of_event(name) => Reads::Nothing,
        _ => Reads::Descriptors,
    }
}

/// Fields that the event alone answers, or with its thread and directories.
fn is_of_event(name: &str) -> bool {
    const WHOLE: [&str; 16] = [
        "evt.type",
        "evt.cpu",
        "evt.dir",
        "evt.res",
        "evt.rawres",
        "evt.failed",
        "evt.buffer",
        "evt.io_dir",
        "evt.source",
        "evt.is_async",
        "evt.asynctype",
        "evt.hostname",
        "evt.pluginname",
        "evt.plugininfo",
        "evt.outputtime",
        "evt.wait_latency",
    ];
    const BEGINNINGS: [&str; 14] = [
        "evt.time",
        "evt.datetime",
        "evt.rawtime",
        "evt.type.is",
        "evt.is_io",
        "evt.is_wait",
        "evt.is_open",
        "evt.latency",
        "evt.count",
        "evt.abspath",
        "evt.around",
        "evt.infra",
        "evt.is_tampered",
        "evt.is_unverified",
    ];
    WHOLE.contains(&name) || BEGINNINGS.iter().any(|start| name.starts_with(start))
}

/// A field that a rule asks for, in its condition or its output, and whether it has an argument.
type Asked = (String, bool);

/// All fields of a rule. Names in outputs are taken from their texts, so that what is in a transformer is found, too.
fn asked(rule: &Rule) -> Vec<Asked> {
    let mut fields = Vec::new();
    for check in rule.condition.checks() {
        let mut add = |name: &str, arg: Option<&str>| fields.push((name.to_owned(), arg.is_some()));
        if number_told(check).is_none() || check.left.to_string() != "evt.num" {
            check.left.for_each_field(&mut add);
        }
        if let Right::Operand(right) = &check.right {
            right.for_each_field(&mut add);
        }
    }
    let mut add = |text: &str| {
        for (start, word) in words(text) {
            let after = text.get(start + word.len()..).unwrap_or_default();
            fields.push((
                word.trim_end_matches('.').to_owned(),
                after.starts_with('['),
            ));
        }
    };
    rule.output.names().for_each(&mut add);
    for extra in &rule.extra_fields {
        extra.template.names().for_each(&mut add);
    }
    fields.sort_unstable();
    fields.dedup();
    fields
}

/// What may be names of fields in a text, with where they begin.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
            let start = at + rest.find(is_name)?;
            let rest = text.get(start..)?;
            let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            at = start + length;
            let word = rest.get(..length)?;
            if word.contains('.') {
                return Some((start, word));
            }
        }
    })
}

/// The events that rules look at which ask for one of the fields; of `events`, which are those that rules look at.
pub(super) fn events_asking<'r>(
    rules: impl Iterator<Item = &'r Rule>,
    events: &EventSet,
    names: &[&str],
) -> EventSet {
    let mut asking = EventSet::NONE;
    for rule in rules {
        if asked(rule)
            .iter()
            .any(|(name, _)| names.contains(&name.as_str()))
        {
            let looked_at = rule.reach.events.iter();
            looked_at
                .filter(|code| events.contains(*code))
                .for_each(|code| asking.insert(code));
        }
    }
    asking
}

/// Calls whose descriptor is a directory, or ignored because the path is absolute. Directories are known.
const AT_DIRECTORIES: [EventCode; 7] = [
    codes::SYSCALL_UNLINKAT_2_X,
    codes::SYSCALL_MKDIRAT_X,
    codes::SYSCALL_FCHOWNAT_X,
    codes::SYSCALL_FCHMODAT_X,
    codes::SYSCALL_NEWFSTATAT_X,
    codes::SYSCALL_MKNODAT_X,
    codes::SYSCALL_SYMLINKAT_X,
];

/// Why events cannot be left out at all; `None` if they can.
pub(super) fn counts_events<'r>(rules: impl Iterator<Item = &'r Rule>) -> Option<String> {
    for rule in rules {
        let any = asked(rule);
        let counting = any
            .iter()
            .find(|(name, with)| reads(name, *with, codes::GENERIC_X) == Reads::History);
        if let Some((name, _)) = counting {
            return Some(format!(
                "rule \"{}\" asks for {name}, which depends on every event",
                rule.name
            ));
        }
    }
    None
}

/// Why the closing of descriptors has to be told; `None` if a number may be known by what it was until it is given to another. `events` are
/// those that rules look at.
pub(super) fn closes<'r>(
    rules: impl Iterator<Item = &'r Rule>,
    events: &EventSet,
) -> Option<String> {
    for rule in rules {
        let looked_at = |code| rule.reach.events.contains(code) && events.contains(code);
        if looked_at(codes::SYSCALL_CLOSE_X) {
            return Some(format!("rule \"{}\" looks at it", rule.name));
        }
        let fields = asked(rule);
        let all = fields.iter().find(|(name, with)| {
            let reads = reads(name, *with, codes::GENERIC_X);
            matches!(reads, Reads::Descriptors | Reads::History)
        });
        if let Some((name, _)) = all {
            return Some(format!(
                "rule \"{}\" asks for {name}, which depends on it",
                rule.name
            ));
        }
    }
    None
}

/// Why files that are opened have to be known later; `None` if nobody asks for them. `events` are those that rules look at.
pub(super) fn files<'r>(
    rules: impl Iterator<Item = &'r Rule>,
    events: &EventSet,
) -> Option<String> {
    for rule in rules {
        let fields = asked(rule);
        let looked_at = rule
            .reach
            .events
            .iter()
            .filter(|code| events.contains(*code));
        for code in looked_at.filter(|code| !code.is_enter()) {
            let reading = fields
                .iter()
                .find(|(name, with)| depends(reads(name, *with, code), name, code));
            let Some((name, _)) = reading else { continue };
            let may_match = |world| {
                let mut paths = Paths::default();
                let mut site = Site {
                    code,
                    world,
                    paths: &mut paths,
                };
                site.may(&rule.condition, true) != super::May::No
            };
            let worlds: &[World] = if OPENS.contains(&code) {
                &[World::Opened]
            } else {
                &[World::File, World::Missing]
            };
            if worlds.iter().any(|world| may_match(*world)) {
                return Some(format!(
                    "rule \"{}\" asks for {name} of {}",
                    rule.name,
                    code.info().name
                ));
            }
        }
    }
    None
}

/// Whether the value depends on files that were opened before.
fn depends(reads: Reads, name: &str, code: EventCode) -> bool {
    let info = code.info();
    let uses = info
        .flags
        .any(EventFlags::USES_FD | EventFlags::DESTROYS_FD)
        && !AT_DIRECTORIES.contains(&code);
    match reads {
        Reads::Nothing | Reads::History => false,
        Reads::Descriptor => uses,
        Reads::Descriptors => true,
        // The first is the result. A path among them may be relative to a directory, and directories are known.
        Reads::Parameters => {
            let is_descriptor = |ty: ParamType| matches!(ty, ParamType::Fd | ParamType::Fdlist);
            let mut others = info.params.iter().skip(usize::from(!uses));
            match name.strip_prefix("evt.arg.") {
                Some(param) => others.any(|other| other.name == param && is_descriptor(other.ty)),
                None => others.any(|other| is_descriptor(other.ty)),
            }
        }
    }
}
