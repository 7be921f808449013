//! What `evt.args` shows of every event of a recorded capture, but for what only the state of the machine knows: that is compared
//! where there is a state.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skips"
)]

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
};

use falco_event::{
    Event, Param, ParamType as T,
    render::{Resolver, Show, Sink},
};
use flate2::read::GzDecoder;

/// Knows nothing.
struct Nobody;

impl Resolver for Nobody {
    fn fd(&self, _: i64, _: &mut impl Sink) -> bool {
        false
    }
    fn fd_letter(&self, _: i64) -> Option<char> {
        None
    }
    fn comm(&self, _: i64, _: &mut impl Sink) -> bool {
        false
    }
    fn user(&self, _: u32, _: &mut impl Sink) -> bool {
        false
    }
    fn group(&self, _: u32, _: &mut impl Sink) -> bool {
        false
    }
    fn absolute(&self, _: Option<i64>, _: &[u8], _: &mut impl Sink) -> bool {
        false
    }
    fn date_time(&self, _: u64, _: &mut impl Sink) {}
}

#[test]
fn arguments_are_those_of_upstream() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/captures/");
    let (Ok(capture), Ok(expected)) = (
        File::open(format!("{folder}everyday.scap")),
        File::open(format!("{folder}everyday.expected.jsonl.gz")),
    ) else {
        println!("skipped: {folder}everyday.scap or what it should show is not here");
        return;
    };
    let mut capture = BufReader::new(capture);
    let packed = capture.fill_buf().unwrap().starts_with(&[0x1f, 0x8b]);
    let mut bytes = Vec::new();
    if packed {
        GzDecoder::new(capture).read_to_end(&mut bytes).unwrap();
    } else {
        capture.read_to_end(&mut bytes).unwrap();
    }
    let mut expected = BufReader::new(GzDecoder::new(expected)).lines();
    let (mut whole, mut parts) = (0, 0);
    for (index, event) in events(&bytes).enumerate() {
        let row = expected.next().unwrap().unwrap();
        let (shown, name) = (text_of(&row, "evt.args"), text_of(&row, "evt.type"));
        let event = Event::parse(event).unwrap();
        let place = format!("event {} {name}", index + 1);
        assert_eq!(event.name(), name.as_bytes(), "{place}");
        if (0..event.len()).any(|index| asks_the_state(&event, index)) {
            if let Err(error) = compare(&event, shown.as_bytes()) {
                panic!("{place}: no {error} in {shown}");
            }
            parts += 1;
        } else {
            let mut args = Vec::new();
            Show::default().args(&event, &Nobody, &mut args);
            assert_eq!(String::from_utf8(args).unwrap(), shown, "{place}");
            whole += 1;
        }
    }
    assert!(expected.next().is_none(), "all events were seen");
    println!("{whole} events are equal, {parts} in all that needs no state");
    assert!(whole > 0 && parts > 0);
}

/// A text in a row of JSON. All of it would take long to parse.
fn text_of(row: &str, key: &str) -> String {
    let key = format!("\"{key}\":");
    let (_, value) = row.split_once(&key).unwrap();
    let mut values = serde_json::Deserializer::from_str(value).into_iter();
    values.next().unwrap().unwrap()
}

/// The events in the blocks of a capture: type, length, body, length.
fn events(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let number = |bytes: &[u8], at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().unwrap());
    std::iter::from_fn(move || {
        while !bytes.is_empty() {
            let (ty, length) = (number(bytes, 0), number(bytes, 4) as usize);
            let (block, rest) = bytes.split_at(length);
            bytes = rest;
            // Before the event are the processor and, in some, flags.
            match ty {
                0x216 | 0x221 => return Some(&block[10..]),
                0x217 | 0x222 => return Some(&block[14..]),
                _ => {}
            }
        }
        None
    })
}

/// Compares parameter by parameter; an error says what is missing.
fn compare(event: &Event<'_>, mut shown: &[u8]) -> Result<(), String> {
    let params = &event.info().params[..event.len()];
    for (index, info) in params.iter().enumerate() {
        let blank = if index == 0 { "" } else { " " };
        take(&mut shown, format!("{blank}{}=", info.name).as_bytes())?;
        let mut text = Vec::new();
        if asks_the_state(event, index) {
            // The value itself of these is the state's too.
            if !matches!(info.ty, T::Abstime | T::Fdlist) {
                Show::default().value(event, index, &Nobody, &mut text);
            }
            take(&mut shown, &text)?;
            let next = params.get(index + 1).map(|next| next.name);
            let (resolved, rest) = shown.split_at(next_param(shown, next));
            shown = rest;
            let bracketed = resolved.starts_with(b"(") && resolved.ends_with(b")");
            if !(text.is_empty() || resolved.is_empty() || bracketed) {
                return Err(format!("end of {}", info.name));
            }
            continue;
        }
        Show::default().value(event, index, &Nobody, &mut text);
        take(&mut shown, &text)?;
        text.clear();
        if Show::default().resolved(event, index, &Nobody, &mut text) {
            take(&mut shown, &[b"(", &text[..], b")"].concat())?;
        }
    }
    match shown {
        [] => Ok(()),
        rest => Err(format!("end before {:?}", String::from_utf8_lossy(rest))),
    }
}

fn asks_the_state(event: &Event<'_>, index: usize) -> bool {
    let Some(value) = event.value(index) else {
        return false;
    };
    match (event.info().params[index].ty, value) {
        (T::Fd, Param::Int(fd)) => fd >= 0,
        (T::Fspath | T::Fsrelpath, Param::Str(path)) => !path.is_empty() && !path.starts_with(b"/"),
        (T::Uid | T::Gid, Param::Uint(id)) => id != u64::from(u32::MAX),
        (ty, _) => matches!(ty, T::Pid | T::Abstime | T::Fdlist),
    }
}

/// Where the next parameter begins, or the text ends.
fn next_param(shown: &[u8], name: Option<&str>) -> usize {
    let place = name.and_then(|name| {
        let start = format!(" {name}=");
        let mut places = shown.windows(start.len());
        places.position(|place| place == start.as_bytes())
    });
    place.unwrap_or(shown.len())
}

fn take(shown: &mut &[u8], expected: &[u8]) -> Result<(), String> {
    *shown = shown
        .strip_prefix(expected)
        .ok_or_else(|| format!("{:?}", String::from_utf8_lossy(expected)))?;
    Ok(())
}
