//! The channels that the configuration asks for.

use std::{path::PathBuf, time::Duration};

use anyhow::bail;
use falco_alerts::{JsonForm, SpoolOptions};
use falco_filter::ast::unescape;
use falco_sinks::http::{HttpOptions, Trust};

use super::Keys;

/// How long an HTTP request may take before it counts as one that timed out; upstream waits for ever.
const HTTP_TIMEOUT: Duration = Duration::from_secs(30);

/// Channels that are enabled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Channels {
    pub(crate) stdout: bool,
    /// The file to write to, and whether it stays open.
    pub(crate) file: Option<(PathBuf, bool)>,
    pub(crate) syslog: bool,
    /// The command, and whether it keeps running.
    pub(crate) program: Option<(String, bool)>,
    pub(crate) http: Option<HttpOptions>,
}

impl Channels {
    /// Whether there is one at all.
    pub(crate) fn any(&self) -> bool {
        self.stdout
            || self.file.is_some()
            || self.syslog
            || self.program.is_some()
            || self.http.is_some()
    }
}

/// What is enabled; that a key is missing which a channel needs has been checked.
pub(super) fn channels(keys: &Keys<'_>) -> Channels {
    let enabled = |channel: &str| keys.truth(&format!("{channel}_output.enabled"), false);
    let text = |path: &str, default: &str| keys.text(path).unwrap_or(default).to_owned();
    Channels {
        stdout: enabled("stdout"),
        file: enabled("file").then(|| {
            (
                text("file_output.filename", "").into(),
                keys.truth("file_output.keep_alive", false),
            )
        }),
        syslog: enabled("syslog"),
        program: enabled("program").then(|| {
            (
                text("program_output.program", ""),
                keys.truth("program_output.keep_alive", false),
            )
        }),
        http: enabled("http").then(|| http(keys)),
    }
}

/// Where alerts wait for channels that cannot deliver them, if they do.
pub(super) fn spool(keys: &Keys<'_>) -> Option<SpoolOptions> {
    let path = keys.text("outputs_spool.path");
    let path = path.filter(|path| !path.is_empty())?;
    let megabytes = keys.number("outputs_spool.max_mb", 256);
    let seconds = keys.number("outputs_spool.max_age_s", 604_800);
    Some(SpoolOptions {
        path: path.into(),
        max_bytes: u64::from(megabytes) << 20,
        max_age: Duration::from_secs(seconds.into()),
    })
}

/// Which JSON alerts are.
pub(super) fn json_form(keys: &Keys<'_>) -> anyhow::Result<JsonForm> {
    match keys.text("json_format") {
        None | Some("falco") => Ok(JsonForm::Falco),
        Some("ocsf") => Ok(JsonForm::Ocsf),
        Some("ecs") => Ok(JsonForm::Ecs),
        Some(other) => bail!(
            "Error reading config file ({}): json_format '{other}' is none of falco, ocsf, ecs",
            keys.name
        ),
    }
}

fn http(keys: &Keys<'_>) -> HttpOptions {
    let text = |key: &str, default: &str| {
        let value = keys.text(&format!("http_output.{key}"));
        value.unwrap_or(default).to_owned()
    };
    let truth = |key: &str| keys.truth(&format!("http_output.{key}"), false);
    let authorities = ["ca_cert", "ca_bundle"].map(|key| text(key, ""));
    let authorities = authorities.into_iter().find(|path| !path.is_empty());
    HttpOptions {
        url: unquoted(&text("url", "")),
        user_agent: text("user_agent", "falcosecurity/falco"),
        json: keys.truth("json_output", false),
        echo: truth("echo"),
        compress: truth("compress_uploads"),
        keep_alive: truth("keep_alive"),
        timeout: HTTP_TIMEOUT,
        // Upstream keeps eight bits of it.
        repeats: keys.number("http_output.max_consecutive_timeouts", 5) as u8,
        trust: Trust {
            insecure: truth("insecure"),
            authorities: authorities
                .unwrap_or_else(|| text("ca_path", "/etc/ssl/certs"))
                .into(),
            identity: truth("mtls").then(|| {
                (
                    text("client_cert", "/etc/ssl/certs/client.crt").into(),
                    text("client_key", "/etc/ssl/certs/client.key").into(),
                )
            }),
        },
    }
}

/// A URL in quotes is what stands between them.
fn unquoted(url: &str) -> String {
    let quoted = ['"', '\'']
        .into_iter()
        .any(|quote| url.len() > 1 && url.starts_with(quote) && url.ends_with(quote));
    match unescape(url) {
        Ok(inner) if quoted => String::from_utf8_lossy(&inner).into_owned(),
        _ => url.to_owned(),
    }
}
