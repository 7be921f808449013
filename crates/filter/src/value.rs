//! Values as conditions see them, and where they come from.

use std::net::IpAddr;

use bumpalo::Bump;

use crate::Slot;

/// One value of a field, borrowed for as long as the looked-at thing (`'e`) lives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'e> {
    /// A signed number of any width.
    Int(i64),
    /// An unsigned number of any width; times and durations in nanoseconds too.
    Uint(u64),
    /// Yes or no.
    Bool(bool),
    /// A floating-point number.
    Double(f64),
    /// Text: any bytes but NUL, not necessarily UTF-8.
    Str(&'e [u8]),
    /// Raw bytes.
    Bytes(&'e [u8]),
    /// An IPv4 or IPv6 address (network fields too: they are compared with networks).
    Ip(IpAddr),
    /// The elements of a list field.
    List(&'e [Value<'e>]),
    /// Alternatives of which one is enough for every operator (all ancestors of a process).
    Any(&'e [Value<'e>]),
    /// The ends of a connection: `=` and `in` hold if one end satisfies them, `!=` if none is equal.
    Ends(&'e [Value<'e>]),
}

/// Where a program gets the values of its fields: one implementation looks at events, tests have others.
pub trait Values<'e> {
    /// What a condition compares; `None` when the field has no value here.
    fn value(&self, slot: Slot) -> Option<Value<'e>>;

    /// What an output shows, where that differs from what a condition compares.
    fn shown(&self, slot: Slot) -> Option<Value<'e>> {
        self.value(slot)
    }

    /// Memory for values that have to be computed; emptied when `'e` ends.
    fn arena(&self) -> &'e Bump;
}
