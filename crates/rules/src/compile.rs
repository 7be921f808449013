//! From what was read to rules that can be run.

use std::collections::BTreeSet;
use std::sync::Arc;

use falco_filter::ast::{Expr, Right};
use falco_filter::{Catalog, Compiler, Program, Slot};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::Priority;
use crate::collect::{Collection, RuleInfo};
use crate::diag::{Checked, Code, Context, Diagnostic, error};
use crate::events::{EventSet, Reach, reach};
use crate::expand::{List, Lists, Macro, Macros, Trees, with_exceptions};
use crate::loader::{AppendOutput, ExtraField, LoaderConfig};
use crate::nearest::nearest;
use crate::result::LoadResult;
use crate::template::{Template, TemplateError};

/// More event types than this are worth a warning.
const MANY_EVENTS: usize = 100;

const CONTAINER_INFO: &str = "%container.info";
const CONTAINER_INFO_IS_OLD: &str = "%container.info is deprecated and no more useful, and will be dropped by Falco 1.0.0. The container plugin will automatically add required fields to the output message.";

const NO_ENTER_EVENTS: &str = "field is not available due to the drop of enter events.";
const DEPRECATED_FIELDS: [(&str, &str); 6] = [
    (
        "evt.dir",
        "due to the drop of enter events, 'evt.dir = <' always evaluates to true, and 'evt.dir = >' always evaluates to false. The rule expression can be simplified by removing the condition on 'evt.dir'",
    ),
    ("evt.latency", NO_ENTER_EVENTS),
    ("evt.latency.s", NO_ENTER_EVENTS),
    ("evt.latency.ns", NO_ENTER_EVENTS),
    ("evt.latency.human", NO_ENTER_EVENTS),
    ("evt.wait_latency", NO_ENTER_EVENTS),
];

/// A rule that can be run.
#[derive(Debug)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub desc: String,
    /// How bad a match is.
    pub priority: Priority,
    /// Whose events it looks at.
    pub source: String,
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// What a match says.
    pub output: Arc<Template>,
    /// The output as text, with all that was added.
    pub output_text: String,
    /// Fields that JSON shows besides those of the output, by key.
    pub extra_fields: Vec<ExtraOutput>,
    /// Whether a match is to be captured.
    pub capture: bool,
    /// How long, in milliseconds; 0 for the configured time.
    pub capture_duration_ms: u32,
    /// After how many events the recording may end; 0 for no such limit.
    pub capture_events: u32,
    /// After how many kilobytes the recording may end; 0 for no such limit.
    pub capture_filesize_kb: u32,
    /// Whether the files enable it.
    pub enabled: bool,
    /// The condition, with macros, lists and exceptions.
    pub condition: Expr,
    /// The events that it can match.
    pub reach: Reach,
    pub(crate) exception_fields: BTreeSet<String>,
    pub(crate) program: Program,
}

/// A field that JSON shows besides those of the output.
#[derive(Debug)]
pub struct ExtraOutput {
    /// Its name.
    pub key: String,
    /// Its value: as text, or of a raw field typed.
    pub template: Template,
    /// The template as text.
    pub text: String,
    /// Whether it is a field as such, under its own name.
    pub raw: bool,
}

/// Everything compiled.
#[derive(Default)]
pub(crate) struct Compiled {
    pub(crate) rules: Vec<Rule>,
    pub(crate) macros: Vec<Macro>,
    pub(crate) lists: Vec<List>,
    /// The place of `evt.type`, if there is such a field.
    pub(crate) type_slot: Option<Slot>,
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// What compiling keeps from one load to the next, so that only what changed is made anew. All loads have the same catalogue.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    trees: Trees,
    /// It has the tests of all programs.
    pub(crate) compiler: Compiler,
    /// The templates of outputs, by text.
    templates: HashMap<String, Arc<Template>, FxBuildHasher>,
}

