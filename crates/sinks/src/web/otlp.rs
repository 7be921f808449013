//! OpenTelemetry logs, in JSON.

use std::time::Duration;

use falco_alerts::{Failure, Priority};
use serde_json::{Value, json};

use super::{KEYS, Web};
use crate::settings::{Kind, Settings};
use crate::sink::{Client, Entry};
use crate::template::tags;

pub(crate) const KIND: Kind = Kind {
    name: "otlp",
    required: &["url"],
    optional: &[&["labels"], KEYS[0], KEYS[1]],
    batch: 500,
    gap: Duration::ZERO,
    open,
};

struct Otlp {
    web: Web,
    labels: Vec<(String, String)>,
    hostname: String,
}

fn open(settings: &Settings) -> Result<Box<dyn Client>, String> {
    Ok(Box::new(Otlp {
        web: Web::new(settings)?,
        labels: settings.map("labels").to_vec(),
        hostname: settings.hostname.clone(),
    }))
}

/// The numbers that OpenTelemetry has for syslog's severities.
fn severity(priority: Priority) -> u8 {
    match priority {
        Priority::Emergency => 21,
        Priority::Alert => 19,
        Priority::Critical => 18,
        Priority::Error => 17,
        Priority::Warning => 13,
        Priority::Notice => 10,
        Priority::Informational => 9,
        Priority::Debug => 5,
    }
}

/// A value of its data model: integers are texts there.
fn value(value: &Value) -> Value {
    match value {
        Value::Bool(truth) => json!({ "boolValue": truth }),
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        Value::Number(number) if number.as_i64().is_some() => {
            json!({ "intValue": number.to_string() })
        }
        Value::String(text) => json!({ "stringValue": text }),
        Value::Null => json!({}),
        other => json!({ "stringValue": other.to_string() }),
    }
}

fn attribute(name: &str, content: &Value) -> Value {
    json!({ "key": name, "value": value(content) })
}

impl Otlp {
    fn record(entry: &Entry) -> Value {
        let alert = &entry.finished.alert;
        let tags: Vec<Value> = tags(alert)
            .into_iter()
            .map(|tag| json!({ "stringValue": tag }))
            .collect();
        let mut attributes = vec![
            attribute("falco.rule", &Value::from(&*alert.rule)),
            attribute("falco.source", &Value::from(&*alert.source)),
            json!({ "key": "falco.tags", "value": { "arrayValue": { "values": tags } } }),
        ];
        attributes.extend(
            alert
                .fields
                .iter()
                .map(|(name, value)| attribute(name, value)),
        );
        let time = alert.time_ns.to_string();
        json!({
            "timeUnixNano": time,
            "observedTimeUnixNano": time,
            "severityNumber": severity(alert.priority),
            "severityText": alert.priority.name(),
            "body": { "stringValue": String::from_utf8_lossy(&alert.message) },
            "attributes": attributes,
        })
    }

    fn body(&self, batch: &[Entry]) -> Value {
        let mut resource = vec![
            attribute("service.name", &"falco".into()),
            attribute("host.name", &self.hostname.as_str().into()),
        ];
        let labels = self.labels.iter();
        resource.extend(labels.map(|(name, value)| attribute(name, &value.as_str().into())));
        let records: Vec<Value> = batch.iter().map(Otlp::record).collect();
        json!({ "resourceLogs": [{
            "resource": { "attributes": resource },
            "scopeLogs": [{ "scope": { "name": "falco" }, "logRecords": records }],
        }] })
    }
}

impl Client for Otlp {
    fn send(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        let body = self.body(batch).to_string();
        let answer = self
            .web
            .post("/v1/logs", "application/json", body.as_bytes())?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let part = &answer["partialSuccess"];
        let rejected = &part["rejectedLogRecords"];
        match rejected
            .as_u64()
            .or_else(|| rejected.as_str()?.parse().ok())
        {
            None | Some(0) => Ok(()),
            Some(number) => Err(Failure::Refused(format!(
                "{number} alerts were rejected: {}",
                part["errorMessage"].as_str().unwrap_or("no reason given")
            ))),
        }
    }

    fn reset(&mut self) {
        self.web.reset();
    }
}
