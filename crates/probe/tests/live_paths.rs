//! The ways to reach a file by another name, and names that are hard to read: what is reported is the name that was passed, and the
//! device and inode of what the kernel opened.
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "support/live.rs"]
mod live;

use std::{
    ffi::{CStr, CString},
    os::unix::{ffi::OsStrExt, fs::MetadataExt, fs::symlink},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use live::{Notes, call};

const CALLS: &[&str] = &["openat"];

const CWD: i64 = libc::AT_FDCWD as i64;

/// Opens a name in a child, whose calls come from the directory, and says what was reported: the name's bytes, device and inode.
fn opened(dir: &Path, dirfd: i64, name: &CStr) -> (Vec<u8>, u64) {
    let mut probe = live::probe(CALLS).unwrap();
    let dir = CString::new(dir.as_os_str().as_bytes()).unwrap();
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        call!(libc::SYS_chdir, dir.as_ptr());
        notes.put(0, call!(libc::SYS_openat, dirfd, name.as_ptr(), 0, 0));
    });
    let bytes = seen.take("openat");
    let event = live::parse(&bytes);
    assert!(
        seen.notes.get(0) >= 0 && event.i64(0) == Some(seen.notes.get(0)),
        "{name:?}: {}",
        live::text(&bytes)
    );
    (event.param(2).unwrap().to_vec(), event.u64(6).unwrap())
}

#[test]
fn other_ways_to_a_file() {
    if live::probe(CALLS).is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir(at("real")).unwrap();
    std::fs::create_dir(at("real/deeper")).unwrap();
    std::fs::write(at("real/secret"), "x").unwrap();
    symlink("real/secret", at("link")).unwrap();
    symlink("real", at("folder")).unwrap();
    symlink("real/deeper", at("jump")).unwrap();
    symlink("link", at("chain0")).unwrap();
    for index in 1..38 {
        symlink(format!("chain{}", index - 1), at(&format!("chain{index}"))).unwrap();
    }
    std::fs::hard_link(at("real/secret"), at("hard")).unwrap();
    let secret = std::fs::metadata(at("real/secret")).unwrap().ino();
    let whole = dir.path().to_str().unwrap();
    // A descriptor of the place itself, which leads to the file by /proc.
    let place = CString::new(format!("{whole}/real/secret")).unwrap();
    // SAFETY: the name ends with a NUL; the descriptor is left open for the children.
    let handle = unsafe { libc::open(place.as_ptr(), libc::O_PATH) };
    let folder = CString::new(format!("{whole}/real")).unwrap();
    // SAFETY: as above.
    let dirfd = unsafe { libc::open(folder.as_ptr(), libc::O_PATH) };
    let names = [
        (CWD, "link".to_owned()),
        (CWD, "folder/secret".into()),
        (CWD, "jump/../secret".into()),
        (CWD, "chain37".into()),
        (CWD, "hard".into()),
        (CWD, "real//secret".into()),
        (CWD, "./real/deeper/./../secret".into()),
        (CWD, format!("/proc/self/root{whole}/real/secret")),
        (CWD, format!("/proc/self/fd/{handle}")),
        (CWD, format!("/dev/fd/{dirfd}/../real/secret")),
        (i64::from(dirfd), "secret".into()),
        (i64::from(dirfd), "../link".into()),
    ];
    for (dirfd, name) in names {
        let passed = CString::new(name.clone()).unwrap();
        let (reported, ino) = opened(dir.path(), dirfd, &passed);
        assert_eq!(reported, passed.to_bytes_with_nul(), "{name}");
        assert_eq!(ino, secret, "{name}");
    }
}

#[test]
fn names_that_are_hard_to_read() {
    if live::probe(CALLS).is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let long = [b"./".repeat(2042), b"odd".to_vec()].concat();
    for name in [
        b"new\nline".to_vec(),
        b"\xff\xfe not UTF-8 \x80".to_vec(),
        b"\x1b[31mred".to_vec(),
        b" ".to_vec(),
        vec![b'n'; 255],
        long,
    ] {
        let path = dir.path().join(std::ffi::OsStr::from_bytes(
            name.strip_prefix(b"./").map_or(&name[..], |_| b"odd"),
        ));
        std::fs::write(&path, "x").unwrap();
        let passed = CString::new(name).unwrap();
        let (reported, ino) = opened(dir.path(), CWD, &passed);
        assert_eq!(reported, passed.to_bytes_with_nul());
        assert_eq!(ino, std::fs::metadata(&path).unwrap().ino());
    }
}

/// A name whose memory is taken away again and again: where the kernel could read it and we cannot, its own path takes the place.
#[test]
fn a_name_that_is_gone_when_the_call_ends() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    let target = dir.join("target").to_str().unwrap().to_owned();
    std::fs::write(&target, format!("{target}\0")).unwrap();
    let file = CString::new(target.clone()).unwrap();
    const ROUNDS: i64 = 300;
    let mut seen = live::in_child(&mut probe, |_| {
        // The file holds its own name: what is dropped from memory is read again when the kernel looks there.
        let fd = call!(libc::SYS_open, file.as_ptr(), 0, 0);
        let place = call!(
            libc::SYS_mmap,
            0,
            4096,
            libc::PROT_READ,
            libc::MAP_PRIVATE,
            fd,
            0
        );
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    call!(libc::SYS_madvise, place, 4096, libc::MADV_DONTNEED);
                }
            });
            for _ in 0..ROUNDS {
                let fd = call!(libc::SYS_openat, libc::AT_FDCWD, place, 0, 0);
                call!(libc::SYS_close, fd);
            }
            stop.store(true, Ordering::Relaxed);
        });
    });
    for _ in 0..ROUNDS {
        let text = live::text(&seen.take("openat"));
        assert!(text.contains(&format!(" name={target} ")), "{text}");
    }
}
