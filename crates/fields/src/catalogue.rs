//! Which fields there are, and what the names in conditions and outputs mean.

use falco_event::{EventCode, ParamInfo, ParamType, SyscallCode};
use falco_filter::ast::Cmp;
use falco_filter::{Catalog, Field, FieldError, Print, Slot, Type};
use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};
use regex::{Regex, RegexBuilder};
use rustc_hash::FxBuildHasher;

use crate::fs_path::Calls;
use crate::parse::{Parsed, parse};
use crate::table::evt::{AnyEvent, Evt, Util};
use crate::table::{
    CLASSES, Class, FieldInfo, Flags, container, fd, fs_path, kubernetes, proc, user,
};

/// The fields that exist, and those of them that were asked for: each, with its argument, has a [`Slot`].
#[derive(Debug)]
pub struct Catalogue {
    pub(crate) wanted: Vec<Wanted>,
    slots: HashMap<Box<str>, Slot, FxBuildHasher>,
    /// How many slots have values worth remembering for the length of an event.
    pub(crate) remembered: usize,
    pub(crate) calls: Calls,
    event_names: HashSet<&'static str, FxBuildHasher>,
    services: HashMap<Box<str>, u16, FxBuildHasher>,
    /// The fields that the user defined: `static.` and the key, with their values.
    statics: HashMap<String, Box<str>, FxBuildHasher>,
    /// The classes of fields: without the last unless somebody watches Kubernetes.
    classes: &'static [Class],
}

/// A field that was asked for, with its argument.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) id: Id,
    pub(crate) arg: Arg,
    /// Where its value is remembered for the length of an event, if it costs more than that.
    pub(crate) remember: Option<usize>,
    info: &'static FieldInfo,
    field: Field,
}

/// Which field, by class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    AnyEvent(AnyEvent),
    Evt(Evt),
    Proc(proc::Proc),
    User(user::User),
    Group(user::Group),
    Descriptor(fd::Descriptor),
    FsPath(fs_path::FsPath),
    Util(Util),
    FdList(fd::FdList),
    Container(container::Container),
    Kubernetes(kubernetes::Kubernetes),
    /// One that the user defined; its value is the argument.
    Static,
}

/// What the argument says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arg {
    None,
    Index(i64),
    Key(Box<str>),
    Time(u64),
    /// One event, or both events of a call.
    Codes(u32, u32),
    /// A text that has to be found.
    Pattern(Pattern),
    /// Of each event, the place of the parameter; [`NO_PARAM`] where it has none of that name.
    Param(Box<[u8]>),
}