/// Compiles all that was read. The first error ends it.
pub(crate) fn compile(
    collection: &Collection,
    config: &LoaderConfig,
    catalog: &mut dyn Catalog,
    result: &mut LoadResult,
    kept: &mut Kept,
) -> Checked<Compiled> {
    let Kept {
        trees,
        compiler,
        templates,
    } = kept;
    let mut lists = Lists::new(collection);
    let macros = Macros::new(collection, &mut lists, trees)?;
    let type_slot = catalog.field("evt.type", None).ok().map(|field| field.slot);
    let mut run = Run {
        collection,
        config,
        catalog,
        result,
        lists,
        macros,
        compiler,
        templates,
    };
    let mut rules = Vec::new();
    for info in collection
        .rules
        .items()
        .iter()
        .filter(|rule| !rule.unknown_source)
    {
        rules.extend(run.rule(info)?);
    }
    let Run {
        result,
        lists,
        macros,
        ..
    } = run;
    for (macr, info) in macros.all().iter().zip(collection.macros.items()) {
        if !macr.used {
            let message = "Macro not referred to by any other rule/macro";
            result.add(Diagnostic::new(Code::UnusedMacro, message, &info.context));
        }
    }
    for (list, info) in lists.all().iter().zip(collection.lists.items()) {
        if !list.used {
            let message = "List not referred to by any other rule/macro";
            result.add(Diagnostic::new(Code::UnusedList, message, &info.context));
        }
    }
    Ok(Compiled {
        rules,
        macros: macros.into_all(),
        lists: lists.into_all(),
        type_slot,
    })
}

struct Run<'a> {
    collection: &'a Collection,
    config: &'a LoaderConfig,
    catalog: &'a mut dyn Catalog,
    result: &'a mut LoadResult,
    lists: Lists,
    macros: Macros<'a>,
    compiler: &'a mut Compiler,
    templates: &'a mut HashMap<String, Arc<Template>, FxBuildHasher>,
}

/// A condition that can be run.
struct Condition {
    tree: Expr,
    program: Program,
    reach: Reach,
}

