//! Rules: from YAML files to a checked rule set that is run over events.
//!
//! A [`Loader`] takes files one after the other. Each gives a [`LoadResult`] with everything there is to say about it, in three forms:
//! upstream's text, upstream's JSON, and one for people. When all are in, the loader becomes a [`RuleSet`]: rules with their conditions
//! compiled, indexed by the events that they can match, and with their output [`Template`]s.
//!
//! What a field is and what its values are is said by whoever implements `falco_filter::Catalog` and `falco_filter::Values`. Of events only names
//! and numbers are known here. The crate does no I/O: texts come in, texts go out. Configuration files are read with [`yaml`], too.
//!
//! ```
//! # use falco_filter::{Catalog, Field, FieldError, Print, Slot, Type};
//! # struct Fields;
//! # impl Catalog for Fields {
//! #     fn field(&mut self, name: &str, _: Option<&str>) -> Result<Field, FieldError> {
//! #         let slot = ["evt.type", "proc.name"].iter().position(|known| *known == name);
//! #         let slot = slot.ok_or(FieldError(format!("filter_check called with nonexistent field {name}")))?;
//! #         Ok(Field { slot: Slot(slot as u32), ty: Type::CharBuf, list: false, print: Print::Natural, rhs: true, transform: true })
//! #     }
//! #     fn check_literal(&self, _: &Field, _: &str) -> Result<(), FieldError> { Ok(()) }
//! #     fn service_port(&self, _: &str) -> Option<u16> { None }
//! # }
//! # let mut catalog = Fields;
//! use falco_rules::{Loader, LoaderConfig};
//!
//! let mut loader = Loader::new(LoaderConfig::default());
//! let result = loader.load("rules.yaml", "
//! - rule: Cat
//!   desc: A cat was started.
//!   condition: evt.type = execve and proc.name = cat
//!   output: Miaow says %proc.name
//!   priority: NOTICE
//! ", &mut catalog);
//! assert!(result.successful(), "{}", result.render_terminal(false));
//! let rules = loader.finish();
//! assert_eq!(rules.rules()[0].name, "Cat");
//! assert!(rules.syscalls().iter().all(|call| call.info().name == "execve"));
//! ```
#![forbid(unsafe_code)]

mod collect;
mod compile;
mod describe;
mod diag;
mod events;
mod expand;
mod item;
mod loader;
mod nearest;
mod priority;
pub mod pushdown;
mod result;
mod ruleset;
pub mod schema;
mod template;
mod terminal;
mod trace;
mod version;
pub mod yaml;

pub use compile::{ExtraOutput, Rule};
pub use diag::{Code, Context, Diagnostic, Item, Location, Severity};
pub use events::{EventSet, Reach, SyscallSet, reach};
pub use loader::{AppendOutput, ExtraField, Loader, LoaderConfig};
pub use priority::Priority;
pub use result::LoadResult;
pub use ruleset::{Matching, RuleIx, RuleSet, Selected, Selection};
pub use template::{Template, TemplateError};
pub use version::{ENGINE_VERSION, Plugin, Requirement, Version};
