//! Containers: which one a thread is in, and what the runtimes say of it.
//!
//! A thread has the place of its container in a table ([`ContainerIx`]), found when its control groups change. What is known of the
//! container comes in events, from the runtimes or from a capture, before or after its first thread.

mod cgroup;
mod info;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

pub use info::{Info, Mount};

use crate::{State, Threads};

/// The place of a container in the table; the default is the host. Stays valid as long as a thread has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContainerIx(u32);

impl ContainerIx {
    /// No container.
    pub const HOST: ContainerIx = ContainerIx(0);

    /// Whether it is no container.
    pub fn is_host(self) -> bool {
        self == ContainerIx::HOST
    }
}

/// What runs a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Docker,
    Podman,
    Containerd,
    Cri,
    CriO,
    Lxc,
    LibvirtLxc,
    Bpm,
    Nspawn,
    Static,
    /// None of these; the number that it has in events.
    Other(u32),
}

/// The numbers of kinds in events, and their names.
const KINDS: [(Kind, u32, &str); 10] = [
    (Kind::Docker, 0, "docker"),
    (Kind::Lxc, 1, "lxc"),
    (Kind::LibvirtLxc, 2, "libvirt-lxc"),
    (Kind::Nspawn, 5, "systemd-nspawn"),
    (Kind::Cri, 6, "cri"),
    (Kind::Containerd, 7, "containerd"),
    (Kind::CriO, 8, "cri-o"),
    (Kind::Bpm, 9, "bpm"),
    (Kind::Static, 10, ""),
    (Kind::Podman, 11, "podman"),
];

impl Kind {
    /// The kind of a number in an event.
    pub fn from_number(number: u32) -> Kind {
        let known = KINDS.iter().find(|(_, known, _)| *known == number);
        known.map_or(Kind::Other(number), |(kind, ..)| *kind)
    }

    /// Its number in events.
    pub fn number(self) -> u32 {
        match self {
            Kind::Other(number) => number,
            known => KINDS
                .iter()
                .find(|(kind, ..)| *kind == known)
                .map_or(u32::from(u16::MAX), |(_, number, _)| *number),
        }
    }

    /// `container.type`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Other(3) => "mesos",
            Kind::Other(4) => "rkt",
            Kind::Other(0xfffe) => "host",
            known => KINDS
                .iter()
                .find(|(kind, ..)| *kind == known)
                .map_or("", |(.., name)| *name),
        }
    }

    /// Whether nobody can be asked about it: the id is all there is.
    fn is_mute(self) -> bool {
        matches!(
            self,
            Kind::Lxc | Kind::LibvirtLxc | Kind::Bpm | Kind::Nspawn
        )
    }
}

/// Whose marks in control groups are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Engines {
    pub docker: bool,
    pub podman: bool,
    pub cri: bool,
    pub containerd: bool,
    pub lxc: bool,
    pub libvirt_lxc: bool,
    pub bpm: bool,
}

impl Engines {
    /// Nobody's.
    pub const NONE: Engines = Engines {
        docker: false,
        podman: false,
        cri: false,
        containerd: false,
        lxc: false,
        libvirt_lxc: false,
        bpm: false,
    };
}

impl Default for Engines {
    /// Everybody's.
    fn default() -> Engines {
        Engines {
            docker: true,
            podman: true,
            cri: true,
            containerd: true,
            lxc: true,
            libvirt_lxc: true,
            bpm: true,
        }
    }
}

/// A container.
#[derive(Clone, Debug)]
pub struct Container {
    /// `container.id`: the first 12 digits, or a name.
    pub id: Box<[u8]>,
    /// The whole id.
    pub full_id: Box<[u8]>,
    /// What its control groups look like.
    pub kind: Kind,
    /// What its runtime says of it, once it has said something.
    pub info: Option<Box<Info>>,
    /// Whether it has ended: its first process has, or its runtime says so.
    pub ended: bool,
    /// Whether the users of its own were looked for.
    pub(crate) has_accounts: bool,
    /// Whether an event needs it in any case: it was named a moment ago.
    fresh: bool,
}

/// What happened to a container, for who asks the runtimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Threads appeared in a container of which nothing is known.
    Unknown(ContainerIx),
    /// All that can be known of a container is its id: to be told.
    Found(ContainerIx),
    /// Its first process has ended.
    Ended(ContainerIx),
}

/// The table of containers.
#[derive(Clone, Debug)]
pub struct Containers {
    /// Whose marks in control groups are believed.
    pub engines: Engines,
    /// Whether news are kept for somebody who takes them.
    pub tell: bool,
    slots: Vec<Option<Container>>,
    free: Vec<ContainerIx>,
    by_id: HashMap<Box<[u8]>, ContainerIx, FxBuildHasher>,
    /// The container that everything is in, if the configuration says so.
    fixed: ContainerIx,
    news: Vec<News>,
    /// How many there may be before those without threads are forgotten.
    sweep_at: usize,
}

