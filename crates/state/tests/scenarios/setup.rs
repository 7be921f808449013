//! The state a scenario begins with.

use std::sync::Arc;

use falco_state::{Fd, FdKind, Image, State, Thread};
use serde_json::Value;

use crate::text::bytes_of;

pub(crate) fn state(scenario: &Value) -> State {
    let mut state = State::default();
    // The recorder ran with this root of the host.
    state.host_root = (*b"fake_hostroot").into();
    for row in scenario["threads"].as_array().unwrap() {
        state.add_thread(thread(row));
        for fd in row["fds"].as_array().unwrap() {
            let (number, fd) = descriptor(fd);
            state.add_fd(row["tid"].as_i64().unwrap(), number, fd);
        }
    }
    state.settle();
    state
}

fn thread(row: &Value) -> Thread {
    let signed = |key: &str| row[key].as_i64().unwrap();
    let word = |key: &str| row[key].as_u64().unwrap() as u32;
    let long = |key: &str| row[key].as_u64().unwrap();
    let flag = |key: &str| row[key].as_i64().unwrap() != 0;
    let image = Image {
        comm: bytes_of(&row["comm"]).into(),
        exe: bytes_of(&row["exe"]).into(),
        exepath: bytes_of(&row["exepath"]).into(),
        args: closed(&row["args"]).into(),
        exe_writable: flag("exe_writable"),
        exe_upper_layer: flag("exe_upper_layer"),
        exe_lower_layer: flag("exe_lower_layer"),
        exe_from_memfd: flag("exe_from_memfd"),
        ..Image::default()
    };
    Thread {
        tid: signed("tid"),
        pid: signed("pid"),
        ptid: signed("ptid"),
        sid: signed("sid"),
        vpgid: signed("vpgid"),
        pgid: signed("pgid"),
        vtid: signed("vtid"),
        vpid: signed("vpid"),
        clone_ns: long("clone_ts"),
        uid: word("uid"),
        gid: word("gid"),
        loginuid: word("loginuid"),
        tty: word("tty"),
        flags: word("flags"),
        cap_inheritable: long("cap_inheritable"),
        cap_permitted: long("cap_permitted"),
        cap_effective: long("cap_effective"),
        fd_limit: signed("fdlimit"),
        vm_size_kb: word("vmsize_kb"),
        vm_rss_kb: word("vmrss_kb"),
        vm_swap_kb: word("vmswap_kb"),
        pfmajor: long("pfmajor"),
        pfminor: long("pfminor"),
        image: Arc::new(image),
        env: closed(&row["env"]).into(),
        cgroups: closed(&row["cgroups"]).into(),
        cwd: bytes_of(&row["cwd"]).into(),
        root: bytes_of(&row["root"]).into(),
        ..Thread::default()
    }
}

fn descriptor(row: &Value) -> (i64, Fd) {
    let kind = match row["type"].as_u64().unwrap() {
        1 | 16 => FdKind::File,
        other => panic!("no scenario begins with a descriptor of type {other}"),
    };
    let fd = Fd {
        kind,
        name: bytes_of(&row["fname"]).into(),
        open_flags: row["open_flags"].as_u64().unwrap() as u32,
        dev: row["dev"].as_u64().unwrap() as u32,
        ino: row["ino"].as_u64().unwrap(),
        ..Fd::default()
    };
    (row["fd"].as_i64().unwrap(), fd)
}

fn closed(texts: &Value) -> Vec<u8> {
    let texts = texts.as_array().unwrap().iter();
    texts
        .flat_map(|text| [bytes_of(text), vec![0]].concat())
        .collect()
}
