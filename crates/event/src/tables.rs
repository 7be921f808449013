//! The tables that `cargo xtask codegen` writes.

#[rustfmt::skip]
pub mod codes;
#[rustfmt::skip]
pub(crate) mod events;
#[rustfmt::skip]
pub mod flags;
#[rustfmt::skip]
pub(crate) mod syscalls;
#[rustfmt::skip]
pub(crate) mod types;
