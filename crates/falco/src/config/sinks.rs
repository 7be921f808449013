//! The section `sinks`.

use std::collections::BTreeMap;

use anyhow::bail;
use falco_alerts::Priority;
use falco_sinks::Setting;
use serde_json::Value;

use super::Keys;

/// A channel over a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sink {
    /// Where it is in the configuration, for messages.
    pub(crate) place: String,
    /// Its keys.
    pub(crate) settings: BTreeMap<String, Setting>,
    /// Alerts that are less bad do not go there.
    pub(crate) minimum: Priority,
    /// What has to hold of an event.
    pub(crate) condition: Option<String>,
}

/// Reads the section; whether the keys mean something is known to `falco_sinks`.
pub(super) fn sinks(keys: &Keys<'_>) -> anyhow::Result<Vec<Sink>> {
    let Some(entries) = keys.get("sinks") else {
        return Ok(Vec::new());
    };
    let Some(entries) = entries.as_array() else {
        bail!("{}: 'sinks' is a list", keys.name);
    };
    entries
        .iter()
        .enumerate()
        .map(|(index, entry)| sink(&format!("sinks[{index}]"), entry))
        .collect()
}

fn sink(place: &str, entry: &Value) -> anyhow::Result<Sink> {
    let Some(entries) = entry.as_object() else {
        bail!("{place} is a mapping with a 'type'");
    };
    let mut settings = BTreeMap::new();
    for (key, value) in entries {
        let setting = match value {
            Value::String(text) => Setting::Text(text.clone()),
            Value::Object(map) => Setting::Map(
                map.iter()
                    .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                    .collect(),
            ),
            Value::Null => continue,
            _ => bail!("{place}.{key} is a text or a mapping of texts"),
        };
        settings.insert(key.clone(), setting);
    }
    let text = |key: &str| match settings.get(key) {
        Some(Setting::Text(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    let minimum = match text("minimum_priority").map(|text| text.parse()) {
        None => Priority::Debug,
        Some(Ok(priority)) => priority,
        Some(Err(unknown)) => bail!("{place}.minimum_priority: {unknown}"),
    };
    Ok(Sink {
        place: place.to_owned(),
        condition: text("condition"),
        minimum,
        settings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_has_keys_a_priority_and_a_condition() {
        let entry = serde_json::json!({
            "type": "loki", "url": "http://x", "labels": {"a": "b"},
            "minimum_priority": "warning", "condition": "container.id != host",
        });
        let sink = sink("sinks[0]", &entry).unwrap();
        assert_eq!(sink.minimum, Priority::Warning);
        assert_eq!(sink.condition.as_deref(), Some("container.id != host"));
        let labels = Setting::Map(vec![("a".to_owned(), "b".to_owned())]);
        assert_eq!(sink.settings["labels"], labels);
        for wrong in [
            serde_json::json!("loki"),
            serde_json::json!({"type": ["a"]}),
            serde_json::json!({"minimum_priority": "loud"}),
        ] {
            assert!(super::sink("sinks[0]", &wrong).is_err(), "{wrong}");
        }
    }

    /// Every kind of this build has its row; its keys are in the schema, which another test holds against the other document.
    #[test]
    fn the_table_of_kinds_in_the_documentation_is_whole() {
        let text = include_str!("../../../../docs/sinks.md");
        let (_, types) = text.split_once("## Types").unwrap();
        let list = |keys: &[&str]| {
            let quoted: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
            quoted.join(", ")
        };
        for kind in falco_sinks::KINDS {
            let mut optional: Vec<&str> =
                kind.optional.iter().copied().flatten().copied().collect();
            optional.sort_unstable();
            let row = format!(
                "| `{}` | {} | {} | {} |",
                kind.name,
                list(kind.required),
                list(&optional),
                kind.batch
            );
            assert!(types.lines().any(|line| line == row), "{row}");
            let configured = include_str!("../../../../docs/configuration.md");
            for key in kind.keys() {
                assert!(configured.contains(&format!("`sinks[].{key}`")), "{key}");
            }
        }
        for key in falco_sinks::COMMON {
            assert!(text.contains(&format!("| `{key}` |")), "{key}");
        }
    }
}
