//! Elasticsearch and `OpenSearch`, by the bulk API.

use std::fmt::Write as _;
use std::time::Duration;

use falco_alerts::Failure;
use serde_json::{Value, json};

use super::{KEYS, Web};
use crate::settings::{Kind, Settings};
use crate::sink::{Client, Entry};
use crate::template::time;

pub(crate) const KIND: Kind = Kind {
    name: "elasticsearch",
    required: &["url"],
    optional: &[&["index"], KEYS[0], KEYS[1]],
    batch: 500,
    gap: Duration::ZERO,
    open,
};

struct Elasticsearch {
    web: Web,
    /// The index or data stream; `{date}` in it is the day of the alert.
    index: String,
}

fn open(settings: &Settings) -> Result<Box<dyn Client>, String> {
    Ok(Box::new(Elasticsearch {
        web: Web::new(settings)?,
        index: settings.text("index").unwrap_or("falco-{date}").to_owned(),
    }))
}

impl Elasticsearch {
    fn body(&self, batch: &[Entry]) -> String {
        let mut body = String::new();
        for entry in batch {
            let time = time(&entry.finished.alert);
            let day = time.get(..10).unwrap_or_default().replace('-', ".");
            let index = self.index.replace("{date}", &day);
            // Only `create` works with data streams, too.
            let action = json!({ "create": { "_index": index, "_id": entry.id } });
            let document = String::from_utf8_lossy(&entry.document);
            let members = document.strip_prefix('{').unwrap_or("}");
            // Writing to a text cannot fail.
            let _ = writeln!(body, "{action}\n{{\"@timestamp\":\"{time}\",{members}");
        }
        body
    }
}

/// What became of the documents: the worst of it.
fn judge(answer: &[u8]) -> Result<(), Failure> {
    let answer: Value = serde_json::from_slice(answer)
        .map_err(|error| Failure::Other(format!("the answer is not JSON: {error}")))?;
    if answer["errors"] != true {
        return Ok(());
    }
    let items = answer["items"].as_array().into_iter().flatten();
    let mut refused = None;
    for item in items.map(|item| &item["create"]) {
        match item["status"].as_u64().unwrap_or(0) {
            // It is there already.
            409 | 200..300 => {}
            429 | 500.. => return Err(Failure::Other(item["error"].to_string())),
            _ => refused = Some(item["error"].to_string()),
        }
    }
    refused.map_or(Ok(()), |error| Err(Failure::Refused(error)))
}

impl Client for Elasticsearch {
    fn send(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        let body = self.body(batch);
        let answer = self
            .web
            .post("/_bulk", "application/x-ndjson", body.as_bytes())?;
        judge(&answer)
    }

    fn reset(&mut self) {
        self.web.reset();
    }
}
