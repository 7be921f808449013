//! What loading rules takes, from their texts to a set that can be run, and what deriving the kernel's filter from the set takes: for
//! upstream's stable rules and for its three files together, skipped where they are not at hand, and for the built-in rules.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "only benchmarks use it"
)]

use std::fs;

use divan::{Bencher, black_box};
use falco_fields::Catalogue;
use falco_rules::pushdown::derive;
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

/// The texts of some rules; `None`, said, when they are not at hand.
fn texts(rules: Rules) -> Option<Vec<(&'static str, String)>> {
    let names = match rules {
        Rules::BuiltIn => {
            let text = include_str!("../../../rules/falco_rules.yaml");
            return Some(vec![("built-in", text.to_owned())]);
        }
        Rules::Stable => &UPSTREAM[..1],
        Rules::Three => &UPSTREAM[..],
    };
    let read =
        |name: &&'static str| Some((*name, fs::read_to_string(format!("{RULES}{name}")).ok()?));
    let texts: Option<Vec<_>> = names.iter().map(read).collect();
    if texts.is_none() {
        println!("skipped: {RULES} is not here");
    }
    texts
}

#[derive(Clone, Copy, Debug)]
enum Rules {
    BuiltIn,
    Stable,
    Three,
}

const ALL: [Rules; 3] = [Rules::BuiltIn, Rules::Stable, Rules::Three];

#[divan::bench(args = ALL)]
fn loading(bencher: Bencher<'_, '_>, rules: Rules) {
    if let Some(texts) = texts(rules) {
        bencher.bench(|| load(black_box(&texts)));
    }
}

#[divan::bench(args = ALL)]
fn deriving_the_filter(bencher: Bencher<'_, '_>, rules: Rules) {
    if let Some(texts) = texts(rules) {
        let set = load(&texts);
        bencher.bench(|| derive(black_box(&set), &RuleSet::default()));
    }
}
