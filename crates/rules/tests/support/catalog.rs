//! A catalogue made from the reference tables.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use falco_event::{EventCode, SyscallCode};
use falco_filter::{Catalog, Field, FieldError, Print, Slot, Type};

/// A file or folder of the material that is shared between checkouts; `None`, with a printed line, if it is not there.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no {}", path.display());
    None
}

#[derive(Default)]
pub(crate) struct Reference {
    fields: HashMap<String, (Type, bool, Print, String)>,
    events: HashSet<&'static str>,
    slots: HashMap<String, u32>,
}

const TYPES: &[Type] = &[
    Type::Int8,
    Type::Int16,
    Type::Int32,
    Type::Int64,
    Type::Uint8,
    Type::Uint16,
    Type::Uint32,
    Type::Uint64,
    Type::Bool,
    Type::CharBuf,
    Type::ByteBuf,
    Type::FsPath,
    Type::FsRelPath,
    Type::IpAddr,
    Type::IpNet,
    Type::Port,
    Type::RelTime,
    Type::AbsTime,
    Type::Errno,
    Type::Fd,
    Type::Pid,
    Type::Flags8,
    Type::Flags16,
    Type::Flags32,
    Type::Mode,
    Type::Double,
];

impl Reference {
    pub(crate) fn load() -> Option<Reference> {
        let text = std::fs::read_to_string(shared("reference/all-fields.tsv")?).ok()?;
        let mut fields = HashMap::new();
        for line in text.lines().skip(1) {
            let row: Vec<&str> = line.split('\t').collect();
            let list = row[2].starts_with("LIST(");
            let ty = row[2].trim_start_matches("LIST(").trim_end_matches(')');
            let ty = TYPES
                .iter()
                .find(|t| t.name() == ty)
                .copied()
                .unwrap_or(Type::Uint32);
            let print = match row[6] {
                "DEC" => Print::Dec,
                "10_PADDED_DEC" => Print::PaddedDec,
                "HEX" => Print::Hex,
                "OCT" => Print::Oct,
                "ID" => Print::Id,
                _ => Print::Natural,
            };
            fields.insert(row[1].to_owned(), (ty, list, print, row[4].to_owned()));
        }
        for name in [
            "container.id",
            "container.name",
            "container.image",
            "container.image.repository",
            "container.image.tag",
            "container.mounts",
            "container.mount.dest",
            "k8s.ns.name",
            "k8s.pod.name",
            "container.start_ts",
            "container.full_id",
            "container.duration",
        ] {
            fields.insert(
                name.to_owned(),
                (
                    Type::CharBuf,
                    false,
                    Print::Natural,
                    "index optional".to_owned(),
                ),
            );
        }
        fields.insert(
            "container.privileged".to_owned(),
            (Type::Bool, false, Print::Natural, "none".to_owned()),
        );
        Some(Reference {
            fields,
            events: EventCode::all()
                .map(|code| code.info().name)
                .chain(SyscallCode::all().map(|code| code.info().name))
                .collect(),
            slots: HashMap::new(),
        })
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.fields.keys().cloned().collect()
    }

    pub(crate) fn name_of(&self, slot: Slot) -> Option<&str> {
        self.slots
            .iter()
            .find_map(|(name, &s)| (s == slot.0).then_some(name.as_str()))
    }
}

impl Catalog for Reference {
    fn field(&mut self, name: &str, arg: Option<&str>) -> Result<Field, FieldError> {
        let unknown = || {
            let shown = arg.map_or_else(|| name.to_owned(), |arg| format!("{name}[{arg}]"));
            FieldError(format!(
                "filter_check called with nonexistent field {shown}"
            ))
        };
        let dotted = [
            "evt.arg.",
            "evt.rawarg.",
            "evt.type.is.",
            "thread.cgroup.",
            "evt.abspath.",
        ]
        .iter()
        .find(|prefix| name.starts_with(**prefix));
        let declared = match dotted {
            Some(prefix) => self.fields.get(prefix.trim_end_matches('.')),
            None => self.fields.get(name),
        };
        let (ty, list, print, args) = declared.ok_or_else(unknown)?;
        if arg.is_some() && args == "none" {
            return Err(unknown());
        }
        if arg.is_none() && dotted.is_none() && args.starts_with("required") {
            return Err(FieldError(format!("filter syntax error: {name}")));
        }
        let (ty, list, print) = match name {
            "evt.rawarg.flags" => (Type::Flags32, false, Print::Hex),
            "evt.rawarg.mode" => (Type::Uint32, false, Print::Oct),
            "evt.rawarg.res" => (Type::Errno, false, Print::Dec),
            "evt.rawarg.uid" => (Type::Uint32, false, Print::Dec),
            _ => (*ty, *list, *print),
        };
        let key = arg.map_or_else(|| name.to_owned(), |arg| format!("{name}[{arg}]"));
        let next = self.slots.len() as u32;
        let slot = Slot(*self.slots.entry(key).or_insert(next));
        Ok(Field {
            slot,
            ty,
            list,
            print,
            rhs: true,
            transform: true,
        })
    }

    fn check_literal(&self, field: &Field, literal: &str) -> Result<(), FieldError> {
        if self.slots.get("evt.type") == Some(&field.slot.0) && !self.events.contains(literal) {
            return Err(FieldError(format!("unknown event type {literal}")));
        }
        Ok(())
    }

    fn service_port(&self, _: &str) -> Option<u16> {
        None
    }
}
