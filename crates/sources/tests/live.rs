//! The kernel of this machine as a source. Needs root and BTF.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says when it is skipped"
)]

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use falco_event::{SyscallCode, codes};
use falco_sources::{Next, Source, SourceError, probe};

fn calls(names: &[&str]) -> Vec<SyscallCode> {
    names
        .iter()
        .filter_map(|name| SyscallCode::by_name(name))
        .collect()
}

#[test]
fn a_file_that_a_program_opens_is_seen_with_its_process() {
    let config = probe::Config {
        calls: calls(&["execve", "clone", "clone3", "vfork", "openat", "close"]),
        ..probe::Config::default()
    };
    let (mut source, mut state) = match Source::live(&config, Path::new("/")) {
        Ok(opened) => opened,
        Err(SourceError::Probe(cause)) => {
            println!("skipped: {cause}");
            return;
        }
        Err(other) => panic!("{other}"),
    };
    let ours = i64::from(std::process::id());
    assert_eq!(
        state.threads.by_tid(ours).unwrap().pid,
        ours,
        "we are there"
    );

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seen");
    std::fs::write(&path, "x").unwrap();
    let mut child = Command::new("cat").arg(&path).spawn().unwrap();
    let pid = i64::from(child.id());
    child.wait().unwrap();

    let deadline = Instant::now() + Duration::from_secs(10);
    let mut last = 0;
    while Instant::now() < deadline {
        let Next::Event(delivery) = source.next(Duration::from_millis(100)).unwrap() else {
            continue;
        };
        assert_eq!(delivery.number, last + 1);
        last = delivery.number;
        let subject = state.apply(&delivery.event);
        let event = delivery.event;
        if event.code() != codes::SYSCALL_OPENAT_2_X || event.thread() != pid {
            continue;
        }
        let thread = state.threads.get(subject.thread.unwrap()).unwrap();
        if let Some(fd) = subject.fd
            && let Some(fd) = state.threads.fds(thread).unwrap().get(fd)
            && fd.name[..] == *path.as_os_str().as_encoded_bytes()
        {
            assert_eq!(&*thread.image.comm, b"cat");
            // The parent is the thread that forked.
            let parent = state.threads.by_tid(thread.ptid).unwrap();
            assert_eq!(parent.pid, ours);
            return;
        }
    }
    panic!("{last} events, and none of them is the one");
}
