//! Alerts by POST.

mod connect;
mod trust;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use falco_alerts::{Channel, Failure, Finished};
use ureq::{
    Agent, Error, Timeout,
    config::Config,
    unversioned::{
        resolver::DefaultResolver,
        transport::{ConnectProxyConnector, Connector as _},
    },
};

use connect::{Sockets, Tls};
use trust::TrustError;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection without requests is used again.
const IDLE: Duration = Duration::from_secs(118);
/// How much of an answer is read.
const ANSWER_MAX: u64 = 1 << 20;

/// Where alerts are posted to, and how.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// `http` or `https`; with name and password where the server asks for them.
    pub url: String,
    /// Who we say we are.
    pub user_agent: String,
    /// Whether lines are JSON.
    pub json: bool,
    /// Whether answers are printed.
    pub echo: bool,
    /// Whether the server is asked for compressed answers. Alerts are not compressed: that is what upstream does.
    pub compress: bool,
    /// Whether the kernel probes connections that are silent.
    pub keep_alive: bool,
    /// How long a request may take as a whole.
    pub timeout: Duration,
    /// How often a request that takes too long is repeated.
    pub repeats: u8,
    /// Whom to trust, and who we are.
    pub trust: Trust,
}

/// What is believed of a server, and shown to it.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Whether any server is believed.
    pub insecure: bool,
    /// A file of certificates, or a directory of such files.
    pub authorities: PathBuf,
    /// Our certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Trust {
    /// How to be a client of servers that are believed.
    pub(crate) fn client(&self) -> Result<Arc<rustls::ClientConfig>, TrustError> {
        trust::client(self)
    }
}

/// A client with our sockets and, where somebody is to be trusted, our TLS.
pub(crate) fn agent(
    config: Config,
    trust: Option<&Trust>,
    keep_alive: bool,
) -> Result<Agent, TrustError> {
    let tls = trust.map(Trust::client).transpose()?;
    let connector =
        ().chain(ConnectProxyConnector::default())
            .chain(Sockets { keep_alive })
            .chain(Tls(tls));
    Ok(Agent::with_parts(
        config,
        connector,
        DefaultResolver::default(),
    ))
}

/// A server that gets alerts by POST.
#[derive(Debug)]
pub struct HttpChannel {
    options: HttpOptions,
    agent: Option<Agent>,
}

impl HttpChannel {
    /// Certificates are read when they are needed first, and anew after a reopening.
    pub fn new(options: HttpOptions) -> HttpChannel {
        HttpChannel {
            options,
            agent: None,
        }
    }

    fn agent(&mut self) -> Result<Agent, Error> {
        if let Some(agent) = &self.agent {
            return Ok(agent.clone());
        }
        let options = &self.options;
        let config = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(options.timeout))
            .max_idle_age(IDLE)
            .user_agent(&options.user_agent)
            .accept("*/*")
            .build();
        let secure = options.url.starts_with("https:");
        let trust = secure.then_some(&options.trust);
        let agent = agent(config, trust, options.keep_alive).map_err(io::Error::other)?;
        Ok(self.agent.insert(agent).clone())
    }

    /// Posts once; the status of the answer.
    fn post(&mut self, body: &[u8]) -> Result<u16, Error> {
        let mut request = self.agent()?.post(&self.options.url);
        let kind = if self.options.json {
            "application/json"
        } else {
            "text/plain"
        };
        request = request.header("Content-Type", kind);
        if self.options.compress {
            request = request.header("Connection", "TE").header("TE", "gzip");
        }
        let answer = request.send(body)?;
        let status = answer.status().as_u16();
        let mut text = answer
            .into_body()
            .into_with_config()
            .limit(ANSWER_MAX)
            .reader();
        if self.options.echo {
            let mut out = io::stdout().lock();
            io::copy(&mut text, &mut out)?;
            out.flush()?;
        } else {
            // Read to its end the connection can be used again.
            io::copy(&mut text, &mut io::sink())?;
        }
        Ok(status)
    }
}

impl Channel for HttpChannel {
    fn name(&self) -> &'static str {
        "http"
    }

    fn spools(&self) -> bool {
        true
    }

    fn deliver(&mut self, alert: &Arc<Finished>) -> Result<(), Failure> {
        let mut repeats = self.options.repeats;
        // A connection that was used before may be closed while a request is under way, which says nothing about the server.
        let mut stale = self.agent.is_some();
        loop {
            match self.post(alert.line()) {
                Ok(status) => return judge(status),
                Err(Error::Timeout(_)) if repeats > 0 => repeats -= 1,
                Err(Error::Io(cause)) if stale && is_closed(&cause) => stale = false,
                Err(error) => {
                    return Err(Failure::Other(format!(
                        "libcurl failed to perform call: {}",
                        explain(&error, &self.options.url)
                    )));
                }
            }
        }
    }

    fn reopen(&mut self) -> Result<(), Failure> {
        self.agent = None;
        Ok(())
    }
}

/// Whether an answer means that the server has the alert.
fn judge(status: u16) -> Result<(), Failure> {
    match status {
        ..400 => Ok(()),
        408 | 425 | 429 | 500.. => Err(Failure::Other(format!("the server answers {status}"))),
        _ => Err(Failure::Refused(format!(
            "the server refuses the alert: status {status}"
        ))),
    }
}

fn is_closed(cause: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        cause.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
    )
}

/// What libcurl calls it, and what is behind it.
fn explain(error: &Error, url: &str) -> String {
    match error {
        Error::Timeout(Timeout::Resolve) | Error::HostNotFound => {
            format!("Could not resolve hostname of {url}")
        }
        Error::Timeout(part) => format!("Timeout was reached ({part} of {url})"),
        Error::Io(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => {
            format!("Could not connect to server {url}: {cause}")
        }
        Error::Io(cause) => cause.to_string(),
        other => format!("{other} ({url})"),
    }
}

#[cfg(test)]
mod tests;
