//! The blocks of a capture, one after the other.

use std::{fs::File, io::Read, path::Path};

use falco_event::{Event, EventCode, HEADER_BYTES, Malformed};
use falco_state::State;

use crate::{
    blocks::{self, Block, EventLayout, FRAME, HEAD, TAIL},
    convert::{self, Converter},
    error::{CaptureError, Fault},
    input::Input,
    old::{self, OLD_HEADER},
    tables,
};

/// Reads a capture: a file or a pipe, plain or packed with gzip.
pub struct Reader<R = File> {
    input: Input<R>,
    converter: Converter,
    /// The bytes of the block that was lent out last.
    lent: usize,
    /// An event of the first version, with the number of its parameters added.
    counted: Vec<u8>,
    ended: bool,
}

/// What comes next in a capture.
#[derive(Debug)]
pub enum Next<'a> {
    /// An event.
    Event(Captured<'a>),
    /// An event of an older schema that has no place in today's (most enter events, whose parameters go to their exit events).
    Dropped,
    /// Another capture begins in the same file; what was known is to be forgotten.
    Section(Box<State>),
    /// Nothing.
    End,
}

/// An event of a capture.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// The event in today's form.
    pub event: Event<'a>,
    /// The processor it happened on.
    pub cpu: u16,
    /// What the writer noted about it; 0 when nothing.
    pub flags: u32,
}

impl Reader<File> {
    /// Opens a file and reads the tables up to the first event.
    pub fn open(path: impl AsRef<Path>) -> Result<(Reader<File>, State), CaptureError> {
        let file = File::open(path)
            .map_err(|cause| CaptureError::from(Fault::Read { offset: 0, cause }))?;
        Reader::new(file)
    }
}

impl<R: Read> Reader<R> {
    /// Reads the tables up to the first event: the state of the machine when the capture began.
    pub fn new(source: R) -> Result<(Reader<R>, State), CaptureError> {
        let mut reader = Reader {
            input: Input::open(source)?,
            converter: Converter::default(),
            lent: 0,
            counted: Vec::new(),
            ended: false,
        };
        let state = reader.section()?;
        Ok((reader, state))
    }

    /// The offset of the next block: how much of the capture was read.
    pub fn offset(&self) -> u64 {
        self.input.offset() + self.lent as u64
    }

