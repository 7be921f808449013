//! Loading and attaching: with the dump the only file that talks to libbpf.

use std::{
    os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd},
    sync::Mutex,
};

use falco_event::{SyscallCode, codes::GENERIC_X};
use libbpf_rs::{
    Link, MapCore, MapFlags, MapHandle, MapImpl, MapType, Mut, Object, ObjectBuilder, OpenObject,
    PrintLevel, num_possible_cpus, set_print,
};

use crate::{
    Config, Foreign, How, Program, Stats, bell::Bell, beside::Beside, error, error::Error, foreign,
    numbers, perf, stats::COUNTER_BYTES, tracefs::Tracefs,
};

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/probe.bpf.o"));

/// A loaded probe: what has to live as long as it is attached.
#[derive(Debug)]
pub(crate) struct Loaded {
    // Links first: they are dropped before the programs they hold.
    links: Vec<Link>,
    object: Object,
    rings: Vec<MapHandle>,
    ring_bytes: u32,
    boot_time_ns: u64,
    how: How,
    foreign: Watch,
    why_not_per_call: Option<String>,
    unsupported: Vec<SyscallCode>,
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

/// The program for those calls beside programs on calls one by one.
const DISPATCH_FOREIGN: &str = "dispatch_foreign";

/// What one call needs: the name of its program, which calls without one of their own share, and the number of its tracepoint, if it
/// is attached there.
struct Handler {
    call: SyscallCode,
    program: &'static str,
    tracepoint: Option<u64>,
}

/// The program of the calls whose parameters are not read.
const GENERIC: &str = "generic";

pub(crate) fn load(config: &Config) -> Result<Loaded, Error> {
    error::check_machine()?;
    let per_call = || match Tracefs::open() {
        Ok(tracefs) => load_as(config, How::PerCall, Some(&tracefs)),
        Err(cause) => Err(Error::Refused {
            cause: format!("tracefs: {cause}"),
            detail: String::new(),
        }),
    };
    let all_calls = || load_as(config, How::AllCalls, None);
    match config.how {
        Some(How::PerCall) => per_call(),
        Some(How::AllCalls) => all_calls(),
        // What was wrong with the better way is worth more than what is wrong with the other.
        None => per_call().or_else(|error| match all_calls() {
            Ok(loaded) => Ok(Loaded {
                why_not_per_call: Some(error.to_string()),
                ..loaded
            }),
            Err(_) => Err(error),
        }),
    }
}

fn load_as(config: &Config, how: How, tracefs: Option<&Tracefs>) -> Result<Loaded, Error> {
    let _said = Said::listen();
    let refused = |cause: libbpf_rs::Error| Error::Refused {
        cause: cause.to_string(),
        detail: Said::take(),
    };
    let cpus = num_possible_cpus().map_err(refused)? as u32;
    let mut open = ObjectBuilder::default()
        .name("falco")
        .and_then(|builder| builder.open_memory(OBJECT))
        .map_err(refused)?;
    let (handlers, unsupported) = choose(config, &open, tracefs);
    let own_tracefs = if tracefs.is_none() {
        Tracefs::open().ok()
    } else {
        None
    };
    let beside = Beside::of(&config.calls, tracefs.or(own_tracefs.as_ref()));
    if handlers.is_empty() && beside.calls.is_empty() && !config.calls.is_empty() {
        return Err(Error::Refused {
            cause: "it has a tracepoint for none of the system calls".into(),
            detail: String::new(),
        });
    }
    let boot_time_ns = boot_time_ns();
    set_maps(&mut open, config, cpus, boot_time_ns).map_err(refused)?;
    let foreign = match (how, config.foreign) {
        (How::AllCalls, _) | (_, Foreign::Always) => Watch::On,
        (_, Foreign::Never) => Watch::Off,
        (_, Foreign::Auto) if foreign::runs_already() => Watch::On,
        (_, Foreign::Auto) => Watch::Waiting,
    };
    select(&mut open, how, foreign, &handlers, &beside).map_err(refused)?;
    let mut object = open.load().map_err(refused)?;
    let rings = make_rings(&mut object, config, cpus)?;
    let mut links = Vec::new();
    for program in object.progs_mut().filter(|program| program.autoload()) {
        let name = program.name().to_string_lossy().into_owned();
        if matches!(
            name.as_str(),
            "exited" | "executed" | "executed_narrow" | "dispatch"
        ) || (name == DISPATCH_FOREIGN && foreign == Watch::On)
            || beside.programs.contains(name.as_str())
        {
            links.push(program.attach().map_err(refused)?);
        } else if let Some(call) = name.strip_prefix("one_") {
            let handlers = handlers.iter().filter(|handler| handler.program == call);
            for id in handlers.filter_map(|handler| handler.tracepoint) {
                let event = perf::tracepoint_event(id).map_err(|cause| Error::Refused {
                    cause: format!("sys_exit_{call}: {cause}"),
                    detail: String::new(),
                })?;
                // libbpf closes the event with the link.
                links.push(
                    program
                        .attach_perf_event(event.into_raw_fd())
                        .map_err(refused)?,
                );
            }
        }
    }
    if foreign != Watch::Off {
        fill_dispatcher(&mut object, &handlers).map_err(refused)?;
    }
    Ok(Loaded {
        links,
        object,
        rings,
        ring_bytes: config.ring_bytes,
        boot_time_ns,
        how,
        foreign,
        why_not_per_call: None,
        unsupported,
    })
}

/// Which programs and maps are loaded.
fn select(
    open: &mut OpenObject,
    how: How,
    foreign: Watch,
    handlers: &[Handler],
    beside: &Beside,
) -> libbpf_rs::Result<()> {
    set_constants(open, "rodata.operations", &beside.operations);
    if !beside.has_rings()
        && let Some(mut map) = open.maps_mut().find(|map| map.name() == "requests")
    {
        map.set_autocreate(false)?;
    }
    for mut program in open.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let (one, any) = (name.strip_prefix("one_"), name.strip_prefix("any_"));
        let wanted =
            |call: Option<&str>| handlers.iter().any(|handler| Some(handler.program) == call);
        program.set_autoload(match (how, name.as_str()) {
            (_, name) if beside.programs.contains(name) => true,
            (_, "exited") => true,
            (_, "executed") => wanted(Some("execve")) || wanted(Some("execveat")),
            (How::PerCall, DISPATCH_FOREIGN) => foreign != Watch::Off,
            (How::PerCall, "executed_narrow") => foreign == Watch::Waiting,
            (How::PerCall, _) => wanted(one) || (foreign != Watch::Off && wanted(any)),
            (How::AllCalls, "dispatch") => true,
            (How::AllCalls, _) => wanted(any),
        });
    }
    Ok(())
}

