//! The channels that alerts are written to.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

/// Where alerts are written. Those that need more than a line (syslog, programs, HTTP) get the alert itself as well.
#[derive(Debug)]
pub enum Channel {
    /// Standard output.
    Stdout(Lines<io::Stdout>),
    /// A file, appended to.
    File(FileChannel),
}

/// Why an alert could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The file cannot be opened.
    #[error("failed to open output file {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The other end is closed for good.
    #[error("nobody reads any more")]
    Closed,
    /// Writing failed.
    #[error("{0}")]
    Write(#[source] io::Error),
}

impl Channel {
    /// Standard output; with `buffered` lines are written when there are many of them, else each at once.
    pub fn stdout(buffered: bool) -> Channel {
        Channel::Stdout(Lines::new(io::stdout(), buffered))
    }

    /// The file at `path`. With `keep_open` it is opened once, else for each alert.
    pub fn file(path: PathBuf, keep_open: bool, buffered: bool) -> Channel {
        Channel::File(FileChannel {
            path,
            keep_open,
            buffered,
            open: None,
        })
    }

    /// What messages call it.
    pub fn name(&self) -> &'static str {
        match self {
            Channel::Stdout(_) => "stdout",
            Channel::File(_) => "file",
        }
    }

    /// Writes an alert: `line` ends with a newline.
    pub(crate) fn deliver(&mut self, line: &[u8]) -> Result<(), Failure> {
        match self {
            Channel::Stdout(out) => out.write(line).map_err(Failure::from),
            Channel::File(file) => file.deliver(line),
        }
    }

    /// Opens anew what was opened by name, which may mean something else now.
    pub(crate) fn reopen(&mut self) -> Result<(), Failure> {
        match self {
            Channel::Stdout(_) => Ok(()),
            Channel::File(file) => {
                let written = file.close();
                file.open()?;
                if !file.keep_open {
                    file.close()?;
                }
                written
            }
        }
    }

    /// Writes what was held back.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        match self {
            Channel::Stdout(out) => out.flush().map_err(Failure::from),
            Channel::File(file) => file.close(),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(cause: io::Error) -> Failure {
        if cause.kind() == io::ErrorKind::BrokenPipe {
            Failure::Closed
        } else {
            Failure::Write(cause)
        }
    }
}

/// A writer that gets each line at once, or many together.
#[derive(Debug)]
pub enum Lines<W: Write> {
    /// Each line at once.
    Single(W),
    /// Many together.
    Buffered(BufWriter<W>),
}

impl<W: Write> Lines<W> {
    fn new(inner: W, buffered: bool) -> Lines<W> {
        if buffered {
            Lines::Buffered(BufWriter::new(inner))
        } else {
            Lines::Single(inner)
        }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Lines::Single(out) => {
                out.write_all(line)?;
                out.flush()
            }
            Lines::Buffered(out) => out.write_all(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Lines::Single(out) => out.flush(),
            Lines::Buffered(out) => out.flush(),
        }
    }
}

/// A file that alerts are appended to.
#[derive(Debug)]
pub struct FileChannel {
    path: PathBuf,
    keep_open: bool,
    buffered: bool,
    open: Option<Lines<File>>,
}

impl FileChannel {
    fn deliver(&mut self, line: &[u8]) -> Result<(), Failure> {
        let out = self.open()?;
        let written = out.write(line);
        if !self.keep_open {
            self.close()?;
        }
        written.map_err(Failure::from)
    }

    fn open(&mut self) -> Result<&mut Lines<File>, Failure> {
        let out = if let Some(out) = self.open.take() {
            out
        } else {
            let opened = OpenOptions::new()
                .append(true)
                .create(true)
                .open(&self.path);
            let file = opened.map_err(|cause| Failure::Open {
                path: self.path.clone(),
                cause,
            })?;
            Lines::new(file, self.buffered)
        };
        Ok(self.open.insert(out))
    }

    fn close(&mut self) -> Result<(), Failure> {
        match self.open.take() {
            Some(mut out) => out.flush().map_err(Failure::from),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_appended_to_and_opened_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("alerts"), dir.path().join("moved"));
        for keep_open in [false, true] {
            fs::write(&path, "old\n").unwrap();
            let mut file = Channel::file(path.clone(), keep_open, keep_open);
            file.deliver(b"one\n").unwrap();
            file.reopen().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "old\none\n");
            fs::rename(&path, &moved).unwrap();
            file.reopen().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "");
            file.deliver(b"two\n").unwrap();
            file.finish().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
            assert_eq!(fs::read_to_string(&moved).unwrap(), "old\none\n");
        }
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let mut file = Channel::file("/nowhere/at/all".into(), false, false);
        let failure = file.deliver(b"x\n").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "failed to open output file /nowhere/at/all"
        );
    }
}
