//! The compiler against upstream's recorded results.

use falco_filter::Compiler;
use falco_filter::ast::{self, Limits};

#[path = "support/catalog.rs"]
mod catalog;
#[path = "support/common.rs"]
mod common;

#[test]
fn compile() {
    let Some(mut catalog) = catalog::Reference::load() else {
        println!("skipped: the reference tables are absent");
        return;
    };
    let mut complaints = Vec::new();
    let mut cases = common::corpus("compile.jsonl");
    // Fields of plugins are not in the tables.
    cases.retain(|case| case["fields"] != "custom");
    for case in &cases {
        let mut compiler = Compiler::new();
        let text = case["in"].as_str().unwrap();
        let compiled = ast::parse(text, &Limits::default())
            .map_err(|e| (e.to_string(), None))
            .and_then(|tree| {
                compiler
                    .condition(&tree, &mut catalog)
                    .map_err(|e| (e.message, Some([e.pos.index, e.pos.line, e.pos.column])))
            });
        let mut ours = String::new();
        let mut theirs = case["msg"].as_str().unwrap_or_default().to_owned();
        match &compiled {
            Ok(program) => ours.extend(program.warnings().iter().map(|w| w.message.as_str())),
            Err((message, pos)) => {
                ours.clone_from(message);
                if let (Some(ours_pos), Some(theirs_pos)) = (pos, case["pos"].as_array()) {
                    ours = format!("{ours} {ours_pos:?}");
                    theirs = format!(
                        "{theirs} [{}, {}, {}]",
                        theirs_pos[0], theirs_pos[1], theirs_pos[2]
                    );
                }
            }
        }
        for warning in case["warnings"].as_array().into_iter().flatten() {
            theirs.push_str(warning.as_str().unwrap());
        }
        if compiled.is_ok() != case["ok"].as_bool().unwrap() || ours != theirs {
            complaints.push(format!(
                "{} {text:?}\n  ours   {ours}\n  theirs {theirs}",
                case["id"]
            ));
        }
    }
    common::report("compile.jsonl", cases.len(), &complaints);
}
