//! What a YAML document should look like, and in which ways it does not: enough of JSON schema for rules files and configuration.
//!
//! Scalars are judged by their text: a quoted `true` is a boolean, every scalar is a string. The wordings are those of upstream's validator.

mod json;
mod unknown;

use std::fmt::Write;

use crate::yaml::Node;

pub use json::to_json;
pub use unknown::{Unknown, unknown_keys};

/// No more failures than this are listed.
const MAX_FAILURES: usize = 1000;

/// What a value should be.
#[derive(Debug)]
pub enum Schema {
    /// Anything.
    Any,
    /// A scalar.
    Text,
    /// A whole number.
    Integer,
    /// A whole number that is neither smaller nor bigger.
    Within(i64, i64),
    /// A number.
    Number,
    /// Nothing.
    Null,
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A sequence of values that are all the same.
    Array(&'static Schema),
    /// One of these.
    AnyOf(&'static [Schema]),
    /// A mapping.
    Object(&'static Object),
    /// What has a name of its own when the schema is shown.
    Named(&'static str, &'static Schema),
}

/// What a mapping should be.
#[derive(Debug)]
pub struct Object {
    /// The keys that it may have, in byte order, each with its value.
    pub properties: &'static [(&'static str, Schema)],
    /// Those that it must have.
    pub required: &'static [&'static str],
    /// How many it must have at least.
    pub min: usize,
    /// Whether other keys may be there.
    pub open: bool,
}

/// In which ways `node` is not what it should be; nothing if it is.
pub fn failures(node: &Node, schema: &Schema) -> Vec<String> {
    let mut check = Check {
        path: "<root>".to_owned(),
        failures: Vec::new(),
        silent: false,
    };
    check.value(node, schema);
    check.failures
}

struct Check {
    path: String,
    failures: Vec<String>,
    /// Whether failures are only counted.
    silent: bool,
}

impl Check {
    fn fail(&mut self, what: &str) {
        if self.failures.len() < MAX_FAILURES {
            self.failures.push(if self.silent {
                String::new()
            } else {
                format!("failed for {}: {what}", self.path)
            });
        }
    }

    /// Whether the value is as it should be.
    fn value(&mut self, node: &Node, schema: &Schema) -> bool {
        let before = self.failures.len();
        if before >= MAX_FAILURES {
            return false;
        }
        let of_type = match schema {
            Schema::Any => true,
            Schema::Text => node.scalar().is_some(),
            Schema::Integer => node.scalar().is_some_and(|s| s.parse::<i64>().is_ok()),
            Schema::Within(min, max) => {
                let number = node.scalar().and_then(|s| s.parse::<i64>().ok());
                if number.is_some_and(|number| number > *max) {
                    self.fail(&format!(
                        "Expected number less than or equal to {max}.000000"
                    ));
                }
                if number.is_some_and(|number| number < *min) {
                    self.fail(&format!(
                        "Expected number greater than or equal to {min}.000000"
                    ));
                }
                number.is_some()
            }
            Schema::Null => node.is_null(),
            Schema::Named(_, schema) => return self.value(node, schema),
            Schema::Number => node.scalar().is_some_and(|s| s.parse::<f64>().is_ok()),
            Schema::Boolean => matches!(node.scalar(), Some("true" | "false")),
            Schema::Words(words) => {
                if !node.scalar().is_some_and(|s| words.contains(&s)) {
                    self.fail("Failed to match against any enum values.");
                }
                node.scalar().is_some()
            }
            Schema::Array(element) => {
                for (index, item) in node.items().unwrap_or(&[]).iter().enumerate() {
                    if !self.within(index, |check| check.value(item, element)) {
                        self.fail(&format!("Failed to validate item #{index} in array."));
                    }
                }
                node.items().is_some()
            }
            Schema::AnyOf(children) => {
                // A list may be long, and most items fit only one of them: nothing is written down before it is known that none does.
                let silent = std::mem::replace(&mut self.silent, true);
                let fits = children.iter().any(|child| self.value(node, child));
                self.failures.truncate(before);
                self.silent = silent;
                if !fits {
                    for (index, child) in children.iter().enumerate() {
                        self.value(node, child);
                        self.fail(&format!(
                            "Failed to validate against child schema #{index}."
                        ));
                    }
                    self.fail(
                        "Failed to validate against any schemas allowed by anyOf constraint.",
                    );
                }
                true
            }
            Schema::Object(object) => {
                if node.is_map() {
                    self.object(node, object);
                }
                node.is_map()
            }
        };
        if !of_type {
            self.fail("Value type not permitted by 'type' constraint.");
        }
        self.failures.len() == before
    }

