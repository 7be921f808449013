//! Any event can be decoded and shown, whatever its parameters hold.
#![no_main]

use falco_event::{
    Event,
    render::{Resolver, Show, Sink},
};
use libfuzzer_sys::{arbitrary, fuzz_target};

/// Says what the input lets it say.
#[derive(Debug, arbitrary::Arbitrary)]
struct Anybody<'a> {
    text: Option<&'a [u8]>,
    letter: Option<char>,
}

impl Anybody<'_> {
    fn say(&self, out: &mut impl Sink) -> bool {
        self.text.inspect(|text| out.put(text)).is_some()
    }
}

impl Resolver for Anybody<'_> {
    fn fd(&self, _: i64, out: &mut impl Sink) -> bool {
        self.say(out)
    }
    fn fd_letter(&self, _: i64) -> Option<char> {
        self.letter
    }
    fn comm(&self, _: i64, out: &mut impl Sink) -> bool {
        self.say(out)
    }
    fn user(&self, _: u32, out: &mut impl Sink) -> bool {
        self.say(out)
    }
    fn group(&self, _: u32, out: &mut impl Sink) -> bool {
        self.say(out)
    }
    fn absolute(&self, _: Option<i64>, _: &[u8], out: &mut impl Sink) -> bool {
        self.say(out)
    }
    fn date_time(&self, _: u64, out: &mut impl Sink) {
        self.say(out);
    }
}

fuzz_target!(|input: (Anybody<'_>, usize, bool, &[u8])| {
    let (anybody, buffer_max, base64, bytes) = input;
    let Ok(event) = Event::parse(bytes) else {
        return;
    };
    let show = Show { buffer_max, base64 };
    let mut out = Vec::new();
    show.args(&event, &anybody, &mut out);
    for index in 0..=event.len() {
        out.clear();
        let known = show.resolved(&event, index, &anybody, &mut out);
        assert_eq!(known, !out.is_empty());
        let value = event.value(index);
        assert!(value.is_none() || event.param(index).is_some());
    }
    _ = event.name();
});