/// Which handlers the calls asked for need, and which of the calls have none: no program, or no tracepoint because the kernel was
/// built without the call.
fn choose(
    config: &Config,
    open: &OpenObject,
    tracefs: Option<&Tracefs>,
) -> (Vec<Handler>, Vec<SyscallCode>) {
    let programs: Vec<String> = open
        .progs()
        .map(|program| program.name().to_string_lossy().into_owned())
        .collect();
    let (native, narrow) = (numbers::native(), numbers::of_narrow());
    let (mut handlers, mut unsupported) = (Vec::new(), Vec::new());
    for code in &config.calls {
        let info = code.info();
        let (is_native, is_foreign) = (native.contains(&code.get()), narrow.contains(code));
        if !is_native && !is_foreign {
            continue;
        }
        let name = numbers::kernel_name(info.name);
        let has_program = programs
            .iter()
            .any(|program| program.strip_prefix("any_") == Some(name));
        let program = if has_program {
            Some(name)
        } else {
            (info.exit == Some(GENERIC_X)).then_some(GENERIC)
        };
        let tracepoint = tracefs.and_then(|tracefs| tracefs.sys_exit_id(name));
        // Calls that only another interface has have no tracepoint.
        let reached = if tracefs.is_some() && is_native {
            tracepoint.is_some()
        } else {
            is_native || config.foreign != Foreign::Never
        };
        if let Some(program) = program
            && reached
        {
            handlers.push(Handler {
                call: *code,
                program,
                tracepoint,
            });
        } else if is_native {
            unsupported.push(*code);
        }
    }
    (handlers, unsupported)
}

