//! Texts with places for what an alert says: `{rule}: {output}`.

use falco_alerts::{Alert, Kind, iso8601};
use serde_json::Value;

use crate::sink::Entry;

/// A checked text. `{name}` is `time`, `priority`, `rule`, `source`, `hostname`, `tags`, `output` (the line), `message` (without time and
/// priority), `json` (all of it), or the name of a field; `{{` and `}}` are braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(String),
}

impl Template {
    /// Takes a text apart.
    pub(crate) fn new(text: &str) -> Result<Template, String> {
        let (mut parts, mut plain) = (Vec::new(), String::new());
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '{' | '}' if rest.next_if_eq(&c).is_some() => plain.push(c),
                '{' => {
                    let mut name = String::new();
                    loop {
                        match rest.next() {
                            Some('}') => break,
                            Some(c) => name.push(c),
                            None => {
                                return Err(format!(
                                    "`{{{name}` is not closed; a brace is written as `{{{{`"
                                ));
                            }
                        }
                    }
                    if name.is_empty() {
                        return Err("`{}` names nothing; write `{{}}` for braces".to_owned());
                    }
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Place(name));
                }
                '}' => return Err("`}` closes nothing; a brace is written as `}}`".to_owned()),
                c => plain.push(c),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Template(parts))
    }

    /// The text of an alert; `shape` is what becomes of its values.
    pub(crate) fn render(
        &self,
        entry: &Entry,
        hostname: &str,
        shape: impl Fn(&str) -> String,
    ) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Place(name) if name == "json" => {
                    text.push_str(&String::from_utf8_lossy(&entry.document));
                }
                Part::Place(name) => text.push_str(&shape(&value(name, entry, hostname))),
            }
        }
        text
    }
}

fn value(name: &str, entry: &Entry, hostname: &str) -> String {
    let alert = &entry.finished.alert;
    match name {
        "time" => time(alert),
        "priority" => alert.priority.name().to_owned(),
        "rule" => (*alert.rule).to_owned(),
        "source" => (*alert.source).to_owned(),
        "hostname" => hostname.to_owned(),
        "tags" => tags(alert).join(", "),
        "output" => String::from_utf8_lossy(entry.finished.line()).into_owned(),
        "message" => String::from_utf8_lossy(&alert.message).into_owned(),
        field => alert
            .fields
            .get(field)
            .map_or_else(|| "<NA>".to_owned(), field_text),
    }
}

/// The time in UTC.
pub(crate) fn time(alert: &Alert) -> String {
    let mut text = Vec::new();
    iso8601(alert.time_ns, "Z", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The tags of the rule.
pub(crate) fn tags(alert: &Alert) -> Vec<&str> {
    match &alert.kind {
        Kind::Rule { tags } => tags.iter().map(|tag| &**tag).collect(),
        Kind::Internal => Vec::new(),
    }
}

/// A field's value as outputs show it.
pub(crate) fn field_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<NA>".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::entry;

    #[test]
    fn places_are_filled() {
        for (text, expected) in [
            ("plain", "plain"),
            ("{rule} on {hostname}", "Shell on host"),
            ("{{{priority}}}", "{Warning}"),
            (
                "{message} {proc.name} {tags} {nothing}",
                "alert 7 sh a, b <NA>",
            ),
            ("{time}", "1970-01-01T00:00:00.000000007Z"),
            ("", ""),
        ] {
            let template = Template::new(text).unwrap();
            assert_eq!(template.render(&entry(7), "host", str::to_owned), expected);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        for text in ["{", "{rule", "}", "{}", "a } b"] {
            assert!(Template::new(text).is_err(), "{text}");
        }
    }
}
