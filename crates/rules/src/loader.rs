//! Loading: files go in one after the other, a checked rule set comes out.

use std::collections::{BTreeMap, BTreeSet};

use falco_filter::ast::{Limits, Operand, parse};
use falco_filter::{Catalog, Compiler};
use serde_json::Value as Json;

use crate::collect::Collection;
use crate::compile::{Compiled, Kept, compile};
use crate::diag::{Code, Context, Diagnostic};
use crate::item::Reader;
use crate::result::LoadResult;
use crate::ruleset::RuleSet;
use crate::version::{Plugin, check_plugins};
use crate::yaml::{self, Source};
use crate::{Priority, describe, schema};

/// What loading depends on besides the files.
#[derive(Clone, Debug)]
pub struct LoaderConfig {
    /// The event sources that somebody gives events of.
    pub sources: Vec<String>,
    /// Rules below it are left out of the rule set.
    pub min_priority: Priority,
    /// What is added to the outputs of rules, in order.
    pub append_output: Vec<AppendOutput>,
    /// The plugins that are there, for `required_plugin_versions`.
    pub plugins: Vec<Plugin>,
    /// Names of fields to suggest for one that does not exist.
    pub known_fields: Vec<String>,
    /// The fields that plugins give, with the names of those.
    pub plugin_fields: BTreeMap<String, String>,
}

impl Default for LoaderConfig {
    /// System calls only, all rules, nothing added.
    fn default() -> Self {
        LoaderConfig {
            sources: vec!["syscall".to_owned()],
            min_priority: Priority::Debug,
            append_output: Vec::new(),
            plugins: Vec::new(),
            known_fields: Vec::new(),
            plugin_fields: BTreeMap::new(),
        }
    }
}

/// An entry of `append_output`: what is added to the output of which rules.
#[derive(Clone, Debug, Default)]
pub struct AppendOutput {
    /// Only to rules of this source.
    pub source: Option<String>,
    /// Only to rules with all of these tags.
    pub tags: BTreeSet<String>,
    /// Only to the rule of this name.
    pub rule: Option<String>,
    /// Added to the output after a blank.
    pub extra_output: Option<String>,
    /// Added to the fields that JSON shows.
    pub extra_fields: Vec<ExtraField>,
}

/// A field that JSON shows besides those of the output.
#[derive(Clone, Debug)]
pub enum ExtraField {
    /// The value of a field, typed, under its name.
    Raw(String),
    /// A text under a name.
    Formatted {
        /// The name.
        key: String,
        /// Its template.
        format: String,
    },
}

/// Loads rules files. What one file defines, later ones can use and change.
#[derive(Debug)]
pub struct Loader {
    config: LoaderConfig,
    collection: Collection,
    compiled: Option<Compiled>,
    kept: Kept,
}

impl Loader {
    /// A loader that has seen no file.
    pub fn new(config: LoaderConfig) -> Loader {
        Loader {
            config,
            collection: Collection::default(),
            compiled: None,
            kept: Kept::default(),
        }
    }

    /// Reads a file and compiles everything that was read so far, always with the same catalogue. Without errors the outcome replaces what
    /// there was before; with errors what was read of the file stays, as upstream has it.
    pub fn load(&mut self, file_name: &str, text: &str, catalog: &mut dyn Catalog) -> LoadResult {
        let source = Source::new(file_name, text);
        let mut result = LoadResult::new(file_name);
        let documents = match yaml::parse(&source) {
            Ok(documents) => documents,
            Err(error) => {
                let context =
                    Context::new(&source).at(error.offset, crate::diag::Item::ValueFor, "");
                result.add(Diagnostic::new(Code::YamlParse, error.message, &context));
                return result;
            }
        };
        for document in &documents {
            let failures = schema::failures(document, &schema::RULES);
            if failures.is_empty() {
                result.schema.push("ok".to_owned());
            } else {
                result.schema.extend(failures);
            }
        }
        let mut reader = Reader {
            source,
            collection: &mut self.collection,
            result: &mut result,
            sources: &self.config.sources,
            is_field: &mut |text| is_field(text, catalog),
        };
        if let Err(error) = reader.documents(&documents) {
            result.add(*error);
            return result;
        }
        // What was read is in the collection; a long list need not be there twice while it is compiled.
        drop(documents);
        let (config, kept) = (&self.config, &mut self.kept);
        match compile(&self.collection, config, catalog, &mut result, kept) {
            Ok(compiled) => self.compiled = Some(compiled),
            Err(error) => result.add(*error),
        }
        result
    }

