//! System calls that no safe library offers, because they take rights, identity or memory from a process. This one has nothing to lose.
#![allow(unsafe_code, reason = "the only place where calls are made directly")]

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};

use libc::c_long;

fn check(result: c_long) -> io::Result<c_long> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Becomes another user: real, effective and saved.
pub(crate) fn become_user(uid: u32) -> io::Result<()> {
    // SAFETY: numbers only.
    check(c_long::from(unsafe { libc::setresuid(uid, uid, uid) })).map(drop)
}

/// Asks to become root.
pub(crate) fn ask_for_root() -> io::Result<()> {
    // SAFETY: numbers only.
    check(c_long::from(unsafe { libc::setuid(0) })).map(drop)
}

/// Leaves namespaces for new ones.
pub(crate) fn unshare(flags: i32) -> io::Result<()> {
    // SAFETY: numbers only; files are not unshared, so that no descriptor changes its meaning.
    check(c_long::from(unsafe { libc::unshare(flags) })).map(drop)
}

/// Asks to be traced by the parent.
pub(crate) fn trace_me() -> io::Result<()> {
    // SAFETY: this request reads no memory.
    check(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) }).map(drop)
}

/// Attaches to a process, and lets go of it.
pub(crate) fn attach(pid: i32) -> io::Result<()> {
    // SAFETY: this request reads no memory.
    check(unsafe { libc::ptrace(libc::PTRACE_ATTACH, pid, 0, 0) })?;
    let mut status = 0;
    // SAFETY: the status is written to a number of its type.
    check(c_long::from(unsafe {
        libc::waitpid(pid, &raw mut status, libc::__WALL)
    }))?;
    // SAFETY: this request reads no memory.
    check(unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, 0, 0) }).map(drop)
}

/// Puts a descriptor in the place of standard input.
pub(crate) fn as_input(fd: RawFd) -> io::Result<()> {
    // SAFETY: nobody reads standard input here.
    check(c_long::from(unsafe { libc::dup2(fd, 0) })).map(drop)
}

/// Asks for the page faults of this process.
pub(crate) fn page_faults() -> io::Result<OwnedFd> {
    const USER_MODE_ONLY: i32 = 1;
    // SAFETY: numbers only.
    let fd = check(unsafe { libc::syscall(libc::SYS_userfaultfd, USER_MODE_ONLY) })?;
    // SAFETY: it was just made.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Gives the kernel a module that is none.
pub(crate) fn load_module(fd: RawFd) -> io::Result<()> {
    // SAFETY: the text is closed by a NUL.
    check(unsafe { libc::syscall(libc::SYS_finit_module, fd, c"".as_ptr(), 0) }).map(drop)
}

/// Makes an `io_uring`.
pub(crate) fn io_uring() -> io::Result<OwnedFd> {
    // The structure has 120 bytes, all zero for "nothing special".
    let mut params = [0_u8; 120];
    // SAFETY: the memory is as large as the kernel writes.
    let fd = check(unsafe { libc::syscall(libc::SYS_io_uring_setup, 2, params.as_mut_ptr()) })?;
    // SAFETY: it was just made.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Loads a BPF program that does nothing: `r0 = 0; exit`, a socket filter.
pub(crate) fn load_bpf() -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Load {
        kind: u32,
        count: u32,
        code: u64,
        licence: u64,
        rest: [u64; 12],
    }
    const PROG_LOAD: i32 = 5;
    const SOCKET_FILTER: u32 = 1;
    let code: [u64; 2] = [0x0000_0000_0000_00b7, 0x0000_0000_0000_0095];
    let load = Load {
        kind: SOCKET_FILTER,
        count: 2,
        code: code.as_ptr() as u64,
        licence: c"GPL".as_ptr() as u64,
        rest: [0; 12],
    };
    // SAFETY: the structure is larger than what is said of it, and points to memory that lives until the call ends.
    let fd = check(unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw const load, 48) })?;
    // SAFETY: it was just made.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Gives the loopback interface of this network namespace an address, in place of the one it has, and sets it up.
pub(crate) fn address_of_loopback(address: Ipv4Addr) -> io::Result<()> {
    #[repr(C)]
    struct Request {
        name: [u8; 16],
        data: [u8; 24],
    }
    // SAFETY: numbers only.
    let socket = check(c_long::from(unsafe {
        libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0)
    }))?;
    // SAFETY: it was just made.
    let socket = unsafe { OwnedFd::from_raw_fd(socket as RawFd) };
    let mut request = Request {
        name: [0; 16],
        data: [0; 24],
    };
    request.name[..2].copy_from_slice(b"lo");
    request.data[0] = libc::AF_INET as u8;
    request.data[4..8].copy_from_slice(&address.octets());
    let fd = std::os::fd::AsRawFd::as_raw_fd(&socket);
    // SAFETY: the structure has the size of the kernel's ifreq.
    check(c_long::from(unsafe {
        libc::ioctl(fd, libc::SIOCSIFADDR, &raw const request)
    }))?;
    let up = (libc::IFF_UP | libc::IFF_RUNNING) as u16;
    request.data = [0; 24];
    request.data[..2].copy_from_slice(&up.to_ne_bytes());
    // SAFETY: as above.
    check(c_long::from(unsafe {
        libc::ioctl(fd, libc::SIOCSIFFLAGS, &raw const request)
    }))
    .map(drop)
}

/// Opens a raw packet socket.
pub(crate) fn packet_socket() -> io::Result<OwnedFd> {
    // SAFETY: numbers only.
    let fd = check(c_long::from(unsafe {
        libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0)
    }))?;
    // SAFETY: it was just made.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Begins a session with a new terminal as its own; the other end of the terminal, to be kept open.
pub(crate) fn new_terminal() -> io::Result<OwnedFd> {
    let (mut ours, mut theirs) = (0, 0);
    let nothing = std::ptr::null_mut();
    // SAFETY: two numbers are written; no name, no settings, no size is asked for.
    check(c_long::from(unsafe {
        libc::openpty(
            &raw mut ours,
            &raw mut theirs,
            nothing,
            nothing.cast(),
            nothing.cast(),
        )
    }))?;
    // SAFETY: it was just made.
    let ours = unsafe { OwnedFd::from_raw_fd(ours) };
    // SAFETY: it was just made.
    let theirs = unsafe { OwnedFd::from_raw_fd(theirs) };
    // SAFETY: no arguments. It fails for the leader of a group, which then has to be no leader of a session to go on.
    check(c_long::from(unsafe { libc::setsid() }))?;
    let fd = std::os::fd::AsRawFd::as_raw_fd(&theirs);
    // SAFETY: numbers only.
    check(c_long::from(unsafe { libc::ioctl(fd, libc::TIOCSCTTY, 0) }))?;
    Ok(ours)
}
