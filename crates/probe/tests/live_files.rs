//! Calls on files and paths, made for real.
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "support/live.rs"]
mod live;

use std::{ffi::CString, os::unix::fs::MetadataExt};

use libc::AT_FDCWD;
use live::{Notes, call, ptr, said};

const CALLS: &[&str] = &[
    "open",
    "openat",
    "openat2",
    "creat",
    "close",
    "chdir",
    "fchdir",
    "getcwd",
    "mkdir",
    "mkdirat",
    "rmdir",
    "unlink",
    "unlinkat",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "rename",
    "renameat",
    "renameat2",
    "chmod",
    "fchmod",
    "fchmodat",
    "chown",
    "lchown",
    "fchown",
    "fchownat",
    "mount",
    "umount2",
    "chroot",
    "open_by_handle_at",
    "stat",
    "lstat",
    "fstat",
    "newfstatat",
    "access",
    "mknod",
    "mknodat",
    "fsconfig",
];

const ENOENT: i32 = -libc::ENOENT;

/// The end of the events of the open family: the device packed in 32 bits as stat(2) does, the inode.
fn place(path: &str) -> String {
    let meta = std::fs::metadata(path).unwrap();
    let (major, minor) = (libc::major(meta.dev()), libc::minor(meta.dev()));
    let dev = (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12);
    format!("dev={dev} ino={}", meta.ino())
}

/// A directory of our own, its path as text and for calls.
fn directory() -> (tempfile::TempDir, String, CString) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir
        .path()
        .canonicalize()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let c_path = CString::new(path.clone()).unwrap();
    (dir, path, c_path)
}

#[test]
fn opening_and_closing() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let (_dir, dir, c_dir) = directory();
    let how: [u64; 3] = [libc::O_CLOEXEC as u64, 0, 0x08];
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        call!(libc::SYS_chdir, ptr(&c_dir));
        notes.put(
            0,
            call!(libc::SYS_open, ptr(c"/etc/passwd"), libc::O_RDONLY, 0),
        );
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
        notes.put(
            1,
            call!(libc::SYS_openat, AT_FDCWD, ptr(c"new"), flags, 0o640),
        );
        notes.put(
            2,
            call!(libc::SYS_openat2, AT_FDCWD, ptr(c"new"), how.as_ptr(), 24),
        );
        call!(
            libc::SYS_openat2,
            notes.get(0),
            ptr(c"etc/passwd"),
            how.as_ptr(),
            24
        );
        notes.put(3, call!(libc::SYS_creat, ptr(c"new"), 0o600));
        call!(
            libc::SYS_open,
            ptr(c"/does/not/exist"),
            libc::O_WRONLY | libc::O_APPEND | libc::O_TRUNC,
            0
        );
        notes.put(
            4,
            call!(
                libc::SYS_open,
                ptr(c"/etc"),
                libc::O_DIRECTORY | libc::O_NONBLOCK,
                0
            ),
        );
        call!(libc::SYS_close, notes.get(1));
        call!(libc::SYS_close, 12345);
    });
    let fd: Vec<i64> = (0..5).map(|index| seen.notes.get(index)).collect();
    let (passwd, new, etc) = (
        place("/etc/passwd"),
        place(&format!("{dir}/new")),
        place("/etc"),
    );
    said!(
        seen,
        "open fd={} name=/etc/passwd flags=O_RDONLY mode=0 {passwd}",
        fd[0]
    );
    said!(
        seen,
        "openat fd={} dirfd=-100 name=new flags=O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC|O_F_CREATED mode=640 {new}",
        fd[1]
    );
    said!(
        seen,
        "openat2 fd={} dirfd=-100 name=new flags=O_RDONLY|O_CLOEXEC mode=0 resolve=RESOLVE_BENEATH {new}",
        fd[2]
    );
    said!(
        seen,
        "openat2 fd={} dirfd={} name=etc/passwd flags=O_RDONLY|O_CLOEXEC mode=0 resolve=RESOLVE_BENEATH dev=0 ino=0",
        -libc::ENOTDIR,
        fd[0]
    );
    said!(
        seen,
        "creat fd={} name=new mode=600 {new} creat_flags=0x0",
        fd[3]
    );
    said!(
        seen,
        "open fd={ENOENT} name=/does/not/exist flags=O_WRONLY|O_APPEND|O_TRUNC mode=0 dev=0 ino=0"
    );
    said!(
        seen,
        "open fd={} name=/etc flags=O_RDONLY|O_NONBLOCK|O_DIRECTORY|O_TMPFILE mode=0 {etc}",
        fd[4]
    );
    said!(seen, "close res=0 fd={}", fd[1]);
    said!(seen, "close res={} fd=12345", -libc::EBADF);
}

