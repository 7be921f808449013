//! The runtimes: what each is asked, and what its answers mean.

mod containerd;
mod cri;
mod docker;
mod podman;

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicU64},
};

use crate::{Config, EngineKind, http::Lines, info::Info};

/// Why a runtime did not answer as it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("nobody listens: {0}")]
    Absent(String),
    #[error("it took too long to answer")]
    Slow,
    #[error("its answer is too long")]
    Huge,
    #[error("its answer makes no sense: {0}")]
    Malformed(String),
    #[error("the connection broke: {0}")]
    Cut(String),
    #[error("{0}")]
    Broken(String),
    /// There is no such container.
    #[error("it knows of no such thing")]
    NoSuch,
    /// What was asked for is too old to be told from.
    #[error("it no longer knows what happened since")]
    Gone,
    /// It does not tell of new containers.
    #[error("it does not tell of new containers")]
    NotSpoken,
}

/// A runtime at one socket.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    Docker(docker::Docker),
    Podman(podman::Podman),
    Cri(cri::Cri),
    Containerd(containerd::Containerd),
}

/// What a runtime tells by itself, one after the other.
pub(crate) enum Stream {
    Lines(Lines),
    Cri(Box<cri::Events>),
    Containerd(Box<containerd::Events>),
}

impl Engine {
    pub(crate) fn new(
        kind: EngineKind,
        socket: &Path,
        config: &Arc<Config>,
        calls: Arc<AtomicU64>,
    ) -> Engine {
        let config = Arc::clone(config);
        match kind {
            EngineKind::Docker => Engine::Docker(docker::Docker::new(socket, config, calls)),
            EngineKind::Podman => Engine::Podman(podman::Podman::new(socket, config, calls)),
            EngineKind::Cri => Engine::Cri(cri::Cri::new(socket, config, calls)),
            EngineKind::Containerd => {
                Engine::Containerd(containerd::Containerd::new(socket, config, calls))
            }
        }
    }

    /// What it says of a container.
    pub(crate) async fn get(&self, id: &str) -> Result<Info, Failure> {
        match self {
            Engine::Docker(engine) => engine.get(id).await,
            Engine::Podman(engine) => engine.get(id).await,
            Engine::Cri(engine) => engine.get(id).await,
            Engine::Containerd(engine) => engine.get(id).await,
        }
    }

    /// The ids of all containers.
    pub(crate) async fn list(&self) -> Result<Vec<String>, Failure> {
        match self {
            Engine::Docker(engine) => engine.list().await,
            Engine::Podman(engine) => engine.list().await,
            Engine::Cri(engine) => engine.list().await,
            Engine::Containerd(engine) => engine.list().await,
        }
    }

    /// Begins to listen for containers that are created and started.
    pub(crate) async fn listen(&self) -> Result<Stream, Failure> {
        match self {
            Engine::Docker(engine) => engine.listen().await.map(Stream::Lines),
            Engine::Podman(engine) => engine.listen().await.map(Stream::Lines),
            Engine::Cri(engine) => {
                let events = engine.listen().await;
                events.map(|events| Stream::Cri(Box::new(events)))
            }
            Engine::Containerd(engine) => {
                let events = engine.listen().await;
                events.map(|events| Stream::Containerd(Box::new(events)))
            }
        }
    }
}

impl Stream {
    /// The id of the next container that was created or started; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, Failure> {
        match self {
            Stream::Lines(lines) => Ok(lines.next().await?.map(|event| docker::id_of(&event))),
            Stream::Cri(events) => events.next().await,
            Stream::Containerd(events) => events.next().await,
        }
    }
}

/// A text that becomes part of a path or query.
pub(crate) fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// `{"type":["container"],"event":[...]}` as a query has it: what new containers are to be told by.
fn filters(config: &Config) -> String {
    let events: Vec<&str> = [(config.on_create, "create"), (config.on_start, "start")]
        .into_iter()
        .filter_map(|(wanted, name)| wanted.then_some(name))
        .collect();
    let filters = serde_json::json!({"type": ["container"], "event": events});
    escaped(&filters.to_string())
}
