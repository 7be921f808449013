//! BTF, the kernel's description of its types: records one after the other, numbered from 1 on, and the texts that they point into.

use std::collections::BTreeMap;

const MAGIC: u16 = 0xeb9f;
const HEADER_BYTES: usize = 24;
const RECORD_BYTES: usize = 12;

/// What records of a kind look like, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Has a name, and all that there is to it is in the record.
    Plain,
    Pointer,
    Array,
    /// A structure or a union.
    Fields,
    /// Another type under a name, or with something said of it.
    Alias,
    /// What no field is made of: functions, variables.
    Other,
}

/// A description.
pub(super) struct Btf<'a> {
    types: &'a [u8],
    texts: &'a [u8],
    /// Where records begin, and where the last ends.
    starts: Vec<u32>,
}

/// One type.
#[derive(Clone, Copy)]
pub(super) struct Record<'a>(&'a [u8]);

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

impl<'a> Btf<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Btf<'a>> {
        let magic = bytes.first_chunk().map(|magic| u16::from_ne_bytes(*magic));
        if magic != Some(MAGIC) {
            return None;
        }
        let part = |place: usize| {
            let rest = bytes.get(word(bytes, 4)? as usize..)?;
            let from = rest.get(word(bytes, place)? as usize..)?;
            from.get(..word(bytes, place + 4)? as usize)
        };
        let (types, texts) = (part(8)?, part(16)?);
        let (mut starts, mut at) = (vec![0], 0);
        while at < types.len() {
            at += Record(types.get(at..)?).length()?;
            starts.push(u32::try_from(at).ok()?);
        }
        Some(Btf {
            types,
            texts,
            starts,
        })
    }

    /// The highest number of a type.
    pub(super) fn count(&self) -> u32 {
        self.starts.len() as u32 - 1
    }

    pub(super) fn record(&self, id: u32) -> Option<Record<'a>> {
        let start = *self.starts.get((id as usize).checked_sub(1)?)? as usize;
        let end = *self.starts.get(id as usize)? as usize;
        Some(Record(self.types.get(start..end)?))
    }

    pub(super) fn text(&self, at: u32) -> Option<&'a [u8]> {
        let rest = self.texts.get(at as usize..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        rest.get(..end)
    }

    /// The name of a type that can be asked for by name; `None`: it has none.
    pub(super) fn name_of_whole(&self, id: u32) -> Option<&'a [u8]> {
        let record = self.record(id)?;
        let asked_for =
            matches!(record.kind(), Kind::Plain | Kind::Fields) || record.number() == TYPEDEF;
        let name = word(record.0, 0).filter(|at| asked_for && *at != 0)?;
        self.text(name)
    }

    pub(super) fn has_function(&self, name: &[u8]) -> bool {
        let named = |record: &Record<'_>| {
            let at = word(record.0, 0).unwrap_or(0) as usize;
            let text = self.texts.get(at..).unwrap_or_default();
            let rest = text.strip_prefix(name);
            rest.is_some_and(|rest| rest.first() == Some(&0))
        };
        (1..=self.count())
            .filter_map(|id| self.record(id))
            .any(|record| record.number() == FUNCTION && named(&record))
    }
}

/// A description that is being made of some of another's types.
pub(super) struct Extract<'a> {
    of: &'a Btf<'a>,
    types: Vec<u8>,
    /// The texts that its types need, and where each was.
    texts: Vec<u8>,
    places: BTreeMap<u32, u32>,
}

