//! Reading a BPF ring buffer.
//!
//! The layout is the kernel's (Documentation/bpf/ringbuf.rst): a page with the consumer's position, which we write; a page with the
//! producer's position and the data, mapped twice in a row so that no record is ever split. A record is a header of 8 bytes (length
//! with two flag bits on top, an offset that we ignore) and its bytes, rounded up to 8.
#![allow(unsafe_code)]

use std::{
    io,
    os::fd::BorrowedFd,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
const HEADER: usize = 8;
/// Where the time of an event lies in its record: at the start, 8 bytes.
const TIME_BYTES: usize = 8;

/// Where a record lies that is there to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    start: usize,
    length: usize,
}

#[derive(Debug)]
pub(crate) struct Ring {
    /// The page with the consumer's position.
    consumer: NonNull<u8>,
    /// The page with the producer's position, then the data twice.
    producer: NonNull<u8>,
    page: usize,
    size: usize,
    /// The consumer's position: only we write it.
    position: usize,
}

impl Ring {
    pub(crate) fn map(fd: BorrowedFd<'_>, size: usize) -> io::Result<Ring> {
        let page = rustix::param::page_size();
        assert!(
            size.is_power_of_two() && size >= page,
            "a ring is a power of two and at least a page"
        );
        // SAFETY: a new shared mapping, at an address of the kernel's choice; the ring's first page may be written by us.
        let consumer = unsafe {
            mmap(
                ptr::null_mut(),
                page,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                fd,
                0,
            )
        }?;
        // SAFETY: likewise; what follows the first page may only be read.
        let producer = unsafe {
            mmap(
                ptr::null_mut(),
                page + 2 * size,
                ProtFlags::READ,
                MapFlags::SHARED,
                fd,
                page as u64,
            )
        };
        let not_null = |mapping: *mut std::ffi::c_void| {
            NonNull::new(mapping.cast::<u8>()).ok_or(io::ErrorKind::Other)
        };
        let consumer = not_null(consumer)?;
        let producer = match producer {
            Ok(producer) => not_null(producer)?,
            Err(error) => {
                // SAFETY: mapped above with this length, and nobody has a reference into it.
                let _ = unsafe { munmap(consumer.as_ptr().cast(), page) };
                return Err(error.into());
            }
        };
        let mut ring = Ring {
            consumer,
            producer,
            page,
            size,
            position: 0,
        };
        ring.position = ring.consumer_position().load(Ordering::Relaxed);
        Ok(ring)
    }

    fn consumer_position(&self) -> &AtomicUsize {
        // SAFETY: the page is mapped as long as we are, starts with this aligned word, and the kernel only reads it.
        unsafe { self.consumer.cast::<AtomicUsize>().as_ref() }
    }

    fn producer_position(&self) -> &AtomicUsize {
        // SAFETY: the page is mapped as long as we are and starts with this aligned word, which the kernel writes atomically.
        unsafe { self.producer.cast::<AtomicUsize>().as_ref() }
    }

    /// The first word of the record at an offset into the data.
    fn header(&self, offset: usize) -> &AtomicU32 {
        let word = self.at(offset).cast::<AtomicU32>();
        // SAFETY: records start at multiples of 8, so the word lies aligned in the mapping, which lives as long as we do.
        unsafe { word.as_ref() }
    }

    /// A place in the two copies of the data.
    fn at(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset < 2 * self.size, "within the two copies");
        // SAFETY: the mapping is a page and twice the size long, and the offset is below the latter.
        unsafe { self.producer.add(self.page + offset) }
    }

    /// Whether there is nothing, finished or not.
    pub(crate) fn is_empty(&self) -> bool {
        self.position == self.producer_position().load(Ordering::Acquire)
    }

    /// Where the data of the next finished record is. Passes over discarded ones.
    pub(crate) fn peek(&mut self) -> Option<Place> {
        loop {
            if self.is_empty() {
                return None;
            }
            let offset = self.position & (self.size - 1);
            let header = self.header(offset).load(Ordering::Acquire);
            if header & BUSY != 0 {
                return None;
            }
            let length = (header & !(BUSY | DISCARDED)) as usize;
            if header & DISCARDED == 0 {
                // A record never is longer than the ring; should it be, its bytes still lie in the mapping.
                return Some(Place {
                    start: offset + HEADER,
                    length: length.min(self.size - HEADER),
                });
            }
            self.pass(length);
        }
    }

    /// Gives back the record that was peeked at.
    pub(crate) fn advance(&mut self, place: Place) {
        self.pass(place.length);
    }

    fn pass(&mut self, length: usize) {
        self.position += (length + HEADER).next_multiple_of(8);
        self.consumer_position()
            .store(self.position, Ordering::Release);
    }

    /// The bytes of a record that was not given back yet.
    pub(crate) fn bytes(&self, place: Place) -> &[u8] {
        let start = self.at(place.start);
        // SAFETY: start is at most size plus a header, length at most size less a header: both within the two copies of the data. The
        // producer does not touch a finished record until its position is passed, which needs `&mut self`.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), place.length) }
    }

    /// When it was begun.
    pub(crate) fn time(&self, place: Place) -> u64 {
        self.bytes(place)
            .first_chunk::<TIME_BYTES>()
            .map_or(0, |time| u64::from_le_bytes(*time))
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: mapped in `map` with these lengths; no reference outlives us.
        let _ = unsafe { munmap(self.consumer.as_ptr().cast(), self.page) };
        // SAFETY: as above.
        let _ = unsafe { munmap(self.producer.as_ptr().cast(), self.page + 2 * self.size) };
    }
}

// SAFETY: the mappings belong to the ring alone; nothing in it is bound to a thread.
unsafe impl Send for Ring {}