/// A regular expression that is looked for anywhere in a text; one that is none is never found.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: Box<str>,
    regex: Option<Regex>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Pattern {
        let regex = RegexBuilder::new(text).multi_line(true).build().ok();
        Pattern {
            text: text.into(),
            regex,
        }
    }

    pub(crate) fn finds(&self, text: &str) -> bool {
        self.regex
            .as_ref()
            .is_some_and(|regex| regex.is_match(text))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

/// See [`Arg::Param`].
pub(crate) const NO_PARAM: u8 = u8::MAX;

/// The name of the notification that a container is gone; that of a new one is the name of an event as well.
const CONTAINER_REMOVED: &str = "container_removed";
/// The name of the notification that tells of pods.
const KUBERNETES_TOLD: &str = "k8s";

/// What the names of fields that the user defined begin with.
const STATIC: &str = "static.";
static STATIC_INFO: FieldInfo = FieldInfo {
    name: "static",
    ty: Type::CharBuf,
    print: Print::Natural,
    flags: Flags::NONE,
    about: "What `static_fields` of the configuration says.",
};

impl Default for Catalogue {
    fn default() -> Catalogue {
        Catalogue::new()
    }
}

impl Catalogue {
    /// All fields, none asked for yet.
    pub fn new() -> Catalogue {
        Catalogue {
            wanted: Vec::new(),
            slots: HashMap::default(),
            remembered: 0,
            calls: Calls::new(),
            event_names: EventCode::all()
                .map(|code| code.info().name)
                .chain(SyscallCode::all().map(|code| code.info().name))
                .chain([CONTAINER_REMOVED])
                .collect(),
            services: HashMap::default(),
            statics: HashMap::default(),
            classes: CLASSES.split_last().map_or(CLASSES, |(_, rest)| rest),
        }
    }

    /// Adds the fields of what Kubernetes tells, and its notification.
    pub fn add_kubernetes(&mut self) {
        self.classes = CLASSES;
        self.event_names.insert(KUBERNETES_TOLD);
    }

    /// Whether there are fields of what Kubernetes tells.
    fn has_kubernetes(&self) -> bool {
        self.classes.len() == CLASSES.len()
    }

    /// Takes in the names of services, the text of an `/etc/services`: ports may then be written by name. Of several lines with one
    /// name the first counts.
    pub fn read_services(&mut self, text: &str) {
        for line in text.lines() {
            let mut words = line.split('#').next().unwrap_or("").split_whitespace();
            let (Some(name), Some(port)) = (words.next(), words.next()) else {
                continue;
            };
            let Some(Ok(port)) = port.split('/').next().map(str::parse) else {
                continue;
            };
            for name in std::iter::once(name).chain(words) {
                self.services.entry(name.into()).or_insert(port);
            }
        }
    }

    /// Defines a field `static.KEY` that has the same value for every event.
    pub fn define(&mut self, key: &str, value: &str) {
        self.statics.insert(format!("{STATIC}{key}"), value.into());
    }

    /// The classes of fields, in the order of listings.
    pub fn classes(&self) -> &'static [Class] {
        self.classes
    }

    /// All fields, class after class.
    pub fn fields(&self) -> impl Iterator<Item = &'static FieldInfo> {
        self.classes.iter().flat_map(|class| class.fields)
    }

    /// What is known of the field of a slot.
    pub fn info(&self, field: &Field) -> Option<&'static FieldInfo> {
        self.wanted(field.slot).map(|wanted| wanted.info)
    }

    /// The name of a field that was asked for whose value depends on the events that it was asked of before ([`crate::Memory`]), if there is
    /// one. Only who sees all events can tell such a value.
    pub fn remembering(&self) -> Option<&'static str> {
        let remembering = |wanted: &&Wanted| remembers(wanted.id);
        self.wanted
            .iter()
            .find(remembering)
            .map(|wanted| wanted.info.name)
    }

    pub(crate) fn wanted(&self, slot: Slot) -> Option<&Wanted> {
        self.wanted.get(slot.0 as usize)
    }

    fn intern(&mut self, full: String) -> Result<Slot, FieldError> {
        let slot = Slot(self.wanted.len() as u32);
        let kubernetes = self.has_kubernetes();
        let wanted = match self.slots.entry(full.into()) {
            Entry::Occupied(known) => return Ok(*known.get()),
            Entry::Vacant(place) => {
                let defined = self.statics.get(&**place.key()).map(|value| Parsed {
                    consumed: place.key().len(),
                    id: Id::Static,
                    arg: Arg::Key(value.clone()),
                    info: &STATIC_INFO,
                    param: None,
                });
                let parsed = match defined {
                    Some(defined) => Some(defined),
                    None => parse(place.key(), kubernetes).map_err(FieldError)?,
                };
                let parsed = parsed.filter(|parsed| parsed.consumed == place.key().len());
                let Some(parsed) = parsed else {
                    let message =
                        format!("filter_check called with nonexistent field {}", place.key());
                    return Err(FieldError(message));
                };
                place.insert(slot);
                Wanted::new(slot, parsed)
            }
        };
        let remember = is_costly(wanted.id, &wanted.arg).then_some(self.remembered);
        self.remembered += usize::from(remember.is_some());
        self.wanted.push(Wanted { remember, ..wanted });
        Ok(slot)
    }
}

