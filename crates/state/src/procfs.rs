//! The running machine, as `/proc` shows it: read once at the start, and again for single threads whose beginning was missed.
//!
//! Formats: proc(5), and rtnetlink(7) for the interfaces. What cannot be read — a process that has just ended, files of another user —
//! is left out. Kernel threads have no program and are left out too.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use rustix::{fs::Mode, time::ClockId};

use crate::{
    Fd, State, Thread, ThreadIx, Threads,
    replica::{Found, Machine, Said},
};

mod accounts;
mod files;
mod interfaces;
mod process;
mod sockets;

use files::{Files, open_dir};
pub(crate) use process::anonymous;
use sockets::Sockets;

/// Why the running machine cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// There is no usable `/proc`.
    #[error(
        "cannot read the processes in {}: {cause}. In a container, mount the host's /proc there and have HOST_ROOT name what is above it",
        path.display()
    )]
    Proc {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}

/// The running machine, for later questions.
#[derive(Debug)]
pub(crate) struct Live {
    proc: OwnedFd,
    files: Files,
    boot_ns: u64,
    /// The sockets of network namespaces, while many processes are looked at.
    sockets: HashMap<u64, Option<Sockets>, FxBuildHasher>,
    /// The first processes of pid namespaces, and when they began.
    inits: HashMap<u64, u64, FxBuildHasher>,
    /// The devices of mounts.
    devices: HashMap<u32, u32, FxBuildHasher>,
    budget: Budget,
}

/// How many questions may still be asked in this second, so that a flood of unknown threads does not stop everything else.
#[derive(Clone, Copy, Debug, Default)]
struct Budget {
    second: Option<u64>,
    threads: u32,
    with_sockets: u32,
}

impl Budget {
    const THREADS: u32 = 1_000;
    /// To name sockets, all of a network namespace are read.
    const WITH_SOCKETS: u32 = 10;

    /// Whether a thread may be looked up now, and whether with its sockets.
    fn take(&mut self, now_ns: u64) -> Option<bool> {
        let second = Some(now_ns / 1_000_000_000);
        if self.second != second {
            *self = Budget {
                second,
                threads: Self::THREADS,
                with_sockets: Self::WITH_SOCKETS,
            };
        }
        self.threads = self.threads.checked_sub(1)?;
        let sockets = self.with_sockets > 0;
        self.with_sockets = self.with_sockets.saturating_sub(1);
        Some(sockets)
    }
}

impl State {
    /// The state of the running machine: interfaces, users, all processes with their descriptors. `host_root` is where the host's root
    /// directory is seen, `/` as a rule. From then on threads that nobody knows are looked up, a limited number in a second.
    pub fn live(host_root: &Path) -> Result<State, LiveError> {
        let mut state = State::machine(host_root)?;
        state.scan(host_root)?;
        Ok(state)
    }

