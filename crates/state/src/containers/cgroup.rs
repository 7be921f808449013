//! Which container a process is in, from the paths of its control groups.
//!
//! Every runtime puts the id into one component of the path, with marks of its own around it. What lies below is made by the container
//! itself (an init system in it, say), what lies above may be another container: the innermost component that says something counts.

use super::{Engines, Kind};

/// A container that a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    /// The whole id.
    pub(crate) id: &'a [u8],
    /// How much of it is shown as `container.id`.
    pub(crate) shown: usize,
    pub(crate) kind: Kind,
}

impl<'a> Found<'a> {
    fn short(id: &'a [u8], kind: Kind) -> Found<'a> {
        let shown = id.len().min(SHORT);
        Found { id, shown, kind }
    }

    fn whole(id: &'a [u8], kind: Kind) -> Found<'a> {
        Found {
            id,
            shown: id.len(),
            kind,
        }
    }
}

/// How many digits of an id are shown.
pub(crate) const SHORT: usize = 12;
/// How many an id has, and the longest name in its place.
const DIGITS: usize = 64;
/// How many components of a path the probe reports, from the innermost on.
const DEPTH: usize = 6;

/// What systemd's own groups end with.
const UNITS: [&[u8]; 3] = [b".slice", b".scope", b".service"];
/// First components with a second one that is no container of containerd.
const OTHERS: [&[u8]; 4] = [b"libpod_parent", b"podruntime", b"kubepods", b"lxc"];
/// Prefixes of ids, who writes them, and who has to be enabled to be believed.
const PREFIXES: [(&[u8], Kind); 6] = [
    (b"libpod-payload-", Kind::Podman),
    (b"libpod-", Kind::Podman),
    (b"docker-", Kind::Docker),
    (b"crio-", Kind::CriO),
    (b"cri-containerd-", Kind::Containerd),
    (b"nerdctl-", Kind::Containerd),
];
/// The same in the names that systemd's driver passes to a runtime that does not use systemd: `slice:prefix:id`.
const COLONS: [(&[u8], Kind); 5] = [
    (b":cri-containerd:", Kind::Containerd),
    (b":crio:", Kind::CriO),
    (b":docker:", Kind::Docker),
    (b":libpod:", Kind::Podman),
    (b":nerdctl:", Kind::Containerd),
];

/// The container that control groups (`subsystem=path`, each closed by a NUL) belong to; `None` on the host.
pub(crate) fn find(groups: &[u8], engines: Engines) -> Option<Found<'_>> {
    let mut before: &[u8] = b"";
    for path in paths(groups) {
        if path != before
            && let Some(found) = in_path(path, engines)
        {
            return Some(found);
        }
        before = path;
    }
    engines.containerd.then(|| of_containerd(groups))?
}

/// Whether a path may go on above what is known of it.
pub(crate) fn is_cut(groups: &[u8]) -> bool {
    paths(groups).any(|path| components(path).count() >= DEPTH)
}

fn paths(groups: &[u8]) -> impl Iterator<Item = &[u8]> {
    groups.split(|byte| *byte == 0).filter_map(|entry| {
        let equals = entry.iter().position(|byte| *byte == b'=')?;
        entry.get(equals + 1..)
    })
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
        .filter(|component| !component.is_empty())
}

fn in_path(path: &[u8], engines: Engines) -> Option<Found<'_>> {
    let mut inwards = components(path).rev().peekable();
    let mut below: &[u8] = b"";
    while let Some(component) = inwards.next() {
        let above = inwards.peek().copied().unwrap_or_default();
        let found =
            oci(component, above, engines).or_else(|| other(component, above, below, engines));
        if found.is_some() {
            return found;
        }
        below = component;
    }
    None
}

