//! Calls by the kernel's other interfaces: those of 32-bit programs, which `int 0x80` reaches from any program, and of x32 ones.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::print_stdout, unsafe_code, clippy::unwrap_used)]

#[path = "support/live.rs"]
mod live;

use std::ffi::CStr;

use falco_probe::{Config, Foreign, How, Next, Probe, Watch};
use live::{Notes, Seen, call, exit, said, wait};

const CALLS: &[&str] = &[
    "open",
    "openat",
    "close",
    "getcwd",
    "mkdir",
    "read",
    "write",
    "writev",
    "mmap",
    "mmap2",
    "munmap",
    "stat64",
    "lstat64",
    "fstat64",
    "umount",
    "_llseek",
    "sendfile64",
    "sendfile",
    "socket",
    "bind",
    "connect",
    "socketpair",
    "send",
    "recv",
    "sendmsg",
    "nanosleep",
    "getuid",
    "getuid32",
    "getpid",
    "execve",
    "getrlimit",
    "ugetrlimit",
];

/// Memory below 4 GB, which 32-bit pointers reach.
struct Low(*mut u8, usize);

impl Low {
    fn new() -> Low {
        let (both, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT,
        );
        // SAFETY: a new mapping at an address of the kernel's choice.
        let memory = unsafe { libc::mmap(std::ptr::null_mut(), 4096, both, kind, -1, 0) };
        assert_ne!(memory, libc::MAP_FAILED);
        Low(memory.cast(), 0)
    }

    /// Where a copy of the bytes lies.
    fn put(&mut self, bytes: &[u8]) -> u32 {
        // SAFETY: the tests put far less than what was mapped.
        let place = unsafe { self.0.add(self.1) };
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
        self.1 += bytes.len().next_multiple_of(8);
        place as u32
    }

    fn words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        self.put(&bytes)
    }

    fn text(&mut self, text: &CStr) -> u32 {
        self.put(text.to_bytes_with_nul())
    }
}

