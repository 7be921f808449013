//! Rules of the house that no compiler checks.

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// Which of our crates a crate may use.
    const MAY_USE: &[(&str, &[&str])] = &[
        ("event", &[]),
        ("filter", &[]),
        ("alerts", &[]),
        ("sinks", &["alerts"]),
        ("containers", &[]),
        ("state", &["event"]),
        ("capture", &["event", "state"]),
        ("probe", &["event"]),
        ("fields", &["event", "filter", "state"]),
        ("rules", &["event", "filter"]),
        ("sources", &["event", "state", "capture", "probe"]),
        (
            "ruletest",
            &["event", "filter", "state", "fields", "rules", "sources"],
        ),
        (
            "falco",
            &[
                "event",
                "filter",
                "alerts",
                "state",
                "capture",
                "probe",
                "fields",
                "rules",
                "sinks",
                "sources",
                "ruletest",
                "containers",
            ],
        ),
    ];

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    #[test]
    fn dependencies_run_one_way() {
        for entry in fs::read_dir(root().join("crates")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let (_, allowed) = MAY_USE
                .iter()
                .find(|(krate, _)| *krate == name)
                .unwrap_or_else(|| {
                    panic!("crates/{name}: say here and in ARCHITECTURE.md what it may use")
                });
            let manifest = fs::read_to_string(path.join("Cargo.toml")).unwrap();
            let normal = manifest.split("[dev-dependencies]").next().unwrap();
            for line in normal
                .lines()
                .filter_map(|line| line.strip_prefix("falco-"))
            {
                let used = line.split(['.', ' ', '=']).next().unwrap();
                assert!(
                    allowed.contains(&used),
                    "crates/{name} uses {used}, which it may not"
                );
            }
        }
    }

    #[test]
    fn each_dependency_has_its_reason() {
        let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
        let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
        let (_, reasons) = architecture.split_once("## Dependencies").unwrap();
        let (_, listed) = manifest.split_once("[workspace.dependencies]").unwrap();
        let listed = listed.split("\n[").next().unwrap();
        for line in listed
            .lines()
            .filter(|line| line.contains('=') && !line.starts_with("falco-"))
        {
            let name = line.split([' ', '=']).next().unwrap();
            assert!(
                reasons.contains(name),
                "ARCHITECTURE.md has no reason for {name}"
            );
        }
    }

    #[test]
    fn unsafe_code_has_its_rooms() {
        for (name, _) in MAY_USE.iter().filter(|(name, _)| *name != "probe") {
            let dir = root().join("crates").join(name).join("src");
            let entry = ["lib.rs", "main.rs"]
                .map(|file| dir.join(file))
                .into_iter()
                .find(|file| file.exists());
            let text = fs::read_to_string(entry.unwrap()).unwrap();
            assert!(
                text.contains("#![forbid(unsafe_code)]"),
                "crates/{name} does not forbid unsafe code"
            );
        }
    }
}
