//! An event as it lies in memory.

use crate::{EventCode, EventFlags, EventInfo};

/// The size of the header: time (u64), thread (u64), length (u32), code (u16), number of parameters (u32), little endian, packed.
pub const HEADER_BYTES: usize = 26;

/// Why bytes are no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Fewer bytes than a header, or than the header's length field says.
    #[error("event of {have} bytes where {need} are needed")]
    Short {
        /// The bytes there are.
        have: usize,
        /// The bytes there should be.
        need: usize,
    },
    /// A code that this schema does not have: from a newer writer.
    #[error("event code {0} is not known")]
    UnknownCode(u16),
    /// More parameters than the schema has for this event.
    #[error("{count} parameters, at most {max} are known of event code {code}")]
    TooManyParams {
        /// The code of the event.
        code: u16,
        /// The parameters it claims.
        count: u32,
        /// The parameters the schema has.
        max: usize,
    },
}

/// A view of one event, borrowed from a ring or from a block of a capture. Bounds are checked when it is made.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    time_ns: u64,
    thread: i64,
    code: EventCode,
    count: u16,
    large: bool,
    lengths: &'a [u8],
    data: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> Event<'a> {
    /// Looks at bytes that start with an event; what follows it is ignored.
    pub fn parse(bytes: &'a [u8]) -> Result<Event<'a>, Malformed> {
        let short = |need| Malformed::Short {
            have: bytes.len(),
            need,
        };
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(short(HEADER_BYTES))?;
        let [
            t0,
            t1,
            t2,
            t3,
            t4,
            t5,
            t6,
            t7,
            i0,
            i1,
            i2,
            i3,
            i4,
            i5,
            i6,
            i7,
            l0,
            l1,
            l2,
            l3,
            c0,
            c1,
            n0,
            n1,
            n2,
            n3,
        ] = *header;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let code = u16::from_le_bytes([c0, c1]);
        let count = u32::from_le_bytes([n0, n1, n2, n3]);
        let code = EventCode::new(code).ok_or(Malformed::UnknownCode(code))?;
        let info = code.info();
        if count as usize > info.params.len() {
            return Err(Malformed::TooManyParams {
                code: code.get(),
                count,
                max: info.params.len(),
            });
        }
        let bytes = bytes.get(..length).ok_or(short(length))?;
        let large = info.flags.any(EventFlags::LARGE_PAYLOAD);
        let lengths_bytes = count as usize * if large { 4 } else { 2 };
        let rest = bytes.get(HEADER_BYTES..).ok_or(short(HEADER_BYTES))?;
        let (lengths, data) = rest
            .split_at_checked(lengths_bytes)
            .ok_or(short(HEADER_BYTES + lengths_bytes))?;
        let event = Event {
            time_ns: u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
            thread: i64::from_le_bytes([i0, i1, i2, i3, i4, i5, i6, i7]),
            code,
            count: count as u16,
            large,
            lengths,
            data,
            bytes,
        };
        let needed: usize = (0..event.len()).map(|index| event.length(index)).sum();
        if needed > data.len() {
            return Err(short(HEADER_BYTES + lengths_bytes + needed));
        }
        Ok(event)
    }

    /// When it happened: nanoseconds since 1970.
    pub fn time_ns(&self) -> u64 {
        self.time_ns
    }

    /// The thread it happened in.
    pub fn thread(&self) -> i64 {
        self.thread
    }

    /// Which event it is.
    pub fn code(&self) -> EventCode {
        self.code
    }

    /// What the schema says of it.
    pub fn info(&self) -> &'static EventInfo {
        self.code.info()
    }

    /// How many parameters it has: at most as many as the schema says.
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether it has no parameter.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The whole event, header included.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes of a parameter; `None` when there is no such parameter or it is empty, which means absent.
    pub fn param(&self, index: usize) -> Option<&'a [u8]> {
        if index >= self.len() {
            return None;
        }
        let start: usize = (0..index).map(|before| self.length(before)).sum();
        let length = self.length(index);
        if length == 0 {
            None
        } else {
            self.data.get(start..start + length)
        }
    }

    /// A text or path without its closing NUL. An empty text is `Some`: its NUL is there; the text `(NULL)` means absent.
    pub fn str(&self, index: usize) -> Option<&'a [u8]> {
        let bytes = self.param(index)?;
        let text = bytes.split(|byte| *byte == 0).next()?;
        (text != b"(NULL)").then_some(text)
    }

    /// A signed 64-bit number (descriptors, process ids, results).
    pub fn i64(&self, index: usize) -> Option<i64> {
        self.param(index)?.try_into().ok().map(i64::from_le_bytes)
    }

    /// An unsigned 64-bit number.
    pub fn u64(&self, index: usize) -> Option<u64> {
        self.param(index)?.try_into().ok().map(u64::from_le_bytes)
    }

    /// An unsigned 32-bit number (flags, ids, modes).
    pub fn u32(&self, index: usize) -> Option<u32> {
        self.param(index)?.try_into().ok().map(u32::from_le_bytes)
    }

    /// A signed 32-bit number.
    pub fn i32(&self, index: usize) -> Option<i32> {
        self.param(index)?.try_into().ok().map(i32::from_le_bytes)
    }

    /// An unsigned 16-bit number.
    pub fn u16(&self, index: usize) -> Option<u16> {
        self.param(index)?.try_into().ok().map(u16::from_le_bytes)
    }

    /// An unsigned 8-bit number.
    pub fn u8(&self, index: usize) -> Option<u8> {
        self.param(index)?.try_into().ok().map(u8::from_le_bytes)
    }

    /// The index of the parameter of that name.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.info()
            .params
            .iter()
            .take(self.len())
            .position(|param| param.name == name)
    }

    fn length(&self, index: usize) -> usize {
        if self.large {
            let at = self
                .lengths
                .get(index * 4..)
                .and_then(|rest| rest.first_chunk());
            at.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
        } else {
            let at = self
                .lengths
                .get(index * 2..)
                .and_then(|rest| rest.first_chunk());
            at.map_or(0, |bytes| usize::from(u16::from_le_bytes(*bytes)))
        }
    }
}
