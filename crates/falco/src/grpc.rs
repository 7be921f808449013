//! The gRPC server of a configuration. It outlives a reload that changes nothing of it: clients keep their streams.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use falco_rules::ENGINE_VERSION;
use falco_sinks::grpc::{Options, Server, Version};

use crate::support::VERSION;

/// The servers that run, the newest last: one, and for a moment during a reload two.
static RUNNING: Mutex<Vec<Weak<Server>>> = Mutex::new(Vec::new());

/// The server with these options: the one that runs, or a new one, which takes over the address of one that is about to end.
pub(crate) fn server(options: &Options) -> anyhow::Result<Arc<Server>> {
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    running.retain(|server| server.strong_count() > 0);
    let servers: Vec<_> = running.iter().rev().filter_map(Weak::upgrade).collect();
    if let Some(server) = servers.iter().find(|server| server.options() == options) {
        return Ok(Arc::clone(server));
    }
    let before = servers
        .iter()
        .find(|server| server.options().address == options.address);
    let version = Version::new(VERSION, &ENGINE_VERSION.to_string());
    let server = Arc::new(Server::start(
        options.clone(),
        &version,
        before.map(|it| &**it),
    )?);
    running.push(Arc::downgrade(&server));
    Ok(server)
}
