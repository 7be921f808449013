//! Loading the rules that the configuration names, or those that are built in.

use std::{
    fs,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

use anyhow::{anyhow, bail};
use falco_fields::Catalogue;
use falco_rules::{Loader, LoaderConfig, Plugin, RuleSet, Selected, Selection, Version};

use crate::{
    cli::Options,
    config::{Config, files_of},
    log,
};

/// The rules that are built in.
const BUILT_IN: &str = include_str!("../../../rules/falco_rules.yaml");
const BUILT_IN_NAME: &str = "built-in rules";

/// The container support that is built in, by the name and version under which rules ask for it.
const CONTAINER: (&str, Version) = ("container", Version(0, 7, 2));

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
        plugins: vec![Plugin {
            name: CONTAINER.0.into(),
            version: CONTAINER.1,
        }],
        known_fields: catalogue
            .fields()
            .map(|field| field.name.to_owned())
            .collect(),
        plugin_fields: (catalogue.classes().iter())
            .filter(|class| class.name == CONTAINER.0)
            .flat_map(|class| class.fields)
            .map(|field| (field.name.to_owned(), CONTAINER.0.to_owned()))
            .collect(),
        ..LoaderConfig::default()
    })
}

/// The texts to load, with their names.
pub(crate) fn texts(config: &Config, options: &Options) -> anyhow::Result<Vec<(String, String)>> {
    let listed = if options.rules.is_empty() {
        config.rules_files.as_ref()
    } else {
        Some(&options.rules)
    };
    let Some(listed) = listed else {
        return Ok(vec![(BUILT_IN_NAME.into(), BUILT_IN.into())]);
    };
    let given = !options.rules.is_empty();
    let mut files = Vec::new();
    for path in listed {
        if given && !path.exists() {
            bail!("Could not open file {} for reading", path.display());
        }
        files.extend(files_of(path).into_iter().filter(|file| is_yaml(file)));
    }
    if files.is_empty() && !given {
        bail!(
            "You must specify at least one rules file/directory via -r or a rules_file entry in falco.yaml"
        );
    }
    files.iter().map(read).collect()
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

/// Loads the texts. The first that is wrong ends it: with a picture of the place on a terminal, in upstream's words and the picture
/// elsewhere.
pub(crate) fn load(
    texts: &[(String, String)],
    loader: &mut Loader,
    catalogue: &mut Catalogue,
) -> anyhow::Result<()> {
    log::info("Loading rules from:");
    for (name, text) in texts {
        let result = loader.load(name, text, catalogue);
        let schema = if result.schema_valid() {
            "ok".into()
        } else {
            result.schema.first().cloned().unwrap_or_default()
        };
        log::info(&format!("   {name} | schema validation: {schema}"));
        if !result.successful() {
            let colour = io::stderr().is_terminal();
            let upstream = if colour {
                String::new()
            } else {
                result.render_verbose() + "\n"
            };
            bail!("{upstream}{}", result.render_terminal(colour));
        }
        if !result.warnings.is_empty() {
            log::warning(&result.render_verbose());
        }
    }
    loader.check_plugins().map_err(|error| anyhow!(error))
}

/// Enables and disables rules as the configuration asks, and says what came of it.
pub(crate) fn select(rules: &mut RuleSet, selections: &[Selection]) {
    for selection in selections {
        let (what, name) = match &selection.what {
            Selected::Rule(pattern) => ("name", pattern),
            Selected::Tag(tag) => ("tag", tag),
        };
        let verb = if selection.enable {
            "Enabling"
        } else {
            "Disabling"
        };
        log::info(&format!("{verb} rules with {what}: {name}"));
    }
    rules.select(selections);
    log::line(log::Level::Debug, "Enabled rules:");
    for (_, rule) in rules.enabled() {
        log::line(log::Level::Debug, &format!("   {}", rule.name));
    }
    let count = rules.enabled().count();
    log::line(
        log::Level::Debug,
        &format!("({count}) enabled rules in total"),
    );
}
