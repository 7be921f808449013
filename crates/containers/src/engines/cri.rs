//! The interface between Kubernetes and runtimes, `runtime.v1`: the parts of its messages that are told.

mod messages;

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicU64},
};

use serde_json::Value;
use tonic::Streaming;

use super::Failure;
use crate::{
    Config,
    grpc::{Client, failure},
    info::{Info, Loose, Mount, count_cpus, kind, labels, repo_and_tag},
};
use messages::{
    ContainerEvent, ContainerFilter, ContainerStatus, ContainerStatusAnswer, ContainerStatusAsked,
    EventsAsked, ListAsked, Listed, Sandbox, SandboxAnswer, SandboxAsked, VersionAnswer,
    VersionAsked,
};

const VERSION: &str = "/runtime.v1.RuntimeService/Version";
const LIST: &str = "/runtime.v1.RuntimeService/ListContainers";
const STATUS: &str = "/runtime.v1.RuntimeService/ContainerStatus";
const SANDBOX: &str = "/runtime.v1.RuntimeService/PodSandboxStatus";
const EVENTS: &str = "/runtime.v1.RuntimeService/GetContainerEvents";

/// How much of what the network plugin said is told.
const CNI_MAX: usize = 4096;

#[derive(Clone, Debug)]
pub(crate) struct Cri {
    client: Client,
    config: Arc<Config>,
}

impl Cri {
    pub(super) fn new(socket: &Path, config: Arc<Config>, calls: Arc<AtomicU64>) -> Cri {
        Cri {
            client: Client::new(socket, config.patience, calls),
            config,
        }
    }

    pub(super) async fn get(&self, id: &str) -> Result<Info, Failure> {
        // A prefix of the id may be all that is known.
        let asked = ListAsked {
            filter: Some(ContainerFilter { id: id.into() }),
        };
        let listed: Listed = self.client.call(LIST, None, asked).await?;
        let kind = self.kind().await;
        let Some(found) = listed.containers.first() else {
            return self.sandbox_as_container(id, kind).await;
        };
        let asked = ContainerStatusAsked {
            container_id: found.id.clone(),
            verbose: true,
        };
        let answer: ContainerStatusAnswer = self.client.call(STATUS, None, asked).await?;
        let sandbox = self.sandbox(&found.pod_sandbox_id).await.ok();
        let status = answer.status.unwrap_or_default();
        if status.id.is_empty() {
            return Err(Failure::Malformed("a container without id".into()));
        }
        let more = answer.info.get("info").map(String::as_str);
        Ok(Info {
            kind,
            ..of_container(&status, more, sandbox.as_ref(), self.config.label_max)
        })
    }

    /// Who answers.
    async fn kind(&self) -> u32 {
        let asked = VersionAsked::default();
        let answer: Result<VersionAnswer, _> = self.client.call(VERSION, None, asked).await;
        match answer.map(|answer| answer.runtime_name).as_deref() {
            Ok("containerd") => kind::CONTAINERD,
            Ok("cri-o") => kind::CRI_O,
            _ => kind::CRI,
        }
    }

    async fn sandbox(&self, id: &str) -> Result<SandboxAnswer, Failure> {
        let asked = SandboxAsked {
            pod_sandbox_id: id.into(),
            verbose: true,
        };
        self.client.call(SANDBOX, None, asked).await
    }

    /// The process that keeps a pod's namespaces is in a container of its own, which the list does not have.
    async fn sandbox_as_container(&self, id: &str, kind: u32) -> Result<Info, Failure> {
        let answer = self.sandbox(id).await?;
        let id = answer.status.as_ref().map(|status| status.id.clone());
        let status = ContainerStatus {
            id: id.filter(|id| !id.is_empty()).ok_or(Failure::NoSuch)?,
            ..ContainerStatus::default()
        };
        Ok(Info {
            kind,
            is_sandbox: true,
            ..of_container(&status, None, Some(&answer), self.config.label_max)
        })
    }

    pub(super) async fn list(&self) -> Result<Vec<String>, Failure> {
        let listed: Listed = self.client.call(LIST, None, ListAsked::default()).await?;
        Ok(listed.containers.into_iter().map(|it| it.id).collect())
    }

