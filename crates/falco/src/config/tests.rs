use super::*;

fn checked(text: &str) -> anyhow::Result<Config> {
    let tree = tree::parse("test.yaml", text)?;
    check(&Keys {
        tree: &tree,
        name: "test.yaml",
    })
}

#[test]
fn keys_are_read_with_upstreams_defaults() {
    let config = checked("{}").unwrap();
    assert!(!config.json && config.json_tags_property && !config.stdout && !config.log_stderr);
    let probe = Engine::Probe {
        ring_bytes: 8 << 20,
        cpus_per_ring: 2,
        drop_failed: false,
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
            "engine: {modern_ebpf: {buf_size_preset: 11}}",
            "The 'buf_size_preset' value must be between '1' and '10'",
        ),
        ("log_level: LOUD", "Unknown log level LOUD"),
        (
            "file_output: {enabled: true}",
            "file output enabled but no filename in configuration block",
        ),
        ("- a", "it has no keys at its top level"),
        ("a: [b\nc: d", "--> test.yaml:2:"),
    ] {
        let found = checked(text).map(|_| ()).unwrap_err().to_string();
        assert!(found.contains(error), "{text}: {found}");
    }
}

#[test]
fn the_built_in_configuration_is_good() {
    let config = checked(BUILT_IN).unwrap();
    assert!(config.stdout && config.log_stderr);
}
