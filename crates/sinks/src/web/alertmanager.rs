//! Prometheus Alertmanager.

use std::time::Duration;

use falco_alerts::{Failure, Priority};
use serde_json::{Map, Value, json};

use super::{KEYS, Web};
use crate::settings::{Kind, Settings};
use crate::sink::{Client, Entry};
use crate::template::{field_text, time};

pub(crate) const KIND: Kind = Kind {
    name: "alertmanager",
    required: &["url"],
    optional: &[&["labels"], KEYS[0], KEYS[1]],
    batch: 100,
    gap: Duration::ZERO,
    open,
};

struct Alertmanager {
    web: Web,
    labels: Vec<(String, String)>,
    hostname: String,
}

fn open(settings: &Settings) -> Result<Box<dyn Client>, String> {
    Ok(Box::new(Alertmanager {
        web: Web::new(settings)?,
        labels: settings.map("labels").to_vec(),
        hostname: settings.hostname.clone(),
    }))
}

/// The words that routes of Alertmanager are mostly written for.
fn severity(priority: Priority) -> &'static str {
    match priority {
        Priority::Emergency | Priority::Alert | Priority::Critical => "critical",
        Priority::Error | Priority::Warning => "warning",
        Priority::Notice | Priority::Informational | Priority::Debug => "info",
    }
}

/// A name as Prometheus wants it.
fn label(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars()
        .map(|c| if fits(c) { c } else { '_' })
        .collect()
}

impl Alertmanager {
    fn alert(&self, entry: &Entry) -> Value {
        let alert = &entry.finished.alert;
        let mut labels = json!({
            "alertname": *alert.rule,
            "hostname": self.hostname,
            "priority": alert.priority.name(),
            "severity": severity(alert.priority),
            "source": *alert.source,
        });
        for (name, value) in &self.labels {
            labels[label(name)] = value.as_str().into();
        }
        let fields = alert.fields.iter();
        let mut annotations: Map<String, Value> = fields
            .map(|(name, value)| (label(name), field_text(value).into()))
            .collect();
        annotations.insert("summary".to_owned(), (*alert.rule).into());
        let message = String::from_utf8_lossy(&alert.message);
        annotations.insert("description".to_owned(), message.into());
        json!({ "labels": labels, "annotations": annotations, "startsAt": time(alert) })
    }
}

impl Client for Alertmanager {
    fn send(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        let alerts: Vec<Value> = batch.iter().map(|entry| self.alert(entry)).collect();
        let body = Value::from(alerts).to_string();
        let answer = self
            .web
            .post("/api/v2/alerts", "application/json", body.as_bytes());
        answer.map(|_| ())
    }

    fn reset(&mut self) {
        self.web.reset();
    }
}
