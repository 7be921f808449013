//! Loading and attaching: with the dump the only file that talks to libbpf.

use std::{
    collections::BTreeSet,
    os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd},
    sync::Mutex,
};

use falco_event::{EventCode, SyscallCode, codes::GENERIC_X};
use libbpf_rs::{
    Link, MapCore, MapFlags, MapHandle, MapImpl, MapType, Mut, Object, ObjectBuilder, OpenObject,
    PrintLevel, ProgramAttachType, ProgramMut, num_possible_cpus, set_print,
};

use crate::{
    Config, Filter, Foreign, How, Program, Stats, bell::Bell, beside::Beside, error, error::Error,
    filter, foreign, names::Names, numbers, perf, stats::COUNTER_BYTES, tracefs::Tracefs, trial,
    untold,
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
    refused: Vec<(How, Error)>,
    /// What is left to be done when calls of other interfaces are to be watched beside programs on calls one by one.
    foreign_set: Option<ForeignSet>,
    unsupported: Vec<SyscallCode>,
    /// How many calls are looked at when they begin, too.
    compared: usize,
    /// Whether files that are opened and closed have been reported from the start on.
    reports_files: bool,
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
    fn at_first(how: How, foreign: Foreign) -> Watch {
        match (how, foreign) {
            (How::AllCalls, _) | (_, Foreign::Always) => Watch::On,
            (_, Foreign::Never) => Watch::Off,
            (_, Foreign::Auto) if foreign::runs_already() => Watch::On,
            (_, Foreign::Auto) => Watch::Waiting,
        }
    }
}

/// The program for those calls beside programs on calls one by one.
const DISPATCH_FOREIGN: &str = "dispatch_foreign";

/// What one call needs: the name of its program, which calls without one of their own share, and the number of its tracepoint, if it
/// is attached there.
#[derive(Debug)]
struct Handler {
    call: SyscallCode,
    program: &'static str,
    tracepoint: Option<u64>,
    /// Whether the machine's own interface has the call.
    is_native: bool,
}

/// A share of a ring is so much smaller; half a ring is eight of them in `bpf/lib/event.h`.
const SHARES: u32 = 16;

/// How many events a CPU may be building at once where a task can lose it meanwhile (`SLOTS_MAX` in `bpf/include/maps.h`).
const SLOTS_MAX: u32 = 3;

/// The program of the calls whose parameters are not read.
const GENERIC: &str = "generic";

/// The ways to watch, best first.
const WAYS: [How; 3] = [How::Functions, How::PerCall, How::AllCalls];

pub(crate) fn load(config: &Config) -> Result<Loaded, Error> {
    error::check_machine()?;
    let mut refused = Vec::new();
    for how in WAYS {
        if config.how.is_some_and(|only| only != how) {
            continue;
        }
        match try_as(config, how) {
            Ok(loaded) => return Ok(Loaded { refused, ..loaded }),
            Err(error) => refused.push((how, error)),
        }
    }
    // What was wrong with tracepoints is worth most: they work nearly everywhere.
    let worth = |(how, _): &&(How, Error)| *how == How::PerCall;
    let at = refused.iter().position(|way| worth(&way)).unwrap_or(0);
    Err(refused.swap_remove(at).1)
}

fn try_as(config: &Config, how: How) -> Result<Loaded, Error> {
    let because = |cause: String| Error::Refused {
        cause,
        detail: String::new(),
    };
    match how {
        How::Functions => {
            trial::function_exits().map_err(|cause| because(cause.to_string()))?;
            // Calls that share a program are at tracepoints all the same, if they can be.
            load_as(config, how, Tracefs::open().ok().as_ref())
        }
        How::PerCall => {
            let tracefs = Tracefs::open().map_err(|cause| because(format!("tracefs: {cause}")))?;
            load_as(config, how, Some(&tracefs))
        }
        How::AllCalls => load_as(config, how, None),
    }
}

/// What the kernel's function of a call may be named: those without arguments are known by their inner name.
fn functions(call: &str) -> [String; 2] {
    let interface = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x64"
    };
    [
        format!("__{interface}_sys_{call}"),
        format!("__do_sys_{call}"),
    ]
}

