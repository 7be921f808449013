//! Grafana Loki, by its push API.

use std::collections::BTreeMap;
use std::time::Duration;

use falco_alerts::Failure;
use serde_json::{Value, json};

use super::{KEYS, Web};
use crate::settings::{Kind, Settings};
use crate::sink::{Client, Entry};

pub(crate) const KIND: Kind = Kind {
    name: "loki",
    required: &["url"],
    optional: &[&["labels"], KEYS[0], KEYS[1]],
    batch: 500,
    gap: Duration::ZERO,
    open,
};

struct Loki {
    web: Web,
    labels: Vec<(String, String)>,
    hostname: String,
}

fn open(settings: &Settings) -> Result<Box<dyn Client>, String> {
    Ok(Box::new(Loki {
        web: Web::new(settings)?,
        labels: settings.map("labels").to_vec(),
        hostname: settings.hostname.clone(),
    }))
}

impl Loki {
    /// A stream for each set of labels, with its lines in order.
    fn body(&self, batch: &[Entry]) -> Value {
        let mut streams: BTreeMap<(&str, &str, &str), Vec<Value>> = BTreeMap::new();
        for entry in batch {
            let alert = &entry.finished.alert;
            let stream = (&*alert.rule, alert.priority.name(), &*alert.source);
            let line = String::from_utf8_lossy(&entry.document);
            let lines = streams.entry(stream).or_default();
            lines.push(json!([alert.time_ns.to_string(), line]));
        }
        let streams: Vec<_> = streams
            .into_iter()
            .map(|((rule, priority, source), values)| {
                let mut labels = json!({
                    "job": "falco",
                    "hostname": self.hostname,
                    "priority": priority,
                    "rule": rule,
                    "source": source,
                });
                for (name, value) in &self.labels {
                    labels[name] = value.as_str().into();
                }
                json!({ "stream": labels, "values": values })
            })
            .collect();
        json!({ "streams": streams })
    }
}

impl Client for Loki {
    fn send(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        let body = self.body(batch).to_string();
        let answer = self
            .web
            .post("/loki/api/v1/push", "application/json", body.as_bytes());
        answer.map(|_| ())
    }

    fn reset(&mut self) {
        self.web.reset();
    }
}