/// The fewest that are worth a look at all threads.
const SWEEP_MIN: usize = 256;
/// The most containers without threads that runtimes may tell of.
const TOLD_MAX: usize = 16_384;
/// The most news that wait.
const NEWS_MAX: usize = 16_384;

impl Default for Containers {
    fn default() -> Containers {
        Containers {
            engines: Engines::default(),
            tell: false,
            // The host's place stays empty.
            slots: vec![None],
            free: Vec::new(),
            by_id: HashMap::default(),
            fixed: ContainerIx::HOST,
            news: Vec::new(),
            sweep_at: SWEEP_MIN,
        }
    }
}

impl Containers {
    /// The container at a place; `None` for the host.
    #[inline]
    pub fn get(&self, ix: ContainerIx) -> Option<&Container> {
        if ix.is_host() {
            return None;
        }
        self.slots.get(ix.0 as usize)?.as_ref()
    }

    /// The container of that id, whole or as it is shown.
    pub fn find(&self, id: &[u8]) -> Option<ContainerIx> {
        let short = id.get(..cgroup::SHORT).unwrap_or(id);
        let by = |id: &[u8]| self.by_id.get(id).copied();
        by(id).or_else(|| {
            let ix = by(short)?;
            self.is_same(ix, id).then_some(ix)
        })
    }

