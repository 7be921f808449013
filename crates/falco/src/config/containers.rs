//! What the entry of the plugin `container` says, and the section `containers`; and who is asked about pods.

use std::{path::PathBuf, time::Duration};

use falco_containers::{Engine, EngineKind};
use falco_rules::{
    schema::{self, Schema},
    yaml::{self, Source},
};
use falco_state::{Engines, Info, Kind};
use serde_json::Value;

use super::{Keys, kubernetes::kubernetes, plugins::Plugin};
use crate::plugins;

/// Containers: who is asked about them, and how long events wait for the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Containers {
    pub(crate) runtimes: falco_containers::Config,
    /// Whose marks in control groups are believed.
    pub(crate) engines: Engines,
    /// The container that everything is in.
    pub(crate) fixed: Option<Info>,
    /// How long the events of a container wait for what its runtime says of it.
    pub(crate) wait: Duration,
}

pub(super) fn containers(keys: &Keys<'_>, plugins: &[Plugin]) -> Containers {
    let entry = plugins
        .iter()
        .find(|plugin| plugin.name == plugins::CONTAINER);
    let init = entry.map_or(&Value::Null, |plugin| &plugin.init);
    let part = keys.of(init);
    let on = |engine: &str| part.truth(&format!("engines.{engine}.enabled"), true);
    let asked = [
        (EngineKind::Docker, &["/var/run/docker.sock"][..]),
        (EngineKind::Podman, &["/run/podman/podman.sock"]),
        (
            EngineKind::Cri,
            &[
                "/run/containerd/containerd.sock",
                "/run/crio/crio.sock",
                "/run/k3s/containerd/containerd.sock",
                "/run/host-containerd/containerd.sock",
            ],
        ),
        (
            EngineKind::Containerd,
            &[
                "/run/containerd/containerd.sock",
                "/run/host-containerd/containerd.sock",
            ],
        ),
    ];
    let asked = asked.into_iter().filter(|(kind, _)| on(kind.name()));
    let asked = asked.map(|(kind, default)| {
        let mut sockets = part.texts(&format!("engines.{}.sockets", kind.name()));
        if sockets.is_empty() {
            sockets = default.iter().map(|socket| (*socket).to_owned()).collect();
        }
        let path = |socket: String| match socket.strip_prefix("unix://") {
            Some(path) => PathBuf::from(path),
            None => socket.into(),
        };
        Engine {
            kind,
            sockets: sockets.into_iter().map(path).collect(),
        }
    });
    let hooks = part.texts("hooks");
    let hook = |name: &str| hooks.iter().any(|hook| hook == name);
    let text = |key: &str| {
        part.text(&format!("engines.static.{key}"))
            .unwrap_or_default()
    };
    let fixed = part.truth("engines.static.enabled", false).then(|| {
        let (id, name, image) = (
            text("container_id"),
            text("container_name"),
            text("container_image"),
        );
        Info::named(id, Kind::Static, name, image)
    });
    Containers {
        runtimes: falco_containers::Config {
            kubernetes: kubernetes(keys, plugins),
            engines: if fixed.is_some() {
                Vec::new()
            } else {
                asked.collect()
            },
            host_root: std::env::var_os("HOST_ROOT").map_or("/".into(), PathBuf::from),
            label_max: part.number("label_max_len", 100) as usize,
            with_size: part.truth("with_size", false),
            on_create: hooks.is_empty() || hook("create"),
            on_start: hook("start"),
            ..falco_containers::Config::default()
        },
        engines: Engines {
            docker: on("docker"),
            podman: on("podman"),
            cri: on("cri"),
            containerd: on("containerd"),
            lxc: on("lxc"),
            libvirt_lxc: on("libvirt_lxc"),
            bpm: on("bpm"),
        },
        fixed,
        wait: Duration::from_millis(keys.number("containers.max_wait_ms", 0).into()),
    }
}

/// What is wrong with the `init_config` of a plugin, in upstream's words.
pub(crate) fn wrong(init: &Value, schema: &Schema) -> Option<String> {
    // JSON is YAML.
    let text = init.to_string();
    let documents = yaml::parse(&Source::new("init_config", &text)).ok()?;
    let failures = schema::failures(documents.first()?, schema);
    let first = failures.into_iter().next()?;
    let first = first.strip_prefix("failed for ").unwrap_or(&first);
    Some(format!("In {}", first.replacen(": ", ", ", 1)))
}

#[cfg(test)]
mod tests;
