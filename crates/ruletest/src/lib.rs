//! Tests of rules: what happens is written in YAML (or lies in a capture), and which alerts come of it.
//!
//! [`Suite::parse`] reads a file of tests, with all that is wrong in it as [`Problem`]s that know their place. [`Suite::run`] makes for each
//! test the processes, descriptors and users it begins with, and takes its events the way of real ones: in wire form, through
//! `State::apply`, over the fields, to the rules. Containers alone are said, not found out: their fields have the values that
//! the file gives. [`Coverage`] adds up which rules fired, and which parts of their conditions were ever true and ever false.
//!
//! The crate loads no rules and prints nothing; of files it opens the captures that tests name.
//!
//! ```
//! use falco_fields::Catalogue;
//! use falco_rules::{Loader, LoaderConfig};
//! use falco_ruletest::{Coverage, Suite};
//!
//! let mut catalogue = Catalogue::new();
//! let mut loader = Loader::new(LoaderConfig::default());
//! loader.load("rules.yaml", "
//! - rule: Hashes read
//!   desc: Somebody read the hashes of passwords.
//!   condition: evt.type = openat and fd.name = /etc/shadow
//!   output: '%proc.name read %fd.name'
//!   priority: WARNING
//! ", &mut catalogue);
//! let mut rules = loader.finish();
//!
//! let suite = Suite::parse("tests.yaml", "
//! tests:
//!   - test: A roundabout way
//!     processes: [/usr/bin/cat]
//!     events:
//!       - openat: {fd: 3, name: /etc/../etc/shadow, flags: O_RDONLY}
//!     alerts:
//!       - rule: Hashes read
//!         output: cat read /etc/shadow
//! ", &mut catalogue).unwrap();
//! let mut coverage = Coverage::default();
//! let outcomes = suite.run(&mut rules, &catalogue, &mut coverage);
//! assert!(outcomes.iter().all(|outcome| outcome.failures.is_empty()));
//! ```
#![forbid(unsafe_code)]

mod coverage;
mod event;
mod mock;
mod problem;
mod run;
mod suite;
mod value;
mod world;

pub use coverage::{Coverage, Part, RuleCoverage};
pub use problem::Problem;
pub use run::Outcome;
pub use suite::Suite;
