//! Fields of containers and pods.

use std::collections::BTreeMap;

use falco_filter::Value;
use falco_state::{Container as State, ContainerIx, Info, Mount};

use crate::Facts;
use crate::catalogue::Arg;
use crate::table::container::Container;
use crate::text::Text;

/// What stands for a container where there is none.
const HOST: Value<'static> = Value::Str(b"host");
const EMPTY: Value<'static> = Value::Str(b"");

/// Labels that runtimes keep for themselves.
const INTERNAL: [&str; 2] = ["annotation.", "io.kubernetes."];
const POD_NAME: &str = "io.kubernetes.pod.name";
const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
const POD_UID: &str = "io.kubernetes.pod.uid";

/// How much of a sandbox's id is shown.
const SHORT: usize = 12;

impl<'e> Facts<'e> {
    /// The id of the process's container; empty on the host.
    pub(crate) fn container_id(&self) -> &'e [u8] {
        let of = self.thread.map(|thread| thread.container);
        let container = of.and_then(|ix| self.state.containers.get(ix));
        container.map_or(b"", |container| &container.id)
    }

    #[inline(never)]
    pub(crate) fn container(&self, field: Container, arg: &Arg) -> Option<Value<'e>> {
        use Container as C;
        if let C::StartTs | C::Duration = field {
            // What tells of a container happens in no thread.
            let of_thread = self.subject.container.is_none();
            let start = self.thread.filter(|_| of_thread)?.pidns_start_ns;
            let value = match field {
                C::StartTs => start,
                _ => self.event.time_ns().wrapping_sub(start),
            };
            return (start != 0).then_some(Value::Uint(value));
        }
        let ix = match self.subject.container {
            Some(ix) => ix,
            None => self.thread?.container,
        };
        if ix == ContainerIx::HOST {
            return of_host(field);
        }
        let container = self.state.containers.get(ix)?;
        match (field, &container.info) {
            (C::Id, _) => Some(Value::Str(&container.id)),
            // What is not known yet has no value.
            (_, None) => None,
            (_, Some(info)) => self.told(field, arg, container, info),
        }
    }

    /// What a runtime told.
    fn told(
        &self,
        field: Container,
        arg: &Arg,
        container: &'e State,
        info: &'e Info,
    ) -> Option<Value<'e>> {
        use Container as C;
        let text = |text: &'e str| Some(Value::Str(text.as_bytes()));
        match field {
            C::Id => Some(Value::Str(&container.id)),
            C::FullId => text(&info.full_id),
            C::Name => text(&info.name),
            C::Type => text(info.kind.name()),
            C::Image => text(&info.image),
            C::ImageId => text(&info.image_id),
            C::ImageRepository => text(&info.repository),
            C::ImageTag => text(&info.tag),
            C::ImageDigest => text(&info.digest),
            C::Ip => text(&info.ip),
            C::CniJson => text(&info.cni_json),
            C::Privileged => Some(Value::Bool(info.privileged)),
            C::HostPid => Some(Value::Bool(info.host_pid)),
            C::HostNetwork => Some(Value::Bool(info.host_network)),
            C::HostIpc => Some(Value::Bool(info.host_ipc)),
            C::Mounts => {
                let mut text = Text::new(self.arena);
                for mount in &info.mounts {
                    if !text.is_empty() {
                        text.push(b",");
                    }
                    push_mount(&mut text, mount);
                }
                Some(text.value())
            }
            C::Mount
            | C::MountSource
            | C::MountDest
            | C::MountMode
            | C::MountRdwr
            | C::MountPropagation => self.mount(field, arg, info),
            C::Label => label(&info.labels, arg),
            C::Labels => Some(self.labels(&info.labels)),
            C::PodName => label_named(&info.labels, POD_NAME),
            C::NsName => label_named(&info.labels, POD_NAMESPACE),
            C::PodId | C::PodUid => label_named(&info.labels, POD_UID),
            C::FullSandboxId => text(&info.sandbox_id),
            C::SandboxId => text(short(&info.sandbox_id)),
            C::PodLabel => {
                let labels = self.sandbox(info).map(|sandbox| &sandbox.sandbox_labels);
                let of_sandbox = labels.and_then(|labels| label(labels, arg));
                of_sandbox.or_else(|| label(&info.sandbox_labels, arg))
            }
            C::PodLabels => {
                let sandbox = self.sandbox(info).unwrap_or(info);
                Some(self.labels(&sandbox.sandbox_labels))
            }
            C::PodIp | C::PodCniJson => {
                let of = if info.cni_json.is_empty() {
                    self.sandbox(info)?
                } else {
                    info
                };
                text(if field == C::PodIp {
                    &of.ip
                } else {
                    &of.cni_json
                })
            }
            _ => None,
        }
    }

    /// What is known of the sandbox of a container's pod, if the container itself was not told of it.
    fn sandbox(&self, info: &Info) -> Option<&'e Info> {
        if !info.cni_json.is_empty() || info.sandbox_id.is_empty() {
            return None;
        }
        let ix = self.state.containers.find(info.sandbox_id.as_bytes())?;
        self.state.containers.get(ix)?.info.as_deref()
    }

    /// A mount: by its place, or the first whose source (for `container.mount.source`: destination) a pattern finds.
    fn mount(&self, field: Container, arg: &Arg, info: &'e Info) -> Option<Value<'e>> {
        use Container as C;
        let mount = match arg {
            Arg::Index(index) => info.mounts.get(usize::try_from(*index).ok()?),
            Arg::Pattern(pattern) => info.mounts.iter().find(|mount| {
                let side = match field {
                    C::MountSource => &mount.dest,
                    _ => &mount.source,
                };
                pattern.finds(side)
            }),
            _ => None,
        }?;
        Some(Value::Str(match field {
            C::MountSource => mount.source.as_bytes(),
            C::MountDest => mount.dest.as_bytes(),
            C::MountMode => mount.mode.as_bytes(),
            C::MountRdwr => rdwr(mount).as_bytes(),
            C::MountPropagation => mount.propagation.as_bytes(),
            _ => {
                let mut text = Text::new(self.arena);
                push_mount(&mut text, mount);
                text.finish()
            }
        }))
    }

    /// Labels, `key:value`, in the order of the keys; without those that runtimes keep for themselves.
    fn labels(&self, labels: &BTreeMap<String, String>) -> Value<'e> {
        let mut text = Text::new(self.arena);
        let shown = |key: &str| !INTERNAL.iter().any(|prefix| key.starts_with(prefix));
        for (key, value) in labels.iter().filter(|(key, _)| shown(key)) {
            if !text.is_empty() {
                text.push(b", ");
            }
            text.push(key.as_bytes());
            if !value.is_empty() {
                text.push(b":");
                text.push(value.as_bytes());
            }
        }
        text.value()
    }
}

