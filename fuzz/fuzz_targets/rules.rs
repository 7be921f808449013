//! Any text is a rules file with a verdict that can be shown in every form; rules of a file that loads can be described.
#![no_main]

use falco_fields::Catalogue;
use falco_rules::{Loader, LoaderConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut catalogue = Catalogue::new();
    let mut loader = Loader::new(LoaderConfig::default());
    let result = loader.load("rules.yaml", text, &mut catalogue);
    let shown = [result.render_verbose(), result.render_terminal(true)];
    assert!(shown.iter().all(|text| !text.is_empty()) || result.successful());
    if result.successful() {
        assert!(loader.describe().is_some());
        loader.finish();
    }
});
