//! Writes the seeds that fuzzing starts from: an event of every type, and captures of several shapes.
//!
//! `cargo run -p falco-capture --example seeds -- fuzz/corpus` (`make fuzz` does it)
#![allow(clippy::unwrap_used, reason = "a tool of the project")]

use std::{fs, path::Path};

use falco_capture::{Machine, Writer};
use falco_event::{Builder, Event, EventCode, EventFlags, ParamType, codes};
use falco_state::{Fd, FdKind, Image, State, Thread};

fn main() {
    let to = std::env::args_os()
        .nth(1)
        .expect("the directory of the corpus");
    let at = |target: &str| {
        let dir = Path::new(&to).join(target);
        fs::create_dir_all(&dir).unwrap();
        dir
    };
    let events: Vec<(EventCode, Vec<u8>)> = EventCode::all()
        .filter(|code| !code.info().params.is_empty())
        .map(|code| (code, event(code)))
        .collect();
    let dirs = ["event", "render"].map(at);
    for (code, bytes) in &events {
        for dir in &dirs {
            fs::write(dir.join(format!("{:03}", code.get())), bytes).unwrap();
        }
    }
    let captures = at("capture");
    // All of them packed, then groups of a size that a fuzzer likes, not packed: it cannot see into gzip.
    fs::write(captures.join("all.scap"), capture(&events)).unwrap();
    for (number, some) in events.chunks(16).enumerate() {
        let mut plain = Vec::new();
        let packed = capture(some);
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut plain)
            .unwrap();
        fs::write(captures.join(format!("{number:02}.scap")), plain).unwrap();
    }
}

/// An event whose parameters are of the right sizes and mean something.
fn event(code: EventCode) -> Vec<u8> {
    let info = code.info();
    let builder = Builder::new(code, 1_700_000_000_000_000_000, 42);
    (info.params.iter())
        .fold(builder, |builder, param| builder.bytes(value(param.ty)))
        .finish()
}

fn value(kind: ParamType) -> &'static [u8] {
    use ParamType as T;
    match kind {
        T::Charbuf | T::Fspath | T::Fsrelpath => b"/tmp/../etc/passwd\0",
        T::Bytebuf => b"GET / HTTP/1.1\r\n\x80\xff",
        T::Charbufarray | T::CharbufPairArray => b"one\0two=2\0",
        T::Sockaddr => b"\x02\x7f\0\0\x01\x50\0",
        T::Socktuple => b"\x02\x7f\0\0\x01\x50\0\x0a\0\0\x01\x39\x05",
        T::Fdlist => b"\x01\0\x03\0\0\0\0\0\0\0\x01\0",
        T::Dyn => b"\x01\x03\0\0\0\0\0\0\0",
        T::Int8
        | T::Uint8
        | T::Flags8
        | T::Enumflags8
        | T::Sigtype
        | T::L4proto
        | T::Sockfamily => b"\x01",
        T::Int16 | T::Uint16 | T::Flags16 | T::Enumflags16 | T::Port | T::Syscallid => b"\x02\0",
        T::Int64 | T::Uint64 | T::Errno | T::Fd | T::Pid | T::Reltime | T::Abstime | T::Double => {
            b"\x2a\0\0\0\0\0\0\0"
        }
        T::Ipv6addr => b"\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01",
        _ => b"\x03\0\0\0",
    }
}

fn capture(events: &[(EventCode, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &Machine::default(), &state(), 1).unwrap();
    // What opens a descriptor that the others use.
    let open = Builder::new(codes::SYSCALL_OPENAT_2_X, 1, 42)
        .i64(3)
        .i64(-100)
        .str(b"file")
        .u32(1)
        .u32(0)
        .u32(0)
        .u64(0)
        .finish();
    writer.event(&Event::parse(&open).unwrap(), 0).unwrap();
    for (_, bytes) in events {
        let event = Event::parse(bytes).unwrap();
        if !event.info().flags.any(EventFlags::UNUSED) {
            writer.event(&event, 1).unwrap();
        }
    }
    writer.finish().unwrap()
}

fn state() -> State {
    let mut state = State::default();
    for (tid, ptid) in [(1, 0), (42, 1)] {
        state.add_thread(Thread {
            tid,
            pid: tid,
            ptid,
            cwd: (*b"/root/").into(),
            image: std::sync::Arc::new(Image {
                comm: (*b"sh").into(),
                args: (*b"-c\0true\0").into(),
                ..Image::default()
            }),
            ..Thread::default()
        });
    }
    let file = Fd {
        kind: FdKind::File,
        name: (*b"/dev/null").into(),
        ..Fd::default()
    };
    state.add_fd(42, 0, file);
    state.settle();
    state
}
