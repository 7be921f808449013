//! The condition language: `evt.type = openat and fd.name startswith /etc`.
//!
//! Text becomes a tree ([`ast`]), the tree is checked against a [`Catalog`] of fields and compiled into flat jump code, and the code
//! is run against the [`Values`] of whatever the caller looks at. The crate does not know what an event, a process or a rule is: a
//! field is a [`Slot`] with a [`Type`], nothing more. It does no I/O.
//!
//! ```
//! # use falco_filter::{Catalog, Field, FieldError, Print, Slot, Type, Value, Values};
//! # struct Names;
//! # impl Catalog for Names {
//! #     fn field(&mut self, name: &str, _: Option<&str>) -> Result<Field, FieldError> {
//! #         let slot = ["evt.type", "fd.name"].iter().position(|n| *n == name).ok_or(FieldError(name.to_owned()))?;
//! #         Ok(Field { slot: Slot(slot as u32), ty: Type::CharBuf, list: false, print: Print::Natural, rhs: true, transform: true })
//! #     }
//! #     fn check_literal(&self, _: &Field, _: &str) -> Result<(), FieldError> { Ok(()) }
//! #     fn service_port(&self, _: &str) -> Option<u16> { None }
//! # }
//! # struct Event<'e>(&'e bumpalo::Bump);
//! # impl<'e> Values<'e> for Event<'e> {
//! #     fn value(&self, slot: Slot) -> Option<Value<'e>> {
//! #         [Value::Str(b"openat"), Value::Str(b"/etc/shadow")].get(slot.0 as usize).copied()
//! #     }
//! #     fn arena(&self) -> &'e bumpalo::Bump { self.0 }
//! # }
//! # let (mut catalog, arena) = (Names, bumpalo::Bump::new());
//! # let event = Event(&arena);
//! use falco_filter::{Chain, Compiler, Memo, ast};
//!
//! let mut compiler = Compiler::new();
//! let tree = ast::parse("evt.type = openat and fd.name startswith /etc", &ast::Limits::RULES)?;
//! let program = compiler.condition(&tree, &mut catalog)?;
//! // ... more conditions; then the tests that all of them share:
//! let tests = compiler.finish();
//! let mut memo = Memo::new(&tests);
//! // For each event:
//! memo.next_event();
//! assert!(program.run(&tests, &event, &mut memo));
//! // Many conditions are asked faster as one, which tells those that hold until it is told to stop:
//! let chain = Chain::new([(7, &program)], None);
//! chain.run(&tests, &event, &mut memo, |condition| {
//!     assert_eq!(condition, 7);
//!     true
//! });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where it differs from upstream on purpose
//!
//! - Networks and addresses of connections (`fd.net`, `fd.snet`, `fd.ip`, `fd.port`) and the ancestors of a process are compared with
//!   every element of a list and with modifiers; upstream looks at the first element only, or never matches.
//! - An escape sequence that does not exist is an error in the first element of a list too, where upstream takes the list for empty.
//! - `intersects` works on the ends of a connection, where upstream gives up at run time.
//! - Several globs at one place of `pmatch` paths are all tried.
//! - Decoded base64 of bytes has no NUL added at its end.
//! - A prefix length such as `/256` is an error instead of `/0`.

#![forbid(unsafe_code)]

pub mod ast;
pub mod catalog;
mod chain;
mod compile;
#[cfg(test)]
mod corpus;
mod glob;
mod literal;
mod net;
mod operand;
mod paths;
mod posix;
mod predicate;
mod program;
mod strings;
pub mod value;

pub use catalog::{Catalog, Field, FieldError, Print, Slot, Type};
pub use chain::Chain;
pub use compile::{CompileError, Compiler};
pub use glob::Glob;
pub use operand::Operand;
pub use program::{Known, Memo, Program, Tests, Warning};
pub use value::{Value, Values};
