//! Plugins: what is built in, and what to say of those that are libraries.

use std::fs;

use anyhow::bail;
use falco_rules::{
    Version,
    schema::{self, Schema},
};
use serde_json::{Value, json};

use crate::{
    Failure,
    config::{self, Config, Plugin},
    log,
};

/// Support for containers is built in, under the name of the plugin that had it.
pub(crate) const CONTAINER: &str = "container";
/// So is what Kubernetes tells of pods.
pub(crate) const KUBERNETES: &str = "k8smeta";

/// What is built in, under the name and version of the plugin that had it.
pub(crate) struct BuiltIn {
    pub(crate) name: &'static str,
    pub(crate) version: Version,
    about: &'static str,
    capabilities: &'static [&'static str],
    init: &'static Schema,
    /// Whether it is there without an entry in the configuration.
    needs_no_init: bool,
}

static BUILT_IN: [BuiltIn; 2] = [
    BuiltIn {
        name: CONTAINER,
        version: Version(0, 7, 2),
        about: "Containers and pods, built in",
        capabilities: &["Field Extraction", "Event Parsing"],
        init: &config::schema::CONTAINER,
        needs_no_init: true,
    },
    BuiltIn {
        name: KUBERNETES,
        version: Version(0, 4, 1),
        about: "What Kubernetes tells of pods, built in",
        capabilities: &["Field Extraction", "Event Parsing", "Async Events"],
        init: &config::schema::KUBERNETES,
        needs_no_init: false,
    },
];

/// What is built in under that name.
pub(crate) fn built_in(name: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|built_in| built_in.name == name)
}

/// What rules may require and ask fields of: containers always, pods once somebody is asked about them.
pub(crate) fn present(config: &Config) -> impl Iterator<Item = &'static BuiltIn> {
    let kubernetes = config.containers.runtimes.kubernetes.is_some();
    let all = BUILT_IN.iter();
    all.filter(move |built_in| built_in.name != KUBERNETES || kubernetes)
}

/// Loads those that the configuration names.
pub(crate) fn load(config: &Config) -> anyhow::Result<()> {
    for plugin in &config.plugins {
        let Some(built_in) = built_in(&plugin.name) else {
            bail!(cannot_load(plugin));
        };
        let name = built_in.name;
        let nothing = json!({});
        let init = match &plugin.init {
            Value::Null if built_in.needs_no_init => None,
            Value::Null => Some(&nothing),
            init => Some(init),
        };
        if let Some(wrong) = init.and_then(|init| config::wrong_init(init, built_in.init)) {
            bail!(Failure::Runtime(format!(
                "error in plugin {name} init config: {wrong}"
            )));
        }
        // Upstream's words; the file need not be there, for nothing is read from it.
        log::info(&format!(
            "Loaded plugin '{name}@{}' from file {}",
            built_in.version,
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
    let Some(of) = built_in(&plugin.name) else {
        bail!(cannot_load(plugin));
    };
    Ok(format!(
        "Name: {}\nDescription: {}\nContact: github.com/falcosecurity/falco\nVersion: {}\nCapabilities: \n  - {}\n",
        of.name,
        of.about,
        of.version,
        of.capabilities.join("\n  - ")
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
    let about = about(plugin)?;
    let schema = built_in(&plugin.name).map(|of| schema::to_json(of.init));
    Ok(format!(
        "{about}\nInit config schema type: JSON\n{:#}\n\n",
        schema.unwrap_or_default()
    ))
}