    /// The next event, borrowed until the call after. After an error, and after the end, there is only the end.
    pub fn next_event(&mut self) -> Result<Next<'_>, CaptureError> {
        if self.ended {
            return Ok(Next::End);
        }
        // No path through an error needs to think of it: it is taken back where the capture goes on.
        self.ended = true;
        let place = match self.find_event()? {
            Found::Event(place) => place,
            Found::Other => {
                let state = self.section()?;
                self.ended = false;
                return Ok(Next::Section(Box::new(state)));
            }
            Found::End => return Ok(Next::End),
        };
        let bytes = if place.counted {
            &self.input.have()[place.start..place.end]
        } else {
            &self.counted[..]
        };
        let offset = self.input.offset() + place.start as u64;
        let mut event = match Event::parse(bytes) {
            Ok(event) => event,
            Err(cause) => return Err(malformed(offset, cause)),
        };
        if !convert::is_current(&event) {
            match self.converter.convert(event) {
                Ok(Some(converted)) => event = converted,
                Ok(None) => {
                    self.ended = false;
                    return Ok(Next::Dropped);
                }
                Err(cause) => {
                    let expected = "an event that can be converted to today's schema";
                    let found = cause.to_string();
                    return Err(CaptureError::damaged(offset, expected, found));
                }
            }
        }
        self.ended = false;
        Ok(Next::Event(Captured {
            event,
            cpu: place.cpu,
            flags: place.flags,
        }))
    }

    /// Brings the next event of a known code to hand.
    #[inline]
    fn find_event(&mut self) -> Result<Found, CaptureError> {
        loop {
            self.input.consume(self.lent);
            self.lent = 0;
            if !self.input.fill(HEAD)? {
                if self.input.have().is_empty() {
                    return Ok(Found::End);
                }
                self.input.require(HEAD, "the head of a block")?;
            }
            let (code, total) = head(self.input.have());
            let Block::Event(layout) = Block::of(code) else {
                return Ok(Found::Other);
            };
            let total = total as usize;
            let (start, end) = (HEAD + layout.event_at(), total.saturating_sub(TAIL));
            let known = self.event_block(layout, total)?;
            self.lent = total;
            if known {
                let block = self.input.have();
                return Ok(Found::Event(Place {
                    counted: layout.counted,
                    start,
                    end,
                    cpu: u16::from_le_bytes([block[HEAD], block[HEAD + 1]]),
                    flags: if layout.flags {
                        u32_at(block, HEAD + 2)
                    } else {
                        0
                    },
                }));
            }
        }
    }

    /// Brings an event block to hand and checks its frame. Whether its code is known: it may be from the future.
    #[inline]
    fn event_block(&mut self, layout: EventLayout, total: usize) -> Result<bool, CaptureError> {
        let header = if layout.counted {
            HEADER_BYTES
        } else {
            OLD_HEADER
        };
        let least = FRAME + layout.event_at() + header;
        if total < least || total - HEAD > layout.max() {
            return Err(CaptureError::damaged(
                self.input.offset() + 4,
                format!(
                    "the length of an event block ({least} to {} bytes)",
                    layout.max() + HEAD
                ),
                total.to_string(),
            ));
        }
        self.input.require(total, "an event block")?;
        let block = &self.input.have()[..total];
        let tail = u32_at(block, total - TAIL);
        if tail as usize != total {
            let offset = self.input.offset() + (total - TAIL) as u64;
            return Err(wrong_tail(offset, total as u32, tail));
        }
        let event = &block[HEAD + layout.event_at()..total - TAIL];
        let Some(code) = EventCode::new(u16::from_le_bytes([event[20], event[21]])) else {
            return Ok(false);
        };
        if !layout.counted && old::count_params(code, event, &mut self.counted).is_none() {
            return Err(CaptureError::damaged(
                self.input.offset() + (HEAD + layout.event_at()) as u64,
                format!(
                    "parameters that fill an event of type {} exactly",
                    code.info().id
                ),
                "lengths that do not",
            ));
        }
        Ok(true)
    }

    /// Reads a section header and all blocks up to the first event.
    fn section(&mut self) -> Result<State, CaptureError> {
        self.section_header()?;
        self.converter.clear();
        let mut state = State::default();
        loop {
            if !self.input.fill(HEAD)? {
                if self.input.have().is_empty() {
                    let offset = self.input.offset();
                    return Err(CaptureError::from(Fault::NoEvents { offset }));
                }
                self.input.require(HEAD, "the head of a block")?;
            }
            let (code, total) = head(self.input.have());
            let block = Block::of(code);
            if let Block::Event(_) = block {
                state.settle();
                return Ok(state);
            }
            let offset = self.input.offset();
            if (total as usize) < FRAME {
                return Err(CaptureError::damaged(
                    offset + 4,
                    "the length of a block (12 bytes or more)",
                    total.to_string(),
                ));
            }
            self.input.consume(HEAD);
            let body = total as usize - FRAME;
            tables::read(block, &mut self.input, body, &mut state)?;
            self.input.require(TAIL, "the end of a block")?;
            let tail = u32_at(self.input.have(), 0);
            if tail != total {
                return Err(wrong_tail(self.input.offset(), total, tail));
            }
            self.input.consume(TAIL);
        }
    }

    fn section_header(&mut self) -> Result<(), CaptureError> {
        const NEED: usize = HEAD + blocks::SECTION_BODY;
        let offset = self.input.offset();
        let whole = self.input.fill(NEED)?;
        let have = self.input.have();
        if !have.starts_with(&blocks::code::SECTION.to_le_bytes()) {
            let found = &have[..have.len().min(8)];
            return Err(if offset == 0 {
                CaptureError::from(Fault::NotCapture { found: hex(found) })
            } else {
                CaptureError::damaged(offset, "an event or a section header", hex(found))
            });
        }
        if !whole {
            self.input.require(NEED, "the section header")?;
        }
        let have = self.input.have();
        let (_, total) = head(have);
        let magic = u32_at(have, HEAD);
        let major = u16::from_le_bytes([have[HEAD + 4], have[HEAD + 5]]);
        if magic != blocks::MAGIC {
            return Err(CaptureError::from(Fault::Foreign {
                offset: offset + HEAD as u64,
                expected: "the byte order mark 4d 3c 2b 1a of a little endian machine",
                found: hex(&have[HEAD..HEAD + 4]),
            }));
        }
        if major > blocks::MAJOR {
            return Err(CaptureError::from(Fault::Foreign {
                offset: offset + HEAD as u64 + 4,
                expected: "format version 1",
                found: format!("version {major}"),
            }));
        }
        if (total as usize) < NEED + TAIL {
            return Err(CaptureError::damaged(
                offset + 4,
                "the length of a section header (28 bytes or more)",
                total.to_string(),
            ));
        }
        // What exceeds the body are options of pcapng. Upstream does not look at the length behind them.
        self.input.skip(u64::from(total), "the section header")
    }
}

impl<R> std::fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("lent", &self.lent)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

enum Found {
    Event(Place),
    /// A block of another kind, not consumed.
    Other,
    End,
}

/// Where in the bytes at hand an event lies.
struct Place {
    /// Whether it lies there; else it was rewritten.
    counted: bool,
    start: usize,
    end: usize,
    cpu: u16,
    flags: u32,
}

fn head(bytes: &[u8]) -> (u32, u32) {
    (u32_at(bytes, 0), u32_at(bytes, 4))
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cold]
fn wrong_tail(offset: u64, head: u32, tail: u32) -> CaptureError {
    CaptureError::damaged(
        offset,
        format!("the length {head} again, at the end of the block"),
        tail.to_string(),
    )
}

#[cold]
fn malformed(offset: u64, cause: Malformed) -> CaptureError {
    CaptureError::damaged(offset, "a whole event of a known shape", cause.to_string())
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".into();
    }
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(" ")
}
