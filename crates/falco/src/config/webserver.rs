//! The `webserver` section.

use std::{net::IpAddr, net::SocketAddr, path::PathBuf};

use anyhow::bail;

use super::Keys;

/// Where the web server listens, and what it answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Webserver {
    pub(crate) address: SocketAddr,
    pub(crate) threads: usize,
    /// The path at which health is asked for.
    pub(crate) healthz: String,
    /// The file with certificate and key, if it is to speak TLS.
    pub(crate) certificate: Option<PathBuf>,
    /// Whether metrics are told.
    pub(crate) metrics: bool,
}

/// The most threads that are started.
const THREADS_MAX: u32 = 256;

/// Reads the section; absent when it is not enabled.
pub(super) fn webserver(keys: &Keys<'_>) -> anyhow::Result<Option<Webserver>> {
    let listen = keys.text("webserver.listen_address").unwrap_or("0.0.0.0");
    let Ok(address) = listen.trim().parse::<IpAddr>() else {
        bail!("webserver listen address \"{listen}\" is not a valid IP address");
    };
    let port = keys.number("webserver.listen_port", 8765);
    let Ok(port) = u16::try_from(port) else {
        bail!(
            "Error reading config file ({}): webserver.listen_port {port} is not a port; the highest is 65535",
            keys.name
        );
    };
    let threads = match keys.number("webserver.threadiness", 0) {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads.min(THREADS_MAX) as usize,
    };
    let text = |key, default| keys.text(key).unwrap_or(default).to_owned();
    let certificate = text("webserver.ssl_certificate", "/etc/falco/falco.pem");
    Ok(keys.truth("webserver.enabled", false).then(|| Webserver {
        address: SocketAddr::new(address, port),
        threads,
        healthz: text("webserver.k8s_healthz_endpoint", "/healthz"),
        certificate: keys
            .truth("webserver.ssl_enabled", false)
            .then(|| certificate.into()),
        metrics: keys.truth("metrics.enabled", false)
            && keys.truth("webserver.prometheus_metrics_enabled", false),
    }))
}
