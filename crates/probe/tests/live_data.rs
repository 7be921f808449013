//! Calls that move data, wait and watch, made for real.
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "support/live.rs"]
mod live;

use live::{Notes, call, ptr, said};

const CALLS: &[&str] = &[
    "read",
    "write",
    "pread64",
    "pwrite64",
    "readv",
    "writev",
    "preadv",
    "pwritev",
    "process_vm_readv",
    "process_vm_writev",
    "lseek",
    "sendfile",
    "splice",
    "copy_file_range",
    "ioctl",
    "flock",
    "getdents",
    "getdents64",
    "nanosleep",
    "futex",
    "select",
    "epoll_wait",
    "poll",
    "ppoll",
    "io_uring_enter",
    "io_uring_register",
    "getpid",
    "readlinkat",
    "statx",
    "faccessat2",
    "mseal",
];

const EBADF: i32 = -libc::EBADF;
const EFAULT: i32 = -libc::EFAULT;

/// A file without a name.
fn scratch_file() -> i64 {
    call!(libc::SYS_memfd_create, ptr(c"scratch"), 0)
}

#[test]
fn reading_and_writing() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let fd = notes.put(0, scratch_file());
        let (long, mut buffer) = (vec![b'x'; 300], [0_u8; 300]);
        call!(libc::SYS_write, fd, long.as_ptr(), 300);
        call!(libc::SYS_write, -1, long.as_ptr(), 20);
        call!(libc::SYS_write, fd, 8, 20);
        call!(libc::SYS_pwrite64, fd, b"at three".as_ptr(), 8, 3);
        call!(libc::SYS_pread64, fd, buffer.as_mut_ptr(), 5, 3);
        call!(libc::SYS_lseek, fd, 290, libc::SEEK_SET);
        call!(libc::SYS_lseek, fd, -10, libc::SEEK_END);
        call!(libc::SYS_read, fd, buffer.as_mut_ptr(), 300);
        call!(libc::SYS_read, fd, buffer.as_mut_ptr(), 300);
        call!(libc::SYS_read, -1, buffer.as_mut_ptr(), 300);
        call!(libc::SYS_pread64, -1, buffer.as_mut_ptr(), 1, 1_i64 << 40);
    });
    let fd = seen.notes.get(0);
    let short = "x".repeat(80);
    said!(seen, "write res=300 data={short} fd={fd} size=300");
    said!(
        seen,
        "write res={EBADF} data={} fd=-1 size=20",
        "x".repeat(20)
    );
    said!(seen, "write res={EFAULT} data=- fd={fd} size=20");
    said!(seen, "pwrite res=8 data=at\\sthree fd={fd} size=8 pos=3");
    said!(seen, "pread res=5 data=at\\sth fd={fd} size=5 pos=3");
    said!(seen, "lseek res=290 fd={fd} offset=290 whence=SEEK_SET");
    said!(
        seen,
        "lseek res=290 fd={fd} offset={} whence=SEEK_END",
        -10_i64 as u64
    );
    said!(seen, "read res=10 data=xxxxxxxxxx fd={fd} size=300");
    said!(seen, "read res=0 data=- fd={fd} size=300");
    said!(seen, "read res={EBADF} data=- fd=-1 size=300");
    said!(
        seen,
        "pread res={EBADF} data=- fd=-1 size=1 pos={}",
        1_i64 << 40
    );
}

#[test]
fn several_pieces() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let fd = notes.put(0, scratch_file());
        let text = *b"onetwothree";
        let base = text.as_ptr() as u64;
        let pieces = [base, 3, base + 3, 3, base + 6, 5];
        call!(libc::SYS_writev, fd, pieces.as_ptr(), 3);
        call!(libc::SYS_pwritev, fd, pieces.as_ptr(), 2, 100, 0);
        call!(libc::SYS_writev, -1, pieces.as_ptr(), 2);
        call!(libc::SYS_writev, fd, 8, 2);
        let mut buffer = [0_u8; 64];
        let base = buffer.as_mut_ptr() as u64;
        let into = [base, 4, base + 10, 20];
        call!(libc::SYS_preadv, fd, into.as_ptr(), 2, 100, 0);
        call!(libc::SYS_lseek, fd, 0, libc::SEEK_SET);
        call!(libc::SYS_readv, fd, into.as_ptr(), 1);
        call!(libc::SYS_readv, -1, into.as_ptr(), 1);
        // Our own memory is another process's, too.
        let pid = libc::SYS_getpid;
        let pid = notes.put(1, call!(pid));
        call!(
            libc::SYS_process_vm_readv,
            pid,
            into.as_ptr(),
            1,
            pieces.as_ptr(),
            2,
            0
        );
        call!(
            libc::SYS_process_vm_writev,
            pid,
            pieces.as_ptr(),
            2,
            into.as_ptr(),
            2,
            0
        );
        call!(
            libc::SYS_process_vm_readv,
            -1,
            into.as_ptr(),
            1,
            pieces.as_ptr(),
            2,
            0
        );
    });
    let (fd, pid) = (seen.notes.get(0), seen.notes.get(1));
    let esrch = -libc::ESRCH;
    said!(seen, "writev res=11 data=onetwothree fd={fd} size=11");
    said!(seen, "pwritev res=6 data=onetwo fd={fd} size=6 pos=100");
    said!(seen, "writev res={EBADF} data=onetwo fd=-1 size=6");
    said!(seen, "writev res={EFAULT} data=- fd={fd} size=0");
    said!(seen, "preadv res=6 size=6 data=onetwo fd={fd} pos=100");
    said!(seen, "readv res=4 size=4 data=onet fd={fd}");
    said!(seen, "readv res={EBADF} size=0 data=- fd=-1");
    said!(seen, "process_vm_readv res=4 pid={pid} data=onet");
    said!(seen, "process_vm_writev res=6 pid={pid} data=onetwo");
    said!(seen, "process_vm_readv res={esrch} pid=-1 data=-");
}

