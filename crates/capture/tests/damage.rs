//! Of a damaged capture everything before the damage comes out, then one error; nothing panics, nothing grows.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says when it is skipped"
)]

#[path = "mini/writer.rs"]
mod writer;

use std::{
    fs,
    io::{Read, Write},
};

use falco_capture::{CaptureError, Fault, Next, Reader};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use proptest::prelude::*;
use writer::{Capture, process, sized};

/// How many events come out, and how it ends.
fn read(bytes: &[u8]) -> (usize, Result<(), CaptureError>) {
    let mut reader = match Reader::new(bytes) {
        Ok((reader, _)) => reader,
        Err(error) => return (0, Err(error)),
    };
    let mut count = 0;
    let end = loop {
        match reader.next_event() {
            Ok(Next::Event(_)) => count += 1,
            Ok(Next::Section(_)) => {}
            Ok(Next::End) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert!(matches!(reader.next_event(), Ok(Next::End)), "ended");
    (count, end)
}

fn message(bytes: &[u8]) -> (usize, String) {
    let (count, end) = read(bytes);
    (
        count,
        end.map_or_else(|error| error.to_string(), |()| "fine".into()),
    )
}

#[test]
fn the_first_bytes_tell_what_is_no_capture() {
    let cases: [(&[u8], &str); 4] = [
        (b"", "begins with nothing"),
        (b"#!/bin/sh\n", "begins with 23 21 2f 62 69 6e 2f 73"),
        (b"\x0a\x0d\x0d\x0a\x1c", "the section header needs 24 bytes"),
        (
            &Capture::new().0,
            "no events in the capture: it ends at byte 28",
        ),
    ];
    for (bytes, expected) in cases {
        let (count, error) = message(bytes);
        assert_eq!(count, 0);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_capture_that_is_not_there() {
    let error = Reader::open("no such file").unwrap_err().to_string();
    assert!(
        error.starts_with("cannot open the capture: No such file"),
        "{error}"
    );
}

#[test]
fn other_byte_orders_and_versions_are_refused() {
    let mut swapped = Capture::new().chdirs(1).0;
    swapped[8..12].reverse();
    let (_, error) = message(&swapped);
    assert!(error.contains("byte 8 holds 1a 2b 3c 4d"), "{error}");
    let mut later = Capture::new().chdirs(1).0;
    later[12] = 2;
    let (_, error) = message(&later);
    assert!(error.contains("byte 12 holds version 2"), "{error}");
}

#[test]
fn what_precedes_a_cut_comes_out() {
    let whole = Capture::new().chdirs(10).0;
    let ends: Vec<usize> = (0..=10)
        .map(|count| Capture::new().chdirs(count).0.len())
        .collect();
    for cut in ends[1] + 1..whole.len() {
        let (count, end) = read(&whole[..cut]);
        let complete = ends.iter().filter(|end| **end <= cut).count() - 1;
        assert_eq!(count, complete, "cut at {cut}");
        let at_end_of_block = ends.contains(&cut);
        match end {
            Ok(()) => assert!(at_end_of_block, "cut at {cut}"),
            Err(error) => {
                let Fault::Truncated { offset, have, .. } = error.fault() else {
                    panic!("{error}");
                };
                assert_eq!(*offset as usize, ends[complete]);
                assert_eq!(*have as usize, cut - ends[complete]);
            }
        }
    }
}

#[test]
fn what_precedes_a_cut_or_damage_in_gzip_comes_out() {
    let whole = Capture::new().chdirs(5_000).0;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&whole).unwrap();
    let packed = encoder.finish().unwrap();
    let cut = &packed[..packed.len() / 2];
    let mut inflated = Vec::new();
    GzDecoder::new(cut).read_to_end(&mut inflated).unwrap_err();
    let (count, error) = message(cut);
    assert_eq!(count, read(&inflated).0);
    assert!(count > 1_000);
    assert!(error.contains("the gzip file is cut off"), "{error}");
    let mut broken = packed.clone();
    let middle = broken.len() / 2;
    broken[middle..].fill(0xFF);
    // Damage may still unpack to something: then a block is damaged.
    let (count, end) = read(&broken);
    assert!(count > 1_000 && count < 5_000, "{count}");
    end.unwrap_err();
    // The check sum at the end.
    let mut broken = packed.clone();
    let at = broken.len() - 8;
    broken[at] ^= 1;
    let (count, error) = message(&broken);
    assert_eq!(count, 5_000);
    assert!(error.contains("the gzip data are damaged"), "{error}");
}

#[test]
fn damage_is_located() {
    let good = Capture::new().chdirs(2).0;
    let start = Capture::new().chdirs(1).0.len();
    let mut long = good.clone();
    long[start + 4..start + 8].copy_from_slice(&0xFFFF_FFF0_u32.to_le_bytes());
    let mut tail = good.clone();
    *tail.last_mut().unwrap() = 1;
    let mut params = good.clone();
    params[start + 10 + 26] = 0xFF;
    let other = Capture::new().chdirs(1).block(0x777, b"x").0;
    let cases = [
        (long, start + 4, "the length of an event block"),
        (tail, good.len() - 4, "again, at the end of the block"),
        (params, start + 10, "a whole event"),
        (other, start, "an event or a section header"),
    ];
    for (bytes, at, expected) in cases {
        let (count, end) = read(&bytes);
        assert_eq!(count, 1, "{expected}");
        let error = end.unwrap_err();
        let Fault::Damaged { offset, .. } = error.fault() else {
            panic!("{error}");
        };
        assert_eq!(*offset as usize, at, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn claimed_lengths_cost_no_memory() {
    let huge = 0x4000_0000_u32.to_le_bytes();
    for code in [0x201, 0x215, 0x218, 0x219, 0x220, 0x777] {
        let mut capture = Capture::new().0;
        capture.extend_from_slice(&u32::to_le_bytes(code));
        capture.extend_from_slice(&huge);
        capture.extend_from_slice(&[0; 64]);
        let (_, end) = read(&capture);
        end.unwrap_err();
    }
    let mut large = Capture::new().chdirs(1).0;
    large.extend_from_slice(&0x221_u32.to_le_bytes());
    large.extend_from_slice(&(1_u32 << 26).to_le_bytes());
    let (count, end) = read(&large);
    assert_eq!(count, 1);
    assert!(matches!(end.unwrap_err().fault(), Fault::Truncated { .. }));
}

#[test]
fn entries_must_fit_their_blocks() {
    let mut entry = sized(&process(9));
    entry[0..4].copy_from_slice(&5_000_u32.to_le_bytes());
    let (_, error) = message(&Capture::new().block(0x215, &entry).chdirs(1).0);
    assert!(
        error.contains("the length of an entry in a process list"),
        "{error}"
    );
    entry[0..4].copy_from_slice(&40_u32.to_le_bytes());
    let (_, error) = message(&Capture::new().block(0x215, &entry).chdirs(1).0);
    assert!(error.contains("the end of the entry"), "{error}");
    let mut long = process(8);
    long[40..42].copy_from_slice(&2_000_u16.to_le_bytes());
    let (_, error) = message(&Capture::new().block(0x214, &long).chdirs(1).0);
    assert!(
        error.contains("the length of the comm of a process (at most 1024), found 2000"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut capture = Capture::new().0;
        capture.extend_from_slice(&bytes);
        let _ = read(&capture);
        let _ = read(&bytes);
    }

    #[test]
    fn no_block_makes_it_panic(
        code in prop::sample::select(vec![
            0x201_u32, 0x202, 0x203, 0x204, 0x205, 0x206, 0x207, 0x208, 0x209, 0x210, 0x211, 0x212, 0x213, 0x214, 0x215, 0x216, 0x217,
            0x218, 0x219, 0x220, 0x221, 0x222,
        ]),
        body in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let _ = read(&Capture::new().block(code, &body).chdirs(1).0);
    }
}

/// Random damage to a real capture: each an error or a clean end.
#[test]
fn random_corruptions_of_a_recorded_capture() {
    corrupt(600);
}

#[test]
#[ignore = "takes minutes: cargo test --release -p falco-capture --test damage -- --ignored"]
fn many_corruptions_of_a_recorded_capture() {
    corrupt(10_000);
}

fn corrupt(rounds: usize) {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/captures/everyday.scap"
    );
    let Ok(packed) = fs::read(path) else {
        println!("skipped: {path} is not here");
        return;
    };
    let mut whole = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut whole).unwrap();
    // The tables and some hundred events: what matters is where the damage is.
    whole.truncate(60_000);
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    for round in 0..rounds {
        let source = if round % 8 == 0 { &packed } else { &whole };
        let mut bytes = source.clone();
        for _ in 0..=next(4) {
            let at = next(bytes.len());
            bytes[at] = [0, 0xFF, next(256) as u8][next(3)];
        }
        let (count, _) = read(&bytes);
        assert!(count <= 24_232);
    }
}
