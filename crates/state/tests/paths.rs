//! What upstream's path helper made of many paths.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::unnecessary_wraps,
    clippy::needless_pass_by_value
)]

use std::{fs, path::Path};

use falco_state::path;
use serde_json::Value;

#[path = "scenarios/text.rs"]
mod text;
use text::bytes_of;

#[test]
fn paths_join_as_upstream_joins_them() {
    let dir = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/corpus/libs"
    ));
    let mut checked = 0;
    for (file, base, name) in [
        ("path_concat.jsonl", "base", "path"),
        ("path_concat_oracle.jsonl", "a", "b"),
    ] {
        let Ok(lines) = fs::read_to_string(dir.join(file)) else {
            println!("skipped: no corpus at {}", dir.display());
            return;
        };
        let mut out = Vec::new();
        for line in lines.lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            path::join(&bytes_of(&case[base]), &bytes_of(&case[name]), &mut out);
            assert_eq!(
                out.escape_ascii().to_string(),
                bytes_of(&case["out"]).escape_ascii().to_string(),
                "{line}"
            );
            checked += 1;
        }
    }
    println!("{checked} paths");
    assert!(checked > 200);
}
