//! A small writer of captures, independent of the reader.

#![allow(dead_code, reason = "each test uses a part of it")]

use falco_event::{Builder, codes};

/// The bytes of a capture.
#[derive(Clone, Default)]
pub(crate) struct Capture(pub(crate) Vec<u8>);

impl Capture {
    /// A capture with a section header.
    pub(crate) fn new() -> Capture {
        Capture::default().section()
    }

    pub(crate) fn section(self) -> Capture {
        let body = [
            &0x1A2B_3C4D_u32.to_le_bytes()[..],
            &1_u16.to_le_bytes(),
            &2_u16.to_le_bytes(),
            &u64::MAX.to_le_bytes(),
        ];
        self.block(0x0A0D_0D0A, &body.concat())
    }

    /// A block of any type.
    pub(crate) fn block(mut self, code: u32, body: &[u8]) -> Capture {
        let padded = body.len().next_multiple_of(4);
        let total = (padded + 12) as u32;
        self.0.extend_from_slice(&code.to_le_bytes());
        self.0.extend_from_slice(&total.to_le_bytes());
        self.0.extend_from_slice(body);
        self.0.resize(self.0.len() + padded - body.len(), 0);
        self.0.extend_from_slice(&total.to_le_bytes());
        self
    }

    /// An event of processor 3.
    pub(crate) fn event(self, event: &[u8]) -> Capture {
        self.block(0x216, &[&3_u16.to_le_bytes()[..], event].concat())
    }

    /// The events of thread 42 that change its directory to `/0`, `/1`, …
    pub(crate) fn chdirs(mut self, count: usize) -> Capture {
        for number in 0..count {
            self = self.event(&chdir(number));
        }
        self
    }
}

/// An event of thread 42.
pub(crate) fn chdir(number: usize) -> Vec<u8> {
    Builder::new(codes::SYSCALL_CHDIR_X, 1_000 + number as u64, 42)
        .i64(0)
        .str(format!("/{number}").as_bytes())
        .finish()
}

/// A text with its length before it.
pub(crate) fn text(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u16).to_le_bytes()[..], text].concat()
}

/// The fields of a process, from the thread's id on, as that version of the list has them. Version 9 comes with all fields there are.
pub(crate) fn process(version: u8) -> Vec<u8> {
    process_of(42, version)
}

/// The same of any process; the one with the number before it is its parent.
pub(crate) fn process_of(tid: i64, version: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let mut number = |from: u8, bytes: &[u8]| {
        if version >= from {
            out.extend_from_slice(bytes);
        }
    };
    number(1, &tid.to_le_bytes());
    number(1, &tid.to_le_bytes());
    number(1, &(tid - 1).to_le_bytes());
    number(6, &39_i64.to_le_bytes());
    number(8, &38_i64.to_le_bytes());
    number(1, &text(b"comm"));
    number(1, &text(b"exe"));
    number(7, &text(b"/bin/exe"));
    number(1, &text(b"one\0two"));
    number(1, &text(b"/home"));
    number(1, &1024_i64.to_le_bytes());
    number(1, &0x80_u32.to_le_bytes());
    number(1, &1000_u32.to_le_bytes());
    number(1, &1001_u32.to_le_bytes());
    number(2, &11_u32.to_le_bytes());
    number(2, &12_u32.to_le_bytes());
    number(2, &13_u32.to_le_bytes());
    number(2, &14_u64.to_le_bytes());
    number(2, &15_u64.to_le_bytes());
    number(3, &text(b"A=1\0"));
    number(4, &7_i64.to_le_bytes());
    number(4, &6_i64.to_le_bytes());
    number(4, &text(b"cpu=/a\0memory=/b\0"));
    number(5, &text(b"/root"));
    number(9, &100_u64.to_le_bytes());
    number(9, &34816_u32.to_le_bytes());
    number(9, &LATER);
    number(9, &[1]);
    number(9, &23_u64.to_le_bytes());
    number(9, &24_u64.to_le_bytes());
    number(9, &25_u64.to_le_bytes());
    number(9, &[1, 0]);
    number(9, &37_i64.to_le_bytes());
    out
}

/// User of the login 1002, writable executable, capabilities 20, 21, 22: all that the first writers of version 9 added.
pub(crate) const LATER: [u8; 29] = [
    0xEA, 3, 0, 0, 1, 20, 0, 0, 0, 0, 0, 0, 0, 21, 0, 0, 0, 0, 0, 0, 0, 22, 0, 0, 0, 0, 0, 0, 0,
];

/// An entry with the length of itself and of what follows before it.
pub(crate) fn sized(entry: &[u8]) -> Vec<u8> {
    [&(entry.len() as u32 + 4).to_le_bytes()[..], entry].concat()
}
