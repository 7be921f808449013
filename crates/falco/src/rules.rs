//! Loading the rules that the configuration names, or those that are built in.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{anyhow, bail};
use falco_fields::Catalogue;
use falco_rules::{LoadResult, Loader, LoaderConfig, Plugin, RuleSet, Selected};

use crate::{
    actions::catalogue,
    cli::Options,
    config::{Config, files_of},
    log::{self, Level},
    plugins,
};

/// The rules that are built in.
const BUILT_IN: &str = include_str!("../../../rules/falco_rules.yaml");
const BUILT_IN_NAME: &str = "built-in rules";

pub(crate) fn loader(config: &Config, catalogue: &Catalogue) -> Loader {
    for entry in &config.append_output {
        if let (Some(rule), false) = (&entry.rule, entry.tags.is_empty()) {
            let mut tags = String::new();
            for tag in &entry.tags {
                tags.push_str(tag);
                tags.push_str(", ");
            }
            let tags = tags.trim_end();
            // Upstream's words, with its typo and its last comma: programs look for them.
            log::warning(&format!(
                "An append_ouptut entry specifies both a rule ({rule}) and a list of tags ({tags}). This means that output will be \
                 appended only to the {rule} rule and only if it has all the tags: {tags}."
            ));
        }
    }
    Loader::new(LoaderConfig {
        min_priority: config.min_priority,
        append_output: config.append_output.clone(),
        plugins: plugins::present(config)
            .map(|built_in| Plugin {
                name: built_in.name.into(),
                version: built_in.version,
            })
            .collect(),
        known_fields: catalogue
            .fields()
            .map(|field| field.name.to_owned())
            .collect(),
        plugin_fields: (catalogue.classes().iter())
            .filter(|class| plugins::built_in(class.name).is_some())
            .flat_map(|class| class.fields.iter().map(|field| (field, class.name)))
            .map(|(field, plugin)| (field.name.to_owned(), plugin.to_owned()))
            .collect(),
        ..LoaderConfig::default()
    })
}

/// What is to be loaded.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// The files, by name and text.
    pub(crate) files: Vec<(String, String)>,
    /// The files and directories to look at for changes.
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) folders: Vec<PathBuf>,
}

/// The texts to load.
pub(crate) fn texts(config: &Config, options: &Options) -> anyhow::Result<Texts> {
    let listed = if options.rules.is_empty() {
        config.rules_files.as_ref()
    } else {
        Some(&options.rules)
    };
    let Some(listed) = listed else {
        return Ok(Texts {
            files: vec![(BUILT_IN_NAME.into(), BUILT_IN.into())],
            ..Texts::default()
        });
    };
    let given = !options.rules.is_empty();
    if !given && !listed.iter().any(|path| path.exists()) {
        bail!(
            "You must specify at least one rules file/directory via -r or a rules_file entry in falco.yaml"
        );
    }
    let mut texts = Texts::default();
    for path in listed {
        if given && !path.exists() {
            bail!("Could not open file {} for reading", path.display());
        }
        if path.is_dir() {
            texts.folders.push(path.clone());
        }
        texts
            .paths
            .extend(files_of(path).into_iter().filter(|file| is_yaml(file)));
    }
    texts.files = texts.paths.iter().map(read).collect::<Result<_, _>>()?;
    Ok(texts)
}

pub(crate) fn read(path: &PathBuf) -> anyhow::Result<(String, String)> {
    let bytes = fs::read(path).map_err(|cause| {
        anyhow!(
            "Could not open file {} for reading: {cause}",
            path.display()
        )
    })?;
    Ok((
        path.display().to_string(),
        String::from_utf8_lossy(&bytes).into_owned(),
    ))
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Rules that do not load; shown in upstream's words.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.render_verbose())]
pub(crate) struct Invalid(Box<LoadResult>);

impl Invalid {
    /// A picture of the place.
    pub(crate) fn picture(&self, colour: bool) -> String {
        self.0.render_terminal(colour)
    }
}

/// Loads the texts. The first that is wrong ends it.
pub(crate) fn load(
    config: &Config,
    texts: &[(String, String)],
) -> anyhow::Result<(Loader, Catalogue)> {
    let mut catalogue = catalogue(config);
    let mut loader = loader(config, &catalogue);
    log::info("Loading rules from:");
    for (name, text) in texts {
        let result = loader.load(name, text, &mut catalogue);
        let (level, verdict) = if result.schema_valid() {
            (Level::Info, "ok")
        } else {
            (
                Level::Warning,
                result.schema.first().map_or("", String::as_str),
            )
        };
        log::line(level, &format!("   {name} | schema validation: {verdict}"));
        if !result.successful() {
            // Fields are often unknown because a plugin is not there: then that is what to say.
            loader.check_plugins().map_err(|error| anyhow!(error))?;
            return Err(Invalid(Box::new(result)).into());
        }
        if !result.warnings.is_empty() {
            log::warning(&result.render_verbose());
        }
    }
    loader.check_plugins().map_err(|error| anyhow!(error))?;
    Ok((loader, catalogue))
}

/// Compiles the conditions of sinks.
pub(crate) fn conditions(
    config: &Config,
    loader: &mut Loader,
    catalogue: &mut Catalogue,
) -> anyhow::Result<RuleSet> {
    let conditions: Vec<(String, String)> = config
        .sinks
        .iter()
        .filter_map(|sink| Some((sink.place.clone(), sink.condition.clone()?)))
        .collect();
    let compiled = loader.conditions(&conditions, catalogue);
    compiled.map_err(|result| Invalid(result).into())
}

/// Enables and disables as configured.
pub(crate) fn select(config: &Config, rules: &mut RuleSet) {
    for selection in &config.selections {
        let verb = if selection.enable {
            "Enabling"
        } else {
            "Disabling"
        };
        log::info(&match &selection.what {
            Selected::Rule(rule) => format!("{verb} rules with name: {rule}"),
            Selected::Tag(tag) => format!("{verb} rules with tag: {tag}"),
        });
    }
    rules.select(&config.selections);
}

/// Says which rules there are.
pub(crate) fn say_enabled(rules: &RuleSet) {
    log::line(Level::Debug, "Enabled rules:");
    for (_, rule) in rules.enabled() {
        log::line(Level::Debug, &format!("   {}", rule.name));
    }
    log::line(
        Level::Debug,
        &format!("({}) enabled rules in total", rules.enabled().count()),
    );
}
