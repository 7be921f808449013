//! A catalogue made from the reference tables.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::{HashMap, HashSet};
use std::path::Path;

use falco_filter::ast::Cmp;
use falco_filter::{Catalog, Field, FieldError, Print, Slot, Type};

pub(crate) struct Reference {
    fields: HashMap<String, Declared>,
    /// The types of event parameters by name.
    params: HashMap<String, Type>,
    /// The events that have a row of their own.
    own_events: HashSet<String>,
    /// What `evt.type` may be.
    events: HashSet<String>,
    slots: HashMap<String, u32>,
}

struct Declared {
    ty: Option<Type>,
    flags: String,
    print: Print,
}

fn table(name: &str) -> Option<Vec<Vec<String>>> {
    let path = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/reference"
    ))
    .join(name);
    let text = std::fs::read_to_string(path).ok()?;
    Some(
        text.lines()
            .skip(1)
            .map(|line| line.split('\t').map(str::to_owned).collect())
            .collect(),
    )
}

fn type_named(name: &str) -> Option<Type> {
    use Type::*;
    let all = [
        Int8,
        Int16,
        Int32,
        Int64,
        Uint8,
        Uint16,
        Uint32,
        Uint64,
        Bool,
        CharBuf,
        ByteBuf,
        FsPath,
        FsRelPath,
        IpAddr,
        IpNet,
        Port,
        RelTime,
        AbsTime,
        Errno,
        Fd,
        Pid,
        Flags8,
        Flags16,
        Flags32,
        EnumFlags8,
        EnumFlags16,
        EnumFlags32,
        Mode,
        SigType,
        SyscallId,
        Double,
    ];
    match name {
        "UID" | "GID" => Some(Uint32),
        _ => all.into_iter().find(|ty| ty.name() == name),
    }
}

impl Reference {
    pub(crate) fn load() -> Option<Reference> {
        let mut fields = HashMap::new();
        for row in table("all-fields.tsv")? {
            let ty = row[2]
                .strip_prefix("LIST(")
                .map_or(row[2].as_str(), |inner| inner.trim_end_matches(')'));
            let print = match row[6].as_str() {
                "DEC" => Print::Dec,
                "10_PADDED_DEC" => Print::PaddedDec,
                "HEX" => Print::Hex,
                "OCT" => Print::Oct,
                "ID" => Print::Id,
                _ => Print::Natural,
            };
            fields.insert(
                row[1].clone(),
                Declared {
                    ty: type_named(ty),
                    flags: row[3].clone(),
                    print,
                },
            );
        }
        let mock = |ty| Declared {
            ty: Some(ty),
            flags: "-".to_owned(),
            print: Print::Natural,
        };
        for name in ["c.true", "c.false", "c.doublequote", "c.singlequote"] {
            fields.insert(name.to_owned(), mock(Type::CharBuf));
        }
        fields.insert("c.buffer".to_owned(), mock(Type::ByteBuf));
        let mut params = HashMap::new();
        let mut events = HashSet::new();
        for row in table("events.tsv")? {
            events.insert(row[2].clone());
            for param in row.get(7).map_or("", String::as_str).split(' ') {
                let mut parts = param.split(':');
                if let (Some(name), Some(ty)) = (
                    parts.next(),
                    parts
                        .next()
                        .and_then(|ty| type_named(ty.trim_start_matches("PT_"))),
                ) {
                    params.entry(name.to_owned()).or_insert(ty);
                }
            }
        }
        let own_events = events.clone();
        events.extend(table("sc_codes.tsv")?.into_iter().map(|row| row[0].clone()));
        Some(Reference {
            fields,
            params,
            own_events,
            events,
            slots: HashMap::new(),
        })
    }

    /// Whether events of that name have a row of their own.
    pub(crate) fn has_event(&self, name: &str) -> bool {
        self.own_events.contains(name)
    }

