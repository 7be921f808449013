//! What the tests against recorded results share.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "only tests use it"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bumpalo::Bump;
use falco_capture::{Next, Reader};
use falco_event::Origin;
use falco_fields::{Catalogue, Context, Facts, Seen};
use falco_filter::ast::{self, Limits};
use falco_filter::{Catalog, Compiler, Field, Print, Program, Tests, Type, Value};
use falco_state::{Ends, Fd, FdKind, Image, Interface, Proto, Role, State, Thread, Tuple};
use serde_json::Value as Json;

/// The folder of recorded results; none, with a printed line, when it is not beside the checkout.
pub(crate) fn shared(part: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(part);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is absent", path.display());
    None
}

/// The lines of a file of cases.
pub(crate) fn cases(part: &str) -> Vec<Json> {
    let Some(path) = shared(part) else {
        return Vec::new();
    };
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What upstream prints for a value.
pub(crate) fn printed(field: &Field, value: Option<Value<'_>>) -> Option<String> {
    let lossy = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    Some(match value? {
        Value::Str(text) => lossy(text),
        Value::Bytes(bytes) => bytes
            .iter()
            .map(|byte| match byte {
                b' '..=b'~' => *byte as char,
                _ => '.',
            })
            .collect(),
        Value::Bool(yes) => yes.to_string(),
        Value::Double(number) => format!("{number:.1}"),
        Value::Ip(_) if field.ty == Type::IpNet => "<IPNET>".to_owned(),
        Value::Ip(ip) => ip.to_string(),
        Value::Int(number) => match field.print {
            Print::Natural
                if !matches!(field.ty, Type::Int64 | Type::Errno | Type::Fd | Type::Pid) =>
            {
                return None;
            }
            Print::Hex => format!("{:X}", number as u32),
            Print::Oct => format!("{number:o}"),
            Print::PaddedDec => format!("{number:09}"),
            _ => number.to_string(),
        },
        Value::Uint(number) => match field.print {
            Print::Natural => return None,
            Print::Hex => format!("{number:X}"),
            Print::Oct => format!("{number:o}"),
            Print::PaddedDec => format!("{number:09}"),
            _ => number.to_string(),
        },
        Value::List(values) => {
            let mut texts: Vec<_> = values
                .iter()
                .filter_map(|value| printed(field, Some(*value)))
                .collect();
            // Upstream has them in the order of a hash table.
            texts.sort();
            format!("({})", texts.join(","))
        }
        Value::Any(_) | Value::Ends(_) => return Some("(several values)".to_owned()),
    })
}

/// A condition, ready to be run, or why it is none.
pub(crate) fn compile(
    condition: &str,
    catalogue: &mut Catalogue,
) -> Result<(Program, Tests), String> {
    let tree = ast::parse(condition, &Limits::default()).map_err(|error| error.to_string())?;
    let mut compiler = Compiler::new();
    match compiler.condition(&tree, catalogue) {
        Ok(program) => Ok((program, compiler.finish())),
        Err(error) => Err(error.message),
    }
}

/// A recorded text; what is not UTF-8 is recorded in hexadecimal digits. Lists are sorted, see [`printed`].
pub(crate) fn recorded(name: &str, value: &Json) -> Option<String> {
    let text = match value {
        Json::Null => return None,
        Json::String(text) => text.clone(),
        other => String::from_utf8_lossy(&unhex(other["hex"].as_str()?)).into_owned(),
    };
    if name == "fd.types" {
        let mut types: Vec<_> = text.trim_matches(['(', ')']).split(',').collect();
        types.sort_unstable();
        return Some(format!("({})", types.join(",")));
    }
    Some(text)
}

/// Where we mean to be different from upstream, which has a value of `theirs` here.
pub(crate) fn differs_on_purpose(probe: &str, theirs: Option<&str>) -> bool {
    match theirs {
        // Upstream names calls that are newer than the writer in replay only.
        Some("unknown") => probe == "evt.type",
        _ => false,
    }
}

/// Scenarios in which something is different on purpose that would be hard to tell from an error.
pub(crate) const DIFFERENT: &[&str] = &[
    // A name of the host that recorded.
    "sinsp_with_test_input.EVT_FILTER_check_evt_arg_uid",
];

/// Bytes from hexadecimal digits.
pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap() as u8;
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) * 16 + digit(pair[1]))
        .collect()
}

