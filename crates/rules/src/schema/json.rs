//! A schema as others read it: JSON schema, draft 6.

use serde_json::{Map, Value as Json, json};

use super::{Object, Schema};

/// The schema in JSON; what has a name is among its `definitions`.
pub fn to_json(schema: &Schema) -> Json {
    let mut definitions = Map::new();
    let mut json = value(schema, &mut definitions);
    json["$schema"] = "http://json-schema.org/draft-06/schema#".into();
    json["definitions"] = definitions.into();
    json
}

fn value(schema: &Schema, definitions: &mut Map<String, Json>) -> Json {
    match schema {
        Schema::Any => json!({}),
        Schema::Text => json!({ "type": "string" }),
        Schema::Integer => json!({ "type": "integer" }),
        Schema::Within(min, i64::MAX) => json!({ "type": "integer", "minimum": min }),
        Schema::Within(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Schema::Number => json!({ "type": "number" }),
        Schema::Null => json!({ "type": "null" }),
        Schema::Boolean => json!({ "type": "boolean" }),
        Schema::Words(words) => json!({ "type": "string", "enum": words }),
        Schema::Array(element) => {
            json!({ "type": "array", "items": value(element, definitions) })
        }
        Schema::AnyOf(children) => {
            let children = children.iter().map(|child| value(child, definitions));
            json!({ "anyOf": children.collect::<Vec<_>>() })
        }
        Schema::Object(shape) => object(shape, definitions),
        Schema::Named(name, schema) => {
            if !definitions.contains_key(*name) {
                let mut json = value(schema, definitions);
                json["title"] = (*name).into();
                definitions.insert((*name).to_owned(), json);
            }
            json!({ "$ref": format!("#/definitions/{name}") })
        }
    }
}

fn object(shape: &Object, definitions: &mut Map<String, Json>) -> Json {
    let mut json = json!({ "type": "object" });
    if !shape.open {
        json["additionalProperties"] = false.into();
    }
    if !shape.properties.is_empty() {
        let properties = shape.properties.iter();
        let properties: Map<_, _> = properties
            .map(|(name, schema)| ((*name).to_owned(), value(schema, definitions)))
            .collect();
        json["properties"] = properties.into();
    }
    if !shape.required.is_empty() {
        json["required"] = shape.required.into();
    }
    if shape.min > 0 {
        json["minProperties"] = shape.min.into();
    }
    json
}