    /// Whether the plugins that the files require are there.
    ///
    /// # Errors
    /// Upstream's message about the first that is not.
    pub fn check_plugins(&self) -> Result<(), String> {
        check_plugins(&self.collection.plugin_versions, &self.config.plugins)
    }

    /// Compiles conditions that are no rules', each under a name for messages. They may use the macros and lists of the files. In the set
    /// that comes of it, a condition is a rule at the same place, which matches where the condition holds.
    ///
    /// # Errors
    /// What is wrong with the first that is.
    pub fn conditions(
        &mut self,
        conditions: &[(String, String)],
        catalog: &mut dyn Catalog,
    ) -> Result<RuleSet, Box<LoadResult>> {
        if conditions.is_empty() {
            return Ok(RuleSet::default());
        }
        let rules: Vec<Json> = conditions
            .iter()
            .map(|(name, condition)| {
                serde_json::json!({
                    "rule": name,
                    "desc": "condition",
                    "condition": condition,
                    "output": "matches",
                    "priority": "EMERGENCY",
                    "warn_evttypes": false,
                })
            })
            .collect();
        let text = Json::from(rules).to_string();
        let kept = std::mem::take(&mut self.collection.rules);
        let compiled = self.compiled.take();
        let appended = std::mem::take(&mut self.config.append_output);
        // The tests of these rules are their own.
        let before = std::mem::take(&mut self.kept);
        let result = self.load("conditions", &text, catalog);
        let set = self.compiled.take().unwrap_or_default();
        let made = std::mem::replace(&mut self.kept, before);
        self.collection.rules = kept;
        self.compiled = compiled;
        self.config.append_output = appended;
        if result.successful() {
            Ok(RuleSet::new(set, made.compiler.finish(), Priority::Debug))
        } else {
            Err(Box::new(result))
        }
    }

    fn loaded(&self) -> Option<describe::Loaded<'_>> {
        Some(describe::Loaded {
            collection: &self.collection,
            compiled: self.compiled.as_ref()?,
            plugin_fields: &self.config.plugin_fields,
        })
    }

    /// What is loaded, as `-L` shows it in JSON. `None` if nothing was loaded without errors.
    pub fn describe(&self) -> Option<Json> {
        Some(describe::all(self.loaded()?))
    }

    /// One rule, as `-l` shows it in JSON. `None` if there is no such rule.
    pub fn describe_rule(&self, name: &str) -> Option<Json> {
        describe::one(self.loaded()?, name)
    }

    /// Names and descriptions of all rules, in order.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &str)> {
        let rules = self.compiled.iter().flat_map(|compiled| &compiled.rules);
        rules.map(|rule| (rule.name.as_str(), rule.desc.as_str()))
    }

    /// The rule set of the last load without errors.
    pub fn finish(self) -> RuleSet {
        let compiled = self.compiled.unwrap_or_default();
        RuleSet::new(
            compiled,
            self.kept.compiler.finish(),
            self.config.min_priority,
        )
    }
}

/// Whether a text is a field or a transformer over fields: whether one can ask if it exists.
fn is_field(text: &str, catalog: &mut dyn Catalog) -> bool {
    let Ok(falco_filter::ast::Expr::Check(check)) =
        parse(&format!("{text} exists"), &Limits::default())
    else {
        return false;
    };
    !matches!(check.left, Operand::Value(..))
        && Compiler::new().operand(&check.left, catalog).is_ok()
}

#[cfg(test)]
mod tests;