#[test]
fn from_descriptor_to_descriptor() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let (from, to) = (notes.put(0, scratch_file()), notes.put(1, scratch_file()));
        call!(libc::SYS_write, from, b"0123456789".as_ptr(), 10);
        let mut offset = 2_i64;
        call!(libc::SYS_sendfile, to, from, &raw mut offset, 5);
        call!(libc::SYS_sendfile, to, -1, 0, 5);
        let mut in_offset = 1_i64;
        notes.put(2, (&raw const in_offset) as i64);
        call!(
            libc::SYS_copy_file_range,
            from,
            &raw mut in_offset,
            to,
            0,
            3,
            0
        );
        let mut pair = [0_i32; 2];
        call!(libc::SYS_pipe2, pair.as_mut_ptr(), 0);
        notes.put(3, pair[0].into());
        notes.put(4, pair[1].into());
        call!(libc::SYS_write, pair[1], b"abc".as_ptr(), 3);
        call!(
            libc::SYS_splice,
            pair[0],
            0,
            to,
            0,
            3,
            libc::SPLICE_F_MOVE | libc::SPLICE_F_MORE
        );
        call!(libc::SYS_ioctl, pair[0], libc::FIONREAD, 8);
        call!(libc::SYS_flock, from, libc::LOCK_EX | libc::LOCK_NB);
        call!(libc::SYS_flock, -1, libc::LOCK_UN);
        let dir = notes.put(
            5,
            call!(libc::SYS_open, ptr(c"/proc/self"), libc::O_DIRECTORY),
        );
        let mut entries = [0_u64; 512];
        notes.put(
            6,
            call!(libc::SYS_getdents64, dir, entries.as_mut_ptr(), 4096),
        );
        notes.put(
            7,
            call!(libc::SYS_getdents, dir, entries.as_mut_ptr(), 4096),
        );
    });
    let note: Vec<i64> = (0..8).map(|index| seen.notes.get(index)).collect();
    let (from, to, read, dir) = (note[0], note[1], note[3], note[5]);
    said!(
        seen,
        "sendfile res=5 offset=7 out_fd={to} in_fd={from} size=5"
    );
    said!(
        seen,
        "sendfile res={EBADF} offset=0 out_fd={to} in_fd=-1 size=5"
    );
    said!(
        seen,
        "copy_file_range res=3 fdout={to} offout=0 fdin={from} offin={} len=3",
        note[2]
    );
    said!(
        seen,
        "splice res=3 fd_in={read} fd_out={to} size=3 flags=SPLICE_F_MOVE|SPLICE_F_MORE"
    );
    said!(
        seen,
        "ioctl res={EFAULT} fd={read} request={} argument=8",
        libc::FIONREAD
    );
    said!(seen, "flock res=0 fd={from} operation=LOCK_EX|LOCK_NB");
    said!(seen, "flock res={EBADF} fd=-1 operation=LOCK_UN");
    assert!(note[6] > 0);
    said!(seen, "getdents64 res={} fd={dir}", note[6]);
    said!(seen, "getdents res={} fd={dir}", note[7]);
}

