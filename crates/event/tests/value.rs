//! What parameters hold, and the lookups of names and numbers.

use std::net::{Ipv4Addr, Ipv6Addr};

use falco_event::{
    Builder, Event, EventCode, FdList, Param, SockAddr, SockTuple, SyscallCode, Texts, codes,
};
use proptest::prelude::*;

#[test]
fn parameters_are_decoded() {
    let bytes = Builder::new(codes::SYSCALL_OPENAT_2_X, 0, 7)
        .i64(-2)
        .empty()
        .str(b"etc")
        .u32(5)
        .bytes(&[1, 2])
        .empty()
        .u64(9)
        .finish();
    let event = Event::parse(&bytes).unwrap();
    let values: Vec<_> = (0..8).map(|index| event.value(index)).collect();
    let expected = [
        Some(Param::Int(-2)),
        None,
        Some(Param::Str(b"etc")),
        Some(Param::Uint(5)),
        None,
        None,
        Some(Param::Uint(9)),
        None,
    ];
    assert_eq!(values, expected, "a number of the wrong width is none");
}

#[test]
fn a_selector_chooses_the_type() {
    let option = |value: &[u8]| {
        Builder::new(codes::SOCKET_GETSOCKOPT_X, 0, 7)
            .i64(0)
            .i64(3)
            .u8(1)
            .u8(2)
            .bytes(value)
            .u32(4)
            .finish()
    };
    let check = |value: &[u8], expected| {
        let bytes = option(value);
        let event = Event::parse(&bytes).unwrap();
        assert_eq!(event.value(4), expected, "{value:?}");
    };
    check(&[0, b'a'], Some(Param::Bytes(b"a")));
    check(&[0], Some(Param::Bytes(b"")));
    check(&[2, 7, 0, 0, 0], Some(Param::Uint(7)));
    check(&[2, 7, 0, 0], None);
    check(&[99, 7, 0, 0, 0], None);
    check(&[], None);

    let bytes = Builder::new(codes::SYSCALL_KEYCTL_X, 0, 7)
        .i64(0)
        .u32(1)
        .bytes(b"\x01name\0")
        .finish();
    let event = Event::parse(&bytes).unwrap();
    assert_eq!(event.value(2), Some(Param::Str(b"name")));
}

#[test]
fn addresses() {
    let home = Ipv4Addr::LOCALHOST.into();
    let check = |bytes: &[u8], expected| assert_eq!(SockAddr::parse(bytes), expected, "{bytes:?}");
    check(
        &[2, 127, 0, 0, 1, 0x50, 1],
        Some(SockAddr::Inet(home, 0x150)),
    );
    check(&[2, 127, 0, 0, 1, 0x50], None);
    check(b"\x01/run/x\0\0", Some(SockAddr::Unix(b"/run/x")));
    check(b"\x01\0", Some(SockAddr::Unix(b"")));
    check(b"\x01/run/x", None);
    check(b"\x01", None);
    check(&[16, 1, 2], Some(SockAddr::Other(16)));
    check(&[], None);
    let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    let bytes = [&[10][..], &mapped.octets(), &[1, 0]].concat();
    check(&bytes, Some(SockAddr::Inet(mapped.into(), 1)));
    check(&bytes[..18], None);
}

#[test]
fn tuples() {
    let tuple = |from: Ipv6Addr, to: Ipv6Addr| {
        [&[10][..], &from.octets(), &[1, 0], &to.octets(), &[2, 0]].concat()
    };
    let check = |bytes: &[u8], expected| assert_eq!(SockTuple::parse(bytes), expected);
    let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    let (home, any) = (Ipv4Addr::LOCALHOST.into(), Ipv4Addr::UNSPECIFIED.into());
    let both = tuple(mapped, Ipv6Addr::UNSPECIFIED);
    check(&both, Some(SockTuple::Inet((home, 1), (any, 2))));
    check(&both[..36], None);
    let one = tuple(mapped, Ipv6Addr::LOCALHOST);
    let ends = ((mapped.into(), 1), (Ipv6Addr::LOCALHOST.into(), 2));
    check(&one, Some(SockTuple::Inet(ends.0, ends.1)));
    let unix = [&[1][..], &7_u64.to_le_bytes(), &8_u64.to_le_bytes(), b"p\0"].concat();
    let expected = SockTuple::Unix {
        source: 7,
        peer: 8,
        path: b"p",
    };
    check(&unix, Some(expected));
    check(&unix[..18], None);
    check(&[16], Some(SockTuple::Other(16)));
}

#[test]
fn lists() {
    let entry = |fd: i64, events: i16| [&fd.to_le_bytes()[..], &events.to_le_bytes()].concat();
    let bytes = [&[3, 0][..], &entry(5, 1), &entry(-1, -2), &[1; 9]].concat();
    let list = |bytes| FdList::parse(bytes).map(|list| list.iter().collect::<Vec<_>>());
    assert_eq!(list(&bytes), Some(vec![(5, 1), (-1, -2)]));
    assert_eq!(list(&[0, 0]), Some(vec![]));
    assert_eq!(list(&[1]), None);
    let texts = |bytes| Texts::new(bytes).iter().collect::<Vec<_>>();
    assert_eq!(texts(b"a\0\0b"), [&b"a"[..], b"", b"b"]);
    assert_eq!(texts(b"a\0"), [b"a"]);
    assert_eq!(texts(b""), [b""; 0]);
}

#[test]
fn calls_have_numbers_and_names() {
    let openat = SyscallCode::from_x86_64(257).unwrap();
    assert_eq!(openat.info().name, "openat");
    assert_eq!(SyscallCode::from_x86_64(u16::MAX), None);
    for code in SyscallCode::all() {
        if let Some(number) = code.info().x86_64 {
            assert_eq!(SyscallCode::from_x86_64(number), Some(code), "{number}");
        }
    }
    let openat: Vec<EventCode> = EventCode::named("openat").collect();
    assert!(openat.contains(&codes::SYSCALL_OPENAT_2_X));
    assert!(openat.iter().all(|code| code.info().name == "openat"));
    assert_eq!(EventCode::named("no such").count(), 0);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(code in 0_u16..454, params in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..33)) {
        let code = EventCode::new(code).unwrap();
        let mut builder = Builder::new(code, 0, 7);
        for param in params.iter().take(code.info().params.len()) {
            builder = builder.bytes(param);
        }
        let bytes = builder.finish();
        let event = Event::parse(&bytes).unwrap();
        for index in 0..=event.len() {
            match event.value(index) {
                Some(Param::FdList(list)) => prop_assert!(list.iter().count() * 10 < bytes.len()),
                Some(Param::Texts(texts)) => prop_assert!(texts.iter().count() <= bytes.len()),
                _ => {}
            }
            if event.param(index).is_none() {
                prop_assert_eq!(event.value(index), None);
            }
        }
    }
}
