//! Unpacking gzip, member after member.
//!
//! Not `flate2::read`: that drops what it had unpacked when it comes upon damage, and all before the damage must be delivered.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

/// The first bytes of a gzip member.
pub(crate) const MAGIC: [u8; 2] = [0x1F, 0x8B];

const PACKED_BYTES: usize = 1 << 16;
const WINDOW_BITS: u8 = 15;

/// Reads what gzip packed.
pub(crate) struct Gzip<R> {
    source: R,
    packed: Box<[u8]>,
    start: usize,
    end: usize,
    inflate: Decompress,
    state: Member,
    error: Option<io::Error>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    /// In one.
    Inside,
    /// Between two, or after the last.
    Between,
    /// After the last.
    Done,
}

impl<R: Read> Gzip<R> {
    /// Goes on with bytes that were read already.
    pub(crate) fn new(source: R, first: &[u8]) -> Gzip<R> {
        let mut packed = vec![0; PACKED_BYTES.max(first.len())].into_boxed_slice();
        packed[..first.len()].copy_from_slice(first);
        Gzip {
            source,
            packed,
            start: 0,
            end: first.len(),
            inflate: Decompress::new_gzip(WINDOW_BITS),
            state: Member::Inside,
            error: None,
        }
    }

    /// Fills at least one byte, unless everything was unpacked.
    pub(crate) fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.error.take() {
            self.state = Member::Done;
            return Err(error);
        }
        loop {
            match self.state {
                Member::Done => return Ok(0),
                Member::Between => self.next_member()?,
                Member::Inside => {
                    let filled = self.unpack(out)?;
                    if filled > 0 || out.is_empty() {
                        return Ok(filled);
                    }
                }
            }
        }
    }

    fn unpack(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end && self.refill(0)? == 0 {
            self.state = Member::Done;
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the gzip file is cut off",
            ));
        }
        let (taken, filled) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(
            &self.packed[self.start..self.end],
            out,
            FlushDecompress::None,
        );
        self.start += (self.inflate.total_in() - taken) as usize;
        let filled = (self.inflate.total_out() - filled) as usize;
        match status {
            Ok(Status::StreamEnd) => self.state = Member::Between,
            Ok(Status::Ok | Status::BufError) => {}
            Err(cause) => {
                self.error = Some(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("the gzip data are damaged ({cause})"),
                ));
                if filled == 0 {
                    return self.read(out);
                }
            }
        }
        Ok(filled)
    }

    /// Another member, or the end. What else may follow (padding of tapes and disks) is ignored, as zlib does.
    fn next_member(&mut self) -> io::Result<()> {
        while self.end - self.start < MAGIC.len() {
            let kept = self.end - self.start;
            self.packed.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, kept);
            if self.refill(kept)? == 0 {
                self.state = Member::Done;
                return Ok(());
            }
        }
        if self.packed[self.start..].starts_with(&MAGIC) {
            self.inflate = Decompress::new_gzip(WINDOW_BITS);
            self.state = Member::Inside;
        } else {
            self.state = Member::Done;
        }
        Ok(())
    }

    fn refill(&mut self, at: usize) -> io::Result<usize> {
        let count = read_some(&mut self.source, &mut self.packed[at..])?;
        (self.start, self.end) = (0, at + count);
        Ok(count)
    }
}

/// One read, again when a signal broke it off.
pub(crate) fn read_some(source: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(out) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
