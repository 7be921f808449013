//! Keys that a schema does not have: where they are and what was probably meant.

use super::{Object, Schema};
use crate::nearest::nearest;
use crate::yaml::Node;

/// A key that means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The key.
    pub key: String,
    /// Where it is in the text.
    pub offset: usize,
    /// The known key that is most like it.
    pub meant: Option<&'static str>,
}

/// The keys that nobody looks at, in the order of the text.
pub fn unknown_keys(node: &Node, schema: &Schema) -> Vec<Unknown> {
    let mut found = Vec::new();
    look(node, schema, &mut found);
    found
}

fn look(node: &Node, schema: &Schema, found: &mut Vec<Unknown>) {
    match schema {
        Schema::Named(_, schema) => look(node, schema, found),
        Schema::Array(element) => {
            for item in node.items().unwrap_or(&[]) {
                look(item, element, found);
            }
        }
        // What scalars and sequences should be is not in question here.
        Schema::AnyOf(children) if node.is_map() => {
            if let Some(child) = children.iter().find(|child| shape(child).is_some()) {
                look(node, child, found);
            }
        }
        Schema::Object(object) if !object.open => {
            for (key, value) in node.entries() {
                let Some(name) = key.scalar() else { continue };
                match object.properties.iter().find(|(known, _)| *known == name) {
                    Some((_, schema)) => look(value, schema, found),
                    None => found.push(Unknown {
                        key: name.to_owned(),
                        offset: key.start,
                        meant: nearest(name, object.properties.iter().map(|(known, _)| *known)),
                    }),
                }
            }
        }
        _ => {}
    }
}

fn shape(schema: &Schema) -> Option<&Object> {
    match schema {
        Schema::Object(object) => Some(object),
        Schema::Named(_, schema) => shape(schema),
        _ => None,
    }
}
