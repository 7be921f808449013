//! `falco`: reads the command line, does what it asks, says what went wrong.
#![forbid(unsafe_code)]

mod actions;
mod cli;
mod config;
mod containers;
mod crew;
mod drops;
mod engine;
mod grpc;
mod internal;
mod judge;
mod list;
mod live;
mod log;
mod metrics;
mod narrow;
mod outputs;
mod plugins;
mod privileges;
mod record;
mod reload;
mod routing;
mod rules;
mod run;
mod set;
mod support;
mod syscalls;
mod terminal;
mod test;
mod web;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

/// Ends the program otherwise than with `Error: text` and status 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What upstream throws and catches at the very end.
    #[error("Runtime error: {0}. Exiting.")]
    Runtime(String),
    /// The pidfile cannot be written.
    #[error("{0}")]
    Pidfile(String),
}

fn main() -> ExitCode {
    metrics::start_ns();
    match cli::parse(std::env::args_os()).and_then(|options| actions::run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error),
    }
}

fn complain(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref() {
        Some(failure @ Failure::Runtime(_)) => log::error(&failure.to_string()),
        Some(failure @ Failure::Pidfile(_)) => {
            log::line(log::Level::Error, &failure.to_string());
            return ExitCode::from(255);
        }
        None => {
            // People get a picture of the place, tools upstream's words as well.
            let colour = io::stderr().is_terminal();
            match error.downcast_ref::<rules::Invalid>() {
                Some(invalid) if colour => log::error(&invalid.picture(true)),
                Some(invalid) => {
                    log::error(&format!("Error: {invalid}\n{}", invalid.picture(false)));
                }
                None => log::error(&format!("Error: {error:#}")),
            }
        }
    }
    ExitCode::FAILURE
}
