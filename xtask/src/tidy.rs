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
        ("generator", &[]),
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
        for (name, _) in MAY_USE
            .iter()
            .filter(|(name, _)| !["probe", "generator"].contains(name))
        {
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

    /// The files of the handbook and those that stand for themselves.
    fn pages() -> Vec<std::path::PathBuf> {
        let docs = fs::read_dir(root().join("docs")).unwrap();
        let docs = docs.map(|entry| entry.unwrap().path());
        let mut pages: Vec<_> = docs
            .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
            .collect();
        pages
            .extend(["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|name| root().join(name)));
        pages
    }

    /// Where the links of a page lead.
    fn links(text: &str) -> impl Iterator<Item = &str> {
        let rests = text.split("](").skip(1);
        rests
            .filter_map(|rest| rest.split_once(')'))
            .map(|(link, _)| link)
    }

    #[test]
    fn no_link_is_broken() {
        let mut count = 0;
        for page in pages() {
            let text = fs::read_to_string(&page).unwrap();
            for link in links(&text).filter(|link| !link.starts_with("http")) {
                let (file, heading) = link.split_once('#').unwrap_or((link, ""));
                let target = if file.is_empty() {
                    page.clone()
                } else {
                    page.parent().unwrap().join(file)
                };
                assert!(target.exists(), "{}: {link} leads nowhere", page.display());
                if !heading.is_empty() {
                    let text = fs::read_to_string(&target).unwrap();
                    let headings = text.lines().filter(|line| line.starts_with('#'));
                    let mut slugs = headings.map(|line| {
                        let line = line.trim_start_matches('#').trim().to_lowercase();
                        line.replace(' ', "-")
                            .replace(|c: char| !c.is_alphanumeric() && c != '-', "")
                    });
                    assert!(
                        slugs.any(|slug| slug == heading),
                        "{}: no heading {link}",
                        page.display()
                    );
                }
                count += 1;
            }
        }
        assert!(
            count > 20,
            "{count} links are too few: are they still found?"
        );
    }

    #[test]
    fn every_page_is_in_the_table_of_contents() {
        let contents = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
        for page in pages()
            .iter()
            .filter(|page| page.parent() == Some(&root().join("docs")))
        {
            let name = page.file_name().unwrap().to_str().unwrap();
            assert!(
                name == "SUMMARY.md" || links(&contents).any(|link| link == name),
                "docs/{name} is not in docs/SUMMARY.md"
            );
        }
    }
}
