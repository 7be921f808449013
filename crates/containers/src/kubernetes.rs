//! What Kubernetes knows of the pods of this machine: from its API server, or from the collector that upstream's plugin asks.
//!
//! Both end in the same news, the JSON that events hold: a resource that concerns a pod of this machine was created, changed or deleted.

mod cluster;
mod collector;
mod server;
mod watch;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant, SystemTime},
};

use tokio::{sync::mpsc, time::sleep};

use crate::{Failure, News, Teller, http::Http};
use cluster::{Cluster, Kind};
pub(crate) use server::Server;

/// Who is asked about pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubernetes {
    /// The name of this machine in the cluster.
    pub node: String,
    /// Whom to ask.
    pub from: KubernetesSource,
}

/// Whom to ask about pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KubernetesSource {
    /// The API server.
    Api {
        /// `https://HOST[:PORT]`, or `http` for a proxy on the same machine; empty if nobody knows.
        url: String,
        /// A file with the token to be known by, read for every request: it changes.
        token: Option<PathBuf>,
        /// A file of certificates that are believed, read for every request as well.
        ca: PathBuf,
    },
    /// A `k8s-metacollector`, which watches the API server for all machines.
    Collector {
        /// `HOST:PORT`.
        address: String,
        /// A file of certificates that are believed; without, nothing is encrypted.
        ca: Option<PathBuf>,
    },
}

/// How long an answer may take: lists are long.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many changes wait to be told.
const CHANGES: usize = 256;
/// How long to wait before somebody who is not there is tried again, at first and at most.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Hears of pods and tells of them, for ever.
pub(crate) async fn run(of: Kubernetes, tell: Teller, calls: Arc<AtomicU64>) {
    let (url, token, ca) = match of.from {
        KubernetesSource::Collector { address, ca } => {
            return collector::run(&of.node, &address, ca.as_deref(), &tell, calls).await;
        }
        KubernetesSource::Api { url, token, ca } => (url, token, ca),
    };
    let server = match Server::new(&url, token, ca) {
        Ok(server) => Arc::new(server),
        Err(failure) => {
            let trouble = if url.is_empty() {
                "kubernetes: this is no pod, there is no KUBERNETES_SERVICE_HOST in the environment: set kubernetes.api_server".into()
            } else {
                format!("kubernetes: {url}: {failure}")
            };
            return tell.send(News::Trouble(trouble)).await;
        }
    };
    let (changes, mut changed) = mpsc::channel(CHANGES);
    for kind in Kind::ALL {
        let http = Http::of_cluster(Arc::clone(&server), PATIENCE, Arc::clone(&calls));
        let watch = watch::Watch::new(kind, &of.node, http, changes.clone(), tell.clone());
        tokio::spawn(watch.run());
    }
    drop(changes);
    let mut cluster = Cluster::default();
    while let Some(change) = changed.recv().await {
        let mut different = cluster.take(change);
        while let Ok(change) = changed.try_recv() {
            different |= cluster.take(change);
        }
        if different {
            for json in cluster.news() {
                tell.send(News::Kubernetes { json }).await;
            }
        }
    }
}

/// Waits between two tries, longer each time, and each machine of a cluster at another moment. Complains once until all is well again.
struct Retry {
    name: String,
    wait: Duration,
    complained: bool,
}

impl Retry {
    fn new(name: String) -> Retry {
        Retry {
            name,
            wait: RETRY_MIN,
            complained: false,
        }
    }

    /// After a try that began then.
    async fn pause(&mut self, began: Instant, failure: Option<&Failure>, tell: &Teller) {
        if began.elapsed() > RETRY_MAX {
            self.wait = RETRY_MIN;
        }
        match failure {
            None => self.complained = false,
            Some(failure) if !self.complained => {
                self.complained = true;
                let trouble = format!("kubernetes: {}: {failure}; trying again", self.name);
                tell.send(News::Trouble(trouble)).await;
            }
            Some(_) => {}
        }
        let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let part = nanos.map_or(0, |since| since.subsec_micros() % 1000);
        sleep(self.wait + self.wait * part / 2000).await;
        self.wait = (self.wait * 2).min(RETRY_MAX);
    }
}
