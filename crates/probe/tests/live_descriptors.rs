//! Calls that make, copy and close descriptors, made for real.
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "support/live.rs"]
mod live;

use live::{Notes, call, ptr, said};

const CALLS: &[&str] = &[
    "open",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "fcntl",
    "pipe",
    "pipe2",
    "eventfd",
    "eventfd2",
    "signalfd",
    "signalfd4",
    "timerfd_create",
    "inotify_init",
    "inotify_init1",
    "epoll_create",
    "epoll_create1",
    "memfd_create",
    "pidfd_open",
    "pidfd_getfd",
    "userfaultfd",
    "bpf",
    "io_uring_setup",
];

#[test]
fn copies_and_ranges() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let fd = notes.put(0, call!(libc::SYS_open, ptr(c"/dev/null"), libc::O_RDWR, 0));
        notes.put(1, call!(libc::SYS_dup, fd));
        call!(libc::SYS_dup2, fd, 100);
        call!(libc::SYS_dup3, fd, 101, libc::O_CLOEXEC);
        call!(libc::SYS_dup3, fd, fd, 0);
        notes.put(2, call!(libc::SYS_fcntl, fd, libc::F_DUPFD_CLOEXEC, 50));
        call!(libc::SYS_fcntl, fd, libc::F_SETFD, libc::FD_CLOEXEC);
        call!(libc::SYS_fcntl, -1, libc::F_GETFL, 0);
        // Since 5.11.
        notes.put(3, call!(libc::SYS_close_range, 100, 101, 4));
    });
    let (fd, copy, cloexec) = (seen.notes.get(0), seen.notes.get(1), seen.notes.get(2));
    let (ebadf, einval) = (-libc::EBADF, -libc::EINVAL);
    said!(seen, "dup res={copy} oldfd={fd}");
    said!(seen, "dup2 res=100 oldfd={fd} newfd=100");
    said!(seen, "dup3 res=101 oldfd={fd} newfd=101 flags=O_CLOEXEC");
    said!(seen, "dup3 res={einval} oldfd={fd} newfd={fd} flags=O_NONE");
    said!(
        seen,
        "fcntl res={cloexec} fd={fd} cmd=F_DUPFD_CLOEXEC arg=50"
    );
    said!(seen, "fcntl res=0 fd={fd} cmd=F_SETFD arg=1");
    said!(seen, "fcntl res={ebadf} fd=-1 cmd=F_GETFL arg=0");
    said!(
        seen,
        "close_range res={} first=100 last=101 flags=CLOSE_RANGE_CLOEXEC",
        seen.notes.get(3)
    );
}

/// The inode of a descriptor.
fn inode(fd: i32) -> i64 {
    // SAFETY: all zeros are a valid stat.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the memory for the answer lives across the call.
    unsafe { libc::fstat(fd, &raw mut stat) };
    stat.st_ino as i64
}

#[test]
fn pipes() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let mut pair = [0_i32; 2];
        call!(libc::SYS_pipe, pair.as_mut_ptr());
        notes.put(0, pair[0].into());
        notes.put(1, pair[1].into());
        notes.put(2, inode(pair[0]));
        call!(
            libc::SYS_pipe2,
            pair.as_mut_ptr(),
            libc::O_CLOEXEC | libc::O_DIRECT | libc::O_NONBLOCK
        );
        notes.put(3, pair[0].into());
        notes.put(4, pair[1].into());
        notes.put(5, inode(pair[1]));
        call!(libc::SYS_pipe2, 0, 0);
    });
    let note = |index| seen.notes.get(index);
    let (read, write, ino) = (note(0), note(1), note(2));
    let (read2, write2, ino2) = (note(3), note(4), note(5));
    said!(seen, "pipe res=0 fd1={read} fd2={write} ino={ino}");
    said!(
        seen,
        "pipe2 res=0 fd1={read2} fd2={write2} ino={ino2} flags=O_NONBLOCK|O_DIRECT|O_CLOEXEC"
    );
    said!(
        seen,
        "pipe2 res={} fd1=-1 fd2=-1 ino=0 flags=O_NONE",
        -libc::EFAULT
    );
}

