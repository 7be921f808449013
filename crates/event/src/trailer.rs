//! What an event tells behind its parameters, where nothing of the wire form is: readers that know the parameters alone pass it by.
//!
//! A magic number and marks (16 bits each), then the path of what was opened, with its NUL, if there is one. `bpf/lib/names.h` writes it.

use crate::Event;

const MAGIC: u16 = 0x7e1f;
const HEAD_BYTES: usize = 4;

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trailer<'a> {
    marks: u16,
    path: &'a [u8],
}

impl<'a> Trailer<'a> {
    /// Whether the event was an operation of `io_uring`.
    pub fn is_ring(&self) -> bool {
        self.marks & 1 != 0
    }

    /// Whether a name in the caller's memory was another one when the call began than when it ended.
    pub fn is_changed(&self) -> bool {
        self.marks & 2 != 0
    }

    /// Whether a name could not be looked at both times.
    pub fn is_unseen(&self) -> bool {
        self.marks & 4 != 0
    }

    /// The path of what was opened, as the kernel knows it; `None` when it does not tell.
    pub fn path(&self) -> Option<&'a [u8]> {
        (self.marks & 8 != 0 && !self.path.is_empty()).then_some(self.path)
    }
}

impl<'a> Event<'a> {
    /// What is behind the parameters; nothing is as no marks.
    #[inline]
    pub fn trailer(&self) -> Trailer<'a> {
        let bytes = self.behind();
        let Some((head, path)) = bytes.split_at_checked(HEAD_BYTES) else {
            return Trailer::default();
        };
        let word = |at: usize| match head.get(at..at + 2) {
            Some(&[low, high]) => u16::from_le_bytes([low, high]),
            _ => 0,
        };
        if word(0) != MAGIC {
            return Trailer::default();
        }
        let end = path.iter().position(|byte| *byte == 0);
        Trailer {
            marks: word(2),
            path: path.get(..end.unwrap_or(0)).unwrap_or_default(),
        }
    }
}

/// The bytes of a trailer, for who writes events.
pub(crate) fn encode(marks: u16, path: Option<&[u8]>) -> Vec<u8> {
    let marks = marks | if path.is_some() { 8 } else { 0 };
    let mut bytes = Vec::from(MAGIC.to_le_bytes());
    bytes.extend(marks.to_le_bytes());
    if let Some(path) = path {
        bytes.extend(path);
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use crate::{Builder, Event, codes};

    #[test]
    fn tells_and_keeps_silent() {
        let open = || {
            let open = Builder::new(codes::SYSCALL_OPEN_X, 1, 2);
            open.i64(3).str(b"/x").u32(1).u32(0).u32(5).u64(77)
        };
        let plain = open().finish();
        let silent = Event::parse(&plain).unwrap().trailer();
        assert!(!silent.is_ring() && !silent.is_changed() && silent.path().is_none());
        let bytes = open().trailer(1 | 4, Some(b"/etc/shadow")).finish();
        let event = Event::parse(&bytes).unwrap();
        let told = event.trailer();
        assert!(told.is_ring() && !told.is_changed() && told.is_unseen());
        assert_eq!(told.path(), Some(&b"/etc/shadow"[..]));
        // The parameters are what they were.
        assert_eq!((event.len(), event.str(1)), (6, Some(&b"/x"[..])));
        // Cut, or something else: nothing is told.
        for length in 0..6 {
            let mut cut = open().finish();
            let whole = bytes.get(plain.len()..).unwrap();
            cut.extend(whole.iter().take(length));
            let total = cut.len() as u32;
            cut[16..20].copy_from_slice(&total.to_le_bytes());
            assert_eq!(Event::parse(&cut).unwrap().trailer().path(), None);
        }
    }
}
