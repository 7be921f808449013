//! One kind of resources: what there is, and what happens to it from then on.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::{sync::mpsc, time::timeout_at};

use super::{
    RETRY_MAX, Retry,
    cluster::{Change, Kind, OBJECTS_MAX, Object},
};
use crate::{
    Failure, News, Teller,
    engines::escaped,
    http::{Http, JSON},
    info::Loose,
};

/// How many things are asked for at once.
const PAGE: usize = 200;
/// How many times that is done for one list.
const PAGES_MAX: usize = 2_000;
/// After how long the server is to end a stream, so that neither side waits for one that is broken; and how long it may be late.
const STREAM: Duration = Duration::from_secs(290);
const LATE: Duration = Duration::from_secs(30);

/// Forms in which only the metadata of things comes.
const META_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const META: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

pub(super) struct Watch {
    kind: Kind,
    /// What the query is about: the things of one machine, or all.
    selector: String,
    http: Http,
    changes: mpsc::Sender<Change>,
    tell: Teller,
}

impl Watch {
    pub(super) fn new(
        kind: Kind,
        node: &str,
        http: Http,
        changes: mpsc::Sender<Change>,
        tell: Teller,
    ) -> Watch {
        let selector = match kind {
            Kind::Pod => format!(
                "&fieldSelector={}",
                escaped(&format!("spec.nodeName={node}"))
            ),
            _ => String::new(),
        };
        Watch {
            kind,
            selector,
            http,
            changes,
            tell,
        }
    }

    /// Tells of changes for ever.
    pub(super) async fn run(self) {
        let mut retry = Retry::new(self.kind.path().to_owned());
        // The moment up to which everything was told.
        let mut version = None;
        loop {
            let began = Instant::now();
            let outcome = self.go_on(&mut version).await;
            let failure = match outcome {
                Ok(()) => None,
                // The server forgets what happened long ago: that is no trouble.
                Err(Failure::Gone) => {
                    version = None;
                    None
                }
                Err(failure) => {
                    // Nothing is missed while nobody answers; what makes no sense may have been anything.
                    let silent = matches!(
                        failure,
                        Failure::Absent(_) | Failure::Slow | Failure::Cut(_)
                    );
                    if !silent {
                        version = None;
                    }
                    Some(failure)
                }
            };
            if self.changes.is_closed() {
                return;
            }
            // A stream that has lasted ends as agreed.
            if failure.is_some() || began.elapsed() < RETRY_MAX {
                retry.pause(began, failure.as_ref(), &self.tell).await;
            }
        }
    }

    async fn go_on(&self, version: &mut Option<String>) -> Result<(), Failure> {
        if version.is_none() {
            *version = Some(self.list().await?);
        }
        let from = version.clone().unwrap_or_default();
        let (path, selector) = (self.kind.path(), &self.selector);
        let query = format!(
            "{path}?watch=1&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={}{selector}",
            STREAM.as_secs(),
            escaped(&from)
        );
        let accept = if self.kind.is_bare() { META } else { JSON };
        let mut lines = self.http.lines_as(&query, accept).await?;
        let end = tokio::time::Instant::now() + STREAM + LATE;
        while let Some(line) = timeout_at(end, lines.next())
            .await
            .map_err(|_| Failure::Slow)??
        {
            let object = line.pointer("/object").unwrap_or(&Value::Null);
            match line.text("/type") {
                "ERROR" if object.int("/code") == 410 => return Err(Failure::Gone),
                "ERROR" => return Err(Failure::Broken(object.text("/message").to_owned())),
                "ADDED" | "MODIFIED" => {
                    let object = Object::read(self.kind, object);
                    self.change(object.map(Change::Is)).await;
                }
                "DELETED" => {
                    let uid = object.text("/metadata/uid").to_owned();
                    self.change(Some(Change::Gone(self.kind, uid))).await;
                }
                _ => {}
            }
            let reached = object.text("/metadata/resourceVersion");
            if !reached.is_empty() {
                *version = Some(reached.to_owned());
            }
        }
        Ok(())
    }

    /// Tells all there is; the moment of which that is true.
    async fn list(&self) -> Result<String, Failure> {
        let (path, selector) = (self.kind.path(), &self.selector);
        let accept = if self.kind.is_bare() { META_LIST } else { JSON };
        // The pods of one machine are few: the server has them at hand, and need not read all from its store.
        let mut next = match self.kind {
            Kind::Pod => "&resourceVersion=0".to_owned(),
            _ => String::new(),
        };
        let (mut objects, mut left_out, mut pages) = (Vec::new(), false, 0);
        let version = loop {
            let query = format!("{path}?limit={PAGE}{selector}{next}");
            let page = self.http.get_as(&query, accept).await?;
            let read = page.list("/items").iter();
            for object in read.filter_map(|item| Object::read(self.kind, item)) {
                if objects.len() < OBJECTS_MAX {
                    objects.push(object);
                } else {
                    left_out = true;
                }
            }
            let more = page.text("/metadata/continue");
            pages += 1;
            left_out |= pages == PAGES_MAX && !more.is_empty();
            if more.is_empty() || left_out {
                break page.text("/metadata/resourceVersion").to_owned();
            }
            next = format!("&continue={}", escaped(more));
        };
        if version.is_empty() {
            return Err(Failure::Malformed("a list without resourceVersion".into()));
        }
        if left_out {
            let trouble = format!(
                "kubernetes: {path}: there are too many, only {} are kept; a k8s-metacollector serves clusters of that size",
                objects.len()
            );
            self.tell.send(News::Trouble(trouble)).await;
        }
        self.change(Some(Change::Listed(self.kind, objects))).await;
        Ok(version)
    }

    async fn change(&self, change: Option<Change>) {
        if let Some(change) = change {
            // Whoever does not hear any more ends this task.
            let _ = self.changes.send(change).await;
        }
    }
}
