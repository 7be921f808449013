//! A thread.

use std::sync::Arc;

use crate::{containers::ContainerIx, fd::FdTable, wire::clone};

/// What a process runs: replaced as a whole by exec, shared between parent and child until then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The kernel's name of it, at most 15 bytes.
    pub comm: Box<[u8]>,
    /// `argv[0]`.
    pub exe: Box<[u8]>,
    /// The path of the executable, absolute; empty when unknown.
    pub exepath: Box<[u8]>,
    /// The other arguments, each closed by a NUL.
    pub args: Box<[u8]>,
    /// The executable: inode, times in nanoseconds since 1970.
    pub exe_ino: u64,
    /// Last change of the inode.
    pub exe_ino_ctime_ns: u64,
    /// Last change of the content.
    pub exe_ino_mtime_ns: u64,
    /// Whether the process may write to its executable.
    pub exe_writable: bool,
    /// Whether it lies in the upper layer of an overlay.
    pub exe_upper_layer: bool,
    /// Whether it lies in the lower layer of an overlay.
    pub exe_lower_layer: bool,
    /// Whether it is anonymous memory.
    pub exe_from_memfd: bool,
}

/// One thread; the main thread of a group stands for the process. Unknown ids are -1, unknown user ids all ones.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Thread id, process id (of the main thread), id of the parent process, as the host sees them.
    pub tid: i64,
    /// See [`Thread::tid`].
    pub pid: i64,
    /// The parent of the process.
    pub ptid: i64,
    /// The process that adopts the children, -1 while unknown.
    pub reaper: i64,
    /// Session, process group (as the process's namespace sees them, and the group as the host does).
    pub sid: i64,
    /// See [`Thread::sid`].
    pub vpgid: i64,
    /// The process group as the host sees it.
    pub pgid: i64,
    /// Thread id in its own namespace.
    pub vtid: i64,
    /// Process id in its own namespace.
    pub vpid: i64,
    /// Start of the first process of the pid namespace, nanoseconds since 1970.
    pub pidns_start_ns: u64,
    /// When it was cloned, nanoseconds since 1970; 0 when it was there before us.
    pub clone_ns: u64,
    /// When it last executed a program; 0 when it was before us.
    pub exec_ns: u64,
    /// From the last change of the executable's inode to the clone, nanoseconds; 0 while unknown. Computed by exec, inherited.
    pub exe_ctime_to_clone_ns: u64,
    /// From the start of the pid namespace to the last change of the executable's inode; 0 when that was before, or unknown.
    pub pidns_start_to_exe_ctime_ns: u64,
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// The user who logged in.
    pub loginuid: u32,
    /// The controlling terminal, 0 without.
    pub tty: u32,
    /// The clone flags, as they are on the wire ([`falco_event::flags::CLONE_FLAGS`]).
    pub flags: u32,
    /// Capabilities.
    pub cap_inheritable: u64,
    /// Capabilities.
    pub cap_permitted: u64,
    /// Capabilities.
    pub cap_effective: u64,
    /// The most descriptors it may have, -1 unknown.
    pub fd_limit: i64,
    /// Memory in kilobytes and page faults.
    pub vm_size_kb: u32,
    /// See [`Thread::vm_size_kb`].
    pub vm_rss_kb: u32,
    /// See [`Thread::vm_size_kb`].
    pub vm_swap_kb: u32,
    /// Major page faults.
    pub pfmajor: u64,
    /// Minor page faults.
    pub pfminor: u64,
    /// What it runs.
    pub image: Arc<Image>,
    /// The environment of the process, each entry closed by a NUL.
    pub env: Arc<[u8]>,
    /// The control groups: `subsystem=path`, each closed by a NUL.
    pub cgroups: Arc<[u8]>,
    /// The container that the control groups name.
    pub container: ContainerIx,
    /// The working directory of the process, closed by `/`.
    pub cwd: Arc<[u8]>,
    /// The root directory; empty or `/` for the host's.
    pub root: Arc<[u8]>,
    /// The descriptors, of main threads; other threads use those of theirs ([`crate::Threads::fds`]).
    pub fds: FdTable,
    /// The number that the last event of the thread named (`fd.num`), -1 none.
    pub last_fd: i64,
}

impl Default for Thread {
    fn default() -> Thread {
        Thread {
            tid: -1,
            pid: -1,
            ptid: -1,
            reaper: -1,
            sid: -1,
            vpgid: -1,
            pgid: -1,
            vtid: -1,
            vpid: -1,
            pidns_start_ns: 0,
            clone_ns: 0,
            exec_ns: 0,
            exe_ctime_to_clone_ns: 0,
            pidns_start_to_exe_ctime_ns: 0,
            uid: u32::MAX,
            gid: u32::MAX,
            loginuid: u32::MAX,
            tty: 0,
            flags: 0,
            cap_inheritable: 0,
            cap_permitted: 0,
            cap_effective: 0,
            fd_limit: -1,
            vm_size_kb: 0,
            vm_rss_kb: 0,
            vm_swap_kb: 0,
            pfmajor: 0,
            pfminor: 0,
            image: Arc::default(),
            env: Arc::default(),
            cgroups: Arc::default(),
            container: ContainerIx::HOST,
            cwd: Arc::default(),
            root: Arc::default(),
            fds: FdTable::default(),
            last_fd: -1,
        }
    }
}

impl Thread {
    /// Whether it stands for its process.
    pub fn is_main(&self) -> bool {
        self.tid == self.pid
    }

    /// Whether it was invented for an event whose thread nobody knew.
    pub fn is_invalid(&self) -> bool {
        self.tid < 0 || self.pid < 0 || self.ptid < 0
    }

    /// Whether it lives in a pid namespace of its own.
    pub fn in_pid_namespace(&self) -> bool {
        self.flags & clone::CHILD_IN_PIDNS != 0 || (self.tid != self.vtid && self.vtid >= 0)
    }

    /// Whether it has ended and its entry stays only for the sake of others.
    pub fn is_dead(&self) -> bool {
        self.flags & clone::CLOSED != 0
    }
}
