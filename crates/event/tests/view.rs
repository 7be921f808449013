//! The wire form: what is built is read back, and no bytes make the view fail.

use falco_event::{Builder, Event, EventCode, HEADER_BYTES, Malformed, codes};
use proptest::prelude::*;

#[test]
fn numbers_and_texts_come_back() {
    let bytes = Builder::new(codes::SYSCALL_OPENAT_2_X, 7, 42)
        .i64(3)
        .i64(-100)
        .str(b"/etc/passwd")
        .u32(1)
        .empty()
        .u32(0x801)
        .u64(99)
        .finish();
    let event = Event::parse(&bytes).unwrap();
    assert_eq!(
        (event.time_ns(), event.thread(), event.info().name),
        (7, 42, "openat")
    );
    assert_eq!(event.i64(0), Some(3));
    assert_eq!(event.i64(1), Some(-100));
    assert_eq!(event.str(2), Some(&b"/etc/passwd"[..]));
    assert_eq!(event.param(4), None, "an empty parameter is absent");
    assert_eq!(event.u64(event.index_of("ino").unwrap()), Some(99));
    assert_eq!(event.u32(6), None, "a number of another width is no number");
    assert_eq!(event.param(7), None);
}

#[test]
fn large_payloads_have_wide_lengths() {
    let payload = vec![7; 100_000];
    let bytes = Builder::new(codes::PLUGINEVENT_E, 0, -1)
        .u32(1)
        .bytes(&payload)
        .finish();
    assert_eq!(Event::parse(&bytes).unwrap().param(1), Some(&payload[..]));
}

#[test]
fn what_is_wrong_is_said() {
    let good = Builder::new(codes::SYSCALL_CHDIR_X, 0, 1)
        .i64(0)
        .str(b"/")
        .finish();
    assert_eq!(
        Event::parse(&good[..10]).unwrap_err(),
        Malformed::Short {
            have: 10,
            need: HEADER_BYTES
        }
    );
    let cut = good.len() - 1;
    assert_eq!(
        Event::parse(&good[..cut]).unwrap_err(),
        Malformed::Short {
            have: cut,
            need: good.len()
        }
    );
    let mut unknown = good.clone();
    unknown[20..22].copy_from_slice(&9999u16.to_le_bytes());
    assert_eq!(
        Event::parse(&unknown).unwrap_err(),
        Malformed::UnknownCode(9999)
    );
    let mut many = good;
    many[22] = 200;
    assert!(matches!(
        Event::parse(&many),
        Err(Malformed::TooManyParams {
            count: 200,
            max: 2,
            ..
        })
    ));
}

#[test]
fn the_schema_is_whole() {
    assert_eq!(EventCode::COUNT, 454);
    assert_eq!(codes::SYSCALL_OPENAT_2_X.get(), 307);
    assert_eq!(codes::SYSCALL_OPENAT_2_X.info().id, "SYSCALL_OPENAT_2_X");
}

#[test]
fn every_event_is_read_as_it_was_built() {
    for code in EventCode::all().filter(|code| !code.info().params.is_empty()) {
        let bytes = Builder::new(code, 1, 2).bytes(b"abc").finish();
        let event = Event::parse(&bytes).unwrap();
        assert_eq!(event.param(0), Some(&b"abc"[..]), "{}", code.info().id);
        assert_eq!((event.code(), event.len()), (code, 1));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), code in 0u16..460, count in 0u32..40, length in 0u32..320) {
        let mut bytes = bytes;
        if bytes.len() >= HEADER_BYTES {
            bytes[16..20].copy_from_slice(&length.to_le_bytes());
            bytes[20..22].copy_from_slice(&code.to_le_bytes());
            bytes[22..26].copy_from_slice(&count.to_le_bytes());
        }
        if let Ok(event) = Event::parse(&bytes) {
            for index in 0..=event.len() {
                let _ = (event.param(index), event.str(index), event.i64(index), event.u8(index));
            }
        }
    }
}
