//! Live tests: a child makes real system calls, the parent reads what the probe says of them.
//!
//! The calls are made in a child because the probe does not report its own process. What the child learns (descriptors, results) it
//! leaves in memory that both share. Events are compared as text, every parameter of them; see [`text`].
#![allow(unsafe_code, dead_code)]

use std::{
    collections::VecDeque,
    ffi::CStr,
    fmt::Write,
    ptr,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use falco_event::{Event, EventFlags, HEADER_BYTES, Names, ParamType, SyscallCode, Trailer};
use falco_probe::{Config, How, Next, Probe};

/// Makes a system call by its number; arguments are cast to what libc takes. An error is its negative number.
macro_rules! call {
    ($number:expr $(, $arg:expr)*) => {{
        // SAFETY: the pointers among the arguments are to what lives across the call, or are meant to be bad.
        let result: i64 = unsafe { libc::syscall($number $(, $arg as libc::c_long)*) };
        live::result(result)
    }};
}
pub(crate) use call;

/// Takes the next event of the name that comes first, and compares all of it.
#[allow(unused_macros)]
macro_rules! said {
    ($seen:expr, $($text:tt)*) => { $seen.expect(&format!($($text)*)) };
}
#[allow(unused_imports)]
pub(crate) use said;

/// What the kernel answered: libc keeps the error apart.
pub(crate) fn result(result: i64) -> i64 {
    if result == -1 {
        -i64::from(
            std::io::Error::last_os_error()
                .raw_os_error()
                .unwrap_or_default(),
        )
    } else {
        result
    }
}

/// A text for a system call, in memory: a call that fails before it looks brings nothing in, and the probe cannot.
pub(crate) fn ptr(text: &CStr) -> *const libc::c_char {
    touch(text.to_bytes_with_nul());
    text.as_ptr()
}

/// Reads bytes, so that they are in memory.
pub(crate) fn touch(bytes: &[u8]) {
    std::hint::black_box(
        std::hint::black_box(bytes)
            .iter()
            .fold(0, |all, byte| all ^ byte),
    );
}

/// How long the events of a child may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends a process that a test made, without unwinding into the test harness.
pub(crate) fn exit(status: i32) -> ! {
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(status) }
}

/// Waits for the end of a child.
pub(crate) fn wait(pid: i64) {
    // SAFETY: nobody wants the status.
    unsafe { libc::waitpid(pid as i32, ptr::null_mut(), 0) };
}

