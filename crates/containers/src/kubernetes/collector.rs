//! A `k8s-metacollector`: one stream of what concerns the pods of a machine. Written by hand after its interface, which is small.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use prost::Message;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::{PATIENCE, Retry};
use crate::{Failure, News, Teller, grpc};

const WATCH: &str = "/metadata.Metadata/Watch";
/// What is asked for.
const KINDS: [&str; 6] = [
    "Pod",
    "Namespace",
    "Deployment",
    "Service",
    "ReplicaSet",
    "ReplicationController",
];
/// Everything is told anew with every stream. What was not told again after that time is gone.
const AGAIN: Duration = Duration::from_mins(1);
/// How many resources it remembers to have told.
const TOLD_MAX: usize = 65_536;

#[derive(Clone, PartialEq, Message)]
struct Selector {
    #[prost(string, tag = "1")]
    node: String,
    #[prost(map = "string, string", tag = "2")]
    kinds: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    uid: String,
    #[prost(string, tag = "3")]
    kind: String,
    #[prost(string, optional, tag = "4")]
    meta: Option<String>,
    #[prost(string, optional, tag = "5")]
    spec: Option<String>,
    #[prost(string, optional, tag = "6")]
    status: Option<String>,
    #[prost(message, optional, tag = "7")]
    refs: Option<References>,
}

#[derive(Clone, PartialEq, Message)]
struct References {
    #[prost(map = "string, message", tag = "1")]
    resources: HashMap<String, Uids>,
}

#[derive(Clone, PartialEq, Message)]
struct Uids {
    #[prost(string, repeated, tag = "1")]
    list: Vec<String>,
}

/// Hears for ever.
pub(super) async fn run(
    node: &str,
    address: &str,
    ca: Option<&Path>,
    tell: &Teller,
    calls: Arc<AtomicU64>,
) {
    let mut retry = Retry::new(format!("collector at {address}"));
    // What was told, by uid: the kind.
    let mut told = BTreeMap::new();
    loop {
        let began = Instant::now();
        let outcome = hear(node, address, ca, tell, &calls, &mut told).await;
        retry.pause(began, outcome.err().as_ref(), tell).await;
    }
}

async fn hear(
    node: &str,
    address: &str,
    ca: Option<&Path>,
    tell: &Teller,
    calls: &Arc<AtomicU64>,
    told: &mut BTreeMap<String, String>,
) -> Result<(), Failure> {
    let read = |path: &Path| {
        let text = fs::read(path);
        text.map_err(|cause| Failure::Broken(format!("{}: {cause}", path.display())))
    };
    let ca = ca.map(read).transpose()?;
    let client = grpc::Client::of_server(address, ca, PATIENCE, Arc::clone(calls))?;
    let selector = Selector {
        node: node.to_owned(),
        kinds: KINDS
            .map(|kind| (kind.to_owned(), "true".to_owned()))
            .into(),
    };
    let mut stream = client.stream::<_, Event>(WATCH, selector).await?;
    let mut before = std::mem::take(told);
    let again = Instant::now() + AGAIN;
    loop {
        let next = if before.is_empty() {
            stream.message().await
        } else {
            let left = again.saturating_duration_since(Instant::now());
            let Ok(next) = timeout(left, stream.message()).await else {
                for (uid, kind) in std::mem::take(&mut before) {
                    let gone = json!({"reason": "Delete", "uid": uid, "kind": kind});
                    send(tell, &gone).await;
                }
                continue;
            };
            next
        };
        let event = match next {
            Ok(Some(event)) => event,
            ended => {
                // The next stream begins with all again.
                told.extend(before);
                return match ended {
                    Err(status) => Err(grpc::failure(&status)),
                    Ok(_) => Ok(()),
                };
            }
        };
        before.remove(&event.uid);
        if event.reason == "Delete" {
            told.remove(&event.uid);
        } else if told.len() < TOLD_MAX {
            told.insert(event.uid.clone(), event.kind.clone());
        }
        send(tell, &event.json()).await;
    }
}

async fn send(tell: &Teller, json: &Value) {
    let json = json.to_string().into_bytes();
    tell.send(News::Kubernetes { json }).await;
}

impl Event {
    /// As upstream's plugin writes it: what is empty is left out.
    fn json(self) -> Value {
        let mut all = Map::new();
        let given = [
            ("reason", self.reason),
            ("uid", self.uid),
            ("kind", self.kind),
        ];
        let given = given.into_iter().filter(|(_, text)| !text.is_empty());
        let maybe = [
            ("meta", self.meta),
            ("spec", self.spec),
            ("status", self.status),
        ];
        let maybe = maybe
            .into_iter()
            .filter_map(|(key, text)| Some((key, text?)));
        for (key, text) in given.chain(maybe) {
            all.insert(key.into(), text.into());
        }
        if let Some(refs) = self.refs {
            let lists = refs.resources.into_iter();
            let lists: Map<String, Value> = lists
                .map(|(kind, uids)| (kind, json!({"list": uids.list})))
                .collect();
            all.insert("refs".into(), json!({"resources": lists}));
        }
        Value::Object(all)
    }
}

#[cfg(test)]
mod tests;
