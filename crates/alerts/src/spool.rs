//! Alerts on disk, for channels that cannot deliver them yet.
//!
//! A spool is a directory of one channel. Alerts are written to it before any channel gets them, so that neither a server that is away nor
//! the end of falco loses one; the channel reads them in order and says how far it has come. After being killed in between it gets the last
//! ones again. What a power failure takes is what the system had not written yet.
//!
//! - `NUMBER.alerts`: segments of records ([`record`]), the last one being written; a segment that has been delivered is removed.
//! - `delivered`: up to where alerts are out.
//! - `lock`: held by the one who uses the directory.

pub(crate) mod record;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::FlockOperation;

use crate::Finished;
use record::Record;

/// Where alerts wait for their channels, and how many.
#[derive(Clone, Debug)]
pub struct SpoolOptions {
    /// A directory, in which every channel gets its own.
    pub path: PathBuf,
    /// How many bytes may wait for each channel.
    pub max_bytes: u64,
    /// How long an alert may wait.
    pub max_age: Duration,
}

/// A place in the spool: the number of a segment and a place in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    segment: u64,
    at: u64,
}

/// Alerts of one channel.
#[derive(Debug)]
pub(crate) struct Spool {
    path: PathBuf,
    segment_max: u64,
    max_bytes: u64,
    max_age: Duration,
    tail: Mutex<Tail>,
    head: Mutex<Head>,
    _lock: File,
}

/// Where alerts are written.
#[derive(Debug)]
struct Tail {
    file: Option<File>,
    end: Place,
    /// The lengths of the segments that are there, this one included.
    segments: Vec<(u64, u64)>,
}

/// Where alerts are read.
#[derive(Debug)]
pub(crate) struct Head {
    file: Option<(u64, File)>,
    delivered: File,
    committed: Place,
    next: Place,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    Alert(Arc<Finished>),
    /// It has waited for too long, and is passed over.
    TooOld,
    /// Nothing waits.
    Nothing,
}

impl Spool {
    /// The spool of a channel; the same for all who ask for it in this process, as a new configuration does while the old one ends.
    ///
    /// # Errors
    /// It cannot be made or read, or another process uses it.
    pub(crate) fn open(options: &SpoolOptions, channel: &str) -> io::Result<Arc<Spool>> {
        static OPEN: Mutex<Vec<Weak<Spool>>> = Mutex::new(Vec::new());
        let path = options.path.join(channel);
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|spool| spool.strong_count() > 0);
        let same = |spool: &Arc<Spool>| spool.path == path;
        if let Some(spool) = open.iter().filter_map(Weak::upgrade).find(same) {
            return Ok(spool);
        }
        let spool = Arc::new(Spool::new(path, options)?);
        open.push(Arc::downgrade(&spool));
        Ok(spool)
    }

    fn new(path: PathBuf, options: &SpoolOptions) -> io::Result<Spool> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)?;
        let lock = private().open(path.join("lock"))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| io::Error::other("another process uses it"))?;
        let mut segments = segments(&path)?;
        segments.sort_unstable();
        let delivered = private().read(true).open(path.join("delivered"))?;
        let mut start = read_place(&delivered).unwrap_or_default();
        if let Some(&(first, _)) = segments.first()
            && first > start.segment
        {
            start = Place {
                segment: first,
                at: 0,
            };
        }
        let last = segments.last().map_or(0, |(number, _)| *number);
        Ok(Spool {
            // What is written is at most two segments more than what waits.
            segment_max: (options.max_bytes / 8).clamp(1, 1 << 24),
            max_bytes: options.max_bytes,
            max_age: options.max_age,
            tail: Mutex::new(Tail {
                file: None,
                // Whoever wrote the last segment may have been killed: another one begins.
                end: Place {
                    segment: last.max(start.segment),
                    at: u64::MAX,
                },
                segments,
            }),
            head: Mutex::new(Head {
                file: None,
                delivered,
                committed: start,
                next: start,
            }),
            path,
            _lock: lock,
        })
    }

    /// Writes an alert.
    ///
    /// # Errors
    /// There is no room, here or on the disk. Nothing of it is left.
    pub(crate) fn append(&self, alert: &Finished) -> io::Result<()> {
        let full = || io::Error::new(io::ErrorKind::QuotaExceeded, "the spool is full");
        let bytes = record::encode(alert, now_ns()).ok_or_else(full)?;
        let mut tail = self.tail();
        let waiting: u64 = tail.segments.iter().map(|(_, length)| length).sum();
        if waiting + bytes.len() as u64 > self.max_bytes {
            return Err(full());
        }
        tail.write(&self.path, self.segment_max, &bytes)
    }

    /// The reading side, unless somebody has it.
    pub(crate) fn head(&self) -> Option<MutexGuard<'_, Head>> {
        match self.head.try_lock() {
            Ok(head) => Some(head),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next alert that is not read yet.
    ///
    /// # Errors
    /// A segment cannot be read.
    pub(crate) fn next(&self, head: &mut Head) -> io::Result<Next> {
        loop {
            let end = self.tail().end;
            let Some(segment) = self.tail().segment_from(head.next.segment) else {
                return Ok(Next::Nothing);
            };
            if segment > head.next.segment {
                head.next = Place { segment, at: 0 };
            }
            if let Some(record) = head.read(&self.path, end)? {
                head.next.at = record.end;
                let age = now_ns().saturating_sub(record.written_ns);
                return Ok(if u128::from(age) > self.max_age.as_nanos() {
                    Next::TooOld
                } else {
                    Next::Alert(record.alert)
                });
            }
            if segment >= end.segment && end.at != u64::MAX {
                return Ok(Next::Nothing);
            }
            // The end of a segment that nobody writes to any more.
            head.next = Place {
                segment: segment + 1,
                at: 0,
            };
        }
    }

    /// All that was read is out.
    ///
    /// # Errors
    /// It cannot be noted: these alerts will be delivered again after a restart.
    pub(crate) fn commit(&self, head: &mut Head) -> io::Result<()> {
        if head.committed == head.next {
            return Ok(());
        }
        head.committed = head.next;
        let mut bytes = [0; 20];
        let (place, sum) = bytes.split_at_mut(16);
        let (segment, at) = place.split_at_mut(8);
        segment.copy_from_slice(&head.next.segment.to_le_bytes());
        at.copy_from_slice(&head.next.at.to_le_bytes());
        sum.copy_from_slice(&crc32fast::hash(place).to_le_bytes());
        head.delivered.write_all_at(&bytes, 0)?;
        self.tail().remove_before(&self.path, head.next.segment);
        Ok(())
    }

    /// What was read and is not out is to be read again.
    pub(crate) fn rewind(head: &mut Head) {
        head.next = head.committed;
    }
}

