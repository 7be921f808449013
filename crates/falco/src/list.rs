//! Listings for people and for tools: fields and rules.

mod events;

use std::fmt::Write as _;

use anyhow::bail;
use falco_fields::{Catalogue, Class, FieldInfo, Flags};
use serde_json::{Value, json};

pub(crate) use events::{events, is_generic};

/// The form of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Columns for a terminal.
    #[default]
    Text,
    /// Tables for a web page.
    Markdown,
    /// One object for tools.
    Json,
}

impl Format {
    /// The form of that name, in any case.
    pub(crate) fn named(name: &str) -> Option<Format> {
        [
            ("text", Format::Text),
            ("markdown", Format::Markdown),
            ("json", Format::Json),
        ]
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, format)| format)
    }
}

/// What all our fields are for.
const SOURCE: &str = "syscall";
/// Where the right column of a text begins, and how wide it is.
const COLUMN: usize = 30;
const WIDTH: usize = 90;

/// `--list`: the fields by class, or their names only.
pub(crate) fn fields(
    catalogue: &Catalogue,
    source: Option<&str>,
    names_only: bool,
    verbose: bool,
    format: Format,
) -> anyhow::Result<String> {
    if source.is_some_and(|source| source != SOURCE) {
        bail!("Value for --list must be a valid source type");
    }
    let classes = || catalogue.classes().iter().filter(|class| !is_hidden(class));
    if names_only {
        let names = classes().flat_map(listed).map(|field| field.name);
        return Ok(match format {
            Format::Json => pretty(&json!({ "fieldnames": names.collect::<Vec<_>>() })),
            _ => names.fold(String::new(), |out, name| out + name + "\n"),
        });
    }
    Ok(match format {
        Format::Json => {
            pretty(&json!({ "fieldclasses": classes().map(object).collect::<Vec<_>>() }))
        }
        Format::Markdown => {
            classes().fold(String::new(), |out, class| out + &markdown(class) + "\n")
        }
        Format::Text => classes().fold(String::new(), |out, class| {
            out + &text(class, verbose) + "\n"
        }),
    })
}

fn listed(class: &Class) -> impl Iterator<Item = &'static FieldInfo> + use<> {
    class.fields.iter().filter(|field| field.is_listed())
}

fn is_hidden(class: &Class) -> bool {
    listed(class).next().is_none()
}

fn type_of(field: &FieldInfo) -> &'static str {
    match field.ty {
        falco_filter::Type::Dyn => "DYNAMIC",
        ty => ty.name(),
    }
}

fn text(class: &Class, verbose: bool) -> String {
    let mut out = format!(
        "-------------------------------\n{:COLUMN$}{}",
        "Field Class:", class.name
    );
    if !class.events.is_empty() {
        let _ = write!(out, " ({})", class.events);
    }
    let about = wrapped(class.about, WIDTH, COLUMN);
    let _ = writeln!(out, "\n{:COLUMN$}{about}", "Description:");
    let _ = writeln!(out, "{:COLUMN$}{SOURCE} \n", "Event Sources:");
    for field in listed(class) {
        let mut about = String::new();
        if verbose {
            let _ = write!(about, "(Type: {}) ", type_of(field));
        }
        let tags = tags(field.flags);
        if !tags.is_empty() {
            let _ = write!(about, "({}) ", tags.join(","));
        }
        about.push_str(field.about);
        let about = wrapped(&about, WIDTH, COLUMN);
        if field.name.len() > COLUMN {
            let _ = writeln!(out, "{}\n{:COLUMN$}{about}", field.name, "");
        } else {
            let _ = writeln!(out, "{:COLUMN$}{about}", field.name);
        }
    }
    out
}

/// The properties of a field that concern who writes a rule, by upstream's names, in order.
fn tags(flags: Flags) -> Vec<&'static str> {
    let required = flags.any(Flags::ARG_REQUIRED);
    let has_arg = required || flags.any(Flags::ARG_ALLOWED);
    [
        ("ARG_ALLOWED", has_arg && !required),
        ("ARG_INDEX", has_arg && flags.any(Flags::ARG_INDEX)),
        ("ARG_KEY", has_arg && flags.any(Flags::ARG_KEY)),
        ("ARG_REQUIRED", required),
        ("EPF_IS_LIST", flags.any(Flags::LIST)),
        ("EPF_NO_RHS", flags.any(Flags::NO_RHS)),
        ("EPF_NO_TRANSFORMER", flags.any(Flags::NO_TRANSFORMER)),
        ("FILTER_ONLY", flags.any(Flags::FILTER_ONLY)),
    ]
    .into_iter()
    .filter(|(_, has)| *has)
    .map(|(name, _)| name)
    .collect()
}

fn markdown(class: &Class) -> String {
    let mut out = format!(
        "## Field Class: {}\n\n{}\n\nEvent Sources: {SOURCE} \n\n",
        class.name, class.about
    );
    out.push_str("Name | Type | Description\n:----|:-----|:-----------\n");
    for field in listed(class) {
        let (name, ty) = (field.name, type_of(field));
        // Else `<NA>` is a tag.
        let about = field.about.replace('<', "&lt;");
        let _ = if field.flags.any(Flags::LIST) {
            writeln!(out, "`{name}` | LIST({ty}) | {about}")
        } else {
            writeln!(out, "`{name}` | {ty} | {about}")
        };
    }
    out
}

fn object(class: &Class) -> Value {
    let fields = listed(class).map(|field| {
        let kinds = [("INDEX", Flags::ARG_INDEX), ("KEY", Flags::ARG_KEY)];
        let kinds = kinds.into_iter().filter(|(_, flag)| field.flags.any(*flag));
        let kinds: Vec<_> = kinds.map(|(name, _)| name).collect();
        let required = field.flags.any(Flags::ARG_REQUIRED);
        let has_arg = required || field.flags.any(Flags::ARG_ALLOWED);
        json!({
            "name": field.name,
            "type": type_of(field),
            "desc": field.about,
            "is_list": field.flags.any(Flags::LIST),
            "argument": has_arg.then(|| json!({ "required": required, "type": kinds })),
        })
    });
    json!({
        "name": class.name,
        "desc": class.about,
        "event_sources": [SOURCE],
        "fields": fields.collect::<Vec<_>>(),
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// `-L`: names and descriptions.
pub(crate) fn rules<'a>(rules: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = format!("{:50} Description\n{:50} -----------\n", "Rule", "----");
    for (name, description) in rules {
        let _ = writeln!(out, "{name:50} {}\n", wrapped(description, 59, 51));
    }
    out
}

/// Words in lines of a width, each after the first indented.
fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let (mut out, mut used) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length = word.chars().count() + 1;
        if used > 0 && used + length > width {
            let _ = write!(out, "\n{:indent$}", "");
            used = 0;
        }
        out.push_str(word);
        out.push(' ');
        used += length;
    }
    out
}

#[cfg(test)]
mod tests;
