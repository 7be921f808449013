//! Plugins: what is built in, and what to say of those that are libraries.

use std::fs;

use anyhow::bail;
use falco_rules::schema;

use crate::{
    Failure,
    config::{self, Config, Plugin},
    log,
};

/// Support for containers is built in, under the name and version of the plugin that had it.
pub(crate) const CONTAINER: &str = "container";
pub(crate) const CONTAINER_VERSION: falco_rules::Version = falco_rules::Version(0, 7, 2);

/// Loads those that the configuration names.
pub(crate) fn load(config: &Config) -> anyhow::Result<()> {
    for plugin in &config.plugins {
        if plugin.name != CONTAINER {
            bail!(cannot_load(plugin));
        }
        if let Some(wrong) = config::wrong_container(&plugin.init) {
            bail!(Failure::Runtime(format!(
                "error in plugin {CONTAINER} init config: {wrong}"
            )));
        }
        // Upstream's words; the file need not be there, for nothing is read from it.
        log::info(&format!(
            "Loaded plugin '{CONTAINER}@{CONTAINER_VERSION}' from file {}",
            plugin.library.display()
        ));
    }
    Ok(())
}

fn cannot_load(plugin: &Plugin) -> Failure {
    let path = plugin.library.display();
    let cause = match fs::metadata(&plugin.library) {
        Ok(_) => format!(
            "this version takes no plugins from libraries; without '{}' in load_plugins it starts",
            plugin.name
        ),
        Err(error) => format!("{path}: cannot open shared object file: {error}"),
    };
    Failure::Runtime(format!("cannot load plugin {path}: {cause}"))
}

/// What a plugin says about itself.
fn about(plugin: &Plugin) -> anyhow::Result<String> {
    if plugin.name != CONTAINER {
        bail!(cannot_load(plugin));
    }
    Ok(format!(
        "Name: {CONTAINER}\nDescription: Containers and pods, built in\nContact: github.com/falcosecurity/falco\n\
         Version: {CONTAINER_VERSION}\nCapabilities: \n  - Field Extraction\n  - Event Parsing\n"
    ))
}

/// `--list-plugins`.
pub(crate) fn list(config: &Config) -> anyhow::Result<String> {
    let mut out = format!("{} Plugins Loaded:\n\n", config.plugins.len());
    for plugin in &config.plugins {
        out += &about(plugin)?;
        out.push('\n');
    }
    out.push('\n');
    Ok(out)
}

/// `--plugin-info`, by name or by file.
pub(crate) fn info(config: &Config, name: &str) -> anyhow::Result<String> {
    let is_it = |plugin: &&Plugin| plugin.name == name || plugin.library.as_os_str() == name;
    let Some(plugin) = config.known_plugins.iter().find(is_it) else {
        bail!("can't find plugin and print its info: {name}");
    };
    Ok(format!(
        "{}\nInit config schema type: JSON\n{:#}\n\n",
        about(plugin)?,
        schema::to_json(&config::schema::CONTAINER)
    ))
}
