//! The channels that the configuration names, and how alerts are written to them.

use std::{env, sync::Arc};

use anyhow::Context as _;
use falco_alerts::{Channel, FileChannel, Format, Options, Outputs, StdoutChannel, Trouble};
use falco_sinks::grpc::{GrpcChannel, Server};
use jiff::tz::TimeZone;

use crate::{
    config::{Config, Engine},
    log::{self, Level},
};

/// Whether there is a channel at all.
pub(crate) fn any(config: &Config) -> bool {
    config.file.is_some()
        || config.stdout
        || config.grpc_output
        || !config.other_channels.is_empty()
}

/// The channels, in upstream's order. gRPC is one where its server is given.
pub(crate) fn channels(
    config: &Config,
    zone: &TimeZone,
    grpc: Option<Arc<Server>>,
) -> Vec<Box<dyn Channel>> {
    let mut channels: Vec<Box<dyn Channel>> = Vec::new();
    if let Some((path, keep_open)) = &config.file {
        channels.push(Box::new(FileChannel::new(
            path.clone(),
            *keep_open,
            config.buffered,
        )));
    }
    if config.stdout {
        channels.push(Box::new(StdoutChannel::new(config.buffered)));
    }
    if let Some(server) = grpc.filter(|_| config.grpc_output) {
        channels.push(Box::new(GrpcChannel::new(server, hostname(), zone.clone())));
    }
    for channel in &config.other_channels {
        log::warning(&format!(
            "{channel} is enabled, but this version does not have it yet: it gets no alerts."
        ));
    }
    channels
}

/// Starts writing.
pub(crate) fn start(
    config: &Config,
    zone: TimeZone,
    channels: Vec<Box<dyn Channel>>,
) -> anyhow::Result<Outputs> {
    if let Ok(name) = env::var(HOSTNAME) {
        log::info(&format!(
            "Hostname value has been overridden via environment variable to: {name}"
        ));
    }
    let format = Format {
        json: config.json,
        include_output: config.json_output_property,
        include_tags: config.json_tags_property,
        include_message: config.json_message_property,
        include_fields: config.json_fields_property,
        iso8601: config.time_iso,
        hostname: hostname(),
        zone,
    };
    let mut options = Options {
        format,
        // A capture can wait.
        patient: matches!(config.engine, Engine::Replay(_)),
        timeout: config.output_timeout,
        ..Options::default()
    };
    if config.queue_capacity > 0 {
        options.capacity = config.queue_capacity;
    }
    Outputs::start(options, channels, |trouble| {
        let level = match trouble {
            Trouble::Timeout { .. } => Level::Critical,
            _ => Level::Error,
        };
        log::line(level, &trouble.to_string());
    })
    .context("starting the outputs")
}

/// Overrides the name of the host in alerts.
const HOSTNAME: &str = "FALCO_HOSTNAME";

/// The name of this host.
pub(crate) fn hostname() -> String {
    env::var(HOSTNAME).unwrap_or_else(|_| {
        let node = rustix::system::uname();
        node.nodename().to_string_lossy().into_owned()
    })
}
