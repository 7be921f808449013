//! Any bytes are a capture, an error, or a capture that ends in an error; what they leave in the state can be written and read again.
#![no_main]

use falco_capture::{Machine, Next, Reader, Writer};
use falco_event::Builder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok((mut reader, mut state)) = Reader::new(bytes) else {
        return;
    };
    loop {
        match reader.next_event() {
            Ok(Next::Event(captured)) => _ = state.apply(&captured.event),
            Ok(Next::Section(fresh)) => state = *fresh,
            Ok(Next::End) | Err(_) => break,
        }
    }
    let mut writer = Writer::new(Vec::new(), &Machine::default(), &state, 1).expect("memory does not fail");
    let event = Builder::new(falco_event::codes::SYSCALL_GETCWD_E, 1, 1).finish();
    let event = falco_event::Event::parse(&event).expect("what is built is whole");
    writer.event(&event, 0).expect("memory does not fail");
    let written = writer.finish().expect("memory does not fail");
    let (_, again) = Reader::new(&written[..]).expect("what is written can be read");
    assert!(again.threads.len() <= state.threads.len());
});
