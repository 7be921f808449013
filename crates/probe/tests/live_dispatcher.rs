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

/// Calls of the 32-bit interface have other numbers: 39 is mkdir there and getpid here, 5 is open there and fstat here.
#[cfg(target_arch = "x86_64")]
#[test]
fn calls_of_the_other_interface_are_not_mistaken() {
    let Some(mut probe) = live::open(&["getcwd", "close", "mkdir"], Some(How::AllCalls)) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |_: Notes| {
        // 83 is mkdir here, symlink there; 3 is close here, read there.
        for number in [83_u64, 3] {
            let mut result = number;
            // SAFETY: the arguments are numbers that no call can use; registers that the kernel may change are named.
            unsafe {
                std::arch::asm!(
                    "push rbx", "xor ebx, ebx", "int 0x80", "pop rbx",
                    inout("rax") result, in("rcx") 0, in("rdx") 0, out("r8") _, out("r9") _, out("r10") _, out("r11") _
                );
            }
            std::hint::black_box(result);
        }
        call!(libc::SYS_close, 777);
    });
    said!(seen, "close res={} fd=777", -libc::EBADF);
    assert_eq!(
        seen.events.len(),
        1,
        "and then only its end: {:?}",
        seen.events
            .iter()
            .map(|bytes| live::text(bytes))
            .collect::<Vec<_>>()
    );
}