#[test]
fn waiting() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let second_and_more = [0_i64, 1_000_001];
        call!(libc::SYS_nanosleep, second_and_more.as_ptr(), 0);
        call!(libc::SYS_nanosleep, 8, 0);
        let word = 5_u32;
        notes.put(0, (&raw const word) as i64);
        let wait = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
        call!(libc::SYS_futex, &raw const word, wait, 6, 0);
        let wake = libc::FUTEX_WAKE | libc::FUTEX_CLOCK_REALTIME;
        notes.put(1, call!(libc::SYS_futex, &raw const word, wake, 1, 0));
        let now = [0_i64; 2];
        call!(libc::SYS_select, 0, 0, 0, 0, now.as_ptr());
        let epoll = call!(libc::SYS_epoll_create1, 0);
        let mut events = [0_u64; 16];
        call!(libc::SYS_epoll_wait, epoll, events.as_mut_ptr(), 7, 0);
        call!(libc::SYS_epoll_wait, -1, events.as_mut_ptr(), 7, 0);
        let mut pair = [0_i32; 2];
        call!(libc::SYS_pipe2, pair.as_mut_ptr(), 0);
        call!(libc::SYS_write, pair[1], b"x".as_ptr(), 1);
        notes.put(2, pair[0].into());
        notes.put(3, pair[1].into());
        // struct pollfd: descriptor, the events asked for and those that happened in 16 bits each
        let mut polled = [pair[0], 1, pair[1], 4, -1, 1, 9999, 1];
        call!(libc::SYS_poll, polled.as_mut_ptr(), 4, -1);
        call!(libc::SYS_poll, 8, 1, 10);
        let mut many: Vec<i32> = [pair[1], 4].repeat(20);
        call!(libc::SYS_poll, many.as_mut_ptr(), 20, 0);
        // The kernel writes down how much of the time is left, where it can.
        static TIME: [i64; 2] = [1, 5];
        let mask = 1_u64 << (libc::SIGUSR1 - 1);
        call!(
            libc::SYS_ppoll,
            polled.as_mut_ptr(),
            1,
            TIME.as_ptr(),
            &raw const mask,
            8
        );
    });
    let (word, read, write) = (seen.notes.get(0), seen.notes.get(2), seen.notes.get(3));
    let eagain = -libc::EAGAIN;
    said!(seen, "nanosleep res=0 interval=1000001");
    said!(seen, "nanosleep res={EFAULT} interval=0");
    said!(
        seen,
        "futex res={eagain} addr={word} op=FUTEX_PRIVATE_FLAG val=6"
    );
    said!(
        seen,
        "futex res={} addr={word} op=FUTEX_WAKE|FUTEX_CLOCK_REALTIME val=1",
        seen.notes.get(1)
    );
    said!(seen, "select res=0");
    said!(seen, "epoll_wait res=0 maxevents=7");
    said!(seen, "epoll_wait res={EBADF} maxevents=7");
    said!(
        seen,
        "poll res=3 fds={read}:1,{write}:4,-1:0,9999:64 timeout=4294967295"
    );
    said!(seen, "poll res={EFAULT} fds= timeout=10");
    let sixteen = vec![format!("{write}:4"); 16].join(",");
    said!(seen, "poll res=20 fds={sixteen} timeout=0");
    said!(
        seen,
        "ppoll res=1 fds={read}:1 timeout=1000000005 sigmask={}",
        1 << 9
    );
}

#[test]
fn rings() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let mut params = [0_u32; 30];
        let fd = notes.put(0, call!(libc::SYS_io_uring_setup, 8, params.as_mut_ptr()));
        notes.put(1, call!(libc::SYS_io_uring_enter, fd, 0, 0, 1, 77, 0));
        notes.put(
            2,
            call!(libc::SYS_io_uring_register, fd, 4, &raw const fd, 1),
        );
        notes.put(3, (&raw const fd) as i64);
        notes.put(4, call!(libc::SYS_io_uring_register, -1, 9, 0, 0));
    });
    let notes = seen.notes;
    let (fd, enter) = (notes.get(0), notes.get(1));
    let (register, arg) = (notes.get(2), notes.get(3));
    said!(
        seen,
        "io_uring_enter res={enter} fd={fd} to_submit=0 min_complete=0 flags=IORING_ENTER_GETEVENTS sig=77"
    );
    said!(
        seen,
        "io_uring_register res={register} fd={fd} opcode=IORING_REGISTER_EVENTFD arg={arg} nr_args=1"
    );
    said!(
        seen,
        "io_uring_register res={} fd=-1 opcode=IORING_REGISTER_PERSONALITY arg=0 nr_args=0",
        notes.get(4)
    );
}

/// Calls without parameters of their own: the code of the schema and the number of the machine, of new ones, too.
#[test]
fn calls_whose_parameters_are_not_read() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let calls = [
        ("getpid", libc::SYS_getpid),
        ("readlinkat", libc::SYS_readlinkat),
        ("statx", libc::SYS_statx),
        ("faccessat2", libc::SYS_faccessat2),
        ("mseal", libc::SYS_mseal),
    ];
    let known = probe.unsupported().to_vec();
    let mut seen = live::in_child(&mut probe, |_| {
        for (_, number) in calls {
            call!(number, -1, 0, 0, 0, 0);
        }
    });
    for (name, number) in calls {
        let code = live::codes(&[name])[0];
        if known.contains(&code) {
            continue; // an older kernel
        }
        said!(seen, "syscall ID={} nativeID={number}", code.get());
    }
}
