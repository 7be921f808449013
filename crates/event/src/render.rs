//! Parameters as text, as `evt.args` and `evt.arg` show them: a value, and often what it stands for (`fd=3(<f>/etc/passwd)`).
//!
//! What a number stands for may be somebody else's knowledge: a [`Resolver`] is asked for it. Nothing is allocated here; text goes
//! into the caller's [`Sink`].
//!
//! Two places differ from upstream on purpose. Types that it shows as `(n.a.)` (addresses, ports, truths; they are in no system call)
//! have a text here. And a number of the wrong width, which only a damaged capture has, is `<NA>`, where upstream gives up the field.

mod buffers;
mod names;
mod numbers;
mod sockets;

use crate::{
    Event, EventCode, FdList, Names, Param, ParamType, SyscallCode, codes, schema::Flag,
    value::Typed,
};

pub use names::{capability_name, errno_name, put_capabilities, signal_name};
use numbers::{number, seconds};
pub use sockets::{put_end, put_ip};

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
    /// `<f>/etc/passwd`: what a descriptor of the event's thread is, in brackets, and its name. A letter for the protocol follows that
    /// of an internet socket (`<4t>`: `t`, `u`, `i`, `r` for TCP, UDP, ICMP, raw), but of one that is neither connected nor listening
    /// only if it is raw.
    fn fd(&self, number: i64, out: &mut impl Sink) -> bool;
    /// The letter of what a descriptor is.
    fn fd_letter(&self, number: i64) -> Option<char>;
    /// The name of a process.
    fn comm(&self, tid: i64, out: &mut impl Sink) -> bool;
    /// The name of a user.
    fn user(&self, uid: u32, out: &mut impl Sink) -> bool;
    /// The name of a group.
    fn group(&self, gid: u32, out: &mut impl Sink) -> bool;
    /// The absolute form of a relative path, relative to a descriptor or, without, to the working directory. Of a descriptor that is not
    /// known: the path alone, normalised.
    fn absolute(&self, dirfd: Option<i64>, path: &[u8], out: &mut impl Sink) -> bool;
    /// The local date and time, `2026-11-23 19:13:23.805062627`.
    fn date_time(&self, time_ns: u64, out: &mut impl Sink);
}

/// How parameters are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Show {
    /// At most so many bytes of a buffer; 0, as upstream has it: all that was captured.
    pub buffer_max: usize,
    /// Buffers in base64, whole, instead of as text.
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
        match param.decode() {
            _ if param.is_absent() => out.put(absent(param.ty)),
            None => out.put(invalid(&param)),
            Some(Param::Str(text)) => out.put(text),
            Some(Param::Bytes(_) | Param::Texts(_)) => self.buffer(param.bytes, out),
            Some(Param::Ip(ip)) => put_ip(ip, out),
            Some(Param::SockAddr(address)) => sockets::address(&address, out),
            Some(Param::SockTuple(tuple)) => sockets::tuple(&tuple, out),
            Some(Param::FdList(list)) => fd_list(list, resolver, out),
            Some(Param::Uint(time)) if param.ty == ParamType::Abstime => {
                resolver.date_time(time, out);
            }
            Some(other) => number(&param, other, out),
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
        let mut out = After::new(b"", out);
        resolve(event, index, resolver, &mut out);
        out.any
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

    /// What `evt.args` shows: all parameters with their names. Calls without an event of their own show none: theirs only say which
    /// call it was.
    pub fn args(self, event: &Event<'_>, resolver: &impl Resolver, out: &mut impl Sink) {
        if event.code() == codes::GENERIC_X {
            return;
        }
        for (index, info) in event.info().params.iter().take(event.len()).enumerate() {
            if index > 0 {
                out.put(b" ");
            }
            out.put(info.name.as_bytes());
            out.put(b"=");
            self.value(event, index, resolver, out);
            let mut closing = After::new(b"(", out);
            resolve(event, index, resolver, &mut closing);
            if closing.any {
                out.put(b")");
            }
        }
    }
}

/// Puts something before the first byte, and knows whether there was one.
struct After<'a, S> {
    before: &'static [u8],
    out: &'a mut S,
    any: bool,
}

impl<'a, S> After<'a, S> {
    fn new(before: &'static [u8], out: &'a mut S) -> After<'a, S> {
        let any = false;
        After { before, out, any }
    }
}

impl<S: Sink> Sink for After<'_, S> {
    fn put(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if !self.any {
            self.any = true;
            self.out.put(self.before);
        }
        self.out.put(bytes);
    }
}

