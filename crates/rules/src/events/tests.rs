//! Against upstream's answers, where they are at hand.

use std::path::Path;

use falco_filter::ast::{Limits, parse};
use serde_json::Value;

use super::*;

#[test]
fn the_corpus_agrees() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/libs/event_sets.jsonl");
    let Ok(corpus) = std::fs::read_to_string(&path) else {
        println!("skipped: no {}", path.display());
        return;
    };
    let mut wrong = Vec::new();
    for line in corpus.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let text = case["in"].as_str().unwrap();
        let result = &case["result"];
        let expr = parse(text, &Limits::RULES).unwrap();
        let got = match reach(&expr) {
            Err(message) => {
                if result["error"] != message {
                    wrong.push(format!("{text}: {message}"));
                }
                continue;
            }
            Ok(got) => got,
        };
        let calls = serde_json::json!(got.syscalls.len());
        let events = serde_json::json!(got.events.len());
        if calls != result["n_sc"] || events != result["n_ev"] {
            wrong.push(format!(
                "{text}: {calls} calls for {}, {events} events for {}",
                result["n_sc"], result["n_ev"]
            ));
            continue;
        }
        if let Some(list) = result["ev"].as_array() {
            let got: Vec<Value> = got.events.iter().map(|code| code.get().into()).collect();
            if *list != got {
                wrong.push(format!("{text}: {got:?} for {list:?}"));
            }
        }
        if let Some(list) = result["sc"].as_array() {
            let mut got: Vec<&str> = got.syscalls.iter().map(|code| code.info().name).collect();
            let mut list: Vec<&str> = list.iter().map(|v| v.as_str().unwrap()).collect();
            got.sort_unstable();
            list.sort_unstable();
            if list != got {
                wrong.push(format!("{text}: {got:?} for {list:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
