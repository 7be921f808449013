//! What a test begins with: processes with their descriptors, users.

use std::sync::Arc;

use falco_rules::yaml::{self, Node, Source, Value};
use falco_state::{Ends, Fd, FdKind, Image, Proto, Role, State, Thread, Tuple, User};

use crate::problem::{Problem, Wrong};
use crate::value::{capabilities, closed, ends, number, socket_address, text, texts};

/// When tests happen: nanoseconds since 1970.
pub(crate) const NOW_NS: u64 = 1_750_000_000_000_000_000;
/// How long ago the processes began.
const AGE_NS: u64 = 60_000_000_000;
/// The first process id that is given out.
const FIRST_PID: i64 = 100;
/// The parent of a process that names none.
const INIT: i64 = 1;
/// The bytes that the kernel keeps of a program's name.
const COMM_MAX: usize = 15;

/// Collects what is wrong on the way.
pub(crate) struct Reader<'s> {
    pub(crate) source: &'s Source,
    pub(crate) problems: Vec<Problem>,
}

impl Reader<'_> {
    /// Notes what is wrong at a node.
    pub(crate) fn wrong(&mut self, node: &Node, wrong: impl Into<Wrong>) {
        self.problems.push(wrong.into().at(self.source, node));
    }

    /// The value, or a note of what is wrong at a node.
    pub(crate) fn take<T>(&mut self, node: &Node, value: Result<T, Wrong>) -> Option<T> {
        value.map_err(|wrong| self.wrong(node, wrong)).ok()
    }

    /// Notes the keys of a mapping that nobody knows.
    pub(crate) fn keys(&mut self, node: &Node, known: &[&str]) {
        for (key, _) in node.entries() {
            match key.scalar() {
                Some(name) if known.contains(&name) => {}
                name => {
                    let message = format!("unknown key `{}`", name.unwrap_or("…"));
                    let help = format!("known are {}", known.join(", "));
                    self.wrong(key, Wrong::new(message).help(help));
                }
            }
        }
    }
}

/// The elements of a sequence; a single value counts as a sequence of one.
pub(crate) fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::Seq(items) => items,
        Value::Null => &[],
        _ => std::slice::from_ref(node),
    }
}

/// A process that is there before the first event.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) thread: Thread,
    fds: Vec<(i64, Fd)>,
    /// The name that its container has in the file.
    pub(crate) container: Option<String>,
}

const PROCESS_KEYS: [&str; 26] = [
    "command",
    "pid",
    "tid",
    "parent",
    "name",
    "exe",
    "args",
    "cwd",
    "env",
    "tty",
    "uid",
    "gid",
    "loginuid",
    "sid",
    "vpid",
    "vpgid",
    "pgid",
    "root",
    "container",
    "fds",
    "capabilities",
    "exe_upper_layer",
    "exe_writable",
    "exe_memfd",
    "exe_lower_layer",
    "cgroups",
];

/// Reads a chain of processes: each is the child of the one before unless it says otherwise.
pub(crate) fn processes(
    reader: &mut Reader<'_>,
    node: &Node,
    container: Option<&str>,
) -> Vec<Process> {
    let mut all: Vec<Process> = Vec::new();
    for item in items(node) {
        let process = process(reader, item, &all, container);
        all.push(process);
    }
    all
}