/// `struct file_handle` with room for what a file system puts into it.
#[repr(C)]
struct Handle {
    bytes: u32,
    kind: i32,
    data: [u8; 128],
}

#[test]
fn opening_by_handle_tells_the_path() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let (_dir, dir, _) = directory();
    let deep = format!("{dir}/{}file", "a/b c/".repeat(20));
    std::fs::create_dir_all(deep.rsplit_once('/').unwrap().0).unwrap();
    std::fs::write(&deep, "").unwrap();
    let path = CString::new(deep.clone()).unwrap();
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let mut handle = Handle {
            bytes: 128,
            kind: 0,
            data: [0; 128],
        };
        let mut mount = 0_i32;
        let mounted = call!(libc::SYS_open, ptr(c"/"), libc::O_PATH, 0);
        let named = call!(
            libc::SYS_name_to_handle_at,
            AT_FDCWD,
            ptr(&path),
            &raw mut handle,
            &raw mut mount,
            0
        );
        notes.put(0, mounted);
        notes.put(1, named);
        call!(libc::SYS_open, ptr(&path), libc::O_RDONLY, 0); // keeps the way to it in memory
        notes.put(
            2,
            call!(
                libc::SYS_open_by_handle_at,
                AT_FDCWD,
                &raw const handle,
                libc::O_RDWR
            ),
        );
        call!(
            libc::SYS_open_by_handle_at,
            -1,
            &raw const handle,
            libc::O_RDWR
        );
    });
    let fd = seen.notes.get(2);
    if fd >= 0 {
        let shown = deep.replace(' ', "\\s");
        said!(
            seen,
            "open_by_handle_at fd={fd} mountfd=-100 flags=O_RDWR path={shown} {}",
            place(&deep)
        );
        said!(
            seen,
            "open_by_handle_at fd={} mountfd=-1 flags=O_RDWR path=- dev=0 ino=0",
            -libc::EBADF
        );
    } else {
        said!(
            seen,
            "open_by_handle_at fd={fd} mountfd=-100 flags=O_RDWR path=- dev=0 ino=0"
        );
    }
}

