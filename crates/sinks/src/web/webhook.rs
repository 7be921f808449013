//! Any server that takes alerts by POST or PUT.

use std::time::Duration;

use falco_alerts::Failure;

use super::{KEYS, Web};
use crate::settings::{Kind, Settings};
use crate::sink::{Client, Entry};
use crate::template::Template;

pub(crate) const KIND: Kind = Kind {
    name: "webhook",
    required: &["url"],
    optional: &[&["content_type", "method", "template"], KEYS[0], KEYS[1]],
    batch: 1,
    gap: Duration::ZERO,
    open,
};

struct Webhook {
    web: Web,
    url: String,
    method: String,
    content_type: String,
    /// The body; without one the alert in JSON.
    template: Option<Template>,
    hostname: String,
}

fn open(settings: &Settings) -> Result<Box<dyn Client>, String> {
    let method = settings.text("method").unwrap_or("POST").to_owned();
    if !["POST", "PUT", "PATCH"].contains(&&*method) {
        return Err(format!("`method` is POST, PUT or PATCH, not `{method}`"));
    }
    Ok(Box::new(Webhook {
        web: Web::new(settings)?,
        url: settings.required("url"),
        method,
        content_type: settings
            .text("content_type")
            .unwrap_or("application/json")
            .to_owned(),
        template: settings.template("template")?,
        hostname: settings.hostname.clone(),
    }))
}

impl Webhook {
    /// In JSON, values are what stands between the quotes of a text: whoever can name a file must not write the rest of the body.
    fn shape(&self, value: &str) -> String {
        if !self.content_type.contains("json") {
            return value.to_owned();
        }
        let quoted = serde_json::Value::from(value).to_string();
        let inner = quoted
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        inner.unwrap_or_default().to_owned()
    }
}

impl Client for Webhook {
    fn send(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        for entry in batch {
            let body = match &self.template {
                Some(template) => template
                    .render(entry, &self.hostname, |value| self.shape(value))
                    .into_bytes(),
                None => entry.document.clone(),
            };
            self.web
                .send(&self.method, &self.url, &self.content_type, &body)?;
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.web.reset();
    }
}
