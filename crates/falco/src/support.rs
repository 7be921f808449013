//! Versions, and what `--support` shows.

use falco_rules::ENGINE_VERSION;
use serde_json::{Value, json};

use crate::{cli::Options, config::Config};

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The interfaces that we are compatible with.
const PLUGIN_API: &str = "3.12.0";
const DRIVER_API: &str = "10.1.0";
pub(crate) const DRIVER_SCHEMA: &str = "4.5.1";

/// `--version`.
pub(crate) fn version(as_json: bool) -> String {
    if as_json {
        return format!("{}\n", versions());
    }
    format!(
        "Falco version: {VERSION}\nLibs version:  {VERSION}\nPlugin API:    {PLUGIN_API}\nEngine:        {ENGINE_VERSION}\n\
         Driver:\n  API version:    {DRIVER_API}\n  Schema version: {DRIVER_SCHEMA}\n  Default driver: {VERSION}\n"
    )
}

pub(crate) fn versions() -> Value {
    json!({
        "falco_version": VERSION,
        "libs_version": VERSION,
        "plugin_api_version": PLUGIN_API,
        "driver_api_version": DRIVER_API,
        "driver_schema_version": DRIVER_SCHEMA,
        "default_driver_version": VERSION,
        "engine_version": ENGINE_VERSION.1.to_string(),
        "engine_version_semver": ENGINE_VERSION.to_string(),
    })
}

/// What the web server says of versions.
pub(crate) fn served_versions() -> Value {
    let mut versions = versions();
    versions["plugin_versions"] = json!({});
    versions
}

/// `--support`, with the texts of the rules files.
pub(crate) fn support(config: &Config, options: &Options, rules: &[(String, String)]) -> String {
    let system = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let rules = rules
        .iter()
        .map(|(name, text)| json!({ "name": name, "variants": [{ "content": text }] }));
    let object = json!({
        "version": VERSION,
        "engine_info": versions(),
        "cmdline": options.command_line,
        // A text: upstream shows YAML here that happens to be JSON.
        "config": config.tree.to_string(),
        "rules_files": rules.collect::<Vec<_>>(),
        "system_info": {
            "sysname": text(system.sysname()),
            "nodename": text(system.nodename()),
            "release": text(system.release()),
            "version": text(system.version()),
            "machine": text(system.machine()),
        },
    });
    format!("{object}\n")
}