#[test]
fn directories_and_links() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let (_dir, dir, c_dir) = directory();
    let at = AT_FDCWD;
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        call!(libc::SYS_chdir, ptr(&c_dir));
        let fd = notes.put(0, call!(libc::SYS_open, ptr(&c_dir), libc::O_RDONLY, 0));
        call!(libc::SYS_fchdir, fd);
        let mut path = [0_u8; 512];
        call!(libc::SYS_getcwd, path.as_mut_ptr(), path.len());
        call!(libc::SYS_getcwd, path.as_mut_ptr(), 1);
        call!(libc::SYS_mkdir, ptr(c"one"), 0o700);
        call!(libc::SYS_mkdirat, fd, ptr(c"two"), 0o750);
        call!(libc::SYS_rmdir, ptr(c"two"));
        call!(libc::SYS_creat, ptr(c"file"), 0o600);
        call!(libc::SYS_link, ptr(c"file"), ptr(c"hard"));
        call!(
            libc::SYS_linkat,
            fd,
            ptr(c"file"),
            at,
            ptr(c"hard2"),
            libc::AT_SYMLINK_FOLLOW
        );
        call!(libc::SYS_symlink, ptr(c"/etc/shadow"), ptr(c"soft"));
        call!(libc::SYS_symlinkat, ptr(c"/etc/passwd"), fd, ptr(c"soft2"));
        call!(libc::SYS_rename, ptr(c"hard"), ptr(c"hard3"));
        call!(libc::SYS_renameat, fd, ptr(c"hard2"), at, ptr(c"hard4"));
        call!(libc::SYS_renameat2, at, ptr(c"hard4"), fd, ptr(c"hard5"), 1);
        call!(libc::SYS_unlink, ptr(c"soft"));
        call!(libc::SYS_unlinkat, fd, ptr(c"one"), libc::AT_REMOVEDIR);
        call!(libc::SYS_unlinkat, at, ptr(c"missing"), 0);
        call!(libc::SYS_unlink, 0);
        call!(libc::SYS_unlink, ptr(c""));
    });
    let fd = seen.notes.get(0);
    said!(seen, "chdir res=0 path={dir}");
    said!(seen, "fchdir res=0 fd={fd}");
    said!(seen, "getcwd res={} path={dir}", dir.len() + 1);
    said!(seen, "getcwd res={} path=-", -libc::ERANGE);
    said!(seen, "mkdir res=0 path=one mode={}", 0o700);
    said!(seen, "mkdirat res=0 dirfd={fd} path=two mode={}", 0o750);
    said!(seen, "rmdir res=0 path=two");
    said!(seen, "link res=0 oldpath=file newpath=hard");
    said!(
        seen,
        "linkat res=0 olddir={fd} oldpath=file newdir=-100 newpath=hard2 flags=AT_SYMLINK_FOLLOW"
    );
    said!(seen, "symlink res=0 target=/etc/shadow linkpath=soft");
    said!(
        seen,
        "symlinkat res=0 target=/etc/passwd linkdirfd={fd} linkpath=soft2"
    );
    said!(seen, "rename res=0 oldpath=hard newpath=hard3");
    said!(
        seen,
        "renameat res=0 olddirfd={fd} oldpath=hard2 newdirfd=-100 newpath=hard4"
    );
    said!(
        seen,
        "renameat2 res=0 olddirfd=-100 oldpath=hard4 newdirfd={fd} newpath=hard5 flags=RENAME_NOREPLACE"
    );
    said!(seen, "unlink res=0 path=soft");
    said!(
        seen,
        "unlinkat res=0 dirfd={fd} name=one flags=AT_REMOVEDIR"
    );
    said!(
        seen,
        "unlinkat res={ENOENT} dirfd=-100 name=missing flags=0x0"
    );
    said!(seen, "unlink res={} path=-", -libc::EFAULT);
    said!(seen, "unlink res={ENOENT} path=");
}

#[test]
fn modes_owners_and_mounts() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let (_dir, _, c_dir) = directory();
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        call!(libc::SYS_chdir, ptr(&c_dir));
        let dir = notes.put(0, call!(libc::SYS_open, ptr(&c_dir), libc::O_RDONLY, 0));
        let fd = notes.put(1, call!(libc::SYS_creat, ptr(c"file"), 0o600));
        call!(libc::SYS_chmod, ptr(c"file"), 0o4755);
        call!(libc::SYS_fchmod, fd, 0o1644);
        call!(libc::SYS_fchmodat, dir, ptr(c"file"), 0o2600);
        call!(libc::SYS_chown, ptr(c"file"), 7, 8);
        call!(libc::SYS_lchown, ptr(c"file"), 9, 10);
        call!(libc::SYS_fchown, fd, 11, u32::MAX);
        call!(
            libc::SYS_fchownat,
            dir,
            ptr(c"file"),
            12,
            13,
            libc::AT_EMPTY_PATH
        );
        let none = ptr(c"/does/not/exist");
        call!(
            libc::SYS_mount,
            ptr(c"none"),
            none,
            ptr(c"tmpfs"),
            libc::MS_MGC_VAL | libc::MS_NOSUID | libc::MS_RDONLY,
            0
        );
        call!(libc::SYS_umount2, none, libc::MNT_DETACH);
        call!(libc::SYS_chroot, ptr(c"/"));
    });
    let (dir, fd) = (seen.notes.get(0), seen.notes.get(1));
    said!(seen, "chmod res=0 filename=file mode=4755");
    said!(seen, "fchmod res=0 fd={fd} mode=1644");
    said!(seen, "fchmodat res=0 dirfd={dir} filename=file mode=2600");
    said!(seen, "chown res=0 path=file uid=7 gid=8");
    said!(seen, "lchown res=0 path=file uid=9 gid=10");
    said!(seen, "fchown res=0 fd={fd} uid=11 gid={}", u32::MAX);
    said!(
        seen,
        "fchownat res=0 dirfd={dir} pathname=file uid=12 gid=13 flags=AT_EMPTY_PATH"
    );
    said!(
        seen,
        "mount res={ENOENT} dev=none dir=/does/not/exist type=tmpfs flags=RDONLY|NOSUID"
    );
    said!(
        seen,
        "umount2 res={ENOENT} name=/does/not/exist flags=DETACH"
    );
    said!(seen, "chroot res=0 path=/");
}