/// What the fields say of a process of the host.
fn of_host(field: Container) -> Option<Value<'static>> {
    use Container as C;
    match field {
        C::Id | C::FullId | C::Name | C::Type => Some(HOST),
        C::Privileged | C::HostPid | C::HostNetwork | C::HostIpc => Some(Value::Bool(false)),
        C::Image
        | C::ImageId
        | C::ImageRepository
        | C::ImageTag
        | C::ImageDigest
        | C::Mounts
        | C::Ip
        | C::CniJson
        | C::Labels
        | C::SandboxId
        | C::FullSandboxId
        | C::PodLabels
        | C::PodIp
        | C::PodCniJson => Some(EMPTY),
        // Mounts and labels that are not there; and what upstream gave up and has for the sake of old rules only.
        _ => None,
    }
}

fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

fn rdwr(mount: &Mount) -> &'static str {
    if mount.rdwr { "true" } else { "false" }
}

fn push_mount(text: &mut Text<'_>, mount: &Mount) {
    let parts = [
        &*mount.source,
        &mount.dest,
        &mount.mode,
        rdwr(mount),
        &mount.propagation,
    ];
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            text.push(b":");
        }
        text.push(part.as_bytes());
    }
}

fn label<'e>(labels: &'e BTreeMap<String, String>, arg: &Arg) -> Option<Value<'e>> {
    match arg {
        Arg::Key(key) => label_named(labels, key),
        _ => None,
    }
}

fn label_named<'e>(labels: &'e BTreeMap<String, String>, name: &str) -> Option<Value<'e>> {
    Some(Value::Str(labels.get(name)?.as_bytes()))
}