#[test]
fn makers() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let both = libc::O_NONBLOCK | libc::O_CLOEXEC;
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let mask = 1_u64 << (libc::SIGUSR1 - 1);
        let made = [
            call!(libc::SYS_eventfd, 7),
            call!(libc::SYS_eventfd2, 8, both),
            call!(libc::SYS_signalfd, -1, &raw const mask, 8),
            call!(libc::SYS_signalfd4, -1, &raw const mask, 8, both),
            call!(libc::SYS_timerfd_create, libc::CLOCK_MONOTONIC, both),
            call!(libc::SYS_inotify_init),
            call!(libc::SYS_inotify_init1, both),
            call!(libc::SYS_epoll_create, 5),
            call!(libc::SYS_epoll_create1, libc::O_CLOEXEC),
            call!(
                libc::SYS_memfd_create,
                ptr(c"a name"),
                libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING
            ),
            call!(libc::SYS_pidfd_open, libc::getpid(), libc::O_NONBLOCK),
            call!(libc::SYS_bpf, 13, 0, 0),
        ];
        for (index, fd) in made.iter().enumerate() {
            notes.put(index, *fd);
        }
        notes.put(20, call!(libc::SYS_pidfd_getfd, made[10], made[0], 0));
        notes.put(21, call!(libc::SYS_userfaultfd, 1));
    });
    let fd: Vec<i64> = (0..22).map(|index| seen.notes.get(index)).collect();
    said!(seen, "eventfd res={} initval=7 flags=0", fd[0]);
    said!(
        seen,
        "eventfd2 res={} flags=O_NONBLOCK|O_CLOEXEC initval=8",
        fd[1]
    );
    said!(seen, "signalfd res={} fd=-1 mask=0 flags=0", fd[2]);
    said!(
        seen,
        "signalfd4 res={} flags=O_NONBLOCK|O_CLOEXEC fd=-1 mask=0",
        fd[3]
    );
    said!(seen, "timerfd_create res={} clockid=1 flags=64", fd[4]); // O_NONBLOCK; O_CLOEXEC does not fit
    said!(seen, "inotify_init res={} flags=0", fd[5]);
    said!(
        seen,
        "inotify_init1 res={} flags=O_NONBLOCK|O_CLOEXEC",
        fd[6]
    );
    said!(seen, "epoll_create res={} size=5", fd[7]);
    said!(seen, "epoll_create1 res={} flags=EPOLL_CLOEXEC", fd[8]);
    said!(
        seen,
        "memfd_create fd={} name=a\\sname flags=MFD_CLOEXEC|MFD_ALLOW_SEALING",
        fd[9]
    );
    said!(
        seen,
        "pidfd_open fd={} pid={} flags=PIDFD_NONBLOCK",
        fd[10],
        seen.pid
    );
    said!(seen, "bpf fd={} cmd=BPF_PROG_GET_FD_BY_ID", fd[11]);
    said!(
        seen,
        "pidfd_getfd fd={} pid_fd={} target_fd={} flags=0",
        fd[20],
        fd[10],
        fd[0]
    );
    if fd[21] != -i64::from(libc::ENOSYS) {
        said!(seen, "userfaultfd res={} flags=O_RDONLY", fd[21]); // the flags of this call are passed on as they are
    }
}

#[test]
fn io_uring() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        // entries of both queues, flags, the poller's CPU and idle time, features, then offsets
        let mut params = [0_u32; 30];
        params[1] = 16;
        params[2] = 1 << 3 | 1 << 4; // IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP
        notes.put(0, call!(libc::SYS_io_uring_setup, 8, params.as_mut_ptr()));
        notes.put(1, params[0].into());
        notes.put(2, params[1].into());
        notes.put(3, (params[5] & 0x7ff).into());
    });
    let note = |index| seen.notes.get(index);
    let (res, sq, cq, features) = (note(0), note(1), note(2), note(3));
    if res == -i64::from(libc::ENOSYS) {
        return;
    }
    let event = seen.take("io_uring_setup");
    assert_eq!(live::parse(&event).u32(7).map(i64::from), Some(features));
    live::compare(
        &event,
        &format!(
            "io_uring_setup res={res} entries=8 sq_entries={sq} cq_entries={cq} flags=IORING_SETUP_CQSIZE|IORING_SETUP_CLAMP \
         sq_thread_cpu=0 sq_thread_idle=0 features=_"
        ),
    );
}
