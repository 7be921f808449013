//! A file of tests of rules: read, and run over a rule, whatever stands in it.
#![no_main]

use falco_fields::Catalogue;
use falco_rules::{Loader, LoaderConfig};
use falco_ruletest::{Coverage, Suite};
use libfuzzer_sys::fuzz_target;

const RULE: &str = "
- rule: Any
  desc: x
  condition: evt.type in (openat, execve, connect) and (fd.name startswith /etc or proc.aname = sh)
  output: '%evt.args %proc.cmdline %fd.name %container.name'
  priority: WARNING
";

fuzz_target!(|text: &str| {
    let mut catalogue = Catalogue::new();
    let mut loader = Loader::new(LoaderConfig::default());
    loader.load("rules.yaml", RULE, &mut catalogue);
    let mut rules = loader.finish();
    // What captures hold is another target's job, and a path from nowhere is nobody's.
    if text.contains("capture") {
        return;
    }
    if let Ok(suite) = Suite::parse("tests.yaml", text, &mut catalogue) {
        suite.run(&mut rules, &catalogue, &mut Coverage::default());
    }
});