/// A call by the 32-bit interface, with its number.
fn call_32(number: u32, args: [u32; 5]) -> i64 {
    let mut result = u64::from(number);
    // SAFETY: pointers among the arguments are to what lives across the call, or are meant to be bad; the kernel changes no other
    // register.
    unsafe {
        std::arch::asm!(
            "push rbx",
            "mov ebx, {first:e}",
            "int 0x80",
            "pop rbx",
            first = in(reg) args[0],
            inout("rax") result,
            in("rcx") u64::from(args[1]),
            in("rdx") u64::from(args[2]),
            in("rsi") u64::from(args[3]),
            in("rdi") u64::from(args[4]),
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    (result as i32).into()
}

fn open(calls: &[&str], how: How, foreign: Foreign) -> Option<Probe> {
    let config = Config {
        calls: live::codes(calls),
        how: Some(how),
        foreign,
        ..Config::default()
    };
    if !live::can_open() {
        return None;
    }
    if how == How::PerCall && !knows_registers() {
        println!("skipped {how}: the kernel is older than 5.15");
        return None;
    }
    Some(Probe::open(&config).unwrap())
}

/// Whether programs at the tracepoints of single calls can ask for the registers, as they can from 5.15 on.
fn knows_registers() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let numbers = release.split('.').take(2);
    let numbers: Vec<u32> = numbers.map(|part| part.parse().unwrap()).collect();
    numbers >= vec![5, 15]
}

fn ways(calls: &[&str], test: impl Fn(&mut dyn FnMut(&dyn Fn(Notes)) -> Seen)) {
    for how in [How::PerCall, How::AllCalls] {
        let Some(mut probe) = open(calls, how, Foreign::Always) else {
            continue;
        };
        assert_eq!(probe.foreign(), Watch::On);
        if call_32(20, [0; 5]) == -i64::from(libc::ENOSYS) {
            return; // a kernel without the interface
        }
        test(&mut |body| live::in_child(&mut probe, body));
    }
}

#[test]
#[allow(clippy::too_many_lines)] // one call after the other
fn files_by_int_80() {
    ways(CALLS, |run| {
        let mut seen = run(&|notes: Notes| {
            let mut low = Low::new();
            let null = low.text(c"/dev/null");
            let fd = notes.put(0, call_32(5, [null, libc::O_WRONLY as u32, 0, 0, 0])) as u32;
            call_32(295, [-100_i32 as u32, null, libc::O_RDONLY as u32, 0, 0]);
            let missing = low.text(c"/does/not/exist");
            call_32(39, [missing, 0o700, 0, 0, 0]);
            let text = low.text(c"written");
            call_32(4, [fd, text, 7, 0, 0]);
            let pieces = low.words(&[text, 3, text + 3, 4]);
            call_32(146, [fd, pieces, 2, 0, 0]);
            call_32(195, [missing, text, 0, 0, 0]);
            call_32(196, [missing, text, 0, 0, 0]);
            call_32(197, [fd, 8, 0, 0, 0]);
            call_32(22, [missing, 0, 0, 0, 0]);
            let position = low.words(&[0, 0]);
            call_32(140, [fd, 1, 2, position, libc::SEEK_SET as u32]);
            let offset = low.words(&[5, 6]);
            notes.put(2, call_32(187, [fd, 99, offset, 10, 0]));
            notes.put(3, call_32(239, [fd, 99, offset, 10, 0]));
            let time = low.words(&[0, 1_000_001]);
            call_32(162, [time, 0, 0, 0, 0]);
            call_32(24, [0; 5]);
            call_32(199, [0; 5]);
            call_32(20, [0; 5]);
            let limits = low.words(&[0, 0]);
            call_32(191, [libc::RLIMIT_CORE, limits, 0, 0, 0]);
            notes.put(1, call_32(192, [0, 4096, 1, 0x22, -1_i32 as u32]));
            let memory = low.words(&[0, 8192, 3, 0x22, -1_i32 as u32, 0]);
            call_32(90, [memory, 0, 0, 0, 0]);
            call_32(6, [777, 0, 0, 0, 0]);
        });
        let (fd, enoent) = (seen.notes.get(0), -libc::ENOENT);
        let (ebadf, sizes) = (-libc::EBADF, "vm_size=_ vm_rss=_ vm_swap=_");
        said!(
            seen,
            "open fd={fd} name=/dev/null flags=O_WRONLY mode=0 dev=_ ino=_"
        );
        said!(
            seen,
            "openat fd=_ dirfd=-100 name=/dev/null flags=O_RDONLY mode=0 dev=_ ino=_"
        );
        said!(
            seen,
            "mkdir res={enoent} path=/does/not/exist mode={}",
            0o700
        );
        said!(seen, "write res=7 data=written fd={fd} size=7");
        said!(seen, "writev res=7 data=written fd={fd} size=7");
        said!(seen, "stat64 res={enoent} path=/does/not/exist");
        said!(seen, "lstat64 res={enoent} path=/does/not/exist");
        said!(seen, "fstat64 res={}", -libc::EFAULT);
        said!(seen, "umount res={enoent} name=/does/not/exist");
        said!(
            seen,
            "llseek res=0 fd={fd} offset={} whence=SEEK_SET",
            (1_u64 << 32) + 2
        );
        said!(
            seen,
            "sendfile res={} offset=5 out_fd={fd} in_fd=99 size=10",
            seen.notes.get(2)
        );
        said!(
            seen,
            "sendfile res={} offset={} out_fd={fd} in_fd=99 size=10",
            seen.notes.get(3),
            5 + (6_u64 << 32)
        );
        said!(seen, "nanosleep res=0 interval=1000001");
        said!(seen, "getuid uid=0");
        said!(seen, "getuid uid=0");
        said!(
            seen,
            "syscall ID={} nativeID={}",
            live::codes(&["getpid"])[0].get(),
            libc::SYS_getpid
        );
        said!(seen, "getrlimit res=0 cur=_ max=_ resource=RLIMIT_CORE");
        // The sixth argument is in a register that the test cannot set.
        said!(
            seen,
            "mmap2 res=_ {sizes} addr=0 length=4096 prot=PROT_READ flags=MAP_PRIVATE|MAP_ANONYMOUS fd=-1 pgoffset=_"
        );
        seen.take("mmap"); // the test's own memory
        let mmap = live::text(&seen.take("mmap"));
        assert!(
            mmap.ends_with("addr=0 length=8192 prot=PROT_READ|PROT_WRITE flags=MAP_PRIVATE|MAP_ANONYMOUS fd=-1 offset=0"),
            "{mmap}"
        );
        said!(seen, "close res={ebadf} fd=777");
    });
}

/// One call with the number of the operation and a pointer to its arguments.
#[test]
fn sockets_by_socketcall() {
    ways(CALLS, |run| {
        let mut seen = run(&|notes: Notes| {
            let mut low = Low::new();
            let mut socketcall = |operation: u32, args: &[u32]| {
                let args = low.words(args);
                call_32(102, [operation, args, 0, 0, 0])
            };
            let (family, kind) = (libc::AF_INET as u32, libc::SOCK_DGRAM as u32);
            let fd = notes.put(0, socketcall(1, &[family, kind, 0])) as u32;
            let mut addr = [0_u8; 16];
            addr[..8].copy_from_slice(&[2, 0, 0, 9, 127, 0, 0, 1]);
            let addr = Low::new().put(&addr);
            socketcall(3, &[fd, addr, 16]);
            let text = Low::new().put(b"message");
            notes.put(1, socketcall(9, &[fd, text, 7, 0]));
            socketcall(10, &[fd, text, 7, libc::MSG_DONTWAIT as u32]);
            let pieces = Low::new().words(&[text, 2, text + 2, 5]);
            // struct msghdr: name, its length, pieces and how many, control data and its length, flags
            let message = Low::new().words(&[addr, 16, pieces, 2, 0, 0, 0]);
            notes.put(2, socketcall(16, &[fd, message, 0]));
            socketcall(2, &[777, addr, 16]);
        });
        let (fd, sent, again) = (seen.notes.get(0), seen.notes.get(1), seen.notes.get(2));
        said!(
            seen,
            "socket fd={fd} domain=AF_INET type=2 proto=0 flags=O_NONE"
        );
        said!(seen, "connect res=0 tuple=_ fd={fd} addr=127.0.0.1:9");
        assert_eq!(sent, 7);
        said!(seen, "send res=7 data=message fd={fd} size=7 tuple=_");
        let recv = live::text(&seen.take("recv"));
        assert!(recv.contains(&format!(" data=- fd={fd} size=7")), "{recv}");
        // Nobody listens there, which the first message may have told.
        let tuple = if again < 0 { "-" } else { "_" };
        said!(
            seen,
            "sendmsg res={again} data=message fd={fd} size=7 tuple={tuple}"
        );
        said!(seen, "bind res={} addr=127.0.0.1:9 fd=777", -libc::EBADF);
    });
}

/// A program that is not there, with arguments that 32-bit pointers lead to.
#[test]
fn a_failed_execve_by_int_80() {
    ways(&["execve"], |run| {
        let mut seen = run(&|_| {
            let mut low = Low::new();
            let (program, first, second) = (
                low.text(c"/does/not/exist"),
                low.text(c"zero"),
                low.text(c"one"),
            );
            let (argv, envp) = (low.words(&[first, second, 0]), low.words(&[second, 0]));
            call_32(11, [program, argv, envp, 0, 0]);
        });
        let text = live::text(&seen.take("execve"));
        assert!(
            text.starts_with(&format!(
                "execve res={} exe=zero args=one\\0 ",
                -libc::ENOENT
            )),
            "{text}"
        );
        assert!(
            text.contains(" env=one\\0 ") && text.ends_with(" filename=/does/not/exist"),
            "{text}"
        );
    });
}

/// Calls of the 32-bit interface have other numbers: 83 is mkdir here, symlink there; 3 is close here, read there.
#[test]
fn calls_of_the_other_interface_are_not_mistaken() {
    ways(&["getcwd", "close", "mkdir"], |run| {
        let mut seen = run(&|_| {
            call_32(83, [0; 5]);
            call_32(3, [0; 5]);
            call!(libc::SYS_close, 777);
        });
        said!(seen, "close res={} fd=777", -libc::EBADF);
        let rest: Vec<String> = seen.events.iter().map(|bytes| live::text(bytes)).collect();
        assert_eq!(rest.len(), 1, "and then only its end: {rest:?}");
    });
}

/// The numbers of the x32 interface have a bit of their own; a kernel without it refuses them, which is reported as well.
#[test]
fn x32_numbers() {
    const X32: i64 = 0x4000_0000;
    ways(&["mkdir", "writev"], |run| {
        let mut seen = run(&|notes: Notes| {
            let mut low = Low::new();
            let missing = low.text(c"/does/not/exist");
            notes.put(0, call!(X32 + libc::SYS_mkdir, missing, 0o700));
            let text = low.text(c"text");
            let pieces = low.words(&[text, 4]);
            notes.put(1, call!(X32 + 516, -1, pieces, 1));
        });
        said!(
            seen,
            "mkdir res={} path=/does/not/exist mode={}",
            seen.notes.get(0),
            0o700
        );
        said!(
            seen,
            "writev res={} data=text fd=-1 size=4",
            seen.notes.get(1)
        );
    });
}

/// An ELF program of 32 bits: it calls mkdir with a bad pointer, then exit.
fn small_program() -> Vec<u8> {
    let code = [
        &[0xb8, 39, 0, 0, 0, 0xbb, 8, 0, 0, 0, 0xcd, 0x80][..], // mov eax, 39; mov ebx, 8; int 0x80
        &[0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80], // mov eax, 1; xor ebx, ebx; int 0x80
    ]
    .concat();
    let (base, size) = (0x0804_8000_u32, 84 + code.len() as u32);
    let mut file = b"\x7fELF\x01\x01\x01".to_vec();
    file.resize(16, 0);
    // an executable for i386; the entry, one program header, no sections
    for half in [2_u16, 3, 1, 0] {
        file.extend(half.to_le_bytes());
    }
    for word in [base + 84, 52, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    for half in [52_u16, 32, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    // the one segment: all of the file, to be read and executed
    for word in [1, 0, base, base, size, size, 5, 0x1000] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code);
    file
}

/// They need no program on all calls.
#[test]
fn births_by_int_80() {
    let config = Config {
        births: true,
        foreign: Foreign::Never,
        calls: live::codes(&["execve"]),
        ..Config::default()
    };
    let Some(mut probe) = live::open_with(config) else {
        return;
    };
    if call_32(20, [0; 5]) == -i64::from(libc::ENOSYS) {
        return; // a kernel without the interface
    }
    let notes = Notes::new();
    let parent = call!(libc::SYS_fork);
    if parent == 0 {
        let flags = (libc::SIGCHLD | libc::CLONE_FS) as u32;
        for (index, (number, first)) in [(2, 0), (120, flags)].into_iter().enumerate() {
            let child = call_32(number, [first, 0, 0, 0, 0]);
            if child == 0 {
                exit(0);
            }
            notes.put(index, child);
            wait(child);
        }
        exit(0);
    }
    wait(parent);
    let children = [notes.get(0), notes.get(1)];
    let events = live::collect(&mut probe, &children);
    for (index, (name, flags)) in [("fork", "0x0"), ("clone", "CLONE_FS")]
        .into_iter()
        .enumerate()
    {
        let event = live::parse(&events[index][0]);
        assert_eq!(
            (event.info().name, event.i64(0), event.i64(4), event.i64(5)),
            (name, Some(0), Some(children[index]), Some(parent))
        );
        assert_eq!(
            live::names_of("clone", "flags", event.u32(15).unwrap()),
            flags
        );
    }
}

#[test]
fn watching_begins_with_the_first_32_bit_program() {
    // Where programs that are executed are asked for, another program notices.
    for calls in [&["mkdir"][..], &["mkdir", "execve"]] {
        begins_with_the_first_32_bit_program(calls);
    }
}

fn begins_with_the_first_32_bit_program(calls: &[&str]) {
    let Some(mut probe) = open(calls, How::PerCall, Foreign::Auto) else {
        return;
    };
    if probe.foreign() == Watch::On {
        return; // somebody runs one already
    }
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("small");
    std::fs::write(&program, small_program()).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).unwrap();
    let run = || {
        std::process::Command::new(&program)
            .spawn()
            .map(|mut child| child.wait())
    };
    if run().is_err() {
        return; // a kernel without the interface
    }
    let mut seen = 0;
    for _ in 0..50 {
        while let Next::Event(bytes) = probe.next(std::time::Duration::from_millis(20)) {
            let event = live::parse(bytes);
            seen += usize::from(
                event.info().name == "mkdir" && event.i64(0) == Some(-i64::from(libc::EFAULT)),
            );
        }
        if seen > 0 {
            break;
        }
        run().unwrap().unwrap();
    }
    assert_eq!(probe.foreign(), Watch::On);
    assert!(seen > 0);
}
