//! From YAML items to lists, macros and rules.
//!
//! Reading checks the form of an item and hands it to the [`Collection`]; whether its condition makes sense is seen later. The first
//! error ends a file: what was read of it before stays.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::collect::{Collection, ListInfo, MacroInfo, Order};
use crate::diag::{Checked, Code, Context, Diagnostic, Item, error};
use crate::nearest::nearest;
use crate::result::LoadResult;
use crate::trace::Traced;
use crate::version::{ENGINE_VERSION, Requirement, Version};
use crate::yaml::{self, Node, Source};

mod exception;
mod rule;
mod values;

use values::{flag, required_text, text_key, texts};

const APPEND_IS_OLD: &str = "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.";
const ENABLED_IS_OLD: &str = "The standalone 'enabled' key usage is deprecated. The correct approach requires also a 'replace' entry under the 'override' key (i.e. 'enabled: replace').";
const APPEND_AND_OVERRIDE: &str = "Keys 'override' and 'append: true' cannot be used together. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.";

const LIST_KEYS: &[&str] = &["list", "items", "append", "override"];
const MACRO_KEYS: &[&str] = &["macro", "condition", "append", "override"];
const RULE_KEYS: &[&str] = &[
    "rule",
    "condition",
    "output",
    "desc",
    "priority",
    "source",
    "enabled",
    "capture",
    "capture_duration",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "tags",
    "exceptions",
    "override",
    "append",
];
/// What can be appended to in a rule; everything can be replaced that is here or in [`REPLACEABLE`]. Both sorted.
const APPENDABLE: &[&str] = &["condition", "desc", "exceptions", "output", "tags"];
const REPLACEABLE: &[&str] = &[
    "capture",
    "capture_duration",
    "condition",
    "desc",
    "enabled",
    "exceptions",
    "output",
    "priority",
    "skip-if-unknown-filter",
    "tags",
    "warn_evttypes",
];

/// Reads one file into the collection.
pub(crate) struct Reader<'a> {
    pub(crate) source: Arc<Source>,
    pub(crate) collection: &'a mut Collection,
    pub(crate) result: &'a mut LoadResult,
    /// The sources whose events somebody gives.
    pub(crate) sources: &'a [String],
    /// Whether a text is a field, or a transformer over fields.
    pub(crate) is_field: &'a mut dyn FnMut(&str) -> bool,
}

/// What `override` says.
#[derive(Default)]
struct Overrides {
    append: BTreeSet<String>,
    replace: BTreeSet<String>,
}

impl Overrides {
    fn is_empty(&self) -> bool {
        self.append.is_empty() && self.replace.is_empty()
    }
}

