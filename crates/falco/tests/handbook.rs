//! The handbook against the program.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

fn said(args: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_falco"))
        .args(args)
        .output()
        .unwrap();
    String::from_utf8(out.stdout).unwrap()
}

fn page(name: &str) -> String {
    fs::read_to_string(format!("{DOCS}/{name}")).unwrap()
}

#[test]
fn fields_and_events_are_those_of_the_program() {
    for (name, option) in [("fields.md", "--list"), ("events.md", "--list-events")] {
        assert!(
            page(name).ends_with(&said(&[option, "--format", "markdown"])),
            "docs/{name} is not what falco {option} says: run scripts/docs"
        );
    }
}

/// The pages of the handbook.
fn pages() -> Vec<PathBuf> {
    let files = fs::read_dir(DOCS).unwrap();
    let mut pages: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    pages
}

/// The lines of a page that are not code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// Where the links of a page lead to.
fn links(text: &str) -> Vec<&str> {
    let ends = prose(text).flat_map(|line| line.split("](").skip(1));
    ends.filter_map(|end| end.split(')').next()).collect()
}

/// A heading as links name it.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    heading
        .chars()
        .filter(kept)
        .collect::<String>()
        .replace(' ', "-")
}

#[test]
fn links_lead_somewhere() {
    let beside = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"];
    let beside = beside.map(|name| Path::new(DOCS).join("..").join(name));
    // A book of the pages has nothing but them.
    let book = pages().into_iter().map(|path| (path, false));
    let all = book.chain(beside.map(|path| (path, true)));
    let mut count = 0;
    for (path, may_leave) in all {
        let text = fs::read_to_string(&path).unwrap();
        for link in links(&text) {
            if link.contains("://") {
                continue;
            }
            count += 1;
            let place = format!("{}: {link}", path.display());
            assert!(may_leave || !link.starts_with(".."), "{place}");
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.with_file_name(file),
            };
            assert!(target.is_file(), "{place} is not there");
            if !heading.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let mut headings = prose(&text).filter(|line| line.starts_with('#'));
                assert!(
                    headings.any(|line| anchor(line) == heading),
                    "{place}: no such heading"
                );
            }
        }
    }
    assert!(count > 30, "{count} links");
}

#[test]
fn the_table_of_contents_has_every_page_once() {
    let summary = page("SUMMARY.md");
    let mut listed = links(&summary);
    listed.sort_unstable();
    let name = |path: PathBuf| path.file_name()?.to_str().map(str::to_owned);
    let mut names: Vec<_> = pages().into_iter().filter_map(name).collect();
    names.retain(|name| name != "SUMMARY.md");
    names.sort_unstable();
    assert_eq!(listed, names);
}

/// The files that a page shows: YAML after the name of one.
fn shown_files(text: &str) -> Vec<(&str, &str)> {
    let mut rest = text;
    let mut files = Vec::new();
    while let Some((before, after)) = rest.split_once("```yaml\n") {
        let (block, after) = after.split_once("```").unwrap();
        let is_name = |word: &&str| {
            Path::new(word)
                .extension()
                .is_some_and(|ending| ending == "yaml")
        };
        files.push((before.split('`').rev().find(is_name).unwrap(), block));
        rest = after;
    }
    files
}

#[test]
fn the_five_minutes_are_as_they_say() {
    let page = page("getting-started.md");
    let dir = tempfile::tempdir().unwrap();
    let files = shown_files(&page);
    assert_eq!(
        files.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["mine.yaml", "tuning.yaml", "tests.yaml"]
    );
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    std::os::unix::fs::symlink(format!("{DOCS}/../rules"), dir.path().join("rules")).unwrap();
    let says = |args: &[&str]| {
        let mut falco = Command::new(env!("CARGO_BIN_EXE_falco"));
        let out = falco.current_dir(dir.path()).args(args).output().unwrap();
        assert!(out.status.success(), "{args:?}: {out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    assert_eq!(says(&["-V", "mine.yaml"]).trim(), "mine.yaml: Ok");
    let said = says(&["test", "tests.yaml"]);
    let (told, _) = page
        .split_once("$ falco test tests.yaml\n")
        .unwrap()
        .1
        .split_once("\n\n")
        .unwrap();
    assert!(said.starts_with(told), "{said}");
}

#[test]
fn the_default_rules_are_all_told() {
    let page = page("default-rules.md");
    let rules = fs::read_to_string(format!("{DOCS}/../rules/falco_rules.yaml")).unwrap();
    let mut told = page.lines().filter_map(|line| line.strip_prefix("| "));
    for rule in rules.split("\n- rule: ").skip(1) {
        let name = rule.lines().next().unwrap();
        let off = if rule.contains("\n  enabled: false\n") {
            " (**off**)"
        } else {
            ""
        };
        let row = format!("{name}{off} | ");
        assert!(
            told.any(|line| line.starts_with(&row)),
            "docs/default-rules.md does not tell of {name}{off} in its place"
        );
    }
}

/// Whether a figure is what a row tells of: a word in capitals stands for anything.
fn is_told(name: &str, row: &str) -> bool {
    let capital = |c: char| c.is_ascii_uppercase();
    let Some(start) = row.find(capital) else {
        return name == row;
    };
    let (before, word) = row.split_at(start);
    let after = word.trim_start_matches(capital);
    let Some(rest) = name.strip_prefix(before) else {
        return false;
    };
    let mut places = rest
        .char_indices()
        .map(|(at, _)| at)
        .skip(1)
        .chain([rest.len()]);
    places.any(|at| rest.get(at..).is_some_and(|rest| is_told(rest, after)))
}

#[test]
fn figures_are_all_told() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = dir.path().join("metrics.jsonl");
    let output = format!("metrics.output_file={}", file.display());
    // Without rights the figures of the kernel are missing; the others are not.
    let kind = if harness::can_watch() {
        "modern_ebpf"
    } else {
        "nodriver"
    };
    let status = Command::new(env!("CARGO_BIN_EXE_falco"))
        .args([
            "-M",
            "3",
            "-o",
            "metrics.enabled=true",
            "-o",
            "metrics.interval=1s",
        ])
        .args(["-o", "metrics.include_empty_values=true", "-o", &output])
        .args(["-o", &format!("engine.kind={kind}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let lines = fs::read_to_string(file).unwrap();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    let page = page("metrics.md");
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let rows: Vec<_> = rows.collect();
    let figures = last["output_fields"].as_object().unwrap();
    assert!(figures.len() > 30, "{figures:?}");
    for name in figures.keys() {
        assert!(
            rows.iter().any(|row| is_told(name, row)),
            "docs/metrics.md does not tell of {name}"
        );
    }
}