impl Wanted {
    fn new(slot: Slot, parsed: Parsed) -> Wanted {
        let (ty, print) = match parsed.param {
            Some(param) => (type_of(param.ty), print_of(param)),
            None => (parsed.info.ty, parsed.info.print),
        };
        Wanted {
            id: parsed.id,
            arg: parsed.arg,
            remember: None,
            info: parsed.info,
            field: Field {
                slot,
                ty,
                list: parsed.info.flags.any(Flags::LIST),
                print,
                rhs: !parsed.info.flags.any(Flags::NO_RHS),
                transform: !parsed.info.flags.any(Flags::NO_TRANSFORMER),
            },
        }
    }
}

impl Catalog for Catalogue {
    fn field(&mut self, name: &str, arg: Option<&str>) -> Result<Field, FieldError> {
        let full = match arg {
            Some(arg) => format!("{name}[{arg}]"),
            None => name.to_owned(),
        };
        let slot = self.intern(full)?;
        Ok(self.wanted[slot.0 as usize].field)
    }

    fn check_literal(&self, field: &Field, literal: &str) -> Result<(), FieldError> {
        match self.wanted(field.slot).map(|wanted| wanted.id) {
            Some(Id::Evt(Evt::Type)) if !self.event_names.contains(literal) => {
                Err(FieldError(format!("unknown event type {literal}")))
            }
            _ => Ok(()),
        }
    }

    fn operator(&self, field: &Field, cmp: Cmp) -> Result<Cmp, FieldError> {
        match self.wanted(field.slot).map(|wanted| wanted.id) {
            Some(Id::Evt(Evt::Around)) if cmp == Cmp::Eq => Ok(Cmp::Le),
            Some(Id::Evt(Evt::Around)) => Err(FieldError(
                "evt.around supports only '=' comparison operator".to_owned(),
            )),
            _ => Ok(cmp),
        }
    }

    fn label<'n>(&self, name: &'n str) -> &'n str {
        let info = match self.slots.get(name).and_then(|slot| self.wanted(*slot)) {
            Some(wanted) if wanted.id == Id::Static => None,
            Some(wanted) => Some(wanted.info),
            None => parse(name, self.has_kubernetes())
                .ok()
                .flatten()
                .map(|parsed| parsed.info),
        };
        info.and_then(|info| name.get(..info.name.len()))
            .unwrap_or(name)
    }

    fn service_port(&self, name: &str) -> Option<u16> {
        self.services.get(name).copied()
    }
}

/// Whether a value depends on the events that it was asked of before: whether it calls [`crate::Facts::remember`].
pub(crate) fn remembers(id: Id) -> bool {
    use proc::Proc;
    match id {
        Id::Evt(field) => matches!(field, Evt::Delta | Evt::DeltaS | Evt::DeltaNs),
        Id::Proc(field) => matches!(
            field,
            Proc::ExecTime | Proc::TotExecTime | Proc::Cpu | Proc::CpuUser | Proc::CpuSystem
        ),
        Id::Util(Util::Count) => true,
        _ => false,
    }
}

/// Whether a value is put together anew each time it is asked for, or must not be asked for twice.
fn is_costly(id: Id, arg: &Arg) -> bool {
    match id {
        Id::AnyEvent(field) => matches!(
            field,
            AnyEvent::Time
                | AnyEvent::TimeS
                | AnyEvent::TimeIso
                | AnyEvent::DateTime
                | AnyEvent::DateTimeS
        ),
        Id::Evt(field) => matches!(
            field,
            Evt::Args
                | Evt::Info
                | Evt::Arg
                | Evt::AbsPath
                | Evt::Res
                | Evt::Delta
                | Evt::DeltaS
                | Evt::DeltaNs
        ),
        Id::Proc(field) => match field {
            proc::Proc::Args => *arg == Arg::None,
            proc::Proc::Aname
            | proc::Proc::Aexe
            | proc::Proc::Aexepath
            | proc::Proc::Apid
            | proc::Proc::Ppid
            | proc::Proc::Pname
            | proc::Proc::Pexe
            | proc::Proc::Pexepath
            | proc::Proc::Cmdline
            | proc::Proc::Pcmdline
            | proc::Proc::Acmdline
            | proc::Proc::Aargs
            | proc::Proc::Exeline
            | proc::Proc::Env
            | proc::Proc::Aenv
            | proc::Proc::CapPermitted
            | proc::Proc::CapInheritable
            | proc::Proc::CapEffective
            | proc::Proc::Sname
            | proc::Proc::SidExe
            | proc::Proc::SidExepath
            | proc::Proc::VpgidName
            | proc::Proc::VpgidExe
            | proc::Proc::VpgidExepath
            | proc::Proc::PgidName
            | proc::Proc::PgidExe
            | proc::Proc::PgidExepath
            | proc::Proc::LoginShellId
            | proc::Proc::ExecTime
            | proc::Proc::TotExecTime
            | proc::Proc::Cpu
            | proc::Proc::CpuUser
            | proc::Proc::CpuSystem
            | proc::Proc::Cgroups => true,
            _ => false,
        },
        Id::Descriptor(field) => field == fd::Descriptor::Types,
        Id::FsPath(_) | Id::FdList(_) | Id::Kubernetes(_) => true,
        Id::Container(field) => matches!(
            field,
            container::Container::Mounts
                | container::Container::Mount
                | container::Container::Labels
                | container::Container::PodLabels
        ),
        Id::User(_) | Id::Group(_) | Id::Util(_) | Id::Static => false,
    }
}

