//! The sections `plugins` and `load_plugins`.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;

use super::Keys;

/// Where plugins are that are named by a relative path.
const FOLDER: &str = "/usr/share/falco/plugins/";

/// A plugin that is to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plugin {
    pub(crate) name: String,
    pub(crate) library: PathBuf,
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
            })
        })
        .collect()
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
