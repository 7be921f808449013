//! The life of processes, for real: fork, clone, exec, exit.
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "support/live.rs"]
mod live;

use std::{
    ffi::CString,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    ptr::null,
};

use falco_probe::{Config, How};
use live::{Notes, call, exit, ptr, said, wait};

const CALLS: &[&str] = &[
    "execve",
    "execveat",
    "fork",
    "vfork",
    "clone",
    "clone3",
    "setresuid",
    "setresgid",
    "setgroups",
    "memfd_create",
];

/// Starts a process without libc's handlers; 0 in the child.
fn fork() -> i64 {
    call!(libc::SYS_fork)
}

/// The same by another call: fork, clone, clone3.
fn fork_by(index: usize) -> i64 {
    let flags = libc::SIGCHLD | libc::CLONE_FS | libc::CLONE_FILES;
    let clone3 = [0_u64, 0, 0, 0, libc::SIGCHLD as u64, 0, 0, 0];
    match index {
        0 => fork(),
        1 => call!(libc::SYS_clone, flags, 0, 0, 0, 0),
        _ => call!(libc::SYS_clone3, clone3.as_ptr(), 64),
    }
}

/// The thread that forks: on the wire it is the parent, not its process.
fn thread() -> i64 {
    call!(libc::SYS_gettid)
}

/// Our argv[0] and the rest of our arguments, as a child inherits them, escaped; absent is `-`.
fn own_args() -> (String, String) {
    let all = fs::read("/proc/self/cmdline").unwrap();
    let text = all
        .escape_ascii()
        .to_string()
        .replace(' ', "\\s")
        .replace("\\x00", "\\0");
    let (exe, args) = text.split_once("\\0").unwrap();
    (
        exe.to_owned(),
        if args.is_empty() {
            "-".into()
        } else {
            args.to_owned()
        },
    )
}

/// The name of this thread.
fn comm() -> String {
    let mut name = [0_u8; 16];
    call!(libc::SYS_prctl, libc::PR_GET_NAME, name.as_mut_ptr());
    String::from_utf8_lossy(&name)
        .trim_end_matches('\0')
        .to_owned()
}

fn limit() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the memory for the answer lives across the call.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit.rlim_cur
}

/// A number of /proc/self/status.
fn status(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .unwrap();
    u64::from_str_radix(value.trim(), 16).unwrap()
}

/// Holds the control groups of an event against /proc: of a hierarchy of its own exactly, of the unified one the group or one above.
fn check_cgroups(bytes: &[u8], index: usize) {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let groups = live::parse(bytes)
        .param(index)
        .unwrap()
        .strip_suffix(b"\0")
        .unwrap();
    let mut names = Vec::new();
    for group in String::from_utf8_lossy(groups).split('\0') {
        let (name, path) = group.split_once('=').unwrap();
        let controller = if name == "io" { "blkio" } else { name };
        let path_of = |wanted: &dyn Fn(&str) -> bool| {
            own.lines().find_map(|line| {
                let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
                wanted(controllers).then_some(path)
            })
        };
        let unified = path_of(&str::is_empty).unwrap_or("/");
        let exact = path_of(&|controllers| controllers.split(',').any(|known| known == controller));
        let fits = exact.map_or(unified.starts_with(path), |exact| exact == path);
        assert!(
            fits && path.starts_with('/'),
            "{group}, not {exact:?} or {unified}"
        );
        names.push(name.to_owned());
    }
    let order = ["cpuset", "cpu", "cpuacct", "io", "memory"];
    let expected: Vec<_> = order
        .iter()
        .filter(|name| names.iter().any(|have| have == *name))
        .collect();
    assert_eq!(names.iter().collect::<Vec<_>>(), expected);
    assert!(
        names.iter().any(|name| name == "memory" || name == "cpu"),
        "{names:?}"
    );
}