impl Run<'_> {
    /// Compiles a rule; `None` if it is to be skipped because of what it does not know.
    fn rule(&mut self, info: &RuleInfo) -> Checked<Option<Rule>> {
        let (condition, exception_fields) = with_exceptions(&info.condition, &info.exceptions)?;
        let output_text = self.output_text(info);
        let Some(output) = self.output(info, &output_text)? else {
            return Ok(None);
        };
        let extra_fields = self.extra_fields(info)?;
        let Some(condition) = self.condition(info, &condition)? else {
            return Ok(None);
        };
        let many = condition.reach.events.len() > MANY_EVENTS;
        if info.source == "syscall" && many && info.warn_evttypes {
            let message = "Rule matches too many evt.type values. This has a significant performance penalty.";
            let diagnostic = Diagnostic::new(Code::NoEvttype, message, &info.context);
            self.result.add(diagnostic.help("say in the condition which events it is about, for example `evt.type in (open, openat)`"));
        }
        Ok(Some(Rule {
            name: info.name.clone(),
            desc: info.desc.clone(),
            priority: info.priority,
            source: info.source.clone(),
            tags: info.tags.clone(),
            output,
            output_text,
            extra_fields,
            capture: info.capture,
            capture_duration_ms: info.capture_duration,
            capture_events: info.capture_events,
            capture_filesize_kb: info.capture_filesize,
            enabled: info.enabled,
            condition: condition.tree,
            reach: condition.reach,
            exception_fields,
            program: condition.program,
        }))
    }

    fn output_text(&mut self, info: &RuleInfo) -> String {
        let mut text = info.output.text().to_owned();
        for entry in self
            .config
            .append_output
            .iter()
            .filter(|entry| entry.concerns(info))
        {
            if let Some(extra) = &entry.extra_output {
                text.push(' ');
                text.push_str(extra);
            }
        }
        if text.contains(CONTAINER_INFO) {
            self.result.add(Diagnostic::new(
                Code::DeprecatedItem,
                CONTAINER_INFO_IS_OLD,
                &info.context,
            ));
            text = text.replace(CONTAINER_INFO, "");
        }
        text
    }

    fn output(&mut self, info: &RuleInfo, text: &str) -> Checked<Option<Arc<Template>>> {
        let known = self.templates.get(text).map(Arc::clone);
        match known.map_or_else(|| Template::lenient(text, self.catalog).map(Arc::new), Ok) {
            Ok(template) => {
                self.templates
                    .entry_ref(text)
                    .or_insert_with(|| Arc::clone(&template));
                self.deprecated_in_output(text, &info.output_context);
                Ok(Some(template))
            }
            Err(error) => {
                let skipped = info.skip_unknown && is_about_unknown(error.message);
                let code = if skipped {
                    Code::UnknownFilter
                } else {
                    Code::CompileOutput
                };
                let diagnostic = self.template_diagnostic(code, &error, text, info);
                if skipped {
                    self.result.add(diagnostic);
                    return Ok(None);
                }
                Err(Box::new(diagnostic))
            }
        }
    }

    fn extra_fields(&mut self, info: &RuleInfo) -> Checked<Vec<ExtraOutput>> {
        let mut fields = std::collections::BTreeMap::new();
        for entry in self
            .config
            .append_output
            .iter()
            .filter(|entry| entry.concerns(info))
        {
            for field in &entry.extra_fields {
                match field {
                    ExtraField::Raw(name) => {
                        fields.insert(name.clone(), (format!("%{name}"), true))
                    }
                    ExtraField::Formatted { key, format } => {
                        fields.insert(key.clone(), (format.clone(), false))
                    }
                };
            }
        }
        let mut found = Vec::new();
        for (key, (text, raw)) in fields {
            match Template::lenient(&text, self.catalog) {
                Ok(template) => {
                    self.deprecated_in_output(&text, &info.output_context);
                    found.push(ExtraOutput {
                        key,
                        template,
                        text,
                        raw,
                    });
                }
                Err(error) => {
                    return Err(Box::new(
                        Diagnostic::new(Code::CompileOutput, error.message, &info.output_context).help(format!(
                            "the field `{key}` of `append_output` in the configuration has the format `{text}`"
                        )),
                    ));
                }
            }
        }
        Ok(found)
    }

    fn deprecated_in_output(&mut self, text: &str, context: &Context) {
        for (field, _) in DEPRECATED_FIELDS {
            if text.contains(field) {
                let message = format!(
                    "usage of deprecated field '{field}' has been detected in the rule output"
                );
                let mut diagnostic = Diagnostic::new(Code::DeprecatedItem, message, context);
                diagnostic.deprecated_field = Some(field);
                self.result.add(diagnostic);
            }
        }
    }

    /// Upstream says little about outputs: where it is and what is meant is told in the help.
    fn template_diagnostic(
        &self,
        code: Code,
        error: &TemplateError,
        text: &str,
        info: &RuleInfo,
    ) -> Diagnostic {
        let mut context = info.output_context.clone();
        if let Some(origin) = info
            .output
            .origin(error.at)
            .filter(|_| error.at < info.output.text().len())
        {
            let (source, span) = origin.place();
            context.source = Arc::clone(source);
            context.span = span;
        }
        let diagnostic = Diagnostic::new(code, error.message, &context);
        let token: String = text
            .get(error.at + 1..)
            .unwrap_or("")
            .chars()
            .take_while(|&c| c.is_ascii_alphanumeric() || "._".contains(c))
            .collect();
        let token = token.trim_start_matches(|c: char| c.is_ascii_digit());
        if !is_about_unknown(error.message) {
            return diagnostic;
        }
        diagnostic.help(match self.near_field(token) {
            _ if token.is_empty() => {
                "after a `%` the name of a field has to follow; there is no way to write a `%` for itself".to_owned()
            }
            Some(near) => format!("`{token}` is not a field: did you mean `{near}`?"),
            None => format!("`{token}` is not a field: `falco --list` shows all fields"),
        })
    }

    fn near_field(&self, name: &str) -> Option<&str> {
        nearest(name, self.config.known_fields.iter().map(String::as_str))
    }

    fn condition(
        &mut self,
        info: &RuleInfo,
        condition: &crate::trace::Traced,
    ) -> Checked<Option<Condition>> {
        self.macros.next_rule();
        let context = &info.condition_context;
        let tree = self.macros.parse(condition, &mut self.lists, context)?;
        let text = condition.text();
        let tree = self.macros.put_in(
            tree,
            usize::MAX,
            self.collection,
            text,
            &info.context,
            context,
        )?;
        self.doubts(
            &tree,
            &context.in_condition(text, crate::yaml::Mark::default(), context.span.clone()),
        );
        let program = match self.compiler.condition(&tree, self.catalog) {
            Ok(program) => program,
            Err(problem) => {
                let context = self.macros.place(problem.pos, text, context);
                let skipped = info.skip_unknown && is_about_unknown(&problem.message);
                let code = if skipped {
                    Code::UnknownFilter
                } else {
                    Code::CompileCondition
                };
                let mut diagnostic = Diagnostic::new(code, problem.message, &context);
                diagnostic.help = self.about_condition(&diagnostic.message).map(Into::into);
                if skipped {
                    self.result.add(diagnostic);
                    return Ok(None);
                }
                return Err(Box::new(diagnostic));
            }
        };
        for warning in program.warnings() {
            let context = self.macros.place(warning.pos, text, context);
            self.result.add(Diagnostic::new(
                Code::ConditionWarning,
                warning.message.clone(),
                &context,
            ));
        }
        let reach = if info.source == "syscall" {
            match reach(&tree) {
                Ok(reach) => reach,
                Err(message) => return error(Code::CompileCondition, message, context),
            }
        } else {
            Reach::default()
        };
        Ok(Some(Condition {
            tree,
            program,
            reach,
        }))
    }

    fn about_condition(&self, message: &str) -> Option<String> {
        if let Some(field) = message.strip_prefix("filter_check called with nonexistent field ") {
            let name = field.split('[').next().unwrap_or(field);
            return Some(match self.near_field(name) {
                _ if name != field
                    && self.config.known_fields.iter().any(|known| known == name) =>
                {
                    format!("`{name}` takes no such argument")
                }
                Some(near) => format!("did you mean `{near}`?"),
                None => "`falco --list` shows all fields".to_owned(),
            });
        }
        let name = message.strip_prefix("unknown event type ")?;
        let events = falco_event::EventCode::all().map(|code| code.info().name);
        let calls = falco_event::SyscallCode::all().map(|code| code.info().name);
        let near = nearest(name, events.chain(calls).collect::<BTreeSet<_>>());
        near.map(|near| format!("did you mean `{near}`?"))
    }

    /// What is doubtful in a condition though it compiles.
    fn doubts(&mut self, tree: &Expr, context: &Context) {
        let unsafe_na = tree.checks().any(|check| {
            let mut last = false;
            check.left.for_each_field(&mut |name, _| {
                last = name.starts_with("ka.") || name.starts_with("jevt.");
            });
            let compared = matches!(
                check.op.to_string().as_str(),
                "==" | "=" | "!=" | "in" | "intersects" | "pmatch"
            );
            let with_na = match &check.right {
                Right::Value(value, _) => value == b"<NA>",
                Right::List(values, _) => values.iter().any(|value| value == b"<NA>"),
                _ => false,
            };
            last && compared && with_na
        });
        if unsafe_na {
            self.result
                .add(Diagnostic::new(Code::UnsafeNaCheck, "", context));
        }
        let mut used = [false; DEPRECATED_FIELDS.len()];
        for check in tree.checks() {
            let mut note = |name: &str, _: Option<&str>| {
                if let Some(index) = DEPRECATED_FIELDS
                    .iter()
                    .position(|(field, _)| *field == name)
                {
                    used[index] = true;
                }
            };
            check.left.for_each_field(&mut note);
            if let Right::Operand(right) = &check.right {
                right.for_each_field(&mut note);
            }
        }
        for ((field, message), used) in DEPRECATED_FIELDS.into_iter().zip(used) {
            if used {
                let mut diagnostic = Diagnostic::new(Code::DeprecatedItem, message, context);
                diagnostic.deprecated_field = Some(field);
                self.result.add(diagnostic);
            }
        }
    }
}

impl AppendOutput {
    /// Whether it is for this rule.
    fn concerns(&self, rule: &RuleInfo) -> bool {
        self.source
            .as_ref()
            .is_none_or(|source| source.is_empty() || *source == rule.source)
            && self
                .rule
                .as_ref()
                .is_none_or(|name| name.is_empty() || *name == rule.name)
            && self.tags.is_subset(&rule.tags)
    }
}

/// Whether an error is one that `skip-if-unknown-filter` turns into a warning.
fn is_about_unknown(message: &str) -> bool {
    [
        "nonexistent field",
        "invalid formatting token",
        "unknown event type",
        "unknown filter:",
    ]
    .iter()
    .any(|part| message.contains(part))
}

impl Default for Reach {
    /// What events of plugins are.
    fn default() -> Self {
        let mut events = EventSet::NONE;
        events.insert(falco_event::codes::PLUGINEVENT_E);
        Reach {
            events,
            syscalls: crate::events::SyscallSet::NONE,
        }
    }
}
