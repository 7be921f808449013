//! Names that change while the kernel works with them: every call on paths, held up by a file system that is a program (FUSE) or by a page
//! that a program supplies (userfaultfd), or raced by a second thread. The event is marked, or it tells what the kernel opened.
#![allow(unsafe_code, clippy::unwrap_used, clippy::print_stdout)]

#[path = "support/live.rs"]
mod live;

use std::{
    ffi::CString,
    fs::File,
    io::{Read, Write},
    os::{
        fd::{AsRawFd, FromRawFd},
        unix::fs::MetadataExt,
    },
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use falco_event::{Event, Trailer};
use falco_probe::{Config, Probe, RealPaths};
use live::{Notes, call};

const CWD: i64 = libc::AT_FDCWD as i64;

/// The calls, and each made with a name at that address.
type Attack = (&'static str, fn(u64) -> i64);

const ATTACKS: &[Attack] = &[
    ("open", |name| call!(libc::SYS_open, name, 0)),
    ("creat", |name| call!(libc::SYS_creat, name, 0o600)),
    ("openat", |name| call!(libc::SYS_openat, CWD, name, 0)),
    ("openat2", |name| {
        let how = [0_u64; 3];
        call!(libc::SYS_openat2, CWD, name, how.as_ptr(), 24)
    }),
    ("chdir", |name| call!(libc::SYS_chdir, name)),
    ("chroot", |name| call!(libc::SYS_chroot, name)),
    ("mkdir", |name| call!(libc::SYS_mkdir, name, 0o700)),
    ("mkdirat", |name| call!(libc::SYS_mkdirat, CWD, name, 0o700)),
    ("rmdir", |name| call!(libc::SYS_rmdir, name)),
    ("unlink", |name| call!(libc::SYS_unlink, name)),
    ("unlinkat", |name| call!(libc::SYS_unlinkat, CWD, name, 0)),
    ("link", |name| {
        call!(libc::SYS_link, name, c"/tmp/new".as_ptr())
    }),
    ("linkat", |name| {
        call!(libc::SYS_linkat, CWD, name, CWD, c"/tmp/new".as_ptr(), 0)
    }),
    ("symlink", |name| {
        call!(libc::SYS_symlink, c"target".as_ptr(), name)
    }),
    ("symlinkat", |name| {
        call!(libc::SYS_symlinkat, c"target".as_ptr(), CWD, name)
    }),
    ("rename", |name| call!(libc::SYS_rename, name, name)),
    ("renameat", |name| {
        call!(libc::SYS_renameat, CWD, name, CWD, name)
    }),
    ("renameat2", |name| {
        call!(libc::SYS_renameat2, CWD, name, CWD, name, 0)
    }),
    ("chmod", |name| call!(libc::SYS_chmod, name, 0o600)),
    ("fchmodat", |name| {
        call!(libc::SYS_fchmodat, CWD, name, 0o600)
    }),
    ("chown", |name| call!(libc::SYS_chown, name, 0, 0)),
    ("lchown", |name| call!(libc::SYS_lchown, name, 0, 0)),
    ("fchownat", |name| {
        call!(libc::SYS_fchownat, CWD, name, 0, 0, 0)
    }),
    ("mount", |name| {
        call!(libc::SYS_mount, c"/etc".as_ptr(), name, 0, libc::MS_BIND, 0)
    }),
    ("umount2", |name| call!(libc::SYS_umount2, name, 0)),
];

/// A probe that looks at all these names twice; `None` where there can be none, or no tracepoints of calls.
fn probe(real_paths: RealPaths) -> Option<Probe> {
    let names: Vec<&str> = ATTACKS.iter().map(|(name, _)| *name).collect();
    let calls = live::codes(&names);
    let probe = live::open_with(Config {
        compared: calls.clone(),
        calls,
        real_paths,
        ..Config::default()
    })?;
    let compared = probe.compared();
    if compared == 0 {
        println!("skipped: there are no tracepoints of calls");
        return None;
    }
    assert_eq!(compared, ATTACKS.len());
    Some(probe)
}

/// A page of memory that can be written.
fn page() -> *mut u8 {
    let (both, kind) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    );
    call!(libc::SYS_mmap, 0, 4096, both, kind, -1, 0) as *mut u8
}

/// Writes a text with its NUL.
fn write(place: *mut u8, text: &str) {
    for (at, byte) in text.bytes().chain([0]).enumerate() {
        // SAFETY: the place is a page of our own, larger than the text; the others that look at it are the kernel and the probe.
        unsafe { place.wrapping_add(at).write_volatile(byte) };
    }
}

/// Answers the kernel's questions about a file system in which nothing is, and before that does something.
fn serve(mut device: &File, before_lookup: impl Fn()) {
    let mut request = vec![0_u8; 1 << 16];
    while let Ok(length) = device.read(&mut request) {
        let word = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().unwrap());
        let mut answer = vec![0_u8; 16];
        answer[8..16].copy_from_slice(&request[8..16]);
        assert!(length >= 40);
        match word(4) {
            // FUSE_INIT: the version of the interface, and sizes
            26 => {
                answer.extend([0; 64]);
                answer[16..20].copy_from_slice(&7_u32.to_ne_bytes());
                answer[20..24].copy_from_slice(&31_u32.to_ne_bytes());
                answer[36..40].copy_from_slice(&4096_u32.to_ne_bytes());
            }
            // FUSE_GETATTR: of the root, a directory
            3 => {
                answer.extend([0; 104]);
                answer[32..40].copy_from_slice(&1_u64.to_ne_bytes());
                answer[92..96].copy_from_slice(&(libc::S_IFDIR | 0o777).to_ne_bytes());
                answer[96..100].copy_from_slice(&2_u32.to_ne_bytes());
            }
            // FUSE_FORGET and FUSE_BATCH_FORGET want no answer
            2 | 42 => continue,
            // FUSE_LOOKUP and whatever else
            code => {
                if code == 1 {
                    before_lookup();
                }
                let error = if code == 1 {
                    libc::ENOENT
                } else {
                    libc::ENOSYS
                };
                answer[4..8].copy_from_slice(&(-error).to_ne_bytes());
            }
        }
        let total = answer.len() as u32;
        answer[..4].copy_from_slice(&total.to_ne_bytes());
        let _ = device.write_all(&answer);
    }
}