/// Checks one side of a fork: the result, who it is, whose child it is.
fn check_fork(bytes: &[u8], name: &str, result: i64, pid: i64, parent: i64, flags: &str) {
    let (exe, args) = own_args();
    live::compare(
        bytes,
        &format!(
            "{name} res={result} exe={exe} args={args} tid={pid} pid={pid} ptid={parent} cwd=- fdlimit={} pgft_maj=_ pgft_min=_ vm_size=_ \
         vm_rss=_ vm_swap=0 comm={} cgroups=_ flags={flags} uid=0 gid=0 vtid={pid} vpid={pid} pidns_init_start_ts=_",
            limit(),
            comm()
        ),
    );
    let event = live::parse(bytes);
    assert_eq!(event.thread(), pid);
    assert_eq!(
        event.u64(20).unwrap() != 0,
        result == 0,
        "only the child tells when its namespace began"
    );
    let (size, resident) = (event.u32(10).unwrap(), event.u32(11).unwrap());
    assert!(
        size > resident && resident > 100,
        "{size} kB, {resident} kB resident"
    );
    check_cgroups(bytes, 14);
}

#[test]
fn both_sides_of_a_fork() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let notes = Notes::new();
    let forks = [
        ("fork", "0x0"),
        ("clone", "CLONE_FILES|CLONE_FS"),
        ("clone3", "0x0"),
        ("vfork", "0x0"),
    ];
    let parent = fork();
    if parent == 0 {
        for index in 0..3 {
            let child = fork_by(index);
            if child == 0 {
                exit(3 + index as i32);
            }
            wait(notes.put(index, child));
        }
        // It fails: these two exclude each other.
        call!(
            libc::SYS_clone,
            libc::CLONE_FS | libc::CLONE_NEWNS,
            0,
            0,
            0,
            0
        );
        exit(0);
    }
    wait(parent);
    let mut events = live::collect(
        &mut probe,
        &[parent, notes.get(0), notes.get(1), notes.get(2)],
    );
    // The first is the test's own fork, seen by the child.
    check_fork(
        &events[0].pop_front().unwrap(),
        "fork",
        0,
        parent,
        thread(),
        "0x0",
    );
    for (index, (name, flags)) in forks.into_iter().take(3).enumerate() {
        let child = notes.get(index);
        check_fork(
            &events[0].pop_front().unwrap(),
            name,
            child,
            parent,
            thread(),
            flags,
        );
        check_fork(
            &events[index + 1].pop_front().unwrap(),
            name,
            0,
            child,
            parent,
            flags,
        );
        let ret = 3 + index;
        live::compare(
            &events[index + 1].pop_front().unwrap(),
            &format!(
                "procexit status={} ret={ret} sig=0 core=0 reaper_tid=0",
                ret << 8
            ),
        );
    }
    let failed = live::text(&events[0].pop_front().unwrap());
    assert!(
        failed.starts_with(&format!(
            "clone res={} exe=- args=- tid={parent} ",
            -libc::EINVAL
        )),
        "{failed}"
    );
}

/// Where nobody asks for the calls: the child's end alone, whatever way there is to watch calls.
#[test]
fn births_are_told_once() {
    for how in [None, Some(How::AllCalls)] {
        let births = live::open_with(Config {
            calls: live::codes(CALLS),
            births: true,
            how,
            ..Config::default()
        });
        let Some(mut probe) = births else { return };
        let notes = Notes::new();
        let parent = fork();
        if parent == 0 {
            for index in 0..4 {
                let child = if index < 3 {
                    fork_by(index)
                } else {
                    // By a thread that is not the main one.
                    let of_thread = std::thread::spawn(|| {
                        let child = fork();
                        if child == 0 {
                            exit(6);
                        }
                        (child, thread())
                    });
                    let (child, maker) = of_thread.join().unwrap_or_default();
                    notes.put(4, maker);
                    child
                };
                if child == 0 {
                    exit(3 + index as i32);
                }
                wait(notes.put(index, child));
            }
            exit(0);
        }
        wait(parent);
        let made: Vec<i64> = (0..5).map(|index| notes.get(index)).collect();
        let mut events = live::collect(&mut probe, &[&[parent], &made[..]].concat());
        let maker = made[4];
        let expected = [
            ("fork", parent, thread(), "0x0", 0),
            ("fork", made[0], parent, "0x0", 3),
            ("clone", made[1], parent, "CLONE_FILES|CLONE_FS", 4),
            ("clone3", made[2], parent, "0x0", 5),
            ("fork", made[3], maker, "0x0", 6),
        ];
        for (index, (name, child, parent, flags, status)) in expected.into_iter().enumerate() {
            let of_child = &mut events[index];
            check_fork(
                &of_child.pop_front().unwrap(),
                name,
                0,
                child,
                parent,
                flags,
            );
            let end = of_child.pop_front().unwrap();
            assert_eq!(live::parse(&end).i64(1), Some(status), "{child}");
            assert!(of_child.is_empty(), "no call of its own is told");
        }
        let first = events[5].pop_front().unwrap();
        let event = live::parse(&first);
        assert_eq!(
            (event.i64(0), event.i64(3), event.i64(4)),
            (Some(0), Some(maker), Some(parent))
        );
        let flags = live::names_of("clone", "flags", event.u32(15).unwrap());
        assert!(flags.contains("CLONE_THREAD"), "{flags}");
    }
}

