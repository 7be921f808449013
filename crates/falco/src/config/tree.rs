//! The configuration as it is typed: YAML made into one tree, every scalar a text. Files are merged and options set here.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, bail};
use falco_rules::yaml::{self, Node, Source};
use serde_json::{Map, Value};

/// More replacements than any scalar needs: one that names itself ends here.
const EXPANSIONS_MAX: usize = 1000;

/// Reads a configuration file; environment variables are put in.
pub(super) fn read(path: &Path) -> anyhow::Result<Value> {
    let name = path.display().to_string();
    let text =
        fs::read_to_string(path).with_context(|| format!("Cannot read config file ({name})"))?;
    parse(&name, &text)
}

pub(super) fn parse(name: &str, text: &str) -> anyhow::Result<Value> {
    let source = Source::new(name, text);
    let documents = yaml::parse(&source).map_err(|error| {
        let mark = source.mark(error.offset);
        let line = text.lines().nth(mark.line).unwrap_or_default();
        anyhow!(
            "Cannot read config file ({name}): {error}\n --> {name}:{}:{}\n  |\n  | {line}\n  | {:>caret$}",
            mark.line + 1,
            mark.column + 1,
            '^',
            caret = mark.column + 1,
        )
    })?;
    let mut tree = documents.first().map_or(Value::Null, to_value);
    if tree.is_null() {
        tree = Value::Object(Map::new());
    }
    if !tree.is_object() {
        bail!("Cannot read config file ({name}): it has no keys at its top level");
    }
    expand_all(&mut tree);
    Ok(tree)
}

