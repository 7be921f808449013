//! Alerts to standard output and to a file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use crate::{Channel, Failure, Finished, Priority};

/// Standard output.
#[derive(Debug)]
pub struct StdoutChannel {
    lines: Lines<io::Stdout>,
    colour: bool,
    coloured: Vec<u8>,
}

impl StdoutChannel {
    /// With `buffered` lines are written when there are many of them, else each at once. With `colour` they are for a terminal: coloured by
    /// priority, over whatever stood on the line.
    pub fn new(buffered: bool, colour: bool) -> StdoutChannel {
        StdoutChannel {
            lines: Lines::new(io::stdout(), buffered),
            colour,
            coloured: Vec::new(),
        }
    }
}

impl Channel for StdoutChannel {
    fn name(&self) -> &'static str {
        "stdout"
    }

    fn deliver(&mut self, alert: &Arc<Finished>) -> Result<(), Failure> {
        if !self.colour {
            return Ok(self.lines.write(alert.line_and_newline())?);
        }
        self.coloured.clear();
        coloured(alert.alert.priority, alert.line(), &mut self.coloured);
        Ok(self.lines.write(&self.coloured)?)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        Ok(self.lines.flush()?)
    }
}

/// A line for a terminal: the rest of what stood there is erased.
fn coloured(priority: Priority, line: &[u8], out: &mut Vec<u8>) {
    let colour: &[u8] = match priority {
        Priority::Emergency | Priority::Alert | Priority::Critical => b"1;31",
        Priority::Error => b"31",
        Priority::Warning => b"33",
        Priority::Notice => b"36",
        Priority::Informational => b"32",
        Priority::Debug => b"2",
    };
    for part in [b"\x1b[K\x1b[", colour, b"m", line, b"\x1b[0m\n"] {
        out.extend_from_slice(part);
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
    /// The file at `path`. With `keep_open` it is opened once, else for each alert.
    pub fn new(path: PathBuf, keep_open: bool, buffered: bool) -> FileChannel {
        FileChannel {
            path,
            keep_open,
            buffered,
            open: None,
        }
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
            Some(mut out) => Ok(out.flush()?),
            None => Ok(()),
        }
    }
}

impl Channel for FileChannel {
    fn name(&self) -> &'static str {
        "file"
    }

    fn deliver(&mut self, alert: &Arc<Finished>) -> Result<(), Failure> {
        let out = self.open()?;
        let written = out.write(alert.line_and_newline());
        if !self.keep_open {
            self.close()?;
        }
        Ok(written?)
    }

    fn reopen(&mut self) -> Result<(), Failure> {
        let written = self.close();
        self.open()?;
        if !self.keep_open {
            self.close()?;
        }
        written
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.close()
    }
}

/// A writer that gets each line at once, or many together.
#[derive(Debug)]
pub(crate) enum Lines<W: Write> {
    Single(W),
    Buffered(BufWriter<W>),
}

impl<W: Write> Lines<W> {
    pub(crate) fn new(inner: W, buffered: bool) -> Lines<W> {
        if buffered {
            Lines::Buffered(BufWriter::new(inner))
        } else {
            Lines::Single(inner)
        }
    }

    pub(crate) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Lines::Single(out) => {
                out.write_all(line)?;
                out.flush()
            }
            Lines::Buffered(out) => out.write_all(line),
        }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Lines::Single(out) => out.flush(),
            Lines::Buffered(out) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::tests::finished;

    #[test]
    fn a_file_is_appended_to_and_opened_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("alerts"), dir.path().join("moved"));
        for keep_open in [false, true] {
            fs::write(&path, "old\n").unwrap();
            let mut file = FileChannel::new(path.clone(), keep_open, keep_open);
            file.deliver(&finished("one")).unwrap();
            file.reopen().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "old\none\n");
            fs::rename(&path, &moved).unwrap();
            file.reopen().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "");
            file.deliver(&finished("two")).unwrap();
            file.finish().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
            assert_eq!(fs::read_to_string(&moved).unwrap(), "old\none\n");
        }
    }

    #[test]
    fn terminals_get_colours() {
        let mut out = Vec::new();
        coloured(Priority::Critical, b"line", &mut out);
        assert_eq!(out, b"\x1b[K\x1b[1;31mline\x1b[0m\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let mut file = FileChannel::new("/nowhere/at/all".into(), false, false);
        let failure = file.deliver(&finished("x")).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "failed to open output file /nowhere/at/all"
        );
    }
}