#[test]
fn threads_and_namespaces() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let notes = Notes::new();
    let parent = fork();
    if parent == 0 {
        let child = call!(
            libc::SYS_clone,
            libc::CLONE_NEWPID | libc::SIGCHLD,
            0,
            0,
            0,
            0
        );
        if child == 0 {
            let grandchild = fork();
            if grandchild == 0 {
                exit(0);
            }
            wait(grandchild);
            exit(0);
        }
        wait(notes.put(0, child));
        exit(0);
    }
    wait(parent);
    let child = notes.get(0);
    let mut events = live::collect(&mut probe, &[parent, child]);
    events[0].pop_front();
    let made = live::parse(&events[0].pop_front().unwrap())
        .u32(15)
        .unwrap();
    let named = |flags| live::names_of("clone", "flags", flags);
    assert_eq!(named(made), "CLONE_NEWPID");
    let first = events[1].pop_front().unwrap();
    let event = live::parse(&first);
    assert_eq!(
        (event.i64(3), event.i64(18), event.i64(19)),
        (Some(child), Some(1), Some(1)),
        "it is the first of its namespace"
    );
    assert_eq!(
        named(event.u32(15).unwrap()),
        "CLONE_NEWPID|CLONE_CHILD_IN_PIDNS"
    );
    let fork = events[1].pop_front().unwrap();
    assert_eq!(live::parse(&fork).u64(20), Some(0));
    assert_eq!(
        named(live::parse(&fork).u32(15).unwrap()),
        "CLONE_CHILD_IN_PIDNS"
    );
}

#[test]
fn the_dead_leave_children_to_their_reaper() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let notes = Notes::new();
    let reaper = fork();
    if reaper == 0 {
        call!(libc::SYS_prctl, libc::PR_SET_CHILD_SUBREAPER, 1);
        let parent = fork();
        if parent == 0 {
            let orphan = fork();
            if orphan == 0 {
                let pause = libc::timespec {
                    tv_sec: 0,
                    tv_nsec: 100_000_000,
                };
                call!(libc::SYS_nanosleep, &raw const pause, 0);
                call!(libc::SYS_kill, libc::getpid(), libc::SIGKILL);
            }
            notes.put(1, orphan);
            exit(0);
        }
        wait(notes.put(0, parent));
        wait(-1);
        exit(0);
    }
    wait(reaper);
    let mut events = live::collect(&mut probe, &[reaper, notes.get(0), notes.get(1)]);
    live::compare(
        &events[1].pop_back().unwrap(),
        &format!("procexit status=0 ret=0 sig=0 core=0 reaper_tid={reaper}"),
    );
    live::compare(
        &events[2].pop_back().unwrap(),
        "procexit status=9 ret=0 sig=9 core=0 reaper_tid=0",
    );
}

