//! What loading rules takes: upstream's three files together, from their texts to a set that can be run. Skipped where they are not at
//! hand; the built-in rules are always there.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "only benchmarks use it"
)]

use std::fs;

use divan::{Bencher, black_box};
use falco_fields::Catalogue;
use falco_rules::{Loader, LoaderConfig, Plugin, RuleSet, Version};

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/rules/");
const UPSTREAM: [&str; 3] = [
    "falco_rules.yaml",
    "falco-incubating_rules.yaml",
    "falco-sandbox_rules.yaml",
];

fn main() {
    divan::main();
}

fn load(texts: &[(&str, String)]) -> RuleSet {
    let mut catalogue = Catalogue::new();
    let mut loader = Loader::new(LoaderConfig {
        plugins: vec![Plugin {
            name: "container".to_owned(),
            version: Version(0, 7, 0),
        }],
        ..LoaderConfig::default()
    });
    for (name, text) in texts {
        let result = loader.load(name, text, &mut catalogue);
        assert!(result.successful(), "{}", result.render_verbose());
    }
    loader.finish()
}

#[divan::bench]
fn upstreams_three_files(bencher: Bencher<'_, '_>) {
    let read =
        |name: &'static str| Some((name, fs::read_to_string(format!("{RULES}{name}")).ok()?));
    let texts: Vec<_> = UPSTREAM.into_iter().filter_map(read).collect();
    if texts.len() < UPSTREAM.len() {
        println!("skipped: {RULES} is not here");
        return;
    }
    bencher.bench(|| load(black_box(&texts)));
}

#[divan::bench]
fn built_in(bencher: Bencher<'_, '_>) {
    let text = include_str!("../../../rules/falco_rules.yaml").to_owned();
    let texts = [("built-in", text)];
    bencher.bench(|| load(black_box(&texts)));
}