    pub(super) async fn listen(&self) -> Result<Events, Failure> {
        let stream = self.client.stream(EVENTS, EventsAsked::default()).await?;
        Ok(Events {
            stream,
            config: Arc::clone(&self.config),
        })
    }
}

/// Containers that come and go.
#[derive(Debug)]
pub(crate) struct Events {
    stream: Streaming<ContainerEvent>,
    config: Arc<Config>,
}

impl Events {
    pub(super) async fn next(&mut self) -> Result<Option<String>, Failure> {
        const CREATED: i32 = 0;
        const STARTED: i32 = 1;
        loop {
            let event = self.stream.message().await;
            match event.map_err(|status| failure(&status))? {
                None => return Ok(None),
                Some(event) => {
                    let wanted = match event.kind {
                        CREATED => self.config.on_create,
                        STARTED => self.config.on_start,
                        _ => false,
                    };
                    if wanted {
                        return Ok(Some(event.container_id));
                    }
                }
            }
        }
    }
}

/// `more` is JSON that runtimes add.
fn of_container(
    status: &ContainerStatus,
    more: Option<&str>,
    sandbox: Option<&SandboxAnswer>,
    label_max: usize,
) -> Info {
    let more: Value = more
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let pod = sandbox.and_then(|answer| answer.status.as_ref());
    let options = pod.and_then(|pod| pod.linux.as_ref()?.namespaces.as_ref()?.options.as_ref());
    let resources = status.resources.as_ref().and_then(|all| all.linux.as_ref());
    let resources = resources.cloned().unwrap_or_default();
    let user = status.user.as_ref().and_then(|user| user.linux.as_ref());
    let user = user.map_or(0, |user| user.uid);
    const NODE: i32 = 2;
    let image = image(status, &more);
    Info {
        full_id: status.id.clone(),
        name: (status.metadata.as_ref()).map_or(String::new(), |metadata| metadata.name.clone()),
        image: image.name,
        image_digest: image.digest,
        image_id: image.id,
        image_repo: image.repo,
        image_tag: image.tag,
        user: user.to_string(),
        cni_json: sandbox.map_or(String::new(), cni),
        cpu_period: resources.cpu_period,
        cpu_quota: resources.cpu_quota,
        cpu_shares: resources.cpu_shares,
        cpuset_count: count_cpus(&resources.cpuset_cpus),
        created_s: status.created_at / 1_000_000_000,
        env: (more.list("/config/envs").iter())
            .map(|env| format!("{}={}", env.text("/key"), env.text("/value")))
            .collect(),
        host_ipc: options.is_some_and(|options| options.ipc == NODE),
        host_network: options.is_some_and(|options| options.network == NODE),
        host_pid: options.is_some_and(|options| options.pid == NODE),
        ip: pod
            .and_then(|pod| pod.network.as_ref())
            .map_or(String::new(), |it| it.ip.clone()),
        labels: labels_of(status, pod, label_max),
        memory_limit: resources.memory_limit_in_bytes,
        swap_limit: resources.memory_swap_limit_in_bytes,
        sandbox_id: pod.map_or(&status.id, |pod| &pod.id).clone(),
        privileged: is_privileged(&more),
        sandbox_labels: labels(
            pod.iter()
                .flat_map(|pod| &pod.labels)
                .map(|(key, value)| (key, value.as_str())),
            label_max,
        ),
        mounts: status.mounts.iter().map(mount).collect(),
        ..Info::default()
    }
}

fn labels_of(
    status: &ContainerStatus,
    pod: Option<&Sandbox>,
    max: usize,
) -> std::collections::BTreeMap<String, String> {
    let own = status.labels.iter();
    let mut all = labels(own.map(|(key, value)| (key, value.as_str())), max);
    let id = pod.map_or(&status.id, |pod| &pod.id);
    all.insert("io.kubernetes.sandbox.id".into(), id.clone());
    if let Some(metadata) = pod.and_then(|pod| pod.metadata.as_ref()) {
        for (key, value) in [
            ("uid", &metadata.uid),
            ("name", &metadata.name),
            ("namespace", &metadata.namespace),
        ] {
            all.insert(format!("io.kubernetes.pod.{key}"), value.clone());
        }
    }
    all
}

