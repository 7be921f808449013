//! An event as it lies in memory.

use std::ffi::CStr;

use crate::{EventCode, EventInfo, codes};

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
///
/// It is no more than the bytes, so that it travels in registers; what the header says is read where it is needed.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The whole event: header, lengths, parameters.
    bytes: &'a [u8],
}

impl<'a> Event<'a> {
    /// Looks at bytes that start with an event; what follows it is ignored.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Event<'a>, Malformed> {
        let have = bytes.len();
        let short = |need| Malformed::Short { have, need };
        if have < HEADER_BYTES {
            return Err(short(HEADER_BYTES));
        }
        let length = u32_at(bytes, LENGTH_AT) as usize;
        let code = u16_at(bytes, CODE_AT);
        let count = u32_at(bytes, COUNT_AT);
        let code = EventCode::new(code).ok_or(Malformed::UnknownCode(code))?;
        let info = code.info();
        if count as usize > info.params.len() {
            return Err(Malformed::TooManyParams {
                code: code.get(),
                count,
                max: info.params.len(),
            });
        }
        let event = Event {
            bytes: bytes.get(..length).ok_or(short(length))?,
        };
        let needed = event.data_at();
        let lengths = bytes.get(HEADER_BYTES..needed).ok_or(short(needed))?;
        let needed = needed + sum(lengths, is_large(code));
        if needed > length {
            return Err(short(needed));
        }
        Ok(event)
    }

    /// When it happened: nanoseconds since 1970.
    #[inline]
    pub fn time_ns(&self) -> u64 {
        u64_at(self.bytes, TIME_AT)
    }

    /// The thread it happened in.
    #[inline]
    pub fn thread(&self) -> i64 {
        u64_at(self.bytes, THREAD_AT) as i64
    }

    /// Which event it is.
    #[inline]
    pub fn code(&self) -> EventCode {
        EventCode::known(u16_at(self.bytes, CODE_AT))
    }

    /// What the schema says of it.
    #[inline]
    pub fn info(&self) -> &'static EventInfo {
        self.code().info()
    }

    /// How many parameters it has: at most as many as the schema says.
    #[inline]
    pub fn len(&self) -> usize {
        u32_at(self.bytes, COUNT_AT) as usize
    }

    /// Whether it has no parameter.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole event, header included.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes of a parameter; `None` when there is no such parameter or it is empty, which means absent.
    #[inline]
    pub fn param(&self, index: usize) -> Option<&'a [u8]> {
        let count = self.len();
        if index >= count {
            return None;
        }
        let large = is_large(self.code());
        let width = width(large);
        let lengths = self.bytes.get(HEADER_BYTES..)?;
        let (before, rest) = lengths.split_at_checked(index * width)?;
        let start = HEADER_BYTES + count * width + sum(before, large);
        let length = sum(rest.get(..width)?, large);
        if length == 0 {
            None
        } else {
            self.bytes.get(start..start + length)
        }
    }

    /// A text or path without its closing NUL. An empty text is `Some`: its NUL is there; the text `(NULL)` means absent.
    #[inline]
    pub fn str(&self, index: usize) -> Option<&'a [u8]> {
        let bytes = self.param(index)?;
        let text = CStr::from_bytes_until_nul(bytes).map_or(bytes, CStr::to_bytes);
        (text != b"(NULL)").then_some(text)
    }

    /// A signed 64-bit number (descriptors, process ids, results).
    #[inline]
    pub fn i64(&self, index: usize) -> Option<i64> {
        self.param(index)?.try_into().ok().map(i64::from_le_bytes)
    }

    /// An unsigned 64-bit number.
    #[inline]
    pub fn u64(&self, index: usize) -> Option<u64> {
        self.param(index)?.try_into().ok().map(u64::from_le_bytes)
    }

    /// An unsigned 32-bit number (flags, ids, modes).
    #[inline]
    pub fn u32(&self, index: usize) -> Option<u32> {
        self.param(index)?.try_into().ok().map(u32::from_le_bytes)
    }

    /// A signed 32-bit number.
    #[inline]
    pub fn i32(&self, index: usize) -> Option<i32> {
        self.param(index)?.try_into().ok().map(i32::from_le_bytes)
    }

    /// An unsigned 16-bit number.
    #[inline]
    pub fn u16(&self, index: usize) -> Option<u16> {
        self.param(index)?.try_into().ok().map(u16::from_le_bytes)
    }

    /// An unsigned 8-bit number.
    #[inline]
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

    /// What is behind the last parameter.
    #[inline]
    pub(crate) fn behind(&self) -> &'a [u8] {
        let start = self.data_at();
        let lengths = self.bytes.get(HEADER_BYTES..start).unwrap_or_default();
        let end = start + sum(lengths, is_large(self.code()));
        self.bytes.get(end..).unwrap_or_default()
    }

    /// Where the parameters begin.
    #[inline]
    fn data_at(&self) -> usize {
        HEADER_BYTES + self.len() * width(is_large(self.code()))
    }
}

/// Whether the lengths of parameters have 32 bits: [`EventFlags::LARGE_PAYLOAD`], without a look into the table.
#[inline]
fn is_large(code: EventCode) -> bool {
    matches!(
        code,
        codes::PLUGINEVENT_E | codes::ASYNCEVENT_E | codes::CONTAINER_JSON_2_E
    )
}

/// The bytes of one length.
#[inline]
fn width(large: bool) -> usize {
    if large { 4 } else { 2 }
}

const TIME_AT: usize = 0;
const THREAD_AT: usize = 8;
const LENGTH_AT: usize = 16;
const CODE_AT: usize = 20;
const COUNT_AT: usize = 22;

/// What the lengths add up to.
#[inline]
fn sum(lengths: &[u8], large: bool) -> usize {
    if large {
        let lengths = lengths.chunks_exact(4);
        lengths.map(|length| u32_at(length, 0) as usize).sum()
    } else {
        let lengths = lengths.chunks_exact(2);
        lengths.map(|length| usize::from(u16_at(length, 0))).sum()
    }
}

/// The number at that place; 0 beyond the end, where nobody looks.
#[inline]
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

#[inline]
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u16::from_le_bytes(*bytes))
}
