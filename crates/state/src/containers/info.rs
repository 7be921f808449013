//! What a runtime says of a container, in the JSON that events and captures hold.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Kind;

/// The longest JSON that is read.
const JSON_MAX: usize = 1 << 20;

/// What a runtime says of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// What runs it.
    pub kind: Kind,
    /// The first 12 digits of the id, or a name.
    pub id: String,
    /// The whole id; empty in some captures.
    pub full_id: String,
    /// The name.
    pub name: String,
    /// The image as it was asked for, its id, its parts.
    pub image: String,
    /// See [`Info::image`].
    pub image_id: String,
    /// See [`Info::image`].
    pub repository: String,
    /// See [`Info::image`].
    pub tag: String,
    /// See [`Info::image`].
    pub digest: String,
    /// The IPv4 address, empty without.
    pub ip: String,
    /// What the network plugin said.
    pub cni_json: String,
    /// Whether it has all rights of the host's root.
    pub privileged: bool,
    /// Whether it shares the host's processes.
    pub host_pid: bool,
    /// Whether it shares the host's network.
    pub host_network: bool,
    /// Whether it shares the host's IPC.
    pub host_ipc: bool,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it is the sandbox of a pod, which has no image of its own to speak of.
    pub is_sandbox: bool,
    /// The id of the pod's sandbox; empty outside of pods.
    pub sandbox_id: String,
    /// The labels of the pod.
    pub sandbox_labels: BTreeMap<String, String>,
    /// All of it, as it came.
    pub json: Box<[u8]>,
}

/// A mount of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// Where it comes from.
    pub source: String,
    /// Where it is seen in the container.
    pub dest: String,
    /// The mode, as the runtime says it.
    pub mode: String,
    /// Whether it can be written to.
    pub rdwr: bool,
    /// How mounts in it spread.
    pub propagation: String,
}

impl Info {
    /// Reads `{"container": {...}}`. What is missing or of another type is as if it were not said.
    pub fn parse(json: &[u8]) -> Option<Info> {
        let json = json.strip_suffix(b"\0").unwrap_or(json);
        if json.len() > JSON_MAX {
            return None;
        }
        let whole: Value = serde_json::from_slice(json).ok()?;
        let all = whole.get("container")?.as_object()?;
        let text = |key: &str| text(all, key);
        let flag = |key: &str| all.get(key).and_then(Value::as_bool).unwrap_or(false);
        let kind = all.get("type").and_then(Value::as_u64);
        let mounts = all.get("Mounts").and_then(Value::as_array);
        Some(Info {
            kind: Kind::from_number(kind.map_or(u32::from(u16::MAX), |kind| kind as u32)),
            id: text("id"),
            full_id: text("full_id"),
            name: text("name"),
            image: text("image"),
            image_id: text("imageid"),
            repository: text("imagerepo"),
            tag: text("imagetag"),
            digest: text("imagedigest"),
            ip: text("ip"),
            cni_json: text("cni_json"),
            privileged: flag("privileged"),
            host_pid: flag("host_pid"),
            host_network: flag("host_network"),
            host_ipc: flag("host_ipc"),
            mounts: mounts.into_iter().flatten().filter_map(mount).collect(),
            labels: texts(all, "labels"),
            is_sandbox: flag("is_pod_sandbox"),
            sandbox_id: text("pod_sandbox_id"),
            sandbox_labels: texts(all, "pod_sandbox_labels"),
            json: json.into(),
        })
    }

    /// What is known of a container whose runtime says nothing.
    pub fn only_id(id: &str, kind: Kind) -> Info {
        Info::named(id, kind, "", "")
    }

    /// A container with no more than a name and an image.
    pub fn named(id: &str, kind: Kind, name: &str, image: &str) -> Info {
        let (repository, tag, digest) = split_image(image);
        let json = json!({"container": {
            "type": kind.number(), "id": id, "name": name, "image": image, "imagedigest": digest, "imageid": "",
            "imagerepo": repository, "imagetag": tag, "User": "", "cni_json": "", "cpu_period": 100_000, "cpu_quota": 0,
            "cpu_shares": 1024, "cpuset_cpu_count": 0, "created_time": 0, "size": -1, "env": [], "full_id": "",
            "host_ipc": false, "host_network": false, "host_pid": false, "ip": "", "is_pod_sandbox": false, "labels": {},
            "memory_limit": 0, "swap_limit": 0, "pod_sandbox_id": "", "privileged": false, "pod_sandbox_labels": {},
            "port_mappings": [], "Mounts": [],
        }});
        Info {
            kind,
            id: id.into(),
            full_id: String::new(),
            name: name.into(),
            image: image.into(),
            image_id: String::new(),
            repository,
            tag,
            digest,
            ip: String::new(),
            cni_json: String::new(),
            privileged: false,
            host_pid: false,
            host_network: false,
            host_ipc: false,
            mounts: Vec::new(),
            labels: BTreeMap::new(),
            is_sandbox: false,
            sandbox_id: String::new(),
            sandbox_labels: BTreeMap::new(),
            json: json.to_string().into_bytes().into(),
        }
    }
}

/// Repository, tag and digest of an image's name.
fn split_image(image: &str) -> (String, String, String) {
    let (image, digest) = image.split_once('@').unwrap_or((image, ""));
    let name_at = image.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match image.rfind(':').filter(|colon| *colon >= name_at) {
        Some(colon) => (image.get(..colon), image.get(colon + 1..)),
        None => (Some(image), None),
    };
    let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
    (owned(repository), owned(tag), digest.to_owned())
}

fn mount(value: &Value) -> Option<Mount> {
    let all = value.as_object()?;
    Some(Mount {
        source: text(all, "Source"),
        dest: text(all, "Destination"),
        mode: text(all, "Mode"),
        rdwr: all.get("RW").and_then(Value::as_bool).unwrap_or(false),
        propagation: text(all, "Propagation"),
    })
}

fn text(all: &Map<String, Value>, key: &str) -> String {
    let text = all.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn texts(all: &Map<String, Value>, key: &str) -> BTreeMap<String, String> {
    let all = all.get(key).and_then(Value::as_object);
    all.into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}
