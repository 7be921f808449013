//! Any text is a condition or an error, and can be printed.
#![no_main]

use falco_filter::ast::{Limits, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(condition) = parse(text, &Limits::default()) else { return };
    let printed = condition.to_string();
    // Upstream's form does not quote everything that has to be quoted to be read again.
    if let Ok(again) = parse(&printed, &Limits::default()) {
        assert_eq!(again.to_string(), printed);
    }
});
