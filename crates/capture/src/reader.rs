//! The blocks of a capture, one after the other.

use std::{fs::File, io::Read, path::Path};

use falco_event::{Event, EventCode, HEADER_BYTES, Malformed};
use falco_state::State;

use crate::{
    blocks::{self, Block, EventLayout, FRAME, HEAD, TAIL},
    convert::{self, Converted, Converter},
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
    /// An event that is not delivered as it lies in its block: the number of its parameters was added, or it was converted.
    made: Vec<u8>,
    /// The event that was come upon last.
    place: Place,
    dropped: u64,
    ended: bool,
}

/// What comes next in a capture.
#[derive(Debug)]
pub enum Next<'a> {
    /// An event.
    Event(Captured<'a>),
    /// Another capture begins in the same file; what was known is to be forgotten.
    Section(Box<State>),
    /// Nothing.
    End,
}

/// What [`Reader::advance`] came upon.
#[derive(Debug)]
pub enum Step {
    /// An event: [`Reader::event`] lends it.
    Event,
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
        let file = File::open(path).map_err(Fault::Open)?;
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
            made: Vec::new(),
            place: Place::default(),
            dropped: 0,
            ended: false,
        };
        let state = reader.section()?;
        Ok((reader, state))
    }

    /// The offset of the next block: how much of the capture was read.
    pub fn offset(&self) -> u64 {
        self.input.offset() + self.lent as u64
    }

    /// How many events had no place in today's schema: most entries into calls, whose parameters go to the ends of the calls.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The next event, lent until the call after. After an error, and after the end, there is only the end.
    #[inline]
    pub fn next_event(&mut self) -> Result<Next<'_>, CaptureError> {
        match self.advance()? {
            Step::Event => self.event().map(Next::Event),
            Step::Section(state) => Ok(Next::Section(state)),
            Step::End => Ok(Next::End),
        }
    }

    /// Goes to the next event. With [`Reader::event`] it is [`Reader::next_event`] in two steps, for who cannot borrow yet.
    #[inline]
    pub fn advance(&mut self) -> Result<Step, CaptureError> {
        if self.ended {
            return Ok(Step::End);
        }
        // No path through an error needs to think of it: it is taken back where the capture goes on.
        self.ended = true;
        loop {
            match self.find_event()? {
                Found::Event(place) => self.place = place,
                Found::Other => {
                    let state = self.section()?;
                    self.ended = false;
                    return Ok(Step::Section(Box::new(state)));
                }
                Found::End => return Ok(Step::End),
            }
            if self.is_current() || self.convert()? {
                self.ended = false;
                return Ok(Step::Event);
            }
            self.dropped += 1;
        }
    }

    /// The event that [`Reader::advance`] came upon.
    #[inline]
    pub fn event(&mut self) -> Result<Captured<'_>, CaptureError> {
        match Event::parse(self.place.bytes(&self.input, &self.made)) {
            Ok(event) => Ok(Captured {
                event,
                cpu: self.place.cpu,
                flags: self.place.flags,
            }),
            Err(cause) => {
                let error = malformed(self.place.offset(&self.input), cause);
                self.ended = true;
                Err(error)
            }
        }
    }

    /// Whether the event is of today's version. The header was checked, the rest of it not yet.
    #[inline]
    fn is_current(&self) -> bool {
        let bytes = self.place.bytes(&self.input, &self.made);
        let code = EventCode::new(u16_at(bytes, 20));
        code.is_some_and(|code| convert::is_current(code, u32_at(bytes, 22) as usize))
    }

    /// Makes today's event of it; false when there is none.
    #[cold]
    fn convert(&mut self) -> Result<bool, CaptureError> {
        let offset = self.place.offset(&self.input);
        let bytes = self.place.bytes(&self.input, &self.made);
        let event = Event::parse(bytes).map_err(|cause| malformed(offset, cause))?;
        match self.converter.convert(event) {
            Ok(Converted::Same) => Ok(true),
            Ok(Converted::Anew(made)) => {
                self.made = made;
                self.place.is_made = true;
                Ok(true)
            }
            Ok(Converted::Dropped) => Ok(false),
            Err(cause) => {
                let expected = "an event that can be converted to today's schema";
                Err(CaptureError::damaged(offset, expected, cause.to_string()))
            }
        }
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
            let Some(layout) = EventLayout::of(code) else {
                return Ok(Found::Other);
            };
            let total = total as usize;
            let (start, end) = (HEAD + layout.event_at(), total.saturating_sub(TAIL));
            let known = self.event_block(layout, total)?;
            self.lent = total;
            if known {
                let block = self.input.have();
                return Ok(Found::Event(Place {
                    is_made: !layout.counted,
                    start,
                    end,
                    cpu: u16_at(block, HEAD),
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
        let Some(code) = EventCode::new(u16_at(event, 20)) else {
            return Ok(false);
        };
        if !layout.counted && old::count_params(code, event, &mut self.made).is_none() {
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
        let major = u16_at(have, HEAD + 4);
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
#[derive(Clone, Copy, Default)]
struct Place {
    /// Whether it lies apart, in `made`.
    is_made: bool,
    start: usize,
    end: usize,
    cpu: u16,
    flags: u32,
}

impl Place {
    #[inline]
    fn bytes<'a, R: Read>(&self, input: &'a Input<R>, made: &'a [u8]) -> &'a [u8] {
        if self.is_made {
            made
        } else {
            &input.have()[self.start..self.end]
        }
    }

    fn offset<R: Read>(&self, input: &Input<R>) -> u64 {
        input.offset() + self.start as u64
    }
}

/// Type and length of the block that begins there.
#[inline]
fn head(bytes: &[u8]) -> (u32, u32) {
    (u32_at(bytes, 0), u32_at(bytes, 4))
}

/// The number at that place, which was checked to be there.
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
