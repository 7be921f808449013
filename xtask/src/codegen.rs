//! Turns the schema into the Rust tables of `falco-event` and the C header of the probe.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context, bail};

use crate::schema::{Names, Schema};

const NOTE: &str = "Written by `cargo xtask codegen` from schema/: change it there.";

pub(crate) fn write(root: &Path) -> anyhow::Result<()> {
    for (path, text) in generate(root)? {
        fs::write(root.join(path), text).with_context(|| format!("writing {path}"))?;
    }
    Ok(())
}

/// Each generated file with its text.
pub(crate) fn generate(root: &Path) -> anyhow::Result<Vec<(&'static str, String)>> {
    let schema = Schema::read(root)?;
    Ok(vec![
        ("crates/event/src/tables/types.rs", types(&schema)?),
        ("crates/event/src/tables/codes.rs", codes(&schema)?),
        ("crates/event/src/tables/events.rs", events(&schema)?),
        ("crates/event/src/tables/flags.rs", flags(&schema)?),
        ("crates/event/src/tables/syscalls.rs", syscalls(&schema)?),
        ("crates/capture/src/convert/table.rs", conversions(&schema)?),
        ("bpf/include/schema.h", header(&schema)?),
    ])
}

/// `io_other` → `IoOther`.
fn camel(name: &str) -> String {
    let mut out = String::new();
    for word in name.split('_') {
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

fn types(schema: &Schema) -> anyhow::Result<String> {
    let mut out = format!(
        "// {NOTE}\n\n/// The type of a parameter, with its code in the plugin interface.\n"
    );
    out.push_str("#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]\n#[repr(u8)]\n#[allow(missing_docs)]\npub enum ParamType {\n");
    for ty in &schema.types {
        writeln!(out, "    {} = {},", camel(&ty.name), ty.code)?;
    }
    out.push_str("}\n\nimpl ParamType {\n    /// The name in listings: `CHARBUF`.\n    pub fn name(self) -> &'static str {\n        match self {\n");
    for ty in &schema.types {
        writeln!(
            out,
            "            ParamType::{} => \"{}\",",
            camel(&ty.name),
            ty.name.to_uppercase()
        )?;
    }
    out.push_str("        }\n    }\n\n    /// The size in bytes of a type that always has the same.\n    pub fn size(self) -> Option<usize> {\n        match self {\n");
    for ty in &schema.types {
        if let Some(size) = ty.size {
            writeln!(
                out,
                "            ParamType::{} => Some({size}),",
                camel(&ty.name)
            )?;
        }
    }
    out.push_str("            _ => None,\n        }\n    }\n}\n");
    Ok(out)
}

fn codes(schema: &Schema) -> anyhow::Result<String> {
    let mut out = format!("// {NOTE}\n#![allow(missing_docs)]\n\nuse crate::EventCode;\n\n");
    for (code, event) in schema.events.iter().enumerate() {
        writeln!(
            out,
            "pub const {}: EventCode = EventCode::known({code});",
            event.id
        )?;
    }
    Ok(out)
}

fn events(schema: &Schema) -> anyhow::Result<String> {
    let mut out = format!("// {NOTE}\n\nuse super::flags as f;\nuse crate::schema::{{\n");
    out.push_str("    EventFlags, EventInfo, Format as F, Kind as K, Names as N, Origin as O, event, param,\n};\n");
    out.push_str("use super::types::ParamType as T;\n");
    writeln!(
        out,
        "\n/// Every event, by its code.\npub(crate) static EVENTS: [EventInfo; {}] = [",
        schema.events.len()
    )?;
    for event in &schema.events {
        write!(
            out,
            "    event(\"{}\", \"{}\", K::{}, O::{}, ",
            event.id,
            event.name,
            camel(&event.kind),
            camel(&event.origin)
        )?;
        let flags: Vec<_> = event
            .flags
            .iter()
            .map(|flag| format!("EventFlags::{}", flag.to_uppercase()))
            .collect();
        let flags = if flags.is_empty() {
            "0".into()
        } else {
            flags.join(" | ")
        };
        write!(out, "{flags}, &[")?;
        for param in &event.params {
            let names = match &param.names {
                Names::None => "N::None".into(),
                Names::Table(table) => format!("N::Table(f::{})", table.to_uppercase()),
                Names::Dynamic(table) => format!("N::Dynamic(f::{})", table.to_uppercase()),
                Names::DirFd(index) => format!("N::DirFd({index})"),
            };
            let (ty, format) = (camel(&param.ty), camel(&param.format));
            write!(
                out,
                "\n        param(\"{}\", T::{ty}, F::{format}, {names}),",
                param.name
            )?;
        }
        out.push_str(if event.params.is_empty() {
            "]),\n"
        } else {
            "\n    ]),\n"
        });
    }
    out.push_str("];\n");
    Ok(out)
}

fn flags(schema: &Schema) -> anyhow::Result<String> {
    let mut out = format!(
        "// {NOTE}\n#![allow(missing_docs, clippy::unreadable_literal)]\n\nuse super::types::ParamType as T;\nuse crate::schema::{{Alternative, Flag, Format as F}};\n"
    );
    for (table, names) in &schema.tables {
        writeln!(out, "\npub static {}: &[Flag] = &[", table.to_uppercase())?;
        for (name, value) in names {
            writeln!(out, "    Flag {{ name: \"{name}\", value: {value} }},")?;
        }
        out.push_str("];\n");
    }
    for (table, alternatives) in &schema.dynamics {
        writeln!(
            out,
            "\npub static {}: &[Alternative] = &[",
            table.to_uppercase()
        )?;
        for alternative in alternatives {
            let (ty, format) = (camel(&alternative.ty), camel(&alternative.format));
            writeln!(
                out,
                "    Alternative {{ ty: T::{ty}, format: F::{format} }},"
            )?;
        }
        out.push_str("];\n");
    }
    Ok(out)
}

fn syscalls(schema: &Schema) -> anyhow::Result<String> {
    let mut out = format!(
        "// {NOTE}\n\nuse super::codes as c;\nuse crate::schema::{{Sampling as S, Syscall, syscall}};\n\n"
    );
    writeln!(
        out,
        "/// Every system call, by its code.\npub(crate) static SYSCALLS: [Syscall; {}] = [",
        schema.syscalls.len()
    )?;
    for call in &schema.syscalls {
        let number = call
            .x86_64
            .map_or("None".into(), |number| format!("Some({number})"));
        let exit = call
            .exit
            .as_ref()
            .map_or("None".into(), |exit| format!("Some(c::{exit})"));
        let sampling = call.drop.as_deref().map_or("Ratio".into(), camel);
        writeln!(
            out,
            "    syscall(\"{}\", {number}, {exit}, S::{sampling}),",
            call.name
        )?;
    }
    out.push_str("];\n");
    Ok(out)
}

fn conversions(schema: &Schema) -> anyhow::Result<String> {
    let mut out = format!(
        "// {NOTE}\n\nuse falco_event::codes as c;\n\nuse super::{{Action as A, Rule, Source as S, rule}};\n\n"
    );
    writeln!(
        out,
        "pub(super) static RULES: [Rule; {}] = [",
        schema.conversions.len()
    )?;
    for conversion in &schema.conversions {
        let sources = conversion
            .sources
            .iter()
            .map(|source| source_of(source))
            .collect::<anyhow::Result<Vec<_>>>()?
            .join(", ");
        let action = match (conversion.action.as_str(), &conversion.to) {
            ("add", _) => format!("A::Add(&[{sources}])"),
            ("become", Some(to)) => format!("A::Become(c::{to}, &[{sources}])"),
            (other, _) => format!("A::{}", camel(other)),
        };
        writeln!(
            out,
            "    rule(c::{}, {}, {action}),",
            conversion.event, conversion.params
        )?;
    }
    out.push_str("];\n");
    Ok(out)
}

fn source_of(word: &str) -> anyhow::Result<String> {
    Ok(match (word, word.split_at_checked(1)) {
        ("-", _) => "S::Empty".into(),
        ("0", _) => "S::Default".into(),
        ("container", _) => "S::ContainerJson".into(),
        (_, Some(("o", index))) => format!("S::Old({})", index.parse::<u8>()?),
        (_, Some(("e", index))) => match index.strip_suffix('?') {
            Some(index) => format!("S::EnterOrEmpty({})", index.parse::<u8>()?),
            None => format!("S::Enter({})", index.parse::<u8>()?),
        },
        _ => bail!("unknown source of a parameter: {word}"),
    })
}

fn header(schema: &Schema) -> anyhow::Result<String> {
    let mut out = format!(
        "/* SPDX-License-Identifier: MIT OR GPL-2.0-only */\n/* {NOTE} */\n#pragma once\n\n"
    );
    out.push_str("/* An event: its code and how many parameters it has. */\nenum {\n");
    for (code, event) in schema.events.iter().enumerate() {
        if !event.flags.iter().any(|flag| flag == "unused") {
            writeln!(
                out,
                "\tEVT_{} = {code},\n\tNPARAMS_{} = {},",
                event.id,
                event.id,
                event.params.len()
            )?;
        }
    }
    writeln!(out, "\tEVT_MAX = {},\n}};\n", schema.events.len())?;
    out.push_str("/* A system call: its code, the same on all architectures. */\nenum {\n");
    for (code, call) in schema.syscalls.iter().enumerate() {
        writeln!(out, "\tSC_{} = {code},", call.name.to_uppercase())?;
    }
    writeln!(out, "\tSC_MAX = {},\n}};\n", schema.syscalls.len())?;
    out.push_str("/* Bits and choices on the wire: F_TABLE__NAME. */\n");
    for (table, names) in &schema.tables {
        for (index, (name, value)) in names.iter().enumerate() {
            // Upstream has one name for two values of prctl; the first keeps it here.
            if names[..index].iter().all(|(earlier, _)| earlier != name) {
                writeln!(out, "#define F_{}__{name} {value}U", table.to_uppercase())?;
            }
        }
    }
    out.push_str("\n/* The first byte of a parameter whose type it chooses: DYN_TABLE__TYPE. */\n");
    for (table, alternatives) in &schema.dynamics {
        let table = table.trim_end_matches("_dynamic_param").to_uppercase();
        for (selector, alternative) in alternatives.iter().enumerate() {
            writeln!(
                out,
                "#define DYN_{table}__{} {selector}",
                alternative.ty.to_uppercase()
            )?;
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_files_are_what_the_schema_says() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for (path, text) in generate(root).unwrap() {
            let committed = fs::read_to_string(root.join(path)).unwrap();
            assert!(
                committed == text,
                "{path} is stale: run `cargo xtask codegen`"
            );
        }
    }
}
