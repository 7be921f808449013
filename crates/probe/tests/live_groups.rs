//! The control groups that new processes tell.
#![allow(unsafe_code, clippy::unwrap_used, clippy::print_stdout)]

#[path = "support/group.rs"]
mod group;
#[path = "support/live.rs"]
mod live;

use falco_probe::Config;
use group::Group;
use live::{Notes, call, exit, wait};

/// What is told is that of the moment, however many tell the same before, on the same CPU, and wherever in the kernel's memory they are:
/// a group that comes after another is gone may be in its place.
#[test]
fn groups_are_those_of_the_moment() {
    if Group::new("falco-try", Some("memory")).is_none() {
        println!("skipped: no control group for memory is to be had");
        return;
    }
    let births = live::open_with(Config {
        calls: live::codes(&["fork"]),
        births: true,
        ..Config::default()
    });
    let Some(mut probe) = births else { return };
    for round in 0..8 {
        let name = format!("falco-round-{round}");
        let group = Group::new(&name, Some("memory")).unwrap();
        let notes = Notes::new();
        let parent = call!(libc::SYS_fork);
        if parent == 0 {
            let cpu = [1_u64];
            call!(
                libc::SYS_sched_setaffinity,
                0,
                size_of_val(&cpu),
                cpu.as_ptr()
            );
            for index in 0..6 {
                // The first two are where we are, the others in the group.
                if index == 2 {
                    group.enter();
                }
                let child = call!(libc::SYS_fork);
                if child == 0 {
                    exit(0);
                }
                wait(notes.put(index, child));
            }
            exit(0);
        }
        wait(parent);
        let children: Vec<i64> = (0..6).map(|index| notes.get(index)).collect();
        let told = live::collect(&mut probe, &children);
        for (index, mut events) in told.into_iter().enumerate() {
            let birth = events.pop_front().unwrap();
            let groups = live::parse(&birth).param(14).unwrap().to_vec();
            let groups = String::from_utf8_lossy(&groups).replace('\0', " ");
            let memory = groups
                .split(' ')
                .find(|it| it.starts_with("memory="))
                .unwrap();
            assert_eq!(
                memory.contains(&name),
                index >= 2,
                "round {round}, {index}: {groups}"
            );
            assert!(index < 2 || memory.ends_with(&format!("/{name}-{}", std::process::id())));
        }
    }
}
