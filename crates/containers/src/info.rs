//! What is told of a container, as upstream's events have it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The longest JSON that is told.
const JSON_MAX: usize = 512 << 10;
/// How many digits of an id are shown.
const SHORT: usize = 12;
const CPU_PERIOD: i64 = 100_000;
const CPU_SHARES: i64 = 1024;

/// What is told of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) kind: u32,
    pub(crate) full_id: String,
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) image_digest: String,
    pub(crate) image_id: String,
    pub(crate) image_repo: String,
    pub(crate) image_tag: String,
    pub(crate) user: String,
    pub(crate) cni_json: String,
    pub(crate) cpu_period: i64,
    pub(crate) cpu_quota: i64,
    pub(crate) cpu_shares: i64,
    pub(crate) cpuset_count: i64,
    pub(crate) created_s: i64,
    pub(crate) env: Vec<String>,
    pub(crate) host_ipc: bool,
    pub(crate) host_network: bool,
    pub(crate) host_pid: bool,
    pub(crate) ip: String,
    pub(crate) size: Option<i64>,
    pub(crate) is_sandbox: bool,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) memory_limit: i64,
    pub(crate) swap_limit: i64,
    pub(crate) sandbox_id: String,
    pub(crate) privileged: bool,
    pub(crate) sandbox_labels: BTreeMap<String, String>,
    pub(crate) ports: Vec<Binding>,
    pub(crate) mounts: Vec<Mount>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(crate) host_ip: u32,
    pub(crate) host_port: u16,
    pub(crate) container_port: u16,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) source: String,
    pub(crate) dest: String,
    pub(crate) mode: String,
    pub(crate) rdwr: bool,
    pub(crate) propagation: String,
}

/// The numbers that runtimes have in events.
pub(crate) mod kind {
    pub(crate) const DOCKER: u32 = 0;
    pub(crate) const CRI: u32 = 6;
    pub(crate) const CONTAINERD: u32 = 7;
    pub(crate) const CRI_O: u32 = 8;
    pub(crate) const PODMAN: u32 = 11;
}

impl Info {
    /// The text of an event. What is too long is told without the environment, and then without labels and mounts.
    pub(crate) fn json(&self) -> Vec<u8> {
        let json = self.to_json().to_string().into_bytes();
        if json.len() <= JSON_MAX {
            return json;
        }
        let mut less = self.clone();
        less.env.clear();
        let json = less.to_json().to_string().into_bytes();
        if json.len() <= JSON_MAX {
            return json;
        }
        less.labels.clear();
        less.sandbox_labels.clear();
        less.mounts.clear();
        less.cni_json.clear();
        less.to_json().to_string().into_bytes()
    }

    fn to_json(&self) -> Value {
        let or = |value: i64, default| if value > 0 { value } else { default };
        let ports: Vec<Value> = (self.ports.iter())
            .map(|port| {
                json!({"HostIp": port.host_ip, "HostPort": port.host_port, "ContainerPort": port.container_port})
            })
            .collect();
        let mounts: Vec<Value> = (self.mounts.iter())
            .map(|mount| {
                json!({"Source": mount.source, "Destination": mount.dest, "Mode": mount.mode, "RW": mount.rdwr,
                    "Propagation": mount.propagation})
            })
            .collect();
        json!({"container": {
            "type": self.kind,
            "id": short(&self.full_id),
            "name": self.name,
            "image": self.image,
            "imagedigest": self.image_digest,
            "imageid": self.image_id,
            "imagerepo": self.image_repo,
            "imagetag": self.image_tag,
            "User": self.user,
            "cni_json": self.cni_json,
            "cpu_period": or(self.cpu_period, CPU_PERIOD),
            "cpu_quota": self.cpu_quota,
            "cpu_shares": or(self.cpu_shares, CPU_SHARES),
            "cpuset_cpu_count": self.cpuset_count,
            "created_time": self.created_s,
            "env": self.env,
            "full_id": self.full_id,
            "host_ipc": self.host_ipc,
            "host_network": self.host_network,
            "host_pid": self.host_pid,
            "ip": self.ip,
            "size": self.size.unwrap_or(-1),
            "is_pod_sandbox": self.is_sandbox,
            "labels": self.labels,
            "memory_limit": self.memory_limit,
            "swap_limit": self.swap_limit,
            "pod_sandbox_id": self.sandbox_id,
            "privileged": self.privileged,
            "pod_sandbox_labels": self.sandbox_labels,
            "port_mappings": ports,
            "Mounts": mounts,
        }})
    }
}

