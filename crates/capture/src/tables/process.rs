//! The entries of process lists.

use std::sync::Arc;

use falco_state::{Image, Thread};

use super::cursor::Cursor;
use crate::{
    blocks::{ARGS_MAX, PATH_MAX},
    error::CaptureError,
};

/// Reads one entry of a process list of that version.
pub(super) fn read(at: &mut Cursor<'_>, version: u8) -> Result<Thread, CaptureError> {
    let mut thread = Thread {
        tid: at.i64("a thread id")?,
        pid: at.i64("a process id")?,
        ptid: at.i64("the id of a parent")?,
        ..Thread::default()
    };
    if version >= 6 {
        thread.sid = at.i64("a session id")?;
    }
    if version >= 8 {
        thread.vpgid = at.i64("a process group")?;
    }
    let mut image = Image {
        comm: at.text("the comm of a process", PATH_MAX)?.into(),
        exe: at.text("the exe of a process", PATH_MAX)?.into(),
        ..Image::default()
    };
    if version >= 7 {
        image.exepath = at.text("the path of an executable", PATH_MAX)?.into();
    }
    image.args = closed(at.list("the arguments of a process", ARGS_MAX)?).into();
    thread.cwd = at
        .text("the working directory of a process", PATH_MAX)?
        .into();
    thread.fd_limit = at.i64("the descriptor limit of a process")?;
    thread.flags = at.u32("the flags of a process")?;
    thread.uid = at.u32("the user of a process")?;
    thread.gid = at.u32("the group of a process")?;
    if version >= 2 {
        thread.vm_size_kb = at.u32("the memory size of a process")?;
        thread.vm_rss_kb = at.u32("the resident memory of a process")?;
        thread.vm_swap_kb = at.u32("the swapped memory of a process")?;
        thread.pfmajor = at.u64("the major page faults of a process")?;
        thread.pfminor = at.u64("the minor page faults of a process")?;
    }
    if version >= 3 {
        thread.env = closed(at.list("the environment of a process", ARGS_MAX)?).into();
    }
    if version >= 4 {
        thread.vtid = at.i64("a virtual thread id")?;
        thread.vpid = at.i64("a virtual process id")?;
        thread.cgroups = closed(at.list("the control groups of a process", ARGS_MAX)?).into();
    }
    if version >= 5 {
        thread.root = at.text("the root of a process", PATH_MAX)?.into();
    }
    if version >= 9 {
        later(at, &mut thread, &mut image);
    }
    thread.image = Arc::new(image);
    Ok(thread)
}

/// What later writers added to version 9: each field is there if it still fits into the entry.
fn later(at: &mut Cursor<'_>, thread: &mut Thread, image: &mut Image) {
    // Writers before libs 0.10 ended with the effective capabilities and lacked the two fields that come first now.
    const BEFORE_0_10: usize = 4 + 1 + 3 * 8;
    if at.left() > BEFORE_0_10 {
        set(&mut thread.pidns_start_ns, at.added(), u64::from_le_bytes);
        set(&mut thread.tty, at.added(), u32::from_le_bytes);
    }
    set(&mut thread.loginuid, at.added(), u32::from_le_bytes);
    set(&mut image.exe_writable, at.added(), is_true);
    set(&mut thread.cap_inheritable, at.added(), u64::from_le_bytes);
    set(&mut thread.cap_permitted, at.added(), u64::from_le_bytes);
    set(&mut thread.cap_effective, at.added(), u64::from_le_bytes);
    set(&mut image.exe_upper_layer, at.added(), is_true);
    set(&mut image.exe_ino, at.added(), u64::from_le_bytes);
    set(&mut image.exe_ino_ctime_ns, at.added(), u64::from_le_bytes);
    set(&mut image.exe_ino_mtime_ns, at.added(), u64::from_le_bytes);
    set(&mut image.exe_from_memfd, at.added(), is_true);
    set(&mut image.exe_lower_layer, at.added(), is_true);
    set(&mut thread.pgid, at.added(), i64::from_le_bytes);
}

fn set<T, const N: usize>(place: &mut T, bytes: Option<[u8; N]>, make: fn([u8; N]) -> T) {
    if let Some(bytes) = bytes {
        *place = make(bytes);
    }
}

fn is_true(byte: [u8; 1]) -> bool {
    byte != [0]
}

/// A list of texts of which the last may lack its NUL.
fn closed(list: &[u8]) -> Vec<u8> {
    let mut list = list.to_vec();
    if list.last().is_some_and(|last| *last != 0) {
        list.push(0);
    }
    list
}