    /// All containers.
    pub fn iter(&self) -> impl Iterator<Item = &Container> {
        self.slots.iter().flatten()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len() - 1 - self.free.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there are news. Asked after every event.
    #[inline]
    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// Takes the news.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Everything is in this container from now on, whatever control groups say.
    fn fix(&mut self, info: Info) {
        let ix = self.find(info.id.as_bytes());
        let ix = ix.unwrap_or_else(|| self.add(info.id.as_bytes(), info.id.len(), Kind::Static));
        if let Some(container) = self.get_mut(ix) {
            container.info = Some(Box::new(info));
        }
        self.fixed = ix;
    }

    /// The container of control groups. `before` is where the thread was until now: paths that are longer than what the kernel told may
    /// hide where they begin, and nothing gets out of a container by that.
    pub(crate) fn of(&mut self, groups: &[u8], before: ContainerIx) -> ContainerIx {
        if !self.fixed.is_host() {
            return self.fixed;
        }
        let Some(found) = cgroup::find(groups, self.engines) else {
            return if cgroup::is_cut(groups) {
                before
            } else {
                ContainerIx::HOST
            };
        };
        let known = self.find(found.id);
        let ix = known.unwrap_or_else(|| self.add(found.id, found.shown, found.kind));
        let Some(container) = self.get_mut(ix) else {
            return ix;
        };
        let named = container.full_id[..] == *found.id;
        if !named {
            // A capture told only the short id.
            container.full_id = found.id.into();
        }
        if std::mem::take(&mut container.ended) {
            // Another one with the name of one that is gone.
            container.info = None;
            container.has_accounts = false;
        } else if container.info.is_some() || (known.is_some() && named) {
            return ix;
        }
        if found.kind.is_mute() {
            let id = String::from_utf8_lossy(&container.id).into_owned();
            container.info = Some(Box::new(Info::only_id(&id, found.kind)));
            self.tell(News::Found(ix));
        } else if self
            .get(ix)
            .is_some_and(|container| container.info.is_none())
        {
            self.tell(News::Unknown(ix));
        }
        ix
    }

    /// Takes in what a runtime says: `{"container": {...}}`. `None` when that is no JSON, or names no container.
    pub fn told(&mut self, json: &[u8]) -> Option<ContainerIx> {
        let info = Info::parse(json)?;
        let key = if info.full_id.is_empty() {
            &info.id
        } else {
            &info.full_id
        };
        let (id, key) = (info.id.as_bytes(), key.as_bytes());
        if id.is_empty() {
            return None;
        }
        let known = self.find(key);
        if known.is_none() && self.len() >= TOLD_MAX {
            return None;
        }
        let ix = known.unwrap_or_else(|| self.add(key, 0, info.kind));
        let container = self.slots.get_mut(ix.0 as usize)?.as_mut()?;
        container.id = id.into();
        container.ended = false;
        container.info = Some(Box::new(info));
        Some(ix)
    }

    /// A runtime says that a container is gone. What was known of it stays until nobody needs it; if nothing was, it is what this says.
    pub(crate) fn removed(&mut self, json: &[u8]) -> Option<ContainerIx> {
        let info = Info::parse(json)?;
        let known = self.find(info.full_id.as_bytes());
        let ix = match known.or_else(|| self.find(info.id.as_bytes())) {
            Some(ix) => ix,
            None => self.told(json)?,
        };
        if let Some(container) = self.get_mut(ix) {
            container.ended = true;
        }
        Some(ix)
    }

    /// The first process of a container has ended.
    pub(crate) fn init_ended(&mut self, ix: ContainerIx) {
        if let Some(container) = self.get_mut(ix)
            && !container.ended
            && container.kind != Kind::Static
        {
            container.ended = true;
            self.tell(News::Ended(ix));
        }
    }

    pub(crate) fn get_mut(&mut self, ix: ContainerIx) -> Option<&mut Container> {
        self.slots.get_mut(ix.0 as usize)?.as_mut()
    }

    /// Whether it is time to look for containers that nobody needs.
    #[inline]
    pub(crate) fn is_sweep_due(&self) -> bool {
        self.slots.len() - self.free.len() > self.sweep_at
    }

    /// Forgets the containers that no thread is in, but for those that were named since the last time. `forget` is told their ids.
    pub(crate) fn sweep(&mut self, threads: &Threads, mut forget: impl FnMut(&[u8])) {
        let mut used = vec![false; self.slots.len()];
        let by_threads = threads.iter().map(|thread| thread.container);
        let waiting = self.news.iter().map(|news| match news {
            News::Unknown(ix) | News::Found(ix) | News::Ended(ix) => *ix,
        });
        for ix in by_threads.chain(waiting).chain([self.fixed]) {
            if let Some(used) = used.get_mut(ix.0 as usize) {
                *used = true;
            }
        }
        for (at, used) in used.iter().enumerate().skip(1) {
            let Some(place) = self.slots.get_mut(at) else {
                break;
            };
            let Some(container) = place else { continue };
            let fresh = std::mem::take(&mut container.fresh) && !container.ended;
            if !used && !fresh {
                forget(&container.id);
                *place = None;
                self.free.push(ContainerIx(at as u32));
            }
        }
        let slots = &self.slots;
        self.by_id
            .retain(|_, ix| slots.get(ix.0 as usize).is_some_and(Option::is_some));
        self.sweep_at = (2 * self.len()).max(SWEEP_MIN);
    }

    fn add(&mut self, id: &[u8], shown: usize, kind: Kind) -> ContainerIx {
        let container = Container {
            id: id.get(..shown).unwrap_or(id).into(),
            full_id: id.into(),
            kind,
            info: None,
            ended: false,
            has_accounts: false,
            fresh: true,
        };
        let ix = self
            .free
            .pop()
            .unwrap_or(ContainerIx(self.slots.len() as u32));
        match self.slots.get_mut(ix.0 as usize) {
            Some(place) => *place = Some(container),
            None => self.slots.push(Some(container)),
        }
        self.by_id.insert(id.into(), ix);
        if let Some(short) = id.get(..cgroup::SHORT) {
            self.by_id.entry(short.into()).or_insert(ix);
        }
        ix
    }

    /// Whether a container that is known by its short id may be that of a whole one.
    fn is_same(&self, ix: ContainerIx, id: &[u8]) -> bool {
        self.get(ix)
            .is_some_and(|known| id.starts_with(&known.full_id) || known.full_id.starts_with(id))
    }

    fn tell(&mut self, news: News) {
        if self.tell && self.news.len() < NEWS_MAX {
            self.news.push(news);
        }
    }
}

impl State {
    /// Looks at the control groups of all threads again: these engines are believed, everything may be in one container, and with `tell`
    /// there are news of what was found and what happens from now on.
    pub fn watch_containers(&mut self, engines: Engines, fixed: Option<Info>, tell: bool) {
        self.containers = Containers {
            engines,
            tell,
            by_id: std::mem::take(&mut self.containers.by_id),
            slots: std::mem::take(&mut self.containers.slots),
            free: std::mem::take(&mut self.containers.free),
            ..Containers::default()
        };
        if let Some(info) = fixed {
            self.containers.fix(info);
        }
        for at in 0..self.threads.slot_count() {
            if let Some(thread) = self.threads.get_mut(crate::ThreadIx(at)) {
                thread.container = self.containers.of(&thread.cgroups, ContainerIx::HOST);
            }
        }
        self.containers.news.clear();
        for at in 1..self.containers.slots.len() {
            let ix = ContainerIx(at as u32);
            let known = self
                .containers
                .get(ix)
                .map(|container| (container.kind.is_mute(), container.info.is_some()));
            match known {
                Some((true, _)) => self.containers.tell(News::Found(ix)),
                Some((false, false)) => self.containers.tell(News::Unknown(ix)),
                _ => {}
            }
        }
    }

    /// Forgets containers that nobody needs, when there are many.
    #[inline]
    pub(crate) fn sweep_containers(&mut self) {
        if self.containers.is_sweep_due() {
            let users = &mut self.users;
            self.containers.sweep(&self.threads, |id| users.forget(id));
        }
    }
}

#[cfg(test)]
mod tests;
