//! What a value costs.
#![allow(clippy::unwrap_used, reason = "only benchmarks use it")]

use std::sync::Arc;

use bumpalo::Bump;
use divan::{Bencher, black_box};
use falco_event::{Builder, Event, codes};
use falco_fields::{Catalogue, Context, Facts, Seen};
use falco_filter::{Catalog, Values};
use falco_state::{Image, State, Thread};

fn main() {
    divan::main();
}

const FIELDS: &[&str] = &[
    "evt.type",
    "evt.is_open_write",
    "proc.name",
    "proc.cmdline",
    "proc.pname",
    "proc.aname[2]",
    "proc.aname",
    "fd.name",
    "fd.directory",
    "fs.path.name",
    "user.name",
    "container.id",
];

/// A process with three ancestors that opens a file.
fn state() -> State {
    let mut state = State::default();
    for tid in 1..=4 {
        let comm = format!("process{tid}");
        state.add_thread(Thread {
            tid,
            pid: tid,
            ptid: tid - 1,
            uid: 0,
            image: Arc::new(Image {
                comm: comm.as_bytes().into(),
                args: (*b"-o\0main.o\0-c\0main.c\0").into(),
                ..Image::default()
            }),
            cwd: (*b"/root/").into(),
            ..Thread::default()
        });
    }
    state.settle();
    state
}

/// A new event each time, one value of it.
#[divan::bench(args = FIELDS)]
fn once(bencher: Bencher<'_, '_>, name: &str) {
    extract(bencher, name, 1);
}

/// A new event each time, its value four times: as when four rules ask.
#[divan::bench(args = FIELDS)]
fn four_times(bencher: Bencher<'_, '_>, name: &str) {
    extract(bencher, name, 4);
}

fn extract(bencher: Bencher<'_, '_>, text: &str, times: usize) {
    let mut catalogue = Catalogue::new();
    let (name, arg) = match text.split_once('[') {
        Some((name, arg)) => (name, Some(arg.trim_end_matches(']'))),
        None => (text, None),
    };
    let slot = catalogue.field(name, arg).unwrap().slot;
    let mut state = state();
    let open = Builder::new(codes::SYSCALL_OPENAT_2_X, 1_000, 4)
        .i64(3)
        .i64(-100);
    let open = open.str(b"../etc/ssh/sshd_config").u32(1).u32(0).u32(5);
    let bytes = open.u64(77).finish();
    let event = Event::parse(&bytes).unwrap();
    let subject = state.apply(&event);
    let context = Context::default();
    let mut arena = Bump::new();
    bencher.bench_local(move || {
        arena.reset();
        let seen = Seen {
            event,
            subject,
            number: 1,
            cpu: 0,
        };
        let facts = Facts::new(&catalogue, &context, &state, seen, &arena);
        for _ in 0..times {
            black_box(facts.value(black_box(slot)));
        }
    });
}
