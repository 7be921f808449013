//! Calls that change a process or act on others, made for real.
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "support/live.rs"]
mod live;

use live::{Notes, call, exit, ptr, said, wait};

const CALLS: &[&str] = &[
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setsid",
    "setpgid",
    "capset",
    "prctl",
    "setns",
    "unshare",
    "ptrace",
    "kill",
    "tkill",
    "tgkill",
    "init_module",
    "finit_module",
];

#[test]
fn sessions_names_and_namespaces() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |_: Notes| {
        let own = call!(libc::SYS_getpid);
        call!(libc::SYS_setpgid, 0, own);
        call!(libc::SYS_setsid);
        call!(libc::SYS_prctl, libc::PR_SET_NAME, ptr(c"another"));
        call!(libc::SYS_prctl, libc::PR_SET_CHILD_SUBREAPER, 1);
        let mut answer = 0_i32;
        call!(
            libc::SYS_prctl,
            libc::PR_GET_CHILD_SUBREAPER,
            &raw mut answer
        );
        call!(libc::SYS_unshare, libc::CLONE_NEWUTS | libc::CLONE_FS);
        call!(libc::SYS_setns, -1, libc::CLONE_NEWNET);
    });
    let pid = seen.pid;
    said!(seen, "setpgid res=0 pid=0 pgid={pid}");
    said!(seen, "setsid res={}", -libc::EPERM); // the leader of a group must not
    said!(
        seen,
        "prctl res=0 option=PR_SET_NAME arg2_str=another arg2_int=0"
    );
    said!(
        seen,
        "prctl res=0 option=PR_SET_CHILD_SUBREAPER arg2_str=- arg2_int=1"
    );
    said!(
        seen,
        "prctl res=0 option=PR_GET_CHILD_SUBREAPER arg2_str=- arg2_int=1"
    );
    said!(seen, "unshare res=0 flags=CLONE_FS|CLONE_NEWUTS");
    said!(seen, "setns res={} fd=-1 nstype=CLONE_NEWNET", -libc::EBADF);
}

#[test]
fn ids_and_capabilities() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let header = [0x2008_0522_u32, 0];
    let caps = [1_u32 << 5, 1 << 5 | 1 << 6, 0, 0, 0, 0];
    let mut seen = live::in_child(&mut probe, |_: Notes| {
        call!(libc::SYS_capset, header.as_ptr(), caps.as_ptr());
        call!(libc::SYS_capset, header.as_ptr(), [u32::MAX; 6].as_ptr());
        call!(libc::SYS_setgid, 5);
    });
    let (kill, both) = (1 << 5, 1 << 5 | 1 << 6);
    said!(
        seen,
        "capset res=0 cap_inheritable=0 cap_permitted={both} cap_effective={kill}"
    );
    // Refused: the capabilities are those that it still has.
    said!(
        seen,
        "capset res={} cap_inheritable=0 cap_permitted={both} cap_effective={kill}",
        -libc::EPERM
    );
    said!(seen, "setgid res={} gid=5", -libc::EPERM);
    let mut seen = live::in_child(&mut probe, |_: Notes| {
        call!(libc::SYS_setgid, 5);
        call!(libc::SYS_setregid, -1, 6);
        call!(libc::SYS_setreuid, -1, 8);
        call!(libc::SYS_setuid, 9);
    });
    said!(seen, "setgid res=0 gid=5");
    said!(seen, "setregid res=0 rgid={} egid=6", u32::MAX);
    said!(seen, "setreuid res=0 ruid={} euid=8", u32::MAX);
    said!(seen, "setuid res={} uid=9", -libc::EPERM);
}

#[test]
fn signals_and_tracing() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |_: Notes| {
        let own = call!(libc::SYS_getpid);
        call!(libc::SYS_kill, own, 0);
        call!(libc::SYS_kill, own, 200);
        call!(libc::SYS_tkill, own, 0);
        call!(libc::SYS_tgkill, own, own, 0);
        call!(libc::SYS_ptrace, libc::PTRACE_PEEKDATA, 0x7fff_fff0, 16, 32);
        call!(libc::SYS_ptrace, libc::PTRACE_TRACEME, 0, 0x10, 0x20);
    });
    let pid = seen.pid;
    said!(seen, "kill res=0 pid={pid} sig=0");
    said!(seen, "kill res={} pid={pid} sig=200", -libc::EINVAL);
    said!(seen, "tkill res=0 tid={pid} sig=0");
    said!(seen, "tgkill res=0 pid={pid} tid={pid} sig=0");
    said!(
        seen,
        "ptrace res={} addr=0:0 data=0:0 request=PTRACE_PEEKDATA pid={}",
        -libc::ESRCH,
        0x7fff_fff0
    );
    said!(
        seen,
        "ptrace res=0 addr=0:16 data=0:32 request=PTRACE_TRACEME pid=0"
    );
}

#[test]
fn tracing_of_a_child() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let mut word = 0x1122_3344_5566_7788_u64;
        let child = call!(libc::SYS_fork);
        if child == 0 {
            call!(libc::SYS_ptrace, libc::PTRACE_TRACEME, 0, 0, 0);
            call!(libc::SYS_kill, libc::getpid(), libc::SIGSTOP);
            exit(0);
        }
        notes.put(0, child);
        let place = notes.put(1, (&raw mut word) as i64);
        let mut answer = 0_u64;
        wait(child);
        call!(
            libc::SYS_ptrace,
            libc::PTRACE_PEEKDATA,
            child,
            place,
            &raw mut answer
        );
        call!(libc::SYS_ptrace, libc::PTRACE_CONT, child, 1, libc::SIGCONT);
        wait(child);
    });
    let (child, place) = (seen.notes.get(0), seen.notes.get(1));
    let word = 0x1122_3344_5566_7788_u64;
    said!(
        seen,
        "ptrace res=0 addr=0:{place} data=0:{word} request=PTRACE_PEEKDATA pid={child}"
    );
    said!(
        seen,
        "ptrace res=0 addr=0:1 data=1:18 request=PTRACE_CONT pid={child}"
    );
}

#[test]
fn kernel_modules() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        // The kernel may refuse before it reads them, and what nobody has read since the fork is not there to be read by a probe.
        let (image, first, second) = (b"no\0module", c"a=b", c"c=d");
        live::touch(image);
        live::touch(first.to_bytes());
        live::touch(second.to_bytes());
        notes.put(
            0,
            call!(libc::SYS_init_module, image.as_ptr(), 9, ptr(first)),
        );
        notes.put(1, call!(libc::SYS_finit_module, -1, ptr(second), 3));
    });
    let (image, file) = (seen.notes.get(0), seen.notes.get(1));
    if image == -i64::from(libc::ENOSYS) {
        return; // a kernel without modules has no such calls, and no tracepoints for them
    }
    said!(
        seen,
        "init_module res={image} img=no\\0module length=9 uargs=a=b"
    );
    said!(
        seen,
        "finit_module res={file} fd=-1 uargs=c=d flags=MODULE_INIT_IGNORE_MODVERSIONS|MODULE_INIT_IGNORE_VERMAGIC"
    );
}