/// Containers whose id has 64 digits.
fn oci<'a>(component: &'a [u8], above: &[u8], engines: Engines) -> Option<Found<'a>> {
    let inner = component.strip_suffix(b".scope").unwrap_or(component);
    for (prefix, kind) in PREFIXES {
        if let Some(id) = inner.strip_prefix(prefix)
            && is_id(id)
        {
            return believed(kind, engines).then(|| Found::short(id, kind));
        }
    }
    for (mark, kind) in COLONS {
        let at = inner.len().checked_sub(mark.len() + DIGITS);
        if let Some(id) = at.and_then(|at| inner.get(at..)?.strip_prefix(mark))
            && is_id(id)
        {
            return believed(kind, engines).then(|| Found::short(id, kind));
        }
    }
    // Docker without systemd, and pods without systemd.
    let kind = if above.starts_with(b"pod") || above == b"kubepods" {
        Kind::Cri
    } else {
        Kind::Docker
    };
    (is_id(component) && (engines.docker || engines.cri)).then(|| Found::short(component, kind))
}

fn believed(kind: Kind, engines: Engines) -> bool {
    match kind {
        Kind::Podman => engines.podman,
        Kind::Docker => engines.docker || engines.cri,
        _ => engines.cri,
    }
}

/// Containers with names. `above` and `below` are the neighbours of the component.
fn other<'a>(
    component: &'a [u8],
    above: &[u8],
    below: &[u8],
    engines: Engines,
) -> Option<Found<'a>> {
    if engines.lxc {
        let name = component.strip_prefix(b"lxc.payload.");
        let name =
            name.or_else(|| (above == b"lxc" || above == b"lxc.payload").then_some(component));
        if let Some(name) = name {
            return Some(Found::whole(name, Kind::Lxc));
        }
    }
    if engines.libvirt_lxc {
        let name = component.strip_suffix(b".libvirt-lxc").or_else(|| {
            let name = component.strip_prefix(b"machine-lxc\\x2d")?;
            name.strip_suffix(b".scope")
        });
        let name = name.or_else(|| {
            // /libvirt/lxc/NAME: the two above have to be looked at together.
            (above == b"lxc" && below.is_empty()).then_some(component)
        });
        if let Some(name) = name {
            return Some(Found::whole(name, Kind::LibvirtLxc));
        }
    }
    if engines.bpm
        && let Some(at) = memfind(component, b"bpm-")
        && let Some(name) = component.get(at + 4..)
    {
        let name = name.strip_suffix(b".scope").unwrap_or(name);
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        if !name.is_empty() && name.iter().all(plain) {
            return Some(Found::whole(name, Kind::Bpm));
        }
    }
    // systemd-nspawn puts the container into a group of its own, which tells it from virtual machines.
    if below == b"payload" {
        let machine = component
            .strip_prefix(b"machine-")
            .and_then(|name| name.strip_suffix(b".scope"));
        let service = || {
            let name = component.strip_prefix(b"systemd-nspawn@")?;
            name.strip_suffix(b".service")
        };
        if let Some(name) = machine.or_else(service) {
            return Some(Found::whole(name, Kind::Nspawn));
        }
    }
    None
}

/// Containers that were started by containerd without a prefix: `/NAMESPACE/ID`, in all hierarchies.
fn of_containerd(groups: &[u8]) -> Option<Found<'_>> {
    let mut all = paths(groups);
    let path = all.next()?;
    if all.any(|other| other != path) {
        return None;
    }
    let mut parts = components(path);
    let (namespace, id) = (parts.next()?, parts.next()?);
    let fits = parts.next().is_none()
        && id.len() <= DIGITS
        && [namespace, id].iter().all(|part| is_name(part))
        && !OTHERS.contains(&namespace);
    fits.then(|| Found::short(id, Kind::Containerd))
}

fn is_id(text: &[u8]) -> bool {
    text.len() == DIGITS && text.iter().all(u8::is_ascii_hexdigit)
}

/// Letters and digits, in parts joined by single `.`, `_` or `-`; no unit of systemd.
fn is_name(text: &[u8]) -> bool {
    let parts = text.split(|byte| b"._-".contains(byte));
    let unit = UNITS.iter().any(|unit| text.ends_with(unit));
    !unit
        && parts
            .into_iter()
            .all(|part| !part.is_empty() && part.iter().all(u8::is_ascii_alphanumeric))
}

fn memfind(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests;
