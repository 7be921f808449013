//! Whatever happens, in whatever order: the state does not fail, and its tables agree with each other.
#![allow(clippy::unwrap_used)]

use falco_event::{Builder, Event, EventCode, ParamType, codes};
use falco_state::{FDS_MAX, State};
use proptest::prelude::*;

/// Few numbers, so that events meet.
fn small() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![8 => 0..12_i64, 1 => Just(-1_i64), 1 => any::<i64>()]
}

/// One parameter of a type, often as it should be, sometimes absent, sometimes nonsense.
fn param(ty: ParamType) -> BoxedStrategy<Vec<u8>> {
    let right = right_param(ty);
    prop_oneof![
        12 => right,
        1 => Just(Vec::new()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
    .boxed()
}

fn right_param(ty: ParamType) -> BoxedStrategy<Vec<u8>> {
    use ParamType as T;
    let text = prop_oneof![
        Just("/tmp/x"),
        Just("../y/./z"),
        Just(""),
        Just("a"),
        Just("(NULL)"),
        Just("/bin/sh (deleted)")
    ];
    let closed = text.prop_map(|text| [text.as_bytes(), &[0]].concat());
    match ty {
        T::Int64 | T::Uint64 | T::Errno | T::Fd | T::Pid => {
            small().prop_map(|n| n.to_le_bytes().to_vec()).boxed()
        }
        T::Reltime | T::Abstime | T::Double => {
            any::<u64>().prop_map(|n| n.to_le_bytes().to_vec()).boxed()
        }
        T::Int32 | T::Uint32 | T::Enumflags32 | T::Uid | T::Gid | T::Mode | T::Fd32 | T::Pid32 => {
            small()
                .prop_map(|n| (n as i32).to_le_bytes().to_vec())
                .boxed()
        }
        T::Flags32 => prop_oneof![
            Just(0_u32),
            any::<u32>(),
            Just(1 << 13 | 1),
            Just(1 << 12),
            Just(1 << 16)
        ]
        .prop_map(|n| n.to_le_bytes().to_vec())
        .boxed(),
        T::Int16 | T::Uint16 | T::Flags16 | T::Enumflags16 | T::Port | T::Syscallid => {
            any::<u16>().prop_map(|n| n.to_le_bytes().to_vec()).boxed()
        }
        T::Int8 | T::Uint8 | T::Flags8 | T::Enumflags8 | T::Sigtype => {
            prop_oneof![Just(1_u8), Just(3), Just(7), Just(26), any::<u8>()]
                .prop_map(|n| vec![n])
                .boxed()
        }
        T::Charbuf | T::Fspath | T::Fsrelpath => closed.boxed(),
        T::Bytebuf | T::Charbufarray => prop_oneof![
            Just(b"a\0b\0".to_vec()),
            Just(b"cpu=/x\0io=/\0".to_vec()),
            Just(b"\0".to_vec())
        ]
        .boxed(),
        T::Sockaddr => prop_oneof![
            (0..3_u8, 0..3_u16).prop_map(|(ip, port)| [
                &[2, 10, 0, 0, ip][..],
                &port.to_le_bytes()
            ]
            .concat()),
            (0..3_u8).prop_map(|ip| [&[10][..], &[0; 15], &[ip, 80, 0]].concat()),
            closed.prop_map(|path| [&[1][..], &path].concat()),
        ]
        .boxed(),
        T::Socktuple => prop_oneof![
            (0..3_u8, 0..3_u8, 0..3_u8)
                .prop_map(|(a, b, port)| vec![2, 10, 0, 0, a, port, 0, 10, 0, 0, b, 80, 0]),
            (0..3_u8, 0..3_u8).prop_map(|(a, b)| {
                [
                    &[10][..],
                    &[0; 10],
                    &[255, 255, 1, 2, 3, a, 7, 0],
                    &[0; 10],
                    &[255, 255, 1, 2, 3, b, 80, 0],
                ]
                .concat()
            }),
            (0..3_u8, closed).prop_map(|(a, path)| [&[1, a][..], &[0; 15], &path].concat()),
        ]
        .boxed(),
        _ => prop::collection::vec(any::<u8>(), 0..20).boxed(),
    }
}

/// Events that change something, and now and then any other.
fn code() -> impl Strategy<Value = EventCode> {
    let often = vec![
        codes::SYSCALL_CLONE_20_X,
        codes::SYSCALL_CLONE_20_X,
        codes::SYSCALL_CLONE3_X,
        codes::SYSCALL_VFORK_20_X,
        codes::SYSCALL_EXECVE_19_X,
        codes::PROCEXIT_1_E,
        codes::PROCEXIT_1_E,
        codes::SYSCALL_PRCTL_X,
        codes::SYSCALL_OPENAT_2_E,
        codes::SYSCALL_OPENAT_2_X,
        codes::SYSCALL_CLOSE_X,
        codes::SYSCALL_DUP3_X,
        codes::SYSCALL_PIPE2_X,
        codes::SOCKET_SOCKET_X,
        codes::SOCKET_BIND_X,
        codes::SOCKET_CONNECT_E,
        codes::SOCKET_CONNECT_X,
        codes::SOCKET_ACCEPT4_6_X,
        codes::SOCKET_SENDTO_X,
        codes::SOCKET_RECVMSG_X,
        codes::SYSCALL_CHDIR_X,
    ];
    let all: Vec<_> = EventCode::all().collect();
    prop_oneof![3 => prop::sample::select(often), 1 => prop::sample::select(all)]
}

fn event() -> impl Strategy<Value = Vec<u8>> {
    (code(), small(), 0..4_000_000_000_u64).prop_flat_map(|(code, tid, time_ns)| {
        let params: Vec<_> = code
            .info()
            .params
            .iter()
            .map(|info| param(info.ty))
            .collect();
        params.prop_map(move |params| {
            let builder = Builder::new(code, time_ns, tid);
            params
                .iter()
                .fold(builder, |builder, bytes| builder.bytes(bytes))
                .finish()
        })
    })
}

/// All that rules can ask of threads and containers.
fn shape(state: &State) -> String {
    let threads: Vec<_> = state.threads.iter().collect();
    let containers: Vec<_> = state.containers.iter().collect();
    format!("{threads:?} {containers:?} {:?}", state.counters)
}

/// What must hold between two events.
fn check(state: &State) -> Result<(), TestCaseError> {
    state.threads.verify().map_err(TestCaseError::fail)?;
    for thread in state.threads.iter() {
        prop_assert!(thread.fds.len() <= FDS_MAX);
        prop_assert!(thread.fds.iter().all(|(number, _)| number >= 0));
        prop_assert!(
            thread.fds.iter().is_sorted_by(|(a, _), (b, _)| a < b),
            "one descriptor a number"
        );
        let ancestors = state.threads.ancestors(thread).take(100).count();
        prop_assert!(ancestors < 100, "ancestors end");
    }
    let counted = state.counters.threads_added - state.counters.threads_removed;
    prop_assert!(counted >= state.threads.len() as u64);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_events_leave_the_tables_consistent(events in prop::collection::vec(event(), 1..60)) {
        let mut state = State::default();
        for bytes in &events {
            let event = Event::parse(bytes).unwrap();
            let subject = state.apply(&event);
            if let Some(ix) = subject.thread {
                let thread = state.threads.get(ix).expect("a subject is there");
                if let Some(number) = subject.fd {
                    prop_assert!(state.threads.fds(thread).unwrap().get(number).is_some());
                }
            } else {
                prop_assert_eq!(subject.fd, None);
            }
            check(&state)?;
        }
    }
    #[test]
    fn a_copy_stays_equal(events in prop::collection::vec(event(), 1..60), at in 0..60_usize) {
        let mut state = State::default();
        let mut copy = None;
        for (number, bytes) in events.iter().enumerate() {
            if number == at {
                copy = Some(state.replica());
            }
            let event = Event::parse(bytes).unwrap();
            let subject = state.apply(&event);
            if let Some(copy) = &mut copy {
                prop_assert_eq!(copy.apply(&event), subject);
            }
        }
        if let Some(copy) = &copy {
            prop_assert_eq!(shape(copy), shape(&state));
        }
    }
}
