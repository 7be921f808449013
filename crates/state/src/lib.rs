//! What events change and fields ask: threads and processes, their descriptors, containers, users and groups.
//!
//! [`State::apply`] takes one event after the other; between two of them everything an event destroyed is still there to be read.
//! One writer, no locks, no clock: time comes from the events. What is there at the start comes as events of the kernel's iterators, or
//! from `/proc`, which is read in one small module only ([`procfs`]), for threads that were missed too.
//!
//! The crate does not decide which events happen and shows nothing: names of fields, texts for people, filters are somebody else's.
//!
//! ```
//! use falco_event::{Builder, Event, codes};
//! use falco_state::{State, Thread};
//!
//! let mut state = State::default();
//! state.add_thread(Thread { tid: 7, pid: 7, ptid: 1, cwd: (*b"/root/").into(), ..Thread::default() });
//! state.settle();
//!
//! let open = Builder::new(codes::SYSCALL_OPEN_X, 1_000, 7);
//! let bytes = open.i64(3).str(b"../etc/passwd").u32(1).u32(0).u32(5).u64(77).finish();
//! let subject = state.apply(&Event::parse(&bytes).unwrap());
//!
//! let thread = state.threads.get(subject.thread.unwrap()).unwrap();
//! let fd = state.threads.fds(thread).unwrap().get(subject.fd.unwrap()).unwrap();
//! assert_eq!(&fd.name[..], b"/etc/passwd");
//! ```
#![forbid(unsafe_code)]

mod apply;
mod containers;
mod counters;
mod events;
mod fd;
mod kubernetes;
mod names;
mod net;
pub mod path;
pub mod procfs;
mod purge;
mod replica;
mod route;
mod settle;
mod thread;
mod threads;
mod users;
mod wire;

pub use containers::{Container, ContainerIx, Containers, Engines, Info, Kind, Mount, News};
pub use counters::Counters;
pub use fd::{Ends, FDS_MAX, Fd, FdKind, FdTable, Layer, Proto, Role, Tuple};
pub use kubernetes::{Kubernetes, OwnerKind, Resource, pod_of};
pub use net::{Interface, Interfaces};
pub use procfs::LiveError;
pub use purge::Limits;
pub use replica::Answer;
pub use thread::{Image, Thread};
pub use threads::{ThreadIx, Threads};
pub use users::{Group, User, Users};

use std::sync::Arc;

/// All that is known of the machine.
#[derive(Debug, Default)]
pub struct State {
    /// The threads, and through them the descriptors.
    pub threads: Threads,
    /// The containers.
    pub containers: Containers,
    /// The pods and what they belong to.
    pub kubernetes: Kubernetes,
    /// The users and groups of the host and of containers.
    pub users: Users,
    /// The network interfaces of the host.
    pub interfaces: Interfaces,
    /// When the host started, nanoseconds since 1970; 0 in replay, as upstream has it.
    pub boot_ns: u64,
    /// Where the host's files are seen from here; empty when at `/`.
    pub host_root: Box<[u8]>,
    /// How much is kept.
    pub limits: Limits,
    /// What happened so far.
    pub counters: Counters,
    /// What the event before left to be forgotten.
    leaving: apply::Leaving,
    /// Threads that ended a moment ago.
    gone: events::Gone,
    /// The ports that somebody listened on when we started.
    listening: settle::Ports,
    purge: purge::Purge,
    /// Threads of a dump that wait for their main thread.
    waiting: Vec<Thread>,
    /// Who tells of the running machine; nobody in replay.
    machine: Option<replica::Machine>,
    /// What it answered, if there are copies of this state.
    answers: Option<Vec<Answer>>,
    scratch: Scratch,
}

/// What an event is about, once the state has taken it in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The thread that it happened in; absent for events of no thread.
    pub thread: Option<ThreadIx>,
    /// The number of the descriptor that the event creates, uses or destroys; only if the table has it ([`Threads::fds`]). The number
    /// that `fd.num` shows is [`Thread::last_fd`], even when nothing is known of it.
    pub fd: Option<i64>,
    /// The container that the event tells of, if it is about one and not about a thread.
    pub container: Option<ContainerIx>,
    /// Whether the event gave that descriptor another name.
    pub name_changed: bool,
    /// Whether nobody but the state may see the event: entries into calls, kept for their ends.
    pub hidden: bool,
}

/// Buffers that are used again.
#[derive(Debug, Default)]
struct Scratch {
    path: Vec<u8>,
    text: Vec<u8>,
    groups: events::Groups,
    /// Buffers for the entries into calls.
    spare: Vec<Vec<u8>>,
    /// What stands for a program that nobody knows.
    unknown: Option<Arc<Image>>,
}