    fn object(&mut self, node: &Node, object: &Object) {
        let entries = node.entries();
        if entries.len() < object.min {
            self.fail(&format!(
                "Object should have no fewer than {} properties.",
                object.min
            ));
        }
        let mut known = 0;
        for (name, schema) in object.properties {
            let Some(value) = node.get(name) else {
                continue;
            };
            known += 1;
            if !self.within(name, |check| check.value(value, schema)) {
                self.fail(&format!(
                    "Failed to validate against schema associated with property name '{name}'."
                ));
            }
        }
        // A key that occurs twice makes the numbers differ, too: then there is no name to tell.
        if !object.open && known < entries.len() {
            let unknown = entries
                .iter()
                .filter_map(|(key, _)| key.scalar())
                .find(|key| object.properties.iter().all(|(name, _)| name != key));
            self.fail(&format!(
                "Object contains a property that could not be validated using 'properties' or 'additionalProperties' constraints: '{}'.",
                unknown.unwrap_or("")
            ));
        }
        for name in object.required {
            if node.get(name).is_none() {
                self.fail(&format!("Missing required property '{name}'."));
            }
        }
    }

    fn within<T>(&mut self, step: impl std::fmt::Display, f: impl FnOnce(&mut Check) -> T) -> T {
        let length = self.path.len();
        let _ = write!(self.path, "[{step}]");
        let result = f(self);
        self.path.truncate(length);
        result
    }
}

/// The schema of a mapping with these keys and no others.
#[macro_export]
macro_rules! object {
    ($($name:literal: $schema:expr,)*; $required:expr, $min:literal) => {
        $crate::schema::Schema::Object(&$crate::schema::Object {
            properties: &[$(($name, $schema),)*],
            required: $required,
            min: $min,
            open: false,
        })
    };
}

const OPERATION: Schema = Schema::Named("Operation", &Schema::Words(&["append", "replace"]));

/// A rules file.
pub static RULES: Schema = Schema::Array(&Schema::Named(
    "FalcoRule",
    &object! {
        "append": Schema::Boolean,
        "capture": Schema::Boolean,
        "capture_duration": Schema::Integer,
        "condition": Schema::Text,
        "desc": Schema::Text,
        "enabled": Schema::Boolean,
        "exceptions": Schema::Array(&object! {
            "comps": Schema::Any,
            "fields": Schema::Any,
            "name": Schema::Text,
            "values": Schema::Any,
            ; &["name"], 0
        }),
        "items": Schema::Array(&Schema::AnyOf(&[Schema::Integer, Schema::Text])),
        "list": Schema::Text,
        "macro": Schema::Text,
        "output": Schema::Text,
        "override": object! {
            "capture": OPERATION,
            "capture_duration": OPERATION,
            "condition": OPERATION,
            "desc": OPERATION,
            "enabled": OPERATION,
            "exceptions": OPERATION,
            "items": OPERATION,
            "output": OPERATION,
            "priority": OPERATION,
            "skip-if-unknown-filter": OPERATION,
            "tags": OPERATION,
            "warn_evttypes": OPERATION,
            ; &[], 1
        },
        "priority": Schema::Named("Priority", &Schema::Words(&[
            "EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "INFORMATIONAL", "DEBUG",
        ])),
        "required_engine_version": Schema::Text,
        "required_plugin_versions": Schema::Array(&object! {
            "alternatives": Schema::Array(&object! {
                "name": Schema::Text,
                "version": Schema::Text,
                ; &["name", "version"], 0
            }),
            "name": Schema::Text,
            "version": Schema::Text,
            ; &["name", "version"], 0
        }),
        "rule": Schema::Text,
        "skip-if-unknown-filter": Schema::Boolean,
        "source": Schema::Text,
        "tags": Schema::Array(&Schema::Text),
        "warn_evttypes": Schema::Boolean,
        ; &[], 0
    },
));
