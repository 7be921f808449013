//! The state that reading builds: lists, macros and rules as the files define them, append to them and override them.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::Priority;
use crate::diag::{Checked, Code, Context, error};
use crate::trace::Traced;
use crate::version::{Requirement, Version};

/// Things in the order in which they were first defined, found by name.
#[derive(Debug)]
pub(crate) struct Named<T> {
    items: Vec<T>,
    by_name: HashMap<String, usize, FxBuildHasher>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named {
            items: Vec::new(),
            by_name: HashMap::default(),
        }
    }
}

impl<T> Named<T> {
    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.items.get(*self.by_name.get(name)?)
    }

    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.items.get_mut(*self.by_name.get(name)?)
    }

    pub(crate) fn items(&self) -> &[T] {
        &self.items
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Adds it, or puts it into the place of the one of that name.
    pub(crate) fn put(&mut self, name: &str, item: T) {
        if let Some(&index) = self.by_name.get(name) {
            self.items[index] = item;
        } else {
            self.by_name.insert(name.to_owned(), self.items.len());
            self.items.push(item);
        }
    }
}

/// When something was defined. Lists see lists and macros see macros that were first defined before they were last touched.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Order {
    pub(crate) first: usize,
    pub(crate) last: usize,
}

#[derive(Debug)]
pub(crate) struct ListInfo {
    pub(crate) name: String,
    pub(crate) items: Vec<String>,
    pub(crate) context: Context,
    pub(crate) order: Order,
}

#[derive(Debug)]
pub(crate) struct MacroInfo {
    pub(crate) name: String,
    pub(crate) condition: Traced,
    pub(crate) context: Context,
    pub(crate) condition_context: Context,
    pub(crate) order: Order,
}

#[derive(Debug)]
pub(crate) struct RuleInfo {
    pub(crate) name: String,
    pub(crate) condition: Traced,
    pub(crate) output: Traced,
    pub(crate) desc: String,
    pub(crate) source: String,
    /// Nobody gives events of its source: it is kept to be appended to, but never compiled.
    pub(crate) unknown_source: bool,
    pub(crate) priority: Priority,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) exceptions: Vec<ExceptionInfo>,
    pub(crate) enabled: bool,
    pub(crate) capture: bool,
    pub(crate) capture_duration: u32,
    pub(crate) capture_events: u32,
    pub(crate) capture_filesize: u32,
    pub(crate) warn_evttypes: bool,
    pub(crate) skip_unknown: bool,
    pub(crate) context: Context,
    pub(crate) condition_context: Context,
    pub(crate) output_context: Context,
}

/// One value or several, as an exception has them.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    One(String),
    Many(Vec<Entry>),
}

impl Default for Entry {
    fn default() -> Self {
        Entry::One(String::new())
    }
}

impl Entry {
    /// Whether anything was given.
    pub(crate) fn is_given(&self) -> bool {
        match self {
            Entry::One(text) => !text.is_empty(),
            Entry::Many(items) => !items.is_empty(),
        }
    }

    pub(crate) fn items(&self) -> &[Entry] {
        match self {
            Entry::One(_) => &[],
            Entry::Many(items) => items,
        }
    }

