//! Sleeping until the probe has something.
//!
//! A call that wakes somebody costs the caller more than its event, and whoever wakes for a few events has to fetch all that it works with from
//! far away: 50 µs, as much as thirty events. So the consumer naps while there is something to do, the longer the longer that lasts, and lets
//! events pile up; the probe ends a nap only when many have come, long before the rings are full. When a nap brought nothing the consumer
//! sleeps until the first event, so that an idle machine stays idle and that event is read at once. A word that it shares with the probe says
//! which of these it does.
#![allow(unsafe_code)]

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
    ptr::{self, NonNull},
    sync::atomic::{AtomicU32, Ordering, fence},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{Timespec, epoll},
    mm::{MapFlags, ProtFlags, mmap, munmap},
};

use crate::merge::HOLD_NS;

/// How long events may wait for each other: at first, and when they have come for a while, which is what upstream's consumer sleeps at the
/// longest, too.
const NAP_MIN: Duration = Duration::from_millis(1);
const NAP_MAX: Duration = Duration::from_millis(30);
/// What comes after so long a silence is the first again.
const SILENCE: Duration = Duration::from_millis(100);
/// So many bytes of a ring, divided by the CPUs that write into it, make an event of those that end a nap.
const BYTES_PER_EVENT: u32 = 2048;

/// After how many events of one CPU a nap ends, a power of two: a ring has room for more, even if they are large and come from all CPUs
/// that share it.
pub(crate) fn events_of_nap(ring_bytes: u32, cpus_per_ring: u32) -> u32 {
    let events = (ring_bytes / BYTES_PER_EVENT / cpus_per_ring.max(1)).max(1);
    1 << events.ilog2()
}

/// What the consumer does; the same numbers are in `bpf/include/maps.h`.
#[repr(u32)]
enum Doing {
    Reading = 0,
    Sleeping = 1,
    Napping = 2,
}

/// The same struct is in `bpf/include/maps.h`.
#[repr(C)]
struct Words {
    /// [`Doing`]: we write it, and the probe when it wakes us.
    consumer: AtomicU32,
    /// Whether a program of the 32-bit interface was started.
    narrow_seen: AtomicU32,
}

/// Wakes the consumer.
#[derive(Debug)]
pub(crate) struct Bell {
    /// In the probe's memory.
    words: NonNull<Words>,
    rings: OwnedFd,
    /// How long the next nap is.
    nap: Duration,
    /// Whether nothing was read since the last nap.
    quiet: bool,
}

impl Bell {
    /// A bell for these rings; the map is of one value, which begins with the words.
    pub(crate) fn new<'a>(
        map: BorrowedFd<'_>,
        rings: impl Iterator<Item = BorrowedFd<'a>>,
    ) -> io::Result<Bell> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for ring in rings {
            let data = epoll::EventData::new_u64(0);
            // By the edge: what is in a ring already ends no nap, only being woken does.
            let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
            epoll::add(&epoll, ring, data, flags)?;
        }
        // SAFETY: a new shared mapping, at an address of the kernel's choice, of a map that was made to be mapped.
        let page = unsafe {
            mmap(
                ptr::null_mut(),
                rustix::param::page_size(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                map,
                0,
            )
        }?;
        Ok(Bell {
            words: NonNull::new(page.cast()).ok_or(io::ErrorKind::Other)?,
            rings: epoll,
            nap: NAP_MIN,
            quiet: false,
        })
    }

    /// An event was read.
    pub(crate) fn count(&mut self) {
        self.quiet = false;
    }

    /// Sleeps, at most that long, and less when something comes. `is_empty` says whether the rings are, once the probe was asked to wake us.
    pub(crate) fn sleep(&mut self, at_most: Duration, is_empty: impl FnOnce() -> bool) {
        if self.quiet {
            self.say(Doing::Sleeping);
            // What is written after this looks at the word, what was written before is seen by us.
            fence(Ordering::SeqCst);
            let start = Instant::now();
            if is_empty() {
                self.wait(at_most);
            } else {
                // What is there cannot be read yet: a CPU may still be writing what is older.
                thread::sleep(at_most.min(Duration::from_nanos(HOLD_NS)));
            }
            if start.elapsed() >= SILENCE {
                self.nap = NAP_MIN;
            }
        } else {
            self.quiet = true;
            self.say(Doing::Napping);
            self.wait(at_most.min(self.nap));
            self.nap = NAP_MAX.min(self.nap * 2);
        }
        self.say(Doing::Reading);
    }

    fn say(&self, doing: Doing) {
        self.words().consumer.store(doing as u32, Ordering::Relaxed);
    }

    /// Until the probe wakes us, at most that long.
    fn wait(&self, at_most: Duration) {
        let timeout = Timespec {
            tv_sec: at_most.as_secs() as i64,
            tv_nsec: at_most.subsec_nanos().into(),
        };
        // One is enough to know that there is something. An error is no worse than waking early.
        let mut ready = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        }];
        let _ = epoll::wait(&self.rings, &mut ready, Some(&timeout));
    }

    /// Whether a program of the 32-bit interface was started since the probe was loaded.
    pub(crate) fn narrow_seen(&self) -> bool {
        self.words().narrow_seen.load(Ordering::Relaxed) != 0
    }

    fn words(&self) -> &Words {
        // SAFETY: the page is mapped as long as we are and starts with these aligned words; others only read and write them whole.
        unsafe { self.words.as_ref() }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let page = self.words.as_ptr().cast();
        // SAFETY: mapped in `new` with this length; no reference outlives us.
        let _ = unsafe { munmap(page, rustix::param::page_size()) };
    }
}

// SAFETY: the mapping belongs to the bell alone; nothing in it is bound to a thread.
unsafe impl Send for Bell {}

#[cfg(test)]
mod tests {
    use super::events_of_nap;

    #[test]
    fn naps_leave_room_in_rings() {
        let cases = [
            (8 << 20, 2, 2048),
            (8 << 20, 3, 1024),
            (1 << 20, 1, 512),
            (512 << 20, 1, 1 << 18),
            (8 << 20, 64, 64),
            (4096, 2, 1),
            (4096, 0, 2),
        ];
        for (ring_bytes, cpus, events) in cases {
            assert_eq!(
                events_of_nap(ring_bytes, cpus),
                events,
                "{ring_bytes}, {cpus}"
            );
        }
    }
}
