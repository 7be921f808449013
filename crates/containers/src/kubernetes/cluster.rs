//! What there is in a cluster, and what of it concerns the pods of one machine.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use crate::info::Loose;

/// How many things of a kind are kept.
pub(super) const OBJECTS_MAX: usize = 50_000;

/// A kind of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pod,
    Namespace,
    Service,
    ReplicaSet,
    Deployment,
    ReplicationController,
}

impl Kind {
    pub(super) const ALL: [Kind; 6] = [
        Kind::Pod,
        Kind::Namespace,
        Kind::Service,
        Kind::ReplicaSet,
        Kind::Deployment,
        Kind::ReplicationController,
    ];

    fn name(self) -> &'static str {
        match self {
            Kind::Pod => "Pod",
            Kind::Namespace => "Namespace",
            Kind::Service => "Service",
            Kind::ReplicaSet => "ReplicaSet",
            Kind::Deployment => "Deployment",
            Kind::ReplicationController => "ReplicationController",
        }
    }

    /// Where the API server has them.
    pub(super) fn path(self) -> &'static str {
        match self {
            Kind::Pod => "/api/v1/pods",
            Kind::Namespace => "/api/v1/namespaces",
            Kind::Service => "/api/v1/services",
            Kind::ReplicaSet => "/apis/apps/v1/replicasets",
            Kind::Deployment => "/apis/apps/v1/deployments",
            Kind::ReplicationController => "/api/v1/replicationcontrollers",
        }
    }

    /// Whether nothing but its metadata is of interest.
    pub(super) fn is_bare(self) -> bool {
        !matches!(self, Kind::Pod | Kind::Service)
    }
}

/// One resource, as far as it is of interest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Object {
    kind: Option<Kind>,
    uid: String,
    namespace: String,
    name: String,
    /// Its metadata as they are told: JSON.
    meta: String,
    /// The kind and the uid of the one that manages it.
    owner: Option<(String, String)>,
    /// The labels of a pod.
    labels: BTreeMap<String, String>,
    /// The labels that a service asks of pods.
    selector: BTreeMap<String, String>,
    /// The address of a pod.
    ip: String,
}

impl Object {
    /// Reads one; nothing without uid and name.
    pub(super) fn read(kind: Kind, object: &Value) -> Option<Object> {
        let text = |path: &str| object.text(path).to_owned();
        let (uid, name) = (text("/metadata/uid"), text("/metadata/name"));
        if uid.is_empty() || name.is_empty() {
            return None;
        }
        let pairs = |path: &str| -> BTreeMap<String, String> {
            let pairs = object.pairs(path).into_iter();
            pairs
                .map(|(key, value)| (key.clone(), value.to_owned()))
                .collect()
        };
        let mut meta = Map::new();
        for key in ["name", "generateName", "namespace", "uid"] {
            let value = object.text(&format!("/metadata/{key}"));
            if !value.is_empty() {
                meta.insert(key.into(), value.into());
            }
        }
        let labels = pairs("/metadata/labels");
        if !labels.is_empty() {
            meta.insert("labels".into(), json!(labels));
        }
        let owners = object.list("/metadata/ownerReferences").iter();
        let owner = owners.into_iter().find(|owner| owner.flag("/controller"));
        Some(Object {
            kind: Some(kind),
            uid,
            name,
            namespace: text("/metadata/namespace"),
            meta: Value::Object(meta).to_string(),
            owner: owner.map(|owner| (owner.text("/kind").into(), owner.text("/uid").into())),
            labels: if kind == Kind::Pod {
                labels
            } else {
                BTreeMap::new()
            },
            selector: if kind == Kind::Service {
                pairs("/spec/selector")
            } else {
                BTreeMap::new()
            },
            ip: if kind == Kind::Pod {
                text("/status/podIP")
            } else {
                String::new()
            },
        })
    }

    fn selects(&self, pod: &Object) -> bool {
        let mut selector = self.selector.iter();
        !self.selector.is_empty() && selector.all(|(key, value)| pod.labels.get(key) == Some(value))
    }
}

/// What happened.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// These are all that there are.
    Listed(Kind, Vec<Object>),
    /// This is new or different.
    Is(Object),
    /// The one of that uid is gone.
    Gone(Kind, String),
}

