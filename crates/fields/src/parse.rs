//! From the text of a field, `proc.aname[2]` or `evt.arg.flags`, to what it means. Upstream's rules and words.

use std::sync::LazyLock;

use falco_event::{EventCode, ParamInfo};
use hashbrown::HashSet;
use rustc_hash::FxBuildHasher;

use crate::catalogue::{Arg, Id, NO_PARAM, Pattern};
use crate::table::evt::{AnyEvent, Evt, Util};
use crate::table::fd::{Descriptor, FdList};
use crate::table::fs_path::FsPath;
use crate::table::proc::Proc;
use crate::table::user::{Group, User};
use crate::table::{CLASSES, FieldInfo, Flags, container::Container, kubernetes::Kubernetes};

/// What the beginning of a text means.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// How much of the text was understood: it is a field only if that is all.
    pub(crate) consumed: usize,
    pub(crate) id: Id,
    pub(crate) arg: Arg,
    pub(crate) info: &'static FieldInfo,
    /// The parameter that gives the field its type.
    pub(crate) param: Option<&'static ParamInfo>,
}

/// What the names of fields begin with, up to the first dot.
static FAMILIES: LazyLock<HashSet<&str, FxBuildHasher>> = LazyLock::new(|| {
    let fields = CLASSES.iter().flat_map(|class| class.fields);
    fields.map(|field| family(field.name)).collect()
});

fn family(text: &str) -> &str {
    text.split('.').next().unwrap_or(text)
}

/// Asks one class after the other; the first that knows the beginning of the text decides. Errors are whole messages. The class of
/// Kubernetes is asked only if it is there.
pub(crate) fn parse(text: &str, kubernetes: bool) -> Result<Option<Parsed>, String> {
    if text.starts_with("arg") {
        return Err("filter error: proc.arg filter not implemented yet".into());
    }
    // Most texts that are asked about are no fields, such as names of files and images in lists.
    if !FAMILIES.contains(family(text)) {
        return Ok(None);
    }
    if let Some(parsed) = longest(text, AnyEvent::INFOS, |at| Id::AnyEvent(AnyEvent::ALL[at])) {
        return Ok(Some(parsed));
    }
    if let Some(parsed) = event(text)? {
        return Ok(Some(parsed));
    }
    if let Some(parsed) = process(text)? {
        return Ok(Some(parsed));
    }
    let plain = longest(text, User::INFOS, |at| Id::User(User::ALL[at]))
        .or_else(|| longest(text, Group::INFOS, |at| Id::Group(Group::ALL[at])));
    if plain.is_some() {
        return Ok(plain);
    }
    if let Some(parsed) = descriptor(text)? {
        return Ok(Some(parsed));
    }
    let plain = longest(text, FsPath::INFOS, |at| Id::FsPath(FsPath::ALL[at]))
        .or_else(|| longest(text, Util::INFOS, |at| Id::Util(Util::ALL[at])))
        .or_else(|| longest(text, FdList::INFOS, |at| Id::FdList(FdList::ALL[at])));
    if plain.is_some() {
        return Ok(plain);
    }
    let mut plain = longest(text, Container::INFOS, |at| {
        Id::Container(Container::ALL[at])
    });
    if plain.is_none() && kubernetes {
        plain = longest(text, Kubernetes::INFOS, |at| {
            Id::Kubernetes(Kubernetes::ALL[at])
        });
    }
    plain.map_or(Ok(None), |plain| of_plugin(text, plain))
}

/// The longest name that the text begins with.
fn longest(text: &str, infos: &'static [FieldInfo], id: impl Fn(usize) -> Id) -> Option<Parsed> {
    let known = infos.iter().enumerate();
    let (at, info) = known
        .filter(|(_, info)| text.starts_with(info.name))
        .max_by_key(|(_, info)| info.name.len())?;
    Some(Parsed {
        consumed: info.name.len(),
        id: id(at),
        arg: Arg::None,
        info,
        param: None,
    })
}