fn to_value(node: &Node) -> Value {
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

/// Merges what `config_files` names into the tree, key by key of the top level.
pub(super) fn merge_files(tree: &mut Value, main: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = match tree.get("config_files") {
        Some(Value::Array(entries)) => entries.clone(),
        Some(Value::String(one)) => vec![one.as_str().into()],
        _ => Vec::new(),
    };
    let mut files = Vec::new();
    for entry in entries {
        let (path, strategy) = match &entry {
            Value::String(path) => (path.as_str(), "append"),
            map => {
                let path = map.get("path").and_then(Value::as_str);
                let path =
                    path.context("Config error: an entry of 'config_files' has no 'path'")?;
                (
                    path,
                    map.get("strategy")
                        .and_then(Value::as_str)
                        .unwrap_or("append"),
                )
            }
        };
        if Path::new(path) == main {
            bail!(
                "Config error: 'config_files' directive tried to recursively include main config file: {path}."
            );
        }
        for file in files_of(Path::new(path)) {
            let included = read(&file)?;
            if included.get("config_files").is_some() {
                bail!(
                    "Config error: 'config_files' directive in included config file {}.",
                    file.display()
                );
            }
            merge(tree, included, strategy);
            files.push(file);
        }
    }
    Ok(files)
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

fn expand_all(value: &mut Value) {
    match value {
        Value::String(text) => *text = expand(text, |name| env::var(name).ok()),
        Value::Array(items) => items.iter_mut().for_each(expand_all),
        Value::Object(map) => map.values_mut().for_each(expand_all),
        _ => {}
    }
}

/// Puts variables in: `${NAME}`; what comes in is looked at again. `$${NAME}` stays `${NAME}`.
fn expand(text: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let (mut done, mut rest) = (String::new(), text.to_owned());
    for _ in 0..EXPANSIONS_MAX {
        let Some((before, after)) = rest.split_once("${") else {
            break;
        };
        if let Some(kept) = before.strip_suffix('$') {
            done.push_str(kept);
            done.push_str("${");
            rest = after.to_owned();
            continue;
        }
        let Some((name, behind)) = after.split_once('}') else {
            break;
        };
        done.push_str(before);
        rest = variable(name).unwrap_or_default() + behind;
    }
    done + &rest
}

/// Sets a key from the command line: `a.b[0].c=value`, `list[]=value`.
pub(super) fn set(tree: &mut Value, option: &str) -> anyhow::Result<()> {
    let Some((key, value)) = option.split_once('=') else {
        bail!(
            "Error parsing config option \"{option}\". Must be of the form key=val or key.subkey=val"
        );
    };
    let value = if value.starts_with('{') && value.ends_with('}') {
        let source = Source::new("-o", value);
        let documents = yaml::parse(&source)
            .map_err(|error| anyhow!("Config error at key \"{key}\": {error}"))?;
        documents.first().map_or(Value::Null, to_value)
    } else {
        value.into()
    };
    let steps = steps(key)
        .map_err(|error| anyhow!("Config error at key \"{key}\": Parsing error: {error}"))?;
    let mut place = tree;
    for step in steps {
        place = match step {
            Step::Name(name) => {
                if !place.is_object() {
                    *place = Value::Object(Map::new());
                }
                let map = place.as_object_mut().context("it was just made one")?;
                map.entry(name).or_insert(Value::Null)
            }
            Step::Index(index) => {
                if !place.is_array() {
                    *place = Value::Array(Vec::new());
                }
                let items = place.as_array_mut().context("it was just made one")?;
                let index = index.unwrap_or(items.len());
                if index > items.len() + 1000 {
                    bail!(
                        "Config error at key \"{key}\": index {index} is far beyond the end of the list"
                    );
                }
                while items.len() <= index {
                    items.push(Value::Null);
                }
                items.get_mut(index).context("it is there now")?
            }
        };
    }
    *place = value;
    Ok(())
}

enum Step {
    Name(String),
    /// `None`: a new element at the end.
    Index(Option<usize>),
}

fn steps(key: &str) -> Result<Vec<Step>, String> {
    let letters: Vec<char> = key.chars().collect();
    let (mut steps, mut name, mut at) = (Vec::new(), String::new(), 0);
    let mut after_index = false;
    while let Some(letter) = letters.get(at) {
        match letter {
            '\\' => {
                at += 1;
                match letters.get(at) {
                    Some(escaped @ ('.' | '[' | ']' | '\\')) => name.push(*escaped),
                    Some(other) => {
                        return Err(format!(
                            "invalid escape sequence '\\{other}' at pos {}",
                            at - 1
                        ));
                    }
                    None => return Err(format!("trailing backslash at pos {}", at - 1)),
                }
            }
            '.' if after_index => {}
            '.' => steps.push(Step::Name(std::mem::take(&mut name))),
            '[' => {
                if !after_index {
                    steps.push(Step::Name(std::mem::take(&mut name)));
                }
                let inside: String = letters
                    .iter()
                    .skip(at + 1)
                    .take_while(|letter| **letter != ']')
                    .collect();
                at += inside.chars().count() + 1;
                let index = match inside.as_str() {
                    "" => None,
                    number => Some(
                        number
                            .parse()
                            .map_err(|_| format!("expected a numeric index, found '{number}'"))?,
                    ),
                };
                steps.push(Step::Index(index));
                after_index = true;
                at += 1;
                continue;
            }
            ']' => return Err(format!("unexpected character at pos {at}")),
            _ if after_index && letters.get(at - 1) == Some(&']') => {
                return Err(format!("expected '.' character at pos {at}"));
            }
            letter => name.push(*letter),
        }
        after_index = false;
        at += 1;
    }
    if !after_index {
        steps.push(Step::Name(name));
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_reach_into_the_tree() {
        let mut tree = json!({"a": {"b": "1"}, "list": ["x"]});
        for option in [
            "a.c=2",
            "list[]=y",
            "new[0].name=z",
            "a\\.b=3",
            "object={k: v}",
            "text=a=b",
        ] {
            set(&mut tree, option).unwrap();
        }
        assert_eq!(
            tree,
            json!({"a": {"b": "1", "c": "2"}, "list": ["x", "y"], "new": [{"name": "z"}], "a.b": "3", "object": {"k": "v"}, "text": "a=b"})
        );
    }

    #[test]
    fn bad_options_say_why() {
        for (option, error) in [
            (
                "x",
                "Error parsing config option \"x\". Must be of the form key=val or key.subkey=val",
            ),
            (
                "a[x]=1",
                "Config error at key \"a[x]\": Parsing error: expected a numeric index, found 'x'",
            ),
            (
                "a\\x=1",
                "Config error at key \"a\\x\": Parsing error: invalid escape sequence '\\x' at pos 1",
            ),
            (
                "a[0]b=1",
                "Config error at key \"a[0]b\": Parsing error: expected '.' character at pos 4",
            ),
        ] {
            assert_eq!(set(&mut json!({}), option).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn variables_are_put_in() {
        let variable = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "NEST" => Some("${A}".to_owned()),
            "LOOP" => Some("${LOOP}".to_owned()),
            _ => None,
        };
        for (text, expanded) in [
            ("x${A}y", "xay"),
            ("${NEST}", "a"),
            ("${GONE}!", "!"),
            ("$${A}", "${A}"),
            ("$A ${A", "$A ${A"),
            ("$${${A}}", "${a}"),
        ] {
            assert_eq!(expand(text, variable), expanded, "{text}");
        }
        assert!(expand("${LOOP}", variable).len() < 20);
    }

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
