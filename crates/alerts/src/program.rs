//! Alerts to a program.

use std::io;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;

use crate::file::Lines;
use crate::{Channel, Failure, Finished};

/// A command of the shell that reads alerts from its standard input.
#[derive(Debug)]
pub struct ProgramChannel {
    command: String,
    keep_alive: bool,
    buffered: bool,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    input: Lines<ChildStdin>,
}

impl ProgramChannel {
    /// With `keep_alive` the program is started once and reads all alerts, else it is started for each and waited for.
    pub fn new(command: String, keep_alive: bool, buffered: bool) -> ProgramChannel {
        ProgramChannel {
            command,
            keep_alive,
            buffered,
            running: None,
        }
    }

    fn start(&self) -> Result<Running, Failure> {
        let mut shell = Command::new("/bin/sh");
        let started = shell
            .args(["-c", &self.command])
            .stdin(Stdio::piped())
            .spawn();
        let failed = |cause: &io::Error| {
            Failure::Other(format!(
                "Failed to open program output: {} (error: {cause})",
                self.command
            ))
        };
        let mut child = started.map_err(|cause| failed(&cause))?;
        let Some(input) = child.stdin.take() else {
            return Err(failed(&io::Error::from(io::ErrorKind::BrokenPipe)));
        };
        Ok(Running {
            child,
            input: Lines::new(input, self.buffered),
        })
    }

    fn write(&mut self, line: &[u8]) -> Result<(), Failure> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        let written = running.input.write(line).and_then(|()| {
            if self.keep_alive {
                Ok(())
            } else {
                running.input.flush()
            }
        });
        match written {
            Ok(()) if self.keep_alive => self.running = Some(running),
            Ok(()) => running.end(),
            Err(cause) => {
                running.end();
                return Err(Failure::Write(cause));
            }
        }
        Ok(())
    }
}

impl Channel for ProgramChannel {
    fn name(&self) -> &'static str {
        "program"
    }

    fn deliver(&mut self, alert: &Arc<Finished>) -> Result<(), Failure> {
        let ran = self.running.is_some();
        match self.write(alert.line_and_newline()) {
            // It has ended since the last alert; another one may read this.
            Err(Failure::Write(cause)) if ran && cause.kind() == io::ErrorKind::BrokenPipe => {
                self.write(alert.line_and_newline())
            }
            written => written,
        }
        .map_err(|failure| match failure {
            Failure::Write(cause) if cause.kind() == io::ErrorKind::BrokenPipe => {
                Failure::Other(format!("{} ended without reading the alert", self.command))
            }
            failure => failure,
        })
    }

    fn reopen(&mut self) -> Result<(), Failure> {
        self.finish()?;
        if self.keep_alive {
            self.running = Some(self.start()?);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        if let Some(mut running) = self.running.take() {
            let written = running.input.flush();
            running.end();
            written.map_err(Failure::Write)?;
        }
        Ok(())
    }
}

impl Running {
    /// Lets it read the end, and waits until it is done. How it ends is its own affair.
    fn end(self) {
        let Running { mut child, input } = self;
        drop(input);
        let _ = child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::tests::finished;

    #[test]
    fn it_runs_for_each_alert_or_for_all() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        for (keep_alive, expected) in [
            (false, "start\none\nstart\ntwo\n"),
            (true, "start\none\ntwo\n"),
        ] {
            let command = format!("{{ echo start; tr A-Z a-z; }} >> {}", out.display());
            let mut program = ProgramChannel::new(command, keep_alive, false);
            program.deliver(&finished("ONE")).unwrap();
            program.deliver(&finished("TWO")).unwrap();
            program.finish().unwrap();
            assert_eq!(fs::read_to_string(&out).unwrap(), expected);
            fs::remove_file(&out).unwrap();
        }
    }

    #[test]
    fn one_that_does_not_read_does_no_harm() {
        // More than a pipe holds, so that writing cannot succeed unread.
        let long = finished(&"x".repeat(1 << 20));
        for keep_alive in [false, true] {
            let mut program = ProgramChannel::new("exit 3".into(), keep_alive, false);
            for _ in 0..2 {
                assert_eq!(
                    program.deliver(&long).unwrap_err().to_string(),
                    "exit 3 ended without reading the alert"
                );
            }
            program.finish().unwrap();
        }
    }

    #[test]
    fn one_that_ends_is_started_anew() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let command = format!("head -n 1 >> {}", out.display());
        let mut program = ProgramChannel::new(command, true, false);
        program.deliver(&finished("one")).unwrap();
        let ended = program.running.as_mut().unwrap().child.wait().unwrap();
        assert!(ended.success());
        program.deliver(&finished("two")).unwrap();
        program.finish().unwrap();
        assert_eq!(fs::read_to_string(&out).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn reopening_starts_another() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let command = format!("cat > {}; echo end >> {}", out.display(), out.display());
        let mut program = ProgramChannel::new(command, true, true);
        program.deliver(&finished("one")).unwrap();
        program.reopen().unwrap();
        program.deliver(&finished("two")).unwrap();
        program.finish().unwrap();
        assert_eq!(fs::read_to_string(&out).unwrap(), "two\nend\n");
    }
}
