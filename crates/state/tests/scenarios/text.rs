//! Texts of the corpus.

use serde_json::Value;

/// A text of the corpus: as it is, or in hex when it is not UTF-8.
pub(crate) fn bytes_of(text: &Value) -> Vec<u8> {
    match text {
        Value::String(text) => text.clone().into_bytes(),
        Value::Object(map) if map.contains_key("hex") => from_hex(map["hex"].as_str().unwrap()),
        other => other.to_string().into_bytes(),
    }
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}
