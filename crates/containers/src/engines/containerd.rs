//! containerd's own interface: the parts of its messages that are told.

mod messages;

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicU64},
};

use prost::Message;
use serde_json::Value;
use tonic::Streaming;

use super::Failure;
use crate::{
    Config, EngineKind,
    grpc::{Client, failure},
    info::{Info, Loose, Mount, count_cpus, kind, labels, repo_and_tag, short},
};
use messages::{
    Asked, Container, ContainerAnswer, Envelope, ImageAnswer, Listed, NamespacesAnswer, Nothing,
    Sandbox, SandboxAnswer, SubscribeAsked, TaskStart,
};

const NAMESPACES: &str = "/containerd.services.namespaces.v1.Namespaces/List";
const GET: &str = "/containerd.services.containers.v1.Containers/Get";
const LIST: &str = "/containerd.services.containers.v1.Containers/List";
const IMAGE: &str = "/containerd.services.images.v1.Images/Get";
const SANDBOX: &str = "/containerd.services.sandbox.v1.Store/Get";
const SUBSCRIBE: &str = "/containerd.services.events.v1.Events/Subscribe";

const CREATED: &str = "/containers/create";
const STARTED: &str = "/tasks/start";

#[derive(Clone, Debug)]
pub(crate) struct Containerd {
    client: Client,
    config: Arc<Config>,
    /// Namespaces that another interface tells more of.
    others: Vec<&'static str>,
}

impl Containerd {
    pub(super) fn new(socket: &Path, config: Arc<Config>, calls: Arc<AtomicU64>) -> Containerd {
        let asked = |kind: EngineKind| config.engines.iter().filter(move |it| it.kind == kind);
        // Pods, when the interface of Kubernetes is asked at the same socket, and what Docker has containerd run.
        let pods = asked(EngineKind::Cri).any(|cri| {
            let mut sockets = cri.sockets.iter();
            sockets.any(|other| crate::worker::on_host(&config, other) == socket)
        });
        let docker = asked(EngineKind::Docker).next().is_some();
        let others = [(pods, "k8s.io"), (docker, "moby")];
        Containerd {
            client: Client::new(socket, config.patience, calls),
            others: others
                .into_iter()
                .filter_map(|(is, name)| is.then_some(name))
                .collect(),
            config,
        }
    }

    async fn namespaces(&self) -> Result<Vec<String>, Failure> {
        let all: NamespacesAnswer = self.client.call(NAMESPACES, None, Nothing {}).await?;
        let names = all.namespaces.into_iter().map(|namespace| namespace.name);
        Ok(names
            .filter(|name| !self.others.contains(&name.as_str()))
            .collect())
    }

