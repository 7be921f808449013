//! Pods and what they belong to, as notifications tell of them.
//!
//! Who watches a cluster tells of every resource that concerns a pod of this machine in a notification `k8s`: a JSON object with `reason`
//! (`Create`, `Update`, `Delete`), `kind`, `uid`, `meta` and `status` (texts that are JSON again) and `refs`, the uids of what a pod belongs
//! to. It is the form that upstream's plugin has, so captures of either can be read by both.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use serde_json::Value;

/// The longest notification that is read.
const JSON_MAX: usize = 1 << 20;
/// The most resources that are kept.
const RESOURCES_MAX: usize = 65_536;

/// What pods may belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum OwnerKind {
    Namespace,
    Deployment,
    Service,
    ReplicaSet,
    ReplicationController,
}

/// All of them with their names in notifications; the place of each is its number.
const OWNERS: [&str; 5] = [
    "Namespace",
    "Deployment",
    "Service",
    "ReplicaSet",
    "ReplicationController",
];
const POD: &str = "Pod";

/// A pod, or something that a pod belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Its name, if it was told.
    pub name: Option<String>,
    /// The namespace that it is in, if it was told.
    pub namespace: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The address of a pod, once it has one.
    pub ip: Option<String>,
    /// All that was told, as it came.
    pub json: Box<[u8]>,
    is_pod: bool,
    /// The uids of what a pod belongs to, by [`OwnerKind`].
    owners: [Vec<String>; OWNERS.len()],
}

impl Resource {
    /// The uids of what a pod belongs to.
    pub fn owners(&self, kind: OwnerKind) -> &[String] {
        &self.owners[kind as usize]
    }
}

/// The pods of this machine and what they belong to.
#[derive(Clone, Debug, Default)]
pub struct Kubernetes {
    by_uid: HashMap<Box<str>, Resource, FxBuildHasher>,
}

impl Kubernetes {
    /// The pod of that uid.
    pub fn pod(&self, uid: &str) -> Option<&Resource> {
        self.by_uid.get(uid).filter(|known| known.is_pod)
    }

    /// Anything that has that uid.
    pub fn get(&self, uid: &str) -> Option<&Resource> {
        self.by_uid.get(uid)
    }

    /// All resources, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.by_uid.values()
    }

    /// Takes in a notification. What is no JSON, lacks a part or is of a kind that nobody asks for changes nothing.
    pub(crate) fn told(&mut self, json: &[u8]) {
        let json = json.strip_suffix(b"\0").unwrap_or(json);
        if json.len() > JSON_MAX {
            return;
        }
        let Ok(all) = serde_json::from_slice::<Value>(json) else {
            return;
        };
        let text = |key: &str| all.get(key).and_then(Value::as_str);
        let (Some(reason), Some(kind), Some(uid)) = (text("reason"), text("kind"), text("uid"))
        else {
            return;
        };
        if kind != POD && !OWNERS.contains(&kind) {
            return;
        }
        match reason {
            "Delete" => _ = self.by_uid.remove(uid),
            "Create" | "Update"
                if self.by_uid.len() < RESOURCES_MAX || self.by_uid.contains_key(uid) =>
            {
                let resource = read(&all, kind == POD, json);
                self.by_uid.insert(uid.into(), resource);
            }
            _ => {}
        }
    }
}

