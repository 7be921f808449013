//! The channels that the configuration names, and how alerts are written to them.

use std::{env, sync::Arc};

use anyhow::{Context as _, anyhow};
use falco_alerts::{
    Channel, FileChannel, Format, Options, Outputs, ProgramChannel, StdoutChannel, SyslogChannel,
    Trouble,
};
use falco_sinks::grpc::{GrpcChannel, Server};
use falco_sinks::{Settings, http::HttpChannel};
use jiff::tz::TimeZone;

use crate::{
    config::{Channels, Config, Engine},
    log::{self, Level},
    routing::Choosy,
    support::VERSION,
    terminal,
};

/// Where the system's log listens.
const SYSLOG: &str = "/dev/log";

/// Whether there is a channel at all.
pub(crate) fn any(config: &Config) -> bool {
    config.channels.any() || config.grpc_output || !config.sinks.is_empty()
}

/// The channels, in upstream's order, then the sinks. gRPC is one where its server is given.
pub(crate) fn channels(
    config: &Config,
    zone: &TimeZone,
    grpc: Option<Arc<Server>>,
) -> anyhow::Result<Vec<Box<dyn Channel>>> {
    let Channels {
        stdout,
        file,
        syslog,
        program,
        http,
    } = config.channels.clone();
    let buffered = config.buffered;
    let mut channels: Vec<Box<dyn Channel>> = Vec::new();
    if let Some((path, keep_open)) = file {
        channels.push(Box::new(FileChannel::new(path, keep_open, buffered)));
    }
    if stdout {
        channels.push(Box::new(StdoutChannel::new(
            buffered,
            terminal::has_colours(),
        )));
    }
    if syslog {
        channels.push(Box::new(SyslogChannel::new(SYSLOG.into(), zone.clone())));
    }
    if let Some((command, keep_alive)) = program {
        channels.push(Box::new(ProgramChannel::new(command, keep_alive, buffered)));
    }
    if let Some(options) = http {
        channels.push(Box::new(HttpChannel::new(options)));
    }
    if let Some(server) = grpc.filter(|_| config.grpc_output) {
        channels.push(Box::new(GrpcChannel::new(server, hostname(), zone.clone())));
    }
    let format = format(config, zone.clone());
    for sink in &config.sinks {
        let settings = Settings {
            values: sink.settings.clone(),
            hostname: hostname(),
        };
        let opened = falco_sinks::open(&settings, &format);
        channels.push(Box::new(
            opened.map_err(|error| anyhow!("{}: {error}", sink.place))?,
        ));
    }
    Ok(channels)
}

/// The sinks among that many channels, at the end of which they are.
pub(crate) fn choosy(config: &Config, channels: usize) -> Vec<Choosy> {
    let first = channels.saturating_sub(config.sinks.len());
    let mut conditions = 0..;
    let sinks = config.sinks.iter().zip(first..);
    sinks
        .map(|(sink, channel)| Choosy {
            channel,
            minimum: sink.minimum,
            condition: sink.condition.as_ref().and_then(|_| conditions.next()),
        })
        .collect()
}

/// How alerts are written.
fn format(config: &Config, zone: TimeZone) -> Format {
    Format {
        json: config.json,
        form: config.json_form,
        include_output: config.json_output_property,
        include_tags: config.json_tags_property,
        include_message: config.json_message_property,
        include_fields: config.json_fields_property,
        iso8601: config.time_iso,
        hostname: hostname(),
        product: VERSION.to_owned(),
        zone,
    }
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
    let mut options = Options {
        format: format(config, zone),
        // A capture can wait.
        patient: matches!(config.engine, Engine::Replay(_)),
        timeout: config.output_timeout,
        spool: config.spool.clone(),
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
