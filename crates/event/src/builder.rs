//! Making events: for tests, for the scan at start, for plugins.

use crate::{EventCode, EventFlags, HEADER_BYTES};

/// Writes one event, parameter after parameter in the order of the schema.
#[derive(Clone, Debug)]
pub struct Builder {
    code: EventCode,
    time_ns: u64,
    thread: i64,
    lengths: Vec<u32>,
    data: Vec<u8>,
}

impl Builder {
    /// Starts an event.
    pub fn new(code: EventCode, time_ns: u64, thread: i64) -> Builder {
        Builder {
            code,
            time_ns,
            thread,
            lengths: Vec::new(),
            data: Vec::new(),
        }
    }

    /// A parameter of any type, as bytes. Ordinary events hold at most 65,535 of them a parameter: more are cut.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Builder {
        let max = if self.large() {
            u32::MAX as usize
        } else {
            usize::from(u16::MAX)
        };
        let bytes = bytes.get(..max).unwrap_or(bytes);
        self.lengths.push(bytes.len() as u32);
        self.data.extend_from_slice(bytes);
        self
    }

    /// A parameter that is absent.
    #[must_use]
    pub fn empty(self) -> Builder {
        self.bytes(&[])
    }

    /// A text or path; the closing NUL is added.
    #[must_use]
    pub fn str(self, text: &[u8]) -> Builder {
        let mut bytes = text.to_vec();
        bytes.push(0);
        self.bytes(&bytes)
    }

    /// A signed 64-bit number.
    #[must_use]
    pub fn i64(self, value: i64) -> Builder {
        self.bytes(&value.to_le_bytes())
    }

    /// An unsigned 64-bit number.
    #[must_use]
    pub fn u64(self, value: u64) -> Builder {
        self.bytes(&value.to_le_bytes())
    }

    /// An unsigned 32-bit number.
    #[must_use]
    pub fn u32(self, value: u32) -> Builder {
        self.bytes(&value.to_le_bytes())
    }

    /// An unsigned 16-bit number.
    #[must_use]
    pub fn u16(self, value: u16) -> Builder {
        self.bytes(&value.to_le_bytes())
    }

    /// An unsigned 8-bit number.
    #[must_use]
    pub fn u8(self, value: u8) -> Builder {
        self.bytes(&[value])
    }

    /// Marks, and a path, behind the last parameter (see [`crate::Trailer`]): to be called last.
    #[must_use]
    pub fn trailer(mut self, marks: u16, path: Option<&[u8]>) -> Builder {
        self.data.extend(crate::trailer::encode(marks, path));
        self
    }

    /// The event in wire form.
    pub fn finish(self) -> Vec<u8> {
        let width = if self.large() { 4 } else { 2 };
        let length = HEADER_BYTES + self.lengths.len() * width + self.data.len();
        let mut out = Vec::with_capacity(length);
        out.extend_from_slice(&self.time_ns.to_le_bytes());
        out.extend_from_slice(&self.thread.to_le_bytes());
        out.extend_from_slice(&(length as u32).to_le_bytes());
        out.extend_from_slice(&self.code.get().to_le_bytes());
        out.extend_from_slice(&(self.lengths.len() as u32).to_le_bytes());
        for length in &self.lengths {
            out.extend_from_slice(&length.to_le_bytes()[..width]);
        }
        out.extend_from_slice(&self.data);
        out
    }

    fn large(&self) -> bool {
        self.code.info().flags.any(EventFlags::LARGE_PAYLOAD)
    }
}