fn resolve<S: Sink>(
    event: &Event<'_>,
    index: usize,
    resolver: &impl Resolver,
    out: &mut After<'_, S>,
) {
    use ParamType as T;
    let Some(param) = event.typed(index) else {
        return;
    };
    let name = match (param.ty, param.decode()) {
        (T::Fd, Some(Param::Int(fd @ 0..))) => {
            resolver.fd(fd, out);
            None
        }
        (T::Fd, Some(Param::Int(AT_FDCWD))) => Some("AT_FDCWD"),
        (T::Fd | T::Errno, Some(Param::Int(result))) => errno_name(result),
        (T::Pid, Some(Param::Int(tid))) => {
            resolver.comm(tid, out);
            None
        }
        (T::Fspath | T::Fsrelpath, Some(Param::Str(path))) => {
            // `<NA>` is what upstream writes for a path that could not be read.
            let relative = path.first().is_some_and(|first| *first != b'/');
            if relative && path != b"<NA>" {
                resolver.absolute(dirfd(event, param.names), path, out);
            }
            None
        }
        (T::Sigtype, Some(Param::Uint(signal))) => signal_name(signal as u8),
        (T::Syscallid, Some(Param::Uint(code))) => {
            SyscallCode::new(code as u16).map(|code| code.info().name)
        }
        (T::Reltime, Some(Param::Uint(time_ns))) if time_ns != u64::MAX => {
            seconds(time_ns, out);
            None
        }
        (T::Uid | T::Gid, Some(Param::Uint(id))) => match id as u32 {
            u32::MAX => Some("<NONE>"),
            id => {
                match param.ty {
                    T::Uid => resolver.user(id, out),
                    _ => resolver.group(id, out),
                };
                (!out.any).then_some("<NA>")
            }
        },
        (T::Flags8 | T::Flags16 | T::Flags32 | T::Mode, Some(Param::Uint(value))) => {
            bits(table(&param), value, out);
            None
        }
        (T::Enumflags8 | T::Enumflags16 | T::Enumflags32, Some(Param::Uint(value))) => {
            choices(table(&param), value, out);
            None
        }
        _ => None,
    };
    out.put(name.unwrap_or_default().as_bytes());
}

/// What stands for the working directory in place of a descriptor.
const AT_FDCWD: i64 = -100;

/// The descriptor that a path is relative to.
fn dirfd(event: &Event<'_>, names: Names) -> Option<i64> {
    let Names::DirFd(place) = names else {
        return None;
    };
    event.i64(usize::from(place)).filter(|fd| *fd != AT_FDCWD)
}

/// What stands for a parameter that is absent.
fn absent(ty: ParamType) -> &'static [u8] {
    match ty {
        ParamType::Bytebuf
        | ParamType::Socktuple
        | ParamType::Fdlist
        | ParamType::Charbufarray
        | ParamType::CharbufPairArray
        | ParamType::Dyn => b"NULL",
        _ => b"<NA>",
    }
}

/// What stands for bytes that are not of the form that their type asks for.
fn invalid(param: &Typed<'_>) -> &'static [u8] {
    match (param.ty, param.bytes.first()) {
        (ParamType::Sockaddr | ParamType::Socktuple, Some(family)) => sockets::invalid(*family),
        (ParamType::Dyn, _) => b"INVALID DYNAMIC PARAMETER",
        _ => b"<NA>",
    }
}

fn table(param: &Typed<'_>) -> &'static [Flag] {
    match param.names {
        Names::Table(table) => table,
        _ => &[],
    }
}

/// The names of all bits, each taking its bits away; a zero has a name where the table has one.
fn bits(table: &[Flag], value: u64, out: &mut impl Sink) {
    let mut left = value;
    let mut blank: &[u8] = b"";
    for flag in table {
        let fits = if flag.value == 0 {
            value == 0
        } else {
            left & flag.value == flag.value
        };
        if fits {
            out.put(blank);
            out.put(flag.name.as_bytes());
            blank = b"|";
            left &= !flag.value;
            if flag.value == value {
                break;
            }
        }
    }
}

/// All names of the value.
fn choices(table: &[Flag], value: u64, out: &mut impl Sink) {
    let mut blank: &[u8] = b"";
    for flag in table.iter().filter(|flag| flag.value == value) {
        out.put(blank);
        out.put(flag.name.as_bytes());
        blank = b"|";
    }
}

/// `4:f1 5:?10`: each descriptor, what it is, the events in hexadecimal.
fn fd_list(list: FdList<'_>, resolver: &impl Resolver, out: &mut impl Sink) {
    let mut blank = "";
    for (fd, events) in list.iter() {
        let letter = resolver.fd_letter(fd).unwrap_or('?');
        let (fd, events) = (fd as u64, i32::from(events));
        put_shown(out, format_args!("{blank}{fd}:{letter}{events:x}"));
        blank = " ";
    }
}

/// Appends something that has a text form.
fn put_shown(out: &mut impl Sink, shown: std::fmt::Arguments<'_>) {
    struct Bytes<'a, S>(&'a mut S);
    impl<S: Sink> std::fmt::Write for Bytes<'_, S> {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.put(text.as_bytes());
            Ok(())
        }
    }
    // A sink takes everything, so this cannot fail.
    let _ = std::fmt::Write::write_fmt(&mut Bytes(out), shown);
}

impl<'a> Event<'a> {
    /// The name that rules know the event by (`evt.type`). Two events stand for many: that of system calls without one of their own has
    /// the name of the call, `unknown` when nobody knows it, and that of asynchronous events tells its name itself.
    pub fn name(&self) -> &'a [u8] {
        match self.code() {
            codes::GENERIC_X => self.call_name().as_bytes(),
            codes::ASYNCEVENT_E => self.str(1).unwrap_or(b"<NA>"),
            _ => self.info().name.as_bytes(),
        }
    }

    fn call_name(&self) -> &'static str {
        let call = self.u16(0).and_then(SyscallCode::new);
        // 0: the writer did not know the call, but what the kernel calls it.
        let native = || self.u16(1).and_then(SyscallCode::from_x86_64);
        let call = call.filter(|call| call.get() != 0).or_else(native);
        call.map_or("unknown", |call| call.info().name)
    }
}

/// Whether rules may compare `evt.type` with the name: an event has it, or a system call.
pub fn is_event_name(name: &str) -> bool {
    EventCode::named(name).next().is_some() || SyscallCode::by_name(name).is_some()
}