/// The one probe of a test binary, or `None` with a printed line where there can be none.
pub(crate) fn probe(calls: &[&str]) -> Option<MutexGuard<'static, Probe>> {
    static PROBE: OnceLock<Option<Mutex<Probe>>> = OnceLock::new();
    let probe = PROBE.get_or_init(|| open(calls, None).map(Mutex::new));
    probe
        .as_ref()
        .map(|probe| probe.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The way of attaching that `ATTACH` names, for trying each on kernels that allow several; without it the best.
fn asked_for() -> Option<How> {
    match std::env::var("ATTACH").as_deref() {
        Ok("functions") => Some(How::Functions),
        Ok("per_call") => Some(How::PerCall),
        Ok("all_calls") => Some(How::AllCalls),
        Ok(other) => panic!("ATTACH={other} is none of functions, per_call, all_calls"),
        Err(_) => None,
    }
}

/// Opens a probe for these calls.
pub(crate) fn open(calls: &[&str], how: Option<How>) -> Option<Probe> {
    open_with(Config {
        calls: codes(calls),
        how,
        ..Config::default()
    })
}

/// Opens a probe; the way of attaching may come from outside.
pub(crate) fn open_with(config: Config) -> Option<Probe> {
    let config = Config {
        how: config.how.or_else(asked_for),
        ..config
    };
    can_open().then(|| Probe::open(&config).unwrap_or_else(|error| panic!("{error}")))
}

/// The calls of these names.
pub(crate) fn codes(calls: &[&str]) -> Vec<SyscallCode> {
    calls
        .iter()
        .map(|name| SyscallCode::by_name(name).expect("a call of the schema"))
        .collect()
}

/// Whether a probe can be opened here; if not, a line says what is missing.
#[allow(clippy::print_stdout)]
pub(crate) fn can_open() -> bool {
    // SAFETY: it cannot fail and touches no memory.
    let is_root = unsafe { libc::geteuid() } == 0;
    let has_btf = std::path::Path::new("/sys/kernel/btf/vmlinux").exists();
    if !is_root || !has_btf {
        println!("skipped: live tests need root and a kernel with BTF");
    }
    is_root && has_btf
}

const NOTES: usize = 256;

/// Memory that the child writes to and the parent reads.
#[derive(Clone, Copy)]
pub(crate) struct Notes(*mut [i64; NOTES]);

impl Notes {
    pub(crate) fn new() -> Notes {
        // SAFETY: a new anonymous mapping at an address of the kernel's choice.
        let page = unsafe {
            libc::mmap(
                ptr::null_mut(),
                size_of::<[i64; NOTES]>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(page, libc::MAP_FAILED);
        Notes(page.cast())
    }

    /// Writes down and returns a number.
    pub(crate) fn put(self, index: usize, value: i64) -> i64 {
        // SAFETY: the mapping is never unmapped, and parent and child never use a note at the same time.
        unsafe { (*self.0)[index] = value };
        value
    }

    pub(crate) fn get(self, index: usize) -> i64 {
        // SAFETY: as above.
        unsafe { (*self.0)[index] }
    }
}

/// What the probe said of a child, in order.
pub(crate) struct Seen {
    pub(crate) pid: i64,
    pub(crate) notes: Notes,
    pub(crate) events: VecDeque<Vec<u8>>,
}

/// Runs the body in a child and collects the events of its main thread until it has ended.
pub(crate) fn in_child(probe: &mut Probe, body: impl FnOnce(Notes)) -> Seen {
    let notes = Notes::new();
    // SAFETY: the child makes system calls, writes its notes and ends without unwinding into the test harness.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        body(notes);
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(0) };
    }
    assert!(pid > 0);
    let events = collect(probe, &[pid.into()]).remove(0);
    // SAFETY: waits for our own child, which has ended.
    unsafe { libc::waitpid(pid, ptr::null_mut(), 0) };
    Seen {
        pid: pid.into(),
        notes,
        events,
    }
}

/// The events of each of the threads, until all of them have ended.
pub(crate) fn collect(probe: &mut Probe, threads: &[i64]) -> Vec<VecDeque<Vec<u8>>> {
    let (start, us) = (Instant::now(), i64::from(std::process::id()));
    let mut events = vec![VecDeque::new(); threads.len()];
    let mut ended = 0;
    while start.elapsed() < PATIENCE {
        let Next::Event(bytes) = probe.next(Duration::from_millis(100)) else {
            continue;
        };
        let event = parse(bytes);
        assert_ne!(
            event.thread(),
            us,
            "an event of the process that holds the probe"
        );
        let Some(index) = threads.iter().position(|thread| *thread == event.thread()) else {
            continue;
        };
        events[index].push_back(bytes.to_vec());
        ended += usize::from(event.info().id == "PROCEXIT_1_E");
        if ended == threads.len() {
            return events;
        }
    }
    let counts: Vec<usize> = events.iter().map(VecDeque::len).collect();
    panic!(
        "only {ended} of {threads:?} ended; events: {counts:?}; {:?}",
        probe.stats()
    );
}

impl Seen {
    /// Takes the next event of that name; what came before it stays.
    pub(crate) fn take(&mut self, name: &str) -> Vec<u8> {
        let at = self
            .events
            .iter()
            .position(|bytes| parse(bytes).info().name == name);
        at.and_then(|at| self.events.remove(at))
            .unwrap_or_else(|| panic!("no event {name}"))
    }

    /// Takes the next event of the name that comes first, and compares all of it.
    pub(crate) fn expect(&mut self, expected: &str) {
        let name = expected.split(' ').next().unwrap_or_default();
        compare(&self.take(name), expected);
    }
}

/// An event of the wire, which has to be whole and of a current version.
pub(crate) fn parse(bytes: &[u8]) -> Event<'_> {
    let event = Event::parse(bytes).unwrap_or_else(|malformed| panic!("{malformed:?}: {bytes:?}"));
    let info = event.info();
    assert!(
        !info.flags.any(EventFlags::OLD_VERSION),
        "{} is an old version",
        info.id
    );
    assert_eq!(event.len(), info.params.len(), "{}", info.id);
    let lengths = (0..event.len())
        .filter_map(|index| event.param(index))
        .map(<[u8]>::len);
    let loose = bytes.len() - HEADER_BYTES - 2 * event.len() - lengths.sum::<usize>();
    let trailer = event.trailer();
    let marks = usize::from(trailer != Trailer::default()) * 4;
    // The path of what has none is an empty text.
    let path = trailer.path().map_or(0, |path| path.len() + 1);
    let expected = [marks + path, marks + usize::from(marks > 0)];
    assert!(
        expected.contains(&loose),
        "{}: {loose} loose bytes",
        info.id
    );
    event
}

