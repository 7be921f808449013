//! Exceptions of rules.

use falco_filter::ast::Op;

use super::Reader;
use super::values::{absent, entry, entry_of, required_text};
use crate::collect::{Entry, ExceptionInfo};
use crate::diag::{Checked, Code, Context, Item, error};
use crate::yaml::Node;

impl Reader<'_> {
    pub(super) fn exceptions(
        &mut self,
        item: &Node,
        parent: &Context,
        append: bool,
    ) -> Checked<Vec<ExceptionInfo>> {
        let mut found: Vec<ExceptionInfo> = Vec::new();
        let Some(node) = item.get("exceptions").filter(|node| !node.is_null()) else {
            return Ok(found);
        };
        let all = parent.node(node, Item::Exceptions, "");
        let Some(exceptions) = node.items() else {
            return error(
                Code::YamlValidate,
                "Rule exceptions must be a sequence",
                &all,
            );
        };
        for node in exceptions {
            let nameless = all.node(node, Item::Exception, "");
            if !node.is_map() {
                return error(
                    Code::YamlValidate,
                    "Rule exception must be a mapping",
                    &nameless,
                );
            }
            let name = required_text(node, "name", &nameless)?;
            let context = parent.node(node, Item::Exception, name);
            if found.iter().any(|other| other.name == name) {
                self.warn(
                    Code::ExceptionNameNotUnique,
                    format!("Multiple definitions of exception '{name}' in the same rule"),
                    &context,
                );
            }
            if node.get("fields").is_none() && !append {
                return absent(node, "fields", &context);
            }
            let mut exception = ExceptionInfo {
                name: name.to_owned(),
                fields: entry_of(node, "fields", &context)?,
                comps: entry_of(node, "comps", &context)?,
                values: Vec::new(),
                context: context.clone(),
            };
            if let Some(values) = node.get("values") {
                let context = context.node(values, Item::ExceptionValues, "");
                let Some(items) = values.items() else {
                    return error(
                        Code::YamlValidate,
                        "Rule exception values must be a sequence",
                        &context,
                    );
                };
                for value in items {
                    let context = context.node(value, Item::ExceptionValue, "");
                    exception.values.push(entry(value, "", &context)?);
                }
            } else if append {
                self.warn(
                    Code::AppendNoValues,
                    "Overriding/appending exception with no values",
                    &context,
                );
            }
            found.push(exception);
        }
        Ok(found)
    }
}

/// Fills in the comparisons that are not given and checks that fields and comparisons fit each other.
pub(super) fn check_exception(
    exception: &mut ExceptionInfo,
    known_source: bool,
    is_field: &mut dyn FnMut(&str) -> bool,
) -> Checked<()> {
    let context = exception.context.clone();
    let refuse = |message: String| error(Code::Validate, message, &context);
    match &exception.fields {
        Entry::Many(fields) => {
            if !exception.comps.is_given() {
                exception.comps = Entry::Many(vec![Entry::One("=".to_owned()); fields.len()]);
            }
            let comps = match &mut exception.comps {
                Entry::Many(comps) if comps.len() == fields.len() => comps,
                _ => return refuse("Fields and comps lists must have equal length".to_owned()),
            };
            for comp in comps {
                let text = trimmed(comp.text());
                if Op::from_name(&text).is_none_or(|op| op.to_string() != text) {
                    return refuse(format!("'{text}' is not a supported comparison operator"));
                }
                *comp = Entry::One(text);
            }
        }
        Entry::One(_) => {
            if !exception.comps.is_given() {
                exception.comps = Entry::One("in".to_owned());
            }
            let Entry::One(comp) = &mut exception.comps else {
                return refuse("Fields and comps must both be strings".to_owned());
            };
            *comp = trimmed(comp);
            let modified = Op::from_name(comp).is_some_and(|op| op.modifier.is_some());
            if !modified && !matches!(comp.as_str(), "in" | "pmatch" | "intersects") {
                return refuse("When fields is a single value, comps must be one of (in, pmatch, intersects) or a modifier operator (e.g. startswith oneof)".to_owned());
            }
        }
    }
    let fields = match &exception.fields {
        Entry::Many(fields) => fields.as_slice(),
        one @ Entry::One(_) => std::slice::from_ref(one),
    };
    for field in fields.iter().filter(|_| known_source) {
        if !is_field(field.text()) {
            return refuse(format!(
                "'{}' is not a supported filter field",
                field.text()
            ));
        }
    }
    Ok(())
}

fn trimmed(comp: &str) -> String {
    comp.trim_matches([' ', '\t', '\r', '\n']).to_owned()
}
