//! MQTT 3.1.1, at least once.

use std::time::Duration;

use falco_alerts::Failure;
use rumqttc::{
    AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS, TlsConfiguration, Transport,
};

use crate::http::Trust;
use crate::runtime::{other, wait};
use crate::settings::{Kind, Settings, TLS};
use crate::sink::{Client, Entry};

pub(crate) const KIND: Kind = Kind {
    name: "mqtt",
    required: &["url", "topic"],
    optional: &[&["client_id", "password", "user"], TLS],
    batch: BATCH,
    gap: Duration::ZERO,
    open,
};

const BATCH: usize = 100;
/// What brokers take in one packet differs; a bigger alert is one that nobody sends.
const PACKET_MAX: usize = 1 << 20;

struct Mqtt {
    host: String,
    port: u16,
    tls: bool,
    id: String,
    user: Option<(String, String)>,
    topic: String,
    trust: Trust,
    timeout: Duration,
    connection: Option<(AsyncClient, EventLoop)>,
}

fn open(settings: &Settings) -> Result<Box<dyn Client>, String> {
    let url = settings.required("url");
    let wrong = || format!("`url` is mqtt://HOST[:PORT] or mqtts://HOST[:PORT], not `{url}`");
    let (tls, rest) = match url.split_once("://") {
        Some(("mqtt", rest)) => (false, rest),
        Some(("mqtts", rest)) => (true, rest),
        _ => return Err(wrong()),
    };
    let rest = rest.trim_end_matches('/');
    let default = if tls { 8883 } else { 1883 };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| wrong())?),
        _ => (rest, default),
    };
    if host.is_empty() {
        return Err(wrong());
    }
    let topic = settings.required("topic");
    if topic.contains(['+', '#']) {
        return Err("`topic` is one topic: `+` and `#` are for subscribers".to_owned());
    }
    let password = settings.text("password").unwrap_or_default().to_owned();
    let id = format!("falco-{}-{}", settings.hostname, std::process::id());
    Ok(Box::new(Mqtt {
        host: host.trim_matches(['[', ']']).to_owned(),
        port,
        tls,
        id: settings.text("client_id").map_or(id, str::to_owned),
        user: settings
            .text("user")
            .map(|user| (user.to_owned(), password)),
        topic,
        trust: settings.trust()?,
        timeout: settings.timeout()?,
        connection: None,
    }))
}

impl Mqtt {
    fn connect(&self) -> Result<(AsyncClient, EventLoop), Failure> {
        let mut options = MqttOptions::new(&self.id, &self.host, self.port);
        // Nobody would answer pings between batches; a connection that is gone is noticed by the next batch.
        options.set_keep_alive(Duration::ZERO);
        options.set_max_packet_size(PACKET_MAX, PACKET_MAX);
        if let Some((user, password)) = &self.user {
            options.set_credentials(user, password);
        }
        if self.tls {
            let tls = self.trust.client().map_err(other)?;
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
        }
        // Room for the batch: nothing takes from the client's queue while it is filled.
        Ok(AsyncClient::new(options, BATCH))
    }

    async fn publish(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        let (client, mut events) = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        for part in batch.chunks(BATCH) {
            for entry in part {
                let sent =
                    client.publish(&self.topic, QoS::AtLeastOnce, false, entry.document.clone());
                sent.await.map_err(other)?;
            }
            let mut missing = part.len();
            while missing > 0 {
                if let Event::Incoming(Packet::PubAck(_)) = events.poll().await.map_err(other)? {
                    missing -= 1;
                }
            }
        }
        self.connection = Some((client, events));
        Ok(())
    }
}

impl Client for Mqtt {
    fn send(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        wait(self.timeout, self.publish(batch))
    }

    fn reset(&mut self) {
        self.connection = None;
    }
}
