//! The table.

use super::*;

const SHORT_ID: &str = "32a1026ccb88";
const ID: &str = "32a1026ccb88a551e2a38eb8f260b4700aefec7e8c007344057e58a9fa302374";

fn groups(id: &str) -> Vec<u8> {
    format!("cpu=/docker/{id}\0memory=/docker/{id}\0").into_bytes()
}

fn json(id: &str, full: &str, name: &str) -> Vec<u8> {
    format!(r#"{{"container":{{"type":11,"id":"{id}","full_id":"{full}","name":"{name}"}}}}"#)
        .into_bytes()
}

fn name(containers: &Containers, ix: ContainerIx) -> Option<&str> {
    Some(&containers.get(ix)?.info.as_ref()?.name)
}

#[test]
fn what_is_told_before_and_after_the_first_thread() {
    for full in ["", ID] {
        for told_first in [true, false] {
            let mut containers = Containers::default();
            let told = json(SHORT_ID, full, "web");
            if told_first {
                containers.told(&told).unwrap();
            }
            let ix = containers.of(&groups(ID), ContainerIx::HOST);
            if !told_first {
                assert_eq!(name(&containers, ix), None);
                assert_eq!(containers.told(&told), Some(ix));
            }
            assert_eq!(name(&containers, ix), Some("web"), "{full} {told_first}");
            assert_eq!(containers.len(), 1);
            let container = containers.get(ix).unwrap();
            assert_eq!(
                (&container.id[..], &container.full_id[..]),
                (SHORT_ID.as_bytes(), ID.as_bytes())
            );
            assert_eq!(containers.find(SHORT_ID.as_bytes()), Some(ix));
        }
    }
}

#[test]
fn names_that_begin_alike() {
    let mut containers = Containers::default();
    let of = |containers: &mut Containers, name: &str| {
        containers.of(
            format!("cpu=/default/{name}\0").as_bytes(),
            ContainerIx::HOST,
        )
    };
    let first = of(&mut containers, "a-rather-long-1");
    let second = of(&mut containers, "a-rather-long-2");
    assert_ne!(first, second);
    assert_eq!(
        containers.get(first).unwrap().id,
        containers.get(second).unwrap().id
    );
    containers.told(&json("a-rather-lon", "a-rather-long-2", "two"));
    assert_eq!(
        (name(&containers, first), name(&containers, second)),
        (None, Some("two"))
    );
}

#[test]
fn long_paths_do_not_hide_a_container() {
    let mut containers = Containers::default();
    let ix = containers.of(&groups(ID), ContainerIx::HOST);
    assert_eq!(containers.of(b"cpu=/a/b/c/d/e/f\0", ix), ix);
    assert_eq!(containers.of(b"cpu=/a/b/c\0", ix), ContainerIx::HOST);
}

#[test]
fn news_are_told_once() {
    let mut containers = Containers {
        tell: true,
        ..Containers::default()
    };
    let ix = containers.of(&groups(ID), ContainerIx::HOST);
    containers.of(&groups(ID), ContainerIx::HOST);
    let lxc = containers.of(b"cpu=/lxc/web\0", ContainerIx::HOST);
    containers.init_ended(ix);
    containers.init_ended(ix);
    assert_eq!(
        containers.take_news(),
        [News::Unknown(ix), News::Found(lxc), News::Ended(ix)]
    );
    // The next one of that name is another.
    containers.told(&json(SHORT_ID, ID, "old"));
    containers.init_ended(ix);
    containers.take_news();
    assert_eq!(containers.of(&groups(ID), ContainerIx::HOST), ix);
    assert_eq!(name(&containers, ix), None);
    assert_eq!(containers.take_news(), [News::Unknown(ix)]);
}

#[test]
fn everything_in_one() {
    let mut containers = Containers::default();
    containers.fix(Info::named(
        "me",
        Kind::Static,
        "myself",
        "registry:5000/a/b:1@sha256:c",
    ));
    let ix = containers.of(b"cpu=/\0", ContainerIx::HOST);
    let info = containers.get(ix).unwrap().info.as_ref().unwrap();
    assert_eq!(
        (&*info.name, &*info.repository, &*info.tag, &*info.digest),
        ("myself", "registry:5000/a/b", "1", "sha256:c")
    );
}

#[test]
fn those_without_threads_are_forgotten() {
    let mut state = State::default();
    let id = |number: usize| format!("{number:064x}");
    for number in 0..10_000 {
        let thread = crate::Thread {
            tid: 7,
            pid: 7,
            cgroups: groups(&id(number)).into(),
            ..crate::Thread::default()
        };
        state.add_thread(thread);
        let ix = state.threads.by_tid(7).unwrap().container;
        assert_eq!(
            state.containers.get(ix).unwrap().full_id[..],
            *id(number).as_bytes()
        );
        state.sweep_containers();
        assert!(state.containers.len() <= 3 * SWEEP_MIN);
    }
    assert!(state.containers.by_id.len() <= 2 * state.containers.len());
}

#[test]
fn liars() {
    let mut containers = Containers::default();
    for text in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"container":7}"#,
        r#"{"container":{}}"#,
        r#"{"container":{"id":7}}"#,
    ] {
        assert_eq!(containers.told(text.as_bytes()), None, "{text}");
        assert_eq!(containers.removed(text.as_bytes()), None, "{text}");
    }
    let wrong = br#"{"container":{"id":"a","name":[],"labels":{"a":1,"b":"c"},"Mounts":[1,{"Source":2}],"type":"x","privileged":"yes"}}"#;
    let ix = containers.told(wrong).unwrap();
    let info = containers.get(ix).unwrap().info.as_ref().unwrap();
    assert_eq!(
        (info.labels.len(), info.mounts.len(), info.privileged),
        (1, 1, false)
    );
    for number in 0..2 * TOLD_MAX {
        containers.told(&json(&number.to_string(), "", ""));
    }
    assert_eq!(containers.len(), TOLD_MAX);
}
