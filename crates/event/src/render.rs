//! Parameters as text, as `evt.args` and `evt.arg` show them: a value, and often what it stands for (`fd=3(<f>/etc/passwd)`).
//!
//! What a number stands for may be somebody else's knowledge: a [`Resolver`] is asked for it.

mod names;
mod sockets;

use crate::{
    Event, EventCode, EventInfo, Format, Names, ParamType, SyscallCode, codes, schema::Flag,
    value::Typed,
};

pub use names::{errno_name, signal_name};
use sockets::put_shown;

/// Where text goes; takes everything.
pub trait Sink {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// What only the state of the machine knows. Each answer is written to the sink; `false`: not known.
pub trait Resolver {
    /// `<f>/etc/passwd`: what a descriptor of the event's thread is, in brackets, and its name.
    fn fd(&self, number: i64, out: &mut impl Sink) -> bool;
    /// The letter of what a descriptor is.
    fn fd_letter(&self, number: i64) -> Option<char>;
    /// The name of a process.
    fn comm(&self, tid: i64, out: &mut impl Sink) -> bool;
    /// The name of a user.
    fn user(&self, uid: u32, out: &mut impl Sink) -> bool;
    /// The name of a group.
    fn group(&self, gid: u32, out: &mut impl Sink) -> bool;
    /// The absolute form of a relative path, relative to a descriptor or, without, to the working directory.
    fn absolute(&self, dirfd: Option<i64>, path: &[u8], out: &mut impl Sink) -> bool;
    /// The local date and time, `2026-11-23 19:13:23.805062627`.
    fn date_time(&self, time_ns: u64, out: &mut impl Sink);
}

/// How parameters are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Show {
    /// At most so many bytes of a buffer; 0: all.
    pub buffer_max: usize,
    /// Buffers in base64 instead of as text.
    pub base64: bool,
}

impl Show {
    /// The value alone.
    pub fn value(
        self,
        event: &Event<'_>,
        index: usize,
        resolver: &impl Resolver,
        out: &mut impl Sink,
    ) {
        let Some(param) = event.typed(index) else {
            return;
        };
        if param.bytes.is_empty() {
            out.put(match param.ty {
                ParamType::Bytebuf
                | ParamType::Socktuple
                | ParamType::Fdlist
                | ParamType::Charbufarray
                | ParamType::CharbufPairArray
                | ParamType::Dyn => b"NULL",
                _ => b"<NA>",
            });
            return;
        }
        match param.ty {
            ParamType::Charbuf | ParamType::Fspath | ParamType::Fsrelpath => {
                out.put(event.str(index).unwrap_or(b"<NA>"));
            }
            ParamType::Bytebuf | ParamType::Charbufarray | ParamType::CharbufPairArray => {
                self.buffer(param.bytes, out);
            }
            ParamType::Sockaddr => sockets::address(param.bytes, out),
            ParamType::Socktuple => sockets::tuple(param.bytes, out),
            ParamType::Fdlist => fd_list(param.bytes, resolver, out),
            ParamType::Sigset => signal_set(&param, out),
            ParamType::Abstime => resolver.date_time(param.unsigned(), out),
            ParamType::Reltime if param.unsigned() == u64::MAX => out.put(b"none"),
            ParamType::Flags8
            | ParamType::Flags16
            | ParamType::Flags32
            | ParamType::Enumflags8
            | ParamType::Enumflags16
            | ParamType::Enumflags32
            | ParamType::Reltime
            | ParamType::Syscallid
            | ParamType::Sigtype => put_shown(out, format_args!("{}", param.unsigned())),
            // Upstream shows ids of users as signed numbers: nobody's is -1.
            ParamType::Pid | ParamType::Fd | ParamType::Errno | ParamType::Uid | ParamType::Gid => {
                put_shown(out, format_args!("{}", param.signed()));
            }
            ParamType::Ipv4addr | ParamType::Ipv6addr | ParamType::Ipaddr => {
                address(param.bytes, out);
            }
            ParamType::Dyn => out.put(b"INVALID DYNAMIC PARAMETER"),
            _ => param.number(out),
        }
    }