    /// The same with the processes and descriptors from the events that `dump` lends: those of the kernel's iterators. If it fails, they
    /// are read from `/proc`, and the second result tells why.
    pub fn live_from<E>(
        host_root: &Path,
        dump: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), E>,
    ) -> Result<(State, Option<E>), LiveError> {
        let mut state = State::machine(host_root)?;
        let dumped = dump(&mut |bytes| {
            if let Ok(event) = falco_event::Event::parse(bytes) {
                state.dumped(&event);
            }
        });
        match dumped {
            Ok(()) => {
                state.end_dump();
                Ok((state, None))
            }
            Err(cause) => Ok((State::live(host_root)?, Some(cause))),
        }
    }

    /// The running machine without its processes.
    fn machine(host_root: &Path) -> Result<State, LiveError> {
        let path = host_root.join("proc");
        let proc = open_dir(rustix::fs::CWD, &path).map_err(|errno| LiveError::Proc {
            path,
            cause: errno.into(),
        })?;
        let mut state = State::default();
        if host_root != Path::new("/") {
            state.host_root = host_root.as_os_str().as_encoded_bytes().into();
        }
        state.boot_ns = boot_ns();
        state.limits.own_pid = Some(i64::from(std::process::id()));
        state.interfaces.list = interfaces::read();
        for (file, take) in [
            (
                "etc/passwd",
                crate::Users::read_passwd as fn(&mut _, &[u8], &[u8]),
            ),
            ("etc/group", crate::Users::read_group),
        ] {
            if let Ok(text) = std::fs::read(host_root.join(file)) {
                take(&mut state.users, b"", &text);
            }
        }
        state.machine = Some(Machine::Here(Box::new(Live {
            proc,
            files: Files::default(),
            boot_ns: state.boot_ns,
            sockets: HashMap::default(),
            inits: HashMap::default(),
            devices: HashMap::default(),
            budget: Budget::default(),
        })));
        Ok(state)
    }

    /// Takes in all processes of `/proc`.
    fn scan(&mut self, host_root: &Path) -> Result<(), LiveError> {
        let mut machine = self.machine.take();
        let scanned = match &mut machine {
            Some(Machine::Here(live)) => live.scan(self),
            _ => Ok(()),
        };
        self.machine = machine;
        scanned.map_err(|cause| LiveError::Proc {
            path: host_root.join("proc"),
            cause,
        })
    }

    /// Looks a thread up that nobody knows; its main thread too if that is not known either.
    pub(crate) fn look_up(&mut self, tid: i64, now_ns: u64) -> Option<ThreadIx> {
        if tid <= 0 || self.threads.len() >= self.limits.threads {
            return None;
        }
        let said = self.ask(|live, threads| Said::Thread(live.find(threads, tid, now_ns)));
        let Some(Said::Thread(Some(found))) = said else {
            return None;
        };
        if let Some((main, fds)) = found.process {
            let pid = main.pid;
            self.add_thread(main);
            for (number, fd) in fds {
                self.add_fd(pid, number, fd);
            }
            if let Some(main) = self.threads.find(pid) {
                self.settle_thread(main);
            }
        }
        if let Some(thread) = found.thread {
            self.add_thread(thread);
            if let Some(ix) = self.threads.find(tid) {
                self.settle_thread(ix);
            }
        }
        self.threads.find(tid)
    }

    /// Looks a descriptor up that a process was given by another.
    pub(crate) fn look_up_fd(&mut self, ix: ThreadIx, number: i64, now_ns: u64) {
        let Some(pid) = self.threads.get(ix).map(|thread| thread.pid) else {
            return;
        };
        let said = self.ask(|live, _| Said::Fd(live.find_fd(pid, number, now_ns)));
        if let Some(Said::Fd(Some(fd))) = said {
            self.add_fd(pid, number, *fd);
            if let Some(main) = self.threads.find(pid) {
                self.settle_thread(main);
            }
        }
    }
}

impl Live {
    /// Whether a thread still runs.
    pub(crate) fn is_alive(&self, pid: i64, tid: i64) -> bool {
        let path = format!("{pid}/task/{tid}");
        rustix::fs::accessat(
            &self.proc,
            path,
            rustix::fs::Access::EXISTS,
            rustix::fs::AtFlags::empty(),
        )
        .is_ok()
    }

    /// The device of a mount that a process sees, 0 if nobody knows.
    pub(crate) fn device_of_mount(&mut self, pid: i64, mount: u32) -> u32 {
        if let Some(device) = self.devices.get(&mount) {
            return *device;
        }
        let mut devices = std::mem::take(&mut self.devices);
        if let Some(dir) = self.dir_of(pid) {
            self.read_mounts(dir.as_fd(), |mount, device| {
                devices.insert(mount, device);
            });
        }
        // Whatever it is, it is not asked for again.
        let device = *devices.entry(mount).or_default();
        self.devices = devices;
        device
    }

    /// Where a file lies and how it was opened, for kinds of which the iterators do not say it.
    pub(crate) fn complete_file(&mut self, pid: i64, number: i64, fd: &mut crate::Fd) {
        if let Some(dir) = self.dir_of(pid) {
            self.read_file(dir.as_fd(), &format!("fd/{number}"), number, fd);
        }
    }

    /// The process that a pidfd of another stands for.
    pub(crate) fn pid_of_pidfd(&mut self, pid: i64, number: i64) -> i64 {
        let dir = self.dir_of(pid);
        dir.map_or(-1, |dir| self.read_pidfd(dir.as_fd(), number))
    }

    fn scan(&mut self, state: &mut State) -> io::Result<()> {
        let mut pids = Vec::new();
        files::numbers(self.proc.as_fd(), &mut pids)?;
        let mut left = state.limits.threads;
        for pid in pids {
            if left == 0 {
                break;
            }
            left = left.saturating_sub(self.scan_process(state, pid));
        }
        self.sockets = HashMap::default();
        self.set_namespace_starts(state);
        state.settle();
        Ok(())
    }