/// The kernel has copied the name and looks for the file, when the name is overwritten.
#[test]
fn a_name_that_changes_while_its_file_is_looked_for() {
    let Some(mut probe) = probe(RealPaths::None) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap().to_owned();
    let place = CString::new(dir.clone()).unwrap();
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let device = File::options().read(true).write(true).open("/dev/fuse");
        let Ok(device) = device else {
            notes.put(0, -1);
            return;
        };
        // Gone with the child.
        call!(libc::SYS_unshare, libc::CLONE_NEWNS);
        call!(
            libc::SYS_mount,
            0,
            c"/".as_ptr(),
            0,
            libc::MS_PRIVATE | libc::MS_REC,
            0
        );
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0",
            device.as_raw_fd()
        );
        let options = CString::new(options).unwrap();
        let mounted = call!(
            libc::SYS_mount,
            c"stalling".as_ptr(),
            place.as_ptr(),
            c"fuse".as_ptr(),
            0,
            options.as_ptr()
        );
        notes.put(0, mounted);
        if mounted < 0 {
            return;
        }
        let (text, shown) = (format!("{dir}/secret"), format!("{dir}/banal_"));
        let memory = page() as usize;
        let server = device.try_clone().unwrap();
        std::thread::spawn(move || serve(&server, || write(memory as *mut u8, &shown)));
        for (index, (_, attack)) in ATTACKS.iter().enumerate() {
            write(memory as *mut u8, &text);
            notes.put(index + 1, attack(memory as u64));
        }
        // And one that nobody tampers with.
        write(memory as *mut u8, "/does/not/exist");
        call!(libc::SYS_unlink, memory);
    });
    if seen.notes.get(0) < 0 {
        println!("skipped: no FUSE here ({})", seen.notes.get(0));
        return;
    }
    for (index, (name, _)) in ATTACKS.iter().enumerate() {
        // The preparations were calls on names as well.
        let bytes = loop {
            let bytes = seen.take(name);
            if live::text(&bytes).contains("/banal_") {
                break bytes;
            }
        };
        let trailer = Event::parse(&bytes).unwrap().trailer();
        assert!(
            trailer.is_changed() && !trailer.is_unseen() && !trailer.is_ring(),
            "{name} gave {}: {}",
            seen.notes.get(index + 1),
            live::text(&bytes)
        );
    }
    let plain = seen.take("unlink");
    assert!(live::text(&plain).ends_with("path=/does/not/exist"));
    assert_eq!(Event::parse(&plain).unwrap().trailer(), Trailer::default());
}

