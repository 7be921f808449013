//! What loading has to say: errors and warnings with the places they are about.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::trace::Origin;
use crate::yaml::{Mark, Node, Source};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $severity:ident $name:literal $short:literal $long:literal;)*) => {
        /// What kind of problem it is. Names and texts are upstream's: tools look for them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Whether the rules cannot be used because of it.
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }

            /// `LOAD_…`
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// In a few words.
            pub fn short(self) -> &'static str {
                match self { $(Code::$variant => $short,)* }
            }

            /// In a sentence or two; for errors the same as [`Code::short`], as upstream has it in JSON.
            pub fn long(self) -> &'static str {
                match self { $(Code::$variant => if $long.is_empty() { $short } else { $long },)* }
            }
        }
    };
}

codes! {
    YamlParse Error "LOAD_ERR_YAML_PARSE" "YAML parse error" "";
    YamlValidate Error "LOAD_ERR_YAML_VALIDATE" "Error validating internal structure of YAML file" "";
    CompileCondition Error "LOAD_ERR_COMPILE_CONDITION" "Error compiling condition" "";
    CompileOutput Error "LOAD_ERR_COMPILE_OUTPUT" "Error compiling output" "";
    Validate Error "LOAD_ERR_VALIDATE" "Error validating rule/macro/list/exception objects" "";
    UnknownSource Warning "LOAD_UNKNOWN_SOURCE" "Unknown event source"
        "A rule has a unknown event source. This can occur when reading rules content without having a corresponding plugin loaded, etc. The rule will be silently ignored.";
    UnsafeNaCheck Warning "LOAD_UNSAFE_NA_CHECK" "Unsafe <NA> comparison in condition"
        "Comparing a field value with <NA> is unsafe and can lead to unpredictable behavior of the rule condition. If you need to check for the existence of a field, consider using the 'exists' operator instead.";
    NoEvttype Warning "LOAD_NO_EVTTYPE" "Condition has no event-type restriction"
        "A rule condition matches too many evt.type values. This has a significant performance penalty. Make the condition more specific by adding an evt.type field or further restricting the number of evt.type values in the condition.";
    UnknownFilter Warning "LOAD_UNKNOWN_FILTER" "Unknown field or event-type in condition or output"
        "A rule condition or output refers to a field or evt.type that does not exist. This is normally an error, but if a rule has a skip-if-unknown-filter property, the error is downgraded to a warning.";
    UnusedMacro Warning "LOAD_UNUSED_MACRO" "Unused macro"
        "A macro is defined in the rules content but is not used by any other macro or rule.";
    UnusedList Warning "LOAD_UNUSED_LIST" "Unused list"
        "A list is defined in the rules content but is not used by any other list, macro, or rule.";
    UnknownItem Warning "LOAD_UNKNOWN_ITEM" "Unknown rules file item"
        "An unknown top-level object is in the rules content. It will be ignored.";
    DeprecatedItem Warning "LOAD_DEPRECATED_ITEM" "Used deprecated item"
        "A deprecated item is employed by lists, macros, or rules.";
    AppendNoValues Warning "LOAD_APPEND_NO_VALUES" "Overriding/appending with no values"
        "A rule exception is overriding/appending with no values";
    ExceptionNameNotUnique Warning "LOAD_EXCEPTION_NAME_NOT_UNIQUE" "Multiple exceptions defined with the same name"
        "A rule is defining multiple exceptions with the same name";
    InvalidMacroName Warning "LOAD_INVALID_MACRO_NAME" "Invalid macro name"
        "A macro is defined with an invalid name";
    InvalidListName Warning "LOAD_INVALID_LIST_NAME" "Invalid list name"
        "A list is defined with an invalid name";
    ConditionWarning Warning "LOAD_COMPILE_CONDITION" "Warning in rule condition"
        "A rule condition or output have been parsed with a warning";
    UnknownKey Warning "LOAD_UNKNOWN_KEY" "Unknown key in item definition"
        "An item in the rules content contains an unrecognized key. The key will be ignored. This may indicate a typo or a property placed on the wrong item type.";
}

/// Whether the rules can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// They cannot.
    Error,
    /// They can.
    Warning,
}

/// What a location is, in upstream's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Item {
    Content,
    ContentItem,
    ValueFor,
    Exceptions,
    Exception,
    ExceptionValues,
    ExceptionValue,
    EngineVersion,
    PluginVersions,
    PluginVersion,
    PluginAlternative,
    List,
    ListItem,
    Macro,
    MacroCondition,
    Rule,
    RuleCondition,
    ConditionExpression,
    RuleOutput,
    RulePriority,
    Overrides,
}

impl Item {
    /// As messages show it.
    pub fn name(self) -> &'static str {
        match self {
            Item::Content => "rules content",
            Item::ContentItem => "rules content item",
            Item::ValueFor => "value for",
            Item::Exceptions => "exceptions",
            Item::Exception => "exception",
            Item::ExceptionValues => "exception values",
            Item::ExceptionValue => "exception value",
            Item::EngineVersion => "required_engine_version",
            Item::PluginVersions => "required plugin versions",
            Item::PluginVersion => "required plugin versions entry",
            Item::PluginAlternative => "required plugin versions alternative",
            Item::List => "list",
            Item::ListItem => "list item",
            Item::Macro => "macro",
            Item::MacroCondition => "macro condition",
            Item::Rule => "rule",
            Item::RuleCondition => "rule condition",
            Item::ConditionExpression => "condition expression",
            Item::RuleOutput => "rule output",
            Item::RulePriority => "rule priority",
            Item::Overrides => "overrides",
        }
    }
}

