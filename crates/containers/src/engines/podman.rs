//! Podman: version 4 of its API, which later ones speak too.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicU64},
};

use serde_json::Value;

use super::{
    Failure,
    docker::{common, ids},
    escaped, filters,
};
use crate::{
    Config,
    http::{Http, Lines},
    info::{Info, Loose, kind, repo_and_tag},
};

#[derive(Clone, Debug)]
pub(crate) struct Podman {
    http: Http,
    config: Arc<Config>,
}

impl Podman {
    pub(super) fn new(socket: &Path, config: Arc<Config>, calls: Arc<AtomicU64>) -> Podman {
        Podman {
            http: Http::new(socket, config.patience, calls),
            config,
        }
    }

    pub(super) async fn get(&self, id: &str) -> Result<Info, Failure> {
        let size = self.config.with_size;
        let path = format!("/v4.0.0/libpod/containers/{}/json?size={size}", escaped(id));
        let answer = self.http.get(&path).await?;
        let info = info(&answer, self.config.label_max);
        if info.full_id.is_empty() {
            return Err(Failure::Malformed("a container without Id".into()));
        }
        Ok(info)
    }

    pub(super) async fn list(&self) -> Result<Vec<String>, Failure> {
        Ok(ids(&self
            .http
            .get("/v4.0.0/libpod/containers/json?all=true")
            .await?))
    }

    pub(super) async fn listen(&self) -> Result<Lines, Failure> {
        let filters = filters(&self.config);
        let path = format!("/v4.0.0/libpod/events?stream=true&filters={filters}");
        self.http.lines(&path).await
    }
}

fn info(answer: &Value, label_max: usize) -> Info {
    let image = answer.text("/ImageName");
    let (image_repo, image_tag) = repo_and_tag(image);
    Info {
        image: image.into(),
        image_digest: answer.text("/ImageDigest").into(),
        image_id: answer.text("/Image").into(),
        image_repo,
        image_tag,
        ..common(answer, kind::PODMAN, label_max)
    }
}
