//! Writing captures: the tables of the moment, then events.
//!
//! What is written is packed with gzip and in the newest version of every block, as upstream writes it (`libscap/scap_savefile.c`), so that
//! both read it. The lists of processes are cut into several blocks: a table of any size is written in bounded memory.

mod tables;

use std::io::{self, Write};

use falco_event::{Builder, Event, EventFlags, codes};
use falco_state::State;
use flate2::{Compression, write::GzEncoder};

use crate::blocks::{self, FRAME, code};

/// What a capture tells of the machine that it was made on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// How many processors it has.
    pub cpus: u32,
    /// Its memory.
    pub memory_bytes: u64,
    /// The largest process id.
    pub max_pid: u64,
    /// Its name; cut to 127 bytes.
    pub hostname: Vec<u8>,
}

/// Writes a capture, packed.
///
/// After an error nothing more should be written: what is there up to then can be read, with an error at its end.
pub struct Writer<W: Write> {
    out: GzEncoder<Counted<W>>,
    /// The body of the block that is being put together.
    body: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a capture with the tables as they are now. `time_ns` is the time of the events that carry what has no table of its own: the
    /// users and groups of containers.
    pub fn new(out: W, machine: &Machine, state: &State, time_ns: u64) -> io::Result<Writer<W>> {
        let counted = Counted {
            inner: out,
            bytes: 0,
        };
        let mut writer = Writer {
            // The thread that takes the events compresses: fast matters more than small.
            out: GzEncoder::new(counted, Compression::fast()),
            body: Vec::new(),
        };
        writer.section()?;
        writer.machine(machine, state.boot_ns)?;
        writer.tables(state)?;
        writer.containers(state, time_ns)?;
        writer.container_users(state, time_ns)?;
        Ok(writer)
    }

    /// Adds an event that happened on a processor.
    pub fn event(&mut self, event: &Event<'_>, cpu: u16) -> io::Result<()> {
        let large = event.info().flags.any(EventFlags::LARGE_PAYLOAD);
        self.body.clear();
        self.body.extend_from_slice(&cpu.to_le_bytes());
        self.body.extend_from_slice(event.bytes());
        self.block(if large {
            code::EVENT_LARGE
        } else {
            code::EVENT
        })
    }

    /// How many bytes have reached the file; what is being compressed is not counted yet.
    pub fn written(&self) -> u64 {
        self.out.get_ref().bytes
    }

    /// Writes what is left.
    pub fn finish(self) -> io::Result<W> {
        let mut counted = self.out.finish()?;
        counted.inner.flush()?;
        Ok(counted.inner)
    }

    fn section(&mut self) -> io::Result<()> {
        const MINOR: u16 = 2;
        const OPEN_END: u64 = u64::MAX;
        self.body.clear();
        self.body.extend_from_slice(&blocks::MAGIC.to_le_bytes());
        self.body.extend_from_slice(&blocks::MAJOR.to_le_bytes());
        self.body.extend_from_slice(&MINOR.to_le_bytes());
        self.body.extend_from_slice(&OPEN_END.to_le_bytes());
        self.block(code::SECTION)
    }

    fn machine(&mut self, machine: &Machine, boot_ns: u64) -> io::Result<()> {
        const HOSTNAME: usize = 128;
        let mut hostname = [0; HOSTNAME];
        for (to, from) in hostname[..HOSTNAME - 1].iter_mut().zip(&machine.hostname) {
            *to = *from;
        }
        self.body.clear();
        self.body.extend_from_slice(&machine.cpus.to_le_bytes());
        self.body
            .extend_from_slice(&machine.memory_bytes.to_le_bytes());
        self.body.extend_from_slice(&machine.max_pid.to_le_bytes());
        self.body.extend_from_slice(&hostname);
        self.body.extend_from_slice(&boot_ns.to_le_bytes());
        self.body.resize(blocks::MACHINE_MARK, 0);
        self.body.extend_from_slice(&blocks::MARK);
        self.block(code::MACHINE)
    }

    fn tables(&mut self, state: &State) -> io::Result<()> {
        tables::interfaces(&state.interfaces, &mut self.body);
        self.block(code::INTERFACES)?;
        tables::users(&state.users, &mut self.body);
        self.block(code::USERS)?;
        self.body.clear();
        for thread in state.threads.iter() {
            tables::process(thread, &mut self.body);
            if self.body.len() >= PROCESSES_BYTES {
                self.block(code::PROCESSES)?;
                self.body.clear();
            }
        }
        if !self.body.is_empty() {
            self.block(code::PROCESSES)?;
        }
        for thread in state.threads.iter().filter(|thread| !thread.fds.is_empty()) {
            tables::fds(thread, &mut self.body);
            self.block(code::FDS)?;
        }
        Ok(())
    }

    /// What is known of containers and pods, in the events that tell it.
    fn containers(&mut self, state: &State, time_ns: u64) -> io::Result<()> {
        // Who told is not kept; upstream names the first process.
        const FIRST_PROCESS: i64 = 1;
        let containers = state.containers.iter();
        let containers = containers.filter_map(|container| container.info.as_ref());
        let containers = containers.map(|info| (&b"container"[..], &info.json));
        let resources = state.kubernetes.iter();
        let resources = resources.map(|resource| (&b"k8s"[..], &resource.json));
        for (name, json) in containers.chain(resources) {
            let json = [&json[..], b"\0"].concat();
            let bytes = Builder::new(codes::ASYNCEVENT_E, time_ns, FIRST_PROCESS)
                .u32(0)
                .str(name)
                .bytes(&json)
                .finish();
            self.made(&bytes)?;
        }
        Ok(())
    }

    /// The users and groups of containers, in the events that add them.
    fn container_users(&mut self, state: &State, time_ns: u64) -> io::Result<()> {
        const NO_THREAD: i64 = -1;
        for container in state.users.containers() {
            for user in state.users.users(container) {
                let bytes = Builder::new(codes::USER_ADDED_E, time_ns, NO_THREAD)
                    .u32(user.uid)
                    .u32(user.gid)
                    .str(&user.name)
                    .str(&user.home)
                    .str(&user.shell)
                    .str(container)
                    .finish();
                self.made(&bytes)?;
            }
            for group in state.users.groups(container) {
                let bytes = Builder::new(codes::GROUP_ADDED_E, time_ns, NO_THREAD)
                    .u32(group.gid)
                    .str(&group.name)
                    .str(container)
                    .finish();
                self.made(&bytes)?;
            }
        }
        Ok(())
    }

    /// Adds an event that was built here.
    fn made(&mut self, bytes: &[u8]) -> io::Result<()> {
        match Event::parse(bytes) {
            Ok(event) => self.event(&event, 0),
            Err(cause) => Err(io::Error::new(io::ErrorKind::InvalidData, cause)),
        }
    }

    /// Writes the block whose body was put together.
    fn block(&mut self, code: u32) -> io::Result<()> {
        let padding = self.body.len().next_multiple_of(4) - self.body.len();
        let Ok(total) = u32::try_from(FRAME + self.body.len() + padding) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a block of 4 GiB or more",
            ));
        };
        self.out.write_all(&code.to_le_bytes())?;
        self.out.write_all(&total.to_le_bytes())?;
        self.out.write_all(&self.body)?;
        self.out.write_all(&[0; 3][..padding])?;
        self.out.write_all(&total.to_le_bytes())
    }
}

/// When a list of processes gets a block of its own.
const PROCESSES_BYTES: usize = 1 << 18;

impl<W: Write> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("written", &self.written())
            .finish_non_exhaustive()
    }
}

/// Counts what is written.
struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
