//! The bytes of a capture, through one buffer that is used again and again.

use std::io::{self, Read};

use crate::{
    error::{CaptureError, Fault},
    gzip::{self, Gzip, read_some},
};

/// Large enough that a read costs nothing per event, small enough to stay in the processor's cache.
const BUFFER_BYTES: usize = 1 << 18;

/// A window that slides over a file or pipe, plain or packed.
pub(crate) struct Input<R> {
    source: Source<R>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The offset of the buffer's first byte in the capture.
    base: u64,
}

enum Source<R> {
    Plain(R),
    Gzip(Box<Gzip<R>>),
}

impl<R: Read> Input<R> {
    /// Reads the first bytes, to see whether they are packed.
    pub(crate) fn open(mut source: R) -> Result<Input<R>, CaptureError> {
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut end = 0;
        while end < gzip::MAGIC.len() {
            match read_some(&mut source, &mut buffer[end..]) {
                Ok(0) => break,
                Ok(count) => end += count,
                Err(cause) => return Err(Fault::Read { offset: 0, cause }.into()),
            }
        }
        let (source, end) = if buffer[..end].starts_with(&gzip::MAGIC) {
            let gzip = Gzip::new(source, &buffer[..end]);
            (Source::Gzip(Box::new(gzip)), 0)
        } else {
            (Source::Plain(source), end)
        };
        Ok(Input {
            source,
            buffer,
            start: 0,
            end,
            base: 0,
        })
    }

    /// The offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// The bytes at hand.
    #[inline]
    pub(crate) fn have(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Brings that many bytes to hand; false when the capture has fewer. Memory grows with what is there, not with what is asked for.
    #[inline]
    pub(crate) fn fill(&mut self, need: usize) -> Result<bool, CaptureError> {
        if self.end - self.start >= need {
            return Ok(true);
        }
        self.refill(need)
    }

    /// Like [`Input::fill`], and an error when there are fewer.
    #[inline]
    pub(crate) fn require(
        &mut self,
        need: usize,
        expected: &'static str,
    ) -> Result<(), CaptureError> {
        if self.fill(need)? {
            return Ok(());
        }
        Err(CaptureError::from(Fault::Truncated {
            offset: self.offset(),
            expected,
            need: need as u64,
            have: self.have().len() as u64,
        }))
    }

    /// Goes past bytes that are at hand.
    #[inline]
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Goes past any number of bytes.
    pub(crate) fn skip(&mut self, count: u64, expected: &'static str) -> Result<(), CaptureError> {
        let offset = self.offset();
        let mut left = count;
        while left > 0 {
            if !self.fill(1)? {
                return Err(CaptureError::from(Fault::Truncated {
                    offset,
                    expected,
                    need: count,
                    have: count - left,
                }));
            }
            let step = left.min(self.have().len() as u64);
            self.consume(step as usize);
            left -= step;
        }
        Ok(())
    }

    #[cold]
    fn refill(&mut self, need: usize) -> Result<bool, CaptureError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        (self.start, self.end) = (0, self.end - self.start);
        while self.end < need {
            if self.end == self.buffer.len() {
                let larger = (2 * self.end).min(need.max(BUFFER_BYTES));
                self.buffer.resize(larger, 0);
            }
            let offset = self.base + self.end as u64;
            match self.read() {
                Ok(0) => return Ok(false),
                Ok(count) => self.end += count,
                Err(cause) => return Err(Fault::Read { offset, cause }.into()),
            }
        }
        Ok(true)
    }

    fn read(&mut self) -> io::Result<usize> {
        let free = &mut self.buffer[self.end..];
        match &mut self.source {
            Source::Plain(source) => read_some(source, free),
            Source::Gzip(gzip) => gzip.read(free),
        }
    }
}