impl Reader<'_> {
    /// Reads the documents of the file.
    pub(crate) fn documents(&mut self, documents: &[Node]) -> Checked<()> {
        let context = Context::new(&self.source);
        for document in documents.iter().filter(|document| !document.is_null()) {
            let Some(items) = document.items() else {
                let message = if document.is_map() {
                    "Rules content is not yaml array of objects"
                } else {
                    "Rules content is not yaml"
                };
                let mut context = context.clone();
                context.span = document.start..document.start;
                return error(Code::YamlValidate, message, &context).map_err(|e| {
                    Box::new(e.help("a rules file is a list of items: each begins with `- rule:`, `- macro:` or `- list:`"))
                });
            };
            for item in items.iter().filter(|item| !item.is_null()) {
                self.item(item, &context)?;
            }
        }
        Ok(())
    }

    fn item(&mut self, item: &Node, parent: &Context) -> Checked<()> {
        if !item.is_map() {
            return error(
                Code::YamlValidate,
                "Unexpected element type. Each element should be a yaml associative array.",
                &parent.node(item, Item::ContentItem, ""),
            );
        }
        if item.get("required_engine_version").is_some() {
            self.engine_version(item, parent)
        } else if let Some(versions) = item.get("required_plugin_versions") {
            self.plugin_versions(versions, parent)?;
            let context = parent.node(item, Item::PluginVersions, "");
            self.unknown_keys(item, &["required_plugin_versions"], &context)
        } else if item.get("list").is_some() {
            self.list(item, parent)
        } else if item.get("macro").is_some() {
            self.macr(item, parent)
        } else if item.get("rule").is_some() {
            self.rule(item, parent)
        } else {
            let context = parent.node(item, Item::ContentItem, "");
            let kinds = [
                "rule",
                "macro",
                "list",
                "required_engine_version",
                "required_plugin_versions",
            ];
            let near = item
                .entries()
                .iter()
                .find_map(|(key, _)| nearest(key.scalar()?, kinds));
            let mut diagnostic =
                Diagnostic::new(Code::UnknownItem, "Unknown top level item", &context);
            if let Some(near) = near {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
            self.result.add(diagnostic);
            Ok(())
        }
    }

    fn engine_version(&mut self, item: &Node, parent: &Context) -> Checked<()> {
        let context = parent.node(item, Item::EngineVersion, "");
        let text = required_text(item, "required_engine_version", &context)?;
        let version = match yaml::unsigned(text) {
            Some(minor) => Some(Version(0, minor, 0)),
            None => Version::parse(text),
        };
        let Some(version) = version else {
            return error(
                Code::YamlValidate,
                format!(
                    "Unable to parse engine version '{text}' as a semver string. Expected \"x.y.z\" semver format."
                ),
                &context,
            );
        };
        if !ENGINE_VERSION.satisfies(version) {
            return error(
                Code::Validate,
                format!(
                    "Rules require engine version {version}, but engine version is {ENGINE_VERSION}"
                ),
                &context,
            );
        }
        self.collection.engine_version = self.collection.engine_version.max(version);
        self.unknown_keys(item, &["required_engine_version"], &context)
    }

    fn plugin_versions(&mut self, versions: &Node, parent: &Context) -> Checked<()> {
        let context = parent.node(versions, Item::PluginVersions, "");
        let Some(plugins) = versions.items() else {
            return error(
                Code::YamlValidate,
                "Value of required_plugin_versions must be a sequence",
                &context,
            );
        };
        for plugin in plugins {
            let nameless = context.node(plugin, Item::PluginVersion, "");
            if !plugin.is_map() {
                return error(
                    Code::YamlValidate,
                    "Plugin version must be a mapping",
                    &nameless,
                );
            }
            let name = required_text(plugin, "name", &nameless)?.to_owned();
            let context = context.node(plugin, Item::PluginVersion, &name);
            let version = required_text(plugin, "version", &context)?.to_owned();
            let mut alternatives = vec![Requirement { name, version }];
            if let Some(node) = plugin.get("alternatives") {
                let Some(others) = node.items() else {
                    return error(
                        Code::YamlValidate,
                        "Value of plugin version alternatives must be a sequence",
                        &context,
                    );
                };
                for other in others {
                    let nameless = context.node(other, Item::PluginAlternative, "");
                    if !other.is_map() {
                        return error(
                            Code::YamlValidate,
                            "Plugin version alternative must be a mapping",
                            &nameless,
                        );
                    }
                    let name = required_text(other, "name", &nameless)?.to_owned();
                    let named = context.node(other, Item::PluginAlternative, &name);
                    let version = required_text(other, "version", &named)?.to_owned();
                    alternatives.push(Requirement { name, version });
                }
            }
            check_requirements(&alternatives, &context)?;
            self.collection.plugin_versions.push(alternatives);
        }
        Ok(())
    }

    fn list(&mut self, item: &Node, parent: &Context) -> Checked<()> {
        let nameless = parent.node(item, Item::List, "");
        let name = required_text(item, "list", &nameless)?;
        let context = parent.node(item, Item::List, name);
        if !is_bare(name) {
            self.warn(Code::InvalidListName, "List has an invalid name. List names should match a regular expression: ([^()\"'[:space:]=,]+)", &context);
        }
        let items = texts(item, "items", &context)?;
        let Some(items) = items else {
            return values::absent(item, "items", &context);
        };
        let list = ListInfo {
            name: name.to_owned(),
            items,
            context: context.clone(),
            order: Order::default(),
        };
        if self.appends(item, "items", &context)? {
            self.collection.append_list(list)?;
        } else {
            self.collection.define_list(list);
        }
        self.unknown_keys(item, LIST_KEYS, &context)
    }

    fn macr(&mut self, item: &Node, parent: &Context) -> Checked<()> {
        let nameless = parent.node(item, Item::Macro, "");
        let name = required_text(item, "macro", &nameless)?;
        let context = parent.node(item, Item::Macro, name);
        if !is_identifier(name) {
            self.warn(Code::InvalidMacroName, "Macro has an invalid name. Macro names should match a regular expression: ([a-zA-Z]+[a-zA-Z0-9_]*)", &context);
        }
        let (condition, condition_context) =
            self.condition(item, Item::MacroCondition, &context)?;
        let macr = MacroInfo {
            name: name.to_owned(),
            condition,
            context: context.clone(),
            condition_context,
            order: Order::default(),
        };
        if self.appends(item, "condition", &context)? {
            self.collection.append_macro(&macr)?;
        } else {
            self.collection.define_macro(macr);
        }
        self.unknown_keys(item, MACRO_KEYS, &context)
    }

    /// Whether a list or macro is to be appended to an earlier one.
    fn appends(&mut self, item: &Node, part: &str, context: &Context) -> Checked<bool> {
        let append = self.append_flag(item, context)?;
        let overrides = self.overrides(item, &[part], &[part], context)?;
        if append && !overrides.is_empty() {
            return error(Code::YamlValidate, APPEND_AND_OVERRIDE, context);
        }
        Ok(append || overrides.append.contains(part))
    }

    fn append_flag(&mut self, item: &Node, context: &Context) -> Checked<bool> {
        let append = flag(item, "append", context)?.unwrap_or(false);
        if append {
            self.warn(Code::DeprecatedItem, APPEND_IS_OLD, context);
        }
        Ok(append)
    }

    fn condition(&self, item: &Node, kind: Item, context: &Context) -> Checked<(Traced, Context)> {
        required_text(item, "condition", context)?;
        let node = item.get("condition").unwrap_or(item);
        Ok((
            Traced::scalar(&self.source, node),
            context.node(node, kind, ""),
        ))
    }

    fn overrides(
        &self,
        item: &Node,
        appendable: &[&str],
        replaceable: &[&str],
        context: &Context,
    ) -> Checked<Overrides> {
        let mut found = Overrides::default();
        let Some(node) = item.get("override") else {
            return Ok(found);
        };
        let context = context.node(item, Item::Overrides, "");
        for (key_node, operation_node) in node.entries() {
            let key = text_key(key_node, &self.source)?;
            let operation = text_key(operation_node, &self.source)?;
            let appends = appendable.contains(&key);
            let replaces = replaceable.contains(&key);
            let at_key = || context.node(key_node, Item::Overrides, key);
            match operation {
                "append" if appends => found.append.insert(key.to_owned()),
                "replace" if replaces => found.replace.insert(key.to_owned()),
                "append" => {
                    return error(
                        Code::YamlValidate,
                        format!("Key '{key}' cannot be appended to, use 'replace' instead"),
                        &at_key(),
                    )
                    .map_err(|e| suggest(e, key, replaceable));
                }
                "replace" => {
                    return error(
                        Code::YamlValidate,
                        format!("Key '{key}' cannot be replaced"),
                        &at_key(),
                    )
                    .map_err(|e| suggest(e, key, replaceable));
                }
                _ => {
                    return error(
                        Code::YamlValidate,
                        format!(
                            "Invalid override operation for key '{key}': '{operation}'. Allowed values are: {}{}",
                            if appends { "append " } else { "" },
                            if replaces { "replace " } else { "" },
                        ),
                        &context.node(operation_node, Item::ValueFor, key),
                    );
                }
            };
        }
        Ok(found)
    }

    fn unknown_keys(&mut self, item: &Node, known: &[&str], context: &Context) -> Checked<()> {
        for (node, _) in item.entries() {
            let key = text_key(node, &self.source)?;
            if known.contains(&key) {
                continue;
            }
            let mut context = context.clone();
            context.span = node.start..node.end;
            let diagnostic = Diagnostic::new(
                Code::UnknownKey,
                format!("Unknown key '{key}'. The key will be ignored."),
                &context,
            );
            self.result.add(match nearest(key, known.iter().copied()) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help(format!("known keys are: {}", known.join(", "))),
            });
        }
        Ok(())
    }

    fn warn(&mut self, code: Code, message: impl Into<String>, context: &Context) {
        self.result.add(Diagnostic::new(code, message, context));
    }
}

fn suggest(error: Box<Diagnostic>, key: &str, known: &[&str]) -> Box<Diagnostic> {
    match nearest(key, known.iter().copied()) {
        Some(near) => Box::new(error.help(format!("did you mean `{near}`?"))),
        None => error,
    }
}

fn check_requirements(alternatives: &[Requirement], context: &Context) -> Checked<()> {
    for (index, need) in alternatives.iter().enumerate() {
        if Version::parse(&need.version).is_none() {
            return error(
                Code::Validate,
                format!(
                    "Invalid required version '{}' for plugin '{}'",
                    need.version, need.name
                ),
                context,
            );
        }
        if alternatives[..index]
            .iter()
            .any(|other| other.name == need.name)
        {
            return error(
                Code::Validate,
                format!(
                    "Defined multiple alternative version requirements for plugin '{}'",
                    need.name
                ),
                context,
            );
        }
    }
    Ok(())
}

/// Whether conditions can have it as a bare word.
fn is_bare(name: &str) -> bool {
    !name.contains(|c: char| "()\"'=, \t\n\r\x0b\x0c".contains(c))
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
