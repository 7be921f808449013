//! Not built yet.
#![forbid(unsafe_code)]

pub mod convert;
