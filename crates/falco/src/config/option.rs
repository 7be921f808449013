//! `-o key=value`: paths into the configuration, and what is put there.

use anyhow::{Context, anyhow, bail};
use falco_rules::yaml::{self, Source};
use serde_json::{Map, Value};

use super::tree::to_value;

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
            '.' | '[' if !after_index && name.is_empty() => {
                return Err(format!("unexpected character at pos {at}"));
            }
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
                "a..b=1",
                "Config error at key \"a..b\": Parsing error: unexpected character at pos 2",
            ),
            (
                "[0]=1",
                "Config error at key \"[0]\": Parsing error: unexpected character at pos 0",
            ),
            (
                "a[0]b=1",
                "Config error at key \"a[0]b\": Parsing error: expected '.' character at pos 4",
            ),
        ] {
            assert_eq!(set(&mut json!({}), option).unwrap_err().to_string(), error);
        }
    }
}