fn process(
    reader: &mut Reader<'_>,
    node: &Node,
    before: &[Process],
    container: Option<&str>,
) -> Process {
    let next = before
        .iter()
        .map(|process| process.thread.pid + 1)
        .max()
        .map_or(FIRST_PID, |next| next.max(FIRST_PID));
    let key = |name: &str| node.get(name);
    if node.is_map() {
        reader.keys(node, &PROCESS_KEYS);
    }
    let mut int = |name: &str| {
        let node = key(name)?;
        let number = text(node).and_then(number).and_then(|number| {
            i64::try_from(number).map_err(|_| Wrong::new("the number is too large"))
        });
        reader.take(node, number)
    };
    let pid = int("pid").unwrap_or(next);
    let parent = int("parent");
    let (tid, vpid, sid) = (int("tid"), int("vpid"), int("sid"));
    let (vpgid, pgid, tty) = (int("vpgid"), int("pgid"), int("tty"));
    let (uid, gid, login) = (int("uid"), int("gid"), int("loginuid"));
    let parent = parent.unwrap_or_else(|| before.last().map_or(INIT, |last| last.thread.pid));
    let parent_process = before.iter().find(|process| process.thread.pid == parent);
    let uid = uid.map_or_else(
        || parent_process.map_or(0, |parent| parent.thread.uid),
        |uid| uid as u32,
    );
    let inherited = parent_process.map(|parent| &parent.thread);
    let mut caps = if uid == 0 { u64::MAX >> 23 } else { 0 };
    if let Some(node) = key("capabilities") {
        let named = text(node).and_then(capabilities);
        caps = reader.take(node, named).unwrap_or(caps);
    } else if let Some(parent) = inherited.filter(|parent| parent.uid == uid) {
        caps = parent.cap_effective;
    }
    let own = key("container").and_then(Node::scalar).map(str::to_owned);
    let thread = Thread {
        tid: tid.unwrap_or(pid),
        pid,
        ptid: parent,
        sid: sid.unwrap_or_else(|| inherited.map_or(pid, |parent| parent.sid)),
        vpgid: vpgid.unwrap_or(pid),
        pgid: pgid.unwrap_or(pid),
        vtid: vpid.or(tid).unwrap_or(pid),
        vpid: vpid.unwrap_or(pid),
        clone_ns: NOW_NS - AGE_NS,
        exec_ns: NOW_NS - AGE_NS,
        uid,
        gid: gid.map_or(uid, |gid| gid as u32),
        loginuid: login.map_or_else(
            || inherited.map_or(u32::MAX, |parent| parent.loginuid),
            |login| login as u32,
        ),
        tty: tty.map_or_else(
            || inherited.map_or(0, |parent| parent.tty),
            |tty| tty as u32,
        ),
        cap_permitted: caps,
        cap_effective: caps,
        fd_limit: 1024,
        image: Arc::new(image(reader, node)),
        env: list(reader, key("env")).into(),
        cgroups: list(reader, key("cgroups")).into(),
        cwd: directory(key("cwd").and_then(Node::scalar).unwrap_or("/")).into(),
        root: (key("root").and_then(Node::scalar).unwrap_or("/").as_bytes()).into(),
        ..Thread::default()
    };
    Process {
        thread,
        fds: key("fds").map_or_else(Vec::new, |node| descriptors(reader, node)),
        container: own
            .or_else(|| parent_process.and_then(|parent| parent.container.clone()))
            .or_else(|| container.map(str::to_owned)),
    }
}

fn image(reader: &mut Reader<'_>, node: &Node) -> Image {
    let command = node.get("command").or((!node.is_map()).then_some(node));
    let words = command
        .map(|node| (node, words(node)))
        .and_then(|(node, words)| reader.take(node, words));
    let mut words = words.unwrap_or_default().into_iter();
    let first = words.next().unwrap_or_default();
    let scalar = |name: &str| node.get(name).and_then(Node::scalar);
    let path = scalar("exe").unwrap_or(&first);
    let name = scalar("name").map_or_else(|| comm(path), str::to_owned);
    let args = match node.get("args") {
        Some(args) => list(reader, Some(args)),
        None => words.flat_map(|word| closed(&word)).collect(),
    };
    let mut flag = |name: &str| {
        let Some(node) = node.get(name) else {
            return false;
        };
        let yes = text(node)
            .and_then(|text| yaml::boolean(text).ok_or_else(|| Wrong::new("expected yes or no")));
        reader.take(node, yes).unwrap_or(false)
    };
    Image {
        comm: name.into_bytes().into(),
        exe: if first.is_empty() { path } else { &first }
            .as_bytes()
            .into(),
        exepath: path.as_bytes().into(),
        args: args.into(),
        exe_writable: flag("exe_writable"),
        exe_upper_layer: flag("exe_upper_layer"),
        exe_lower_layer: flag("exe_lower_layer"),
        exe_from_memfd: flag("exe_memfd"),
        ..Image::default()
    }
}

/// The words of a command: a sequence, or a text split at blanks.
pub(crate) fn words(node: &Node) -> Result<Vec<String>, Wrong> {
    let words: Vec<String> = match node.items() {
        Some(items) => (items.iter().map(text))
            .map(|word| word.map(str::to_owned))
            .collect::<Result<_, _>>()?,
        None => text(node)?.split_whitespace().map(str::to_owned).collect(),
    };
    if words.is_empty() {
        return Err(Wrong::new("a command has at least one word: the program"));
    }
    Ok(words)
}

/// The name that the kernel gives a program.
pub(crate) fn comm(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let cut = (0..=COMM_MAX.min(name.len()))
        .rev()
        .find(|at| name.is_char_boundary(*at));
    name.get(..cut.unwrap_or(0)).unwrap_or(name).to_owned()
}

fn directory(path: &str) -> Vec<u8> {
    let mut path = path.as_bytes().to_vec();
    if !path.ends_with(b"/") {
        path.push(b'/');
    }
    path
}

/// Texts, each closed by a NUL.
fn list(reader: &mut Reader<'_>, node: Option<&Node>) -> Vec<u8> {
    let Some(node) = node else { return Vec::new() };
    let all = texts(items(node));
    reader.take(node, all).unwrap_or_default()
}