impl<'a> Extract<'a> {
    pub(super) fn new(of: &'a Btf<'a>) -> Extract<'a> {
        Extract {
            of,
            types: Vec::new(),
            texts: vec![0],
            places: BTreeMap::from([(0, 0)]),
        }
    }

    /// Adds a type with other numbers for the types that it is made of. `None` when one of its names is not there.
    pub(super) fn add(&mut self, record: Record<'_>, number: impl Fn(u32) -> u32) -> Option<()> {
        let start = self.types.len();
        self.types.extend(record.0);
        match record.kind() {
            Kind::Pointer => self.put(start + 8, 0),
            Kind::Array => self.put(start + RECORD_BYTES + 4, 0),
            _ => {}
        }
        for place in record.places() {
            self.put(start + place, number(word(record.0, place)?));
        }
        for place in record.names() {
            let text = self.text(word(record.0, place)?)?;
            self.put(start + place, text);
        }
        Some(())
    }

    /// Adds a pointer to nothing in particular: what stands where nobody looks.
    pub(super) fn add_nothing(&mut self) {
        for word in [0, POINTER << 24, 0] {
            self.types.extend(u32::to_ne_bytes(word));
        }
    }

    fn put(&mut self, place: usize, number: u32) {
        if let Some(bytes) = self.types.get_mut(place..place + 4) {
            bytes.copy_from_slice(&number.to_ne_bytes());
        }
    }

    /// Where a text will be.
    fn text(&mut self, of: u32) -> Option<u32> {
        if let Some(place) = self.places.get(&of) {
            return Some(*place);
        }
        let place = self.texts.len() as u32;
        self.texts.extend(self.of.text(of)?);
        self.texts.push(0);
        self.places.insert(of, place);
        Some(place)
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let (types, texts) = (self.types.len() as u32, self.texts.len() as u32);
        let mut out = Vec::with_capacity(HEADER_BYTES + self.types.len() + self.texts.len());
        out.extend(MAGIC.to_ne_bytes());
        out.extend([1, 0]);
        for number in [HEADER_BYTES as u32, 0, types, types, texts] {
            out.extend(number.to_ne_bytes());
        }
        out.extend(self.types);
        out.extend(self.texts);
        out
    }
}

const POINTER: u32 = 2;
const ENUMERATION: u32 = 6;
const TYPEDEF: u32 = 8;
const FUNCTION: u32 = 12;
const ENUMERATION_64: u32 = 19;

impl Record<'_> {
    /// The number of its kind.
    fn number(self) -> u32 {
        word(self.0, 4).unwrap_or(0) >> 24 & 31
    }

    pub(super) fn kind(self) -> Kind {
        match self.number() {
            1 | ENUMERATION | 7 | 16 | ENUMERATION_64 => Kind::Plain, // numbers, enumerations, forward declarations
            POINTER => Kind::Pointer,
            3 => Kind::Array,
            4 | 5 => Kind::Fields,
            TYPEDEF | 9..=11 | 18 => Kind::Alias, // volatile, const, restrict, tags
            _ => Kind::Other,
        }
    }

    fn count(self) -> usize {
        word(self.0, 4).unwrap_or(0) as usize & 0xffff
    }

    /// How many bytes it takes, whatever follows.
    fn length(self) -> Option<usize> {
        let more = match self.number() {
            1 | 14 | 17 => 4, // what kind of a number; variables; tags of declarations
            2 | 7..=12 | 16 | 18 => 0,
            3 => 12,
            4 | 5 | 15 | ENUMERATION_64 => 12 * self.count(), // fields, sections, long enumerations
            ENUMERATION | 13 => 8 * self.count(),             // enumerations, parameters
            _ => return None,
        };
        (self.0.len() >= RECORD_BYTES + more).then_some(RECORD_BYTES + more)
    }

    /// Where in it the numbers of the types are that it is made of. What a pointer points to is no part of it, nor what an array is
    /// counted by.
    fn places(self) -> impl Iterator<Item = usize> {
        let (first, step, count) = match self.kind() {
            Kind::Array => (RECORD_BYTES, 0, 1),
            Kind::Fields => (RECORD_BYTES + 4, 12, self.count()),
            Kind::Alias => (8, 0, 1),
            Kind::Plain | Kind::Pointer | Kind::Other => (0, 0, 0),
        };
        (0..count).map(move |index| first + step * index)
    }

    pub(super) fn parts(self, mut take: impl FnMut(u32)) {
        for place in self.places() {
            word(self.0, place).into_iter().for_each(&mut take);
        }
    }

    /// Where in it names are.
    fn names(self) -> impl Iterator<Item = usize> {
        let (step, count) = match self.number() {
            4 | 5 | ENUMERATION_64 => (12, self.count()),
            ENUMERATION => (8, self.count()),
            _ => (0, 0),
        };
        let of_parts = (0..count).map(move |index| RECORD_BYTES + step * index);
        std::iter::once(0).chain(of_parts)
    }
}
