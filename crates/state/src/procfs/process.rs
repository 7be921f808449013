//! One process: its program, ids, descriptors.

use std::{os::fd::BorrowedFd, sync::Arc};

use rustix::fs::{AtFlags, FileType, Statx, StatxFlags};

use super::{
    Live,
    files::{self, decimal, lines, words},
    shared,
};
use crate::{
    Fd, FdKind, Image, Thread,
    wire::{clone, open},
};

/// As much of arguments and environment is kept as an event would bring.
const ARGS_MAX: usize = 4096;

/// What `status` says.
#[derive(Debug, Default)]
struct Status {
    comm: Box<[u8]>,
    pid: i64,
    ptid: i64,
    uid: u32,
    gid: u32,
    vtid: i64,
    vpid: i64,
    vpgid: i64,
    sid: i64,
    threads: i64,
    vm_size_kb: u32,
    vm_rss_kb: u32,
    vm_swap_kb: u32,
    cap_inheritable: u64,
    cap_permitted: u64,
    cap_effective: u64,
}

impl Live {
    /// The main thread of a process, and how many threads it has.
    pub(super) fn read_process(&mut self, dir: BorrowedFd<'_>, pid: i64) -> Option<(Thread, i64)> {
        let status = self.read_status(dir)?;
        let exepath: Box<[u8]> = self.files.link(dir, "exe").into();
        let cmdline = self.files.text(dir, "cmdline");
        if cmdline.is_empty() && exepath.is_empty() {
            return None;
        }
        let cmdline = cmdline.get(..ARGS_MAX).unwrap_or(cmdline);
        let end = cmdline.iter().position(|byte| *byte == 0);
        let (exe, args) = cmdline.split_at(end.unwrap_or(cmdline.len()));
        let mut image = Image {
            comm: status.comm.clone(),
            exe: exe.into(),
            args: crate::events::closed(args.get(1..).unwrap_or_default()).into(),
            exepath,
            ..Image::default()
        };
        let mut thread = Thread {
            tid: pid,
            pid,
            ptid: status.ptid,
            ..Thread::default()
        };
        thread.fd_limit = fd_limit(self.files.text(dir, "limits"));
        status.write(&mut thread);
        let namespace = self.pid_namespace(dir);
        thread.pidns_start_ns = namespace;
        self.read_stat(dir, &mut thread);
        if thread.vpid == 1 {
            self.inits.insert(namespace, thread.clone_ns);
        }
        read_exe(dir, &mut image, &thread);
        thread.image = Arc::new(image);
        let env = self.files.text(dir, "environ");
        let env = env.get(..ARGS_MAX).unwrap_or(env);
        thread.env = crate::events::closed(env).into();
        thread.cgroups = cgroups(self.files.text(dir, "cgroup")).into();
        thread.loginuid =
            decimal(self.files.text(dir, "loginuid")).map_or(u32::MAX, |id| id as u32);
        thread.cwd = Arc::from(self.files.link(dir, "cwd"));
        thread.root = Arc::from(self.files.link(dir, "root"));
        Some((thread, status.threads))
    }

    /// Another thread of a process: most is as in the main thread.
    pub(super) fn read_thread(
        &mut self,
        task: BorrowedFd<'_>,
        tid: i64,
        main: &Thread,
    ) -> Option<Thread> {
        let dir = files::open_dir(task, tid.to_string().as_str()).ok()?;
        let dir = std::os::fd::AsFd::as_fd(&dir);
        let status = self.read_status(dir)?;
        let mut thread = Thread {
            tid,
            flags: clone::THREAD | clone::FILES,
            fds: crate::FdTable::default(),
            env: Arc::clone(&main.env),
            cwd: Arc::default(),
            ..main.clone()
        };
        if status.comm != main.image.comm {
            thread.image = Arc::new(Image {
                comm: status.comm.clone(),
                ..Image::clone(&main.image)
            });
        }
        status.write(&mut thread);
        self.read_stat(dir, &mut thread);
        let cgroups = cgroups(self.files.text(dir, "cgroup"));
        thread.cgroups = shared(&cgroups, &main.cgroups);
        Some(thread)
    }

    /// The process that the thread of a directory belongs to.
    pub(super) fn process_of(&mut self, dir: BorrowedFd<'_>) -> Option<i64> {
        Some(self.read_status(dir)?.pid)
    }

    fn read_status(&mut self, dir: BorrowedFd<'_>) -> Option<Status> {
        let mut status = Status {
            uid: u32::MAX,
            gid: u32::MAX,
            ..Status::default()
        };
        for line in lines(self.files.text(dir, "status")) {
            status.take(line);
        }
        (status.pid > 0).then_some(status)
    }