fn open_object() -> libbpf_rs::Result<OpenObject> {
    ObjectBuilder::default().name("falco")?.open_memory(OBJECT)
}

/// Makes programs those of the exits of functions; of which calls.
fn put_at_functions(open: &mut OpenObject, handlers: &[Handler]) -> BTreeSet<&'static str> {
    let mut done = BTreeSet::new();
    for mut program in open.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let call = name.strip_prefix("any_");
        let handler = handlers.iter().find(|handler| {
            Some(handler.program) == call && handler.program != GENERIC && handler.is_native
        });
        if let Some(handler) = handler {
            program.set_attach_type(ProgramAttachType::TraceFexit);
            let is_there = |name| program.set_attach_target(0, Some(name)).is_ok();
            if functions(handler.program).into_iter().any(is_there) {
                done.insert(handler.program);
            } else {
                program.set_attach_type(ProgramAttachType::TraceRawTp);
            }
        }
    }
    done
}

fn load_as(config: &Config, how: How, tracefs: Option<&Tracefs>) -> Result<Loaded, Error> {
    let _said = Said::listen();
    let refused = |cause: libbpf_rs::Error| Error::Refused {
        cause: cause.to_string(),
        detail: Said::take(),
    };
    let cpus = num_possible_cpus().map_err(refused)? as u32;
    let mut open = open_object().map_err(refused)?;
    let (handlers, unsupported) = choose(config, &open, tracefs);
    let own_tracefs = if tracefs.is_none() {
        Tracefs::open().ok()
    } else {
        None
    };
    let beside = Beside::of(&config.calls, tracefs.or(own_tracefs.as_ref()));
    let names = Names::of(&config.compared, tracefs.or(own_tracefs.as_ref()));
    if handlers.is_empty() && beside.calls.is_empty() && !config.calls.is_empty() {
        return Err(Error::Refused {
            cause: "it has a tracepoint for none of the system calls".into(),
            detail: String::new(),
        });
    }
    let boot_time_ns = boot_time_ns();
    let slots = if how == How::Functions { SLOTS_MAX } else { 1 };
    set_maps(&mut open, config, cpus, slots, boot_time_ns).map_err(refused)?;
    set_names(&mut open, &names).map_err(refused)?;
    let foreign = Watch::at_first(how, config.foreign);
    let at_functions = match how {
        How::Functions => put_at_functions(&mut open, &handlers),
        _ => BTreeSet::new(),
    };
    select(&mut open, how, foreign, &handlers, &at_functions, &beside).map_err(refused)?;
    let mut object = open.load().map_err(refused)?;
    if let Some(marks) = map_mut(&mut object, "untold_marks") {
        freeze(&marks).map_err(refused)?;
    }
    let rings = make_rings(&mut object, config, cpus)?;
    install(&mut object, config.filter.as_ref()).map_err(refused)?;
    let mut links = Vec::new();
    for program in object.progs_mut().filter(|program| program.autoload()) {
        let name = program.name().to_string_lossy().into_owned();
        if matches!(
            name.as_str(),
            "exited" | "executed" | "executed_narrow" | "born" | "dispatch"
        ) || beside.programs.contains(name.as_str())
            || name
                .strip_prefix("any_")
                .is_some_and(|call| at_functions.contains(call))
        {
            links.push(program.attach().map_err(refused)?);
        } else if let Some(call) = name.strip_prefix("one_") {
            let handlers = handlers.iter().filter(|handler| handler.program == call);
            for id in handlers.filter_map(|handler| handler.tracepoint) {
                links.push(attach(&program, call, id)?);
            }
        }
    }
    links.extend(attach_names(&mut object, &names)?);
    if how == How::AllCalls {
        fill_dispatcher(&mut object, &handlers).map_err(refused)?;
    }
    let foreign_set = (how != How::AllCalls).then(|| ForeignSet {
        config: config.clone(),
        handlers,
        slots,
        boot_time_ns,
        object: None,
    });
    let mut loaded = Loaded {
        links,
        object,
        rings,
        ring_bytes: config.ring_bytes,
        boot_time_ns,
        how,
        foreign,
        refused: Vec::new(),
        foreign_set,
        unsupported,
        compared: names.tracepoints.len(),
        reports_files: config.filter.as_ref().is_none_or(|filter| filter.files),
    };
    if foreign == Watch::On {
        loaded.watch_foreign().map_err(refused)?;
    }
    Ok(loaded)
}

