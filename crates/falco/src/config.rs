//! The configuration: the typed tree ([`tree`]) made into checked values.

mod capture;
mod checks;
mod containers;
mod drops;
mod engine;
mod expand;
mod grpc;
mod kubernetes;
mod metrics;
mod option;
mod outputs;
mod plugins;
pub(crate) mod schema;
mod sinks;
mod tree;
mod webserver;

use std::{
    cell::RefCell,
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use falco_alerts::{JsonForm, SpoolOptions};
use falco_rules::{
    AppendOutput, ExtraField, Matching, Priority, Selected, Selection,
    yaml::{self, Mark},
};
use falco_sources::probe::How;
use serde_json::Value;

use crate::{cli::Options, log::Level};
use tree::Places;

pub(crate) use capture::Capture;
pub(crate) use containers::{Containers, wrong as wrong_init};
pub(crate) use drops::{Action, Drops};
pub(crate) use engine::{Engine, ring_bytes};
pub(crate) use metrics::Metrics;
pub(crate) use outputs::Channels;
pub(crate) use plugins::Plugin;
pub(crate) use sinks::Sink;
pub(crate) use tree::files_of;
pub(crate) use webserver::Webserver;

/// The source of kernel events.
const SYSCALL: &str = "syscall";
const DEFAULT_FILE: &str = "/etc/falco/falco.yaml";
/// What holds where there is no configuration file.
const BUILT_IN: &str = include_str!("config/falco.yaml");

/// Checked values.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The files that it was read from, each with the schema's verdict; none when it is the one built in.
    pub(crate) files: Vec<(PathBuf, String)>,
    /// The directories among them.
    pub(crate) folders: Vec<PathBuf>,
    /// All as it was typed and merged.
    pub(crate) tree: Value,
    /// Whether a change of the files is to be noticed.
    pub(crate) watch: bool,
    /// The plugins that are described, and those to load, in order.
    pub(crate) known_plugins: Vec<Plugin>,
    pub(crate) plugins: Vec<Plugin>,
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
    pub(crate) json_form: JsonForm,
    pub(crate) json_output_property: bool,
    pub(crate) json_tags_property: bool,
    pub(crate) json_message_property: bool,
    pub(crate) json_fields_property: bool,
    pub(crate) time_iso: bool,
    pub(crate) buffered: bool,
    pub(crate) queue_capacity: usize,
    /// How long a channel may be at one alert.
    pub(crate) output_timeout: Duration,
    pub(crate) channels: Channels,
    pub(crate) spool: Option<SpoolOptions>,
    /// The gRPC server, and whether alerts go there.
    pub(crate) grpc: Option<falco_sinks::grpc::Options>,
    pub(crate) grpc_output: bool,
    /// Channels over networks.
    pub(crate) sinks: Vec<Sink>,
    pub(crate) log_stderr: bool,
    pub(crate) log_syslog: bool,
    pub(crate) log_level: Level,
    pub(crate) snaplen: u32,
    /// How the probe is to attach; `None`: the best way that works.
    pub(crate) kernel_attach: Option<How>,
    /// Whether no control group may fill the rings alone.
    pub(crate) kernel_fair_share: bool,
    pub(crate) all_syscalls: bool,
    pub(crate) custom_syscalls: Vec<String>,
    /// The fields `static.KEY` with their values.
    pub(crate) static_fields: Vec<(String, String)>,
    pub(crate) repair_syscalls: bool,
    /// Who is asked about containers.
    pub(crate) containers: Containers,
    /// What is recorded, if anything.
    pub(crate) capture: Option<Capture>,
    /// Whether the kernel leaves out what nobody needs.
    pub(crate) kernel_filter: bool,
    /// What is done when events are lost.
    pub(crate) drops: Drops,
    /// After how many waits in vain it is said that no event comes.
    pub(crate) timeouts_max: u32,
    /// Which figures are told of the program itself.
    pub(crate) metrics: Metrics,
    pub(crate) webserver: Option<Webserver>,
    /// How many threads keep the state and ask the rules.
    pub(crate) workers: usize,
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
    let mut file = match &main {
        Some(path) => tree::read(path)?,
        None => tree::parse("the built-in configuration", BUILT_IN)?,
    };
    if let Value::String(_) = file.tree {
        bail!("{}", on_a_scalar("config_files", file.places.get("")));
    }
    let mut tree = file.tree;
    for option in options
        .set
        .iter()
        .filter(|option| option.starts_with("config_files"))
    {
        option::set(&mut tree, option)?;
    }
    let included = tree::merge_files(&mut tree, main.as_deref().unwrap_or(Path::new("")))?;
    let mut files: Vec<_> = main
        .iter()
        .map(|path| (path.clone(), file.verdict.clone()))
        .collect();
    files.extend(included.files);
    file.remarks.extend(included.remarks);
    for option in &options.set {
        option::set(&mut tree, option)?;
    }
    let name = main
        .as_ref()
        .map_or("built-in".into(), |path| path.display().to_string());
    let mut config = check(&Keys::new(&tree, &name, &file.places))?;
    config.warnings.splice(0..0, file.remarks);
    config.files = files;
    config.folders = included.folders;
    if main.is_none() && tree.get("rules_files").is_none() {
        config.rules_files = None;
    }
    config.tree = tree;
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

/// What is said where a scalar stands in place of a mapping.
fn on_a_scalar(path: &str, place: Option<&Mark>) -> String {
    let place = place.map_or_else(String::new, |mark| {
        format!(
            "error at line {}, column {}: ",
            mark.line + 1,
            mark.column + 1
        )
    });
    let key = path.rsplit('.').next().unwrap_or_default();
    format!(
        "Config error at key \"{path}\": yaml-cpp: {place}operator[] call on a scalar (key: \"{key}\")"
    )
}

/// The typed tree, asked for keys by their dotted path.
struct Keys<'a> {
    tree: &'a Value,
    name: &'a str,
    places: &'a Places,
    /// The first key that was looked for inside a scalar.
    trouble: RefCell<Option<String>>,
}