    /// Terminal, page faults, start.
    fn read_stat(&mut self, dir: BorrowedFd<'_>, thread: &mut Thread) {
        let boot_ns = self.boot_ns;
        let text = self.files.text(dir, "stat");
        // The name in parentheses may hold anything.
        let Some(after) = text.iter().rposition(|byte| *byte == b')') else {
            return;
        };
        let mut fields = words(text.get(after + 1..).unwrap_or_default()).map(decimal);
        // state, ppid, pgrp, session, tty, tpgid, flags, minflt, cminflt, majflt, ... the 20th: starttime
        let mut at = 0;
        let mut field = |index: usize| {
            let value = fields.nth(index - at).flatten();
            at = index + 1;
            value
        };
        thread.pgid = field(2).unwrap_or(-1);
        thread.tty = field(4).unwrap_or(0) as u32;
        thread.pfminor = field(7).unwrap_or(0) as u64;
        thread.pfmajor = field(9).unwrap_or(0) as u64;
        let ticks = field(19).unwrap_or(0) as u64;
        let tick_ns = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
        thread.clone_ns = boot_ns.saturating_add(ticks.saturating_mul(tick_ns));
    }

    fn pid_namespace(&mut self, dir: BorrowedFd<'_>) -> u64 {
        bracketed(self.files.link(dir, "ns/pid"), b"pid:[").unwrap_or(0)
    }

    /// The descriptors of a process.
    pub(super) fn read_fds(
        &mut self,
        dir: BorrowedFd<'_>,
        with_sockets: bool,
        mut take: impl FnMut(i64, Fd),
    ) {
        let mut numbers = Vec::new();
        if let Ok(fds) = files::open_dir(dir, "fd") {
            let _ = files::numbers(std::os::fd::AsFd::as_fd(&fds), &mut numbers);
        }
        for number in numbers.into_iter().take(crate::FDS_MAX) {
            if let Some(fd) = self.read_fd(dir, number, with_sockets) {
                take(number, fd);
            }
        }
    }

    pub(super) fn read_fd(
        &mut self,
        dir: BorrowedFd<'_>,
        number: i64,
        with_sockets: bool,
    ) -> Option<Fd> {
        let path = format!("fd/{number}");
        let name: Arc<[u8]> = Arc::from(self.files.link(dir, &path));
        if name.is_empty() {
            return None;
        }
        if let Some(inode) = bracketed(&name, b"socket:[") {
            let fd = self.socket(dir, inode, with_sockets)?;
            return Some(Fd { ino: inode, ..fd });
        }
        let kind = match &name[..] {
            name if name.starts_with(b"pipe:[") => FdKind::Pipe,
            name if name.starts_with(b"/memfd:") => FdKind::Memfd,
            name => name
                .strip_prefix(b"anon_inode:")
                .map_or(FdKind::File, anonymous),
        };
        let mut fd = Fd {
            ino: bracketed(&name, b"pipe:[").unwrap_or(0),
            kind,
            name,
            ..Fd::default()
        };
        match fd.kind {
            FdKind::File => self.read_file(dir, &path, number, &mut fd),
            FdKind::Pidfd(_) => fd.kind = FdKind::Pidfd(self.read_pidfd(dir, number)),
            _ => {}
        }
        if matches!(fd.kind, FdKind::File | FdKind::Directory) {
            // The link is the kernel's own path.
            fd.real_path = Arc::clone(&fd.name);
        }
        Some(fd)
    }

    /// The process that a pidfd stands for.
    pub(super) fn read_pidfd(&mut self, dir: BorrowedFd<'_>, number: i64) -> i64 {
        let text = self.files.text(dir, &format!("fdinfo/{number}"));
        let pid = lines(text).find_map(|line| decimal(line.strip_prefix(b"Pid:")?));
        pid.unwrap_or(-1)
    }

    /// The devices of the file systems that a process has mounted, by the numbers of the mounts.
    pub(super) fn read_mounts(&mut self, dir: BorrowedFd<'_>, mut take: impl FnMut(u32, u32)) {
        for line in lines(self.files.text(dir, "mountinfo")) {
            let mut words = words(line);
            let mount = words.next().and_then(decimal);
            let device = words.nth(1).and_then(|device| {
                let (major, minor) = std::str::from_utf8(device).ok()?.split_once(':')?;
                Some(encoded(major.parse().ok()?, minor.parse().ok()?))
            });
            if let (Some(mount), Some(device)) = (mount, device) {
                take(mount as u32, device);
            }
        }
    }