    /// What the value stands for; `false`, and nothing written, when it stands for itself.
    pub fn resolved(
        self,
        event: &Event<'_>,
        index: usize,
        resolver: &impl Resolver,
        out: &mut impl Sink,
    ) -> bool {
        let Some(param) = event.typed(index).filter(|param| !param.bytes.is_empty()) else {
            return false;
        };
        match param.ty {
            ParamType::Fd => match param.signed() {
                fd @ 0.. => resolver.fd(fd, out),
                -100 => put(b"AT_FDCWD", out),
                error => errno_name(error).is_some_and(|name| put(name.as_bytes(), out)),
            },
            ParamType::Pid => resolver.comm(param.signed(), out),
            ParamType::Errno => {
                errno_name(param.signed()).is_some_and(|name| put(name.as_bytes(), out))
            }
            ParamType::Fspath | ParamType::Fsrelpath => {
                relative(event, index, &param, resolver, out)
            }
            ParamType::Sigtype => {
                signal_name(param.unsigned() as u8).is_some_and(|name| put(name.as_bytes(), out))
            }
            ParamType::Syscallid => {
                let call = SyscallCode::new(param.unsigned() as u16);
                call.is_some_and(|call| put(call.info().name.as_bytes(), out))
            }
            ParamType::Reltime if param.unsigned() == u64::MAX => false,
            ParamType::Reltime => {
                shortest(param.unsigned() as f64 / 1e9, out);
                put(b"s", out)
            }
            ParamType::Uid => {
                user_or_group(param.unsigned(), |id, out| resolver.user(id, out), out)
            }
            ParamType::Gid => {
                user_or_group(param.unsigned(), |id, out| resolver.group(id, out), out)
            }
            ParamType::Flags8 | ParamType::Flags16 | ParamType::Flags32 | ParamType::Mode => {
                bits(param.table(), param.unsigned(), out)
            }
            ParamType::Enumflags8 | ParamType::Enumflags16 | ParamType::Enumflags32 => {
                choices(param.table(), param.unsigned(), out)
            }
            _ => false,
        }
    }

    /// What `evt.arg` shows: what the value stands for, else the value.
    pub fn arg(
        self,
        event: &Event<'_>,
        index: usize,
        resolver: &impl Resolver,
        out: &mut impl Sink,
    ) {
        if !self.resolved(event, index, resolver, out) {
            self.value(event, index, resolver, out);
        }
    }

    /// What `evt.args` shows: all parameters with their names.
    pub fn args(self, event: &Event<'_>, resolver: &impl Resolver, out: &mut impl Sink) {
        for (index, info) in event.info().params.iter().take(event.len()).enumerate() {
            if index > 0 {
                out.put(b" ");
            }
            out.put(info.name.as_bytes());
            out.put(b"=");
            self.value(event, index, resolver, out);
            let mut closing = Brackets {
                out: &mut *out,
                open: false,
            };
            if self.resolved(event, index, resolver, &mut closing) && closing.open {
                out.put(b")");
            }
        }
    }

    /// A buffer, cut to the limit; what cannot be printed is a dot.
    fn buffer(self, bytes: &[u8], out: &mut impl Sink) {
        if self.base64 {
            return base64(bytes, out);
        }
        let cut = self.buffer_max != 0 && bytes.len() > self.buffer_max;
        let shown = if cut {
            self.buffer_max.saturating_sub(3)
        } else {
            bytes.len()
        };
        for byte in bytes.iter().take(shown) {
            out.put(&[if (0x20..0x7f).contains(byte) {
                *byte
            } else {
                b'.'
            }]);
        }
        if cut {
            out.put(b"...");
        }
    }
}

/// Opens a bracket before the first byte.
struct Brackets<'a, S> {
    out: &'a mut S,
    open: bool,
}

impl<S: Sink> Sink for Brackets<'_, S> {
    fn put(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() && !self.open {
            self.open = true;
            self.out.put(b"(");
        }
        self.out.put(bytes);
    }
}

impl Typed<'_> {
    /// The bytes as a number, filled with zeros.
    fn unsigned(&self) -> u64 {
        let mut wide = [0; 8];
        for (to, from) in wide.iter_mut().zip(self.bytes) {
            *to = *from;
        }
        u64::from_le_bytes(wide)
    }

    /// The bytes as a number, filled with the sign.
    fn signed(&self) -> i64 {
        let unused = 64 - 8 * self.bytes.len().clamp(1, 8) as u32;
        (self.unsigned() as i64) << unused >> unused
    }

    fn table(&self) -> &'static [Flag] {
        match self.names {
            Names::Table(table) => table,
            _ => &[],
        }
    }

    fn number(&self, out: &mut impl Sink) {
        match self.format {
            Format::Hex => put_shown(out, format_args!("{:X}", self.unsigned())),
            Format::Oct if self.unsigned() == 0 => out.put(b"0"),
            Format::Oct => put_shown(out, format_args!("0{:o}", self.unsigned())),
            // Upstream prints every 64-bit number as a signed one.
            _ if self.is_signed() => put_shown(out, format_args!("{}", self.signed())),
            _ => put_shown(out, format_args!("{}", self.unsigned())),
        }
    }

    fn is_signed(&self) -> bool {
        matches!(
            self.ty,
            ParamType::Int8
                | ParamType::Int16
                | ParamType::Int32
                | ParamType::Int64
                | ParamType::Uint64
                | ParamType::Uint32
                | ParamType::Fd32
                | ParamType::Pid32
        )
    }
}

fn put(bytes: &[u8], out: &mut impl Sink) -> bool {
    out.put(bytes);
    true
}

