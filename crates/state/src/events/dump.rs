//! What the kernel's iterators tell of the threads and descriptors that are there at the start.

use std::{net::IpAddr, sync::Arc};

use falco_event::{Event, Origin, codes};

use super::socket::socket_kind;
use crate::{
    Ends, Fd, FdKind, Image, Role, State, Thread,
    events::exec::{closed, strings},
    procfs::anonymous,
    wire::clone,
};

const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;

/// The kind of an anonymous inode that is known without its name.
const PIDFD: u8 = 8;

impl State {
    /// One event of a dump; only while the tables are filled, as threads are not linked before [`State::end_dump`].
    pub(crate) fn dumped(&mut self, event: &Event<'_>) {
        if event.code() == codes::ITER_TASK_E {
            self.dumped_thread(event);
        } else if event.info().origin == Origin::Iter {
            self.dumped_fd(event);
        }
    }

    /// A thread. Those besides the main one have only what is their own, and may come before it.
    fn dumped_thread(&mut self, event: &Event<'_>) {
        let (pid, tid) = ids(event);
        let id = |index| event.i32(index).map_or(-1, i64::from);
        let long = |index| event.u64(index).unwrap_or(0);
        let text = |index| event.str(index).unwrap_or_default();
        let mut thread = Thread {
            tid,
            pid,
            ptid: id(0),
            pgid: id(1),
            vpgid: id(2),
            sid: id(3),
            cwd: text(9).into(),
            fd_limit: event.i64(10).unwrap_or(-1),
            uid: event.u32(11).unwrap_or(u32::MAX),
            gid: event.u32(12).unwrap_or(u32::MAX),
            cap_permitted: long(13),
            cap_effective: long(14),
            cap_inheritable: long(15),
            vm_size_kb: event.u32(19).unwrap_or(0),
            vm_rss_kb: event.u32(20).unwrap_or(0),
            vm_swap_kb: event.u32(21).unwrap_or(0),
            pfmajor: long(22),
            pfminor: long(23),
            vpid: id(24),
            vtid: id(25),
            pidns_start_ns: self.boot_ns,
            cgroups: event.param(27).unwrap_or_default().into(),
            root: text(28).into(),
            clone_ns: long(29),
            tty: event.u32(30).unwrap_or(0),
            loginuid: event.u32(31).unwrap_or(u32::MAX),
            ..Thread::default()
        };
        if thread.in_pid_namespace() {
            thread.pidns_start_ns = self.boot_ns.saturating_add(long(26));
        }
        let mut image = Image {
            comm: text(4).into(),
            ..Image::default()
        };
        if !thread.is_main() {
            thread.image = Arc::new(image);
            thread.flags = clone::THREAD | clone::FILES;
            self.waiting.push(thread);
            return;
        }
        let argv = event.param(5).unwrap_or_default();
        let end = argv.iter().position(|byte| *byte == 0);
        let (exe, args) = argv.split_at(end.unwrap_or(argv.len()));
        image.exe = exe.into();
        image.args = closed(args.get(1..).unwrap_or_default()).into();
        image.exepath = text(6).into();
        image.set_exe_flags(event.u32(7).unwrap_or(0));
        image.exe_ino = long(16);
        image.exe_ino_ctime_ns = long(17);
        image.exe_ino_mtime_ns = long(18);
        thread.image = Arc::new(image);
        let env = event.param(8).unwrap_or_default();
        if !strings(env).is_empty() {
            thread.env = closed(env).into();
        }
        self.add_thread(thread);
    }