    /// Where a file lies and how it was opened. The file system is not asked for more than what the kernel has at hand.
    pub(super) fn read_file(&mut self, dir: BorrowedFd<'_>, path: &str, number: i64, fd: &mut Fd) {
        let wanted = StatxFlags::TYPE | StatxFlags::INO;
        if let Ok(stat) = rustix::fs::statx(dir, path, AtFlags::STATX_DONT_SYNC, wanted) {
            fd.ino = stat.stx_ino;
            fd.dev = device(&stat);
            fd.kind = match FileType::from_raw_mode(stat.stx_mode.into()) {
                FileType::Directory => FdKind::Directory,
                FileType::Fifo => FdKind::Pipe,
                _ => FdKind::File,
            };
        }
        let text = self.files.text(dir, &format!("fdinfo/{number}"));
        let flags = lines(text).find_map(|line| {
            let digits = std::str::from_utf8(line.strip_prefix(b"flags:")?).ok()?;
            u32::from_str_radix(digits.trim(), 8).ok()
        });
        fd.open_flags = flags.map_or(0, wire_flags);
    }

    fn socket(&mut self, dir: BorrowedFd<'_>, inode: u64, with_sockets: bool) -> Option<Fd> {
        if !with_sockets {
            return None;
        }
        let namespace = bracketed(self.files.link(dir, "ns/net"), b"net:[")?;
        let sockets = self
            .sockets
            .entry(namespace)
            .or_insert_with(|| super::Sockets::read(dir));
        Some(sockets.as_ref()?.get(inode).unwrap_or(Fd {
            kind: FdKind::Unknown,
            ..Fd::default()
        }))
    }
}

impl Status {
    fn take(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return;
        };
        let (key, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default();
        let number = |index: usize| words(value).nth(index).and_then(decimal);
        let first = || number(0).unwrap_or(0);
        // In nested namespaces, the innermost is the last.
        let last = || words(value).last().and_then(decimal).unwrap_or(-1);
        let bits = || {
            let digits = std::str::from_utf8(value).unwrap_or_default();
            u64::from_str_radix(digits.trim(), 16).unwrap_or(0)
        };
        match key {
            b"Name" => self.comm = unescaped(value.strip_prefix(b"\t").unwrap_or(value)).into(),
            b"Tgid" => self.pid = first(),
            b"PPid" => self.ptid = first(),
            b"Uid" => self.uid = number(1).map_or(u32::MAX, |id| id as u32),
            b"Gid" => self.gid = number(1).map_or(u32::MAX, |id| id as u32),
            b"NSpid" => self.vtid = last(),
            b"NStgid" => self.vpid = last(),
            b"NSpgid" => self.vpgid = last(),
            b"NSsid" => self.sid = last(),
            b"Threads" => self.threads = first(),
            b"VmSize" => self.vm_size_kb = first() as u32,
            b"VmRSS" => self.vm_rss_kb = first() as u32,
            b"VmSwap" => self.vm_swap_kb = first() as u32,
            b"CapInh" => self.cap_inheritable = bits(),
            b"CapPrm" => self.cap_permitted = bits(),
            b"CapEff" => self.cap_effective = bits(),
            _ => {}
        }
    }

    fn write(&self, thread: &mut Thread) {
        thread.uid = self.uid;
        thread.gid = self.gid;
        thread.vtid = self.vtid;
        thread.vpid = self.vpid;
        thread.vpgid = self.vpgid;
        thread.sid = self.sid;
        thread.vm_size_kb = self.vm_size_kb;
        thread.vm_rss_kb = self.vm_rss_kb;
        thread.vm_swap_kb = self.vm_swap_kb;
        thread.cap_inheritable = self.cap_inheritable;
        thread.cap_permitted = self.cap_permitted;
        thread.cap_effective = self.cap_effective;
    }
}

/// The name in `status` has backslashes and line ends escaped.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, byte == b'\\') {
            (_, true) => match bytes.next() {
                Some(b'n') => out.push(b'\n'),
                Some(other) => out.push(other),
                None => out.push(byte),
            },
            _ => out.push(byte),
        }
    }
    out
}

/// The most open files, from the text of `limits`; -1 if it is not there or there is none.
fn fd_limit(text: &[u8]) -> i64 {
    lines(text)
        .find_map(|line| {
            let soft = words(line.strip_prefix(b"Max open files")?).next()?;
            decimal(soft)
        })
        .unwrap_or(-1)
}