impl<'a> Keys<'a> {
    fn new(tree: &'a Value, name: &'a str, places: &'a Places) -> Keys<'a> {
        Keys {
            tree,
            name,
            places,
            trouble: RefCell::default(),
        }
    }

    /// The keys of a part.
    fn of(&self, tree: &'a Value) -> Keys<'a> {
        Keys::new(tree, self.name, self.places)
    }

    fn get(&self, path: &str) -> Option<&'a Value> {
        let (mut value, mut at) = (self.tree, 0);
        for key in path.split('.') {
            if value.is_string() && at > 0 {
                let place = path.get(..at - 1).and_then(|path| self.places.get(path));
                self.trouble
                    .borrow_mut()
                    .get_or_insert_with(|| on_a_scalar(path, place));
            }
            at += key.len() + 1;
            value = value.get(key)?;
        }
        Some(value).filter(|value| !value.is_null())
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

    fn fraction(&self, path: &str, default: f64) -> f64 {
        let number = self.text(path).and_then(|text| text.trim().parse().ok());
        number.unwrap_or(default)
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
    checks::check(keys)?;
    let drops = drops::drops(keys)?;
    let timeouts_max = drops::timeouts(keys)?;
    let (known_plugins, plugins) = plugins::plugins(keys)?;
    let config = Config {
        containers: containers::containers(keys, &plugins),
        append_output: append_output(keys, &plugins)?,
        files: Vec::new(),
        folders: Vec::new(),
        tree: Value::Null,
        watch: keys.truth("watch_config_files", true),
        known_plugins,
        plugins,
        engine: engine::engine(keys, &mut warnings)?,
        rules_files: Some(rules_files(keys, &mut warnings)?),
        selections: selections(keys)?,
        min_priority,
        matching,
        json: keys.truth("json_output", false),
        json_form: outputs::json_form(keys)?,
        json_output_property: keys.truth("json_include_output_property", true),
        json_tags_property: keys.truth("json_include_tags_property", true),
        json_message_property: keys.truth("json_include_message_property", false),
        json_fields_property: keys.truth("json_include_output_fields_property", true),
        time_iso: keys.truth("time_format_iso_8601", false),
        buffered: keys.truth("buffered_outputs", false),
        queue_capacity: keys.number("outputs_queue.capacity", 0) as usize,
        output_timeout: Duration::from_millis(keys.number("output_timeout", 2000).into()),
        channels: outputs::channels(keys),
        spool: outputs::spool(keys),
        grpc: grpc::grpc(keys),
        sinks: sinks::sinks(keys)?,
        grpc_output: keys.truth("grpc.enabled", false) && keys.truth("grpc_output.enabled", false),
        log_stderr: keys.truth("log_stderr", false),
        log_syslog: keys.truth("log_syslog", true),
        log_level,
        kernel_attach: engine::attach(keys)?,
        kernel_fair_share: keys.truth("kernel_fair_share", false),
        snaplen: match keys.number("falco_libs.snaplen", 0) {
            0 => 80,
            bytes => bytes,
        },
        all_syscalls: keys.truth("base_syscalls.all", false),
        custom_syscalls: keys.texts("base_syscalls.custom_set"),
        static_fields: keys.get("static_fields").map_or_else(Vec::new, texts_of),
        repair_syscalls: keys.truth("base_syscalls.repair", false),
        capture: capture::capture(keys)?,
        kernel_filter: keys.truth("kernel_filter", true),
        drops,
        timeouts_max,
        metrics: metrics::metrics(keys),
        webserver: webserver::webserver(keys)?,
        workers: engine::workers(keys)?,
        warnings,
    };
    match keys.trouble.take() {
        Some(trouble) => bail!(trouble),
        None => Ok(config),
    }
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

fn append_output(keys: &Keys<'_>, plugins: &[Plugin]) -> anyhow::Result<Vec<AppendOutput>> {
    let Some(Value::Array(entries)) = keys.get("append_output") else {
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    for entry in entries {
        if !entry.is_object() {
            bail!("bad conversion: an entry of 'append_output' is not a mapping");
        }
        let part = keys.of(entry);
        let suggested = match part.get("suggested_output") {
            None => false,
            Some(value) => value.as_str().and_then(yaml::boolean).context(
                "bad conversion: 'suggested_output' of 'append_output' is neither true nor false",
            )?,
        };
        let text = |path: &str| part.text(path).map(str::to_owned);
        let tags: BTreeSet<String> = part.texts("match.tags").into_iter().collect();
        let mut extra_fields = Vec::new();
        for field in entry
            .get("extra_fields")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            match field {
                Value::String(name) => extra_fields.push(ExtraField::Raw(name.clone())),
                Value::Object(map) => {
                    extra_fields.extend(map.iter().map(|(key, format)| ExtraField::Formatted {
                        key: key.clone(),
                        format: format.as_str().unwrap_or_default().to_owned(),
                    }));
                }
                _ => bail!(
                    "bad conversion: an entry of 'extra_fields' is neither a name nor a key with a format"
                ),
            }
        }
        let said = AppendOutput {
            source: text("match.source"),
            tags,
            rule: text("match.rule"),
            extra_output: text("extra_output"),
            extra_fields,
        };
        let suggestion = Some(plugins::suggested_output(plugins)).filter(|text| {
            let of_kernel = said
                .source
                .as_deref()
                .is_none_or(|source| source == SYSCALL);
            suggested && of_kernel && !text.is_empty()
        });
        let suggestion = suggestion.map(|text| AppendOutput {
            source: Some(SYSCALL.to_owned()),
            extra_output: Some(text),
            extra_fields: Vec::new(),
            ..said.clone()
        });
        all.push(said);
        all.extend(suggestion);
    }
    Ok(all)
}

#[cfg(test)]
pub(crate) mod tests;
