//! The condition language: `evt.type = openat and fd.name startswith /etc`.
//!
//! Text becomes a tree ([`ast`]), the tree is checked against a [`Catalog`] of fields and compiled into flat jump code, and the code
//! is run against the [`Values`] of whatever the caller looks at. The crate does not know what an event, a process or a rule is: a
//! field is a [`Slot`] with a [`Type`], nothing more. It does no I/O.

pub mod ast;
pub mod catalog;
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
pub use compile::{CompileError, Compiler};
pub use operand::Operand;
pub use program::{Memo, Program, Tests, Warning};
pub use value::{Value, Values};
