//! Events: what exists ([`EventInfo`], [`Syscall`], generated from `schema/`), how one lies in memory ([`Event`]), what its parameters
//! hold ([`Param`]) and how they are shown ([`render`]), how one is made ([`Builder`]).
//!
//! An event has one form everywhere, upstream's wire form: the probe writes it, rings and captures hold it, plugins get it. Nothing
//! is converted on the way; [`Event::parse`] checks the bounds once and then lends out slices.
//!
//! The crate keeps no state and does no I/O: what a descriptor number is called is somebody else's knowledge.
//!
//! ```
//! use falco_event::{Builder, Event, Param, codes};
//!
//! let bytes = Builder::new(codes::SYSCALL_CHDIR_X, 1_000, 42).i64(0).str(b"/tmp").finish();
//! let event = Event::parse(&bytes).unwrap();
//! assert_eq!(event.info().name, "chdir");
//! assert_eq!(event.str(1), Some(&b"/tmp"[..]));
//! assert_eq!(event.value(0), Some(Param::Int(0)));
//! ```
#![forbid(unsafe_code)]

mod builder;
pub mod render;
pub mod schema;
mod sockets;
mod tables;
mod trailer;
mod value;
mod view;

pub use builder::Builder;
pub use schema::{
    EventCode, EventFlags, EventInfo, Format, Kind, Names, Origin, ParamInfo, Syscall, SyscallCode,
};
pub use sockets::{SockAddr, SockTuple, unmapped};
pub use tables::{codes, flags, types::ParamType};
pub use trailer::Trailer;
pub use value::{FdList, Param, Texts};
pub use view::{Event, HEADER_BYTES, Malformed};