/// All that is known, and what was told of it.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    /// By kind, then by uid.
    objects: [BTreeMap<String, Object>; Kind::ALL.len()],
    /// What was told last, by uid.
    told: BTreeMap<String, (Kind, Value)>,
}

impl Cluster {
    /// Whether it makes a difference.
    pub(super) fn take(&mut self, change: Change) -> bool {
        match change {
            Change::Listed(kind, objects) => {
                let objects = objects.into_iter();
                let all = objects.map(|object| (object.uid.clone(), object)).collect();
                let known = &mut self.objects[kind as usize];
                let different = *known != all;
                *known = all;
                different
            }
            Change::Is(object) => {
                let Some(kind) = object.kind else {
                    return false;
                };
                let all = &mut self.objects[kind as usize];
                let known = all.get(&object.uid);
                let different = known != Some(&object);
                if different && (known.is_some() || all.len() < OBJECTS_MAX) {
                    all.insert(object.uid.clone(), object);
                }
                different
            }
            Change::Gone(kind, uid) => self.objects[kind as usize].remove(&uid).is_some(),
        }
    }

    fn of(&self, kind: Kind) -> &BTreeMap<String, Object> {
        &self.objects[kind as usize]
    }

    /// What is different since the last time, as it is told.
    pub(super) fn news(&mut self) -> Vec<Vec<u8>> {
        let wanted = self.wanted();
        let mut news = Vec::new();
        for (uid, (kind, _)) in &self.told {
            if !wanted.contains_key(uid) {
                let gone = json!({"reason": "Delete", "uid": uid, "kind": kind.name()});
                news.push(gone.to_string().into_bytes());
            }
        }
        for (uid, (_, content)) in &wanted {
            let reason = match self.told.get(uid) {
                None => "Create",
                Some((_, told)) if told != content => "Update",
                Some(_) => continue,
            };
            let mut content = content.clone();
            content["reason"] = reason.into();
            news.push(content.to_string().into_bytes());
        }
        self.told = wanted;
        news
    }

    /// The pods, and what they belong to.
    fn wanted(&self) -> BTreeMap<String, (Kind, Value)> {
        let namespaces = self.of(Kind::Namespace).values();
        let namespaces: HashMap<&str, &str> = namespaces
            .map(|namespace| (&*namespace.name, &*namespace.uid))
            .collect();
        let mut services: HashMap<&str, Vec<&Object>> = HashMap::new();
        for service in self.of(Kind::Service).values() {
            services
                .entry(&service.namespace)
                .or_default()
                .push(service);
        }
        let mut wanted = BTreeMap::new();
        for pod in self.of(Kind::Pod).values() {
            let mut refs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            if let Some(uid) = namespaces.get(&*pod.namespace) {
                refs.insert(Kind::Namespace.name(), vec![uid]);
            }
            if let Some((kind, uid)) = &pod.owner {
                refs.insert(kind, vec![uid]);
                // A deployment manages its pods through replica sets.
                let set = self.of(Kind::ReplicaSet).get(uid);
                if let Some((kind, uid)) = set.and_then(|set| set.owner.as_ref()) {
                    refs.insert(kind, vec![uid]);
                }
            }
            let of_pod = services.get(&*pod.namespace).into_iter().flatten();
            let of_pod = of_pod.filter(|service| service.selects(pod));
            let of_pod: Vec<&str> = of_pod.map(|service| &*service.uid).collect();
            if !of_pod.is_empty() {
                refs.insert(Kind::Service.name(), of_pod);
            }
            for kind in Kind::ALL {
                for uid in refs.get(kind.name()).into_iter().flatten() {
                    if let Some(object) = self.of(kind).get(*uid) {
                        let content = json!({"uid": uid, "kind": kind.name(), "meta": object.meta});
                        wanted.insert((*uid).to_owned(), (kind, content));
                    }
                }
            }
            let lists = refs
                .into_iter()
                .map(|(kind, uids)| (kind.to_owned(), json!({"list": uids})));
            let refs = json!({"resources": lists.collect::<Map<String, Value>>()});
            let mut content =
                json!({"uid": pod.uid, "kind": Kind::Pod.name(), "meta": pod.meta, "refs": refs});
            if !pod.ip.is_empty() {
                content["status"] = json!({"podIP": pod.ip}).to_string().into();
            }
            wanted.insert(pod.uid.clone(), (Kind::Pod, content));
        }
        wanted
    }
}

#[cfg(test)]
mod tests;