/// What an execve event has to say of the program; the rest is that of this process.
struct Exec<'a> {
    /// exe, args, env, escaped.
    strings: [&'a str; 3],
    comm: &'a str,
    flags: &'a str,
    file: Option<&'a str>,
    path: &'a str,
    filename: &'a str,
}

fn check_exec(bytes: &[u8], pid: i64, exec: &Exec<'_>) {
    let [exe, args, env] = exec.strings;
    let meta = exec.file.map(|file| fs::metadata(file).unwrap());
    let of_file = |name: &str, value: fn(&fs::Metadata) -> i64| {
        format!(
            "{name}={}",
            meta.as_ref()
                .map_or("_".into(), |meta| value(meta).to_string())
        )
    };
    let ino = of_file("exe_ino", |meta| meta.ino() as i64);
    let ctime = of_file("exe_ino_ctime", |meta| {
        meta.ctime() * 1_000_000_000 + meta.ctime_nsec()
    });
    let mtime = of_file("exe_ino_mtime", |meta| {
        meta.mtime() * 1_000_000_000 + meta.mtime_nsec()
    });
    // SAFETY: it cannot fail for oneself.
    let group = unsafe { libc::getpgid(0) };
    let login = fs::read_to_string("/proc/self/loginuid").unwrap_or_else(|_| u32::MAX.to_string());
    live::compare(
        bytes,
        &format!(
            "execve res=0 exe={exe} args={args} tid={pid} pid={pid} ptid={} cwd=- fdlimit={} pgft_maj=_ pgft_min=_ vm_size=_ vm_rss=_ vm_swap=0 \
         comm={} cgroups=_ env={env} tty=_ vpgid={group} loginuid={} flags={} cap_inheritable={} cap_permitted={} cap_effective={} \
         {ino} {ctime} {mtime} uid=0 trusted_exepath={} pgid={group} gid=0 filename={}",
            thread(),
            limit(),
            exec.comm,
            login.trim(),
            exec.flags,
            status("CapInh:"),
            status("CapPrm:"),
            status("CapEff:"),
            exec.path,
            exec.filename,
        ),
    );
    assert_eq!(live::parse(bytes).thread(), pid);
    check_cgroups(bytes, 14);
}

#[test]
fn exec_of_a_file() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let argv = [ptr(c"renamed"), ptr(c"-a"), ptr(c""), ptr(c"b c"), null()];
    let envp = [ptr(c"HOME=/root"), ptr(c"X="), null()];
    let mut seen = live::in_child(&mut probe, |_: Notes| {
        call!(
            libc::SYS_execve,
            ptr(c"/bin/true"),
            argv.as_ptr(),
            envp.as_ptr()
        );
    });
    let file = fs::canonicalize("/bin/true")
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    check_exec(
        &seen.take("execve"),
        seen.pid,
        &Exec {
            strings: ["renamed", "-a\\0\\0b\\sc\\0", "HOME=/root\\0X=\\0"],
            comm: "true",
            flags: "EXE_WRITABLE",
            file: Some(&file),
            path: &file,
            filename: "/bin/true",
        },
    );
    said!(seen, "procexit status=0 ret=0 sig=0 core=0 reaper_tid=0");
}

#[test]
fn exec_from_memory_and_of_long_arguments() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let program = fs::read("/bin/true").unwrap();
    let long = CString::new(vec![b'x'; 5000]).unwrap();
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let fd = notes.put(0, call!(libc::SYS_memfd_create, ptr(c"hidden"), 0));
        call!(libc::SYS_write, fd, program.as_ptr(), program.len());
        let argv = [ptr(c"evil"), ptr(c"first"), ptr(&long), null()];
        let envp = [ptr(&long), null()];
        call!(
            libc::SYS_execveat,
            fd,
            ptr(c""),
            argv.as_ptr(),
            envp.as_ptr(),
            libc::AT_EMPTY_PATH
        );
    });
    // The arguments have 4096 bytes together, the environment as many; what is cut ends in a NUL all the same.
    let args = format!("first\\0{}\\0", "x".repeat(4096 - 5 - 6 - 1));
    let env = format!("{}\\0", "x".repeat(4095));
    check_exec(
        &seen.take("execve"),
        seen.pid,
        &Exec {
            strings: ["evil", &args, &env],
            comm: "_", // without a path, kernels differ in the name that they choose
            flags: "EXE_WRITABLE|EXE_FROM_MEMFD",
            file: None,
            path: "memfd:hidden",
            filename: &format!("/dev/fd/{}", seen.notes.get(0)),
        },
    );
}

