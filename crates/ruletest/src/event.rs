//! Events as people write them: `openat: {fd: 3, name: /etc/shadow, flags: O_RDONLY}`.

use falco_event::{Builder, EventCode, EventFlags, EventInfo, ParamType, codes};
use falco_rules::yaml::Node;
use falco_state::Thread;

use crate::problem::Wrong;
use crate::value::{bytes_of, closed, neutral, number, text};
use crate::world::{NOW_NS, Reader, comm, items, words};

/// Nanoseconds between two events that do not say when they happen.
const STEP_NS: u64 = 1_000_000;

/// An event of a test.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    code: EventCode,
    /// The thread it happens in; that of the last process if it does not say.
    pub(crate) tid: Option<i64>,
    /// Whether a child is made for it first, in which it happens.
    pub(crate) starts: bool,
    /// The parameters that are given, by place.
    given: Vec<Option<Vec<u8>>>,
    /// The path that the kernel tells of the event's descriptor.
    real_path: Option<String>,
}

/// The event that rules know by that name: that of the newest schema, the end of a call rather than its beginning.
fn code_of(name: &str) -> Option<EventCode> {
    let current = |code: &EventCode| {
        let flags = code.info().flags;
        let old = EventFlags::UNUSED
            | if code.is_enter() {
                0
            } else {
                EventFlags::OLD_VERSION
            };
        !flags.any(old)
    };
    let all: Vec<_> = EventCode::named(name).filter(current).collect();
    let end = all.iter().rev().find(|code| !code.is_enter());
    end.or(all.last()).copied()
}

/// Reads the events of a test.
pub(crate) fn events(reader: &mut Reader<'_>, node: &Node) -> Vec<Event> {
    let mut all = Vec::new();
    for item in items(node) {
        let entries = item.entries();
        if entries.is_empty() {
            let help = "write `- openat: {fd: 3, name: /etc/shadow, flags: O_RDONLY}`";
            reader.wrong(
                item,
                Wrong::new("expected an event with its parameters").help(help),
            );
        }
        for (key, value) in entries {
            let name = key.scalar().unwrap_or_default();
            if name == "start" {
                all.push(start(reader, value));
                continue;
            }
            match code_of(name) {
                Some(code) => all.push(event(reader, code, value)),
                None => reader.wrong(
                    key,
                    Wrong::new(format!("there is no event `{name}`"))
                        .help("`falco --list-events` shows all events"),
                ),
            }
        }
    }
    all
}

/// `start: /usr/bin/id -u`, or the parameters of execve: a child is made, and executes a program.
fn start(reader: &mut Reader<'_>, node: &Node) -> Event {
    let code = codes::SYSCALL_EXECVE_19_X;
    let mut event = if node.is_map() {
        event(reader, code, node)
    } else {
        Event::new(code)
    };
    if !node.is_map()
        && let Some(words) = reader.take(node, words(node))
    {
        event.command(&words);
    }
    event.starts = true;
    event
}

/// The end of the clone of a process, in its child.
pub(crate) fn child(number: u64, tid: i64, parent: &Thread) -> Vec<u8> {
    let mut event = Event::new(codes::SYSCALL_CLONE_20_X);
    let int = |value: i64| value.to_le_bytes().to_vec();
    event.set("ptid", int(parent.pid));
    for name in ["tid", "pid", "vtid", "vpid"] {
        event.set(name, int(tid));
    }
    event.bytes(number, tid, Some(parent))
}

fn event(reader: &mut Reader<'_>, code: EventCode, node: &Node) -> Event {
    let info = code.info();
    let mut event = Event::new(code);
    if !node.is_map() && !node.is_null() {
        reader.wrong(
            node,
            Wrong::new("expected parameters by name").help(names(info)),
        );
    }
    for (key, value) in node.entries() {
        let name = key.scalar().unwrap_or_default();
        let place = info.params.iter().position(|param| param.name == name);
        match (name, place) {
            ("thread", _) => {
                let tid = text(value)
                    .and_then(number)
                    .and_then(|tid| i64::try_from(tid).map_err(|_| Wrong::new("too large")));
                event.tid = reader.take(value, tid);
            }
            ("realpath", None) => {
                event.real_path = reader.take(value, text(value)).map(str::to_owned);
            }
            ("command", None) => {
                if let Some(words) = reader.take(value, words(value)) {
                    event.command(&words);
                }
            }
            (_, Some(place)) => {
                let bytes = info
                    .params
                    .get(place)
                    .ok_or_else(|| Wrong::new("no such parameter"))
                    .and_then(|param| bytes_of(param, value));
                let bytes = reader.take(value, bytes);
                if let Some(given) = event.given.get_mut(place) {
                    *given = bytes;
                }
            }
            _ => reader.wrong(
                key,
                Wrong::new(format!("{} has no parameter `{name}`", info.name)).help(names(info)),
            ),
        }
    }
    event
}

