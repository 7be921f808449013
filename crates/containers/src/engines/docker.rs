//! Docker: version 1 of its API.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};

use serde_json::Value;

use super::{Failure, escaped, filters};
use crate::{
    Config,
    http::{Http, Lines},
    info::{Binding, Info, Loose, Mount, count_cpus, kind, labels, repo_and_tag},
};

/// How many images are remembered.
const IMAGES_MAX: usize = 256;

#[derive(Clone, Debug)]
pub(crate) struct Docker {
    http: Http,
    config: Arc<Config>,
    /// What was answered for images, by their ids: they do not change.
    images: Arc<Mutex<HashMap<String, Arc<Value>>>>,
}

impl Docker {
    pub(super) fn new(socket: &Path, config: Arc<Config>, calls: Arc<AtomicU64>) -> Docker {
        Docker {
            http: Http::new(socket, config.patience, calls),
            config,
            images: Arc::default(),
        }
    }

    pub(super) async fn get(&self, id: &str) -> Result<Info, Failure> {
        let size = u8::from(self.config.with_size);
        let path = format!("/containers/{}/json?size={size}", escaped(id));
        let answer = self.http.get(&path).await?;
        let image = self.image(answer.text("/Image")).await;
        let mut info = info(&answer, &image, self.config.label_max);
        if info.full_id.is_empty() {
            return Err(Failure::Malformed("a container without Id".into()));
        }
        // Who shares the network of another container has its address.
        if info.ip.is_empty()
            && let Some(other) = answer
                .text("/HostConfig/NetworkMode")
                .strip_prefix("container:")
        {
            let path = format!("/containers/{}/json", escaped(other));
            if let Ok(other) = self.http.get(&path).await {
                address(&other).clone_into(&mut info.ip);
            }
        }
        Ok(info)
    }

    /// What is known of an image; nothing if it is gone.
    async fn image(&self, id: &str) -> Arc<Value> {
        if id.is_empty() {
            return Arc::default();
        }
        let lock = || self.images.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(id) {
            return Arc::clone(known);
        }
        let Ok(answer) = self
            .http
            .get(&format!("/images/{}/json", escaped(id)))
            .await
        else {
            return Arc::default();
        };
        let answer = Arc::new(answer);
        let mut images = lock();
        if images.len() >= IMAGES_MAX {
            images.clear();
        }
        images.insert(id.to_owned(), Arc::clone(&answer));
        answer
    }

    pub(super) async fn list(&self) -> Result<Vec<String>, Failure> {
        Ok(ids(&self.http.get("/containers/json?all=1").await?))
    }

    pub(super) async fn listen(&self) -> Result<Lines, Failure> {
        let filters = filters(&self.config);
        self.http.lines(&format!("/events?filters={filters}")).await
    }
}

/// The container that an event of Docker's or Podman's tells of.
pub(super) fn id_of(event: &Value) -> String {
    let id = event.text("/Actor/ID");
    if id.is_empty() { event.text("/id") } else { id }.to_owned()
}

/// The ids of a list.
pub(super) fn ids(answer: &Value) -> Vec<String> {
    let ids = answer.list("").iter().map(|entry| entry.text("/Id"));
    ids.filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

fn address(answer: &Value) -> &str {
    answer.text("/NetworkSettings/IPAddress")
}

/// What Docker and Podman call alike.
pub(super) fn common(answer: &Value, kind: u32, label_max: usize) -> Info {
    let host = |key: &str, mode: &str| answer.text(&format!("/HostConfig/{key}")) == mode;
    let name = answer.text("/Name").trim_start_matches('/');
    let created = answer.text("/Created").parse::<jiff::Timestamp>();
    let mounts = answer.list("/Mounts").iter().map(|mount| Mount {
        source: mount.text("/Source").into(),
        dest: mount.text("/Destination").into(),
        mode: mount.text("/Mode").into(),
        rdwr: mount.flag("/RW"),
        propagation: mount.text("/Propagation").into(),
    });
    let ports = answer.pointer("/NetworkSettings/Ports");
    let ports = ports.and_then(Value::as_object).into_iter().flatten();
    Info {
        kind,
        full_id: answer.text("/Id").into(),
        name: name.into(),
        user: answer.text("/Config/User").into(),
        cpu_period: answer.int("/HostConfig/CpuPeriod"),
        cpu_quota: answer.int("/HostConfig/CpuQuota"),
        cpu_shares: answer.int("/HostConfig/CpuShares"),
        cpuset_count: count_cpus(answer.text("/HostConfig/CpusetCpus")),
        created_s: created.map_or(0, jiff::Timestamp::as_second),
        env: answer.texts("/Config/Env"),
        host_ipc: host("IpcMode", "host"),
        host_network: host("NetworkMode", "host"),
        host_pid: host("PidMode", "host"),
        ip: address(answer).into(),
        size: answer.pointer("/SizeRw").and_then(Value::as_i64),
        is_sandbox: name.contains("k8s_POD"),
        labels: labels(answer.pairs("/Config/Labels"), label_max),
        memory_limit: answer.int("/HostConfig/Memory"),
        swap_limit: answer.int("/HostConfig/MemorySwap"),
        privileged: answer.flag("/HostConfig/Privileged"),
        ports: ports
            .flat_map(|(port, bound)| bindings(port, bound))
            .collect(),
        mounts: mounts.collect(),
        ..Info::default()
    }
}

/// `"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]`
fn bindings(port: &str, bound: &Value) -> Vec<Binding> {
    let number = port.strip_suffix("/tcp").and_then(|port| port.parse().ok());
    let Some(container_port) = number else {
        return Vec::new();
    };
    let binding = |bound: &Value| {
        let host: Ipv4Addr = bound.text("/HostIp").parse().ok()?;
        Some(Binding {
            host_ip: host.into(),
            host_port: bound.text("/HostPort").parse().ok()?,
            container_port,
        })
    };
    bound.list("").iter().filter_map(binding).collect()
}

fn info(answer: &Value, image: &Value, label_max: usize) -> Info {
    let mut repo = String::new();
    let mut digest = String::new();
    let repo_digests = image.texts("/RepoDigests");
    let digests: Vec<(&str, &str)> = (repo_digests.iter())
        .filter_map(|digest| digest.split_once('@'))
        .collect();
    if let Some((name, of_first)) = digests.first() {
        (*name).clone_into(&mut repo);
        (*of_first).clone_into(&mut digest);
    }
    let mut tag = String::new();
    for name in image.texts("/RepoTags") {
        let (of, with) = repo_and_tag(&name);
        if of.is_empty() || with.is_empty() {
            continue;
        }
        if repo.is_empty() {
            repo = of;
        }
        if name.contains(&repo) {
            tag = with;
            break;
        }
    }
    Info {
        image: answer.text("/Config/Image").into(),
        image_id: image.text("/Id").trim_start_matches("sha256:").into(),
        image_repo: repo,
        image_tag: tag,
        image_digest: digest,
        ..common(answer, kind::DOCKER, label_max)
    }
}