/// Sizes and knobs, while they can still be set.
fn set_maps(
    open: &mut OpenObject,
    config: &Config,
    cpus: u32,
    boot_time_ns: u64,
) -> libbpf_rs::Result<()> {
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        if name == "scratches" || name == "rings" {
            map.set_max_entries(cpus)?;
        }
    }
    set_knobs(open, config, boot_time_ns);
    Ok(())
}

/// The knobs; the same struct is in `bpf/include/maps.h`.
pub(crate) fn set_knobs(open: &mut OpenObject, config: &Config, boot_time_ns: u64) {
    let mut knobs = Vec::new();
    knobs.extend(boot_time_ns.to_ne_bytes());
    knobs.extend(std::process::id().to_ne_bytes());
    knobs.extend(config.snaplen.to_ne_bytes());
    knobs.extend(u32::from(config.drop_failed).to_ne_bytes());
    set_constants(open, "rodata.config", &knobs);
    let tables = [numbers::native(), numbers::narrow(), numbers::by_call()];
    set_constants(
        open,
        "rodata.calls",
        &tables.each_ref().map(bytes_of).concat(),
    );
}

fn bytes_of(table: &numbers::Table) -> Vec<u8> {
    table.iter().flat_map(|code| code.to_ne_bytes()).collect()
}

/// The bytes at the beginning of a section of constants.
fn set_constants(open: &mut OpenObject, section: &str, bytes: &[u8]) {
    let mut maps = open.maps_mut();
    let map = maps.find(|map| map.name().to_string_lossy().ends_with(section));
    if let Some(mut map) = map
        && let Some(value) = map.initial_value_mut()
        && let Some(place) = value.get_mut(..bytes.len())
    {
        place.copy_from_slice(bytes);
    }
}

/// Nanoseconds since 1970 when the machine was booted.
pub(crate) fn boot_time_ns() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    let ns = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    };
    ns(ClockId::Realtime).saturating_sub(ns(ClockId::Boottime))
}

/// One ring for so many CPUs, and each CPU told which is its.
fn make_rings(object: &mut Object, config: &Config, cpus: u32) -> Result<Vec<MapHandle>, Error> {
    let share = if config.cpus_per_ring == 0 {
        cpus
    } else {
        u32::from(config.cpus_per_ring)
    };
    let failed = |cause: libbpf_rs::Error| Error::Ring {
        bytes: u64::from(config.ring_bytes),
        cause: std::io::Error::other(cause.to_string()),
    };
    let options = libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_sys::bpf_map_create_opts>() as libbpf_sys::size_t,
        ..Default::default()
    };
    let mut rings = Vec::new();
    for _ in 0..cpus.div_ceil(share) {
        let ring = MapHandle::create(
            MapType::RingBuf,
            Some("ring"),
            0,
            0,
            config.ring_bytes,
            &options,
        );
        rings.push(ring.map_err(failed)?);
    }
    let map = map_mut(object, "rings");
    for cpu in 0..cpus {
        if let (Some(map), Some(ring)) = (&map, rings.get((cpu / share) as usize)) {
            map.update(
                &cpu.to_ne_bytes(),
                &ring.as_fd().as_raw_fd().to_ne_bytes(),
                MapFlags::ANY,
            )
            .map_err(failed)?;
        }
    }
    if let Some(map) = &map {
        freeze(map).map_err(failed)?;
    }
    Ok(rings)
}

