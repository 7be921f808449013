//! The programs, in parts that are loaded at the same time: nearly all of that is the verifier's work, which takes one CPU for a program.

use std::{
    collections::BTreeSet,
    os::fd::{AsFd as _, OwnedFd},
    thread,
};

use libbpf_rs::{MapCore as _, Object, OpenObject};

use super::{
    Watch,
    programs::{Handler, put_at_functions, select},
};
use crate::{
    How,
    beside::{self, Beside},
    types,
};

/// More parts would not be faster: each has to be opened, too.
const PARTS_MAX: usize = 4;

/// Which programs there have to be.
pub(super) struct Wanted<'a> {
    pub(super) how: How,
    pub(super) foreign: Watch,
    pub(super) handlers: &'a [Handler],
    pub(super) beside: &'a Beside,
    /// Whether names are looked at when calls begin, too.
    pub(super) named: bool,
    /// Whether new threads are told when they are made.
    pub(super) births: bool,
}

/// Programs that are loaded.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) parts: Vec<Object>,
    /// The calls whose programs are those of the exits of functions.
    pub(super) at_functions: BTreeSet<&'static str>,
}

/// The descriptors of maps that are made, by name; those that are not to be made have none.
pub(super) struct Made(Vec<(String, Option<OwnedFd>)>);

impl Made {
    pub(super) fn of(maps: &Object) -> libbpf_rs::Result<Made> {
        let copy = |map: libbpf_rs::Map<'_>| {
            let name = map.name().to_string_lossy().into_owned();
            let made = map.autocreate().then(|| map.as_fd().try_clone_to_owned());
            Ok((name, made.transpose()?))
        };
        maps.maps()
            .map(copy)
            .collect::<libbpf_rs::Result<_>>()
            .map(Made)
    }

    /// Lets an object have these maps instead of its own, but for those of which each has one of its own.
    pub(super) fn put_into(&self, open: &mut OpenObject, own: &[&str]) -> libbpf_rs::Result<()> {
        for mut map in open.maps_mut() {
            let name = map.name().to_string_lossy().into_owned();
            match self.0.iter().find(|(made, _)| *made == name) {
                Some((_, None)) => map.set_autocreate(false)?,
                Some((_, Some(fd))) if !own.contains(&name.as_str()) => map.reuse_fd(fd.as_fd())?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Loads the programs; `first` is the object, opened already.
pub(super) fn load(
    object: &types::Object,
    first: OpenObject,
    made: &Made,
    wanted: &Wanted<'_>,
) -> libbpf_rs::Result<Programs> {
    let count = thread::available_parallelism().map_or(1, |count| count.get().min(PARTS_MAX));
    let others = 1..count;
    thread::scope(|scope| {
        let others = others.map(|index| {
            thread::Builder::new()
                .name("load".into())
                .spawn_scoped(scope, move || {
                    part(object.open(super::NAME)?, made, wanted, index, count)
                })
        });
        let others = others.collect::<Result<Vec<_>, _>>()?;
        let mut programs = Programs {
            parts: Vec::new(),
            at_functions: BTreeSet::new(),
        };
        let mut take = |(part, at_functions)| {
            programs.parts.push(part);
            programs.at_functions.extend(at_functions);
        };
        take(part(first, made, wanted, 0, count)?);
        for other in others {
            let ended = other.join();
            take(ended.map_err(|_| std::io::Error::other("a thread that loads panicked"))??);
        }
        Ok(programs)
    })
}

type Part = (Object, BTreeSet<&'static str>);

fn part(
    mut open: OpenObject,
    made: &Made,
    wanted: &Wanted<'_>,
    index: usize,
    count: usize,
) -> libbpf_rs::Result<Part> {
    made.put_into(&mut open, &[])?;
    let mut at_functions = match wanted.how {
        How::Functions => put_at_functions(&mut open, wanted.handlers),
        _ => BTreeSet::new(),
    };
    select(&mut open, wanted, &at_functions);
    for mut program in open.progs_mut() {
        if program.name() == beside::SUBMITTED && program.autoload() {
            program.set_attach_target(0, wanted.beside.submission.map(String::from))?;
        }
    }
    let kept = keep(&mut open, index, count);
    at_functions.retain(|call| kept.contains(&format!("any_{call}")));
    Ok((open.load()?, at_functions))
}

/// Leaves to the other parts what is theirs: the longest program goes to whoever has least. The names of those that stay.
fn keep(open: &mut OpenObject, index: usize, count: usize) -> BTreeSet<String> {
    let selected = open.progs().filter(libbpf_rs::OpenProgramImpl::autoload);
    let mut programs: Vec<(usize, String)> = selected
        .map(|program| {
            (
                program.insn_cnt(),
                program.name().to_string_lossy().into_owned(),
            )
        })
        .collect();
    programs.sort_unstable_by(|one, other| other.cmp(one));
    let mut loads = vec![0; count];
    let mut kept = BTreeSet::new();
    for (length, name) in programs {
        let least = (0..count).min_by_key(|part| loads.get(*part).copied());
        if let Some(load) = least.and_then(|part| loads.get_mut(part)) {
            *load += length;
        }
        if least == Some(index) {
            kept.insert(name);
        }
    }
    for mut program in open.progs_mut() {
        if program.autoload() && !kept.contains(&*program.name().to_string_lossy()) {
            program.set_autoload(false);
        }
    }
    kept
}