fn event(text: &str) -> Result<Option<Parsed>, String> {
    let Some(plain) = longest(text, Evt::INFOS, |at| Id::Evt(Evt::ALL[at])) else {
        return Ok(None);
    };
    let Id::Evt(field) = plain.id else {
        return Ok(Some(plain));
    };
    let rest = text.strip_prefix(plain.info.name).unwrap_or("");
    let syntax = || format!("filter syntax error: {text}");
    let name = plain.consumed;
    let parsed = match field {
        Evt::Arg | Evt::RawArg | Evt::Around => {
            if let Some((arg, length)) = brackets(rest) {
                let arg = match field {
                    Evt::RawArg => return Err("evt.arg fields must be expressed explicitly".into()),
                    Evt::Around => Arg::Time(number(arg)? as u64),
                    _ => Arg::Index(number(arg)?),
                };
                Parsed {
                    consumed: name + length,
                    arg,
                    ..plain
                }
            } else if let Some(rest) = rest.strip_prefix('.') {
                if field == Evt::Around {
                    return Err("wrong syntax for evt.around".into());
                }
                let param =
                    longest_param(rest).ok_or_else(|| format!("unknown event argument {rest}"))?;
                Parsed {
                    consumed: name + 1 + param.name.len(),
                    arg: Arg::Param(places(param.name)),
                    param: (field == Evt::RawArg).then_some(param),
                    ..plain
                }
            } else {
                return Err(syntax());
            }
        }
        Evt::TypeIs => {
            let event = rest.strip_prefix('.').ok_or_else(syntax)?;
            let codes = match event.parse::<u32>() {
                Ok(code) => Some((code, u32::MAX)),
                Err(_) => EventCode::all()
                    .find(|code| code.info().name == event)
                    .map(|code| (u32::from(code.get()), u32::from(code.get()) + 1)),
            };
            match codes {
                Some((one, other)) => Parsed {
                    consumed: text.len(),
                    arg: Arg::Codes(one, other),
                    ..plain
                },
                None => plain,
            }
        }
        Evt::AbsPath => {
            let side = [(".src", 1), (".dst", 2)]
                .into_iter()
                .find(|(suffix, _)| rest.starts_with(suffix));
            let (suffix, side) = side.unwrap_or(("", 0));
            Parsed {
                consumed: name + suffix.len(),
                arg: Arg::Index(side),
                ..plain
            }
        }
        _ => plain,
    };
    Ok(Some(parsed))
}

fn process(text: &str) -> Result<Option<Parsed>, String> {
    let Some(plain) = longest(text, Proc::INFOS, |at| Id::Proc(Proc::ALL[at])) else {
        return Ok(None);
    };
    let rest = text.strip_prefix(plain.info.name).unwrap_or("");
    let name = plain.consumed;
    let arg = match plain.id {
        Id::Proc(Proc::Cgroup) => {
            let subsystem = rest
                .strip_prefix('.')
                .ok_or_else(|| format!("filter syntax error: {text}"))?;
            let length = subsystem
                .bytes()
                .position(|byte| !byte.is_ascii_alphabetic() && byte != b'_')
                .unwrap_or(subsystem.len());
            let subsystem = subsystem.get(..length).unwrap_or("");
            Some((Arg::Key(subsystem.into()), 1 + length))
        }
        Id::Proc(Proc::Env | Proc::Aenv) => brackets(rest).map(|(arg, length)| {
            let digits = !arg.is_empty() && arg.bytes().all(|byte| byte.is_ascii_digit());
            match number(arg) {
                Ok(index) if digits => (Arg::Index(index), length),
                _ => (Arg::Key(arg.into()), length),
            }
        }),
        // An argument that is no number makes the whole text no field.
        _ if plain.info.flags.any(Flags::ARG_ALLOWED) => {
            brackets(rest).and_then(|(arg, length)| {
                let index = number(arg).ok()?;
                // -1 is upstream's "no argument".
                let arg = if index == -1 {
                    Arg::None
                } else {
                    Arg::Index(index)
                };
                Some((arg, length))
            })
        }
        _ => None,
    };
    Ok(Some(match arg {
        Some((arg, length)) => Parsed {
            consumed: name + length,
            arg,
            ..plain
        },
        None => plain,
    }))
}

