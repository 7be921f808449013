//! What a sink is configured with, and which kinds there are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use falco_alerts::Format;

use crate::http::Trust;
use crate::sink::{Client, Limits, Sink};
use crate::template::Template;

/// Keys that every sink has, and what becomes of the alerts that it gets.
pub const COMMON: &[&str] = &[
    "batch",
    "condition",
    "minimum_priority",
    "name",
    "retries",
    "timeout",
    "type",
];
/// Keys of all sinks that trust or show certificates.
pub(crate) const TLS: &[&str] = &["ca", "cert", "insecure", "key"];

/// A kind of sink.
#[derive(Debug)]
pub struct Kind {
    /// What `type` says.
    pub name: &'static str,
    /// The keys that it must have.
    pub required: &'static [&'static str],
    /// The keys that it may have besides, in groups.
    pub optional: &'static [&'static [&'static str]],
    /// How many alerts it sends together, unless it is told.
    pub batch: usize,
    /// The time between two batches.
    pub(crate) gap: Duration,
    pub(crate) open: fn(&Settings) -> Result<Box<dyn Client>, String>,
}

impl Kind {
    /// All keys that mean something to it.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        let own = self.required.iter();
        own.chain(self.optional.iter().copied().flatten())
            .chain(COMMON)
            .copied()
    }
}

/// A value of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A text, as it was typed.
    Text(String),
    /// Texts by name.
    Map(Vec<(String, String)>),
}

/// The keys of one sink.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// By name.
    pub values: BTreeMap<String, Setting>,
    /// What the host is called.
    pub hostname: String,
}

impl Settings {
    /// The text of a key that need not be there. An empty one is as good as none.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key) {
            Some(Setting::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The text of a key that is there, as [`open`] has seen to.
    pub(crate) fn required(&self, key: &str) -> String {
        self.text(key).unwrap_or_default().to_owned()
    }

    pub(crate) fn map(&self, key: &str) -> &[(String, String)] {
        match self.values.get(key) {
            Some(Setting::Map(map)) => map,
            _ => &[],
        }
    }

    pub(crate) fn number(&self, key: &str, default: u64) -> Result<u64, String> {
        let number = self.text(key).map(str::parse);
        number.unwrap_or(Ok(default)).map_err(|_| {
            format!(
                "`{key}` is a whole number, not `{}`",
                self.text(key).unwrap_or_default()
            )
        })
    }

    pub(crate) fn truth(&self, key: &str) -> Result<bool, String> {
        match self.text(key) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(format!("`{key}` is true or false, not `{other}`")),
        }
    }

    /// The template of a key.
    pub(crate) fn template(&self, key: &str) -> Result<Option<Template>, String> {
        let template = self.text(key).map(Template::new).transpose();
        template.map_err(|error| format!("`{key}`: {error}"))
    }

    /// How long one request may take.
    pub(crate) fn timeout(&self) -> Result<Duration, String> {
        Ok(Duration::from_millis(
            self.number("timeout", 10_000)?.max(1),
        ))
    }

    /// Whom to trust.
    pub(crate) fn trust(&self) -> Result<Trust, String> {
        let path = |key| self.text(key).map(PathBuf::from);
        let identity = match (path("cert"), path("key")) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => return Err("`cert` and `key` go together".to_owned()),
        };
        Ok(Trust {
            insecure: self.truth("insecure")?,
            authorities: path("ca").unwrap_or_else(|| "/etc/ssl/certs".into()),
            identity,
        })
    }
}

/// Makes a sink. `format` is that of other channels; sinks get all there is, in JSON.
///
/// # Errors
/// What is wrong with the settings.
pub fn open(settings: &Settings, format: &Format) -> Result<Sink, String> {
    let Some(kind) = settings.text("type") else {
        return Err("a sink has a `type`".to_owned());
    };
    let Some(kind) = crate::KINDS.iter().find(|known| known.name == kind) else {
        let known: Vec<_> = crate::KINDS.iter().map(|kind| kind.name).collect();
        let mut message = format!(
            "there is no sink of type `{kind}`, but {}",
            known.join(", ")
        );
        if crate::OPTIONAL.contains(&kind) {
            message = format!(
                "sinks of type `{kind}` are not in this build: build it with `--features {kind}`"
            );
        }
        return Err(message);
    };
    for key in settings.values.keys() {
        if !kind.keys().any(|known| known == key) {
            return Err(format!(
                "`{key}` means nothing to sinks of type `{}`",
                kind.name
            ));
        }
    }
    for key in kind.required {
        if settings.text(key).is_none() {
            return Err(format!("sinks of type `{}` need `{key}`", kind.name));
        }
    }
    let limits = Limits {
        batch: settings.number("batch", kind.batch as u64)?.max(1) as usize,
        retries: settings.number("retries", 5)?.min(1000) as u32,
        gap: kind.gap,
    };
    let format = Format {
        json: true,
        include_output: true,
        include_tags: true,
        include_fields: true,
        ..format.clone()
    };
    let name = settings.text("name").unwrap_or(kind.name).to_owned();
    Ok(Sink::new(name, format, limits, (kind.open)(settings)?))
}
