//! Reading the fields of one entry of a table.

use crate::error::CaptureError;

/// What is left of an entry, and where that lies in the capture.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], offset: u64) -> Cursor<'a> {
        Cursor {
            rest: bytes,
            offset,
        }
    }

    /// The offset of the next field.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Leaves at most that many bytes.
    pub(super) fn cut(&mut self, length: usize) {
        self.rest = self.rest.get(..length).unwrap_or(self.rest);
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next bytes, as they are.
    pub(super) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], CaptureError> {
        let Some((bytes, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.short(what, N));
        };
        self.rest = rest;
        self.offset += N as u64;
        Ok(*bytes)
    }

    pub(super) fn u8(&mut self, what: &str) -> Result<u8, CaptureError> {
        self.array(what).map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self, what: &str) -> Result<u16, CaptureError> {
        self.array(what).map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, CaptureError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64, CaptureError> {
        self.array(what).map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self, what: &str) -> Result<i64, CaptureError> {
        self.array(what).map(i64::from_le_bytes)
    }

    /// The next bytes if the entry still has that many: the fields that later writers added.
    pub(super) fn added<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        self.offset += N as u64;
        Some(*bytes)
    }

    /// A text with its length (u16) before it. A NUL ends it early, as upstream has it.
    pub(super) fn text(&mut self, what: &str, max: usize) -> Result<&'a [u8], CaptureError> {
        let bytes = self.list(what, max)?;
        let end = bytes.iter().position(|byte| *byte == 0);
        Ok(&bytes[..end.unwrap_or(bytes.len())])
    }

    /// Texts closed by NULs, with the length (u16) of all before them.
    pub(super) fn list(&mut self, what: &str, max: usize) -> Result<&'a [u8], CaptureError> {
        let at = self.offset;
        let length = usize::from(self.u16(what)?);
        if length > max {
            return Err(CaptureError::damaged(
                at,
                format!("the length of {what} (at most {max})"),
                length.to_string(),
            ));
        }
        self.bytes(what, length)
    }

    /// That many bytes.
    pub(super) fn bytes(&mut self, what: &str, length: usize) -> Result<&'a [u8], CaptureError> {
        let Some((bytes, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.short(what, length));
        };
        self.rest = rest;
        self.offset += length as u64;
        Ok(bytes)
    }

    #[cold]
    fn short(&self, what: &str, need: usize) -> CaptureError {
        CaptureError::damaged(
            self.offset,
            format!("{what} ({need} bytes)"),
            format!("the end of the entry after {} bytes", self.rest.len()),
        )
    }
}
