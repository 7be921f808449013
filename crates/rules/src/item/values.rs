//! The values of keys, in the forms in which upstream accepts them.

use std::sync::Arc;

use crate::collect::Entry;
use crate::diag::{Checked, Code, Context, Diagnostic, Item, error};
use crate::nearest::nearest;
use crate::yaml::{self, Node, Source, Value};

/// The error that a key is not there.
pub(super) fn absent<T>(item: &Node, key: &str, context: &Context) -> Checked<T> {
    let message = format!("Item has no mapping for key '{key}'");
    let diagnostic = Diagnostic::new(Code::YamlValidate, message, context);
    let keys = item.entries().iter().filter_map(|(key, _)| key.scalar());
    Err(Box::new(match nearest(key, keys) {
        Some(near) => diagnostic.help(format!("there is a key `{near}`: should it be `{key}`?")),
        None => diagnostic.help(format!("add `{key}:` to the item")),
    }))
}

/// The text of a key that has to be there.
pub(super) fn required_text<'n>(item: &'n Node, key: &str, context: &Context) -> Checked<&'n str> {
    match optional_text(item, key, context)? {
        Some(text) => Ok(text),
        None => absent(item, key, context),
    }
}

/// The text of a key.
pub(super) fn optional_text<'n>(
    item: &'n Node,
    key: &str,
    context: &Context,
) -> Checked<Option<&'n str>> {
    let Some(node) = item.get(key) else {
        return Ok(None);
    };
    let value = || context.node(node, Item::ValueFor, key);
    match &node.value {
        Value::Null => {
            let mut context = context.clone();
            context.span = node.start..node.end;
            error(
                Code::YamlValidate,
                format!("Mapping for key '{key}' is empty"),
                &context,
            )
        }
        Value::Scalar(scalar) if scalar.text.is_empty() => {
            error(Code::YamlValidate, "Value must be non-empty", &value())
        }
        Value::Scalar(scalar) => Ok(Some(&scalar.text)),
        _ => error(Code::YamlValidate, "Value is not a scalar value", &value()),
    }
}

/// The text of a key; nothing if it is not there, null or empty.
pub(super) fn text_or_empty<'n>(item: &'n Node, key: &str, context: &Context) -> Checked<&'n str> {
    match item.get(key) {
        Some(node) if node.is_null() || node.scalar() == Some("") => Ok(""),
        _ => Ok(optional_text(item, key, context)?.unwrap_or("")),
    }
}

/// A yes or no.
pub(super) fn flag(item: &Node, key: &str, context: &Context) -> Checked<Option<bool>> {
    decoded(item, key, context, yaml::boolean, "write `true` or `false`")
}

/// A number.
pub(super) fn number(item: &Node, key: &str, context: &Context) -> Checked<Option<u32>> {
    decoded(
        item,
        key,
        context,
        yaml::unsigned,
        "write a number from 0 to 4294967295",
    )
}

fn decoded<T>(
    item: &Node,
    key: &str,
    context: &Context,
    decode: fn(&str) -> Option<T>,
    help: &'static str,
) -> Checked<Option<T>> {
    let Some(text) = optional_text(item, key, context)? else {
        return Ok(None);
    };
    match decode(text) {
        Some(value) => Ok(Some(value)),
        None => error(
            Code::YamlValidate,
            "Can't decode YAML scalar value",
            &context.node(item.get(key).unwrap_or(item), Item::ValueFor, key),
        )
        .map_err(|e| Box::new(e.help(help))),
    }
}

/// The texts of a sequence.
pub(super) fn texts(item: &Node, key: &str, context: &Context) -> Checked<Option<Vec<String>>> {
    let Some(node) = item.get(key) else {
        return Ok(None);
    };
    let value = || context.node(node, Item::ValueFor, key);
    let Some(items) = node.items() else {
        return error(Code::YamlValidate, "Value is not a sequence", &value())
            .map_err(|e| Box::new(e.help(format!("write `{key}: [one, another]`"))));
    };
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let Some(text) = item.scalar() else {
            return error(
                Code::YamlValidate,
                "sequence value is not scalar",
                &value().node(item, Item::ListItem, ""),
            );
        };
        found.push(text.to_owned());
    }
    Ok(Some(found))
}

/// The values of a key of an exception.
pub(super) fn entry_of(item: &Node, key: &str, context: &Context) -> Checked<Entry> {
    match item.get(key) {
        Some(node) => entry(node, key, context),
        None => Ok(Entry::default()),
    }
}

/// One value of an exception. What is neither text nor sequence counts as not given.
pub(super) fn entry(node: &Node, key: &str, context: &Context) -> Checked<Entry> {
    let value = || context.node(node, Item::ValueFor, key);
    match &node.value {
        Value::Scalar(scalar) if scalar.text.is_empty() => {
            error(Code::YamlValidate, "Value must be non-empty", &value())
        }
        Value::Scalar(scalar) => Ok(Entry::One(scalar.text.clone())),
        Value::Seq(items) => {
            let value = value();
            let entries = items
                .iter()
                .map(|item| entry(item, "", &value.node(item, Item::Exception, "")));
            Ok(Entry::Many(entries.collect::<Checked<_>>()?))
        }
        Value::Null | Value::Map(_) => Ok(Entry::default()),
    }
}

/// A key as text; upstream's words for one that is none.
pub(super) fn text_key<'n>(node: &'n Node, source: &Arc<Source>) -> Checked<&'n str> {
    if let Some(text) = node.scalar() {
        return Ok(text);
    }
    let mark = source.mark(node.start);
    let mut context = Context::new(source);
    context.span = node.start..node.end;
    error(
        Code::Validate,
        format!(
            "yaml-cpp: error at line {}, column {}: bad conversion",
            mark.line + 1,
            mark.column + 1
        ),
        &context,
    )
    .map_err(|e| Box::new(e.help("a text has to be here")))
}
