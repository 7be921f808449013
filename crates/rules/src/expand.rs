//! What stands for something else: lists and exceptions, which are put in as text, and macros, which are put in as trees.

use std::collections::BTreeSet;
use std::fmt::Write;

use falco_filter::ast::{Op, OpKind};

use crate::collect::{Entry, ExceptionInfo};
use crate::diag::{Checked, Code, error};
use crate::trace::Traced;

mod lists;
mod macros;

pub(crate) use lists::{List, Lists};
pub(crate) use macros::{Macro, Macros, Trees};

/// An item in double quotes, if it has a blank and is not in quotes already.
fn quoted(item: &str) -> String {
    if item.contains(' ') && !item.starts_with(['"', '\'']) {
        format!("\"{item}\"")
    } else {
        item.to_owned()
    }
}

/// The condition of a rule with its exceptions, and the fields that these compare.
pub(crate) fn with_exceptions(
    condition: &Traced,
    exceptions: &[ExceptionInfo],
) -> Checked<(Traced, BTreeSet<String>)> {
    let mut fields = BTreeSet::new();
    if exceptions.is_empty() {
        return Ok((condition.clone(), fields));
    }
    let mut out = Traced::default();
    out.push_glue("(");
    out.push_part(condition, 0..condition.text().len());
    out.push_glue(")");
    for exception in exceptions {
        let text = exception_text(exception)?;
        if text.is_empty() {
            continue;
        }
        let context = &exception.context;
        out.push(&format!(" and not {text}"), context.origin());
        match &exception.fields {
            Entry::One(field) => {
                fields.insert(field.clone());
            }
            Entry::Many(many) => fields.extend(many.iter().map(|field| field.text().to_owned())),
        }
    }
    Ok((out, fields))
}

fn exception_text(exception: &ExceptionInfo) -> Checked<String> {
    let refuse = |message: &str| error(Code::Validate, message, &exception.context);
    let mut out = String::new();
    let Entry::Many(fields) = &exception.fields else {
        for value in &exception.values {
            let Entry::One(value) = value else {
                return refuse("Expected values array to contain a list of strings");
            };
            if out.is_empty() {
                let field = exception.fields.text();
                let comp = given(exception.comps.text(), "in");
                let _ = write!(out, "({field} {comp} (");
            } else {
                out.push_str(", ");
            }
            out.push_str(&quoted(value));
        }
        if !out.is_empty() {
            out.push_str("))");
        }
        return Ok(out);
    };
    for tuple in &exception.values {
        let values = tuple.items();
        if values.len() != fields.len() {
            return refuse("Fields and values lists must have equal length");
        }
        out.push_str(if out.is_empty() { "((" } else { " or (" });
        for (index, (field, value)) in fields.iter().zip(values).enumerate() {
            let comp = given(
                exception.comps.items().get(index).map_or("", Entry::text),
                "=",
            );
            let value = match value {
                Entry::Many(items) => {
                    let items: Vec<String> = items.iter().map(|item| quoted(item.text())).collect();
                    format!("({})", items.join(", "))
                }
                Entry::One(value) if takes_list(comp) => {
                    if value.starts_with('(') {
                        value.clone()
                    } else {
                        format!("({value})")
                    }
                }
                Entry::One(value) => quoted(value),
            };
            let and = if index == 0 { "" } else { " and " };
            let _ = write!(out, "{and} {} {comp} {value}", field.text());
        }
        out.push(')');
    }
    if !out.is_empty() {
        out.push(')');
    }
    Ok(out)
}

fn given<'c>(comp: &'c str, default: &'static str) -> &'c str {
    if comp.is_empty() { default } else { comp }
}

fn takes_list(comp: &str) -> bool {
    Op::from_name(comp).is_some_and(|op| op.modifier.is_some() || op.cmp.kind() == OpKind::List)
}
