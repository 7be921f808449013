//! Chores of the workspace: `cargo xtask codegen` writes what `schema/` decides.
//!
//! Generated files are committed; a test of this crate fails when they are not what the schema says.
#![forbid(unsafe_code)]

mod codegen;
mod schema;
mod tidy;

use std::path::Path;

use anyhow::{Context, bail};

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the workspace has a root")?;
    match std::env::args().nth(1).as_deref() {
        Some("codegen") => codegen::write(root),
        other => bail!("unknown chore {other:?}; there is: codegen"),
    }
}