/// The first digits of an id.
pub(crate) fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

/// Repository and tag of an image's name; a digest is left out. A port of the registry is no tag.
pub(crate) fn repo_and_tag(image: &str) -> (String, String) {
    let image = image.split('@').next().unwrap_or_default();
    let name_at = image.rfind('/').map_or(0, |slash| slash + 1);
    match image.rfind(':').filter(|colon| *colon >= name_at) {
        Some(colon) => {
            let (repo, tag) = image.split_at(colon);
            (repo.to_owned(), tag.trim_start_matches(':').to_owned())
        }
        None => (image.to_owned(), String::new()),
    }
}

/// How many processors `1-4,7` names; 0 when it is no such text.
pub(crate) fn count_cpus(set: &str) -> i64 {
    let parts = set.split(',').filter(|part| !part.is_empty());
    let count = |part: &str| match part.split_once('-') {
        None => Some(1),
        Some((first, last)) => {
            let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
            last.checked_sub(first)?.checked_add(1)
        }
    };
    parts
        .map(count)
        .try_fold(0_i64, |sum, part| sum.checked_add(part?))
        .unwrap_or(0)
}

/// Those labels whose values are not too long.
pub(crate) fn labels<'a>(
    all: impl IntoIterator<Item = (&'a String, &'a str)>,
    max: usize,
) -> BTreeMap<String, String> {
    all.into_iter()
        .filter(|(_, value)| value.len() <= max)
        .map(|(key, value)| (key.clone(), value.to_owned()))
        .collect()
}

/// Access to JSON whose shape nobody guarantees: what is missing or of another type is empty.
pub(crate) trait Loose {
    fn text(&self, path: &str) -> &str;
    fn int(&self, path: &str) -> i64;
    fn flag(&self, path: &str) -> bool;
    fn list(&self, path: &str) -> &[Value];
    fn texts(&self, path: &str) -> Vec<String>;
    fn pairs(&self, path: &str) -> Vec<(&String, &str)>;
}

impl Loose for Value {
    fn text(&self, path: &str) -> &str {
        self.pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn int(&self, path: &str) -> i64 {
        self.pointer(path)
            .and_then(Value::as_i64)
            .unwrap_or_default()
    }

    fn flag(&self, path: &str) -> bool {
        self.pointer(path)
            .and_then(Value::as_bool)
            .unwrap_or_default()
    }

    fn list(&self, path: &str) -> &[Value] {
        let list = self.pointer(path).and_then(Value::as_array);
        list.map_or(&[], Vec::as_slice)
    }

    fn texts(&self, path: &str) -> Vec<String> {
        let texts = self.list(path).iter().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    fn pairs(&self, path: &str) -> Vec<(&String, &str)> {
        let map = self.pointer(path).and_then(Value::as_object);
        map.into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key, value.as_str()?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images() {
        for (image, repo, tag) in [
            ("", "", ""),
            ("web", "web", ""),
            ("web:1", "web", "1"),
            ("a/web:1", "a/web", "1"),
            ("registry:5000/a/web", "registry:5000/a/web", ""),
            ("registry:5000/a/web:1", "registry:5000/a/web", "1"),
            ("registry:5000/a/web:1@sha256:f", "registry:5000/a/web", "1"),
            ("web@sha256:f", "web", ""),
        ] {
            assert_eq!(repo_and_tag(image), (repo.into(), tag.into()), "{image}");
        }
    }

    #[test]
    fn sets_of_processors() {
        for (set, count) in [
            ("", 0),
            ("1", 1),
            ("1,7", 2),
            ("1-4,7", 5),
            ("1-4,7-10,12", 9),
            ("1-2-3", 0),
            ("a-b", 0),
            ("-9223372036854775808-9223372036854775807", 0),
        ] {
            assert_eq!(count_cpus(set), count, "{set}");
        }
    }

    #[test]
    fn what_is_too_long_is_told_in_part() {
        let long = "x".repeat(JSON_MAX);
        let info = Info {
            name: "web".into(),
            env: vec![long.clone()],
            ..Info::default()
        };
        let json = |info: &Info| -> Value { serde_json::from_slice(&info.json()).unwrap() };
        assert_eq!(json(&info).text("/container/name"), "web");
        assert!(info.json().len() < JSON_MAX);
        let info = Info {
            labels: [("a".into(), long)].into(),
            ..info
        };
        assert_eq!(json(&info).text("/container/name"), "web");
        assert!(info.json().len() < JSON_MAX);
    }
}
