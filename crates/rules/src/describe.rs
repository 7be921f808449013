//! What is loaded, in the JSON that `-L` and `-l` print.

use std::collections::{BTreeMap, BTreeSet};

use falco_event::codes;
use falco_filter::ast::{Expr, Limits, Right, parse};
use serde_json::{Value, json};

use crate::collect::{Collection, Entry};
use crate::compile::{Compiled, Rule};
use crate::events::{Reach, reach};
use crate::expand::{List, Macro};

/// What is described.
#[derive(Clone, Copy)]
pub(crate) struct Loaded<'a> {
    pub(crate) collection: &'a Collection,
    pub(crate) compiled: &'a Compiled,
    pub(crate) plugin_fields: &'a BTreeMap<String, String>,
}

/// Everything.
pub(crate) fn all(loaded: Loaded<'_>) -> Value {
    let Loaded {
        collection,
        compiled,
        ..
    } = loaded;
    let plugins: Vec<Value> = (collection.plugin_versions.iter())
        .filter_map(|alternatives| {
            let (first, others) = alternatives.split_first()?;
            let others: Vec<Value> = others
                .iter()
                .map(|other| json!({"name": other.name, "version": other.version}))
                .collect();
            Some(json!({"name": first.name, "version": first.version, "alternatives": others}))
        })
        .collect();
    json!({
        "required_engine_version": collection.engine_version.to_string(),
        "required_plugin_versions": plugins,
        "rules": compiled.rules.iter().map(|rule| of_rule(loaded, rule)).collect::<Vec<_>>(),
        "macros": compiled.macros.iter().map(|macr| of_macro(collection, macr)).collect::<Vec<_>>(),
        "lists": compiled.lists.iter().map(|list| of_list(collection, list)).collect::<Vec<_>>(),
    })
}

/// One rule.
pub(crate) fn one(loaded: Loaded<'_>, name: &str) -> Option<Value> {
    let rule = loaded
        .compiled
        .rules
        .iter()
        .find(|rule| rule.name == name)?;
    Some(json!({ "rules": [of_rule(loaded, rule)] }))
}

fn of_rule(loaded: Loaded<'_>, rule: &Rule) -> Value {
    let collection = loaded.collection;
    let Some(info) = collection.rules.get(&rule.name) else {
        return Value::Null;
    };
    let (macros, lists) = names_in(info.condition.text(), collection);
    let mut output_fields: Vec<String> = rule
        .extra_fields
        .iter()
        .map(|extra| extra.text.clone())
        .collect();
    output_fields.extend(rule.output.names().map(str::to_owned));
    let mut exception_names = BTreeSet::new();
    let mut exception_operators = BTreeSet::new();
    for exception in &info.exceptions {
        exception_names.insert(exception.name.as_str());
        match &exception.comps {
            Entry::One(comp) => exception_operators.insert(comp.as_str()),
            Entry::Many(comps) => {
                exception_operators.extend(comps.iter().map(Entry::text));
                true
            }
        };
    }
    let condition_fields = rule.condition.fields();
    let plugins: BTreeSet<&String> = (condition_fields.iter().map(AsRef::<str>::as_ref))
        .chain(output_fields.iter().map(String::as_str))
        .chain(rule.exception_fields.iter().map(AsRef::<str>::as_ref))
        .filter_map(|field| {
            let name = field.trim_start_matches('%').split('[').next()?;
            loaded.plugin_fields.get(name)
        })
        .collect();
    let mut details = json!({
        "macros": macros,
        "lists": lists,
        "condition_operators": operators(&rule.condition),
        "condition_fields": condition_fields,
        "output_fields": output_fields,
        "exception_fields": rule.exception_fields,
        "exception_names": exception_names,
        "exception_operators": exception_operators,
        "events": event_names(&rule.reach),
        "condition_compiled": rule.condition.to_string(),
        "output_compiled": rule.output_text,
        "plugins": plugins,
    });
    for extra in rule.extra_fields.iter().filter(|extra| !extra.raw) {
        details["extra_output_formatted_fields"][&extra.key] = extra.text.clone().into();
    }
    json!({
        "info": {
            "name": rule.name,
            "condition": info.condition.text(),
            "priority": rule.priority.name(),
            "output": info.output.text(),
            "description": rule.desc,
            "enabled": info.enabled,
            "source": rule.source,
            "capture": rule.capture,
            "capture_duration": rule.capture_duration_ms,
            "tags": rule.tags,
        },
        "details": details,
    })
}

fn of_macro(collection: &Collection, macr: &Macro) -> Value {
    let condition = collection
        .macros
        .get(&macr.name)
        .map_or("", |info| info.condition.text());
    let (macros, lists) = names_in(condition, collection);
    let reach = reach(&macr.condition).unwrap_or_default();
    json!({
        "info": { "name": macr.name, "condition": condition },
        "details": {
            "used": macr.used,
            "macros": macros,
            "lists": lists,
            "condition_operators": operators(&macr.condition),
            "condition_fields": macr.condition.fields(),
            "events": event_names(&reach),
            "condition_compiled": macr.condition.to_string(),
            "plugins": [],
        },
    })
}

fn of_list(collection: &Collection, list: &List) -> Value {
    let compiled: BTreeSet<&str> = list.items.iter().map(String::as_str).collect();
    let written = collection
        .lists
        .get(&list.name)
        .map_or(&[][..], |info| &info.items);
    // What is no item any more was put in as a list.
    let (items, lists): (Vec<&str>, Vec<&str>) = written
        .iter()
        .map(String::as_str)
        .partition(|item| compiled.contains(item));
    json!({
        "info": { "name": list.name, "items": items },
        "details": {
            "used": list.used,
            "lists": lists.into_iter().collect::<BTreeSet<_>>(),
            "items_compiled": list.items,
            "plugins": [],
        },
    })
}

/// The macros and lists that a condition names as it is written, before anything is put in.
fn names_in<'c>(
    condition: &str,
    collection: &'c Collection,
) -> (BTreeSet<&'c str>, BTreeSet<&'c str>) {
    let mut macros = BTreeSet::new();
    let mut lists = BTreeSet::new();
    let Ok(tree) = parse(condition, &Limits::RULES) else {
        return (macros, lists);
    };
    for (name, _) in tree.idents() {
        macros.extend(collection.macros.get(name).map(|macr| macr.name.as_str()));
    }
    for check in tree.checks() {
        if let Right::List(values, _) = &check.right {
            for value in values {
                let name = std::str::from_utf8(value).unwrap_or("");
                lists.extend(collection.lists.get(name).map(|list| list.name.as_str()));
            }
        }
    }
    (macros, lists)
}

fn operators(tree: &Expr) -> Vec<String> {
    tree.operators().iter().map(ToString::to_string).collect()
}

/// The names of the events that can be matched; calls without events of their own have their own names.
fn event_names(reach: &Reach) -> BTreeSet<&'static str> {
    let generic = [codes::GENERIC_E, codes::GENERIC_X];
    let events = reach
        .events
        .iter()
        .filter(|code| !generic.contains(code))
        .map(|code| code.info().name);
    let calls = reach
        .syscalls
        .iter()
        .filter_map(|call| match call.info().exit {
            Some(exit) if generic.contains(&exit) => Some(call.info().name),
            Some(exit) => Some(exit.info().name),
            None => None,
        });
    events
        .chain(calls)
        .chain([codes::ASYNCEVENT_E.info().name])
        .collect()
}
