//! AMQP 0.9.1 (`RabbitMQ`), with confirmations.

use std::fs;
use std::time::Duration;

use falco_alerts::Failure;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

use crate::runtime::{other, wait};
use crate::settings::{Kind, Settings};
use crate::sink::{Client, Entry};

pub(crate) const KIND: Kind = Kind {
    name: "amqp",
    required: &["url"],
    optional: &[&["ca", "cert", "exchange", "key", "queue", "topic"]],
    batch: 256,
    gap: Duration::ZERO,
    open,
};

/// A message that survives a restart of the broker.
const PERSISTENT: u8 = 2;

struct Amqp {
    url: String,
    exchange: String,
    /// The queue that is made where there is none.
    queue: Option<String>,
    key: String,
    certificates: Option<String>,
    identity: Option<(String, String)>,
    timeout: Duration,
    connection: Option<(Connection, Channel)>,
}

fn open(settings: &Settings) -> Result<Box<dyn Client>, String> {
    let queue = settings.text("queue").map(str::to_owned);
    let exchange = settings.text("exchange").unwrap_or_default().to_owned();
    let key = settings.text("topic").map(str::to_owned);
    if queue.is_none() && exchange.is_empty() {
        return Err("sinks of type `amqp` need `queue`, or `exchange` and `topic`".to_owned());
    }
    let identity = match (settings.text("cert"), settings.text("key")) {
        (Some(cert), Some(key)) => Some((cert.to_owned(), key.to_owned())),
        (None, None) => None,
        _ => return Err("`cert` and `key` go together".to_owned()),
    };
    Ok(Box::new(Amqp {
        url: settings.required("url"),
        key: key.or_else(|| queue.clone()).unwrap_or_default(),
        exchange,
        queue,
        certificates: settings.text("ca").map(str::to_owned),
        identity,
        timeout: settings.timeout()?,
        connection: None,
    }))
}

impl Amqp {
    async fn connect(&self) -> Result<(Connection, Channel), Failure> {
        let read = |path: &String| {
            fs::read(path).map_err(|cause| Failure::Other(format!("cannot read {path}: {cause}")))
        };
        let certificates = self.certificates.as_ref().map(read).transpose()?;
        let identity = match &self.identity {
            Some((cert, key)) => Some(OwnedIdentity::PKCS8 {
                pem: read(cert)?,
                key: read(key)?,
            }),
            None => None,
        };
        let tls = OwnedTLSConfig {
            identity,
            cert_chain: certificates.map(|pem| String::from_utf8_lossy(&pem).into_owned()),
        };
        let properties = ConnectionProperties::default().with_connection_name("falco".into());
        let runtime = lapin::runtime::default_runtime().map_err(other)?;
        let connection = Connection::connect_with_config(&self.url, properties, tls, runtime);
        let connection = connection.await.map_err(other)?;
        let channel = connection.create_channel().await.map_err(other)?;
        let confirmed = channel.confirm_select(ConfirmSelectOptions::default());
        confirmed.await.map_err(other)?;
        if let Some(queue) = &self.queue {
            let options = QueueDeclareOptions::durable();
            let declared =
                channel.queue_declare(queue.as_str().into(), options, FieldTable::default());
            declared.await.map_err(other)?;
        }
        Ok((connection, channel))
    }

    async fn publish(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        let (connection, channel) = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        // What no queue takes comes back instead of vanishing.
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let mut confirmations = Vec::with_capacity(batch.len());
        for entry in batch {
            let properties = BasicProperties::default()
                .with_content_type("application/json".into())
                .with_delivery_mode(PERSISTENT)
                .with_message_id(entry.id.as_str().into());
            let sent = channel.basic_publish(
                self.exchange.as_str().into(),
                self.key.as_str().into(),
                options,
                &entry.document,
                properties,
            );
            confirmations.push(sent.await.map_err(other)?);
        }
        let mut returned = 0;
        for confirmation in confirmations {
            match confirmation.await.map_err(other)? {
                Confirmation::Ack(None) | Confirmation::NotRequested => {}
                Confirmation::Ack(Some(_)) => returned += 1,
                Confirmation::Nack(_) => return Err(other("the broker could not keep an alert")),
            }
        }
        self.connection = Some((connection, channel));
        if returned > 0 {
            return Err(Failure::Refused(format!(
                "{returned} alerts came back: no queue is bound for `{}`",
                self.key
            )));
        }
        Ok(())
    }
}

impl Client for Amqp {
    fn send(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        wait(self.timeout, self.publish(batch))
    }

    fn reset(&mut self) {
        self.connection = None;
    }
}
