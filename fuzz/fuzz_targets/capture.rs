//! Any bytes are a capture, an error, or a capture that ends in an error.
#![no_main]

use falco_capture::{Next, Reader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok((mut reader, mut state)) = Reader::new(bytes) else {
        return;
    };
    loop {
        match reader.next_event() {
            Ok(Next::Event(captured)) => _ = state.apply(&captured.event),
            Ok(Next::Section(fresh)) => state = *fresh,
            Ok(Next::End) | Err(_) => return,
        }
    }
});
