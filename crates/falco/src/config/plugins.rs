//! The sections `plugins` and `load_plugins`.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use falco_rules::yaml::{self, Source};
use serde_json::Value;

use super::{Keys, tree::to_value};
use crate::plugins;

/// Where plugins are that are named by a relative path.
const FOLDER: &str = "/usr/share/falco/plugins/";

/// A plugin that is to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plugin {
    pub(crate) name: String,
    pub(crate) library: PathBuf,
    /// Its `init_config`; null without.
    pub(crate) init: Value,
}

/// Those that are described, and those of them that are to be loaded.
pub(super) fn plugins(keys: &Keys<'_>) -> anyhow::Result<(Vec<Plugin>, Vec<Plugin>)> {
    let configured = configured(keys).map_err(|error| {
        anyhow!(
            "Error reading config file({}): could not load plugins config: {error}",
            keys.name
        )
    })?;
    let wanted = wanted(keys, &configured)?;
    Ok((configured, wanted))
}

fn wanted(keys: &Keys<'_>, configured: &[Plugin]) -> anyhow::Result<Vec<Plugin>> {
    if keys.get("load_plugins").is_none() {
        return Ok(configured.to_vec());
    }
    let wanted = keys.texts("load_plugins").into_iter();
    wanted
        .map(|name| {
            let found = configured.iter().find(|plugin| plugin.name == name);
            found.cloned().with_context(|| {
                format!("Cannot load plugin '{name}': plugin config not found for given name")
            })
        })
        .collect()
}

fn configured(keys: &Keys<'_>) -> anyhow::Result<Vec<Plugin>> {
    let Some(Value::Array(entries)) = keys.get("plugins") else {
        return Ok(Vec::new());
    };
    entries
        .iter()
        .map(|entry| {
            let text = |key: &str| entry.get(key).and_then(Value::as_str);
            let (Some(name), Some(path)) = (text("name"), text("library_path")) else {
                bail!("bad conversion: an entry of 'plugins' lacks 'name' or 'library_path'");
            };
            Ok(Plugin {
                name: name.to_owned(),
                library: library(path)?,
                init: init(entry.get("init_config"), name)?,
            })
        })
        .collect()
}

/// What plugins suggest to add to the outputs of rules: ` name=%field`, dots as underscores.
pub(super) fn suggested_output(plugins: &[Plugin]) -> String {
    let mut catalogue = falco_fields::Catalogue::new();
    catalogue.add_kubernetes();
    let classes = catalogue.classes().iter().filter(|class| {
        let mut loaded = plugins.iter();
        loaded.any(|plugin| plugin.name == class.name)
    });
    let fields = classes.flat_map(|class| class.fields);
    let suggested = fields.filter(|field| field.flags.any(falco_fields::Flags::SUGGESTED));
    let texts: Vec<String> = suggested
        .map(|field| format!("{}=%{}", field.name.replace('.', "_"), field.name))
        .collect();
    texts.join(" ")
}

/// What a plugin is started with: a mapping, or one that is written as a text.
fn init(value: Option<&Value>, name: &str) -> anyhow::Result<Value> {
    let Some(Value::String(text)) = value else {
        return Ok(value.cloned().unwrap_or_default());
    };
    if plugins::built_in(name).is_none() {
        return Ok(Value::String(text.clone()));
    }
    let documents = yaml::parse(&Source::new("init_config", text));
    let documents = documents.map_err(|error| anyhow!("the init_config of '{name}': {error}"))?;
    Ok(documents.first().map_or(Value::Null, to_value))
}

/// The file of a plugin; one that is named by a relative path does not leave the folder of plugins.
fn library(path: &str) -> anyhow::Result<PathBuf> {
    if path.starts_with('/') {
        return Ok(path.into());
    }
    let mut whole = PathBuf::from(FOLDER);
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => _ = whole.pop(),
            Component::Normal(name) => whole.push(name),
            _ => {}
        }
    }
    let inside = whole.strip_prefix(FOLDER).ok();
    if inside.is_none_or(|rest| rest.as_os_str().is_empty()) {
        bail!("plugin library_path '{path}' resolves outside the plugins directory ({FOLDER})");
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_stay_in_their_folder() {
        for (path, whole) in [
            ("/a/b.so", "/a/b.so"),
            ("b.so", "/usr/share/falco/plugins/b.so"),
            ("./c/../b.so", "/usr/share/falco/plugins/b.so"),
        ] {
            assert_eq!(library(path).unwrap(), Path::new(whole));
        }
        for path in ["..", "../x.so", "a/../../x.so", "."] {
            assert!(library(path).is_err(), "{path}");
        }
    }
}
