//! What is there at the start: all threads and their open files, as the kernel's iterators tell them.

use std::{io::Read as _, os::unix::fs::MetadataExt as _};

use falco_event::HEADER_BYTES;
use libbpf_rs::{Iter, Link, Object};

use crate::{
    Config, Error, error,
    load::{Said, boot_time_ns, set_knobs},
    types,
};

/// For kernels whose memory is read by loads, and for the others.
pub(crate) const ITERATING: (&[u8], &[u8]) = (
    include_bytes!(concat!(env!("OUT_DIR"), "/dump_loads.bpf.o")),
    include_bytes!(concat!(env!("OUT_DIR"), "/dump.bpf.o")),
);

/// The pid namespace of the host; the kernel gives it this number.
const HOST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// The iterators, in the order in which they are read: files are of threads that are known.
const ITERATORS: [&str; 2] = ["dump_tasks", "dump_files"];

/// An event of a dump is shorter; the kernel hands out that much at once.
const CHUNK_BYTES: usize = 1 << 16;

/// The kernel's iterators, loaded.
#[derive(Debug)]
pub struct Dump(Object);

impl Dump {
    /// Kernels before 5.18 (6.0 on some) refuse, and so does a process in a pid namespace of its own, which would see only that.
    pub fn load() -> Result<Dump, Error> {
        error::check_machine()?;
        let namespace = std::fs::metadata("/proc/self/ns/pid").map(|stat| stat.ino());
        if !matches!(namespace, Ok(HOST_PID_NAMESPACE)) {
            return Err(refused("this process is not in the host's pid namespace"));
        }
        let _said = Said::listen();
        let object = types::Object::for_kernel(ITERATING.0, ITERATING.1);
        let mut open = object.open("falco_dump").map_err(refused)?;
        set_knobs(&mut open, &Config::default(), 1, boot_time_ns());
        open.load().map(Dump).map_err(refused)
    }

    /// Lends one event after the other, as things are now: first the threads, then their open files. They are those of the iterators, in
    /// the wire form; the thread in the header is `process << 32 | thread`.
    pub fn read(&self, mut take: impl FnMut(&[u8])) -> Result<(), Error> {
        let _said = Said::listen();
        for name in ITERATORS {
            let mut programs = self.0.progs_mut();
            let program = programs.find(|program| program.name() == name);
            let link = program.map(|program| program.attach());
            let link = link.transpose().map_err(refused)?;
            if let Some(link) = link {
                read(&link, &mut take)?;
            }
        }
        Ok(())
    }
}

fn read(link: &Link, take: &mut impl FnMut(&[u8])) -> Result<(), Error> {
    let mut iterator = Iter::new(link).map_err(refused)?;
    let mut buffer = vec![0; 2 * CHUNK_BYTES];
    let mut end = 0;
    loop {
        let Some(free) = buffer.get_mut(end..).filter(|free| !free.is_empty()) else {
            return Err(refused("an event that does not end"));
        };
        match iterator.read(free) {
            Ok(0) if end == 0 => return Ok(()),
            Ok(0) => return Err(refused("the last event is cut off")),
            Ok(count) => end += count,
            // The kernel asks to be asked again.
            Err(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(cause) => return Err(refused(cause)),
        }
        let mut start = 0;
        while let Some(event) = whole_event(buffer.get(start..end).unwrap_or_default()) {
            take(event);
            start += event.len();
        }
        buffer.copy_within(start..end, 0);
        end -= start;
    }
}

/// The event that the bytes begin with, if they hold all of it.
fn whole_event(bytes: &[u8]) -> Option<&[u8]> {
    let length = bytes.get(16..20)?.try_into().ok().map(u32::from_ne_bytes)? as usize;
    bytes.get(..length.max(HEADER_BYTES))
}

fn refused(cause: impl std::fmt::Display) -> Error {
    Error::Refused {
        cause: cause.to_string(),
        detail: Said::take(),
    }
}
