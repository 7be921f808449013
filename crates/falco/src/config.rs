//! The configuration: the typed tree ([`tree`]) made into checked values.

mod capture;
mod tree;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use falco_rules::{AppendOutput, ExtraField, Matching, Priority, Selected, Selection, yaml};
use serde_json::Value;

use crate::{cli::Options, log::Level};

pub(crate) use capture::Capture;
pub(crate) use tree::files_of;

const DEFAULT_FILE: &str = "/etc/falco/falco.yaml";
/// What holds where there is no configuration file.
const BUILT_IN: &str = include_str!("config/falco.yaml");

/// Where events come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// The eBPF probe.
    Probe {
        /// The size of a ring.
        ring_bytes: u32,
        /// How many CPUs share one.
        cpus_per_ring: u16,
        /// Whether failed calls are left out.
        drop_failed: bool,
    },
    /// A capture.
    Replay(PathBuf),
    /// No events at all.
    Idle,
}

/// Checked values.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The files that it was read from; none when it is the one built in.
    pub(crate) files: Vec<PathBuf>,
    /// Words about what is doubtful.
    pub(crate) warnings: Vec<String>,
    pub(crate) engine: Engine,
    /// The rules files; none with the built-in configuration: then the built-in rules.
    pub(crate) rules_files: Option<Vec<PathBuf>>,
    pub(crate) selections: Vec<Selection>,
    pub(crate) min_priority: Priority,
    pub(crate) matching: Matching,
    pub(crate) append_output: Vec<AppendOutput>,
    pub(crate) json: bool,
    pub(crate) json_output_property: bool,
    pub(crate) json_tags_property: bool,
    pub(crate) json_message_property: bool,
    pub(crate) json_fields_property: bool,
    pub(crate) time_iso: bool,
    pub(crate) buffered: bool,
    pub(crate) queue_capacity: usize,
    pub(crate) stdout: bool,
    /// The file to write to, and whether it stays open.
    pub(crate) file: Option<(PathBuf, bool)>,
    /// Channels that are configured and not there yet.
    pub(crate) other_channels: Vec<&'static str>,
    pub(crate) log_stderr: bool,
    pub(crate) log_level: Level,
    pub(crate) snaplen: u32,
    pub(crate) all_syscalls: bool,
    pub(crate) custom_syscalls: Vec<String>,
    /// The fields `static.KEY` with their values.
    pub(crate) static_fields: Vec<(String, String)>,
    /// What is recorded, if anything.
    pub(crate) capture: Option<Capture>,
}

/// Reads the configuration that the options ask for.
pub(crate) fn load(options: &Options) -> anyhow::Result<Config> {
    let main = match &options.config {
        Some(path) if !path.exists() => {
            bail!("Could not find configuration file at {}", path.display())
        }
        Some(path) => Some(path.clone()),
        None => Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()),
    };
    let mut tree = match &main {
        Some(path) => tree::read(path)?,
        None => tree::parse("the built-in configuration", BUILT_IN)?,
    };
    for option in options
        .set
        .iter()
        .filter(|option| option.starts_with("config_files"))
    {
        tree::set(&mut tree, option)?;
    }
    let mut files: Vec<PathBuf> = main.clone().into_iter().collect();
    files.extend(tree::merge_files(
        &mut tree,
        main.as_deref().unwrap_or(Path::new("")),
    )?);
    for option in &options.set {
        tree::set(&mut tree, option)?;
    }
    let name = main
        .as_ref()
        .map_or("built-in".into(), |path| path.display().to_string());
    let mut config = check(&Keys {
        tree: &tree,
        name: &name,
    })?;
    config.files = files;
    if main.is_none() && tree.get("rules_files").is_none() {
        config.rules_files = None;
    }
    if options.unbuffered {
        config.buffered = false;
    }
    if let Some(format) = options
        .print
        .as_ref()
        .filter(|format| !is_old_print(format))
    {
        config.append_output.push(AppendOutput {
            extra_output: Some(format.clone()),
            ..AppendOutput::default()
        });
    }
    Ok(config)
}

/// Formats of `-p` that name what is always there now.
fn is_old_print(format: &str) -> bool {
    matches!(format, "c" | "container" | "k" | "kubernetes")
}

/// The typed tree, asked for keys by their dotted path.
struct Keys<'a> {
    tree: &'a Value,
    name: &'a str,
}

