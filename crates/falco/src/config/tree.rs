//! The configuration as it is typed: YAML made into one tree, every scalar a text. Files are held against the schema and merged here.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use falco_rules::{
    schema::{self, Schema},
    yaml::{self, Mark, Node, Scalar, Source},
};
use serde_json::{Map, Value};

use super::{
    expand::expand,
    schema::{CONFIG, EARLIER, OURS},
};
use crate::log;

/// A file of the configuration.
#[derive(Debug)]
pub(super) struct File {
    pub(super) tree: Value,
    /// Where scalars are, by their dotted path.
    pub(super) places: Places,
    /// What the schema says: `ok`, or the first thing that is wrong.
    pub(super) verdict: String,
    /// Keys that nobody looks at.
    pub(super) remarks: Vec<String>,
}

pub(super) type Places = BTreeMap<String, Mark>;

/// Reads a configuration file; environment variables are put in.
pub(super) fn read(path: &Path) -> anyhow::Result<File> {
    let name = path.display().to_string();
    let text = fs::read(path).with_context(|| format!("Cannot read config file ({name})"))?;
    parse(&name, &String::from_utf8_lossy(&text))
}

pub(super) fn parse(name: &str, text: &str) -> anyhow::Result<File> {
    let source = Source::new(name, text);
    let documents = match yaml::parse(&source) {
        Ok(documents) => documents,
        Err(error) => {
            let mark = source.mark(error.offset);
            let line = text.lines().nth(mark.line).unwrap_or_default();
            log::line(
                log::Level::Error,
                &format!(
                    "Cannot read config file ({name}): {error}\n --> {name}:{}:{}\n  |\n  | {line}\n  | {:>caret$}",
                    mark.line + 1,
                    mark.column + 1,
                    '^',
                    caret = mark.column + 1,
                ),
            );
            // Upstream's words, which say no more; the cause is in the line above.
            bail!("std::exception");
        }
    };
    let mut file = File {
        tree: Value::Object(Map::new()),
        places: Places::new(),
        verdict: "ok".to_owned(),
        remarks: Vec::new(),
    };
    let Some(document) = documents.first().filter(|document| !document.is_null()) else {
        return Ok(file);
    };
    let document = if document.scalar().is_some() {
        document.clone()
    } else {
        expanded(document)
    };
    let (ours, theirs) = split(&document, &OURS);
    let (earlier, present) = split(&theirs, &EARLIER);
    let mut failures = schema::failures(&theirs, &CONFIG).into_iter();
    if let Some(failure) = failures.next().or_else(|| {
        let ours = schema::failures(&ours, &OURS).into_iter();
        ours.chain(schema::failures(&earlier, &EARLIER)).next()
    }) {
        file.verdict = failure;
    }
    let mut unknown_keys = schema::unknown_keys(&present, &CONFIG);
    unknown_keys.extend(schema::unknown_keys(&earlier, &EARLIER));
    unknown_keys.extend(schema::unknown_keys(&ours, &OURS));
    unknown_keys.sort_by_key(|unknown| unknown.offset);
    for unknown in unknown_keys {
        let mark = source.mark(unknown.offset);
        let meant = unknown.meant.map_or_else(
            || "; docs/configuration.md lists all keys".to_owned(),
            |meant| format!("; did you mean `{meant}`?"),
        );
        file.remarks.push(format!(
            "{name}:{}:{}: there is no key `{}`, it is ignored{meant}",
            mark.line + 1,
            mark.column + 1,
            unknown.key
        ));
    }
    note_places(&document, &source, "", &mut file.places);
    file.tree = to_value(&document);
    Ok(file)
}

/// The document with only the keys of the top level that `schema` has, and without them.
fn split(document: &Node, schema: &Schema) -> (Node, Node) {
    let (yaml::Value::Map(entries), Schema::Object(object)) = (&document.value, schema) else {
        return (document.clone(), document.clone());
    };
    let is_in = |(key, _): &(Node, Node)| {
        let mut known = object.properties.iter();
        known.any(|(name, _)| key.scalar() == Some(name))
    };
    let (with, without): (Vec<_>, Vec<_>) = entries.iter().cloned().partition(is_in);
    let node = |entries: Vec<_>| Node {
        value: yaml::Value::Map(entries.into()),
        ..document.clone()
    };
    (node(with), node(without))
}

