//! Any bytes are an event whose parameters lie within it, or no event.
#![no_main]

use falco_event::Event;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(event) = Event::parse(bytes) else {
        return;
    };
    assert!(event.bytes().len() <= bytes.len());
    let total: usize = (0..event.len())
        .filter_map(|index| event.param(index))
        .map(<[u8]>::len)
        .sum();
    assert!(total <= event.bytes().len());
    for index in 0..event.len() {
        _ = (event.str(index), event.u64(index), event.i32(index));
    }
});