    /// The one value; nothing of several.
    pub(crate) fn text(&self) -> &str {
        match self {
            Entry::One(text) => text,
            Entry::Many(_) => "",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ExceptionInfo {
    pub(crate) name: String,
    pub(crate) fields: Entry,
    pub(crate) comps: Entry,
    pub(crate) values: Vec<Entry>,
    pub(crate) context: Context,
}

/// What an item changes of an earlier rule.
#[derive(Debug, Default)]
pub(crate) struct Update {
    pub(crate) condition: Option<Traced>,
    pub(crate) output: Option<Traced>,
    pub(crate) desc: Option<String>,
    pub(crate) tags: Option<BTreeSet<String>>,
    pub(crate) exceptions: Option<Vec<ExceptionInfo>>,
    pub(crate) priority: Option<Priority>,
    pub(crate) enabled: Option<bool>,
    pub(crate) capture: Option<bool>,
    pub(crate) capture_duration: Option<u32>,
    pub(crate) warn_evttypes: Option<bool>,
    pub(crate) skip_unknown: Option<bool>,
    /// The source that the item names; empty if none.
    pub(crate) source: String,
}

/// Everything that was read so far, over all files.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    pub(crate) lists: Named<ListInfo>,
    pub(crate) macros: Named<MacroInfo>,
    pub(crate) rules: Named<RuleInfo>,
    /// The highest version that a file asks for.
    pub(crate) engine_version: Version,
    pub(crate) plugin_versions: Vec<Vec<Requirement>>,
    clock: usize,
}

const NO_LIST: &str =
    "List uses 'append' or 'override.items: append' but no list by that name already exists";
const NO_MACRO: &str =
    "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists";
const NO_RULE_TO_APPEND: &str =
    "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists";
const NO_RULE_TO_REPLACE: &str =
    "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists";
const NO_RULE_TO_ENABLE: &str = "Rule has 'enabled' key but no rule by that name already exists";

impl Collection {
    fn tick(&mut self) -> usize {
        self.clock += 1;
        self.clock - 1
    }

    pub(crate) fn define_list(&mut self, mut list: ListInfo) {
        let now = self.tick();
        let first = self.lists.get(&list.name).map_or(now, |l| l.order.first);
        list.order = Order { first, last: now };
        self.lists.put(&list.name.clone(), list);
    }

    pub(crate) fn append_list(&mut self, list: ListInfo) -> Checked<()> {
        let Some(base) = self.lists.get_mut(&list.name) else {
            return missing(
                NO_LIST,
                "list",
                &list.name,
                self.lists.names(),
                &list.context,
            );
        };
        base.items.extend(list.items);
        base.order.last = self.clock;
        self.clock += 1;
        Ok(())
    }

    pub(crate) fn define_macro(&mut self, mut macr: MacroInfo) {
        let now = self.tick();
        let first = self.macros.get(&macr.name).map_or(now, |m| m.order.first);
        macr.order = Order { first, last: now };
        self.macros.put(&macr.name.clone(), macr);
    }

    pub(crate) fn append_macro(&mut self, macr: &MacroInfo) -> Checked<()> {
        let Some(base) = self.macros.get_mut(&macr.name) else {
            return missing(
                NO_MACRO,
                "macro",
                &macr.name,
                self.macros.names(),
                &macr.context,
            );
        };
        append_text(&mut base.condition, &macr.condition);
        base.order.last = self.clock;
        self.clock += 1;
        Ok(())
    }

    /// Whether the source that an item names is that of the earlier rule of its name.
    pub(crate) fn check_source(&self, name: &str, source: &str, context: &Context) -> Checked<()> {
        match self.rules.get(name) {
            Some(rule)
                if !source.is_empty() && !rule.source.is_empty() && rule.source != source =>
            {
                error(
                    Code::Validate,
                    "Rule has been re-defined with a different source",
                    context,
                )
                .map_err(|e| {
                    Box::new(e.help(format!(
                        "the source of the earlier rule is `{}`",
                        rule.source
                    )))
                })
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn define_rule(&mut self, rule: RuleInfo) {
        self.clock += 1;
        self.rules.put(&rule.name.clone(), rule);
    }

    pub(crate) fn append_rule(
        &mut self,
        name: &str,
        update: Update,
        context: &Context,
        mut check: impl FnMut(&mut ExceptionInfo, bool) -> Checked<()>,
    ) -> Checked<()> {
        self.check_source(name, &update.source, context)?;
        let Some(rule) = self.rules.get_mut(name) else {
            return missing(NO_RULE_TO_APPEND, "rule", name, self.rules.names(), context);
        };
        if let Some(condition) = &update.condition {
            append_text(&mut rule.condition, condition);
        }
        if let Some(output) = &update.output {
            append_text(&mut rule.output, output);
        }
        if let Some(desc) = &update.desc {
            rule.desc.push(' ');
            rule.desc.push_str(desc);
        }
        rule.tags.extend(update.tags.unwrap_or_default());
        for mut exception in update.exceptions.unwrap_or_default() {
            let context = &exception.context;
            let refuse = |message: &str| error(Code::Validate, message, context);
            if let Some(base) = rule
                .exceptions
                .iter_mut()
                .find(|e| e.name == exception.name)
            {
                if exception.fields.is_given() {
                    return refuse(
                        "Can not append exception fields to existing exception, only values",
                    );
                }
                if exception.comps.is_given() {
                    return refuse(
                        "Can not append exception comps to existing exception, only values",
                    );
                }
                base.values.append(&mut exception.values);
                continue;
            }
            if !exception.fields.is_given() {
                return refuse("Rule exception must have fields property with a list of fields");
            }
            if exception.values.is_empty() {
                return refuse("Rule exception must have values property with a list of values");
            }
            check(&mut exception, !rule.unknown_source)?;
            rule.exceptions.push(exception);
        }
        self.clock += 1;
        Ok(())
    }

    pub(crate) fn replace_in_rule(
        &mut self,
        name: &str,
        update: Update,
        context: &Context,
        mut check: impl FnMut(&mut ExceptionInfo, bool) -> Checked<()>,
    ) -> Checked<()> {
        self.check_source(name, &update.source, context)?;
        let Some(rule) = self.rules.get_mut(name) else {
            return missing(
                NO_RULE_TO_REPLACE,
                "rule",
                name,
                self.rules.names(),
                context,
            );
        };
        // Comparisons that are not given stay so here: descriptions show it.
        for exception in update.exceptions.iter().flatten() {
            check(&mut exception.clone(), !rule.unknown_source)?;
        }
        replace(&mut rule.exceptions, update.exceptions);
        replace(&mut rule.condition, update.condition);
        replace(&mut rule.output, update.output);
        replace(&mut rule.desc, update.desc);
        replace(&mut rule.tags, update.tags);
        replace(&mut rule.priority, update.priority);
        replace(&mut rule.enabled, update.enabled);
        replace(&mut rule.capture, update.capture);
        replace(&mut rule.capture_duration, update.capture_duration);
        replace(&mut rule.warn_evttypes, update.warn_evttypes);
        replace(&mut rule.skip_unknown, update.skip_unknown);
        self.clock += 1;
        Ok(())
    }

    pub(crate) fn enable_rule(
        &mut self,
        name: &str,
        enabled: bool,
        context: &Context,
    ) -> Checked<()> {
        match self.rules.get_mut(name) {
            Some(rule) => {
                rule.enabled = enabled;
                Ok(())
            }
            None => missing(NO_RULE_TO_ENABLE, "rule", name, self.rules.names(), context),
        }
    }
}

fn replace<T>(old: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *old = new;
    }
}

fn append_text(base: &mut Traced, more: &Traced) {
    base.push_glue(" ");
    base.push_part(more, 0..more.text().len());
}

/// The error that there is nothing to change; names what may have been meant.
fn missing<'n>(
    message: &str,
    kind: &str,
    name: &str,
    known: impl Iterator<Item = &'n str>,
    context: &Context,
) -> Checked<()> {
    error(Code::Validate, message, context).map_err(|e| {
        Box::new(match crate::nearest::nearest(name, known) {
            Some(near) => e.help(format!("there is a {kind} `{near}`")),
            None => e.help(format!(
                "define the {kind} first: files are read in order, items from top to bottom"
            )),
        })
    })
}
