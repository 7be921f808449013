//! What upstream says of rules files, recorded case by case.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "tests"
)]

use std::fs;
use std::path::{Path, PathBuf};

use falco_rules::yaml::{self, Node, Source, Style, Value};
use falco_rules::{Loader, LoaderConfig};
use serde_json::{Value as Json, json};

#[path = "support/catalog.rs"]
mod catalog;
use catalog::{Reference, shared};

/// A node of a case, with the scalars typed as YAML 1.2 has them.
fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Seq(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|(key, value)| (key.scalar().unwrap_or("").to_owned(), to_json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Scalar(scalar) if scalar.style != Style::Plain => scalar.text.clone().into(),
        Value::Scalar(scalar) => match scalar.text.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            text => text.parse::<i64>().map_or_else(|_| text.into(), Into::into),
        },
    }
}

struct Case {
    name: String,
    folder: PathBuf,
    argv: Vec<String>,
    expect: Json,
}

fn cases(group: &str) -> Vec<Case> {
    let Some(folder) = shared(&format!("corpus/falco/cases/{group}")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let folder = entry.unwrap().path();
        let text = fs::read_to_string(folder.join("case.yaml")).unwrap();
        let source = Source::new("case.yaml", &text);
        let documents =
            yaml::parse(&source).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let case = to_json(&documents[0]);
        found.push(Case {
            name: case["name"].as_str().unwrap().to_owned(),
            folder,
            argv: case["argv"]
                .as_array()
                .unwrap()
                .iter()
                .map(|arg| arg.as_str().map_or(arg.to_string(), str::to_owned))
                .collect(),
            expect: case["expect"].clone(),
        });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The loader after the files that `option` names, and their results.
fn load(case: &Case, option: &str) -> (Loader, Vec<falco_rules::LoadResult>) {
    let mut catalog = Reference::load().unwrap();
    let mut loader = Loader::new(LoaderConfig::default());
    let mut results = Vec::new();
    for (index, arg) in case.argv.iter().enumerate() {
        if arg != option {
            continue;
        }
        let name = &case.argv[index + 1];
        let path = name.replace("{dir}", case.folder.to_str().unwrap());
        let bytes = fs::read(case.folder.join(Path::new(&path))).unwrap();
        results.push(loader.load(name, &String::from_utf8_lossy(&bytes), &mut catalog));
    }
    (loader, results)
}

fn report(wrong: &[String], total: usize) {
    println!("{} of {total}", total - wrong.len());
    assert!(
        wrong.is_empty(),
        "{} of {total} differ\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn results_in_json_are_upstreams() {
    let cases = cases("golden_validate_json");
    let mut wrong = Vec::new();
    for case in &cases {
        let (_, results) = load(case, "-V");
        let got: Json = results
            .iter()
            .map(falco_rules::LoadResult::to_json)
            .collect();
        let expected = &case.expect["json"][0]["equals"];
        if got != *expected {
            wrong.push(format!(
                "{}\n  got      {got}\n  expected {expected}",
                case.name
            ));
        }
    }
    report(&wrong, cases.len());
}

#[test]
fn results_as_text_are_upstreams() {
    let mut cases = cases("golden_validate");
    cases.extend(self::cases("golden_gtest_text"));
    let mut wrong = Vec::new();
    for case in &cases {
        let (_, results) = load(case, "-V");
        let shown: Vec<String> = results
            .iter()
            .map(|result| {
                if result.successful() && !result.warnings.is_empty() {
                    result.summary()
                } else {
                    result.render_verbose()
                }
            })
            .collect();
        let got = format!("{}\n", shown.join("\n"));
        let expected = case.expect["stdout_equals"].as_str().unwrap();
        if got != expected {
            wrong.push(format!(
                "{}\n--- got\n{got}--- expected\n{expected}",
                case.name
            ));
        }
    }
    report(&wrong, cases.len());
}

/// The value at a path of keys, indexes, `@len` and `?a.b=c` (the element of which that is so).
fn walk<'j>(mut value: &'j Json, path: &Json) -> Option<std::borrow::Cow<'j, Json>> {
    let dotted = path.as_str().map(|path| {
        let step = |step: &str| {
            step.parse::<u64>()
                .map_or_else(|_| json!(step), |index| json!(index))
        };
        path.split('.').map(step).collect()
    });
    for step in dotted.as_ref().unwrap_or(path).as_array()? {
        value = match step.as_str() {
            None => value.get(step.as_u64()? as usize)?,
            Some("@len") => {
                let len = value
                    .as_array()
                    .map_or(value.as_object().map_or(0, serde_json::Map::len), Vec::len);
                return Some(std::borrow::Cow::Owned(json!(len)));
            }
            Some(filter) if filter.starts_with('?') => {
                let (keys, wanted) = filter[1..].split_once('=')?;
                value.as_array()?.iter().find(|element| {
                    let found = keys.split('.').try_fold(*element, |at, key| at.get(key));
                    found.and_then(Json::as_str) == Some(wanted)
                })?
            }
            Some(key) => value.get(key)?,
        };
    }
    Some(std::borrow::Cow::Borrowed(value))
}

fn sorted(value: &Json) -> Vec<String> {
    let mut texts: Vec<String> = value
        .as_array()
        .into_iter()
        .flatten()
        .map(Json::to_string)
        .collect();
    texts.sort();
    texts
}

#[test]
fn descriptions_are_upstreams() {
    let mut wrong = Vec::new();
    let cases = cases("golden_describe");
    for case in &cases {
        let (loader, results) = load(case, "-r");
        let Some(got) = loader.describe() else {
            wrong.push(format!("{}: {}", case.name, results[0].render_verbose()));
            continue;
        };
        check_json(&case.name, &got, &case.expect["json"], &mut wrong);
    }
    report(&wrong, cases.len());
}

fn check_json(name: &str, got: &Json, expectations: &Json, wrong: &mut Vec<String>) {
    for expected in expectations.as_array().into_iter().flatten() {
        let path = &expected["path"];
        let found = walk(got, path);
        let Some(found) = found.as_deref() else {
            if expected["exists"] != false {
                wrong.push(format!("{name}: nothing at {path}"));
            }
            continue;
        };
        if let Some(equals) = expected.get("equals")
            && equals != found
        {
            wrong.push(format!(
                "{name} {path}\n  got      {found}\n  expected {equals}"
            ));
        }
        if let Some(equals) = expected.get("set_equals")
            && sorted(equals) != sorted(found)
        {
            wrong.push(format!(
                "{name} {path}\n  got      {found}\n  expected {equals}"
            ));
        }
        if let Some(part) = expected.get("contains").and_then(Json::as_str)
            && !found.as_str().unwrap_or("").contains(part)
        {
            wrong.push(format!("{name} {path}\n  got      {found}\n  lacks {part}"));
        }
    }
}

/// The cases of upstream's own tests that validate files: what they ask of the results.
fn validated(group: &str) {
    let mut wrong = Vec::new();
    let mut total = 0;
    for case in cases(group) {
        if !case.argv.iter().any(|arg| arg == "-V")
            || case.argv.iter().any(|arg| arg.contains("append_output"))
        {
            continue;
        }
        let (loader, results) = load(&case, "-V");
        total += 1;
        let before = wrong.len();
        let successful = results.iter().all(falco_rules::LoadResult::successful);
        if case.expect["exit_code"] != json!(i32::from(!successful)) {
            wrong.push(format!("{}: exit code", case.name));
        }
        let mut got = json!({
            "falco_load_results": results.iter().map(falco_rules::LoadResult::to_json).collect::<Json>(),
        });
        if let Some(described) = loader.describe().filter(|_| successful) {
            got["falco_describe_results"] = described;
        }
        check_json(&case.name, &got, &case.expect["json"], &mut wrong);
        for expected in case.expect["load"].as_array().into_iter().flatten() {
            check_load(&case.name, &got["falco_load_results"], expected, &mut wrong);
        }
        if wrong.len() > before {
            wrong.push(
                results
                    .iter()
                    .map(falco_rules::LoadResult::render_verbose)
                    .collect(),
            );
        }
    }
    report(&wrong, total);
}

fn check_load(name: &str, results: &Json, expected: &Json, wrong: &mut Vec<String>) {
    let which = expected["which"].as_str().unwrap();
    let results = results.as_array().unwrap().iter().enumerate();
    let entries = results
        .filter(|(index, _)| {
            expected
                .get("file")
                .is_none_or(|file| *file == json!(index))
        })
        .flat_map(|(_, result)| result[which].as_array().unwrap());
    let text = |key: &str| expected.get(key).and_then(Json::as_str);
    let count = entries
        .filter(|entry| {
            let steps = entry["context"]["locations"].as_array().unwrap();
            let has = |key: &str| {
                text(key).is_none_or(|wanted| steps.iter().any(|step| step[key] == wanted))
            };
            let message = entry["message"].as_str().unwrap();
            text("code").is_none_or(|code| entry["code"] == code)
                && has("item_type")
                && has("item_name")
                && text("message").is_none_or(|wanted| message == wanted)
                && text("message_contains").is_none_or(|part| message.contains(part))
                && text("snippet_contains")
                    .is_none_or(|part| entry["context"]["snippet"].as_str().unwrap().contains(part))
        })
        .count() as u64;
    let number = |key: &str| expected.get(key).and_then(Json::as_u64);
    let fits = match number("count") {
        Some(wanted) => count == wanted,
        None if number("min").is_some() || number("max").is_some() => {
            count >= number("min").unwrap_or(0) && count <= number("max").unwrap_or(u64::MAX)
        }
        None => count > 0,
    };
    if !fits {
        wrong.push(format!("{name}: {count} entries like {expected}"));
    }
}

#[test]
fn upstreams_loader_tests_pass() {
    validated("gtest_rule_loader");
}

#[test]
fn upstreams_old_tests_pass() {
    validated("go_legacy");
}
