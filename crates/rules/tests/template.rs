//! Output templates against what upstream makes of them.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "tests"
)]

use std::collections::{BTreeMap, HashMap};
use std::fs;

use bumpalo::Bump;
use falco_filter::{Catalog, Slot, Type, Value, Values};
use falco_rules::Template;
use serde_json::Value as Json;

#[path = "support/catalog.rs"]
mod catalog;
use catalog::{Reference, shared};

const TIME_NS: u64 = 1_566_230_400_010_000_000;

/// Values by slot, borrowed from texts.
struct Known<'e> {
    values: HashMap<u32, Value<'e>>,
    arena: Bump,
}

impl<'e> Values<'e> for &'e Known<'e> {
    fn value(&self, slot: Slot) -> Option<Value<'e>> {
        self.values.get(&slot.0).copied()
    }

    fn arena(&self) -> &'e Bump {
        &self.arena
    }
}

/// The value that upstream shows as `text`.
fn typed(ty: Type, text: &str) -> Value<'_> {
    match ty {
        Type::CharBuf | Type::FsPath | Type::FsRelPath | Type::ByteBuf => {
            Value::Str(text.as_bytes())
        }
        Type::Bool => Value::Bool(text == "true"),
        Type::Flags32 => Value::Uint(u64::from_str_radix(text, 16).unwrap()),
        Type::IpAddr => Value::Ip(text.parse().unwrap()),
        _ => (text.parse()).map_or(Value::Str(text.as_bytes()), Value::Int),
    }
}

/// Values of fields by fixture and name.
fn fixtures() -> HashMap<String, BTreeMap<String, String>> {
    let mut found: HashMap<String, BTreeMap<String, String>> = HashMap::new();
    let path = shared("corpus/libs/fields_on_fixture.jsonl").unwrap();
    for line in fs::read_to_string(path).unwrap().lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let fields = found
            .entry(case["on"].as_str().unwrap().to_owned())
            .or_default();
        if let Some(value) = case["result"]["value"].as_str() {
            fields.insert(case["name"].as_str().unwrap().to_owned(), value.to_owned());
        }
    }
    // What is known of the fixtures besides.
    let facts = [
        ("root", "proc.name", "init"),
        ("root", "proc.pid", "1"),
        ("root", "evt.failed", "true"),
        ("root", "evt.num", "1"),
        ("open", "fd.num", "5"),
        ("open", "fd.dev", "1234"),
        ("open", "fd.types", "(file)"),
        ("open", "proc.args[0]", "-n"),
        ("open", "evt.rawtime", "1566230400020000000"),
        ("open", "evt.rawarg.flags", "7"),
    ];
    for (fixture, name, value) in facts {
        found
            .entry(fixture.to_owned())
            .or_default()
            .insert(name.to_owned(), value.to_owned());
    }
    found
}

/// What is there of the template on these values: the text or JSON, or the error.
fn run(
    format: &str,
    json: bool,
    known: &BTreeMap<String, String>,
    time_ns: u64,
) -> Result<(bool, String), &'static str> {
    let mut catalog = Reference::load().unwrap();
    let template = Template::parse(format, &mut catalog).map_err(|e| e.message)?;
    let mut values = Known {
        values: HashMap::new(),
        arena: Bump::new(),
    };
    for (name, text) in known {
        let (plain, arg) = match name.split_once('[') {
            Some((plain, arg)) => (plain, Some(arg.trim_end_matches(']'))),
            None => (name.as_str(), None),
        };
        if let Ok(field) = catalog.field(plain, arg) {
            let value = if field.list {
                let items: Vec<Value<'_>> = text
                    .trim_matches(['(', ')'])
                    .split(',')
                    .map(|item| Value::Str(item.as_bytes()))
                    .collect();
                Value::List(Box::leak(items.into_boxed_slice()))
            } else if plain == "evt.rawarg.mode" {
                Value::Uint(u64::from_str_radix(text, 8).unwrap())
            } else if plain == "fd.dev" {
                Value::Uint(u64::from_str_radix(text, 16).unwrap())
            } else {
                typed(field.ty, text)
            };
            values.values.insert(field.slot.0, value);
        }
    }
    let values = &values;
    if json {
        let mut out = BTreeMap::new();
        let ok = template.fields(&values, time_ns, &mut out);
        let shown = if out.is_empty() {
            "null".to_owned()
        } else {
            serde_json::to_string(&out).unwrap()
        };
        Ok((ok, shown))
    } else {
        let mut out = Vec::new();
        let ok = template.render(&values, &mut out);
        Ok((ok, String::from_utf8(out).unwrap()))
    }
}

#[test]
fn upstreams_own_cases() {
    let Some(path) = shared("corpus/libs/formatter.jsonl") else {
        return;
    };
    let mut wrong = Vec::new();
    let fixtures = fixtures();
    for line in fs::read_to_string(path).unwrap().lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let format = case["fmt"].as_str().unwrap();
        let json = case["json"].as_bool().unwrap();
        let mut known = fixtures["root"].clone();
        for (name, value) in case["values"].as_object().into_iter().flatten() {
            match value.as_str().unwrap() {
                "<NA>" => known.remove(name),
                value => known.insert(name.clone(), value.to_owned()),
            };
        }
        let got = run(format, json, &known, TIME_NS);
        let expected = match case.get("throws") {
            Some(message) => Err(message.as_str().unwrap()),
            None => Ok((
                case["ok"].as_bool().unwrap(),
                case["out"].as_str().unwrap().to_owned(),
            )),
        };
        // Transformed fields are never asked for in JSON.
        if json && case["resolve_transformed"] == true && format.contains('(') {
            continue;
        }
        if got != expected {
            wrong.push(format!(
                "{} {format}\n  got      {got:?}\n  expected {expected:?}",
                case["id"]
            ));
        }
        if let Some(names) = case["names"].as_array() {
            let mut catalog = Reference::load().unwrap();
            let template = Template::parse(format, &mut catalog).unwrap();
            let got: Vec<&str> = template.names().collect();
            if names
                .iter()
                .map(|name| name.as_str().unwrap())
                .ne(got.iter().copied())
            {
                wrong.push(format!(
                    "{} {format}\n  names {got:?}\n  expected {names:?}",
                    case["id"]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn probed_cases() {
    let Some(path) = shared("corpus/libs/formatter_oracle.jsonl") else {
        return;
    };
    let fixtures = fixtures();
    let mut wrong = Vec::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let on = case["on"].as_str().unwrap();
        let Some(known) = fixtures.get(on) else {
            continue;
        };
        let format = case["fmt"].as_str().unwrap();
        let result = &case["result"];
        let time_ns = if on == "root" {
            TIME_NS
        } else {
            TIME_NS + 10_000_000
        };
        let got = run(format, case["json"].as_bool().unwrap(), known, time_ns);
        let expected = match result.get("error") {
            Some(message) => Err(message.as_str().unwrap()),
            None => Ok((
                result["ok"].as_bool().unwrap(),
                result["out"].as_str().unwrap().to_owned(),
            )),
        };
        if got != expected {
            wrong.push(format!(
                "{} {format}\n  got      {got:?}\n  expected {expected:?}",
                case["id"]
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
