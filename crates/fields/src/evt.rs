//! Fields of the event itself.

use falco_event::{EventFlags, Kind, Origin, ParamType, SyscallCode, codes as c};
use falco_filter::{Slot, Value};
use falco_state::{Fd, FdKind};
use jiff::Timestamp;

use crate::Facts;
use crate::catalogue::{Arg, NO_PARAM};
use crate::context::SYSCALL;
use crate::rawarg;
use crate::table::evt::{AnyEvent, Evt};
use crate::text::Text;

const SECOND_NS: u64 = 1_000_000_000;
const MILLISECOND_NS: u64 = 1_000_000;

/// Bits of open flags, as they are on the wire.
mod open {
    pub(super) const READ: u32 = 1 << 0;
    pub(super) const WRITE: u32 = 1 << 1;
    pub(super) const CREATE: u32 = 1 << 2;
    pub(super) const TMPFILE: u32 = 1 << 13;
    pub(super) const CREATED: u32 = 1 << 14;
}
/// Any of the three execute bits of a mode.
const EXECUTABLE: u32 = 0o111;

impl<'e> Facts<'e> {
    #[inline(never)]
    pub(crate) fn any_event(&self, field: AnyEvent) -> Option<Value<'e>> {
        let now = self.event.time_ns();
        let since_first = now.wrapping_sub(self.context.first_ns);
        let is_async = self.event.info().origin == Origin::Metaevent;
        Some(match field {
            AnyEvent::Num => Value::Uint(self.number),
            AnyEvent::Time => Value::Str(self.clock(now, false, true)),
            AnyEvent::TimeS => Value::Str(self.clock(now, false, false)),
            AnyEvent::DateTime => Value::Str(self.clock(now, true, true)),
            AnyEvent::DateTimeS => Value::Str(self.clock(now, true, false)),
            AnyEvent::TimeIso => self.iso8601(),
            AnyEvent::RawTime => Value::Uint(now),
            AnyEvent::RawTimeS => Value::Uint(now / SECOND_NS),
            AnyEvent::RawTimeNs => Value::Uint(now % SECOND_NS),
            AnyEvent::RelTime => Value::Uint(since_first),
            AnyEvent::RelTimeS => Value::Uint(since_first / SECOND_NS),
            AnyEvent::RelTimeNs => Value::Uint(since_first % SECOND_NS),
            AnyEvent::PluginName | AnyEvent::PluginInfo => return None,
            AnyEvent::Source if self.is_of_unknown_plugin() => return None,
            AnyEvent::Source => Value::Str(self.context.source.as_bytes()),
            AnyEvent::IsAsync => Value::Bool(is_async),
            AnyEvent::AsyncType if !is_async => return None,
            AnyEvent::AsyncType => Value::Str(self.name()),
            AnyEvent::Hostname => Value::Str(&self.context.hostname),
        })
    }

    pub(crate) fn evt(&self, field: Evt, slot: Slot, arg: &Arg) -> Option<Value<'e>> {
        match field {
            Evt::IsOpenRead | Evt::IsOpenWrite | Evt::IsOpenExec | Evt::IsOpenCreate => {
                Some(Value::Bool(self.opens(field)))
            }
            _ => self.more_of_evt(field, slot, arg),
        }
    }

    /// What rules ask less often than how a file is opened.
    #[inline(never)]
    fn more_of_evt(&self, field: Evt, slot: Slot, arg: &Arg) -> Option<Value<'e>> {
        let event = &self.event;
        let flags = event.info().flags;
        let is = |wanted| Some(Value::Bool(flags.any(wanted)));
        match field {
            Evt::Type => Some(Value::Str(self.name())),
            Evt::SyscallType => {
                let syscall = event.info().origin == Origin::Syscall;
                syscall.then(|| Value::Str(self.name()))
            }
            Evt::TypeIs => {
                let Arg::Codes(one, other) = arg else {
                    return None;
                };
                let code = u32::from(event.code().get());
                Some(Value::Uint((code == *one || code == *other).into()))
            }
            Evt::Dir if event.code().is_enter() => Some(Value::Str(b">")),
            Evt::Dir => Some(Value::Str(b"<")),
            Evt::Category => Some(Value::Str(self.category())),
            Evt::Cpu => Some(Value::Int((self.cpu as i16).into())),
            Evt::Args | Evt::Info => Some(Value::Str(self.all_params())),
            Evt::Arg => Some(Value::Str(self.param_text(self.place(arg)?))),
            Evt::RawArg => rawarg::value(event, self.place(arg)?),
            Evt::Buffer => {
                let data = event.index_of("data")?;
                Some(Value::Bytes(event.param(data).unwrap_or(b"")))
            }
            Evt::Res => Some(Value::Str(match self.returned()? {
                0.. => b"SUCCESS",
                _ => self.param_text(0),
            })),
            Evt::RawRes => Some(Value::Int(self.returned()?)),
            Evt::Failed => Some(Value::Bool(self.returned()? < 0)),
            Evt::IsIo => is(EventFlags::READS_FROM_FD | EventFlags::WRITES_TO_FD),
            Evt::IsIoRead => is(EventFlags::READS_FROM_FD),
            Evt::IsIoWrite => is(EventFlags::WRITES_TO_FD),
            Evt::IoDir if flags.any(EventFlags::WRITES_TO_FD) => Some(Value::Str(b"write")),
            Evt::IoDir if flags.any(EventFlags::READS_FROM_FD) => Some(Value::Str(b"read")),
            Evt::IoDir => None,
            Evt::IsWait => is(EventFlags::WAITS),
            Evt::IsSyslog => {
                let writes = flags.any(EventFlags::WRITES_TO_FD);
                let name = self.event_fd().filter(|_| writes).map(|fd| &fd.name[..]);
                let syslog = name.is_some_and(|name| name.windows(8).any(|at| at == b"/dev/log"));
                Some(Value::Bool(syslog))
            }
            Evt::OutputTime => Some(Value::Str(self.clock(event.time_ns(), false, true))),
            Evt::Around => {
                let Arg::Time(time) = arg else { return None };
                let distance = event.time_ns().abs_diff(*time);
                Some(Value::Uint(distance.div_ceil(MILLISECOND_NS)))
            }
            Evt::AbsPath => self.at_path(arg).map(Value::Str),
            Evt::Latency
            | Evt::LatencyS
            | Evt::LatencyNs
            | Evt::LatencyQuant
            | Evt::WaitLatency => Some(Value::Uint(0)),
            Evt::LatencyHuman => Some(Value::Str(b"0ns")),
            Evt::Delta | Evt::DeltaS | Evt::DeltaNs => Some(Value::Uint(self.delta(field, slot))),
            Evt::IsIoUring => Some(Value::Bool(event.trailer().is_ring())),
            Evt::IsTampered => Some(Value::Bool(event.trailer().is_changed())),
            Evt::IsUnverified => Some(Value::Bool(event.trailer().is_unseen())),
            Evt::InfraName | Evt::InfraId | Evt::InfraContainer | Evt::InfraImage => {
                self.infrastructure(field).map(Value::Str)
            }
            _ => self.count(field),
        }
    }

    /// What an output shows of a field.
    pub(crate) fn shown_evt(&self, field: Evt, slot: Slot, arg: &Arg) -> Option<Value<'e>> {
        match field {
            // Upstream has no print form for it.
            Evt::TypeIs | Evt::Around => None,
            Evt::Buffer => {
                let data = self.event.index_of("data")?;
                // Data that is no buffer (of ptrace) and empty buffers are shown as nothing.
                let buffer = self.event.info().params.get(data)?.ty == ParamType::Bytebuf;
                let shown = match self.event.param(data) {
                    Some(_) if buffer => self.param_shown(data),
                    _ => b"",
                };
                Some(Value::Str(shown))
            }
            Evt::Arg if self.context.show.base64 => {
                Some(Value::Str(self.param_shown(self.place(arg)?)))
            }
            Evt::RawArg => rawarg::shown(&self.event, self.place(arg)?, self.arena),
            _ => falco_filter::Values::value(self, slot),
        }
    }

    /// The name of the event; of events that stand for many, the name of the one.
    fn name(&self) -> &'e [u8] {
        let event = &self.event;
        match event.code() {
            c::GENERIC_X => {
                let mut call = event.u16(0).and_then(SyscallCode::new);
                // An older writer did not know the call, but what the kernel calls it.
                if call.is_some_and(|call| call.get() == 0)
                    && let Some(number) = event.u16(1)
                {
                    let known = SyscallCode::all();
                    call = known
                        .filter(|known| known.info().x86_64 == Some(number))
                        .chain(call)
                        .next();
                }
                call.map_or(b"unknown", |call| call.info().name.as_bytes())
            }
            c::ASYNCEVENT_E => event.str(1).unwrap_or(b"<NA>"),
            _ => event.info().name.as_bytes(),
        }
    }

    /// Whether it comes from a plugin, though its source is the kernel: a capture may hold such events.
    fn is_of_unknown_plugin(&self) -> bool {
        match self.event.code() {
            c::PLUGINEVENT_E => self.context.source == SYSCALL,
            c::ASYNCEVENT_E => self.event.u32(0).unwrap_or(0) != 0,
            _ => false,
        }
    }

    /// The place of the parameter that an argument means.
    fn place(&self, arg: &Arg) -> Option<usize> {
        let place = match arg {
            Arg::Index(index) => usize::try_from(*index).ok()?,
            Arg::Param(places) => match places.get(self.event.code().index())? {
                &NO_PARAM => return None,
                place => usize::from(*place),
            },
            _ => return None,
        };
        (place < self.event.len()).then_some(place)
    }

    /// What the call returned, for events that tell.
    pub(crate) fn returned(&self) -> Option<i64> {
        let event = &self.event;
        let tells = event.code() != c::GENERIC_X
            && !event.code().is_enter()
            && event.info().origin == Origin::Syscall
            && !event.is_empty();
        tells.then(|| {
            let narrow = || event.i32(0).map(i64::from);
            event.i64(0).or_else(narrow).unwrap_or(0)
        })
    }

    fn category(&self) -> &'static [u8] {
        match self.event.info().kind {
            Kind::Unknown => b"unknown",
            Kind::Other => b"other",
            Kind::File => b"file",
            Kind::Net => b"net",
            Kind::Ipc => b"IPC",
            Kind::Memory => b"memory",
            Kind::Process => b"process",
            Kind::Sleep => b"sleep",
            Kind::System => b"system",
            Kind::Signal => b"signal",
            Kind::User => b"user",
            Kind::Time => b"time",
            Kind::Wait => b"wait",
            Kind::Scheduler => b"scheduler",
            Kind::Internal => b"internal",
            Kind::IoRead | Kind::IoWrite | Kind::IoOther => {
                match self.event_fd().map(|fd| &fd.kind) {
                    Some(FdKind::File | FdKind::Directory) => b"file",
                    Some(FdKind::Inet(_)) => b"net",
                    Some(
                        FdKind::Pipe
                        | FdKind::Unix { .. }
                        | FdKind::Event
                        | FdKind::Signal
                        | FdKind::Inotify
                        | FdKind::Userfault,
                    ) => b"ipc",
                    _ => b"unknown",
                }
            }
        }
    }

    /// Counters: of everything, of errors, of bytes.
    fn count(&self, field: Evt) -> Option<Value<'e>> {
        let event = &self.event;
        let fd = self.event_fd();
        let counts = match field {
            Evt::Count => return Some(Value::Uint(1)),
            Evt::CountExit => return (!event.code().is_enter()).then_some(Value::Uint(1)),
            Evt::CountProcinfo | Evt::CountThreadinfo => {
                let sample = event.code() == c::PROCINFO_E;
                let main = self.thread.is_some_and(falco_state::Thread::is_main);
                let counts = sample && (field == Evt::CountThreadinfo || main);
                return Some(Value::Uint(counts.into()));
            }
            Evt::CountError => true,
            Evt::CountErrorFile => fd.map_or_else(|| self.is_open(), is_file),
            Evt::CountErrorNet => fd.map_or_else(|| self.is_connection(), is_socket),
            Evt::CountErrorMem => event.info().kind == Kind::Memory,
            Evt::CountErrorOther => fd.map_or_else(
                || !self.is_open() && !self.is_connection() && event.info().kind != Kind::Memory,
                |fd| !is_file(fd) && !is_socket(fd),
            ),
            _ => return self.bytes(field, fd?),
        };
        let failed = self.returned()? < 0;
        counts.then_some(Value::Uint(failed.into()))
    }

    /// How many bytes went through a descriptor.
    fn bytes(&self, field: Evt, fd: &Fd) -> Option<Value<'e>> {
        let kind = self.event.info().kind;
        let direction = match field {
            Evt::BuflenIn | Evt::BuflenFileIn | Evt::BuflenNetIn => kind == Kind::IoRead,
            Evt::BuflenOut | Evt::BuflenFileOut | Evt::BuflenNetOut => kind == Kind::IoWrite,
            _ => matches!(kind, Kind::IoRead | Kind::IoWrite | Kind::IoOther),
        };
        let counts = match field {
            Evt::BuflenFile | Evt::BuflenFileIn | Evt::BuflenFileOut => fd.kind == FdKind::File,
            Evt::BuflenNet | Evt::BuflenNetIn | Evt::BuflenNetOut => {
                matches!(fd.kind, FdKind::Inet(_))
            }
            _ => true,
        };
        let bytes = u64::try_from(self.returned()?).ok()?;
        (direction && counts).then_some(Value::Uint(bytes))
    }

    fn is_open(&self) -> bool {
        matches!(
            self.event.code(),
            c::SYSCALL_OPEN_X
                | c::SYSCALL_CREAT_X
                | c::SYSCALL_OPENAT_2_X
                | c::SYSCALL_OPENAT2_X
                | c::SYSCALL_OPEN_BY_HANDLE_AT_X
        )
    }

    fn is_connection(&self) -> bool {
        matches!(
            self.event.code(),
            c::SOCKET_ACCEPT_5_X | c::SOCKET_ACCEPT4_6_X | c::SOCKET_CONNECT_X
        )
    }

    /// Whether a file is opened in a certain way.
    fn opens(&self, field: Evt) -> bool {
        let event = &self.event;
        let flags = match event.code() {
            c::SYSCALL_OPEN_X | c::SYSCALL_OPEN_BY_HANDLE_AT_X => event.u32(2),
            c::SYSCALL_OPENAT_2_X | c::SYSCALL_OPENAT2_X => event.u32(3),
            c::SYSCALL_CREAT_X if field == Evt::IsOpenExec => Some(open::CREATE),
            _ => return false,
        };
        let flags = flags.unwrap_or(0);
        match field {
            Evt::IsOpenRead => flags & open::READ != 0,
            Evt::IsOpenWrite => flags & open::WRITE != 0,
            Evt::IsOpenCreate => {
                let opened = self.returned().is_some_and(|returned| returned >= 0);
                flags & open::CREATED != 0 || (flags & open::TMPFILE != 0 && opened)
            }
            Evt::IsOpenExec => {
                let mode = match event.code() {
                    c::SYSCALL_OPEN_X => event.u32(3),
                    c::SYSCALL_OPENAT_2_X | c::SYSCALL_OPENAT2_X => event.u32(4),
                    c::SYSCALL_CREAT_X => event.u32(2),
                    _ => None,
                };
                let creates = flags & (open::CREATE | open::TMPFILE) != 0;
                creates && mode.unwrap_or(0) & EXECUTABLE != 0
            }
            _ => false,
        }
    }

    /// How long ago the field was last looked at, in an earlier event.
    fn delta(&self, field: Evt, slot: Slot) -> u64 {
        let now = self.event.time_ns();
        let delta = match self.remember(slot, 0, now) {
            0 => 0,
            before => now.wrapping_sub(before),
        };
        match field {
            Evt::DeltaS => delta / SECOND_NS,
            Evt::DeltaNs => delta % SECOND_NS,
            _ => delta,
        }
    }

    /// A time on the local clock.
    pub(crate) fn clock(&self, time_ns: u64, with_date: bool, with_ns: bool) -> &'e [u8] {
        let mut text = Text::with_capacity(32, self.arena);
        // A u64 of nanoseconds ends before jiff's calendar does.
        let time = Timestamp::from_nanosecond(time_ns.into()).unwrap_or_default();
        let time = self.context.zone.to_datetime(time);
        if with_date {
            let (year, month, day) = (time.year(), time.month(), time.day());
            text.push_shown(format_args!("{year:04}-{month:02}-{day:02} "));
        }
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        text.push_shown(format_args!("{hour:02}:{minute:02}:{second:02}"));
        if with_ns {
            text.push_shown(format_args!(".{:09}", time_ns % SECOND_NS));
        }
        text.finish()
    }

    /// The time of the event in UTC.
    fn iso8601(&self) -> Value<'e> {
        let mut text = Text::with_capacity(40, self.arena);
        let now = self.event.time_ns();
        let seconds = Timestamp::from_second((now / SECOND_NS) as i64).unwrap_or_default();
        let time = jiff::tz::Offset::UTC.to_datetime(seconds);
        text.push_shown(format_args!("{time}.{:09}+0000", now % SECOND_NS));
        text.value()
    }

    /// A part of the description in an event about a container, of old captures: `Event: start; ID: 0123456789ab; ...`.
    fn infrastructure(&self, field: Evt) -> Option<&'e [u8]> {
        if self.event.code() != c::INFRASTRUCTURE_EVENT_E {
            return None;
        }
        let name: &[u8] = match field {
            Evt::InfraName => b"Event",
            Evt::InfraId => b"ID",
            Evt::InfraContainer => b"name",
            _ => b"Image",
        };
        let description = self.event.str(2)?;
        let part = description
            .split(|byte| *byte == b';')
            .map(<[u8]>::trim_ascii)
            .find(|part| part.starts_with(name))?;
        let (_, value) = split_once(part, b':')?;
        Some(match field {
            Evt::InfraId => {
                let id = value.trim_ascii();
                id.get(..12).unwrap_or(id)
            }
            // An image is named, perhaps with its digest, or it is only a digest, which has a colon itself.
            Evt::InfraImage if value.contains(&b'@') => split_once(value, b'@')?.0.trim_ascii(),
            Evt::InfraImage if value.windows(6).any(|at| at == b"sha256") => value.trim_ascii(),
            _ => {
                let value = split_once(value, b':').map_or(value, |(value, _)| value);
                value.trim_ascii()
            }
        })
    }
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|byte| *byte == at)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

fn is_file(fd: &Fd) -> bool {
    matches!(fd.kind, FdKind::File | FdKind::Directory)
}

fn is_socket(fd: &Fd) -> bool {
    matches!(fd.kind, FdKind::Inet(_) | FdKind::Unix { .. })
}
