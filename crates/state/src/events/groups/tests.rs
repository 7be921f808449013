use std::sync::Arc;

use super::Groups;

/// What is made of groups, with what comes before and after.
#[test]
fn groups_have_the_names_of_proc_whatever_came_before() {
    let cases: [(&[u8], Option<&[u8]>); 7] = [
        (b"", Some(b"")),
        (b"io=/a\0mem=/b\0", Some(b"blkio=/a\0memory=/b\0")),
        (b"io=/a\0mem=/b", Some(b"blkio=/a\0memory=/b\0")),
        (b"no group\0", None),
        (b"io=/a\0mem=/b\0", Some(b"blkio=/a\0memory=/b\0")),
        (b"perf_cgroup=/=\0cpu=\0", Some(b"perf_event=/=\0cpu=\0")),
        (b"", Some(b"")),
    ];
    let mut groups = Groups::default();
    for (told, expected) in cases {
        let made = groups.normal(told).map(|made| made.to_vec());
        assert_eq!(made.as_deref(), expected, "{}", told.escape_ascii());
    }
}

#[test]
fn who_is_in_the_same_groups_shares_their_text() {
    let mut groups = Groups::default();
    let first = groups.normal(b"cpu=/a\0").map(Arc::clone);
    let second = groups.normal(b"cpu=/a\0").map(Arc::clone);
    assert!(first.zip(second).is_some_and(|(a, b)| Arc::ptr_eq(&a, &b)));
}