/// One step on the way from the file to the place of a problem.
#[derive(Clone, Debug)]
pub struct Location {
    /// What is there.
    pub item: Item,
    /// What it is called; empty if it has no name.
    pub item_name: String,
    /// The file; for a condition its beginning in quotes.
    pub name: Arc<str>,
    /// Where it is. For conditions the sums that upstream makes of two positions.
    pub mark: Mark,
}

/// The way from the file to the place of a problem, as upstream describes it.
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) source: Arc<Source>,
    locations: Vec<Location>,
    /// The condition, if the place is in one.
    condition: Option<Arc<str>>,
    /// The same place in the file itself.
    pub(crate) span: Range<usize>,
}

impl Context {
    /// The whole file.
    pub(crate) fn new(source: &Arc<Source>) -> Context {
        Context {
            source: Arc::clone(source),
            locations: vec![Location {
                item: Item::Content,
                item_name: String::new(),
                name: source.name().into(),
                mark: Mark::default(),
            }],
            condition: None,
            span: 0..0,
        }
    }

    /// A value within.
    pub(crate) fn node(&self, node: &Node, item: Item, name: &str) -> Context {
        let mut inner = self.at(node.start, item, name);
        inner.span = node.start..node.end;
        inner
    }

    /// A place within.
    pub(crate) fn at(&self, offset: usize, item: Item, name: &str) -> Context {
        let mut locations = Vec::with_capacity(self.locations.len() + 1);
        locations.extend_from_slice(&self.locations);
        locations.push(Location {
            item,
            item_name: name.to_owned(),
            name: Arc::clone(&self.locations[0].name),
            mark: self.source.mark(offset),
        });
        Context {
            source: Arc::clone(&self.source),
            locations,
            condition: None,
            span: offset..offset,
        }
    }

    /// A place in a condition that is at this place. `at` as the parser counts: offset from 0, line and column from 1.
    pub(crate) fn in_condition(&self, condition: &str, at: Mark, span: Range<usize>) -> Context {
        let base = self.locations.last().map_or(Mark::default(), |l| l.mark);
        let mut inner = self.clone();
        inner.locations.push(Location {
            item: Item::ConditionExpression,
            item_name: String::new(),
            name: quoted_start(condition).into(),
            mark: Mark {
                offset: base.offset + at.offset,
                line: base.line + at.line,
                column: base.column + at.column,
            },
        });
        inner.condition = Some(condition.into());
        inner.span = span;
        inner
    }

    /// The steps, the file first.
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// The place in the file.
    pub(crate) fn origin(&self) -> Origin {
        Origin::Span(Arc::clone(&self.source), self.span.clone())
    }

    /// What upstream shows a snippet of: the condition, if the place is in one, else the file.
    pub(crate) fn shown_text(&self) -> &str {
        match &self.condition {
            Some(condition) if !condition.is_empty() => condition,
            _ => self.source.text(),
        }
    }
}

/// The first 17 bytes of a condition in quotes; all of it up to 20.
fn quoted_start(condition: &str) -> String {
    let start = if condition.len() > 20 {
        let cut = (0..=17).rev().find(|&i| condition.is_char_boundary(i));
        format!("\"{}...\"", condition.get(..cut.unwrap_or(0)).unwrap_or(""))
    } else {
        format!("\"{condition}\"")
    };
    start.replace(['\n', '\r'], " ")
}

/// One thing that loading has to say.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// What kind of problem it is.
    pub code: Code,
    /// What is wrong, in upstream's words.
    pub message: String,
    /// Where.
    pub context: Context,
    /// The deprecated field that it is about.
    pub deprecated_field: Option<&'static str>,
    /// What to do about it.
    pub help: Option<Cow<'static, str>>,
}

impl Diagnostic {
    pub(crate) fn new(code: Code, message: impl Into<String>, context: &Context) -> Diagnostic {
        Diagnostic {
            code,
            message: message.into(),
            context: context.clone(),
            deprecated_field: None,
            help: None,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<Cow<'static, str>>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// The bytes of the file that it is about; empty for a mere place.
    pub fn span(&self) -> Range<usize> {
        self.context.span.clone()
    }

    /// The file that it is about.
    pub fn source(&self) -> &Source {
        &self.context.source
    }

    /// Of a deprecated field upstream's short text names the field.
    pub(crate) fn short(&self) -> String {
        match self.deprecated_field {
            Some(field) => format!("{}: field '{field}'", self.code.short()),
            None => self.code.short().to_owned(),
        }
    }
}

/// The usual way out of a function that found an error.
pub(crate) type Checked<T> = Result<T, Box<Diagnostic>>;

pub(crate) fn error<T>(code: Code, message: impl Into<String>, context: &Context) -> Checked<T> {
    Err(Box::new(Diagnostic::new(code, message, context)))
}
