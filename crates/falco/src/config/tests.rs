use super::*;

pub(crate) fn checked(text: &str) -> anyhow::Result<Config> {
    let file = tree::parse("test.yaml", text)?;
    check(&Keys::new(&file.tree, "test.yaml", &file.places))
}

#[test]
fn keys_are_read_with_upstreams_defaults() {
    let config = checked("{}").unwrap();
    assert!(
        !config.json && config.json_tags_property && !config.channels.stdout && !config.log_stderr
    );
    let probe = Engine::Probe {
        preset: 4,
        cpus_per_ring: 2,
        drop_failed: false,
        foreign: falco_sources::probe::Foreign::Auto,
    };
    assert_eq!(config.engine, probe);
    let config = checked(
        "json_output: yes\npriority: Warning\nrule_matching: ALL\nengine: {kind: replay, replay: {capture_file: x.scap}}\n\
         rules: [{enable: {tag: a}}, {disable: {rule: '*'}}]\nrules_files: [a.yaml, b.yaml]\noutput_timeout: abc\n",
    )
    .unwrap();
    assert!(
        config.json && config.matching == Matching::All && config.min_priority == Priority::Warning
    );
    assert_eq!(config.engine, Engine::Replay("x.scap".into()));
    assert_eq!(
        (config.selections.len(), config.rules_files.unwrap().len()),
        (2, 2)
    );
}

#[test]
fn what_is_wrong_is_said_in_upstreams_words() {
    for (text, error) in [
        (
            "engine: {kind: modern_ebpf}\nforeign_calls: sometimes",
            "foreign_calls 'sometimes' is none of 'auto', 'always' and 'never'",
        ),
        (
            "priority: loud",
            "Unknown priority \"loud\"--must be one of",
        ),
        (
            "rule_matching: some",
            "Unknown rule matching strategy \"some\"--must be one of first, all",
        ),
        (
            "engine: {kind: gvisor}",
            "Error reading config file (test.yaml): engine.kind 'gvisor' is not a valid kind.",
        ),
        (
            "engine: {kind: replay}",
            "engine.kind is 'replay' but no engine.replay.capture_file specified.",
        ),
        (
            "falco_libs: 512",
            "Config error at key \"falco_libs.thread_table_size\": yaml-cpp: error at line 1, column 13: operator[] call on a scalar (key: \"thread_table_size\")",
        ),
        ("log_level: LOUD", "Unknown log level LOUD"),
        (
            "json_format: cef",
            "Error reading config file (test.yaml): json_format 'cef' is none of falco, ocsf, ecs",
        ),
        (
            "file_output: {enabled: true}",
            "file output enabled but no filename in configuration block",
        ),
    ] {
        let found = checked(text).map(|_| ()).unwrap_err().to_string();
        assert!(found.contains(error), "{text}: {found}");
    }
}

#[test]
fn the_built_in_configuration_is_good() {
    let config = checked(BUILT_IN).unwrap();
    assert!(config.channels.stdout && config.log_stderr);
}

#[test]
fn the_schema_and_its_remarks() {
    for (text, verdict, remark) in [
        ("json_output: true", "ok", None),
        (
            "json_output: yes",
            "failed for <root>[json_output]: Value type not permitted by 'type' constraint.",
            None,
        ),
        (
            "falco_libs: {snaplen: 80, thread_table_sizeee: 1}",
            "failed for <root>[falco_libs]: Object contains a property that could not be validated using 'properties' or \
             'additionalProperties' constraints: 'thread_table_sizeee'.",
            Some(
                "test.yaml:1:27: there is no key `thread_table_sizeee`, it is ignored; did you mean `thread_table_size`?",
            ),
        ),
        (
            "grpc: {enabled: true, bind: x}",
            "failed for <root>: Object contains a property that could not be validated using 'properties' or \
             'additionalProperties' constraints: 'grpc'.",
            Some(
                "test.yaml:1:23: there is no key `bind`, it is ignored; docs/configuration.md lists all keys",
            ),
        ),
        (
            "capture: {max_file_size_mb: 2000000}",
            "failed for <root>[capture][max_file_size_mb]: Expected number less than or equal to 1048576.000000",
            None,
        ),
    ] {
        let file = tree::parse("test.yaml", text).unwrap();
        assert_eq!(file.verdict, verdict);
        assert_eq!(file.remarks.first().map(String::as_str), remark);
    }
}

/// The paths of all keys that have no keys of their own, and of lists.
fn paths(path: &str, shape: &falco_rules::schema::Schema, found: &mut Vec<String>) {
    use falco_rules::schema::Schema;
    match shape {
        Schema::Named(_, shape) => paths(path, shape, found),
        Schema::Object(object) if !object.properties.is_empty() => {
            let dot = if path.is_empty() { "" } else { "." };
            for (name, shape) in object.properties {
                paths(&format!("{path}{dot}{name}"), shape, found);
            }
        }
        Schema::Array(element) => {
            found.push(path.to_owned());
            paths(&format!("{path}[]"), element, found);
        }
        Schema::AnyOf(children) if path.ends_with(']') => {
            children.iter().for_each(|child| paths(path, child, found));
        }
        _ if path.ends_with(']') => {}
        _ => found.push(path.to_owned()),
    }
}

#[test]
fn the_schema_that_is_shown_has_our_keys_and_upstreams() {
    let shown = schema::json();
    let config = &shown["definitions"]["FalcoConfig"];
    for key in ["json_output", "sinks"] {
        assert!(config["properties"].get(key).is_some(), "{key}");
    }
    assert_eq!(config["additionalProperties"], false);
    assert!(
        shown["definitions"]["Sink"]["properties"]
            .get("url")
            .is_some()
    );
}

#[test]
fn the_tables_in_the_documentation_are_whole() {
    let text = include_str!("../../../../docs/configuration.md");
    let mut keys = Vec::new();
    for schema in [&schema::CONFIG, &schema::OURS, &schema::EARLIER] {
        paths("", schema, &mut keys);
    }
    let options = crate::cli::options::OPTIONS.iter();
    let mut want: Vec<String> = options
        .map(|entry| entry.usage().trim().to_owned())
        .collect();
    want.extend(keys);
    want.sort();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut rows: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    rows.sort_unstable();
    assert_eq!(rows, want);
    for entry in crate::cli::options::OPTIONS {
        assert!(
            text.contains(&format!("` | {} |", entry.about)),
            "{}",
            entry.about
        );
    }
}
