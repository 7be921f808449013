//! What is no call: signals, switches, page faults.
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "support/live.rs"]
mod live;

use live::{Notes, call, said};

const CALLS: &[&str] = &[
    "signal_deliver",
    "sched_switch",
    "page_fault_user",
    "page_fault_kernel",
];

#[test]
fn signals() {
    let Some(mut probe) = live::open(&["signal_deliver"], None) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |_| {
        let child = call!(libc::SYS_fork);
        if child == 0 {
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(0) };
        }
        call!(libc::SYS_wait4, child, 0, 0, 0);
        // A signal that is ignored is not delivered: a handler takes it.
        extern "C" fn handler(_: i32) {}
        // SAFETY: the handler does nothing.
        unsafe { libc::signal(libc::SIGHUP, handler as *const () as usize) };
        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGUSR1, handler as *const () as usize) };
        call!(libc::SYS_kill, libc::getpid(), libc::SIGHUP);
        call!(libc::SYS_kill, libc::getpid(), libc::SIGUSR1);
        call!(libc::SYS_kill, libc::getpid(), libc::SIGKILL);
    });
    let pid = seen.pid;
    said!(
        seen,
        "signaldeliver spid={pid} dpid={pid} sig={}",
        libc::SIGHUP
    );
    // Who sent it is told for some signals alone, as upstream does.
    said!(
        seen,
        "signaldeliver spid=0 dpid={pid} sig={}",
        libc::SIGUSR1
    );
    let last = live::text(&seen.take("signaldeliver"));
    assert!(last.ends_with(&format!("dpid={pid} sig=9")), "{last}");
}

#[test]
fn switches_and_faults() {
    let Some(mut probe) = live::open(CALLS, None) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let pause = [0_i64, 1_000_000];
        call!(libc::SYS_nanosleep, pause.as_ptr(), 0);
        let (both, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        let memory = notes.put(0, call!(libc::SYS_mmap, 0, 8192, both, kind, -1, 0));
        // SAFETY: it was mapped just now.
        unsafe { *(memory as *mut u8) = 1 };
        // The kernel is the first to touch the other page.
        call!(libc::SYS_getrandom, memory + 4096, 1, 0);
    });
    said!(
        seen,
        "switch next=_ pgft_maj=_ pgft_min=_ vm_size=_ vm_rss=_ vm_swap=_"
    );
    let memory = seen.notes.get(0);
    let faults: Vec<String> = seen
        .events
        .iter()
        .map(|bytes| live::text(bytes))
        .filter(|text| text.starts_with("page_fault "))
        .collect();
    for (addr, flags) in [
        (memory, "PAGE_NOT_PRESENT|WRITE_ACCESS|USER_FAULT"),
        (
            memory + 4096,
            "PAGE_NOT_PRESENT|WRITE_ACCESS|SUPERVISOR_FAULT",
        ),
    ] {
        let found = faults
            .iter()
            .find(|text| text.starts_with(&format!("page_fault addr={addr} ip=")));
        let found = found.unwrap_or_else(|| panic!("{addr}: {faults:?}"));
        assert!(found.ends_with(&format!(" error={flags}")), "{found}");
        assert!(!found.contains(" ip=0 "), "{found}");
    }
}
