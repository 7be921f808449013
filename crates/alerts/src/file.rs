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

/// So many bytes are written without waiting for more.
const ENOUGH: usize = 64 << 10;

/// A file that alerts are appended to. Those that wait together are written together.
#[derive(Debug)]
pub struct FileChannel {
    path: PathBuf,
    keep_open: bool,
    buffered: bool,
    file: Option<File>,
    /// What is not written yet.
    lines: Vec<u8>,
}

impl FileChannel {
    /// The file at `path`. With `keep_open` it is opened once, else whenever something is written; then `buffered` leaves lines until there
    /// are many of them.
    pub fn new(path: PathBuf, keep_open: bool, buffered: bool) -> FileChannel {
        FileChannel {
            path,
            keep_open,
            buffered: buffered && keep_open,
            file: None,
            lines: Vec::new(),
        }
    }

    fn open(&mut self) -> Result<File, Failure> {
        if let Some(file) = self.file.take() {
            return Ok(file);
        }
        let mut options = OpenOptions::new();
        let opened = options.append(true).create(true).open(&self.path);
        opened.map_err(|cause| Failure::Open {
            path: self.path.clone(),
            cause,
        })
    }

    /// Writes what is there, or forgets it.
    fn write(&mut self) -> Result<(), Failure> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let written = self.open().and_then(|mut file| {
            let written = file.write_all(&self.lines);
            self.file = self.keep_open.then_some(file);
            Ok(written?)
        });
        self.lines.clear();
        written
    }
}

impl Channel for FileChannel {
    fn name(&self) -> &'static str {
        "file"
    }

    fn deliver(&mut self, alert: &Arc<Finished>) -> Result<(), Failure> {
        if self.keep_open {
            self.file = Some(self.open()?);
        }
        self.lines.extend_from_slice(alert.line_and_newline());
        if self.lines.len() < ENOUGH {
            return Ok(());
        }
        self.write()
    }

    fn collects(&self) -> bool {
        true
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if self.buffered {
            return Ok(());
        }
        self.write()
    }

    fn reopen(&mut self) -> Result<(), Failure> {
        let written = self.write();
        self.file = None;
        self.file = Some(self.open()?).filter(|_| self.keep_open);
        written
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.write()
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
            file.flush().unwrap();
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
        file.deliver(&finished("x")).unwrap();
        let failure = file.flush().unwrap_err();
        assert_eq!(
            failure.to_string(),
            "failed to open output file /nowhere/at/all"
        );
        // What could not be written is forgotten.
        file.finish().unwrap();
    }

    #[test]
    fn what_is_buffered_waits_until_there_is_much_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alerts");
        let line = "x".repeat(ENOUGH / 2);
        let mut file = FileChannel::new(path.clone(), true, true);
        for (size, lines) in [(0, 0), (ENOUGH + 2, 2), (ENOUGH + 2, 2)] {
            file.deliver(&finished(&line)).unwrap();
            file.flush().unwrap();
            let written = fs::read(&path).unwrap_or_default();
            assert_eq!(
                (written.len(), written.split(|&b| b == b'\n').count()),
                (size, lines + 1)
            );
        }
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), (ENOUGH / 2 + 1) * 3);
    }
}