/// Lets nobody write to a map any more but programs of the kernel.
fn freeze(map: &MapImpl<'_, Mut>) -> libbpf_rs::Result<()> {
    let id = map.info()?.info.id;
    MapHandle::from_map_id(id)?.freeze()
}

fn map_mut<'a>(object: &'a mut Object, name: &str) -> Option<MapImpl<'a, Mut>> {
    object.maps_mut().find(|map| map.name() == name)
}

fn fill_dispatcher(object: &mut Object, handlers: &[Handler]) -> libbpf_rs::Result<()> {
    let mut programs: Vec<(SyscallCode, i32)> = Vec::new();
    for program in object.progs_mut().filter(|program| program.autoload()) {
        let name = program.name().to_string_lossy().into_owned();
        let handlers = handlers
            .iter()
            .filter(|handler| name.strip_prefix("any_") == Some(handler.program));
        programs.extend(handlers.map(|handler| (handler.call, program.as_fd().as_raw_fd())));
    }
    if let Some(map) = map_mut(object, "handlers") {
        for (call, fd) in programs {
            map.update(
                &u32::from(call.get()).to_ne_bytes(),
                &fd.to_ne_bytes(),
                MapFlags::ANY,
            )?;
        }
        // From here on nobody can take a call away from us, whatever privileges he has.
        freeze(&map)?;
    }
    Ok(())
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
        let mut maps = self.object.maps();
        let map = maps.find(|map| map.name().to_string_lossy().ends_with(".data.asleep"));
        let map = map.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
        Bell::new(map.as_fd(), self.rings.iter().map(AsFd::as_fd)).map_err(failed)
    }

    pub(crate) fn how(&self) -> How {
        self.how
    }

    pub(crate) fn foreign(&self) -> Watch {
        self.foreign
    }

    /// Attaches to the calls of the other interfaces, if they were waited for and a program has come that makes them.
    pub(crate) fn attend(&mut self) {
        if self.foreign != Watch::Waiting {
            return;
        }
        let map = self.object.maps().find(|map| map.name() == "narrow_seen");
        let seen = map.and_then(|map| map.lookup(&[0; 4], MapFlags::ANY).ok().flatten());
        if seen.is_none_or(|seen| seen == [0; 4]) {
            return;
        }
        let program = self
            .object
            .progs_mut()
            .find(|program| program.name() == DISPATCH_FOREIGN);
        // If the kernel refuses what it took before, asking again would not help.
        let link = program.and_then(|program| program.attach().ok());
        self.foreign = if link.is_some() {
            Watch::On
        } else {
            Watch::Off
        };
        self.links.extend(link);
    }

    pub(crate) fn why_not_per_call(&self) -> Option<&str> {
        self.why_not_per_call.as_deref()
    }

    pub(crate) fn unsupported(&self) -> &[SyscallCode] {
        &self.unsupported
    }

    /// The counters of each CPU that there can be.
    pub(crate) fn stats_per_cpu(&self) -> Vec<Stats> {
        let map = self.object.maps().find(|map| map.name() == "counters");
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
        let loaded = self.object.progs().filter(libbpf_rs::ProgramImpl::autoload);
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

static LINES: Mutex<String> = Mutex::new(String::new());

/// What libbpf prints while we load, kept for the error.
pub(crate) struct Said;

impl Said {
    pub(crate) fn listen() -> Said {
        set_print(Some((PrintLevel::Warn, |_, line| {
            if let Ok(mut lines) = LINES.lock() {
                lines.push_str(&line);
            }
        })));
        Said
    }

    /// The last lines of it, each on a line of its own.
    pub(crate) fn take() -> String {
        let lines = LINES
            .lock()
            .map(|mut lines| std::mem::take(&mut *lines))
            .unwrap_or_default();
        let lines: Vec<&str> = lines.lines().collect();
        let mut text = String::new();
        for line in lines.iter().skip(lines.len().saturating_sub(25)) {
            text.push_str("\n    ");
            text.push_str(line);
        }
        text
    }
}

impl Drop for Said {
    fn drop(&mut self) {
        set_print(None);
    }
}
