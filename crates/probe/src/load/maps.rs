//! Maps: their sizes and constants while they can still be set, the rings, what fills the others.

use std::{
    collections::BTreeMap,
    os::fd::{AsFd as _, AsRawFd as _, RawFd},
};

use libbpf_rs::{
    MapCore as _, MapFlags, MapHandle, MapImpl, MapType, Mut, Object, OpenObject, num_possible_cpus,
};

use super::programs::Handler;
use crate::{
    Config, Filter, bell::events_of_nap, beside::Beside, error::Error, filter, names::Names,
    numbers, untold,
};

/// A share of a ring is so much smaller; half a ring is eight of them in `bpf/lib/event.h`.
const SHARES: u32 = 16;

/// Sizes and knobs, while they can still be set.
pub(super) fn set_maps(
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

/// Of which calls the names are looked at twice.
pub(super) fn set_names(open: &mut OpenObject, names: &Names) -> libbpf_rs::Result<()> {
    set_constants(open, "rodata.named", &names.encode());
    for mut map in open.maps_mut().filter(|map| map.name() == "names") {
        // Programs name it, used or not.
        if names.is_empty() {
            map.set_max_entries(1)?;
        }
    }
    Ok(())
}

/// Which operations of `io_uring` are reported; without any there is nothing to be kept of them.
pub(super) fn set_operations(open: &mut OpenObject, beside: &Beside) -> libbpf_rs::Result<()> {
    let operations = beside.operations.iter();
    let operations: Vec<u8> = operations.flat_map(|call| call.to_ne_bytes()).collect();
    set_constants(open, "rodata.operations", &operations);
    for mut map in open.maps_mut().filter(|_| !beside.has_rings()) {
        let maps = ["requests", "shots", "completions"];
        if maps.iter().any(|name| map.name() == *name) {
            map.set_autocreate(false)?;
        }
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
    knobs.extend((config.real_paths as u32).to_ne_bytes());
    knobs.extend(u32::from(config.births).to_ne_bytes());
    let cpus = num_possible_cpus().unwrap_or(1) as u32;
    let events = events_of_nap(config.ring_bytes, cpus_of_ring(config, cpus));
    knobs.extend(events.to_ne_bytes());
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
pub(super) fn set_constants(open: &mut OpenObject, section: &str, bytes: &[u8]) {
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

/// How many CPUs share a ring, where there are that many.
fn cpus_of_ring(config: &Config, cpus: u32) -> u32 {
    match config.cpus_per_ring {
        0 => cpus,
        share => share.into(),
    }
}

/// One ring for so many CPUs, and each CPU told which is its.
pub(super) fn make_rings(
    object: &mut Object,
    config: &Config,
    cpus: u32,
) -> Result<Vec<MapHandle>, Error> {
    let share = cpus_of_ring(config, cpus);
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

/// Lets nobody write to a map any more but programs of the kernel. By its descriptor: to open it by its number takes `CAP_SYS_ADMIN`, which is
/// given up where it can be.
pub(super) fn freeze(map: &MapImpl<'_, Mut>) -> libbpf_rs::Result<()> {
    MapHandle::try_from(map)?.freeze()
}

pub(super) fn map_mut<'a>(object: &'a mut Object, name: &str) -> Option<MapImpl<'a, Mut>> {
    object.maps_mut().find(|map| map.name() == name)
}

pub(super) fn install(
    object: &mut Object,
    filter: Option<&Filter>,
    closes: bool,
) -> libbpf_rs::Result<()> {
    match map_mut(object, "filters") {
        Some(map) => filter::install(&map, filter, closes),
        None => Ok(()),
    }
}

pub(super) fn fill_dispatcher(
    maps: &mut Object,
    programs: &BTreeMap<String, RawFd>,
    handlers: &[Handler],
) -> libbpf_rs::Result<()> {
    let calls = handlers.iter().map(|handler| {
        let program = format!("any_{}", handler.program);
        (u32::from(handler.call.get()), program)
    });
    fill(maps, "handlers", programs, calls)
}

/// The descriptors of what is loaded, by name.
pub(super) fn loaded(parts: &mut [Object]) -> BTreeMap<String, RawFd> {
    let programs = parts.iter_mut().flat_map(|part| part.progs_mut());
    programs
        .filter(|program| program.autoload())
        .map(|program| {
            let name = program.name().to_string_lossy().into_owned();
            (name, program.as_fd().as_raw_fd())
        })
        .collect()
}

/// Puts programs that are loaded into a map of those to jump to. From then on nobody can take one away, whatever privileges he has.
pub(super) fn fill(
    maps: &mut Object,
    map: &str,
    programs: &BTreeMap<String, RawFd>,
    places: impl Iterator<Item = (u32, String)>,
) -> libbpf_rs::Result<()> {
    let Some(map) = map_mut(maps, map) else {
        return Ok(());
    };
    for (place, program) in places {
        if let Some(fd) = programs.get(&program) {
            map.update(&place.to_ne_bytes(), &fd.to_ne_bytes(), MapFlags::ANY)?;
        }
    }
    freeze(&map)
}