    /// A descriptor of a main thread.
    fn dumped_fd(&mut self, event: &Event<'_>) {
        let (pid, _) = ids(event);
        let (Some(number), true) = (event.i32(0), self.threads.find(pid).is_some()) else {
            return;
        };
        let number = i64::from(number);
        let ino = event.u64(event.len().saturating_sub(1)).unwrap_or(0);
        let mut fd = Fd {
            ino,
            ..Fd::default()
        };
        let path = || Arc::from(event.str(1).unwrap_or_default());
        match event.code() {
            codes::ITER_TASK_FILE_PIPE_E => {
                fd.kind = FdKind::Pipe;
                if event.param(1).is_some() {
                    fd.name = path();
                    self.complete(pid, number, &mut fd);
                } else {
                    fd.name = Arc::from(format!("pipe:[{ino}]").as_bytes());
                }
            }
            codes::ITER_TASK_FILE_MEMFD_E => {
                fd.kind = FdKind::Memfd;
                fd.ino = 0;
                let name = event.str(1).unwrap_or_default();
                fd.name = [b"/", name, b" (deleted)"].concat().into();
            }
            codes::ITER_TASK_FILE_REGULAR_E => {
                fd.kind = FdKind::File;
                fd.name = path();
                fd.real_path = Arc::clone(&fd.name);
                fd.open_flags = event.u32(2).unwrap_or(0);
                if let (Some(live), Some(mount)) = (self.here(), event.u32(3)) {
                    fd.dev = live.device_of_mount(pid, mount);
                }
            }
            codes::ITER_TASK_FILE_DIRECTORY_E => {
                fd.kind = FdKind::Directory;
                fd.name = path();
                fd.real_path = Arc::clone(&fd.name);
                self.complete(pid, number, &mut fd);
            }
            codes::ITER_TASK_FILE_SOCKET_INET_E => fd.kind = inet(event, AF_INET),
            codes::ITER_TASK_FILE_SOCKET_INET6_E => fd.kind = inet(event, AF_INET6),
            codes::ITER_TASK_FILE_SOCKET_UNIX_E => {
                fd.name = event.str(4).unwrap_or_default().into();
                fd.kind = FdKind::Unix {
                    source: event.u64(3).unwrap_or(0),
                    peer: 0,
                    role: Role::None,
                };
            }
            codes::ITER_TASK_FILE_SOCKET_NETLINK_E => fd.kind = FdKind::Netlink,
            _ => {
                let name = match event.u8(1) {
                    Some(PIDFD) => b"[pidfd]",
                    _ => event.str(2).unwrap_or_default(),
                };
                fd.ino = 0;
                fd.kind = anonymous(name);
                fd.name = [b"anon_inode:", name].concat().into();
                if let (FdKind::Pidfd(pidfd), Some(live)) = (&mut fd.kind, self.here()) {
                    *pidfd = live.pid_of_pidfd(pid, number);
                }
            }
        }
        self.add_fd(pid, number, fd);
    }

    fn complete(&mut self, pid: i64, number: i64, fd: &mut Fd) {
        if let Some(live) = self.here() {
            live.complete_file(pid, number, fd);
        }
    }

    /// Adds the threads that waited for their main thread. One whose main thread has ended is left out, as in `/proc`.
    pub(crate) fn end_dump(&mut self) {
        for mut thread in std::mem::take(&mut self.waiting) {
            let Some(main) = self.threads.by_tid(thread.pid) else {
                continue;
            };
            thread.image = if thread.image.comm == main.image.comm {
                Arc::clone(&main.image)
            } else {
                Arc::new(Image {
                    comm: thread.image.comm.clone(),
                    ..Image::clone(&main.image)
                })
            };
            thread.env = Arc::clone(&main.env);
            thread.root = Arc::clone(&main.root);
            if thread.cgroups == main.cgroups {
                thread.cgroups = Arc::clone(&main.cgroups);
            }
            self.add_thread(thread);
        }
        self.settle();
    }
}

/// The process and the thread, which are together in the header.
fn ids(event: &Event<'_>) -> (i64, i64) {
    let both = event.thread();
    (both >> 32, both & 0xffff_ffff)
}

fn inet(event: &Event<'_>, family: u32) -> FdKind {
    let number = |index| event.u16(index).map_or(0, u32::from);
    let address = |index| -> Option<IpAddr> {
        let bytes = event.param(index)?;
        let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
        let v6 = || <[u8; 16]>::try_from(bytes).map(IpAddr::from);
        v4.or_else(|_| v6()).ok()
    };
    let mut kind = socket_kind(family, number(1), number(2));
    if let FdKind::Inet(tuple) = &mut kind
        && let (Some(local), Some(remote)) = (address(3), address(5))
    {
        let (local_port, remote_port) = (number(4) as u16, number(6) as u16);
        tuple.ends = match (remote.is_unspecified() && remote_port == 0, local_port) {
            (true, 0) => Ends::None,
            (true, port) => Ends::Listening(local, port),
            (false, port) => Ends::Pair((local, port), (remote, remote_port)),
        };
        if let Ends::Listening(..) = tuple.ends {
            tuple.role = Role::Server;
        }
    }
    kind
}
