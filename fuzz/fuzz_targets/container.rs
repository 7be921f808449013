//! Any bytes are control groups of a process, and what a runtime says of a container or Kubernetes of a pod: nothing of that can do harm,
//! and what was said can be written and read again.
#![no_main]

use falco_capture::{Machine, Writer};
use falco_event::{Builder, Event, codes};
use falco_state::{State, Thread, pod_of};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let split = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (groups, json) = bytes.split_at(split);
    let mut state = State::default();
    state.add_thread(Thread { tid: 7, pid: 7, ptid: 1, cgroups: groups.into(), ..Thread::default() });
    state.settle();
    for name in ["container", "container_removed", "k8s"] {
        let event = Builder::new(codes::ASYNCEVENT_E, 1, 0).u32(0).str(name.as_bytes()).bytes(json).finish();
        let subject = state.apply(&Event::parse(&event).expect("what is built is whole"));
        if let Some(container) = subject.container.and_then(|ix| state.containers.get(ix)) {
            assert!(container.info.is_some());
        }
    }
    assert!(state.containers.len() <= 2);
    if let Some(uid) = pod_of(groups) {
        assert_eq!(uid.len(), 36);
    }
    Writer::new(Vec::new(), &Machine::default(), &state, 1).expect("memory does not fail");
});
