//! What parameters hold, decoded without copying.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Event, Format, Names, ParamType, SockAddr, SockTuple, schema::Alternative};

/// What a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Param<'a> {
    /// A signed number: results, descriptors, processes.
    Int(i64),
    /// An unsigned number: flags, ids, modes, times in nanoseconds, ports.
    Uint(u64),
    /// Yes or no.
    Bool(bool),
    /// A number with a fraction.
    Double(f64),
    /// A text or path, without its closing NUL.
    Str(&'a [u8]),
    /// Bytes of any kind.
    Bytes(&'a [u8]),
    /// Texts, one after the other.
    Texts(Texts<'a>),
    /// An internet address.
    Ip(IpAddr),
    /// One end of a socket.
    SockAddr(SockAddr<'a>),
    /// Both ends of a socket.
    SockTuple(SockTuple<'a>),
    /// The descriptors that a call waits for.
    FdList(FdList<'a>),
}

impl<'a> Event<'a> {
    /// What a parameter holds; of a dynamic one, what its selector says. `None` when it is absent (see [`Event::param`]), or its bytes
    /// are not of the form that its type asks for.
    pub fn value(&self, index: usize) -> Option<Param<'a>> {
        self.typed(index)?.decode()
    }

    /// A parameter with its type, chosen where it is dynamic; `None` when the schema has no such parameter. Its bytes may be none.
    pub(crate) fn typed(&self, index: usize) -> Option<Typed<'a>> {
        let info = self.info().params.get(index)?;
        let bytes = self.param(index).unwrap_or_default();
        let whole = Typed {
            bytes,
            ty: info.ty,
            format: info.format,
            names: info.names,
            chosen: false,
        };
        let Names::Dynamic(alternatives) = info.names else {
            return Some(whole);
        };
        let chosen = bytes.split_first().and_then(|(selector, bytes)| {
            let Alternative { ty, format } = *alternatives.get(usize::from(*selector))?;
            Some(Typed {
                bytes,
                ty,
                format,
                names: Names::None,
                chosen: true,
            })
        });
        Some(chosen.unwrap_or(whole))
    }
}

/// A parameter with its type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Typed<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) ty: ParamType,
    pub(crate) format: Format,
    pub(crate) names: Names,
    /// Whether a selector chose the type: then no bytes are an empty value, not an absent one.
    pub(crate) chosen: bool,
}

impl<'a> Typed<'a> {
    pub(crate) fn is_absent(&self) -> bool {
        self.bytes.is_empty() && !self.chosen
    }

    pub(crate) fn decode(&self) -> Option<Param<'a>> {
        use ParamType as T;
        if self.is_absent() {
            return None;
        }
        let bytes = self.bytes;
        Some(match self.ty {
            T::Charbuf | T::Fspath | T::Fsrelpath => {
                let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
                let absent = text == b"(NULL)" && !self.chosen;
                return (!absent).then_some(Param::Str(text));
            }
            T::Bytebuf => Param::Bytes(bytes),
            T::Charbufarray | T::CharbufPairArray => Param::Texts(Texts { bytes }),
            T::Sockaddr => Param::SockAddr(SockAddr::parse(bytes)?),
            T::Socktuple => Param::SockTuple(SockTuple::parse(bytes)?),
            T::Fdlist => Param::FdList(FdList::parse(bytes)?),
            T::Ipv4addr | T::Ipv6addr | T::Ipaddr => Param::Ip(ip(bytes)?),
            T::Int8 => Param::Int(i8::from_le_bytes(bytes.try_into().ok()?).into()),
            T::Int16 => Param::Int(i16::from_le_bytes(bytes.try_into().ok()?).into()),
            T::Int32 | T::Fd32 | T::Pid32 => {
                Param::Int(i32::from_le_bytes(bytes.try_into().ok()?).into())
            }
            T::Int64 | T::Errno | T::Fd | T::Pid => {
                Param::Int(i64::from_le_bytes(bytes.try_into().ok()?))
            }
            T::Uint8 | T::Flags8 | T::Enumflags8 | T::Sigtype | T::L4proto | T::Sockfamily => {
                Param::Uint(u8::from_le_bytes(bytes.try_into().ok()?).into())
            }
            T::Uint16 | T::Flags16 | T::Enumflags16 | T::Syscallid | T::Port => {
                Param::Uint(u16::from_le_bytes(bytes.try_into().ok()?).into())
            }
            T::Uint32 | T::Flags32 | T::Enumflags32 | T::Uid | T::Gid | T::Mode | T::Sigset => {
                Param::Uint(u32::from_le_bytes(bytes.try_into().ok()?).into())
            }
            T::Uint64 | T::Reltime | T::Abstime => {
                Param::Uint(u64::from_le_bytes(bytes.try_into().ok()?))
            }
            T::Bool => Param::Bool(u32::from_le_bytes(bytes.try_into().ok()?) != 0),
            T::Double => Param::Double(f64::from_le_bytes(bytes.try_into().ok()?)),
            // A selector that nothing is known of, or networks, which no event has.
            T::None | T::Dyn | T::Ipv4net | T::Ipv6net | T::Ipnet => return None,
        })
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(octets).into());
    }
    let octets = <[u8; 16]>::try_from(bytes).ok()?;
    Some(Ipv6Addr::from(octets).into())
}

/// The descriptors that a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdList<'a> {
    entries: &'a [[u8; FdList::ENTRY_BYTES]],
}

impl<'a> FdList<'a> {
    const ENTRY_BYTES: usize = 10;

    /// Reads the bytes of a parameter; `None` when they lack the number of entries. Entries that they only announce are left out.
    pub fn parse(bytes: &'a [u8]) -> Option<FdList<'a>> {
        let (count, entries) = bytes.split_first_chunk()?;
        let count = usize::from(u16::from_le_bytes(*count));
        let (entries, _) = entries.as_chunks();
        Some(FdList {
            entries: entries.get(..count).unwrap_or(entries),
        })
    }

    /// The descriptors, each with the events it is waited for or that happened (`POLLIN`, … of poll(2)).
    pub fn iter(self) -> impl ExactSizeIterator<Item = (i64, i16)> + Clone + 'a {
        self.entries
            .iter()
            .map(|[a, b, c, d, e, f, g, h, events @ ..]| {
                let fd = i64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
                (fd, i16::from_le_bytes(*events))
            })
    }
}

/// Texts, one after the other, each closed by a NUL; the last may lack it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Texts<'a> {
    bytes: &'a [u8],
}

impl<'a> Texts<'a> {
    /// Looks at the bytes of a parameter.
    pub fn new(bytes: &'a [u8]) -> Texts<'a> {
        Texts { bytes }
    }

    /// The texts, without their NULs.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> + Clone {
        let bytes = self.bytes;
        let texts = (!bytes.is_empty()).then(|| {
            let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
            bytes.split(|byte| *byte == 0)
        });
        texts.into_iter().flatten()
    }
}
