//! Segments of the spool: whatever lies on the disk is read to its end or to what is not whole.
#![no_main]

use std::io;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    read(data);
    // The same as the body of a record whose checksum fits.
    let mut record = (data.len() as u32).to_le_bytes().to_vec();
    record.extend_from_slice(&crc32fast::hash(data).to_le_bytes());
    record.extend_from_slice(data);
    read(&record);
});

fn read(segment: &[u8]) {
    let bytes = |out: &mut [u8], at: u64| {
        let from = segment.get(at as usize..).and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    };
    let mut at = 0;
    while let Ok(Some(record)) = falco_alerts::read_record(bytes, at, segment.len() as u64) {
        assert!(record.end > at && record.end <= segment.len() as u64);
        assert!(record.alert.line_and_newline().ends_with(b"\n"));
        at = record.end;
    }
}
