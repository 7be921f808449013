//! Sinks that are spoken to by HTTP requests.

pub(crate) mod alertmanager;
pub(crate) mod chat;
pub(crate) mod elasticsearch;
pub(crate) mod loki;
pub(crate) mod otlp;
pub(crate) mod s3;
#[cfg(test)]
mod tests;
pub(crate) mod webhook;

use std::io::Read as _;
use std::thread;
use std::time::Duration;

use falco_alerts::Failure;
use ureq::Agent;
use ureq::http::Request;

use crate::http::{Trust, agent};
use crate::settings::{Settings, TLS};

/// The keys of all of them, besides `url`.
pub(crate) const KEYS: &[&[&str]] = &[&["headers", "password", "token", "user"], TLS];

/// How much of an answer is read.
const ANSWER_MAX: u64 = 1 << 20;
/// How long a server that is asked too much is left alone at most.
const REST_MAX: Duration = Duration::from_secs(30);

/// A server, and how to talk to it.
#[derive(Debug)]
pub(crate) struct Web {
    url: String,
    headers: Vec<(String, String)>,
    trust: Trust,
    timeout: Duration,
    agent: Option<Agent>,
}

impl Web {
    /// From `url`, `headers`, `user` and `password` or `token`.
    pub(crate) fn new(settings: &Settings) -> Result<Web, String> {
        let url = settings.required("url");
        let parsed = url.parse::<ureq::http::Uri>();
        let fits = parsed.is_ok_and(|url| {
            matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some()
        });
        if !fits {
            return Err(format!("`url` is http://… or https://…, not `{url}`"));
        }
        let mut headers = settings.map("headers").to_vec();
        match (settings.text("user"), settings.text("token")) {
            (Some(_), Some(_)) => return Err("it has either `user` or `token`".to_owned()),
            (Some(user), None) => {
                let password = settings.text("password").unwrap_or_default();
                let both = base64(format!("{user}:{password}").as_bytes());
                headers.push(("Authorization".to_owned(), format!("Basic {both}")));
            }
            (None, Some(token)) => {
                headers.push(("Authorization".to_owned(), format!("Bearer {token}")));
            }
            (None, None) => {}
        }
        for (name, value) in &headers {
            let built = Request::builder().header(name, value).body(());
            built.map_err(|error| format!("the header `{name}` is none: {error}"))?;
        }
        Ok(Web {
            url: url.trim_end_matches('/').to_owned(),
            headers,
            trust: settings.trust()?,
            timeout: settings.timeout()?,
            agent: None,
        })
    }

    /// Certificates are read anew before the next request.
    pub(crate) fn reset(&mut self) {
        self.agent = None;
    }

    /// Posts to a path below the URL; the answer.
    pub(crate) fn post(&mut self, path: &str, kind: &str, body: &[u8]) -> Result<Vec<u8>, Failure> {
        let url = format!("{}{path}", self.url);
        self.send("POST", &url, kind, body)
    }

    /// Sends to a URL.
    pub(crate) fn send(
        &mut self,
        method: &str,
        url: &str,
        kind: &str,
        body: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let agent = if let Some(agent) = &self.agent {
            agent
        } else {
            let config = Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .timeout_global(Some(self.timeout))
                .user_agent("falcosecurity/falco");
            let trust = url.starts_with("https:").then_some(&self.trust);
            let agent = agent(config.build(), trust, true);
            self.agent
                .insert(agent.map_err(|cause| Failure::Other(cause.to_string()))?)
        };
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header("Content-Type", kind);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        // The path of a URL may hold a secret: it is not told.
        let failed = |what: &dyn std::fmt::Display| {
            let host = url.split('/').nth(2).unwrap_or_default();
            let host = host.rsplit('@').next().unwrap_or_default();
            format!("{host}: {what}")
        };
        let request = request.body(body);
        let request = request.map_err(|error| Failure::Refused(failed(&error)))?;
        let answer = agent.run(request);
        let answer = answer.map_err(|error| Failure::Other(failed(&error)))?;
        let status = answer.status();
        let rest = answer
            .headers()
            .get("retry-after")
            .and_then(|seconds| seconds.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let mut text = Vec::new();
        let mut reader = answer.into_body().into_reader().take(ANSWER_MAX);
        reader
            .read_to_end(&mut text)
            .map_err(|error| Failure::Other(failed(&error)))?;
        let told = String::from_utf8_lossy(text.get(..300).unwrap_or(&text));
        match status.as_u16() {
            ..300 => Ok(text),
            408 | 425 | 429 | 500.. => {
                if let Some(rest) = rest {
                    thread::sleep(rest.min(REST_MAX));
                }
                Err(Failure::Other(failed(&format!("{status} {}", told.trim()))))
            }
            _ => Err(Failure::Refused(failed(&format!(
                "{status} {}",
                told.trim()
            )))),
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            text.push(if place > chunk.len() {
                '='
            } else {
                char::from(DIGITS[(group >> (18 - 6 * place) & 63) as usize])
            });
        }
    }
    text
}
