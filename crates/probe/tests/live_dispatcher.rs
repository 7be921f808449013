//! The way for kernels where calls cannot be attached to one by one: one program on all of them. Every event is the same.
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "support/live.rs"]
mod live;

use falco_probe::How;
use live::{Notes, call, ptr, said};

const CALLS: &[&str] = &[
    "openat",
    "close",
    "connect",
    "clone",
    "execve",
    "mkdir",
    "kill",
    "umount2",
    "delete_module",
    "init_module",
    "getppid",
];

#[test]
fn all_calls_through_one_program() {
    let Some(mut probe) = live::open(CALLS, Some(How::AllCalls)) else {
        return;
    };
    assert_eq!((probe.how(), probe.unsupported()), (How::AllCalls, &[][..]));
    let argv = [ptr(c"zero"), std::ptr::null()];
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let fd = notes.put(
            0,
            call!(
                libc::SYS_openat,
                libc::AT_FDCWD,
                ptr(c"/dev/null"),
                libc::O_WRONLY,
                0
            ),
        );
        call!(libc::SYS_close, fd);
        call!(libc::SYS_rmdir, ptr(c"/not/asked/for"));
        call!(libc::SYS_mkdir, ptr(c"/does/not/exist"), 0o700);
        call!(libc::SYS_umount2, ptr(c"/does/not/exist"), 0);
        // The kernel may have been built without modules: then there is no tracepoint of the call's own.
        let flags = libc::O_NONBLOCK | libc::O_TRUNC;
        notes.put(1, call!(libc::SYS_delete_module, ptr(c"none"), flags));
        call!(libc::SYS_getppid);
        call!(libc::SYS_execve, ptr(c"/bin/true"), argv.as_ptr(), 0);
    });
    let (fd, enoent) = (seen.notes.get(0), -libc::ENOENT);
    said!(
        seen,
        "openat fd={fd} dirfd=-100 name=/dev/null flags=O_WRONLY mode=0 dev=_ ino=_"
    );
    said!(seen, "close res=0 fd={fd}");
    said!(
        seen,
        "mkdir res={enoent} path=/does/not/exist mode={}",
        0o700
    );
    said!(seen, "umount2 res={enoent} name=/does/not/exist flags=0x0");
    said!(
        seen,
        "delete_module res={} name=none flags=O_TRUNC|O_NONBLOCK",
        seen.notes.get(1)
    );
    let getppid = live::codes(&["getppid"])[0].get();
    said!(seen, "syscall ID={getppid} nativeID={}", libc::SYS_getppid);
    let execve = live::text(&seen.take("execve"));
    assert!(
        execve.starts_with("execve res=0 exe=zero args=- "),
        "{execve}"
    );
    assert!(
        !seen
            .events
            .iter()
            .any(|bytes| live::parse(bytes).info().name == "rmdir"),
        "nobody asked for rmdir"
    );
}