/// The document with environment variables put in.
fn expanded(node: &Node) -> Node {
    let value = match &node.value {
        yaml::Value::Null => yaml::Value::Null,
        yaml::Value::Scalar(scalar) => yaml::Value::Scalar(Arc::new(Scalar {
            text: expand(&scalar.text, |name| env::var(name).ok()),
            style: scalar.style,
            start: scalar.start,
            end: scalar.end,
        })),
        yaml::Value::Seq(items) => yaml::Value::Seq(items.iter().map(expanded).collect()),
        yaml::Value::Map(entries) => yaml::Value::Map(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), expanded(value)))
                .collect(),
        ),
    };
    Node {
        value,
        start: node.start,
        end: node.end,
    }
}

fn note_places(node: &Node, source: &Source, path: &str, places: &mut Places) {
    if node.scalar().is_some() {
        places.insert(path.to_owned(), source.mark(node.start));
    }
    for (key, value) in node.entries() {
        let key = key.scalar().unwrap_or_default();
        let path = if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        };
        note_places(value, source, &path, places);
    }
}

pub(super) fn to_value(node: &Node) -> Value {
    if let Some(items) = node.items() {
        return items.iter().map(to_value).collect();
    }
    if node.is_map() {
        // The first of two equal keys counts.
        let mut map = Map::new();
        for (key, value) in node.entries() {
            map.entry(key.scalar().unwrap_or_default())
                .or_insert_with(|| to_value(value));
        }
        return Value::Object(map);
    }
    node.scalar().map_or(Value::Null, Into::into)
}

/// What came from `config_files`.
#[derive(Debug, Default)]
pub(super) struct Included {
    /// The files, each with the schema's verdict.
    pub(super) files: Vec<(PathBuf, String)>,
    /// The directories.
    pub(super) folders: Vec<PathBuf>,
    pub(super) remarks: Vec<String>,
}

/// Merges what `config_files` names into the tree, key by key of the top level.
pub(super) fn merge_files(tree: &mut Value, main: &Path) -> anyhow::Result<Included> {
    let entries = match tree.get("config_files") {
        Some(Value::Array(entries)) => entries.clone(),
        Some(Value::String(one)) => vec![one.as_str().into()],
        _ => Vec::new(),
    };
    let mut included = Included::default();
    for entry in entries {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        let (path, strategy) = match &entry {
            Value::String(path) => (path.as_str(), "append"),
            _ => (
                text("path").context("bad conversion: an entry of 'config_files' has no 'path'")?,
                text("strategy").unwrap_or("append"),
            ),
        };
        let path = Path::new(path);
        if path == main {
            bail!(
                "Config error: 'config_files' directive tried to recursively include main config file: {}.",
                path.display()
            );
        }
        if path.is_dir() {
            included.folders.push(path.to_owned());
        }
        for name in files_of(path) {
            let file = read(&name)?;
            if file.tree.get("config_files").is_some() {
                bail!(
                    "Config error: 'config_files' directive in included config file {}.",
                    name.display()
                );
            }
            merge(tree, file.tree, strategy);
            included.remarks.extend(file.remarks);
            included.files.push((name, file.verdict));
        }
    }
    Ok(included)
}

/// A file, or the files in a directory in order; nothing where nothing is.
pub(crate) fn files_of(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        files
    } else if path.exists() {
        vec![path.to_owned()]
    } else {
        Vec::new()
    }
}

fn merge(tree: &mut Value, included: Value, strategy: &str) {
    let (Value::Object(tree), Value::Object(included)) = (tree, included) else {
        return;
    };
    for (key, value) in included {
        match (strategy, tree.get_mut(&key), value) {
            ("add-only", Some(_), _) => {}
            ("override" | "add-only", _, value) => {
                tree.insert(key, value);
            }
            (_, Some(Value::Array(there)), Value::Array(more)) => there.extend(more),
            (_, _, value) => {
                tree.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_are_merged_by_their_strategy() {
        for (strategy, want) in [
            (
                "append",
                json!({"list": ["a", "b"], "map": {"y": "2"}, "new": "n"}),
            ),
            (
                "override",
                json!({"list": ["b"], "map": {"y": "2"}, "new": "n"}),
            ),
            (
                "add-only",
                json!({"list": ["a"], "map": {"x": "1"}, "new": "n"}),
            ),
        ] {
            let mut tree = json!({"list": ["a"], "map": {"x": "1"}});
            merge(
                &mut tree,
                json!({"list": ["b"], "map": {"y": "2"}, "new": "n"}),
                strategy,
            );
            assert_eq!(tree, want, "{strategy}");
        }
    }
}