fn names(info: &EventInfo) -> String {
    let names: Vec<_> = info.params.iter().map(|param| param.name).collect();
    format!(
        "its parameters are {}; `thread` is where it happens, `realpath` what the kernel calls the file",
        names.join(", ")
    )
}

impl Event {
    fn new(code: EventCode) -> Event {
        Event {
            code,
            tid: None,
            starts: false,
            given: vec![None; code.info().params.len()],
            real_path: None,
        }
    }

    fn set(&mut self, name: &str, bytes: Vec<u8>) {
        let params = self.code.info().params;
        if let Some(place) = params.iter().position(|param| param.name == name)
            && let Some(given) = self.given.get_mut(place)
        {
            given.get_or_insert(bytes);
        }
    }

    /// What a program that is started says of itself.
    fn command(&mut self, words: &[String]) {
        let Some((program, args)) = words.split_first() else {
            return;
        };
        self.set("exe", closed(program));
        self.set("args", args.iter().flat_map(|word| closed(word)).collect());
        self.set("comm", closed(&comm(program)));
        self.set("filename", closed(program));
        self.set("trusted_exepath", closed(program));
    }

    /// The event in wire form: what is not given is taken from its thread, or is nothing special.
    pub(crate) fn bytes(&self, number: u64, tid: i64, thread: Option<&Thread>) -> Vec<u8> {
        let params = self.code.info().params;
        let time_ns = NOW_NS + number * STEP_NS;
        let mut builder = Builder::new(self.code, time_ns, tid);
        for (param, given) in params.iter().zip(&self.given) {
            let bytes = match (given, thread.filter(|_| self.describes_process())) {
                (Some(bytes), _) => bytes.clone(),
                (None, Some(thread)) => {
                    of_thread(param.name, thread).unwrap_or_else(|| neutral(param))
                }
                (None, None) if param.name == "flags" && self.creates_file(param.ty) => {
                    1_u32.to_le_bytes().to_vec()
                }
                (None, None) => neutral(param),
            };
            builder = builder.bytes(&bytes);
        }
        if let Some(path) = &self.real_path {
            builder = builder.trailer(0, Some(path.as_bytes()));
        }
        builder.finish()
    }

    /// Whether the parameters say what a process is.
    fn describes_process(&self) -> bool {
        let params = self.code.info().params;
        params.iter().any(|param| param.name == "exe")
            && params.iter().any(|param| param.name == "ptid")
    }

    /// Whether it is a call that opens a file, which always says how.
    fn creates_file(&self, flags: ParamType) -> bool {
        flags == ParamType::Flags32
            && matches!(
                self.code,
                codes::SYSCALL_OPEN_X | codes::SYSCALL_OPENAT_2_X | codes::SYSCALL_OPENAT2_X
            )
    }
}

/// What a parameter of the end of exec or clone says of the thread.
fn of_thread(name: &str, thread: &Thread) -> Option<Vec<u8>> {
    let image = &thread.image;
    let text = |bytes: &[u8]| [bytes, &[0]].concat();
    let int = |value: i64| value.to_le_bytes().to_vec();
    let long = |value: u64| value.to_le_bytes().to_vec();
    let word = |value: u32| value.to_le_bytes().to_vec();
    Some(match name {
        "exe" => text(&image.exe),
        "args" => image.args.to_vec(),
        "comm" => text(&image.comm),
        "trusted_exepath" | "filename" => text(&image.exepath),
        "tid" => int(thread.tid),
        "pid" => int(thread.pid),
        "ptid" => int(thread.ptid),
        "vtid" => int(thread.vtid),
        "vpid" => int(thread.vpid),
        "vpgid" => int(thread.vpgid),
        "pgid" => int(thread.pgid),
        "cwd" => text(&thread.cwd),
        "fdlimit" => int(thread.fd_limit),
        "cgroups" => thread.cgroups.to_vec(),
        "env" => thread.env.to_vec(),
        "tty" => word(thread.tty),
        "loginuid" => word(thread.loginuid),
        "uid" => word(thread.uid),
        "gid" => word(thread.gid),
        "cap_inheritable" => long(thread.cap_inheritable),
        "cap_permitted" => long(thread.cap_permitted),
        "cap_effective" => long(thread.cap_effective),
        _ => return None,
    })
}
