//! An alert as bytes: how it lies in a segment of the spool.
//!
//! A segment is a sequence of records: length and CRC-32 of what follows, both four bytes, little-endian, then an alert. What does not end,
//! or has another checksum, is the end of the segment: somebody was killed while writing it.

use std::io;
use std::sync::Arc;

use crate::{Alert, Finished, Kind, Priority};

/// Length and checksum.
const HEAD: u64 = 8;
/// No alert is longer; what says so is broken.
const RECORD_MAX: u64 = 1 << 26;
/// The form that follows.
const VERSION: u8 = 1;

/// A record that was read.
#[derive(Debug)]
pub struct Record {
    /// When it was written, in nanoseconds since 1970.
    pub written_ns: u64,
    /// The alert.
    pub alert: Arc<Finished>,
    /// Where the next one begins.
    pub end: u64,
}

/// The record of an alert; nothing if it is too long to be one.
pub(crate) fn encode(finished: &Finished, written_ns: u64) -> Option<Vec<u8>> {
    let alert = &finished.alert;
    let line = finished.line();
    let mut out = vec![0; HEAD as usize];
    out.reserve(256 + alert.message.len() + line.len());
    out.push(VERSION);
    out.extend_from_slice(&written_ns.to_le_bytes());
    out.extend_from_slice(&alert.time_ns.to_le_bytes());
    out.push(alert.priority as u8);
    let fields = serde_json::to_vec(&alert.fields).unwrap_or_default();
    text(alert.rule.as_bytes(), &mut out);
    text(alert.source.as_bytes(), &mut out);
    text(&alert.message, &mut out);
    text(&fields, &mut out);
    text(line, &mut out);
    if let Kind::Rule { tags } = &alert.kind {
        out.push(1);
        for tag in tags.iter() {
            text(tag.as_bytes(), &mut out);
        }
    } else {
        out.push(0);
    }
    let (head, body) = out.split_at_mut(HEAD as usize);
    if body.len() as u64 > RECORD_MAX {
        return None;
    }
    let (length, sum) = head.split_at_mut(4);
    length.copy_from_slice(&(body.len() as u32).to_le_bytes());
    sum.copy_from_slice(&crc32fast::hash(body).to_le_bytes());
    Some(out)
}

/// Length and bytes. No text is longer than a record, which is looked at in the end.
fn text(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text);
}

/// The record at `at` of a segment whose bytes `read` gives, and which ends at `end`. Nothing where there is none, or none that is whole.
///
/// # Errors
/// Reading failed.
pub fn read(
    read: impl Fn(&mut [u8], u64) -> io::Result<()>,
    at: u64,
    end: u64,
) -> io::Result<Option<Record>> {
    let Some(rest) = end.checked_sub(at).and_then(|rest| rest.checked_sub(HEAD)) else {
        return Ok(None);
    };
    let mut head = [0; HEAD as usize];
    read(&mut head, at)?;
    let [a, b, c, d, sum @ ..] = head;
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    if length > RECORD_MAX || length > rest {
        return Ok(None);
    }
    let mut body = vec![0; length as usize];
    read(&mut body, at + HEAD)?;
    if crc32fast::hash(&body) != u32::from_le_bytes(sum) {
        return Ok(None);
    }
    Ok(decode(&body).map(|(written_ns, alert)| Record {
        written_ns,
        alert: Arc::new(alert),
        end: at + HEAD + length,
    }))
}

fn decode(body: &[u8]) -> Option<(u64, Finished)> {
    let mut parts = Parts(body);
    if parts.byte()? != VERSION {
        return None;
    }
    let (written_ns, time_ns) = (parts.number()?, parts.number()?);
    let priority = *Priority::ALL.get(usize::from(parts.byte()?))?;
    let (rule, source) = (parts.name()?, parts.name()?);
    let message = parts.text()?.to_vec();
    let fields = serde_json::from_slice(parts.text()?).ok()?;
    let line = parts.text()?.to_vec();
    let mut kind = Kind::Internal;
    if parts.byte()? != 0 {
        let mut tags = Vec::new();
        while !parts.0.is_empty() {
            tags.push(parts.name()?);
        }
        kind = Kind::Rule { tags: tags.into() };
    }
    let alert = Alert {
        time_ns,
        priority,
        rule,
        source,
        message,
        fields,
        kind,
    };
    Some((written_ns, Finished::new(alert, line)))
}

/// What is left of a record.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_le_bytes(self.take(4)?.try_into().ok()?);
        self.take(length as usize)
    }

    fn name(&mut self) -> Option<Arc<str>> {
        std::str::from_utf8(self.text()?).ok().map(Arc::from)
    }
}
