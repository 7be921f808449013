//! Sleeping until the probe has something.
//!
//! A call that wakes somebody costs the caller more than its event. So the probe wakes nobody who is awake or about to look: the
//! consumer naps while there is something to do, and longer the less it finds after a nap. Only when a nap brought nothing does it
//! ask to be woken, by a word that it shares with the probe; then an idle machine stays idle and the first event is read at once.
#![allow(unsafe_code)]

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
    ptr::{self, NonNull},
    sync::atomic::{AtomicU32, Ordering, fence},
    thread,
    time::Duration,
};

use rustix::{
    event::{Timespec, epoll},
    mm::{MapFlags, ProtFlags, mmap, munmap},
};

/// How long a nap is: what comes meanwhile waits, and the rings must hold it.
const NAP_MIN: Duration = Duration::from_micros(100);
const NAP_MAX: Duration = Duration::from_millis(8);
/// With so many events a nap was too long for the rings' good, with so few too short for the CPU's.
const MANY: u32 = 256;
const FEW: u32 = 32;

/// The same struct is in `bpf/include/maps.h`.
#[repr(C)]
struct Words {
    /// Whether to wake us; we write it.
    asleep: AtomicU32,
    /// Whether a program of the 32-bit interface was started.
    narrow_seen: AtomicU32,
}

/// Wakes the consumer.
#[derive(Debug)]
pub(crate) struct Bell {
    /// In the probe's memory.
    words: NonNull<Words>,
    rings: OwnedFd,
    nap: Duration,
    /// How many events were read since the last nap.
    read: u32,
    /// Whether that nap was for nothing so far.
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
            epoll::add(&epoll, ring, data, epoll::EventFlags::IN)?;
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
            read: 0,
            quiet: false,
        })
    }

    /// An event was read.
    pub(crate) fn count(&mut self) {
        self.read = self.read.saturating_add(1);
        self.quiet = false;
    }

    /// Sleeps, at most that long, and less when something comes. `is_empty` says whether the rings are, once the probe was asked to wake us.
    pub(crate) fn sleep(&mut self, at_most: Duration, is_empty: impl FnOnce() -> bool) {
        if !self.quiet {
            self.nap = match self.read {
                MANY.. => self.nap / 2,
                0..FEW => self.nap * 2,
                _ => self.nap,
            }
            .clamp(NAP_MIN, NAP_MAX);
            self.read = 0;
            self.quiet = true;
            thread::sleep(self.nap.min(at_most));
            return;
        }
        self.quiet = false;
        self.words().asleep.store(1, Ordering::SeqCst);
        // What is written after this looks at the word, what was written before is seen by us.
        fence(Ordering::SeqCst);
        if is_empty() {
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
        self.words().asleep.store(0, Ordering::Relaxed);
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