fn print_of(param: &ParamInfo) -> Print {
    match param.format {
        falco_event::Format::Na => Print::Natural,
        falco_event::Format::Dec => Print::Dec,
        falco_event::Format::Hex => Print::Hex,
        falco_event::Format::Oct => Print::Oct,
    }
}

/// What a parameter is to a condition.
fn type_of(ty: ParamType) -> Type {
    match ty {
        ParamType::Int8 => Type::Int8,
        ParamType::Int16 => Type::Int16,
        ParamType::Int32 | ParamType::Fd32 | ParamType::Pid32 => Type::Int32,
        ParamType::Int64 => Type::Int64,
        ParamType::Uint8 => Type::Uint8,
        ParamType::Uint16 => Type::Uint16,
        // Ids of users may be compared here, other than those of the process.
        ParamType::Uint32 | ParamType::Uid | ParamType::Gid | ParamType::Sigset => Type::Uint32,
        ParamType::Uint64 => Type::Uint64,
        ParamType::Charbuf => Type::CharBuf,
        ParamType::Bytebuf | ParamType::Charbufarray => Type::ByteBuf,
        ParamType::Errno => Type::Errno,
        ParamType::Fd => Type::Fd,
        ParamType::Pid => Type::Pid,
        ParamType::Fspath => Type::FsPath,
        ParamType::Fsrelpath => Type::FsRelPath,
        ParamType::Syscallid => Type::SyscallId,
        ParamType::Sigtype => Type::SigType,
        ParamType::Reltime => Type::RelTime,
        ParamType::Abstime => Type::AbsTime,
        ParamType::Port => Type::Port,
        ParamType::L4proto => Type::L4Proto,
        ParamType::Sockfamily => Type::SockFamily,
        ParamType::Bool => Type::Bool,
        ParamType::Ipv4addr => Type::Ipv4Addr,
        ParamType::Ipv6addr => Type::Ipv6Addr,
        ParamType::Ipaddr => Type::IpAddr,
        ParamType::Ipv4net => Type::Ipv4Net,
        ParamType::Ipv6net => Type::Ipv6Net,
        ParamType::Ipnet => Type::IpNet,
        ParamType::Flags8 => Type::Flags8,
        ParamType::Flags16 => Type::Flags16,
        ParamType::Flags32 => Type::Flags32,
        ParamType::Enumflags8 => Type::EnumFlags8,
        ParamType::Enumflags16 => Type::EnumFlags16,
        ParamType::Enumflags32 => Type::EnumFlags32,
        ParamType::Mode => Type::Mode,
        ParamType::Double => Type::Double,
        ParamType::Sockaddr => Type::SockAddr,
        ParamType::Socktuple => Type::SockTuple,
        ParamType::Fdlist => Type::FdList,
        ParamType::None | ParamType::Dyn | ParamType::CharbufPairArray => Type::Dyn,
    }
}
