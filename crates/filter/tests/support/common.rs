//! What the corpus tests share.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "only tests use it"
)]

use std::path::PathBuf;

use serde_json::Value as Json;

/// The cases of a corpus file; none, with a printed line, when the corpus is not beside the checkout.
pub(crate) fn corpus(name: &str) -> Vec<Json> {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/corpus/libs"
    ))
    .join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is absent", path.display());
        return Vec::new();
    };
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A string of the corpus: text, or `{"hex": ...}` where it is not UTF-8.
pub(crate) fn bytes(value: &Json) -> Vec<u8> {
    if let Some(hex) = value.get("hex") {
        let hex = hex.as_str().unwrap();
        let digit = |c: u8| (c as char).to_digit(16).unwrap() as u8;
        return hex
            .as_bytes()
            .chunks(2)
            .map(|pair| digit(pair[0]) * 16 + digit(pair[1]))
            .collect();
    }
    value.as_str().unwrap().as_bytes().to_vec()
}

/// Fails with every complaint; `cases` are how many were looked at.
pub(crate) fn report(name: &str, cases: usize, complaints: &[String]) {
    println!("{name}: {} of {cases} agree", cases - complaints.len());
    assert!(complaints.is_empty(), "{name}:\n{}", complaints.join("\n"));
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|b| [b >> 4, b & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