    pub(super) async fn get(&self, id: &str) -> Result<Info, Failure> {
        for namespace in self.namespaces().await? {
            let answer: Result<ContainerAnswer, Failure> =
                self.client.call(GET, Some(&namespace), Asked::of(id)).await;
            match answer {
                Ok(ContainerAnswer {
                    container: Some(container),
                }) if !container.id.is_empty() => {
                    return Ok(self.info(&namespace, &container).await);
                }
                Ok(_) | Err(Failure::NoSuch) => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::NoSuch)
    }

    async fn info(&self, namespace: &str, container: &Container) -> Info {
        let spec = container.spec.as_ref().map(|spec| &spec.value[..]);
        let spec: Value = spec
            .and_then(|json| serde_json::from_slice(json).ok())
            .unwrap_or_default();
        let image: Option<ImageAnswer> = match &*container.image {
            "" => None,
            name => {
                let asked = Asked::of(name);
                self.client.call(IMAGE, Some(namespace), asked).await.ok()
            }
        };
        let sandbox_id = match &*container.sandbox {
            "" => spec
                .pointer("/annotations/io.kubernetes.cri.sandbox-id")
                .and_then(Value::as_str)
                .unwrap_or_default(),
            id => id,
        };
        let sandbox: Option<SandboxAnswer> = if sandbox_id.is_empty() {
            None
        } else {
            let asked = Asked::of(sandbox_id);
            self.client.call(SANDBOX, Some(namespace), asked).await.ok()
        };
        let target = image.and_then(|answer| answer.image?.target);
        let (image_repo, image_tag) = repo_and_tag(&container.image);
        Info {
            image_repo,
            image_tag,
            image_digest: (target.as_ref()).map_or(String::new(), |target| target.digest.clone()),
            size: target
                .map(|target| target.size)
                .filter(|_| self.config.with_size),
            sandbox_id: sandbox_id.into(),
            sandbox_labels: labels(
                sandbox_labels(sandbox.and_then(|answer| answer.sandbox).as_ref()),
                self.config.label_max,
            ),
            ..of_container(container, &spec, self.config.label_max)
        }
    }

    pub(super) async fn list(&self) -> Result<Vec<String>, Failure> {
        let mut ids = Vec::new();
        for namespace in self.namespaces().await? {
            let listed: Listed = self.client.call(LIST, Some(&namespace), Nothing {}).await?;
            ids.extend(listed.containers.into_iter().map(|it| it.id));
        }
        Ok(ids)
    }

    pub(super) async fn listen(&self) -> Result<Events, Failure> {
        let wanted = [
            (self.config.on_create, CREATED),
            (self.config.on_start, STARTED),
        ];
        let filters = wanted
            .into_iter()
            .filter(|(wanted, _)| *wanted)
            .map(|(_, topic)| format!("topic==\"{topic}\""));
        let asked = SubscribeAsked {
            filters: filters.collect(),
        };
        Ok(Events {
            stream: self.client.stream(SUBSCRIBE, asked).await?,
            others: self.others.clone(),
        })
    }
}

fn sandbox_labels(sandbox: Option<&Sandbox>) -> Vec<(&String, &str)> {
    let all = sandbox.into_iter().flat_map(|sandbox| &sandbox.labels);
    all.map(|(key, value)| (key, value.as_str())).collect()
}

/// Containers that come.
#[derive(Debug)]
pub(crate) struct Events {
    stream: Streaming<Envelope>,
    others: Vec<&'static str>,
}

impl Events {
    pub(super) async fn next(&mut self) -> Result<Option<String>, Failure> {
        loop {
            let event = self.stream.message().await;
            let Some(event) = event.map_err(|status| failure(&status))? else {
                return Ok(None);
            };
            let wanted = matches!(&*event.topic, CREATED | STARTED)
                && !self.others.contains(&event.namespace.as_str());
            // Both events begin with the id.
            let id = event.event.as_ref().filter(|_| wanted);
            let id = id.and_then(|any| TaskStart::decode(&any.value[..]).ok());
            if let Some(event) = id {
                return Ok(Some(event.container_id));
            }
        }
    }
}

/// What the container's own description says.
fn of_container(container: &Container, spec: &Value, label_max: usize) -> Info {
    let namespaces = spec.list("/linux/namespaces");
    let shares = |kind: &str| namespaces.iter().all(|own| own.text("/type") != kind);
    let cpu = |key: &str| spec.int(&format!("/linux/resources/cpu/{key}"));
    let propagation = spec.text("/linux/rootfsPropagation");
    let mounts = spec.list("/mounts").iter().map(|mount| {
        let options = mount.texts("/options");
        let mode = options
            .iter()
            .find_map(|option| option.strip_prefix("mode="));
        Mount {
            source: mount.text("/source").into(),
            dest: mount.text("/destination").into(),
            mode: mode.unwrap_or_default().into(),
            rdwr: !options.iter().any(|option| option == "ro"),
            propagation: propagation.into(),
        }
    });
    let own = container.labels.iter();
    Info {
        kind: kind::CONTAINERD,
        full_id: container.id.clone(),
        name: short(&container.id).into(),
        image: container.image.clone(),
        user: spec.int("/process/user/uid").to_string(),
        cpu_period: cpu("period"),
        cpu_quota: cpu("quota"),
        cpu_shares: cpu("shares"),
        cpuset_count: count_cpus(spec.text("/linux/resources/cpu/cpus")),
        created_s: container.created_at.as_ref().map_or(0, |at| at.seconds),
        env: spec.texts("/process/env"),
        host_ipc: shares("ipc"),
        host_network: shares("network"),
        host_pid: shares("pid"),
        is_sandbox: container
            .labels
            .get("io.cri-containerd.kind")
            .is_some_and(|kind| kind == "sandbox"),
        labels: labels(own.map(|(key, value)| (key, value.as_str())), label_max),
        memory_limit: spec.int("/linux/resources/memory/limit"),
        swap_limit: spec.int("/linux/resources/memory/swap"),
        privileged: is_privileged(spec),
        mounts: mounts.collect(),
        ..Info::default()
    }
}

/// Whether nothing holds the container back: no masked or read-only paths, no profile, no filter of calls, `/sys` and the control groups
/// writable.
fn is_privileged(spec: &Value) -> bool {
    let absent = |path: &str| spec.pointer(path).is_none_or(Value::is_null);
    let profile = spec.text("/process/apparmorProfile");
    spec.pointer("/linux").is_some()
        && spec.pointer("/process").is_some()
        && absent("/linux/maskedPaths")
        && absent("/linux/readonlyPaths")
        && absent("/linux/seccomp")
        && spec.text("/process/selinuxLabel").is_empty()
        && matches!(profile, "" | "unconfined")
        && !spec.list("/mounts").iter().any(|mount| {
            matches!(mount.text("/type"), "sysfs" | "cgroup")
                && mount.texts("/options").iter().any(|option| option == "ro")
        })
}
