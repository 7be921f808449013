//! Kafka and what speaks its protocol.

use std::collections::BTreeMap;
use std::time::Duration;

use falco_alerts::Failure;
use rskafka::BackoffConfig;
use rskafka::chrono::{DateTime, Utc};
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{ClientBuilder, Credentials, SaslConfig};
use rskafka::record::Record;

use crate::http::Trust;
use crate::runtime::{other, wait};
use crate::settings::{Kind, Settings, TLS};
use crate::sink::{Client, Entry};

pub(crate) const KIND: Kind = Kind {
    name: "kafka",
    required: &["url", "topic"],
    optional: &[&["password", "tls", "user"], TLS],
    batch: 500,
    gap: Duration::ZERO,
    open,
};

struct Kafka {
    brokers: Vec<String>,
    topic: String,
    /// SASL PLAIN.
    user: Option<(String, String)>,
    tls: bool,
    trust: Trust,
    timeout: Duration,
    partitions: Vec<PartitionClient>,
    /// Which partition gets the next batch.
    next: usize,
}

fn open(settings: &Settings) -> Result<Box<dyn Client>, String> {
    let url = settings.required("url");
    let brokers: Vec<String> = url.split(',').map(|one| one.trim().to_owned()).collect();
    if brokers
        .iter()
        .any(|broker| !broker.contains(':') || broker.contains('/'))
    {
        return Err(format!("`url` is HOST:PORT[,HOST:PORT…], not `{url}`"));
    }
    let password = settings.text("password").unwrap_or_default().to_owned();
    Ok(Box::new(Kafka {
        brokers,
        topic: settings.required("topic"),
        user: settings
            .text("user")
            .map(|user| (user.to_owned(), password)),
        tls: settings.truth("tls")?,
        trust: settings.trust()?,
        timeout: settings.timeout()?,
        partitions: Vec::new(),
        next: 0,
    }))
}

impl Kafka {
    async fn connect(&self) -> Result<Vec<PartitionClient>, Failure> {
        let mut builder = ClientBuilder::new(self.brokers.clone())
            .client_id("falco")
            .backoff_config(BackoffConfig {
                deadline: Some(self.timeout),
                ..BackoffConfig::default()
            });
        if self.tls {
            builder = builder.tls_config(self.trust.client().map_err(other)?);
        }
        if let Some((user, password)) = self.user.clone() {
            let credentials = Credentials::new(user, password);
            builder = builder.sasl_config(SaslConfig::Plain(credentials));
        }
        let client = builder.build().await.map_err(other)?;
        let topics = client.list_topics().await.map_err(other)?;
        let Some(topic) = topics.into_iter().find(|topic| topic.name == self.topic) else {
            return Err(Failure::Other(format!(
                "the brokers know no topic `{}`",
                self.topic
            )));
        };
        let mut partitions = Vec::new();
        for partition in topic.partitions {
            let opened =
                client.partition_client(self.topic.clone(), partition, UnknownTopicHandling::Error);
            partitions.push(opened.await.map_err(other)?);
        }
        Ok(partitions)
    }

    async fn produce(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        if self.partitions.is_empty() {
            self.partitions = self.connect().await?;
        }
        let partitions = std::mem::take(&mut self.partitions);
        self.next += 1;
        let Some(partition) = partitions.get(self.next % partitions.len().max(1)) else {
            return Err(other("the topic has no partitions"));
        };
        let records = batch.iter().map(|entry| Record {
            key: None,
            value: Some(entry.document.clone()),
            headers: BTreeMap::from([("id".to_owned(), entry.id.clone().into_bytes())]),
            timestamp: time(entry.finished.alert.time_ns),
        });
        let records = records.collect();
        let produced = partition.produce(records, Compression::NoCompression);
        produced.await.map_err(other)?;
        self.partitions = partitions;
        Ok(())
    }
}

fn time(time_ns: u64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(time_ns as i64)
}

impl Client for Kafka {
    fn send(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        wait(self.timeout, self.produce(batch))
    }

    fn reset(&mut self) {
        self.partitions.clear();
    }
}
