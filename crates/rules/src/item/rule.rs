//! Items that define rules or change them.

use std::collections::BTreeSet;

use super::exception::check_exception;
use super::values::{absent, flag, number, optional_text, required_text, text_or_empty, texts};
use super::{
    APPEND_AND_OVERRIDE, APPENDABLE, ENABLED_IS_OLD, Overrides, REPLACEABLE, RULE_KEYS, Reader,
};
use crate::Priority;
use crate::collect::{RuleInfo, Update};
use crate::diag::{Checked, Code, Context, Diagnostic, Item, error};
use crate::nearest::nearest;
use crate::trace::Traced;
use crate::yaml::Node;

impl Reader<'_> {
    pub(super) fn rule(&mut self, item: &Node, parent: &Context) -> Checked<()> {
        let nameless = parent.node(item, Item::Rule, "");
        let name = required_text(item, "rule", &nameless)?;
        let context = parent.node(item, Item::Rule, name);
        let source = text_or_empty(item, "source", &context)?;
        let append = self.append_flag(item, &context)?;
        let overrides = self.overrides(item, APPENDABLE, REPLACEABLE, &context)?;
        if append && !overrides.is_empty() {
            return error(Code::YamlValidate, APPEND_AND_OVERRIDE, &context);
        }
        if !overrides.is_empty() {
            self.override_rule(item, name, source, &overrides, &context)?;
        } else if append {
            self.append_rule(item, name, source, &context)?;
        } else if ["condition", "output", "desc", "priority"]
            .iter()
            .all(|key| item.get(key).is_none())
        {
            let Some(enabled) = flag(item, "enabled", &context)? else {
                return absent(item, "enabled", &context);
            };
            self.warn(Code::DeprecatedItem, ENABLED_IS_OLD, &context);
            self.collection.enable_rule(name, enabled, &context)?;
        } else {
            self.define_rule(item, name, &context)?;
        }
        self.unknown_keys(item, RULE_KEYS, &context)
    }

    fn define_rule(&mut self, item: &Node, name: &str, context: &Context) -> Checked<()> {
        let (condition, condition_context) = self.condition(item, Item::RuleCondition, context)?;
        required_text(item, "output", context)?;
        let output_node = item.get("output").unwrap_or(item);
        let output_context = context.node(output_node, Item::RuleOutput, "");
        let desc = required_text(item, "desc", context)?;
        let priority = priority(item, context)?;
        let source = optional_text(item, "source", context)?.unwrap_or("syscall");
        let mut rule = RuleInfo {
            name: name.to_owned(),
            condition,
            output: Traced::scalar(&self.source, output_node).trimmed(),
            desc: desc.to_owned(),
            source: source.to_owned(),
            unknown_source: !self.sources.iter().any(|known| known == source),
            priority,
            enabled: flag(item, "enabled", context)?.unwrap_or(true),
            capture: flag(item, "capture", context)?.unwrap_or(false),
            capture_duration: number(item, "capture_duration", context)?.unwrap_or(0),
            capture_events: number(item, "capture_events", context)?.unwrap_or(0),
            capture_filesize: number(item, "capture_filesize", context)?.unwrap_or(0),
            warn_evttypes: flag(item, "warn_evttypes", context)?.unwrap_or(true),
            skip_unknown: flag(item, "skip-if-unknown-filter", context)?.unwrap_or(false),
            tags: texts(item, "tags", context)?
                .unwrap_or_default()
                .into_iter()
                .collect(),
            exceptions: self.exceptions(item, context, false)?,
            context: context.clone(),
            condition_context,
            output_context,
        };
        self.collection.check_source(name, source, context)?;
        if rule.unknown_source {
            let near = nearest(source, self.sources.iter().map(String::as_str));
            let diagnostic = Diagnostic::new(
                Code::UnknownSource,
                format!("Unknown source {source}, skipping"),
                context,
            );
            self.result.add(match near {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help("load the plugin that gives events of this source"),
            });
        }
        for exception in &mut rule.exceptions {
            if !exception.fields.is_given() {
                return error(
                    Code::Validate,
                    "Rule exception item must have fields property with a list of fields",
                    &exception.context,
                );
            }
            check_exception(exception, !rule.unknown_source, self.is_field)?;
        }
        self.collection.define_rule(rule);
        Ok(())
    }

    fn append_rule(
        &mut self,
        item: &Node,
        name: &str,
        source: &str,
        context: &Context,
    ) -> Checked<()> {
        let mut update = Update {
            source: source.to_owned(),
            ..Update::default()
        };
        if item.get("condition").is_some() {
            update.condition = Some(self.condition(item, Item::RuleCondition, context)?.0);
        }
        if item.get("exceptions").is_some() {
            update.exceptions = Some(self.exceptions(item, context, true)?);
        }
        let nothing = update.condition.is_none() && update.exceptions.is_none();
        if nothing && self.collection.rules.get(name).is_some() {
            self.collection.check_source(name, source, context)?;
            return error(
                Code::Validate,
                "Appended rule must have exceptions or condition property",
                context,
            );
        }
        let is_field = &mut *self.is_field;
        self.collection
            .append_rule(name, update, context, |exception, known| {
                check_exception(exception, known, is_field)
            })
    }

    fn override_rule(
        &mut self,
        item: &Node,
        name: &str,
        source: &str,
        overrides: &Overrides,
        context: &Context,
    ) -> Checked<()> {
        let mut unexplained: BTreeSet<&str> = (APPENDABLE.iter().chain(REPLACEABLE))
            .copied()
            .filter(|key| item.get(key).is_some())
            .collect();
        if !overrides.append.is_empty() {
            let update = self.update(
                item,
                source,
                &overrides.append,
                "append",
                &mut unexplained,
                context,
            )?;
            let is_field = &mut *self.is_field;
            self.collection
                .append_rule(name, update, context, |exception, known| {
                    check_exception(exception, known, is_field)
                })?;
        }
        if !overrides.replace.is_empty() {
            let update = self.update(
                item,
                source,
                &overrides.replace,
                "replace",
                &mut unexplained,
                context,
            )?;
            let is_field = &mut *self.is_field;
            self.collection
                .replace_in_rule(name, update, context, |exception, known| {
                    check_exception(exception, known, is_field)
                })?;
        }
        match unexplained.first() {
            None => Ok(()),
            Some(key) => error(
                Code::YamlValidate,
                format!(
                    "Unexpected key '{key}': no corresponding entry under 'override' is defined."
                ),
                &context.node(item.get(key).unwrap_or(item), Item::Overrides, key),
            ),
        }
    }

    /// The values of the keys that are to be appended or replaced.
    fn update(
        &mut self,
        item: &Node,
        source: &str,
        keys: &BTreeSet<String>,
        operation: &str,
        unexplained: &mut BTreeSet<&str>,
        context: &Context,
    ) -> Checked<Update> {
        let mut update = Update::default();
        // The order in which upstream looks at them decides which error is the first.
        for key in [
            "condition",
            "exceptions",
            "output",
            "desc",
            "tags",
            "priority",
            "capture",
            "capture_duration",
            "enabled",
            "warn_evttypes",
            "skip-if-unknown-filter",
        ] {
            if !keys.contains(key) {
                continue;
            }
            if !unexplained.remove(key) {
                return error(
                    Code::YamlValidate,
                    format!(
                        "An {operation} override for '{key}' was specified but '{key}' is not defined"
                    ),
                    context,
                );
            }
            let text = || required_text(item, key, context);
            match key {
                "condition" => {
                    source.clone_into(&mut update.source);
                    update.condition = Some(self.condition(item, Item::RuleCondition, context)?.0);
                }
                "exceptions" => {
                    update.exceptions =
                        Some(self.exceptions(item, context, operation == "append")?);
                }
                "output" => {
                    text()?;
                    let node = item.get(key).unwrap_or(item);
                    update.output = Some(Traced::scalar(&self.source, node));
                }
                "desc" => update.desc = Some(text()?.to_owned()),
                "tags" => {
                    update.tags = texts(item, key, context)?.map(|tags| tags.into_iter().collect());
                }
                "priority" => update.priority = Some(priority(item, context)?),
                "capture" => update.capture = flag(item, key, context)?,
                "capture_duration" => update.capture_duration = number(item, key, context)?,
                "enabled" => update.enabled = flag(item, key, context)?,
                "warn_evttypes" => update.warn_evttypes = flag(item, key, context)?,
                _ => update.skip_unknown = flag(item, key, context)?,
            }
        }
        Ok(update)
    }
}

fn priority(item: &Node, context: &Context) -> Checked<Priority> {
    let text = required_text(item, "priority", context)?;
    Priority::parse(text).map_or_else(
        || {
            let node = item.get("priority").unwrap_or(item);
            error(
                Code::YamlValidate,
                "Invalid priority",
                &context.node(node, Item::RulePriority, ""),
            )
            .map_err(|e| {
                let names = Priority::ALL.map(Priority::name);
                Box::new(match nearest(text, names) {
                    Some(near) => e.help(format!("did you mean `{near}`?")),
                    None => e.help(format!("priorities are: {}", names.join(", "))),
                })
            })
        },
        Ok,
    )
}
