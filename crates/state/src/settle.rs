//! What was there before the first event: taken in, put right, linked.

use std::sync::Arc;

use falco_event::unmapped;
use hashbrown::HashSet;
use rustc_hash::FxBuildHasher;

use crate::{
    ContainerIx, Ends, Fd, FdKind, Interfaces, Proto, Role, State, Thread, ThreadIx, Tuple,
    events::existing, names::write_tuple, path,
};

/// Ports that somebody listens on.
pub(crate) type Ports = HashSet<u16, FxBuildHasher>;

impl State {
    /// Takes in a thread that was there before the first event. The interfaces come first, then the threads, then the descriptors, then
    /// [`State::settle`].
    pub fn add_thread(&mut self, mut thread: Thread) {
        self.put_right(&mut thread);
        let full = self.threads.len() >= self.limits.threads;
        if full
            && self.threads.find(thread.tid).is_none()
            && Some(thread.pid) != self.limits.own_pid
        {
            self.counters.threads_dropped += 1;
            return;
        }
        self.counters.threads_added += 1;
        self.threads.insert(thread);
    }

    /// Takes in a descriptor that was there before the first event. Sockets need no name and no role: [`State::settle`] gives them.
    /// Ignored when there is no such thread.
    pub fn add_fd(&mut self, tid: i64, number: i64, fd: Fd) {
        let Some(ix) = self.threads.find(tid) else {
            return;
        };
        if let FdKind::Inet(Tuple {
            ends: Ends::Listening(_, port),
            ..
        }) = fd.kind
        {
            self.listening.insert(port);
        }
        if let Some(thread) = self.threads.get_mut(ix) {
            if thread.fds.insert(number, fd) {
                self.counters.fds_added += 1;
            } else {
                self.counters.fds_dropped += 1;
            }
        }
    }

    /// Links the threads that were added: groups, parents, roles and names of sockets.
    pub fn settle(&mut self) {
        for ix in 0..self.threads.slot_count() {
            self.settle_thread(ThreadIx(ix));
        }
    }

    pub(crate) fn settle_thread(&mut self, ix: ThreadIx) {
        self.threads.link(ix);
        let main = self
            .threads
            .main_ix(ix)
            .and_then(|main| self.threads.get(main));
        let env = main.map(|main| Arc::clone(&main.env));
        if let Some(thread) = self.threads.get_mut(ix) {
            if let Some(env) = env.filter(|env| *env == thread.env) {
                thread.env = env;
            }
            thread.fds.change_if(
                |_, fd| is_fresh_socket(fd),
                |fd| {
                    settle_socket(
                        fd,
                        &self.listening,
                        &self.interfaces,
                        &mut self.scratch.text,
                    );
                },
            );
        }
    }

    fn put_right(&mut self, thread: &mut Thread) {
        if thread.is_main() {
            let cwd = &mut self.scratch.path;
            path::join(b"", &thread.cwd, cwd);
            if cwd.last() != Some(&b'/') {
                cwd.push(b'/');
            }
            if thread.cwd[..] != cwd[..] {
                thread.cwd = Arc::from(&cwd[..]);
            }
        } else {
            // All threads use that of the main one.
            thread.cwd = Arc::default();
        }
        if existing(&thread.image.exepath).len() < thread.image.exepath.len() {
            let image = Arc::make_mut(&mut thread.image);
            image.exepath = existing(&image.exepath).into();
        }
        let groups = self.scratch.groups.normal(&thread.cgroups);
        thread.cgroups = groups.map_or_else(Arc::default, Arc::clone);
        thread.container = self.containers.of(&thread.cgroups, ContainerIx::HOST);
    }
}

/// Whether nothing was decided of a socket yet.
fn is_fresh_socket(fd: &Fd) -> bool {
    match &fd.kind {
        FdKind::Inet(tuple) => tuple.role == Role::None || fd.name.is_empty(),
        FdKind::Unix { role, .. } => *role == Role::None,
        _ => false,
    }
}

fn settle_socket(fd: &mut Fd, listening: &Ports, interfaces: &Interfaces, name: &mut Vec<u8>) {
    match &mut fd.kind {
        // A unix socket with a name was bound by who has it.
        FdKind::Unix { role, .. } => {
            *role = if fd.name.is_empty() {
                Role::Client
            } else {
                Role::Server
            };
        }
        FdKind::Inet(tuple) => {
            settle_tuple(tuple, listening, interfaces);
            fd.connected |= tuple.proto == Proto::Tcp && matches!(tuple.ends, Ends::Pair(..));
            name.clear();
            write_tuple(name, tuple);
            if fd.name[..] != name[..] {
                fd.name = Arc::from(&name[..]);
            }
        }
        _ => {}
    }
}

/// Who has a port that somebody listens on was connected to.
fn settle_tuple(tuple: &mut Tuple, listening: &Ports, interfaces: &Interfaces) {
    if tuple.role != Role::None {
        return;
    }
    if let Ends::Pair(from, to) = tuple.ends
        && let (Some(a), Some(b)) = (unmapped(from.0), unmapped(to.0))
    {
        tuple.v6 = false;
        tuple.ends = Ends::Pair((a, from.1), (b, to.1));
    }
    interfaces.complete(tuple);
    if let Ends::Pair(from, to) = tuple.ends
        && !tuple.v6
    {
        if listening.contains(&from.1) {
            tuple.ends = Ends::Pair(to, from);
            tuple.role = Role::Server;
        } else {
            tuple.role = Role::Client;
        }
    }
}
