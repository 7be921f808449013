//! Other forms of JSON: OCSF and ECS.
//!
//! Both are made from the fields that the output of a rule names; what a form has no place for is kept beside the rest under the name it
//! has in rules. [`ocsf`] and [`ecs`] say what becomes what.

pub(super) mod ecs;
pub(super) mod ocsf;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::{Alert, Kind};

/// The fields of an alert, each taken once.
struct Fields<'a> {
    all: &'a BTreeMap<String, Value>,
    taken: BTreeSet<&'a str>,
}

impl<'a> Fields<'a> {
    fn of(alert: &'a Alert) -> Fields<'a> {
        Fields {
            all: &alert.fields,
            taken: BTreeSet::new(),
        }
    }

    /// A value that says something. No container is called `host`: that is what rules are shown where there is none.
    fn take(&mut self, name: &str) -> Option<&'a Value> {
        let (name, value) = self.all.get_key_value(name)?;
        if says_nothing(value) || (name == "container.id" && value == "host") {
            return None;
        }
        self.taken.insert(name);
        Some(value)
    }

    fn text(&mut self, name: &str) -> Option<&'a str> {
        self.all.get(name)?.as_str()?;
        self.take(name)?.as_str()
    }

    /// What nobody took.
    fn rest(&self) -> Map<String, Value> {
        let left = self.all.iter();
        left.filter(|(name, value)| !self.taken.contains(name.as_str()) && !says_nothing(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// Null, an empty text, or what stands for a text that is unknown.
fn says_nothing(value: &Value) -> bool {
    value.is_null() || matches!(value.as_str(), Some("" | "<NA>"))
}

/// Puts a value at a path whose parts are separated by dots; nothing where there is no value.
fn put(object: &mut Value, path: &str, value: Option<impl Into<Value>>) {
    let Some(value) = value else { return };
    let mut place = object;
    for part in path.split('.') {
        if !place.is_object() {
            *place = json!({});
        }
        let Value::Object(map) = place else { return };
        place = map.entry(part).or_insert(Value::Null);
    }
    *place = value.into();
}

/// Puts the value of a field at a path.
fn put_field(object: &mut Value, path: &str, fields: &mut Fields<'_>, name: &str) {
    put(object, path, fields.take(name).cloned());
}

/// The last part of a path.
fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The file that an alert is about, and whether it is known to be a directory: a name that is a path, of no socket.
fn file<'a>(fields: &mut Fields<'a>) -> Option<(&'a str, Option<bool>)> {
    let kind = fields.all.get("fd.type").and_then(Value::as_str);
    let name = fields.all.get("fd.name").and_then(Value::as_str)?;
    if !name.starts_with('/') || !matches!(kind, None | Some("file" | "directory")) {
        return None;
    }
    fields.take("fd.type");
    let path = fields.text("fd.name")?;
    Some((path, kind.map(|kind| kind == "directory")))
}

/// The two ends of a connection: address and port of the client, of the server.
fn ends<'a>(fields: &mut Fields<'a>) -> [(Option<&'a Value>, Option<&'a Value>); 2] {
    [("fd.cip", "fd.cport"), ("fd.sip", "fd.sport")]
        .map(|(ip, port)| (fields.take(ip), fields.take(port)))
}

/// The tags of the rule.
fn tags(alert: &Alert) -> Vec<&str> {
    match &alert.kind {
        Kind::Rule { tags } => tags.iter().map(|tag| &**tag).collect(),
        Kind::Internal => Vec::new(),
    }
}

/// Tactics of MITRE ATT&CK: the tag in rules, the number, the name.
const TACTICS: [(&str, &str, &str); 14] = [
    ("mitre_reconnaissance", "TA0043", "Reconnaissance"),
    (
        "mitre_resource_development",
        "TA0042",
        "Resource Development",
    ),
    ("mitre_initial_access", "TA0001", "Initial Access"),
    ("mitre_execution", "TA0002", "Execution"),
    ("mitre_persistence", "TA0003", "Persistence"),
    (
        "mitre_privilege_escalation",
        "TA0004",
        "Privilege Escalation",
    ),
    ("mitre_defense_evasion", "TA0005", "Defense Evasion"),
    ("mitre_credential_access", "TA0006", "Credential Access"),
    ("mitre_discovery", "TA0007", "Discovery"),
    ("mitre_lateral_movement", "TA0008", "Lateral Movement"),
    ("mitre_collection", "TA0009", "Collection"),
    ("mitre_command_and_control", "TA0011", "Command and Control"),
    ("mitre_exfiltration", "TA0010", "Exfiltration"),
    ("mitre_impact", "TA0040", "Impact"),
];

/// The tactics among tags: number and name.
fn tactics<'a>(tags: &'a [&str]) -> impl Iterator<Item = (&'static str, &'static str)> + 'a {
    let known = |tag: &&str| TACTICS.iter().find(|(name, ..)| name == tag);
    tags.iter()
        .filter_map(known)
        .map(|&(_, number, name)| (number, name))
}

/// The techniques among tags: `T1059`, `T1059.004`.
fn techniques<'a>(tags: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let is = |tag: &&str| {
        let digits = |text: &str, count| {
            text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        tag.strip_prefix('T')
            .is_some_and(|rest| match rest.split_once('.') {
                Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
                None => digits(rest, 4),
            })
    };
    tags.iter().copied().filter(is)
}

#[cfg(test)]
mod tests;
