//! How fast a capture is replayed into the state, inflated and packed. Skipped where the capture is not at hand.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::{fs::File, io, path::Path, time::Duration};

use divan::{Bencher, counter::ItemsCount};
use falco_sources::{Next, Source};
use flate2::read::GzDecoder;

const BUSY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../shared/captures/busy.scap"
);
const EVENTS: u64 = 1_013_424;

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
        .bench(|| replay(Path::new(BUSY)));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn inflated(bencher: Bencher<'_, '_>) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut packed = GzDecoder::new(File::open(BUSY).unwrap());
    io::copy(&mut packed, file.as_file_mut()).unwrap();
    bencher
        .counter(ItemsCount::new(EVENTS))
        .bench(|| replay(file.path()));
}

fn replay(path: &Path) {
    let (mut source, mut state) = Source::replay(path).unwrap();
    let mut last = 0;
    loop {
        match source.next(Duration::ZERO).unwrap() {
            Next::Event(delivery) => {
                state.apply(&delivery.event);
                last = delivery.number;
            }
            Next::Restart(fresh) => state = *fresh,
            Next::Timeout => {}
            Next::End => break,
        }
    }
    assert_eq!(last, EVENTS);
}
