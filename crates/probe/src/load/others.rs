//! The programs for calls by the kernel's other interfaces.

use std::os::fd::AsFd as _;

use libbpf_rs::{Link, MapCore as _, Object};

use super::{
    maps::{fill_dispatcher, set_knobs},
    open_object,
    programs::{DISPATCH_FOREIGN, Handler},
};
use crate::Config;

/// What it takes to watch calls by other interfaces where those of the machine's own are watched one by one: the same programs once more,
/// at the exit of all calls, in the same maps. Loaded when they are needed.
#[derive(Debug)]
pub(super) struct ForeignSet {
    pub(super) config: Config,
    pub(super) handlers: Vec<Handler>,
    pub(super) slots: u32,
    pub(super) boot_time_ns: u64,
    pub(super) object: Option<Object>,
}

fn no_dispatcher() -> libbpf_rs::Error {
    std::io::Error::new(std::io::ErrorKind::NotFound, DISPATCH_FOREIGN).into()
}

impl ForeignSet {
    pub(super) fn load(&mut self, first: &Object) -> libbpf_rs::Result<Link> {
        let (mut open, _types) = open_object()?;
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