/// Compares an event with its text; `_` stands for any value that is present.
pub(crate) fn compare(bytes: &[u8], expected: &str) {
    let text = text(bytes);
    let (have, want): (Vec<_>, Vec<_>) = (text.split(' ').collect(), expected.split(' ').collect());
    let same = |(have, want): (&&str, &&str)| match want.strip_suffix("=_") {
        Some(name) => have
            .split_once('=')
            .is_some_and(|(known, value)| known == name && value != "-"),
        None => have == want,
    };
    let equal = have.len() == want.len() && have.iter().zip(&want).all(same);
    assert!(equal, "\n    have: {text}\n    want: {expected}");
}

/// An event as `name param=value ...`: texts and bytes escaped (a blank as `\s`, the NUL at the end of a text left out), flags by name,
/// addresses and tuples by their parts, other numbers decimal; what is absent is `-`.
pub(crate) fn text(bytes: &[u8]) -> String {
    let event = parse(bytes);
    let mut text = event.info().name.to_owned();
    for (index, info) in event.info().params.iter().enumerate() {
        let _ = write!(text, " {}=", info.name);
        let Some(bytes) = event.param(index) else {
            text.push('-');
            continue;
        };
        use ParamType as T;
        match info.ty {
            T::Charbuf | T::Fspath | T::Fsrelpath => {
                let (nul, bytes) = bytes.split_last().expect("it is not empty");
                assert_eq!(*nul, 0, "{text}: no NUL");
                text.push_str(&escape(bytes));
            }
            T::Bytebuf | T::Charbufarray => text.push_str(&escape(bytes)),
            T::Sockaddr => text.push_str(&address(bytes)),
            T::Socktuple => text.push_str(&tuple(bytes)),
            T::Dyn => text.push_str(&dynamic(bytes, info.names)),
            T::Fdlist => text.push_str(&descriptors(bytes)),
            T::Int32 | T::Int64 | T::Errno | T::Fd | T::Pid => {
                text.push_str(&number(bytes, true).to_string());
            }
            _ => match info.names {
                Names::Table(table) if info.ty != T::Mode => {
                    let is_choice =
                        matches!(info.ty, T::Enumflags8 | T::Enumflags16 | T::Enumflags32);
                    text.push_str(&names(number(bytes, false) as u64, table, is_choice));
                }
                _ if info.format == falco_event::Format::Oct => {
                    let _ = write!(text, "{:o}", number(bytes, false));
                }
                _ => text.push_str(&number(bytes, false).to_string()),
            },
        }
    }
    text
}

/// Which type was chosen, and the value: a text where it is one.
fn dynamic(bytes: &[u8], names: Names) -> String {
    let Names::Dynamic(types) = names else {
        panic!("a dynamic parameter without types")
    };
    let (choice, rest) = (bytes[0], &bytes[1..]);
    match types[usize::from(choice)].ty {
        ParamType::Charbuf | ParamType::Bytebuf => format!("{choice}:{}", escape(rest)),
        ty => {
            let signed = matches!(ty, ParamType::Errno | ParamType::Int64);
            format!("{choice}:{}", number(rest, signed))
        }
    }
}

