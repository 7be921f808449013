//! No event whatsoever makes a field panic.

use bumpalo::Bump;
use falco_event::{Builder, Event, EventCode};
use falco_fields::{Catalogue, Context, Facts, Flags, Seen};
use falco_filter::{Catalog, Slot, Values};
use falco_state::{State, Thread};
use proptest::prelude::*;

/// Every field, with an argument where it needs one.
fn slots(catalogue: &mut Catalogue) -> Vec<Slot> {
    let mut slots = Vec::new();
    let infos: Vec<_> = catalogue.fields().collect();
    for info in infos {
        let suffixes: &[&str] = match info.name {
            "evt.arg" => &[".flags", ".data", ".path"],
            "evt.rawarg" => &[".res", ".name", ".tuple", ".data", ".uid", ".dev"],
            "evt.type.is" => &[".open"],
            "thread.cgroup" => &[".cpu"],
            _ => &[""],
        };
        let args: &[Option<&str>] = match info.name {
            "evt.around" => &[Some("5")],
            "evt.rawarg" | "evt.type.is" | "thread.cgroup" | "evt.abspath" => &[None],
            "evt.arg" => &[None],
            _ if info.flags.any(Flags::ARG_REQUIRED) => &[Some("0")],
            _ if info.flags.any(Flags::ARG_ALLOWED) => &[None, Some("1"), Some("-7")],
            _ => &[None],
        };
        for suffix in suffixes {
            let name = [info.name, suffix].concat();
            for arg in args {
                slots.extend(catalogue.field(&name, *arg).map(|field| field.slot));
            }
        }
    }
    slots
}

/// Parameters as they could be: empty, short, of the right length, text.
fn param() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        any::<u8>().prop_map(|byte| vec![byte]),
        any::<u32>().prop_map(|number| number.to_le_bytes().to_vec()),
        (-110_i64..10).prop_map(|number| number.to_le_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..60),
        "[./a-z]{0,20}".prop_map(|text| [text.as_bytes(), b"\0"].concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_event_panics(
        code in 0..EventCode::COUNT as u16,
        params in proptest::collection::vec(param(), 0..33),
        times in (any::<u64>(), any::<u64>()),
    ) {
        let mut catalogue = Catalogue::new();
        let slots = slots(&mut catalogue);
        let code = EventCode::new(code).expect("it is one of them");
        let mut event = Builder::new(code, times.0, 7);
        for param in params.iter().take(code.info().params.len()) {
            event = event.bytes(param);
        }
        let bytes = event.finish();
        let event = Event::parse(&bytes).expect("it was just made");
        let mut state = State::default();
        state.add_thread(Thread { tid: 7, pid: 7, ptid: 7, clone_ns: times.1, ..Thread::default() });
        state.settle();
        let seen = Seen { subject: state.apply(&event), event, number: 1, cpu: 9 };
        let (context, arena) = (Context::default(), Bump::new());
        let facts = Facts::new(&catalogue, &context, &state, seen, &arena);
        for slot in slots {
            let _ = facts.value(slot);
            let _ = facts.shown(slot);
        }
    }
}
