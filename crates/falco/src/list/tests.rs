#![allow(clippy::unwrap_used)]

use falco_fields::Catalogue;

use super::{Format, fields};

fn list(names_only: bool, verbose: bool, format: Format) -> String {
    fields(&Catalogue::new(), None, names_only, verbose, format).unwrap()
}

#[test]
fn a_text_has_classes_and_columns() {
    let text = list(false, false, Format::Text);
    let begin = "-------------------------------\n\
        Field Class:                  evt (All event types)\n\
        Description:                  When an event happened and where it comes from. \n\
        Event Sources:                syscall \n\n\
        evt.num                       ";
    assert!(text.starts_with(begin));
    assert!(text.contains(
        "\n\n-------------------------------\nField Class:                  process\nDescription:"
    ));
    let aname = "proc.aname                    (ARG_ALLOWED,EPF_NO_RHS,EPF_NO_TRANSFORMER) ";
    assert!(text.contains(aname));
    assert!(
        text.lines().all(|line| line.len() <= 121),
        "lines are wrapped"
    );
    // A name that leaves no room has a line of its own.
    let long = "\nproc.exe_ino.ctime_duration_pidns_start\n                              Nano";
    assert!(text.contains(long));
    let typed = list(false, true, Format::Text);
    assert!(typed.contains("fd.types                      (Type: CHARBUF) (ARG_ALLOWED,"));
    assert!(typed.contains("evt.rawarg                    (Type: DYNAMIC) "));
}

#[test]
fn names_are_one_a_line_or_an_array() {
    let names = list(true, false, Format::Text);
    assert!(names.starts_with("evt.num\nevt.time\n"));
    assert!(
        !names.contains("evt.dir\n"),
        "deprecated fields are left out"
    );
    assert!(!names.contains("util.cnt\n"), "so are hidden classes");
    assert_eq!(list(true, false, Format::Markdown), names);
    let json: serde_json::Value = serde_json::from_str(&list(true, false, Format::Json)).unwrap();
    let from_json: Vec<_> = json["fieldnames"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert_eq!(from_json, names.lines().collect::<Vec<_>>());
}

#[test]
fn markdown_has_a_table_a_class() {
    let text = list(false, false, Format::Markdown);
    assert!(text.starts_with("## Field Class: evt\n\nWhen an event"));
    let head = "\n\nEvent Sources: syscall \n\nName | Type | Description\n:----|:-----|:-----------\n`evt.num` | UINT64 | ";
    assert!(text.contains(head));
    assert!(text.contains("\n`fd.types` | LIST(CHARBUF) | "));
    assert!(text.contains("&lt;NA>") && !text.contains('<'));
}

#[test]
fn json_tells_arguments() {
    let json: serde_json::Value = serde_json::from_str(&list(false, false, Format::Json)).unwrap();
    let classes = json["fieldclasses"].as_array().unwrap();
    assert_eq!(classes[0]["event_sources"], serde_json::json!(["syscall"]));
    let find = |name: &str| {
        let mut fields = classes
            .iter()
            .flat_map(|class| class["fields"].as_array().unwrap());
        fields.find(|field| field["name"] == name).unwrap().clone()
    };
    assert_eq!(find("proc.pid")["argument"], serde_json::Value::Null);
    assert_eq!(find("proc.pid")["type"], "INT64");
    assert_eq!(find("evt.arg")["argument"]["required"], true);
    assert_eq!(find("proc.aname")["argument"]["required"], false);
    assert_eq!(
        find("container.mount")["argument"]["type"],
        serde_json::json!(["INDEX", "KEY"])
    );
    assert_eq!(find("fd.types")["is_list"], true);
}

#[test]
fn formats_have_names_in_any_case_and_sources_exist() {
    assert_eq!(Format::named("JSON"), Some(Format::Json));
    assert_eq!(Format::named("markdown"), Some(Format::Markdown));
    assert_eq!(Format::named("xml"), None);
    let none = Catalogue::new();
    let error = fields(&none, Some("k8s_audit"), false, false, Format::Text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Value for --list must be a valid source type"
    );
    assert!(fields(&none, Some("syscall"), true, false, Format::Text).is_ok());
}