fn read(all: &Value, is_pod: bool, json: &[u8]) -> Resource {
    let part = |key: &str| -> Value {
        let text = all.get(key).and_then(Value::as_str);
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    };
    let (meta, status) = (part("meta"), part("status"));
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let labels = meta.get("labels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten();
    let owners = |kind: &str| -> Vec<String> {
        let list = all.pointer(&format!("/refs/resources/{kind}/list"));
        let list = list.and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    Resource {
        name: text(&meta, "name"),
        namespace: text(&meta, "namespace"),
        labels: labels
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
        ip: text(&status, "podIP"),
        json: json.into(),
        is_pod,
        owners: OWNERS.map(owners),
    }
}

/// How long a uid is: five groups of digits.
const UID: usize = 36;
const SEPARATORS: [usize; 4] = [8, 13, 18, 23];

/// The uid of the pod that control groups (`subsystem=path`, each closed by a NUL) belong to. systemd's driver writes `_` for `-`.
pub fn pod_of(groups: &[u8]) -> Option<String> {
    groups.windows(3 + UID).find_map(|window| {
        let uid = window.strip_prefix(b"pod")?;
        let fits = |(at, byte): (usize, &u8)| {
            if SEPARATORS.contains(&at) {
                matches!(byte, b'-' | b'_')
            } else {
                byte.is_ascii_lowercase() || byte.is_ascii_digit()
            }
        };
        uid.iter().enumerate().all(fits).then(|| {
            let plain = |byte: &u8| {
                if *byte == b'_' {
                    '-'
                } else {
                    char::from(*byte)
                }
            };
            uid.iter().map(plain).collect()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "5eaeeca9-2277-460b-a4bf-5a0783f6d49f";

    #[test]
    fn pods_of_control_groups() {
        for (groups, uid) in [
            (
                "memory=/kubepods/burstable/pod5eaeeca9-2277-460b-a4bf-5a0783f6d49f/abc\0",
                true,
            ),
            (
                "cpu=/\0memory=/kubepods.slice/kubepods-pod5eaeeca9_2277_460b_a4bf_5a0783f6d49f.slice/x\0",
                true,
            ),
            (
                "memory=/kubepods/burstable/pod5eaeeca9-2277-460b-a4bf-5a0783f6d49\0",
                false,
            ),
            (
                "memory=/kubepods/POD5eaeeca9-2277-460b-a4bf-5a0783f6d49f\0",
                false,
            ),
            ("memory=/system.slice/pod\0", false),
            ("", false),
        ] {
            let expected = uid.then(|| UID.to_owned());
            assert_eq!(pod_of(groups.as_bytes()), expected, "{groups}");
        }
    }

    fn pod(reason: &str) -> Vec<u8> {
        let meta = r#"{"name":"web-1","namespace":"shop","labels":{"app":"web","n":3}}"#;
        let json = serde_json::json!({"reason": reason, "uid": UID, "kind": "Pod", "meta": meta, "status": "{\"podIP\":\"10.0.0.7\"}",
            "refs": {"resources": {"Service": {"list": ["s1", "s2"]}, "DaemonSet": {"list": ["d"]}}}});
        [json.to_string().as_bytes(), b"\0"].concat()
    }

    #[test]
    fn what_is_told_is_kept_until_it_is_deleted() {
        let mut cluster = Kubernetes::default();
        cluster.told(&pod("Create"));
        let known = cluster.pod(UID).unwrap();
        assert_eq!(known.name.as_deref(), Some("web-1"));
        assert_eq!(known.namespace.as_deref(), Some("shop"));
        assert_eq!(known.ip.as_deref(), Some("10.0.0.7"));
        assert_eq!(known.labels.len(), 1);
        assert_eq!(known.owners(OwnerKind::Service), ["s1", "s2"]);
        assert!(known.owners(OwnerKind::Deployment).is_empty());
        cluster.told(&pod("Delete"));
        assert!(cluster.pod(UID).is_none());
    }

    #[test]
    fn nonsense_changes_nothing() {
        let mut cluster = Kubernetes::default();
        cluster.told(&pod("Create"));
        for json in [
            &b""[..],
            b"{",
            b"[]",
            br#"{"reason":"Delete","kind":"Pod"}"#,
            br#"{"reason":"Delete","kind":"Job","uid":"5eaeeca9-2277-460b-a4bf-5a0783f6d49f"}"#,
            br#"{"reason":"Forget","kind":"Pod","uid":"5eaeeca9-2277-460b-a4bf-5a0783f6d49f"}"#,
            &pod("Create")[..40],
        ] {
            cluster.told(json);
        }
        assert_eq!(cluster.iter().count(), 1);
        // A resource without its parts is one without values.
        cluster.told(br#"{"reason":"Update","kind":"Service","uid":"s1","meta":"{"}"#);
        let known = cluster.get("s1").unwrap();
        assert!(known.name.is_none() && cluster.pod("s1").is_none());
    }

    #[test]
    fn the_table_is_bounded() {
        let mut cluster = Kubernetes::default();
        for number in 0..RESOURCES_MAX + 10 {
            let json = format!(r#"{{"reason":"Create","kind":"Pod","uid":"{number}"}}"#);
            cluster.told(json.as_bytes());
        }
        assert_eq!(cluster.iter().count(), RESOURCES_MAX);
        cluster.told(br#"{"reason":"Update","kind":"Pod","uid":"7","meta":"{\"name\":\"a\"}"}"#);
        assert!(cluster.pod("7").unwrap().name.is_some());
    }
}
