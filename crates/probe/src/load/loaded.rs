//! What is loaded, and what it tells.

use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};

use falco_event::{EventCode, SyscallCode};
use libbpf_rs::{Link, MapCore as _, MapFlags, MapHandle, Object};

use super::{maps::install, others::ForeignSet, parts::Made, said::Said};
use crate::{
    Filter, Foreign, How, Program, Stats, bell::Bell, error::Error, foreign, stats::COUNTER_BYTES,
};

/// A loaded probe: what has to live as long as it is attached.
#[derive(Debug)]
pub(crate) struct Loaded {
    // Links first: they are dropped before the programs they hold.
    pub(super) links: Vec<Link>,
    pub(super) programs: Vec<Object>,
    pub(super) maps: Object,
    pub(super) rings: Vec<MapHandle>,
    pub(super) ring_bytes: u32,
    pub(super) boot_time_ns: u64,
    pub(super) how: How,
    pub(super) foreign: Watch,
    pub(super) refused: Vec<(How, Error)>,
    /// What is left to be done when calls of other interfaces are to be watched beside programs on calls one by one.
    pub(super) foreign_set: Option<ForeignSet>,
    pub(super) unsupported: Vec<SyscallCode>,
    pub(super) lacks_rings: bool,
    /// How many calls are looked at when they begin, too.
    pub(super) compared: usize,
    /// Whether files that are opened and closed have been reported from the start on.
    pub(super) reports_files: bool,
    /// Whether the closing of descriptors is reported.
    pub(super) reports_closing: bool,
}

/// What is done about calls by the kernel's other interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// They are reported.
    On,
    /// They will be from the first 32-bit program on.
    Waiting,
    /// They are not.
    Off,
}

impl Watch {
    pub(super) fn at_first(how: How, foreign: Foreign) -> Watch {
        match (how, foreign) {
            (How::AllCalls, _) | (_, Foreign::Always) => Watch::On,
            (_, Foreign::Never) => Watch::Off,
            (_, Foreign::Auto) if foreign::runs_already() => Watch::On,
            (_, Foreign::Auto) => Watch::Waiting,
        }
    }
}

impl Loaded {
    pub(crate) fn rings(&self) -> impl Iterator<Item = (BorrowedFd<'_>, usize)> {
        self.rings
            .iter()
            .map(|ring| (ring.as_fd(), self.ring_bytes as usize))
    }

    pub(crate) fn boot_time_ns(&self) -> u64 {
        self.boot_time_ns
    }

    /// What wakes who waits for the rings.
    pub(crate) fn bell(&self) -> Result<Bell, Error> {
        let failed = |cause: std::io::Error| Error::Refused {
            cause: format!("waiting for its rings: {cause}"),
            detail: String::new(),
        };
        let mut maps = self.maps.maps();
        let map = maps.find(|map| map.name().to_string_lossy().ends_with(".data.words"));
        let map = map.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
        Bell::new(map.as_fd(), self.rings.iter().map(AsFd::as_fd)).map_err(failed)
    }

    pub(crate) fn refilter(&mut self, filter: Option<&Filter>) -> Result<bool, Error> {
        let files = filter.is_none_or(|filter| filter.files);
        let enough = self.reports_files || !files;
        if enough {
            install(&mut self.maps, filter, self.reports_closing).map_err(|cause| {
                Error::Refused {
                    cause: cause.to_string(),
                    detail: String::new(),
                }
            })?;
            self.reports_files &= files;
        }
        Ok(enough)
    }

    pub(crate) fn how(&self) -> How {
        self.how
    }

    pub(crate) fn foreign(&self) -> Watch {
        self.foreign
    }

    pub(super) fn watch_foreign(&mut self) -> libbpf_rs::Result<()> {
        if let Some(set) = &mut self.foreign_set {
            let _said = Said::listen();
            self.links.push(set.load(&Made::of(&self.maps)?)?);
        }
        Ok(())
    }

    /// Attaches to the calls of the other interfaces, if they were waited for: a program has come that makes them.
    pub(crate) fn attend(&mut self) {
        if self.foreign != Watch::Waiting {
            return;
        }
        // If the kernel refuses what it took before, asking again would not help.
        self.foreign = match self.watch_foreign() {
            Ok(()) => Watch::On,
            Err(_) => Watch::Off,
        };
    }

    pub(crate) fn compared(&self) -> usize {
        self.compared
    }

    pub(crate) fn refused(&self) -> &[(How, Error)] {
        &self.refused
    }

    pub(crate) fn lacks_rings(&self) -> bool {
        self.lacks_rings
    }

    pub(crate) fn unsupported(&self) -> &[SyscallCode] {
        &self.unsupported
    }

    /// The counters of each CPU that there can be.
    pub(crate) fn stats_per_cpu(&self) -> Vec<Stats> {
        let map = self.maps.maps().find(|map| map.name() == "counters");
        let per_cpu = map.and_then(|map| {
            map.lookup_percpu(&0_u32.to_ne_bytes(), MapFlags::ANY)
                .ok()
                .flatten()
        });
        let read = |counters: &Vec<u8>| {
            debug_assert!(counters.len() >= COUNTER_BYTES);
            let mut stats = Stats::default();
            stats.add_counters(counters);
            stats
        };
        per_cpu.iter().flatten().map(read).collect()
    }

    /// What the kernel counts of each attached program; a program that cannot be asked is left out.
    pub(crate) fn programs(&self) -> Vec<Program> {
        let loaded = self.programs.iter().flat_map(Object::progs);
        let loaded = loaded.filter(libbpf_rs::ProgramImpl::autoload);
        let ask = |program: libbpf_rs::Program<'_>| {
            let (runs, run_ns) = run_counts(program.as_fd())?;
            Some(Program {
                name: program.name().to_string_lossy().into_owned(),
                runs,
                run_ns,
            })
        };
        loaded.filter_map(ask).collect()
    }

    pub(crate) fn lost(&self) -> Vec<(EventCode, u64)> {
        let mut maps = self.maps.maps();
        let map = maps.find(|map| map.name() == "lost");
        let count = |code: EventCode| {
            let key = u32::from(code.get()).to_ne_bytes();
            let per_cpu = map.as_ref()?.lookup_percpu(&key, MapFlags::ANY).ok()??;
            let words = per_cpu
                .iter()
                .filter_map(|word| word.first_chunk())
                .map(|word| u64::from_ne_bytes(*word));
            Some(words.sum())
        };
        EventCode::all()
            .filter_map(|code| Some((code, count(code)?)))
            .filter(|(_, lost)| *lost > 0)
            .collect()
    }
}

/// How often a program ran, and for how many nanoseconds.
#[allow(
    unsafe_code,
    reason = "libbpf-rs asks by fd only while it walks all programs of the machine"
)]
fn run_counts(program: BorrowedFd<'_>) -> Option<(u64, u64)> {
    let mut info = libbpf_sys::bpf_prog_info::default();
    let mut length = size_of_val(&info) as u32;
    // SAFETY: both places outlive the call, and the kernel writes no more than `length` bytes.
    let error = unsafe {
        libbpf_sys::bpf_obj_get_info_by_fd(
            program.as_raw_fd(),
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    (error == 0).then_some((info.run_cnt, info.run_time_ns))
}