impl<'a> Keys<'a> {
    fn get(&self, path: &str) -> Option<&'a Value> {
        path.split('.')
            .try_fold(self.tree, |value, key| value.get(key))
            .filter(|value| !value.is_null())
    }

    fn text(&self, path: &str) -> Option<&'a str> {
        self.get(path)?.as_str()
    }

    /// What does not read as a truth value counts as the default, as upstream has it.
    fn truth(&self, path: &str, default: bool) -> bool {
        self.text(path).and_then(yaml::boolean).unwrap_or(default)
    }

    fn number(&self, path: &str, default: u32) -> u32 {
        self.text(path).and_then(yaml::unsigned).unwrap_or(default)
    }

    /// A list of texts; one text counts as a list of one.
    fn texts(&self, path: &str) -> Vec<String> {
        match self.get(path) {
            Some(Value::Array(items)) => items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            Some(Value::String(text)) => vec![text.clone()],
            _ => Vec::new(),
        }
    }
}

fn check(keys: &Keys<'_>) -> anyhow::Result<Config> {
    let mut warnings = Vec::new();
    let priority = keys.text("priority").unwrap_or("debug");
    let Some(min_priority) = Priority::parse(priority) else {
        bail!(
            "Unknown priority \"{priority}\"--must be one of emergency, alert, critical, error, warning, notice, informational, debug"
        );
    };
    let matching = match keys
        .text("rule_matching")
        .unwrap_or("first")
        .to_ascii_lowercase()
        .as_str()
    {
        "first" => Matching::First,
        "all" => Matching::All,
        other => bail!("Unknown rule matching strategy \"{other}\"--must be one of first, all"),
    };
    let level = keys.text("log_level").unwrap_or("info");
    let Some(log_level) = Level::parse(level) else {
        bail!("Unknown log level {level}")
    };
    let engine = engine(keys, &mut warnings)?;
    Ok(Config {
        files: Vec::new(),
        engine,
        rules_files: Some(rules_files(keys, &mut warnings)?),
        selections: selections(keys)?,
        min_priority,
        matching,
        append_output: append_output(keys)?,
        json: keys.truth("json_output", false),
        json_output_property: keys.truth("json_include_output_property", true),
        json_tags_property: keys.truth("json_include_tags_property", true),
        json_message_property: keys.truth("json_include_message_property", false),
        json_fields_property: keys.truth("json_include_output_fields_property", true),
        time_iso: keys.truth("time_format_iso_8601", false),
        buffered: keys.truth("buffered_outputs", false),
        queue_capacity: keys.number("outputs_queue.capacity", 0) as usize,
        stdout: keys.truth("stdout_output.enabled", false),
        file: file_output(keys)?,
        other_channels: ["syslog_output", "program_output", "http_output"]
            .into_iter()
            .filter(|channel| keys.truth(&format!("{channel}.enabled"), false))
            .collect(),
        log_stderr: keys.truth("log_stderr", false),
        log_level,
        snaplen: match keys.number("falco_libs.snaplen", 0) {
            0 => 80,
            bytes => bytes,
        },
        all_syscalls: keys.truth("base_syscalls.all", false),
        custom_syscalls: keys.texts("base_syscalls.custom_set"),
        static_fields: keys.get("static_fields").map_or_else(Vec::new, texts_of),
        capture: capture::capture(keys)?,
        warnings,
    })
}

fn engine(keys: &Keys<'_>, warnings: &mut Vec<String>) -> anyhow::Result<Engine> {
    let kind = keys.text("engine.kind").unwrap_or("modern_ebpf");
    if kind == "replay" {
        let file = keys
            .text("engine.replay.capture_file")
            .filter(|file| !file.is_empty());
        let file = file.with_context(|| {
            format!("Error reading config file ({}): engine.kind is 'replay' but no engine.replay.capture_file specified.", keys.name)
        })?;
        return Ok(Engine::Replay(file.into()));
    }
    if kind == "nodriver" {
        return Ok(Engine::Idle);
    }
    if kind == "kmod" {
        warnings.push(
            "engine.kind is 'kmod': there is no kernel module yet; the eBPF probe is used instead."
                .into(),
        );
    } else if kind != "modern_ebpf" {
        bail!(
            "Error reading config file ({}): engine.kind '{kind}' is not a valid kind.",
            keys.name
        );
    }
    let preset = keys.number(&format!("engine.{kind}.buf_size_preset"), 4);
    if !(1..=10).contains(&preset) {
        bail!("The 'buf_size_preset' value must be between '1' and '10'");
    }
    Ok(Engine::Probe {
        ring_bytes: (1 << 20) << (preset - 1),
        cpus_per_ring: keys
            .number("engine.modern_ebpf.cpus_for_each_buffer", 2)
            .try_into()
            .unwrap_or(u16::MAX),
        drop_failed: keys.truth(&format!("engine.{kind}.drop_failed_exit"), false),
    })
}