impl Tail {
    fn write(&mut self, path: &Path, segment_max: u64, bytes: &[u8]) -> io::Result<()> {
        if self.end.at >= segment_max {
            self.file = None;
        }
        if self.file.is_none() {
            let number = self.end.segment + 1;
            self.file = Some(private().append(true).open(segment_path(path, number))?);
            self.end = Place {
                segment: number,
                at: 0,
            };
            self.segments.push((number, 0));
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        if let Err(cause) = file.write_all(bytes) {
            // Should this fail, too, the segment ends here for whoever reads it.
            if file.set_len(self.end.at).is_err() {
                self.file = None;
                self.end.at = u64::MAX;
            }
            return Err(cause);
        }
        self.end.at += bytes.len() as u64;
        if let Some((_, length)) = self.segments.last_mut() {
            *length = self.end.at;
        }
        Ok(())
    }

    /// The first segment from that number on.
    fn segment_from(&self, number: u64) -> Option<u64> {
        let mut numbers = self.segments.iter().map(|(number, _)| *number);
        numbers.find(|there| *there >= number)
    }

    /// Removes what has been delivered.
    fn remove_before(&mut self, path: &Path, number: u64) {
        self.segments.retain(|(segment, _)| {
            // One that cannot be removed is passed over by its number for ever.
            *segment >= number || fs::remove_file(segment_path(path, *segment)).is_err()
        });
    }
}

impl Head {
    /// The record at the place that is next, unless its segment ends there.
    fn read(&mut self, path: &Path, end: Place) -> io::Result<Option<Record>> {
        let Place { segment, at } = self.next;
        let file = match self.file.take() {
            Some((number, file)) if number == segment => file,
            _ => match File::open(segment_path(path, segment)) {
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
                file => file?,
            },
        };
        let length = if segment == end.segment && end.at != u64::MAX {
            end.at
        } else {
            file.metadata()?.len()
        };
        let record = record::read(|bytes, at| file.read_exact_at(bytes, at), at, length);
        self.file = Some((segment, file));
        record
    }
}

/// Alerts tell of secrets: nobody else reads them.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(false).mode(0o600);
    options
}

fn segment_path(path: &Path, number: u64) -> PathBuf {
    path.join(format!("{number:020}.alerts"))
}

/// The numbers and lengths of the segments of a directory.
fn segments(path: &Path) -> io::Result<Vec<(u64, u64)>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".alerts"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            segments.push((number, entry.metadata()?.len()));
        }
    }
    Ok(segments)
}

/// The place that was noted, if one was.
fn read_place(file: &File) -> Option<Place> {
    let mut bytes = [0; 20];
    file.read_exact_at(&mut bytes, 0).ok()?;
    let (place, sum) = bytes.split_at(16);
    if crc32fast::hash(place).to_le_bytes() != sum {
        return None;
    }
    let (segment, at) = place.split_at(8);
    Some(Place {
        segment: u64::from_le_bytes(segment.try_into().ok()?),
        at: u64::from_le_bytes(at.try_into().ok()?),
    })
}

fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_nanos() as u64)
}

#[cfg(test)]
mod tests;
