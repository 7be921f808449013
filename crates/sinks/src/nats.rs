//! NATS with `JetStream`: what the server has acknowledged is kept.

use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context, stream};
use falco_alerts::Failure;

use crate::http::Trust;
use crate::runtime::{other, wait};
use crate::settings::{Kind, Settings, TLS};
use crate::sink::{Client, Entry};

pub(crate) const KIND: Kind = Kind {
    name: "nats",
    required: &["url", "topic"],
    optional: &[&["password", "stream", "token", "user"], TLS],
    batch: 256,
    gap: Duration::ZERO,
    open,
};

struct Nats {
    url: String,
    subject: String,
    /// The stream that is made where there is none.
    stream: Option<String>,
    user: Option<(String, String)>,
    token: Option<String>,
    trust: Trust,
    timeout: Duration,
    context: Option<Context>,
}

fn open(settings: &Settings) -> Result<Box<dyn Client>, String> {
    let password = settings.text("password").unwrap_or_default().to_owned();
    Ok(Box::new(Nats {
        url: settings.required("url"),
        subject: settings.required("topic"),
        stream: settings.text("stream").map(str::to_owned),
        user: settings
            .text("user")
            .map(|user| (user.to_owned(), password)),
        token: settings.text("token").map(str::to_owned),
        trust: settings.trust()?,
        timeout: settings.timeout()?,
        context: None,
    }))
}

impl Nats {
    async fn connect(&self) -> Result<Context, Failure> {
        let mut options = ConnectOptions::new()
            .name("falco")
            .connection_timeout(self.timeout);
        if let Some((user, password)) = self.user.clone() {
            options = options.user_and_password(user, password);
        }
        if let Some(token) = self.token.clone() {
            options = options.token(token);
        }
        if self.url.starts_with("tls:") {
            let tls = self.trust.client().map_err(other)?;
            options = options.require_tls(true).tls_client_config((*tls).clone());
        }
        let client = async_nats::connect_with_options(&self.url, options);
        let context = jetstream::new(client.await.map_err(other)?);
        if let Some(name) = &self.stream {
            let config = stream::Config {
                name: name.clone(),
                subjects: vec![self.subject.clone()],
                ..stream::Config::default()
            };
            context.get_or_create_stream(config).await.map_err(other)?;
        }
        Ok(context)
    }

    async fn publish(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        let context = match self.context.take() {
            Some(context) => context,
            None => self.connect().await?,
        };
        let mut acknowledgements: Vec<PublishAckFuture> = Vec::with_capacity(batch.len());
        for entry in batch {
            let message = PublishMessage::build()
                .payload(entry.document.clone().into())
                .message_id(&entry.id);
            let sent = context.send_publish(self.subject.clone(), message);
            acknowledgements.push(sent.await.map_err(other)?);
        }
        for acknowledgement in acknowledgements {
            acknowledgement.await.map_err(other)?;
        }
        self.context = Some(context);
        Ok(())
    }
}

impl Client for Nats {
    fn send(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        wait(self.timeout, self.publish(batch))
    }

    fn reset(&mut self) {
        self.context = None;
    }
}
