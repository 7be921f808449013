//! Object storage that speaks S3: an object for each batch, one alert a line.

use std::time::Duration;

use falco_alerts::Failure;
use rusty_s3::{Bucket, Credentials, S3Action as _, UrlStyle, actions::PutObject};

use super::Web;
use crate::settings::{Kind, Settings, TLS};
use crate::sink::{Client, Entry};
use crate::template::time;

pub(crate) const KIND: Kind = Kind {
    name: "s3",
    required: &["url", "bucket", "user", "password"],
    optional: &[&["prefix", "region"], TLS],
    batch: 10_000,
    // Each object costs.
    gap: Duration::from_secs(1),
    open,
};

/// How long the signature of a request holds.
const SIGNED: Duration = Duration::from_mins(5);

struct S3 {
    web: Web,
    bucket: Bucket,
    credentials: Credentials,
    prefix: String,
    hostname: String,
    objects: u64,
}

fn open(settings: &Settings) -> Result<Box<dyn Client>, String> {
    let url = settings.required("url");
    let endpoint = url
        .parse()
        .map_err(|error| format!("`url` is `{url}`: {error}"))?;
    let region = settings.text("region").unwrap_or("us-east-1").to_owned();
    let bucket = Bucket::new(
        endpoint,
        UrlStyle::Path,
        settings.required("bucket"),
        region,
    );
    let mut plain = settings.clone();
    plain
        .values
        .retain(|key, _| key != "user" && key != "password");
    Ok(Box::new(S3 {
        web: Web::new(&plain)?,
        bucket: bucket.map_err(|error| error.to_string())?,
        credentials: Credentials::new(settings.required("user"), settings.required("password")),
        prefix: settings.text("prefix").unwrap_or("falco/").to_owned(),
        hostname: settings.hostname.clone(),
        objects: 0,
    }))
}

impl Client for S3 {
    fn send(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        let Some(first) = batch.first() else {
            return Ok(());
        };
        let mut body = Vec::new();
        for entry in batch {
            body.extend_from_slice(&entry.document);
            body.push(b'\n');
        }
        let time = time(&first.finished.alert);
        let (day, clock) = time.split_once('T').unwrap_or_default();
        let object = format!(
            "{}{}/{}-{}-{}.jsonl",
            self.prefix,
            day.replace('-', "/"),
            clock.trim_end_matches('Z').replace(':', ""),
            self.hostname,
            self.objects
        );
        let action = PutObject::new(&self.bucket, Some(&self.credentials), &object);
        let url = action.sign(SIGNED);
        self.web
            .send("PUT", url.as_str(), "application/x-ndjson", &body)?;
        self.objects += 1;
        Ok(())
    }

    fn reset(&mut self) {
        self.web.reset();
    }
}