/// The control groups as events bring them: `subsystem=path`, each closed by a NUL. The one hierarchy of version 2 stands for all.
fn cgroups(text: &[u8]) -> Vec<u8> {
    const SUBSYSTEMS: [&[u8]; 6] = [b"cpuset", b"cpu", b"cpuacct", b"io", b"memory", b"pids"];
    let mut out = Vec::new();
    let mut put = |name: &[u8], path: &[u8]| {
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(path);
        out.push(0);
    };
    for line in lines(text) {
        let mut parts = line.splitn(3, |byte| *byte == b':');
        let (Some(_), Some(names), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        if names.is_empty() {
            for name in SUBSYSTEMS {
                put(name, path);
            }
        } else {
            for name in names.split(|byte| *byte == b',') {
                put(name, path);
            }
        }
    }
    out
}

/// The file of the program: identity, times, whether the process may write to it.
fn read_exe(dir: BorrowedFd<'_>, image: &mut Image, thread: &Thread) {
    image.exe_from_memfd = image.exepath.starts_with(b"/memfd:");
    let wanted = StatxFlags::BASIC_STATS;
    let Ok(stat) = rustix::fs::statx(dir, "exe", AtFlags::STATX_DONT_SYNC, wanted) else {
        return;
    };
    let ns = |sec: i64, nsec: u32| (sec as u64).saturating_mul(1_000_000_000) + u64::from(nsec);
    image.exe_ino = stat.stx_ino;
    image.exe_ino_ctime_ns = ns(stat.stx_ctime.tv_sec, stat.stx_ctime.tv_nsec);
    image.exe_ino_mtime_ns = ns(stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec);
    const CAP_DAC_OVERRIDE: u64 = 1 << 1;
    let bit = if stat.stx_uid == thread.uid {
        0o200
    } else if stat.stx_gid == thread.gid {
        0o020
    } else {
        0o002
    };
    image.exe_writable = thread.cap_effective & CAP_DAC_OVERRIDE != 0 || stat.stx_mode & bit != 0;
}

/// What an anonymous inode is for.
pub(crate) fn anonymous(name: &[u8]) -> FdKind {
    match name {
        b"[eventfd]" => FdKind::Event,
        b"[eventpoll]" => FdKind::Epoll,
        b"inotify" | b"[inotify]" => FdKind::Inotify,
        b"[signalfd]" => FdKind::Signal,
        b"[timerfd]" => FdKind::Timer,
        b"[io_uring]" => FdKind::IoUring,
        b"[userfaultfd]" => FdKind::Userfault,
        b"[pidfd]" => FdKind::Pidfd(-1),
        b"bpf-map" | b"bpf-prog" | b"bpf-link" | b"bpf_link" | b"bpf_iter" => FdKind::Bpf,
        _ => FdKind::Unsupported,
    }
}

/// A device as the kernel encodes it for user space.
fn device(stat: &Statx) -> u32 {
    encoded(stat.stx_dev_major, stat.stx_dev_minor)
}

fn encoded(major: u32, minor: u32) -> u32 {
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

/// The number in `pipe:[4026531836]`.
fn bracketed(link: &[u8], prefix: &[u8]) -> Option<u64> {
    let digits = link.strip_prefix(prefix)?.strip_suffix(b"]")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The open flags of this machine as the wire has them.
fn wire_flags(flags: u32) -> u32 {
    use rustix::fs::OFlags;
    /// The C library says 0 where all files may be large.
    const KERNEL_LARGEFILE: OFlags = OFlags::from_bits_retain(if cfg!(target_arch = "aarch64") {
        0o400_000
    } else {
        0o100_000
    });
    let flags = OFlags::from_bits_retain(flags);
    let access = match (flags & OFlags::ACCMODE).bits() {
        1 => 2,
        2 => 3,
        _ => 1,
    };
    let bits = [
        (OFlags::CREATE, 1 << 2),
        (OFlags::APPEND, 1 << 3),
        (OFlags::DSYNC, 1 << 4),
        (OFlags::EXCL, 1 << 5),
        (OFlags::NONBLOCK, 1 << 6),
        (OFlags::SYNC, 1 << 7),
        (OFlags::TRUNC, 1 << 8),
        (OFlags::DIRECT, 1 << 9),
        (OFlags::DIRECTORY, open::DIRECTORY),
        (OFlags::CLOEXEC, open::CLOEXEC),
        (KERNEL_LARGEFILE, 1 << 11),
        (OFlags::TMPFILE, 1 << 13),
    ];
    bits.iter()
        .filter(|(flag, _)| flags.contains(*flag))
        .fold(access, |sum, (_, bit)| sum | bit)
}
