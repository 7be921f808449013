//! What fields would show, as far as it can be read from the state directly.

use std::net::IpAddr;

use falco_event::{Event, EventFlags, Origin};
use falco_state::{Ends, Fd, FdKind, Layer, State, Subject, Thread};

type Probe = (&'static str, Option<Vec<u8>>);

pub(crate) fn all(state: &State, event: &Event<'_>, subject: Subject) -> Vec<Probe> {
    let mut out = Vec::new();
    let Some(thread) = subject.thread.and_then(|ix| state.threads.get(ix)) else {
        out.push(("proc.pid", None));
        return out;
    };
    ids(&mut out, state, thread);
    texts(&mut out, state, thread);
    figures(&mut out, state, thread);
    family(&mut out, state, thread);
    let fd_flags = EventFlags::CREATES_FD | EventFlags::USES_FD | EventFlags::DESTROYS_FD;
    if event.info().flags.any(fd_flags) && event.info().origin == Origin::Syscall {
        fds(&mut out, state, thread, subject);
    }
    out
}

fn number(value: impl ToString) -> Option<Vec<u8>> {
    Some(value.to_string().into_bytes())
}

fn some(text: &[u8]) -> Option<Vec<u8>> {
    Some(text.to_vec())
}

/// Texts closed by NULs, shown with blanks between them.
fn spaced(texts: &[u8]) -> Option<Vec<u8>> {
    let texts = texts.strip_suffix(b"\0").unwrap_or(texts);
    Some(
        texts
            .iter()
            .map(|byte| if *byte == 0 { b' ' } else { *byte })
            .collect(),
    )
}

/// All ones are shown as -1.
fn id(value: u32) -> Option<Vec<u8>> {
    number(if value == u32::MAX {
        -1
    } else {
        i64::from(value)
    })
}

fn ids(out: &mut Vec<Probe>, state: &State, thread: &Thread) {
    out.extend([
        ("proc.pid", number(thread.pid)),
        ("proc.vpid", number(thread.vpid)),
        ("thread.tid", number(thread.tid)),
        ("thread.vtid", number(thread.vtid)),
        ("thread.ismain", number(thread.is_main())),
        ("proc.sid", number(thread.sid)),
        ("proc.vpgid", number(thread.vpgid)),
        ("proc.pgid", number(thread.pgid)),
        ("proc.tty", number(thread.tty)),
        ("user.uid", number(thread.uid)),
        ("group.gid", number(thread.gid)),
        ("user.loginuid", id(thread.loginuid)),
    ]);
    if let Some(user) = state.users.user(b"", thread.uid) {
        out.push(("user.name", some(&user.name)));
        out.push(("user.homedir", some(&user.home)));
        out.push(("user.shell", some(&user.shell)));
    }
    if let Some(group) = state.users.group(b"", thread.gid) {
        out.push(("group.name", some(&group.name)));
    }
}

fn texts(out: &mut Vec<Probe>, state: &State, thread: &Thread) {
    let image = &thread.image;
    out.extend([
        ("proc.name", some(&image.comm)),
        ("proc.exe", some(&image.exe)),
        ("proc.exepath", some(&image.exepath)),
        ("proc.args", spaced(&image.args)),
        ("proc.cwd", some(state.threads.cwd(thread))),
        ("proc.env", spaced(state.threads.env(thread))),
        ("thread.cgroups", spaced(&thread.cgroups)),
        ("proc.is_exe_writable", number(image.exe_writable)),
        ("proc.is_exe_upper_layer", number(image.exe_upper_layer)),
        ("proc.is_exe_lower_layer", number(image.exe_lower_layer)),
        ("proc.is_exe_from_memfd", number(image.exe_from_memfd)),
        ("proc.exe_ino", number(image.exe_ino)),
        ("proc.exe_ino.ctime", number(image.exe_ino_ctime_ns)),
        ("proc.exe_ino.mtime", number(image.exe_ino_mtime_ns)),
        (
            "proc.exe_ino.ctime_duration_proc_start",
            number(thread.exe_ctime_to_clone_ns),
        ),
    ]);
}

fn figures(out: &mut Vec<Probe>, state: &State, thread: &Thread) {
    let main = state.threads.main(thread);
    out.extend([
        ("thread.vmsize", number(thread.vm_size_kb)),
        ("thread.vmrss", number(thread.vm_rss_kb)),
        (
            "proc.vmsize",
            number(main.map_or(0, |main| main.vm_size_kb)),
        ),
        ("proc.vmrss", number(main.map_or(0, |main| main.vm_rss_kb))),
        (
            "proc.vmswap",
            number(main.map_or(0, |main| main.vm_swap_kb)),
        ),
        ("thread.pfmajor", number(thread.pfmajor)),
        ("thread.pfminor", number(thread.pfminor)),
        ("proc.nthreads", number(state.threads.alive_count(thread))),
        (
            "proc.nchilds",
            number(state.threads.alive_besides_main(thread)),
        ),
        (
            "proc.fdopencount",
            number(main.map_or(0, |main| main.fds.len())),
        ),
        ("proc.fdlimit", number(main.map_or(0, |main| main.fd_limit))),
        ("proc.pid.ts", number(thread.clone_ns)),
    ]);
    let capabilities = thread.cap_permitted;
    if capabilities == 0 {
        out.push(("thread.cap_permitted", some(b"")));
    }
}

fn family(out: &mut Vec<Probe>, state: &State, thread: &Thread) {
    let threads = &state.threads;
    let of = |ancestor: Option<&Thread>, show: fn(&Thread) -> Vec<u8>| ancestor.map(show);
    let pid = |it: &Thread| it.pid.to_string().into_bytes();
    let comm = |it: &Thread| it.image.comm.to_vec();
    let exe = |it: &Thread| it.image.exe.to_vec();
    let exepath = |it: &Thread| it.image.exepath.to_vec();
    let parent = threads.parent(thread);
    let nth = |n: usize| threads.ancestor(thread, n);
    out.extend([
        ("proc.ppid", of(parent, pid)),
        ("proc.pvpid", parent.and_then(|it| number(it.vpid))),
        ("proc.pname", of(parent, comm)),
        ("proc.pexe", of(parent, exe)),
        ("proc.pexepath", of(parent, exepath)),
        ("proc.apid[1]", of(nth(1), pid)),
        ("proc.apid[2]", of(nth(2), pid)),
        ("proc.aname[1]", of(nth(1), comm)),
        ("proc.aname[2]", of(nth(2), comm)),
        ("proc.aname[3]", of(nth(3), comm)),
        ("proc.aexe[1]", of(nth(1), exe)),
        ("proc.aexepath[1]", of(nth(1), exepath)),
    ]);
    let session = threads.leader(thread, |it| it.sid, true);
    let group = threads.leader(thread, |it| it.pgid, false);
    let vgroup = threads.leader(thread, |it| it.vpgid, true);
    let text = |it: Option<&Thread>, show: fn(&Thread) -> Vec<u8>| {
        it.map_or(some(b""), |it| Some(show(it)))
    };
    out.extend([
        ("proc.sname", text(session, comm)),
        ("proc.sid.exe", text(session, exe)),
        ("proc.sid.exepath", text(session, exepath)),
        ("proc.pgid.name", text(group, comm)),
        ("proc.vpgid.name", text(vgroup, comm)),
        ("proc.vpgid.exepath", text(vgroup, exepath)),
    ]);
}

fn fds(out: &mut Vec<Probe>, state: &State, thread: &Thread, subject: Subject) {
    out.push(("fd.num", number(thread.last_fd)));
    for (n, name, kind) in [
        (0, "proc.stdin.name", "proc.stdin.type"),
        (1, "proc.stdout.name", "proc.stdout.type"),
        (2, "proc.stderr.name", "proc.stderr.type"),
    ] {
        let fd = state.threads.fds(thread).and_then(|fds| fds.get(n));
        out.push((name, fd.and_then(|fd| some(&fd.name))));
        out.push((kind, fd.and_then(|fd| some(type_of(fd)))));
    }
    let fds = state.threads.fds(thread);
    let Some(fd) = fds.and_then(|fds| fds.get(subject.fd?)) else {
        out.push(("fd.type", None));
        return;
    };
    out.extend([
        ("fd.name", some(&fd.name)),
        ("fd.type", some(type_of(fd))),
        ("fd.connected", number(fd.connected)),
        ("fd.name_changed", number(subject.name_changed)),
        ("fd.ino", number(fd.ino)),
        ("fd.dev", number(format!("{:X}", fd.dev))),
        ("fd.is_upper_layer", number(fd.layer == Layer::Upper)),
        ("fd.is_lower_layer", number(fd.layer == Layer::Lower)),
    ]);
    if !fd.raw_name.contains(&b'/') {
        out.push(("fd.nameraw", some(&fd.raw_name)));
    }
    if let FdKind::Inet(tuple) = &fd.kind
        && let Ends::Pair((from, from_port), (to, to_port)) = tuple.ends
    {
        let ip = |ip: IpAddr| number(ip);
        out.extend([
            ("fd.cip", ip(from)),
            ("fd.sip", ip(to)),
            ("fd.cport", number(from_port)),
            ("fd.sport", number(to_port)),
        ]);
    }
}

fn type_of(fd: &Fd) -> &'static [u8] {
    match &fd.kind {
        FdKind::File => b"file",
        FdKind::Directory => b"directory",
        FdKind::Inet(tuple) if tuple.v6 => b"ipv6",
        FdKind::Inet(_) => b"ipv4",
        FdKind::Unix { .. } => b"unix",
        FdKind::Netlink => b"netlink",
        FdKind::Pipe => b"pipe",
        FdKind::Event => b"event",
        FdKind::Signal => b"signalfd",
        FdKind::Timer => b"timerfd",
        FdKind::Epoll => b"eventpoll",
        FdKind::Inotify => b"inotify",
        FdKind::Bpf => b"bpf",
        FdKind::Userfault => b"userfaultfd",
        FdKind::IoUring => b"io_uring",
        FdKind::Memfd => b"memfd",
        FdKind::Pidfd(_) => b"pidfd",
        FdKind::Unknown | FdKind::Unsupported => b"<NA>",
    }
}
