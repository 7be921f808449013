//! The rules that people have.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "tests"
)]

use std::fs;
use std::time::Instant;

use falco_rules::{Loader, LoaderConfig, Plugin, Version};

#[path = "support/catalog.rs"]
mod catalog;
use catalog::{Reference, shared};

#[test]
fn stock_rules_load_without_error() {
    let files = [
        "falco_rules.yaml",
        "falco-incubating_rules.yaml",
        "falco-sandbox_rules.yaml",
    ];
    let Some(folder) = shared("rules") else {
        return;
    };
    let mut catalog = Reference::load().unwrap();
    let plugins = vec![Plugin {
        name: "container".to_owned(),
        version: Version(0, 7, 0),
    }];
    let mut loader = Loader::new(LoaderConfig {
        plugins,
        ..LoaderConfig::default()
    });
    let texts = files.map(|file| fs::read_to_string(folder.join(file)).unwrap());
    let start = Instant::now();
    for (file, text) in files.iter().zip(&texts) {
        let result = loader.load(file, text, &mut catalog);
        assert!(result.successful(), "{}", result.render_verbose());
        assert_eq!(result.schema, ["ok"]);
    }
    println!("three files in {:?}", start.elapsed());
    assert_eq!(loader.check_plugins(), Ok(()));
    let rules = loader.finish();
    assert!(rules.enabled().count() > 25);
    assert!(rules.rules().len() > 80);
    assert!(!rules.syscalls().is_empty() && rules.syscalls().len() < 120);
}
