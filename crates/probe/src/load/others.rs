//! The programs for calls by the kernel's other interfaces.

use libbpf_rs::{Link, Object};

use super::{
    NAME,
    maps::{fill_dispatcher, loaded, set_knobs},
    parts::Made,
    programs,
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
    pub(super) fn load(&mut self, made: &Made) -> libbpf_rs::Result<Link> {
        let programs = programs();
        let mut open = programs.open(NAME)?;
        set_knobs(&mut open, &self.config, self.slots, self.boot_time_ns);
        // The programs in it are others.
        made.put_into(&mut open, &["handlers"])?;
        for mut program in open.progs_mut() {
            let name = program.name().to_string_lossy().into_owned();
            let call = name.strip_prefix("any_");
            let wanted = |handler: &Handler| Some(handler.program) == call;
            program.set_autoload(name == DISPATCH_FOREIGN || self.handlers.iter().any(wanted));
        }
        let mut parts = [open.load()?];
        let programs = loaded(&mut parts);
        let [object] = &mut parts;
        fill_dispatcher(object, &programs, &self.handlers)?;
        let program = object
            .progs_mut()
            .find(|program| program.name() == DISPATCH_FOREIGN);
        let link = program.map_or_else(|| Err(no_dispatcher()), |program| program.attach())?;
        let [object] = parts;
        self.object = Some(object);
        Ok(link)
    }
}