fn user_or_group<S: Sink>(id: u64, name: impl Fn(u32, &mut S) -> bool, out: &mut S) -> bool {
    if id == u64::from(u32::MAX) {
        return put(b"<NONE>", out);
    }
    name(id as u32, out) || put(b"<NA>", out)
}

/// The names of all bits, each taking its bits away; a zero has a name where the table has one.
fn bits(table: &[Flag], value: u64, out: &mut impl Sink) -> bool {
    let mut left = value;
    let mut any = false;
    for flag in table {
        let fits = if flag.value == 0 {
            value == 0
        } else {
            left & flag.value == flag.value && left != 0
        };
        if fits {
            if any {
                out.put(b"|");
            }
            any = put(flag.name.as_bytes(), out);
            left &= !flag.value;
            if flag.value == value {
                break;
            }
        }
    }
    any
}

/// All names of the value.
fn choices(table: &[Flag], value: u64, out: &mut impl Sink) -> bool {
    let mut any = false;
    for flag in table.iter().filter(|flag| flag.value == value) {
        if any {
            out.put(b"|");
        }
        any = put(flag.name.as_bytes(), out);
    }
    any
}

fn relative(
    event: &Event<'_>,
    index: usize,
    param: &Typed<'_>,
    resolver: &impl Resolver,
    out: &mut impl Sink,
) -> bool {
    let Some(path) = event
        .str(index)
        .filter(|path| !path.is_empty() && !path.starts_with(b"/") && *path != b"<NA>")
    else {
        return false;
    };
    let dirfd = match param.names {
        Names::DirFd(dirfd) => event.i64(usize::from(dirfd)).filter(|fd| *fd != -100),
        _ => None,
    };
    resolver.absolute(dirfd, path, out)
}

fn fd_list(bytes: &[u8], resolver: &impl Resolver, out: &mut impl Sink) {
    let Some((count, entries)) = bytes.split_first_chunk() else {
        return;
    };
    let count = usize::from(u16::from_le_bytes(*count));
    for (index, entry) in entries.chunks_exact(10).take(count).enumerate() {
        let (fd, events) = entry.split_at(8);
        let fd = i64::from_le_bytes(fd.try_into().unwrap_or_default());
        let events = i16::from_le_bytes(events.try_into().unwrap_or_default());
        let letter = resolver.fd_letter(fd).unwrap_or('?');
        let blank = if index > 0 { " " } else { "" };
        put_shown(
            out,
            format_args!("{blank}{}:{letter}{:x}", fd as u64, i32::from(events)),
        );
    }
}

fn signal_set(param: &Typed<'_>, out: &mut impl Sink) {
    let mut any = false;
    for signal in (0..32_u8).filter(|bit| param.unsigned() & (1 << bit) != 0) {
        if let Some(name) = signal_name(signal + 1) {
            if any {
                out.put(b" ");
            }
            any = put(name.as_bytes(), out);
        }
    }
}

fn address(bytes: &[u8], out: &mut impl Sink) {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        put_shown(out, format_args!("{}", std::net::Ipv4Addr::from(bytes)));
    } else if let Ok(bytes) = <[u8; 16]>::try_from(bytes) {
        put_shown(out, format_args!("{}", std::net::Ipv6Addr::from(bytes)));
    }
}

/// A number as C's `%g` shows it: six significant digits, no zeros at the end, an exponent where it is large or small.
fn shortest(value: f64, out: &mut impl Sink) {
    if value == 0.0 {
        return out.put(b"0");
    }
    let scientific = format!("{value:.5e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let trim = |text: &str| {
        let text = if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            text
        };
        text.to_owned()
    };
    if (-4..6).contains(&exponent) {
        let places = usize::try_from(5 - exponent).unwrap_or_default();
        out.put(trim(&format!("{value:.places$}")).as_bytes());
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        put_shown(
            out,
            format_args!("{}e{sign}{:02}", trim(digits), exponent.abs()),
        );
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8], out: &mut impl Sink) {
    for three in bytes.chunks(3) {
        let word = three
            .iter()
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        let digit = |place: u32| BASE64[(word >> (18 - 6 * place)) as usize & 63];
        let mut four = [digit(0), digit(1), digit(2), digit(3)];
        for missing in four.iter_mut().skip(three.len() + 1) {
            *missing = b'=';
        }
        out.put(&four);
    }
}

impl Event<'_> {
    /// The name that rules know the event by: for system calls without an event of their own, the name of the call.
    pub fn name(&self) -> &'static str {
        let info: &EventInfo = self.info();
        if matches!(self.code(), codes::GENERIC_E | codes::GENERIC_X) {
            let call = self.u16(0).and_then(SyscallCode::new);
            return call.map_or(info.name, |call| call.info().name);
        }
        info.name
    }
}

/// Whether rules may compare `evt.type` with the name: an event has it, or a system call.
pub fn is_event_name(name: &str) -> bool {
    EventCode::all().any(|code| code.info().name == name) || SyscallCode::by_name(name).is_some()
}