fn descriptor(text: &str) -> Result<Option<Parsed>, String> {
    let Some(plain) = longest(text, Descriptor::INFOS, |at| {
        Id::Descriptor(Descriptor::ALL[at])
    }) else {
        return Ok(None);
    };
    let rest = text.strip_prefix(plain.info.name).unwrap_or("");
    match brackets(rest) {
        Some((arg, length)) if plain.id == Id::Descriptor(Descriptor::Types) => {
            let index = number(arg)?;
            Ok(Some(Parsed {
                consumed: plain.consumed + length,
                arg: if index == -1 {
                    Arg::None
                } else {
                    Arg::Index(index)
                },
                ..plain
            }))
        }
        _ => Ok(Some(plain)),
    }
}

/// Fields that upstream has in plugins, whose arguments are parsed in their own way.
fn of_plugin(text: &str, plain: Parsed) -> Result<Option<Parsed>, String> {
    let name = plain.info.name;
    let flags = plain.info.flags;
    let required = flags.any(Flags::ARG_REQUIRED);
    let rest = text.strip_prefix(name).unwrap_or("");
    let Some(bracket) = text.find('[') else {
        return if required {
            Err(format!(
                "filter '{text}': {name} requires an argument but none provided"
            ))
        } else {
            Ok(Some(plain))
        };
    };
    if bracket != name.len() {
        return Ok(None);
    }
    let Some((arg, length)) = brackets(rest) else {
        return Err(format!(
            "filter '{text}': {name} has unbalanced argument brackets"
        ));
    };
    if !required {
        return Err(format!(
            "filter '{text}': {name} does not allow nor require an argument but one is provided: {arg}"
        ));
    }
    let plain_number =
        arg.bytes().all(|byte| byte.is_ascii_digit()) && (arg.len() == 1 || !arg.starts_with('0'));
    let index = arg.parse().ok().filter(|_| plain_number);
    let arg = match index {
        Some(index) if flags.any(Flags::ARG_INDEX) => Arg::Index(index),
        _ if flags.any(Flags::ARG_INDEX) => Arg::Pattern(Pattern::new(arg)),
        _ => Arg::Key(arg.into()),
    };
    Ok(Some(Parsed {
        consumed: name.len() + length,
        arg,
        ..plain
    }))
}

/// The text between brackets at the beginning of `rest`, and how long it is with them.
fn brackets(rest: &str) -> Option<(&str, usize)> {
    let inner = rest.strip_prefix('[')?;
    let (arg, _) = inner.split_once(']')?;
    Some((arg, arg.len() + 2))
}

/// A number as `scanf` reads it: blanks and a sign may come first, nothing may follow.
fn number(text: &str) -> Result<i64, String> {
    text.trim_ascii_start()
        .parse()
        .map_err(|_| format!("{text} is not a valid number"))
}

/// The longest name of any event's parameter that the text begins with; of several parameters the first in the schema.
fn longest_param(text: &str) -> Option<&'static ParamInfo> {
    let mut found: Option<&ParamInfo> = None;
    for param in EventCode::all().flat_map(|code| code.info().params) {
        let length = found.map_or(0, |found| found.name.len());
        if param.name.len() > length && text.starts_with(param.name) {
            found = Some(param);
        }
    }
    found
}

/// Of each event, the place of its parameter of that name.
fn places(name: &str) -> Box<[u8]> {
    EventCode::all()
        .map(|code| {
            let place = code
                .info()
                .params
                .iter()
                .position(|param| param.name == name);
            place.map_or(NO_PARAM, |place| place as u8)
        })
        .collect()
}