/// What it takes to watch calls by other interfaces where those of the machine's own are watched one by one: the same programs once more,
/// at the exit of all calls, in the same maps. Loaded when they are needed.
#[derive(Debug)]
struct ForeignSet {
    config: Config,
    handlers: Vec<Handler>,
    slots: u32,
    boot_time_ns: u64,
    object: Option<Object>,
}

fn no_dispatcher() -> libbpf_rs::Error {
    std::io::Error::new(std::io::ErrorKind::NotFound, DISPATCH_FOREIGN).into()
}

impl ForeignSet {
    fn load(&mut self, first: &Object) -> libbpf_rs::Result<Link> {
        let mut open = open_object()?;
        set_knobs(&mut open, &self.config, self.slots, self.boot_time_ns);
        for mut map in open.maps_mut() {
            let name = map.name().to_string_lossy().into_owned();
            let same = first.maps().find(|map| map.name() == name.as_str());
            match same {
                Some(same) if !same.autocreate() => map.set_autocreate(false)?,
                // The programs in it are others.
                Some(same) if name != "handlers" => map.reuse_fd(same.as_fd())?,
                _ => {}
            }
        }
        for mut program in open.progs_mut() {
            let name = program.name().to_string_lossy().into_owned();
            let call = name.strip_prefix("any_");
            let wanted = |handler: &Handler| Some(handler.program) == call;
            program.set_autoload(name == DISPATCH_FOREIGN || self.handlers.iter().any(wanted));
        }
        let mut object = open.load()?;
        fill_dispatcher(&mut object, &self.handlers)?;
        let program = object
            .progs_mut()
            .find(|program| program.name() == DISPATCH_FOREIGN);
        let link = program.map_or_else(|| Err(no_dispatcher()), |program| program.attach())?;
        self.object = Some(object);
        Ok(link)
    }
}

/// Which programs and maps are loaded.
fn select(
    open: &mut OpenObject,
    how: How,
    foreign: Watch,
    handlers: &[Handler],
    at_functions: &BTreeSet<&str>,
    beside: &Beside,
) -> libbpf_rs::Result<()> {
    let operations = beside.operations.iter();
    let operations: Vec<u8> = operations.flat_map(|call| call.to_ne_bytes()).collect();
    set_constants(open, "rodata.operations", &operations);
    for mut map in open.maps_mut().filter(|_| !beside.has_rings()) {
        if map.name() == "requests" || map.name() == "shots" {
            map.set_autocreate(false)?;
        }
    }
    for mut program in open.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let (one, any) = (name.strip_prefix("one_"), name.strip_prefix("any_"));
        let wanted =
            |call: Option<&str>| handlers.iter().any(|handler| Some(handler.program) == call);
        program.set_autoload(match (how, name.as_str()) {
            (_, NAMED) => continue,
            (_, name) if beside.programs.contains(name) => true,
            (_, "exited") => true,
            (How::Functions, "born") => ["clone", "clone3", "fork", "vfork"]
                .into_iter()
                .any(|call| wanted(Some(call))),
            (_, "executed") => wanted(Some("execve")) || wanted(Some("execveat")),
            (How::Functions | How::PerCall, "executed_narrow") => foreign == Watch::Waiting,
            // The programs that take the machine's own calls one by one, where their functions are not to be had at tracepoints.
            (How::Functions, _) => {
                let is_at_function = |call: &str| at_functions.contains(call);
                any.is_some_and(is_at_function) || (wanted(one) && !one.is_some_and(is_at_function))
            }
            (How::PerCall, _) => wanted(one),
            (How::AllCalls, "dispatch") => true,
            (How::AllCalls, _) => wanted(any),
        });
    }
    Ok(())
}

