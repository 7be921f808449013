//! Merge without a kernel: a file laid out as one, written as the kernel would.

use std::{fs::File, os::fd::AsFd, os::unix::fs::FileExt};

const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
const HEADER: usize = 8;

use super::*;

/// A ring in a file. The second copy of the data lies behind the first, so what wraps is written to both.
struct Producer {
    file: File,
    size: usize,
    position: usize,
}

impl Producer {
    fn new(size: usize) -> (Producer, Merge) {
        let file = tempfile::tempfile().unwrap();
        file.set_len((2 * rustix::param::page_size() + 2 * size) as u64)
            .unwrap();
        let rings = Merge::map([(file.as_fd(), size)].into_iter(), 0).unwrap();
        (
            Producer {
                file,
                size,
                position: 0,
            },
            rings,
        )
    }

    fn put(&mut self, bytes: &[u8], flags: u32) {
        let page = rustix::param::page_size();
        let header = (bytes.len() as u32 | flags).to_le_bytes();
        let offset = self.position % self.size;
        for (at, byte) in header.iter().chain(&[0; 4]).chain(bytes).enumerate() {
            let place = offset + at;
            for copy in [place, place + self.size, place.wrapping_sub(self.size)] {
                if copy < 2 * self.size {
                    self.file
                        .write_all_at(&[*byte], (2 * page + copy) as u64)
                        .unwrap();
                }
            }
        }
        self.position += (bytes.len() + HEADER).next_multiple_of(8);
        self.file
            .write_all_at(&self.position.to_le_bytes(), page as u64)
            .unwrap();
    }
}

fn next(rings: &mut Merge) -> Option<Vec<u8>> {
    rings.find();
    rings.found().map(<[u8]>::to_vec)
}

#[test]
fn records_come_in_order_and_wrap_around() {
    let (mut producer, mut rings) = Producer::new(4096);
    assert_eq!(next(&mut rings), None);
    for round in 0..50_u8 {
        let bytes = vec![round; 700 + usize::from(round)];
        producer.put(&bytes, 0);
        assert_eq!(next(&mut rings), Some(bytes));
        assert_eq!(next(&mut rings), None);
    }
}

#[test]
fn discarded_records_are_passed_over_and_busy_ones_waited_for() {
    let (mut producer, mut rings) = Producer::new(4096);
    producer.put(b"discarded", DISCARDED);
    producer.put(b"first", 0);
    producer.put(b"busy", BUSY);
    producer.put(b"behind", 0);
    assert_eq!(next(&mut rings).as_deref(), Some(&b"first"[..]));
    assert_eq!(
        next(&mut rings),
        None,
        "what is not finished holds up what follows"
    );
}

#[test]
fn rings_are_merged_by_time() {
    let page = rustix::param::page_size();
    let (mut left, _) = Producer::new(4096);
    let (mut right, _) = Producer::new(4096);
    let both = [
        (left.file.as_fd(), page.max(4096)),
        (right.file.as_fd(), page.max(4096)),
    ];
    let mut rings = Merge::map(both.into_iter(), 0).unwrap();
    for (time, is_left) in [(1_u64, true), (2, false), (3, false), (4, true), (5, false)] {
        let ring = if is_left { &mut left } else { &mut right };
        ring.put(&time.to_le_bytes(), 0);
    }
    for time in 1..=5_u64 {
        assert_eq!(next(&mut rings), Some(time.to_le_bytes().to_vec()));
    }
    assert_eq!(next(&mut rings), None);
}

/// Two rings; what is in the second may still be followed by something earlier in the first.
#[test]
fn what_is_young_waits_for_the_other_rings() {
    let page = rustix::param::page_size();
    let (mut left, _) = Producer::new(page);
    let (mut right, _) = Producer::new(page);
    let both = [(left.file.as_fd(), page), (right.file.as_fd(), page)];
    let mut rings = Merge::map(both.into_iter(), 0).unwrap();
    let far = rings.now_ns() + 3_600_000_000_000;
    right.put(&(far + 2).to_le_bytes(), 0);
    assert_eq!(next(&mut rings), None, "the left one could be earlier");
    assert!(!rings.is_empty());
    left.put(&(far + 1).to_le_bytes(), 0);
    left.put(&(far + 3).to_le_bytes(), 0);
    assert_eq!(next(&mut rings), Some((far + 1).to_le_bytes().to_vec()));
    assert_eq!(next(&mut rings), Some((far + 2).to_le_bytes().to_vec()));
    assert_eq!(next(&mut rings), None, "the right one could be earlier");
    right.put(&1_u64.to_le_bytes(), 0);
    assert_eq!(
        next(&mut rings),
        Some(1_u64.to_le_bytes().to_vec()),
        "what came too late is at least not kept back"
    );
}

#[test]
fn a_ring_alone_waits_for_nobody() {
    let (mut producer, mut rings) = Producer::new(4096);
    let far = rings.now_ns() + 3_600_000_000_000;
    producer.put(&far.to_le_bytes(), 0);
    assert_eq!(next(&mut rings), Some(far.to_le_bytes().to_vec()));
    assert_eq!(next(&mut rings), None);
    assert!(rings.is_empty());
}