#[test]
fn exec_that_fails() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let argv = [ptr(c"zero"), ptr(c"one"), ptr(c"two"), null()];
    let envp = [ptr(c"A=b"), null()];
    let mut seen = live::in_child(&mut probe, |_: Notes| {
        // The kernel looks for the file first, so it has not touched the strings; what is not in memory, a probe cannot read.
        for text in [argv[0], argv[1], argv[2], envp[0]] {
            // SAFETY: constants with a NUL.
            std::hint::black_box(unsafe { libc::strlen(text) });
        }
        call!(
            libc::SYS_execve,
            ptr(c"/does/not/exist"),
            argv.as_ptr(),
            envp.as_ptr()
        );
        call!(
            libc::SYS_execveat,
            libc::AT_FDCWD,
            ptr(c"missing"),
            argv.as_ptr(),
            envp.as_ptr(),
            0
        );
        call!(libc::SYS_execve, ptr(c"/does/not/exist"), 0, 0);
    });
    let own = fs::canonicalize("/proc/self/exe")
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let (pid, comm) = (seen.pid, comm());
    let given = ["exe=zero", "args=one\\0two\\0", "env=A=b\\0"];
    for (name, strings, filename) in [
        ("execve", given, Some("/does/not/exist")),
        ("execveat", given, None),
        (
            "execve",
            ["exe=", "args=-", "env=-"],
            Some("/does/not/exist"),
        ),
    ] {
        let text = live::text(&seen.take(name));
        let mut all = vec![
            format!("res={}", -libc::ENOENT),
            format!("tid={pid}"),
            format!("comm={comm}"),
            format!("trusted_exepath={own}"),
        ];
        all.extend(strings.map(str::to_owned));
        all.extend(filename.map(|name| format!("filename={name}")));
        for part in all {
            assert!(text.split(' ').any(|have| have == part), "{part} in {text}");
        }
    }
}

/// Who may write to the program that runs: its owner, its group (a supplementary one too), all.
#[test]
fn writable_programs() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = dir.path().join("program");
    fs::copy("/bin/true", &program).unwrap();
    let path = CString::new(program.to_str().unwrap()).unwrap();
    let groups = [500_u32, 1000, 2000, 3000];
    for (owner, group, mode, writable) in [
        (77, 77, 0o755, true),
        (0, 0, 0o755, false),
        (0, 88, 0o775, true),
        (0, 88, 0o755, false),
        (0, 1000, 0o775, true),
        (0, 3000, 0o775, true),
        (0, 1001, 0o775, false),
        (0, 0, 0o757, true),
    ] {
        std::os::unix::fs::chown(&program, Some(owner), Some(group)).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
        let argv = [path.as_ptr(), null()];
        let mut seen = live::in_child(&mut probe, |_: Notes| {
            call!(libc::SYS_setgroups, groups.len(), groups.as_ptr());
            call!(libc::SYS_setresgid, 88, 88, 88);
            call!(libc::SYS_setresuid, 77, 77, 77);
            call!(libc::SYS_execve, path.as_ptr(), argv.as_ptr(), 0);
        });
        said!(seen, "setresgid res=0 rgid=88 egid=88 sgid=88");
        said!(seen, "setresuid res=0 ruid=77 euid=77 suid=77");
        let text = live::text(&seen.take("execve"));
        let flags = if writable {
            " flags=EXE_WRITABLE "
        } else {
            " flags=0x0 "
        };
        assert!(
            text.contains(flags) && text.contains(" uid=77 ") && text.contains(" gid=88 "),
            "{owner}:{group} {mode:o}: {text}"
        );
    }
}
