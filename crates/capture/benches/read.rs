//! How fast a capture is read: packed, and inflated. Skipped where the capture is not at hand.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::{fs::File, io, path::Path};

use divan::{Bencher, counter::ItemsCount};
use falco_capture::{Next, Reader};
use flate2::read::GzDecoder;

const BUSY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../shared/captures/busy.scap"
);
const EVENTS: usize = 1_013_424;

fn main() {
    if Path::new(BUSY).exists() {
        divan::main();
    } else {
        println!("skipped: {BUSY} is not here");
    }
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn packed(bencher: Bencher<'_, '_>) {
    bencher
        .counter(ItemsCount::new(EVENTS))
        .bench(|| read(Path::new(BUSY)));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn inflated(bencher: Bencher<'_, '_>) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    io::copy(
        &mut GzDecoder::new(File::open(BUSY).unwrap()),
        file.as_file_mut(),
    )
    .unwrap();
    bencher
        .counter(ItemsCount::new(EVENTS))
        .bench(|| read(file.path()));
}

fn read(path: &Path) {
    let (mut reader, _state) = Reader::open(path).unwrap();
    let mut count = 0;
    loop {
        match reader.next_event().unwrap() {
            Next::Event(captured) => count += usize::from(captured.event.time_ns() != 0),
            Next::End => break,
            Next::Section(_) => {}
        }
    }
    assert_eq!(count, EVENTS);
}