fn text(row: &Json, key: &str) -> Vec<u8> {
    match &row[key] {
        Json::String(text) => text.clone().into_bytes(),
        Json::Null => Vec::new(),
        other => unhex(other["hex"].as_str().unwrap()),
    }
}

fn closed(row: &Json, key: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, _) in row[key].as_array().into_iter().flatten().enumerate() {
        let entry = match &row[key][at] {
            Json::String(text) => text.clone().into_bytes(),
            Json::Array(pair) => format!(
                "{}={}",
                pair[0].as_str().unwrap(),
                pair[1].as_str().unwrap()
            )
            .into_bytes(),
            other => unhex(other["hex"].as_str().unwrap()),
        };
        bytes.extend(entry);
        bytes.push(0);
    }
    bytes
}

/// A thread of a recorded table.
pub(crate) fn thread(row: &Json) -> Thread {
    let int = |key: &str| row[key].as_i64().unwrap_or(0);
    let uint = |key: &str| row[key].as_u64().unwrap_or(0);
    Thread {
        tid: int("tid"),
        pid: int("pid"),
        ptid: int("ptid"),
        sid: int("sid"),
        vpgid: int("vpgid"),
        pgid: int("pgid"),
        vtid: int("vtid"),
        vpid: int("vpid"),
        uid: uint("uid") as u32,
        gid: uint("gid") as u32,
        loginuid: uint("loginuid") as u32,
        flags: uint("flags") as u32,
        fd_limit: int("fdlimit"),
        tty: uint("tty") as u32,
        cap_permitted: uint("cap_permitted"),
        cap_inheritable: uint("cap_inheritable"),
        cap_effective: uint("cap_effective"),
        vm_size_kb: uint("vmsize_kb") as u32,
        vm_rss_kb: uint("vmrss_kb") as u32,
        vm_swap_kb: uint("vmswap_kb") as u32,
        pfmajor: uint("pfmajor"),
        pfminor: uint("pfminor"),
        clone_ns: uint("clone_ts"),
        image: Arc::new(Image {
            comm: text(row, "comm").into(),
            exe: text(row, "exe").into(),
            exepath: text(row, "exepath").into(),
            args: closed(row, "args").into(),
            exe_writable: uint("exe_writable") == 1,
            exe_upper_layer: uint("exe_upper_layer") == 1,
            exe_lower_layer: uint("exe_lower_layer") == 1,
            exe_from_memfd: uint("exe_from_memfd") == 1,
            ..Image::default()
        }),
        env: closed(row, "env").into(),
        cgroups: closed(row, "cgroups").into(),
        cwd: text(row, "cwd").into(),
        root: text(row, "root").into(),
        ..Thread::default()
    }
}

/// A descriptor of a recorded table, by the type codes of captures.
pub(crate) fn fd(row: &Json) -> Fd {
    let uint = |key: &str| row[key].as_u64().unwrap_or(0);
    let inet = |v6| {
        FdKind::Inet(Tuple {
            v6,
            proto: Proto::Unknown,
            ends: Ends::None,
            role: Role::None,
        })
    };
    let kind = match uint("type") {
        1 | 16 => FdKind::File,
        2 => FdKind::Directory,
        3 => inet(false),
        4 => inet(true),
        7 => FdKind::Pipe,
        8 => FdKind::Unix {
            source: 0,
            peer: 0,
            role: Role::None,
        },
        9 => FdKind::Event,
        11 => FdKind::Signal,
        12 => FdKind::Epoll,
        13 => FdKind::Inotify,
        14 => FdKind::Timer,
        15 => FdKind::Netlink,
        17 => FdKind::Bpf,
        18 => FdKind::Userfault,
        19 => FdKind::IoUring,
        20 => FdKind::Memfd,
        21 => FdKind::Pidfd(0),
        _ => FdKind::Unsupported,
    };
    Fd {
        kind,
        name: text(row, "fname").into(),
        open_flags: uint("open_flags") as u32,
        dev: uint("dev") as u32,
        ino: uint("ino"),
        ..Fd::default()
    }
}