fn mount(mount: &messages::Mount) -> Mount {
    Mount {
        source: mount.host_path.clone(),
        dest: mount.container_path.clone(),
        mode: String::new(),
        rdwr: !mount.readonly,
        propagation: match mount.propagation {
            0 => "private",
            1 => "rslave",
            2 => "rshared",
            _ => "unknown",
        }
        .into(),
    }
}

fn is_privileged(more: &Value) -> bool {
    [
        "/runtimeSpec/linux/security_context/privileged",
        "/config/linux/security_context/privileged",
        "/privileged",
    ]
    .into_iter()
    .find_map(|path| more.pointer(path)?.as_bool())
    .unwrap_or(false)
}

#[derive(Default)]
struct Image {
    name: String,
    repo: String,
    tag: String,
    id: String,
    digest: String,
}

/// The name that was asked for, and what it was resolved to: `host/image@sha256:digest` or `sha256:digest`.
fn image(status: &ContainerStatus, more: &Value) -> Image {
    let asked = (status.image.as_ref()).map_or("", |image| &image.image);
    let resolved = &*status.image_ref;
    let mut name = asked.to_owned();
    let mut digest = String::new();
    let mut tag_of_asked = false;
    if resolved.starts_with("sha256:") {
        digest = resolved.into();
    } else if let Some((image, of)) = resolved.split_once("@sha256:") {
        name = image.into();
        digest = format!("sha256:{of}");
        tag_of_asked = true;
    }
    if name.is_empty() || name.starts_with("sha256") {
        let annotations = [
            "io.kubernetes.cri.image-name",
            "io.kubernetes.cri-o.Image",
            "io.kubernetes.cri-o.ImageName",
        ];
        let all = more.pointer("/runtimeSpec/annotations");
        let found = annotations
            .into_iter()
            .find_map(|key| all?.get(key)?.as_str());
        if let Some(found) = found {
            name = found.into();
            tag_of_asked = false;
        }
    }
    let (repo, mut tag) = repo_and_tag(&name);
    if tag_of_asked {
        let (_, of) = repo_and_tag(asked);
        if !of.is_empty() && !asked.starts_with("sha256") {
            tag = of;
            name = format!("{name}:{tag}");
        }
    }
    let (_, mut id) = repo_and_tag(more.text("/config/image/image"));
    if id.is_empty() {
        id.clone_from(&status.image_id);
    }
    Image {
        name,
        repo,
        tag,
        id,
        digest,
    }
}

/// What the network plugin said: interfaces without the loopback and the host's ends, or what CRI-O noted.
fn cni(sandbox: &SandboxAnswer) -> String {
    let more = sandbox.info.get("info").map_or("", String::as_str);
    let more: Value = serde_json::from_str(more).unwrap_or_default();
    let interfaces = more
        .pointer("/cniResult/Interfaces")
        .or_else(|| more.pointer("/cniResult/interfaces"));
    let text = match interfaces {
        Some(Value::Object(all)) => {
            let shown = |name: &str| name != "lo" && !name.starts_with("veth");
            let kept = all.iter().filter(|(name, _)| shown(name));
            let kept: serde_json::Map<_, _> =
                kept.map(|(name, it)| (name.clone(), it.clone())).collect();
            Value::Object(kept).to_string()
        }
        Some(Value::Array(all)) => {
            let shown = |it: &&Value| !matches!(it.text("/name"), "lo" | "veth");
            Value::Array(all.iter().filter(shown).cloned().collect()).to_string()
        }
        _ => {
            let noted = more.pointer("/runtimeSpec/annotations/io.kubernetes.cri-o.CNIResult");
            noted.and_then(Value::as_str).unwrap_or_default().to_owned()
        }
    };
    match text.char_indices().find(|(at, _)| *at >= CNI_MAX) {
        Some((at, _)) => text.get(..at).unwrap_or_default().to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests;
