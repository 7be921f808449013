//! The listing of events.

use std::fmt::Write as _;

use falco_event::{EventCode, EventFlags, Kind, Names, Origin, ParamInfo, SyscallCode, codes};
use serde_json::{Map, Value, json};

use super::Format;
use crate::{support::DRIVER_SCHEMA, syscalls};

/// The headings, each with where its events come from.
const CATEGORIES: [(&str, Origin); 4] = [
    ("Syscall events", Origin::Syscall),
    ("Tracepoint events", Origin::Tracepoint),
    ("Plugin events", Origin::Plugin),
    ("Metaevents", Origin::Metaevent),
];

/// An event under the name of one of its calls.
struct Entry {
    name: &'static str,
    code: EventCode,
    /// Whether it comes unless all calls are asked for.
    available: bool,
}

/// `--list-events`.
pub(crate) fn events(format: Format) -> String {
    let entries = entries();
    let of = |origin| {
        entries
            .iter()
            .filter(move |entry| entry.code.info().origin == origin)
    };
    if format == Format::Json {
        let mut root = Map::new();
        root.insert("schema_version".into(), DRIVER_SCHEMA.into());
        for (heading, origin) in CATEGORIES {
            root.insert(heading.into(), of(origin).map(object).collect());
        }
        return super::pretty(&root.into());
    }
    let mut out =
        format!("The events below are valid for Falco *Schema Version*: {DRIVER_SCHEMA}\n");
    for (heading, origin) in CATEGORIES {
        let _ = write!(out, "## {heading}\n\n");
        if format == Format::Markdown {
            out += "Default | Dir | Name | Params \n:-------|:----|:-----|:-----\n";
        }
        for entry in of(origin) {
            let params = entry.code.info().params.iter();
            let params: Vec<String> = params.map(|param| text(param, format)).collect();
            let (name, params, dir) = (entry.name, params.join(", "), dir(entry.code));
            let _ = if format == Format::Markdown {
                let default = if entry.available { "Yes" } else { "No" };
                writeln!(out, "{default} | `{dir}` | `{name}` | {params}")
            } else {
                writeln!(out, "{dir} {name}({params})")
            };
        }
        out.push('\n');
    }
    out
}

/// All events that there still are; then the calls whose parameters nobody reads.
fn entries() -> Vec<Entry> {
    let ignored: Vec<EventCode> = SyscallCode::all()
        .filter(|call| syscalls::IGNORED.contains(&call.info().name))
        .filter_map(|call| call.info().exit)
        .collect();
    let known = EventCode::all().filter(|code| {
        let info = code.info();
        !is_generic(*code)
            && info.kind != Kind::Unknown
            && !info.flags.any(EventFlags::OLD_VERSION | EventFlags::UNUSED)
    });
    let mut entries: Vec<Entry> = known
        .map(|code| Entry {
            name: code.info().name,
            code,
            available: !ignored
                .iter()
                .any(|exit| exit.info().name == code.info().name),
        })
        .collect();
    for call in SyscallCode::all() {
        if call.info().exit.is_some_and(is_generic) {
            entries.extend([codes::GENERIC_E, codes::GENERIC_X].map(|code| Entry {
                name: call.info().name,
                code,
                available: true,
            }));
        }
    }
    entries
}

pub(crate) fn is_generic(code: EventCode) -> bool {
    code == codes::GENERIC_E || code == codes::GENERIC_X
}

fn dir(code: EventCode) -> char {
    if code.is_enter() { '>' } else { '<' }
}

fn flags(param: &ParamInfo) -> Option<impl Iterator<Item = &'static str> + use<>> {
    match param.names {
        Names::Table(flags) => Some(flags.iter().map(|flag| flag.name)),
        _ => None,
    }
}

fn text(param: &ParamInfo, format: Format) -> String {
    let head = format!("{} **{}**", param.ty.name(), param.name);
    let star = if format == Format::Markdown { "*" } else { "" };
    match flags(param) {
        Some(flags) => {
            let flags: Vec<String> = flags.map(|flag| format!("{star}{flag}{star}")).collect();
            format!("{head}: {}", flags.join(", "))
        }
        None => head,
    }
}

fn object(entry: &Entry) -> Value {
    let params = entry.code.info().params.iter().map(|param| {
        let mut object = json!({ "name": param.name, "type": param.ty.name() });
        if let Some(flags) = flags(param) {
            object["flags"] = flags.collect();
        }
        object
    });
    json!({
        "name": entry.name,
        "dir": dir(entry.code).to_string(),
        "available": entry.available,
        "params": params.collect::<Vec<_>>(),
    })
}