/// A state with the threads of recorded rows.
pub(crate) fn state_of(rows: &Json) -> State {
    let mut state = State::default();
    for row in rows.as_array().unwrap() {
        state.add_thread(thread(row));
        for entry in row["fds"].as_array().into_iter().flatten() {
            state.add_fd(
                row["tid"].as_i64().unwrap(),
                entry["fd"].as_i64().unwrap(),
                fd(entry),
            );
        }
    }
    state.settle();
    state
}

/// The interface of captures and of upstream's tests.
pub(crate) fn loopback() -> Interface {
    Interface {
        name: (*b"lo").into(),
        address: "127.0.0.1".parse().unwrap(),
        mask: "255.0.0.0".parse().unwrap(),
    }
}

/// Counts how many recorded values agree, by field, with some samples of those that do not.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) good: u64,
    bad: BTreeMap<String, (u64, Vec<String>)>,
}

impl Tally {
    pub(crate) fn compare(
        &mut self,
        field: &str,
        place: impl Fn() -> String,
        expected: Option<&str>,
        got: Option<&str>,
    ) {
        if expected == got || differs_on_purpose(field, expected) {
            self.good += u64::from(expected == got);
            return;
        }
        let (count, samples) = self.bad.entry(field.to_owned()).or_default();
        *count += 1;
        if samples.len() < 4 {
            let short =
                |text: Option<&str>| text.map(|text| text.chars().take(160).collect::<String>());
            samples.push(format!(
                "    {}: expected {:?}, got {:?}",
                place(),
                short(expected),
                short(got)
            ));
        }
    }

    pub(crate) fn bad(&self) -> u64 {
        self.bad.values().map(|(count, _)| count).sum()
    }

    /// The differences, the most frequent last.
    pub(crate) fn report(&self) -> String {
        let mut fields: Vec<_> = self.bad.iter().collect();
        fields.sort_by_key(|(_, (count, _))| *count);
        let mut text = String::new();
        for (field, (count, samples)) in fields {
            text += &[&format!("{field}: {count} differ"), &samples.join("\n"), ""].join("\n");
        }
        text + &format!("{} agree, {} differ", self.good, self.bad())
    }
}

/// Replays a capture; calls `look` with the facts of each event that users see.
pub(crate) fn replay(path: &Path, catalogue: &Catalogue, mut look: impl FnMut(u64, &Facts<'_>)) {
    let (mut reader, mut state) = Reader::open(path).unwrap();
    let mut context = Context::default();
    let mut arena = Bump::new();
    let mut number = 0;
    loop {
        let captured = match reader.next_event().unwrap() {
            Next::Event(captured) => captured,
            Next::Section(fresh) => {
                state = *fresh;
                continue;
            }
            Next::End => break,
        };
        let event = captured.event;
        if context.first_ns == 0 && event.info().origin != Origin::Metaevent {
            context.first_ns = event.time_ns();
        }
        number += 1;
        let subject = state.apply(&event);
        if subject.hidden {
            continue;
        }
        arena.reset();
        let seen = Seen {
            event,
            subject,
            number,
            cpu: captured.cpu,
        };
        look(
            number,
            &Facts::new(catalogue, &context, &state, seen, &arena),
        );
    }
}

/// Resolves a field as it is written in conditions.
pub(crate) fn resolve(catalogue: &mut Catalogue, text: &str) -> Option<Field> {
    let (name, arg) = match text.split_once('[') {
        Some((name, arg)) => (name, Some(arg.trim_end_matches(']'))),
        None => (text, None),
    };
    catalogue.field(name, arg).ok()
}
