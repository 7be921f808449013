//! The ways to reach a file by another name, and names that are hard to read: what is reported is the name that was passed, and the
//! device and inode of what the kernel opened.
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "support/live.rs"]
mod live;

use std::{
    ffi::{CStr, CString},
    os::unix::{ffi::OsStrExt, fs::MetadataExt, fs::symlink},
    path::Path,
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

/// A pipe holds its reader until there is a writer: meanwhile the memory of the name is taken away. The kernel had read it, we cannot:
/// its own path takes the place.
#[test]
fn a_name_that_is_gone_when_the_call_ends() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().canonicalize().unwrap().join("pipe");
    let pipe = pipe.to_str().unwrap().to_owned();
    let name = CString::new(pipe.clone()).unwrap();
    let before = probe.stats().unreadable;
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        call!(libc::SYS_mknod, name.as_ptr(), libc::S_IFIFO | 0o600, 0);
        let (both, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        let page = call!(libc::SYS_mmap, 0, 4096, both, kind, -1, 0);
        let bytes = name.as_bytes_with_nul();
        // SAFETY: a page of our own, larger than the name.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), page as *mut u8, bytes.len()) };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(100));
                call!(libc::SYS_munmap, page, 4096);
                call!(libc::SYS_open, name.as_ptr(), libc::O_WRONLY, 0);
            });
            notes.put(0, call!(libc::SYS_openat, CWD, page, 0, 0));
        });
    });
    let fd = seen.notes.get(0);
    live::said!(
        seen,
        "openat fd={fd} dirfd=-100 name={pipe} flags=O_RDONLY mode=0 dev=_ ino=_"
    );
    assert!(fd >= 0 && probe.stats().unreadable > before);
}