    /// Takes in a process with all its threads and descriptors. How many threads it has.
    fn scan_process(&mut self, state: &mut State, pid: i64) -> usize {
        let Some(dir) = self.dir_of(pid) else {
            return 0;
        };
        let Some((main, threads)) = self.read_process(dir.as_fd(), pid) else {
            return 0;
        };
        let mut count = 1;
        if threads > 1 {
            let mut tids = Vec::new();
            if let Ok(task) = open_dir(&dir, "task") {
                let _ = files::numbers(task.as_fd(), &mut tids);
                for tid in tids.into_iter().filter(|tid| *tid != pid) {
                    if let Some(thread) = self.read_thread(task.as_fd(), tid, &main) {
                        state.add_thread(thread);
                        count += 1;
                    }
                }
            }
        }
        state.add_thread(main);
        self.read_fds(dir.as_fd(), true, |number, fd| {
            state.add_fd(pid, number, fd);
        });
        count
    }

    /// A thread that `threads` does not have.
    fn find(&mut self, threads: &Threads, tid: i64, now_ns: u64) -> Option<Box<Found>> {
        let with_sockets = self.budget.take(now_ns)?;
        // The directory of any thread is there, only not listed.
        let dir = self.dir_of(tid)?;
        let pid = self.process_of(dir.as_fd())?;
        let mut found = Box::new(Found::default());
        let known = threads.by_tid(pid).filter(|main| !main.is_invalid());
        if known.is_none() {
            let main_dir = self.dir_of(pid)?;
            let (mut main, _) = self.read_process(main_dir.as_fd(), pid)?;
            self.set_namespace_start(&mut main);
            // What began with the namespace may have been read by the kernel's iterators.
            if main.in_pid_namespace()
                && main.pidns_start_ns == self.boot_ns
                && let Some(parent) = threads.by_tid(main.ptid)
            {
                main.pidns_start_ns = parent.pidns_start_ns;
            }
            let mut fds = Vec::new();
            self.read_fds(main_dir.as_fd(), with_sockets, |number, fd| {
                fds.push((number, fd));
            });
            found.process = Some((main, fds));
        }
        let read = found.process.as_ref().map(|(main, _)| main);
        if pid != tid
            && let Some(main) = known.or(read)
            && let Ok(task) = open_dir(&dir, "task")
        {
            found.thread = self.read_thread(task.as_fd(), tid, main);
        }
        Some(found)
    }

    /// A descriptor of a process.
    fn find_fd(&mut self, pid: i64, number: i64, now_ns: u64) -> Option<Box<Fd>> {
        let with_sockets = self.budget.take(now_ns)?;
        let dir = self.dir_of(pid)?;
        self.read_fd(dir.as_fd(), number, with_sockets)
            .map(Box::new)
    }

    /// Sockets come and go: what was read of them holds for one question.
    pub(crate) fn forget_sockets(&mut self) {
        self.sockets.clear();
    }

    fn set_namespace_starts(&self, state: &mut State) {
        for ix in 0..state.threads.slot_count() {
            if let Some(thread) = state.threads.get_mut(ThreadIx(ix)) {
                self.set_namespace_start(thread);
            }
        }
    }

    /// A pid namespace begins with its first process. Until it is known, the place holds the number of the namespace.
    fn set_namespace_start(&self, thread: &mut Thread) {
        let namespace = std::mem::replace(&mut thread.pidns_start_ns, self.boot_ns);
        if thread.in_pid_namespace()
            && let Some(start_ns) = self.inits.get(&namespace)
        {
            thread.pidns_start_ns = *start_ns;
        }
    }

    fn dir_of(&self, pid: i64) -> Option<OwnedFd> {
        open_dir(&self.proc, pid.to_string().as_str()).ok()
    }
}

/// When the machine started, nanoseconds since 1970.
fn boot_ns() -> u64 {
    let ns = |clock| {
        let time = rustix::time::clock_gettime(clock);
        (time.tv_sec as u64)
            .wrapping_mul(1_000_000_000)
            .wrapping_add(time.tv_nsec as u64)
    };
    ns(ClockId::Realtime).saturating_sub(ns(ClockId::Boottime))
}

/// The same bytes for all who have them.
fn shared(bytes: &[u8], like: &Arc<[u8]>) -> Arc<[u8]> {
    if like[..] == *bytes {
        Arc::clone(like)
    } else {
        Arc::from(bytes)
    }
}

const NO_MODE: Mode = Mode::empty();
