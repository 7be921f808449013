//! The kernel's iterators tell the same of the machine as `/proc`. Needs root, BTF and the iterators.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says when it is skipped"
)]

use std::{
    collections::BTreeMap,
    fs::File,
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::net::UnixListener,
    path::Path,
    process::{Command, Stdio},
};

use falco_sources::probe;
use falco_state::{Fd, FdKind, State, Thread};

/// What must be the same of a thread, by name.
fn facts(state: &State, thread: &Thread) -> BTreeMap<&'static str, String> {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let image = &thread.image;
    let main = state.threads.main(thread).unwrap();
    BTreeMap::from([
        (
            "ids",
            format!("{:?}", (thread.tid, thread.pid, thread.ptid)),
        ),
        (
            "groups",
            format!("{:?}", (thread.sid, thread.pgid, thread.vpgid)),
        ),
        ("inner ids", format!("{:?}", (thread.vtid, thread.vpid))),
        (
            "namespace",
            thread.pidns_start_ns.abs_diff(state.boot_ns).to_string(),
        ),
        (
            "users",
            format!("{:?}", (thread.uid, thread.gid, thread.loginuid)),
        ),
        (
            "capabilities",
            format!(
                "{:?}",
                (
                    thread.cap_inheritable,
                    thread.cap_permitted,
                    thread.cap_effective
                )
            ),
        ),
        ("comm", text(&image.comm)),
        ("exe", text(&image.exe)),
        ("args", text(&image.args)),
        ("exepath", text(&image.exepath)),
        (
            "executable",
            format!(
                "{:?}",
                (
                    image.exe_ino,
                    image.exe_ino_ctime_ns,
                    image.exe_ino_mtime_ns
                )
            ),
        ),
        ("env", text(state.threads.env(thread))),
        ("cwd", text(&main.cwd)),
        ("root", text(&thread.root)),
        (
            "limit and terminal",
            format!("{:?}", (thread.fd_limit, thread.tty, thread.flags)),
        ),
    ])
}

/// What must be the same of a descriptor. The kernel's addresses of unix sockets are not in `/proc`.
fn describe(fd: &Fd) -> String {
    let mut fd = fd.clone();
    if let FdKind::Unix { source, .. } = &mut fd.kind {
        *source = 0;
    }
    fd.connected = false;
    format!("{fd:?}")
}

#[test]
fn iterators_and_proc_agree() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("open");
    let _file = File::create(&path).unwrap();
    let _directory = File::open(folder.path()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let _six = TcpListener::bind("[::1]:0");
    let _udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let _unix = UnixListener::bind(folder.path().join("socket")).unwrap();
    let (stop, waits) = std::sync::mpsc::channel::<()>();
    let other = std::thread::Builder::new().name("another".into());
    let other = other.spawn(move || waits.recv().is_ok()).unwrap();
    let mut child = Command::new("sh")
        .args(["-c", "read line", "three words here"])
        .env("MARK", "of the child")
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));

    let from_proc = State::live(Path::new("/")).unwrap();
    let (dumped, why) =
        State::live_from(Path::new("/"), |take| probe::Dump::load()?.read(take)).unwrap();
    drop((child.stdin.take(), stop));
    child.wait().unwrap();
    other.join().unwrap();
    if let Some(cause) = why {
        println!("skipped: {cause}");
        return;
    }
    dumped.threads.verify().unwrap();

    let (ours, childs) = (i64::from(std::process::id()), i64::from(child.id()));
    let mut names = Vec::new();
    for thread in from_proc.threads.iter() {
        if thread.pid != ours && thread.pid != childs {
            continue;
        }
        // The thread that the test runs in ends and begins as it likes; those of the test do not.
        let theirs = dumped.threads.by_tid(thread.tid).unwrap();
        names.push(String::from_utf8_lossy(&theirs.image.comm).into_owned());
        assert_eq!(facts(&dumped, theirs), facts(&from_proc, thread));
        let tick_ns = 20_000_000;
        assert!(
            theirs.clone_ns.abs_diff(thread.clone_ns) <= tick_ns,
            "start of {}",
            thread.tid
        );
    }
    assert!(names.iter().any(|name| name == "another"), "{names:?}");
    assert!(names.iter().any(|name| name == "sh"), "{names:?}");

    let mut kinds = 0;
    for pid in [ours, childs] {
        let table = |state: &State| -> BTreeMap<i64, String> {
            let fds = &state.threads.by_tid(pid).unwrap().fds;
            // The scans themselves have open what the other has not.
            let scans =
                |fd: &Fd| fd.name.starts_with(b"/proc") || fd.name.starts_with(b"anon_inode:b");
            fds.iter()
                .filter(|(_, fd)| !scans(fd))
                .map(|(number, fd)| (number, describe(fd)))
                .collect()
        };
        let (theirs, ours) = (table(&dumped), table(&from_proc));
        for (number, fd) in &ours {
            assert_eq!(theirs.get(number), Some(fd), "descriptor {number} of {pid}");
            kinds += 1;
        }
    }
    assert!(kinds >= 9, "only {kinds} descriptors compared");
}