#[test]
fn looking_and_making() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let (_dir, dir, path) = directory();
    let (fifo, null) = (
        CString::new(format!("{dir}/fifo")).unwrap(),
        CString::new(format!("{dir}/null")).unwrap(),
    );
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let mut stat = [0_u64; 32];
        let into = stat.as_mut_ptr();
        call!(libc::SYS_stat, ptr(&path), into);
        call!(libc::SYS_lstat, ptr(c"/does/not/exist"), into);
        let fd = notes.put(0, call!(libc::SYS_open, ptr(&path), libc::O_PATH));
        call!(libc::SYS_fstat, fd, into);
        call!(libc::SYS_fstat, -1, into);
        call!(
            libc::SYS_newfstatat,
            fd,
            ptr(c""),
            into,
            libc::AT_EMPTY_PATH | libc::AT_SYMLINK_NOFOLLOW
        );
        call!(libc::SYS_access, ptr(&path), libc::R_OK | libc::X_OK);
        call!(libc::SYS_access, ptr(c"/does/not/exist"), libc::F_OK);
        call!(libc::SYS_mknod, ptr(&fifo), libc::S_IFIFO | 0o640, 0);
        let device = libc::makedev(1, 3);
        let kind = libc::S_IFCHR | 0o600;
        notes.put(
            1,
            call!(libc::SYS_mknodat, AT_FDCWD, ptr(&null), kind, device),
        );
        call!(libc::SYS_mknod, ptr(&fifo), 0o600, 0);
        let context = notes.put(2, call!(libc::SYS_fsopen, ptr(c"tmpfs"), 0));
        call!(libc::SYS_fsconfig, context, 1, ptr(c"size"), ptr(c"1M"), 0);
        notes.put(3, call!(libc::SYS_fsconfig, context, 0, ptr(c"ro"), 0, 0));
        notes.put(
            4,
            call!(libc::SYS_fsconfig, 99, 2, ptr(c"key"), ptr(c"value"), 5),
        );
    });
    let (fd, made, context) = (seen.notes.get(0), seen.notes.get(1), seen.notes.get(2));
    let (ebadf, eexist) = (-libc::EBADF, -libc::EEXIST);
    said!(seen, "stat res=0 path={dir}");
    said!(seen, "lstat res={ENOENT} path=/does/not/exist");
    said!(seen, "fstat res=0 fd={fd}");
    said!(seen, "fstat res={ebadf} fd=-1");
    said!(
        seen,
        "newfstatat res=0 dirfd={fd} path= flags=AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH"
    );
    said!(seen, "access res=0 name={dir} mode=X_OK|R_OK");
    said!(seen, "access res={ENOENT} name=/does/not/exist mode=F_OK");
    said!(seen, "mknod res=0 path={dir}/fifo mode=10640 dev=0");
    // The device as the kernel would number it: what the caller passed has the parts elsewhere.
    said!(
        seen,
        "mknodat res={made} dirfd=-100 path={dir}/null mode=20600 dev={}",
        (0x103 & 0xff) | (0x103 & !0xff) << 12
    );
    said!(seen, "mknod res={eexist} path={dir}/fifo mode=100600 dev=0");
    said!(
        seen,
        "fsconfig res=0 fd={context} cmd=FSCONFIG_SET_STRING key=size value_bytebuf=- value_charbuf=1M aux=0"
    );
    said!(
        seen,
        "fsconfig res={} fd={context} cmd=FSCONFIG_SET_FLAG key=ro value_bytebuf=- value_charbuf=- aux=0",
        seen.notes.get(3)
    );
    said!(
        seen,
        "fsconfig res={} fd=99 cmd=FSCONFIG_SET_BINARY key=key value_bytebuf=- value_charbuf=- aux=5",
        seen.notes.get(4)
    );
}
