//! Loading and attaching: with the dump all that talks to libbpf.

mod loaded;
mod maps;
mod others;
mod parts;
mod programs;
mod said;

use falco_event::SyscallCode;
use libbpf_rs::{Object, ObjectBuilder, num_possible_cpus};

pub(crate) use loaded::Loaded;
pub use loaded::Watch;
pub(crate) use maps::{boot_time_ns, set_knobs};
pub(crate) use said::Said;

use crate::{
    Config, How, beside::Beside, error, error::Error, names::Names, tracefs::Tracefs, trial, types,
};
use maps::{
    fill, fill_dispatcher, freeze, install, make_rings, map_mut, set_maps, set_names,
    set_operations,
};
use others::ForeignSet;
use parts::{Made, Wanted};
use programs::{attach_all, attach_names, choose, told_otherwise};

/// For kernels whose memory is read by loads, and for the others.
pub(crate) const PROGRAMS: (&[u8], &[u8]) = (
    include_bytes!(concat!(env!("OUT_DIR"), "/probe_loads.bpf.o")),
    include_bytes!(concat!(env!("OUT_DIR"), "/probe.bpf.o")),
);

/// All maps and no program.
static MAPS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/maps.bpf.o"));

/// How many events a CPU may be building at once where a task can lose it meanwhile (`SLOTS_MAX` in `bpf/include/maps.h`).
const SLOTS_MAX: u32 = 3;

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

/// The programs, and the maps that they share.
const NAME: &str = "falco";

fn programs() -> types::Object {
    types::Object::for_kernel(PROGRAMS.0, PROGRAMS.1)
}

fn load_as(config: &Config, how: How, tracefs: Option<&Tracefs>) -> Result<Loaded, Error> {
    let _said = Said::listen();
    let refused = |cause: libbpf_rs::Error| Error::Refused {
        cause: cause.to_string(),
        detail: Said::take(),
    };
    let cpus = num_possible_cpus().map_err(refused)? as u32;
    let object = programs();
    let open = object.open(NAME).map_err(refused)?;
    let (handlers, unsupported) = choose(config, &open, tracefs);
    let own_tracefs = if tracefs.is_none() {
        Tracefs::open().ok()
    } else {
        None
    };
    let beside = Beside::of(&config.calls, tracefs.or(own_tracefs.as_ref()));
    let names = Names::of(&config.compared, tracefs.or(own_tracefs.as_ref()));
    let told_by_calls = |call: &SyscallCode| !told_otherwise(config, *call);
    if handlers.is_empty() && beside.calls.is_empty() && config.calls.iter().any(told_by_calls) {
        return Err(Error::Refused {
            cause: "it has a tracepoint for none of the system calls".into(),
            detail: String::new(),
        });
    }
    let boot_time_ns = boot_time_ns();
    let slots = if how == How::Functions { SLOTS_MAX } else { 1 };
    let mut maps =
        make_maps(config, cpus, slots, boot_time_ns, &beside, &names).map_err(refused)?;
    let rings = make_rings(&mut maps, config, cpus)?;
    let reports_closing = config.calls.iter().any(|call| call.info().name == "close");
    install(&mut maps, config.filter.as_ref(), reports_closing).map_err(refused)?;
    let foreign = Watch::at_first(how, config.foreign);
    let wanted = Wanted {
        how,
        foreign,
        handlers: &handlers,
        beside: &beside,
        named: !names.is_empty(),
        births: config.births,
    };
    let made = Made::of(&maps).map_err(refused)?;
    let mut programs = parts::load(&object, open, &made, &wanted).map_err(refused)?;
    let loaded_programs = maps::loaded(&mut programs.parts);
    if beside.has_rings() {
        let places = beside.completions.iter();
        let places = places.map(|(operation, name)| (u32::from(*operation), (*name).into()));
        fill(&mut maps, "completions", &loaded_programs, places).map_err(refused)?;
    }
    let mut links = attach_all(&mut programs, &handlers, &beside)?;
    links.extend(attach_names(&mut programs.parts, &names)?);
    if how == How::AllCalls {
        fill_dispatcher(&mut maps, &loaded_programs, &handlers).map_err(refused)?;
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
        programs: programs.parts,
        maps,
        rings,
        ring_bytes: config.ring_bytes,
        boot_time_ns,
        how,
        foreign,
        refused: Vec::new(),
        foreign_set,
        unsupported,
        lacks_rings: beside.lacks_rings,
        compared: names.tracepoints.len(),
        reports_files: config.filter.as_ref().is_none_or(|filter| filter.files),
        reports_closing,
    };
    if foreign == Watch::On {
        loaded.watch_foreign().map_err(refused)?;
    }
    Ok(loaded)
}

/// Makes the maps; what programs do not ask for is left out.
fn make_maps(
    config: &Config,
    cpus: u32,
    slots: u32,
    boot_time_ns: u64,
    beside: &Beside,
    names: &Names,
) -> libbpf_rs::Result<Object> {
    let mut open = ObjectBuilder::default().name(NAME)?.open_memory(MAPS)?;
    set_maps(&mut open, config, cpus, slots, boot_time_ns)?;
    set_names(&mut open, names)?;
    set_operations(&mut open, beside)?;
    for mut program in open.progs_mut() {
        program.set_autoload(false);
    }
    let mut maps = open.load()?;
    for name in ["untold_marks", "left_outs"] {
        if let Some(map) = map_mut(&mut maps, name) {
            freeze(&map)?;
        }
    }
    Ok(maps)
}