fn rules_files(keys: &Keys<'_>, warnings: &mut Vec<String>) -> anyhow::Result<Vec<PathBuf>> {
    let key = match (keys.get("rules_files"), keys.get("rules_file")) {
        (Some(_), Some(_)) => {
            bail!(
                "Error reading config file ({}): both 'rules_files' and 'rules_file' keys set",
                keys.name
            )
        }
        (None, Some(_)) => {
            warnings.push(
                "Using deprecated config key 'rules_file' (singular form). Please use new 'rules_files' config key (plural form).".into(),
            );
            "rules_file"
        }
        _ => "rules_files",
    };
    Ok(keys.texts(key).into_iter().map(PathBuf::from).collect())
}

/// The entries of a map of texts.
fn texts_of(map: &Value) -> Vec<(String, String)> {
    let entries = map.as_object().into_iter().flatten();
    entries
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn file_output(keys: &Keys<'_>) -> anyhow::Result<Option<(PathBuf, bool)>> {
    if !keys.truth("file_output.enabled", false) {
        return Ok(None);
    }
    let path = keys.text("file_output.filename").filter(|path| !path.is_empty()).with_context(|| {
        format!("Error reading config file ({}): file output enabled but no filename in configuration block", keys.name)
    })?;
    Ok(Some((
        path.into(),
        keys.truth("file_output.keep_alive", false),
    )))
}

fn selections(keys: &Keys<'_>) -> anyhow::Result<Vec<Selection>> {
    let Some(Value::Array(entries)) = keys.get("rules") else {
        return Ok(Vec::new());
    };
    entries
        .iter()
        .map(|entry| {
            let (enable, what) = match (entry.get("enable"), entry.get("disable")) {
                (Some(what), _) => (true, what),
                (None, Some(what)) => (false, what),
                (None, None) => {
                    bail!("bad conversion: an entry of 'rules' has neither 'enable' nor 'disable'")
                }
            };
            let text = |key: &str| what.get(key).and_then(Value::as_str).map(str::to_owned);
            let what = match (text("rule"), text("tag")) {
                (Some(rule), _) => Selected::Rule(rule),
                (None, Some(tag)) => Selected::Tag(tag),
                (None, None) => {
                    bail!("bad conversion: an entry of 'rules' names neither 'rule' nor 'tag'")
                }
            };
            Ok(Selection { enable, what })
        })
        .collect()
}

fn append_output(keys: &Keys<'_>) -> anyhow::Result<Vec<AppendOutput>> {
    let Some(Value::Array(entries)) = keys.get("append_output") else {
        return Ok(Vec::new());
    };
    entries
        .iter()
        .map(|entry| {
            let text = |path: &str| Keys { tree: entry, name: keys.name }.text(path).map(str::to_owned);
            let tags: BTreeSet<String> = Keys { tree: entry, name: keys.name }.texts("match.tags").into_iter().collect();
            let mut extra_fields = Vec::new();
            for field in entry.get("extra_fields").and_then(Value::as_array).into_iter().flatten() {
                match field {
                    Value::String(name) => extra_fields.push(ExtraField::Raw(name.clone())),
                    Value::Object(map) => extra_fields.extend(map.iter().map(|(key, format)| ExtraField::Formatted {
                        key: key.clone(),
                        format: format.as_str().unwrap_or_default().to_owned(),
                    })),
                    _ => bail!("bad conversion: an entry of 'extra_fields' is neither a name nor a key with a format"),
                }
            }
            Ok(AppendOutput {
                source: text("match.source"),
                tags,
                rule: text("match.rule"),
                extra_output: text("extra_output"),
                extra_fields,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