/// Attaches a program to a tracepoint.
fn attach(program: &ProgramMut<'_>, call: &str, tracepoint: u64) -> Result<Link, Error> {
    let refused = |cause: String| Error::Refused {
        cause: format!("{call}: {cause}"),
        detail: Said::take(),
    };
    let event = perf::tracepoint_event(tracepoint).map_err(|cause| refused(cause.to_string()))?;
    // libbpf closes the event with the link.
    let link = program.attach_perf_event(event.into_raw_fd());
    link.map_err(|cause| refused(cause.to_string()))
}

fn attach_names(object: &mut Object, names: &Names) -> Result<Vec<Link>, Error> {
    let mut links = Vec::new();
    for program in object.progs_mut().filter(|program| program.name() == NAMED) {
        for (call, id) in &names.tracepoints {
            links.push(attach(&program, call, *id)?);
        }
    }
    Ok(links)
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
                is_native,
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
    slots: u32,
    boot_time_ns: u64,
) -> libbpf_rs::Result<()> {
    for mut map in open.maps_mut() {
        match &*map.name().to_string_lossy() {
            "scratches" => map.set_max_entries(cpus * slots)?,
            "rings" => map.set_max_entries(cpus)?,
            _ => {}
        }
    }
    set_knobs(open, config, slots, boot_time_ns);
    Ok(())
}

/// The program at the beginnings of calls whose names are looked at twice.
const NAMED: &str = "named_begins";

/// Which calls these are.
fn set_names(open: &mut OpenObject, names: &Names) -> libbpf_rs::Result<()> {
    set_constants(open, "rodata.named", &names.encode());
    for mut map in open.maps_mut().filter(|map| map.name() == "names") {
        // Programs name it, used or not.
        if names.is_empty() {
            map.set_max_entries(1)?;
        }
    }
    for mut program in open.progs_mut().filter(|program| program.name() == NAMED) {
        program.set_autoload(!names.is_empty());
    }
    Ok(())
}

/// The knobs; the same struct is in `bpf/include/maps.h`.
pub(crate) fn set_knobs(open: &mut OpenObject, config: &Config, slots: u32, boot_time_ns: u64) {
    let mut knobs = Vec::new();
    knobs.extend(boot_time_ns.to_ne_bytes());
    knobs.extend(std::process::id().to_ne_bytes());
    knobs.extend(config.snaplen.to_ne_bytes());
    knobs.extend(u32::from(config.drop_failed).to_ne_bytes());
    let fair_bytes = config.fair_share.then_some(config.ring_bytes / SHARES);
    knobs.extend(fair_bytes.unwrap_or(0).to_ne_bytes());
    knobs.extend(slots.to_ne_bytes());
    knobs.extend(u32::from(!config.compared.is_empty()).to_ne_bytes());
    knobs.extend(u32::from(config.real_paths).to_ne_bytes());
    set_constants(open, "rodata.config", &knobs);
    let tables = [numbers::native(), numbers::narrow(), numbers::by_call()];
    set_constants(open, "rodata.tells", &untold::tells());
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

fn install(object: &mut Object, filter: Option<&Filter>) -> libbpf_rs::Result<()> {
    match map_mut(object, "filters") {
        Some(map) => filter::install(&map, filter),
        None => Ok(()),
    }
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

    pub(crate) fn refilter(&mut self, filter: Option<&Filter>) -> Result<bool, Error> {
        let files = filter.is_none_or(|filter| filter.files);
        let enough = self.reports_files || !files;
        if enough {
            install(&mut self.object, filter).map_err(|cause| Error::Refused {
                cause: cause.to_string(),
                detail: String::new(),
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

    fn watch_foreign(&mut self) -> libbpf_rs::Result<()> {
        if let Some(set) = &mut self.foreign_set {
            let _said = Said::listen();
            self.links.push(set.load(&self.object)?);
        }
        Ok(())
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

    pub(crate) fn lost(&self) -> Vec<(EventCode, u64)> {
        let mut maps = self.object.maps();
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
