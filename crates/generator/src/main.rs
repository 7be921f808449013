//! `falco-generator`: does the suspicious things that rules look for, for real and without harm, and tells which of them nobody noticed.
//!
//! Each thing is an action with a name. It is done by a process of its own, in a directory of its own; where it has to touch what belongs
//! to the system (`/etc`, `/usr/bin`, the network), the process first gets a mount or network namespace of its own and covers the place
//! with an empty one: the path is the real one, the file is not. Whatever is made is gone when the action ends.
//!
//! Actions for containers are done by a process in a control group that is named like one of Docker's, which is how containers are
//! recognised; no runtime is needed for that, but podman is used on request. The program knows nothing of falco's crates: it sees falco from outside, as an attacker does.
//!
//! `unsafe` sits in `raw.rs`.

mod actions;
mod command;
mod contain;
mod perform;
mod podman;
mod raw;
mod runtime;
mod stage;
mod watch;

use std::process::ExitCode;

fn main() -> ExitCode {
    match command::run(std::env::args().collect()) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("falco-generator: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints a line for people.
fn say(line: &str) {
    use std::io::Write as _;
    // There is nobody to tell when standard output is closed.
    let _ = writeln!(std::io::stdout(), "{line}");
}