/// `userfaultfd`: the name is not in memory when the call begins, and another thread says what it is when the kernel asks.
#[test]
fn a_name_that_comes_when_the_kernel_asks() {
    let Some(mut probe) = probe(RealPaths::None) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let fd = call!(libc::SYS_userfaultfd, libc::O_CLOEXEC);
        notes.put(0, fd);
        if fd < 0 {
            return;
        }
        // SAFETY: the descriptor is ours alone.
        let mut device = unsafe { File::from_raw_fd(fd as i32) };
        let ioctl = |command: u64, words: &mut [u64]| {
            call!(libc::SYS_ioctl, fd, command, words.as_mut_ptr())
        };
        notes.put(0, ioctl(0xc018_aa3f, &mut [0xaa, 0, 0])); // UFFDIO_API
        let memory = page() as u64;
        // UFFDIO_REGISTER: what is missing is asked for
        notes.put(1, ioctl(0xc020_aa00, &mut [memory, 4096, 1, 0]));
        let source = page();
        write(source, "/does/not/exist");
        let source = source as u64;
        std::thread::spawn(move || {
            let mut message = [0; 32];
            while device.read(&mut message).is_ok() {
                let mut copy = [memory, source, 4096, 0, 0];
                call!(
                    libc::SYS_ioctl,
                    device.as_raw_fd(),
                    0xc028_aa03_u64,
                    copy.as_mut_ptr()
                );
            }
        });
        for (index, (_, attack)) in ATTACKS.iter().enumerate() {
            call!(libc::SYS_madvise, memory, 4096, libc::MADV_DONTNEED);
            notes.put(index + 2, attack(memory));
        }
    });
    if seen.notes.get(0) < 0 {
        println!("skipped: no userfaultfd here ({})", seen.notes.get(0));
        return;
    }
    for (name, _) in ATTACKS {
        let bytes = seen.take(name);
        let (text, trailer) = (live::text(&bytes), Event::parse(&bytes).unwrap().trailer());
        assert!(text.contains("/does/not/exist"), "{text}");
        assert!(trailer.is_unseen() && !trailer.is_changed(), "{text}");
    }
}

/// A second thread writes one name over the other all the time: where the event shows another name than that of the file, the path beside it
/// is the file's, and most of these are marked, too.
#[test]
fn a_thread_that_races_opens() {
    let Some(mut probe) = probe(RealPaths::Opened) else {
        return;
    };
    const TRIES: usize = 20_000;
    const TIME: Duration = Duration::from_secs(2);
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    let [good, evil] = ["goodname", "evilname"].map(|name| dir.join(name));
    std::fs::write(&good, "x").unwrap();
    std::fs::write(&evil, "x").unwrap();
    let evil_ino = evil.metadata().unwrap().ino();
    let dir = dir.to_str().unwrap().to_owned();
    let seen = live::in_child(&mut probe, |_| {
        let memory = page();
        write(memory, &format!("{dir}/goodname"));
        let place = memory as usize + dir.len() + 1;
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    for word in [*b"evilname", *b"goodname"].map(u64::from_ne_bytes) {
                        // SAFETY: within the page; torn at worst.
                        unsafe { (place as *mut u64).write_unaligned(word) };
                        std::hint::spin_loop();
                    }
                }
            });
            let start = Instant::now();
            // An emulated machine makes fewer.
            for _ in (0..TRIES).take_while(|_| start.elapsed() < TIME) {
                let fd = call!(libc::SYS_openat, CWD, memory, 0);
                call!(libc::SYS_close, fd);
            }
            stop.store(true, Ordering::Relaxed);
        });
    });
    let (mut lies, mut marked) = (0, 0);
    for bytes in &seen.events {
        let event = Event::parse(bytes).unwrap();
        if event.info().name != "openat" || event.i64(0).unwrap() < 0 {
            continue;
        }
        let (name, ino) = (event.str(2).unwrap(), event.u64(6).unwrap());
        let real = event.trailer().path().unwrap();
        let is_evil = ino == evil_ino;
        assert!(real.ends_with(if is_evil { b"evilname" } else { b"goodname" }));
        if name != real {
            lies += 1;
            marked += usize::from(event.trailer().is_changed());
        }
    }
    println!("{lies} of at most {TRIES} opens show another name, {marked} of them are marked");
}
