//! The fields of conditions and outputs: which exist ([`Catalogue`]), and what their values are for one event ([`Facts`]).
//!
//! A name is resolved once, when rules are loaded, to a [`Slot`](falco_filter::Slot). For an event, [`Facts`] gives the value of a slot,
//! borrowed from the event or from the state; what has to be put together lies in an arena that is emptied after the event, and is
//! remembered until then.
//!
//! The crate changes nothing and does no I/O: the names of services, the time zone and the host's name are given to it.
//!
//! ```
//! use bumpalo::Bump;
//! use falco_event::{Builder, Event, codes};
//! use falco_fields::{Catalogue, Context, Facts, Seen};
//! use falco_filter::{Catalog, Value, Values};
//! use falco_state::State;
//!
//! let mut catalogue = Catalogue::new();
//! let kind = catalogue.field("evt.type", None)?;
//!
//! let bytes = Builder::new(codes::SYSCALL_CHDIR_X, 1_000, 42).i64(0).str(b"/tmp").finish();
//! let event = Event::parse(&bytes).unwrap();
//! let mut state = State::default();
//! let seen = Seen { subject: state.apply(&event), event, number: 1, cpu: 0 };
//! let (context, arena) = (Context::default(), Bump::new());
//! let facts = Facts::new(&catalogue, &context, &state, seen, &arena);
//! assert_eq!(facts.value(kind.slot), Some(Value::Str(b"chdir")));
//! # Ok::<(), falco_filter::FieldError>(())
//! ```
#![forbid(unsafe_code)]

mod abspath;
mod capabilities;
mod catalogue;
mod container;
mod context;
mod evt;
mod facts;
mod fd;
mod fdlist;
mod fs_path;
mod kubernetes;
mod params;
mod parse;
mod path;
mod proc;
mod rawarg;
mod table;
mod text;
mod user;

pub use catalogue::Catalogue;
pub use context::{Context, Memory};
pub use facts::{Facts, Seen};
pub use table::{Class, FieldInfo, Flags};
