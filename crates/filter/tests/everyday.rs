//! Five hundred generated conditions over the recorded field values of a whole capture: each has to hold for the same events as
//! upstream's did.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use bumpalo::Bump;
use falco_filter::ast::{self, Check, Cmp, Expr, Limits, Right};
use falco_filter::{Catalog, Compiler, Field, Memo, Program, Slot, Type, Value, Values};
use serde_json::Value as Json;

#[path = "support/catalog.rs"]
mod catalog;

/// The values of one event, by slot.
struct Event<'e> {
    values: Vec<Option<Value<'e>>>,
    arena: &'e Bump,
}

impl<'e> Values<'e> for Event<'e> {
    fn value(&self, slot: Slot) -> Option<Value<'e>> {
        *self.values.get(slot.0 as usize)?
    }

    fn arena(&self) -> &'e Bump {
        self.arena
    }
}

/// What a record says of a field, as a condition sees it.
fn value<'e>(field: &Field, recorded: &Json, arena: &'e Bump) -> Option<Value<'e>> {
    let number = || {
        recorded
            .as_i64()
            .or_else(|| recorded.as_str()?.parse().ok())
    };
    match field.ty {
        Type::CharBuf | Type::FsPath | Type::FsRelPath => {
            Some(Value::Str(arena.alloc_str(recorded.as_str()?).as_bytes()))
        }
        Type::Bool => Some(Value::Bool(recorded.as_bool()?)),
        Type::IpAddr | Type::IpNet => Some(Value::Ip(recorded.as_str()?.parse().ok()?)),
        Type::Double => Some(Value::Double(recorded.as_f64()?)),
        Type::Int8
        | Type::Int16
        | Type::Int32
        | Type::Int64
        | Type::Fd
        | Type::Pid
        | Type::Errno => Some(Value::Int(number()?)),
        Type::Uint32 => Some(Value::Uint(u64::from(number()? as u32))),
        _ => Some(Value::Uint(
            recorded.as_u64().or_else(|| number().map(|n| n as u64))?,
        )),
    }
}

/// The rules of the file: each has its condition on one line.
fn conditions(rules: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut name = "";
    let mut lines = rules.lines();
    while let Some(line) = lines.next() {
        if let Some(rule) = line.strip_prefix("- rule: ") {
            name = rule;
        } else if line.trim() == "condition: >" {
            found.push((name, lines.next().unwrap_or_default().trim()));
        }
    }
    found
}

/// The numbers of the events that each rule matched.
fn matches(
    tree: &[(&str, Expr)],
    records: &str,
    mut catalog: catalog::Reference,
) -> HashMap<String, Vec<u64>> {
    let mut compiler = Compiler::new();
    let programs: Vec<(&str, Program)> = tree
        .iter()
        .map(|(name, tree)| {
            (
                *name,
                compiler
                    .condition(tree, &mut catalog)
                    .unwrap_or_else(|e| panic!("{tree}: {e}")),
            )
        })
        .collect();
    let tests = compiler.finish();
    let mut memo = Memo::new(&tests);
    let mut found: HashMap<String, Vec<u64>> = programs
        .iter()
        .map(|(name, _)| ((*name).to_owned(), Vec::new()))
        .collect();
    let mut arena = Bump::new();
    for record in records.lines() {
        arena.reset();
        let record: serde_json::Map<String, Json> =
            serde_json::from_str(record).unwrap_or_else(|e| panic!("{record}: {e}"));
        let mut values = Vec::new();
        for (name, recorded) in &record {
            let (name, arg) = name
                .split_once('[')
                .map_or((name.as_str(), None), |(name, arg)| {
                    (name, arg.strip_suffix(']'))
                });
            let field = catalog.field(name, arg).unwrap_or_else(|e| panic!("{e:?}"));
            let slot = field.slot.0 as usize;
            values.resize(values.len().max(slot + 1), None);
            values[slot] = value(&field, recorded, &arena);
        }
        memo.next_event();
        let event = Event {
            values,
            arena: &arena,
        };
        for (name, program) in &programs {
            if program.run(&tests, &event, &mut memo) {
                found
                    .entry((*name).to_owned())
                    .or_default()
                    .extend(record["evt.num"].as_u64());
            }
        }
    }
    found
}

#[test]
#[cfg_attr(
    debug_assertions,
    ignore = "half a minute without optimisation: cargo test --release"
)]
fn the_same_events_match() {
    let folder = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/captures"
    ));
    let read = |name: &str| std::fs::read(folder.join(name)).ok();
    let (Some(rules), Some(expected), Some(records), Some(catalog)) = (
        read("everyday.rules.yaml"),
        read("everyday.matches.json"),
        read("everyday.expected.jsonl.gz"),
        catalog::Reference::load(),
    ) else {
        println!("skipped: the capture's records are absent");
        return;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(&records[..])
        .read_to_string(&mut text)
        .unwrap();
    let first: serde_json::Map<String, Json> =
        serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let expected: HashMap<String, Json> = serde_json::from_slice(&expected).unwrap();
    let rules = String::from_utf8(rules).unwrap();
    let all = conditions(&rules);
    assert_eq!(all.len(), expected.len());
    // Upstream looks rules up by event code, and the calls that have no event of their own share one: its lookup drops all of them
    // for a rule that excludes one by name. That is not the condition's doing.
    let excludes_shared = |check: &Check| match (&check.right, check.left.to_string().as_str()) {
        (Right::Value(name, _), "evt.type") => {
            check.op.cmp == Cmp::Ne && !catalog.has_event(&String::from_utf8_lossy(name))
        }
        _ => false,
    };
    let trees: Vec<(&str, Expr)> = all
        .iter()
        .map(|(name, condition)| {
            (
                *name,
                ast::parse(condition, &Limits::RULES)
                    .unwrap_or_else(|e| panic!("{condition}: {e}")),
            )
        })
        .filter(|(_, tree)| {
            tree.fields().iter().all(|field| first.contains_key(field))
                && !tree.checks().any(excludes_shared)
        })
        .collect();
    let found = matches(&trees, &text, catalog);
    let mut wrong = Vec::new();
    for (name, tree) in &trees {
        let (ours, theirs) = (&found[*name], &expected[*name]);
        let heads = theirs["first"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Json::as_u64);
        if ours.len() as u64 != theirs["count"] || !heads.eq(ours.iter().copied().take(8)) {
            wrong.push(format!(
                "{name} {tree}\n  ours {} {:?}\n  theirs {theirs}",
                ours.len(),
                ours.iter().take(8).collect::<Vec<_>>()
            ));
        }
    }
    println!(
        "{} of {} conditions agree; {} cannot be compared",
        trees.len() - wrong.len(),
        trees.len(),
        all.len() - trees.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
