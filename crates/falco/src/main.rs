//! `falco`: reads the command line, does what it asks, says what went wrong.
#![forbid(unsafe_code)]

mod actions;
mod cli;
mod config;
mod engine;
mod list;
mod live;
mod log;
mod outputs;
mod record;
mod rules;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()).and_then(|options| actions::run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error(&format!("Error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
