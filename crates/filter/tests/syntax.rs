//! The parser and the printer against upstream's recorded results.

use falco_filter::ast::{self, Expr, Limits, Operand, Pos, Right};
use serde_json::{Value as Json, json};

#[path = "support/common.rs"]
mod common;

#[test]
fn parser() {
    let mut complaints = Vec::new();
    let cases = common::corpus("parser.jsonl");
    for case in &cases {
        let text = match case.get("in_repeat") {
            Some(repeat) => repeat[0]
                .as_str()
                .unwrap()
                .repeat(repeat[1].as_u64().unwrap() as usize),
            None => case["in"].as_str().unwrap().to_owned(),
        };
        let ours = match ast::parse(&text, &Limits::default()) {
            Ok(tree) => json!({"ok": true, "ast": expr(&tree), "str": tree.to_string()}),
            Err(e) if case.get("at").is_some() => {
                json!({"ok": false, "msg": e.message, "at": pos(e.pos)})
            }
            Err(e) => json!({"ok": false, "msg": e.message}),
        };
        let theirs: Json = ours
            .as_object()
            .unwrap()
            .keys()
            .map(|k| (k.clone(), case[k].clone()))
            .collect::<serde_json::Map<_, _>>()
            .into();
        if ours != theirs {
            complaints.push(format!(
                "{} {text:.100?}\n  ours   {ours}\n  theirs {theirs}",
                case["id"]
            ));
        }
    }
    common::report("parser.jsonl", cases.len(), &complaints);
}

#[test]
fn escape() {
    let cases = common::corpus("escape.jsonl");
    let wrong = cases
        .iter()
        .filter(|c| ast::escape(&common::bytes(&c["s"])).as_bytes() != common::bytes(&c["out"]));
    common::report(
        "escape.jsonl",
        cases.len(),
        &wrong.map(Json::to_string).collect::<Vec<_>>(),
    );
}

#[test]
fn unescape() {
    let cases = common::corpus("unescape.jsonl");
    let wrong = cases
        .iter()
        .filter(|c| match ast::unescape(c["s"].as_str().unwrap()) {
            Ok(out) => c["out"].get("error").is_some() || out != common::bytes(&c["out"]),
            Err(e) => c["out"]["error"] != e.to_string(),
        });
    common::report(
        "unescape.jsonl",
        cases.len(),
        &wrong.map(Json::to_string).collect::<Vec<_>>(),
    );
}

fn pos(pos: Pos) -> Json {
    json!([pos.index, pos.line, pos.column])
}

fn text(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({"hex": common::hex(bytes)}),
    }
}

fn expr(e: &Expr) -> Json {
    let mut out = match e {
        Expr::And(all, _) => json!({"and": all.iter().map(expr).collect::<Vec<_>>()}),
        Expr::Or(all, _) => json!({"or": all.iter().map(expr).collect::<Vec<_>>()}),
        Expr::Not(child, _) => json!({"not": expr(child)}),
        Expr::Ident(name, _) => json!({"identifier": name}),
        Expr::Check(check) => {
            let mut out = json!({"op": check.op.to_string(), "left": operand(&check.left)});
            match &check.right {
                Right::Nothing => {}
                Right::Value(value, p) => {
                    out["right"] = json!({"value": text(value), "pos": pos(*p)});
                }
                Right::List(items, p) => {
                    out["right"] = json!({"list": items.iter().map(|i| text(i)).collect::<Vec<_>>(), "pos": pos(*p)});
                }
                Right::Operand(o) => out["right"] = operand(o),
            }
            out
        }
    };
    out["pos"] = pos(e.pos());
    out
}

fn operand(o: &Operand) -> Json {
    let mut out = match o {
        Operand::Field { name, arg, .. } => json!({"field": name, "arg": arg}),
        Operand::Transform {
            name, args, arg, ..
        } => {
            json!({"transformer": name.name(), "args": args.iter().map(operand).collect::<Vec<_>>(), "arg": arg})
        }
        Operand::Value(value, _) => json!({"value": text(value)}),
        Operand::List(items, _) => {
            json!({"transformer_list": items.iter().map(operand).collect::<Vec<_>>()})
        }
    };
    out["pos"] = pos(o.pos());
    out
}
