//! What was written is read, whatever happened in between.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{Alert, Kind, Priority};

fn alert(number: u64) -> Finished {
    let alert = Alert {
        time_ns: number,
        priority: Priority::Notice,
        rule: "Shell".into(),
        source: "syscall".into(),
        message: b"not \xff UTF-8\n".to_vec(),
        fields: BTreeMap::from([
            ("evt.time".into(), json!(u64::MAX)),
            ("fd.name".into(), json!(null)),
        ]),
        kind: Kind::Rule {
            tags: ["a".into(), "b".into()].into(),
        },
    };
    Finished::new(alert, format!("line {number}").into_bytes())
}

fn options(path: &Path) -> SpoolOptions {
    SpoolOptions {
        path: path.into(),
        max_bytes: 1 << 20,
        max_age: Duration::from_hours(1),
    }
}

/// Reads on; the numbers of the alerts.
fn numbers(spool: &Spool, head: &mut Head) -> Vec<u64> {
    let next = || match spool.next(head).unwrap() {
        Next::Alert(alert) => Some(alert.alert.time_ns),
        Next::Nothing => None,
        Next::TooOld => panic!("nothing is old"),
    };
    std::iter::from_fn(next).collect()
}

fn files(path: &Path) -> usize {
    segments(path).unwrap().len()
}

#[test]
fn an_alert_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(&options(dir.path()), "http").unwrap();
    let internal = Alert::internal(7, Priority::Debug, "r", "m".into(), BTreeMap::new());
    for finished in [alert(1), Finished::new(internal, b"x".to_vec())] {
        spool.append(&finished).unwrap();
        let Next::Alert(found) = spool.next(&mut spool.head().unwrap()).unwrap() else {
            panic!("it is gone");
        };
        assert_eq!(format!("{found:?}"), format!("{finished:?}"));
    }
}

#[test]
fn what_is_not_out_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("http");
    let small = SpoolOptions {
        // Segments of some two alerts.
        max_bytes: 8 * 300,
        ..options(dir.path())
    };
    let mut written = 0;
    for round in 0..5 {
        let spool = Spool::open(&small, "http").unwrap();
        let again = Spool::open(&small, "http").unwrap();
        assert!(Arc::ptr_eq(&spool, &again));
        let mut head = spool.head().unwrap();
        for _ in 0..3 {
            spool.append(&alert(written)).unwrap();
            written += 1;
        }
        // One of the last round, and the first two of this one are out; one is only read.
        let expected: Vec<u64> = (round * 3 - round.min(1)..written).collect();
        assert_eq!(numbers(&spool, &mut head), expected);
        Spool::rewind(&mut head);
        for _ in 1..expected.len() {
            assert!(matches!(spool.next(&mut head).unwrap(), Next::Alert(_)));
        }
        spool.commit(&mut head).unwrap();
        assert!(matches!(spool.next(&mut head).unwrap(), Next::Alert(_)));
        assert!(files(&path) <= 2, "{}", files(&path));
    }
}

#[test]
fn a_record_that_was_cut_is_the_end_of_its_segment() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("http");
    for cut in [1, 9, 20] {
        let spool = Spool::open(&options(dir.path()), "http").unwrap();
        spool.append(&alert(1)).unwrap();
        spool.append(&alert(2)).unwrap();
        drop(spool);
        let &(number, length) = segments(&path).unwrap().iter().max().unwrap();
        let file = OpenOptions::new()
            .write(true)
            .open(segment_path(&path, number))
            .unwrap();
        file.set_len(length - cut).unwrap();
        let spool = Spool::open(&options(dir.path()), "http").unwrap();
        spool.append(&alert(3)).unwrap();
        let mut head = spool.head().unwrap();
        assert_eq!(numbers(&spool, &mut head), [1, 3]);
        spool.commit(&mut head).unwrap();
    }
    // What was noted last is believed only if it is whole.
    fs::write(path.join("delivered"), [0; 20]).unwrap();
    let spool = Spool::open(&options(dir.path()), "http").unwrap();
    assert_eq!(numbers(&spool, &mut spool.head().unwrap()), [3]);
}

#[test]
fn room_and_age_have_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let small = SpoolOptions {
        max_bytes: 1000,
        max_age: Duration::ZERO,
        ..options(dir.path())
    };
    let spool = Spool::open(&small, "http").unwrap();
    let fitting = (0..100)
        .take_while(|number| spool.append(&alert(*number)).is_ok())
        .count();
    assert!((2..10).contains(&fitting), "{fitting}");
    let mut head = spool.head().unwrap();
    for _ in 0..fitting {
        assert!(matches!(spool.next(&mut head).unwrap(), Next::TooOld));
    }
    assert!(matches!(spool.next(&mut head).unwrap(), Next::Nothing));
    spool.commit(&mut head).unwrap();
    spool.append(&alert(0)).unwrap();
}

#[test]
fn another_process_is_kept_out() {
    let dir = tempfile::tempdir().unwrap();
    let first = Spool::open(&options(dir.path()), "http").unwrap();
    let error = Spool::new(first.path.clone(), &options(dir.path())).unwrap_err();
    assert_eq!(error.to_string(), "another process uses it");
}

proptest! {
    #[test]
    fn whatever_lies_in_a_segment_is_read_without_harm(bytes: Vec<u8>, at in 0u64..64) {
        let read = |out: &mut [u8], at: u64| (&bytes[..]).read_exact_at(out, at);
        _ = record::read(read, at, bytes.len() as u64).unwrap();
    }

    #[test]
    fn a_record_may_hold_anything(at in 0usize..200, byte: u8, cut in 0usize..200) {
        let mut bytes = record::encode(&alert(1), 7).unwrap();
        let whole = bytes.len();
        // After the head; what follows it gets a checksum that fits.
        bytes[8 + at % (whole - 8)] = byte;
        bytes.truncate(whole.saturating_sub(cut).max(8));
        let (head, body) = bytes.split_at_mut(8);
        head[..4].copy_from_slice(&(body.len() as u32).to_le_bytes());
        head[4..].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
        let read = |out: &mut [u8], at: u64| (&bytes[..]).read_exact_at(out, at);
        let found = record::read(read, 0, bytes.len() as u64).unwrap();
        prop_assert!(found.is_none_or(|record| record.end == bytes.len() as u64));
    }
}

trait ReadAt {
    fn read_exact_at(&self, out: &mut [u8], at: u64) -> io::Result<()>;
}

impl ReadAt for &[u8] {
    fn read_exact_at(&self, out: &mut [u8], at: u64) -> io::Result<()> {
        let from = self
            .get(at as usize..)
            .and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