fn descriptors(reader: &mut Reader<'_>, node: &Node) -> Vec<(i64, Fd)> {
    let mut all = Vec::new();
    if !node.is_map() {
        let help = "write `{0: /dev/null, 3: \"10.0.0.1:40000->10.0.0.2:80\"}`";
        reader.wrong(
            node,
            Wrong::new("expected descriptors by number").help(help),
        );
    }
    for (key, value) in node.entries() {
        let pair = text(key)
            .and_then(number)
            .and_then(|number| {
                i64::try_from(number).map_err(|_| Wrong::new("the number is too large"))
            })
            .and_then(|number| Ok((number, descriptor(text(value)?)?)));
        all.extend(reader.take(value, pair));
    }
    all
}

/// A descriptor as text: `/path`, `/directory/`, `10.0.0.1:1->10.0.0.2:2` (with `udp:` before it, or ` server` after it), `tcp:0.0.0.0:80`
/// for one that listens, `unix:/path`, `pipe:`, `memfd:name`.
fn descriptor(text: &str) -> Result<Fd, Wrong> {
    let named = |kind, name: &str| Fd {
        kind,
        name: name.as_bytes().into(),
        ..Fd::default()
    };
    if let Some(path) = text.strip_prefix("unix:") {
        let kind = FdKind::Unix {
            source: 1,
            peer: 2,
            role: Role::None,
        };
        return Ok(named(kind, path));
    }
    if text.starts_with("memfd:") {
        return Ok(named(FdKind::Memfd, text));
    }
    if text.starts_with("pipe:") {
        return Ok(named(FdKind::Pipe, ""));
    }
    if text.starts_with('/') {
        return Ok(
            match text.strip_suffix('/').filter(|path| !path.is_empty()) {
                Some(path) => named(FdKind::Directory, path),
                None => named(FdKind::File, text),
            },
        );
    }
    let (proto, rest) = match text.strip_prefix("udp:") {
        Some(rest) => (Proto::Udp, rest),
        None => (Proto::Tcp, text.strip_prefix("tcp:").unwrap_or(text)),
    };
    let (rest, role) = match rest.strip_suffix(" server") {
        Some(rest) => (rest, Role::Server),
        None => (rest, Role::Client),
    };
    let (v6, ends, role) = if rest.contains("->") {
        let (from, to) = ends(rest)?;
        let pair = Ends::Pair((from.ip(), from.port()), (to.ip(), to.port()));
        (from.is_ipv6(), pair, role)
    } else {
        let at = socket_address(rest)?;
        (
            at.is_ipv6(),
            Ends::Listening(at.ip(), at.port()),
            Role::Server,
        )
    };
    let tuple = Tuple {
        v6,
        proto,
        ends,
        role,
    };
    Ok(Fd {
        connected: matches!(ends, Ends::Pair(..)),
        ..named(FdKind::Inet(tuple), rest)
    })
}

/// Reads users: `{uid: 1000, name: alice, home: /home/alice, shell: /bin/bash}`.
pub(crate) fn users(reader: &mut Reader<'_>, node: &Node) -> Vec<User> {
    let mut all = Vec::new();
    for item in items(node) {
        reader.keys(item, &["uid", "gid", "name", "home", "shell"]);
        let uid = item
            .get("uid")
            .ok_or_else(|| Wrong::new("a user has a uid"));
        let uid = uid
            .and_then(text)
            .and_then(number)
            .and_then(|uid| u32::try_from(uid).map_err(|_| Wrong::new("the uid is out of range")));
        let Some(uid) = reader.take(item, uid) else {
            continue;
        };
        let scalar = |key: &str, default: &str| {
            let text = item.get(key).and_then(Node::scalar).unwrap_or(default);
            Arc::from(text.as_bytes())
        };
        let gid = item.get("gid").and_then(Node::scalar);
        all.push(User {
            uid,
            gid: gid.and_then(|gid| gid.parse().ok()).unwrap_or(uid),
            name: scalar("name", ""),
            home: scalar("home", "/"),
            shell: scalar("shell", "/bin/sh"),
        });
    }
    all
}

/// The state that a test begins with.
pub(crate) fn state(processes: &[Process], users: &[User]) -> State {
    let mut state = State::default();
    state.boot_ns = NOW_NS - 60 * AGE_NS;
    for user in users {
        state.users.add_user(b"", user.clone());
    }
    let systemd = b"/usr/lib/systemd/systemd";
    state.add_thread(Thread {
        tid: INIT,
        pid: INIT,
        ptid: 0,
        vtid: INIT,
        vpid: INIT,
        sid: INIT,
        vpgid: INIT,
        pgid: INIT,
        uid: 0,
        gid: 0,
        image: Arc::new(Image {
            comm: (*b"systemd").into(),
            exe: (*systemd).into(),
            exepath: (*systemd).into(),
            ..Image::default()
        }),
        cwd: Arc::from(&b"/"[..]),
        ..Thread::default()
    });
    for process in processes {
        state.add_thread(process.thread.clone());
    }
    for process in processes {
        for (number, fd) in &process.fds {
            state.add_fd(process.thread.tid, *number, fd.clone());
        }
    }
    state.settle();
    state
}