    /// The longest field name that `name` begins with, and the rest.
    fn declared(&self, name: &str) -> Option<(String, String)> {
        let prefixes = (1..=name.len())
            .rev()
            .filter_map(|len| name.split_at_checked(len));
        let (base, rest) = prefixes
            .into_iter()
            .find(|(base, _)| self.fields.contains_key(*base))?;
        Some((base.to_owned(), rest.to_owned()))
    }
}

impl Catalog for Reference {
    fn field(&mut self, name: &str, arg: Option<&str>) -> Result<Field, FieldError> {
        let full = arg.map_or_else(|| name.to_owned(), |arg| format!("{name}[{arg}]"));
        let unknown = || FieldError(format!("filter_check called with nonexistent field {full}"));
        let syntax = || FieldError(format!("filter syntax error: {full}"));
        let number = |arg: &str| {
            arg.parse::<i64>()
                .map_err(|_| FieldError(format!("{arg} is not a valid number")))
        };
        let (base, rest) = self.declared(name).ok_or_else(unknown)?;
        let declared = &self.fields[&base];
        let mut ty = declared.ty;
        let suffix = rest.strip_prefix('.');
        match base.as_str() {
            "evt.arg" | "evt.rawarg" => match (suffix, arg) {
                (Some(param), None) => {
                    let param = self.params.get(param).ok_or_else(unknown)?;
                    if base == "evt.rawarg" {
                        ty = Some(*param);
                    }
                }
                (None, Some(_)) if base == "evt.rawarg" => {
                    return Err(FieldError(
                        "evt.arg fields must be expressed explicitly".to_owned(),
                    ));
                }
                (None, Some(index)) if rest.is_empty() => drop(number(index)?),
                _ => return Err(syntax()),
            },
            "evt.type.is" => match suffix {
                Some(event) => drop(self.events.get(event).ok_or_else(unknown)?),
                None => return Err(syntax()),
            },
            "thread.cgroup" => match suffix {
                Some(subsystem)
                    if subsystem
                        .chars()
                        .all(|c| c.is_ascii_alphabetic() || c == '_') => {}
                Some(_) => return Err(unknown()),
                None => return Err(syntax()),
            },
            "evt.abspath" if matches!(rest.as_str(), "" | ".src" | ".dst") => {}
            "fd.types" => drop(arg.map(number).transpose()?),
            "proc.args" if arg.is_some_and(|arg| arg.parse::<i32>().is_err()) => {
                return Err(unknown());
            }
            _ if !rest.is_empty() || (arg.is_some() && !declared.flags.contains("ARG_")) => {
                return Err(unknown());
            }
            _ => {}
        }
        let next = self.slots.len() as u32;
        let declared = &self.fields[&base];
        Ok(Field {
            slot: Slot(*self.slots.entry(full.clone()).or_insert(next)),
            ty: ty.ok_or_else(unknown)?,
            list: declared.flags.contains("IS_LIST"),
            print: declared.print,
            rhs: !declared.flags.contains("NO_RHS"),
            transform: !declared.flags.contains("NO_TRANSFORMER"),
        })
    }

    fn check_literal(&self, field: &Field, literal: &str) -> Result<(), FieldError> {
        if self.slots.get("evt.type") == Some(&field.slot.0) && !self.events.contains(literal) {
            return Err(FieldError(format!("unknown event type {literal}")));
        }
        Ok(())
    }

    fn operator(&self, field: &Field, cmp: Cmp) -> Result<Cmp, FieldError> {
        let around = self
            .slots
            .iter()
            .any(|(name, slot)| *slot == field.slot.0 && name.starts_with("evt.around["));
        match cmp {
            _ if !around => Ok(cmp),
            Cmp::Eq => Ok(Cmp::Le),
            _ => Err(FieldError(
                "evt.around supports only '=' comparison operator".to_owned(),
            )),
        }
    }

    fn label<'n>(&self, name: &'n str) -> &'n str {
        self.declared(name)
            .and_then(|(base, _)| name.get(..base.len()))
            .unwrap_or(name)
    }

    fn service_port(&self, name: &str) -> Option<u16> {
        match name {
            "http" => Some(80),
            "https" => Some(443),
            "ssh" => Some(22),
            _ => None,
        }
    }
}