/// `fd:bits` of each, with the names that poll gives to the bits.
fn descriptors(bytes: &[u8]) -> String {
    let (count, rest) = (number(&bytes[..2], false) as usize, &bytes[2..]);
    assert_eq!(rest.len(), 10 * count);
    let each = rest.chunks(10).map(|one| {
        let (fd, bits) = (number(&one[..8], true), number(&one[8..], false));
        format!("{fd}:{bits}")
    });
    each.collect::<Vec<_>>().join(",")
}

fn escape(bytes: &[u8]) -> String {
    bytes
        .escape_ascii()
        .to_string()
        .replace(' ', "\\s")
        .replace("\\x00", "\\0")
}

fn number(bytes: &[u8], signed: bool) -> i128 {
    assert!(
        matches!(bytes.len(), 1 | 2 | 4 | 8),
        "a number of {} bytes",
        bytes.len()
    );
    let value = bytes
        .iter()
        .rev()
        .fold(0_i128, |value, byte| value << 8 | i128::from(*byte));
    let negative = signed && bytes.last().is_some_and(|byte| *byte >= 0x80);
    if negative {
        value - (1 << (8 * bytes.len()))
    } else {
        value
    }
}

/// The names of the bits, smallest first, names of two bits before them; what has none in hexadecimal.
fn names(value: u64, table: &[falco_event::schema::Flag], is_choice: bool) -> String {
    if let Some(flag) = table.iter().rev().find(|flag| flag.value == value) {
        return flag.name.to_owned();
    }
    let mut bits: Vec<_> = table
        .iter()
        .filter(|flag| !is_choice && flag.value != 0)
        .collect();
    bits.sort_by_key(|flag| (flag.value.is_power_of_two(), flag.value));
    let (mut rest, mut found) = (value, Vec::new());
    for flag in bits {
        if rest & flag.value == flag.value {
            found.push(flag.name.to_owned());
            rest &= !flag.value;
        }
    }
    if rest != 0 || found.is_empty() {
        found.push(format!("{rest:#x}"));
    }
    found.join("|")
}

fn port(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[0], bytes[1]])
}

/// `ip:port`, with the bytes that are left.
fn endpoint(family: u8, bytes: &[u8]) -> (String, &[u8]) {
    if family == 2 {
        let ip: [u8; 4] = bytes[..4].try_into().expect("four bytes");
        (
            format!("{}:{}", std::net::Ipv4Addr::from(ip), port(&bytes[4..])),
            &bytes[6..],
        )
    } else {
        let ip: [u8; 16] = bytes[..16].try_into().expect("sixteen bytes");
        (
            format!("[{}]:{}", std::net::Ipv6Addr::from(ip), port(&bytes[16..])),
            &bytes[18..],
        )
    }
}

fn address(bytes: &[u8]) -> String {
    let (family, rest) = (bytes[0], &bytes[1..]);
    if family == 1 {
        return format!("unix:{}", escape(rest));
    }
    let (text, rest) = endpoint(family, rest);
    assert!(rest.is_empty());
    text
}

fn tuple(bytes: &[u8]) -> String {
    let (family, rest) = (bytes[0], &bytes[1..]);
    if family == 1 {
        return format!(
            "{:x}->{:x}:{}",
            number(&rest[..8], false),
            number(&rest[8..16], false),
            escape(&rest[16..])
        );
    }
    let (from, rest) = endpoint(family, rest);
    let (to, rest) = endpoint(family, rest);
    assert!(rest.is_empty());
    format!("{from}->{to}")
}

/// The names of the bits of a parameter.
pub(crate) fn names_of(event: &str, param: &str, value: u32) -> String {
    let current = |info: &&falco_event::EventInfo| {
        info.name == event && !info.flags.any(EventFlags::OLD_VERSION)
    };
    let mut infos = falco_event::EventCode::all()
        .map(falco_event::EventCode::info)
        .filter(current);
    let info = infos
        .find_map(|info| info.params.iter().find(|known| known.name == param))
        .expect("a parameter of the schema");
    let Names::Table(table) = info.names else {
        panic!("{event}.{param} has no names")
    };
    names(value.into(), table, false)
}
