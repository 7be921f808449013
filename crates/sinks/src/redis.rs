//! Redis streams.

use std::fs;
use std::time::Duration;

use falco_alerts::Failure;
use redis::{ClientTlsConfig, Connection, TlsCertificates};

use crate::runtime::other;
use crate::settings::{Kind, Settings};
use crate::sink::{Client, Entry};

pub(crate) const KIND: Kind = Kind {
    name: "redis",
    required: &["url"],
    optional: &[&["ca", "cert", "key", "max_length", "stream"]],
    batch: 500,
    gap: Duration::ZERO,
    open,
};

struct Redis {
    url: String,
    certificates: Option<String>,
    identity: Option<(String, String)>,
    stream: String,
    /// About how many alerts are kept; 0 for all.
    max_length: u64,
    timeout: Duration,
    connection: Option<Connection>,
}

fn open(settings: &Settings) -> Result<Box<dyn Client>, String> {
    let url = settings.required("url");
    redis::Client::open(&*url).map_err(|error| format!("`url`: {error}"))?;
    let identity = match (settings.text("cert"), settings.text("key")) {
        (Some(cert), Some(key)) => Some((cert.to_owned(), key.to_owned())),
        (None, None) => None,
        _ => return Err("`cert` and `key` go together".to_owned()),
    };
    Ok(Box::new(Redis {
        url,
        certificates: settings.text("ca").map(str::to_owned),
        identity,
        stream: settings.text("stream").unwrap_or("falco").to_owned(),
        max_length: settings.number("max_length", 0)?,
        timeout: settings.timeout()?,
        connection: None,
    }))
}

impl Redis {
    fn connect(&self) -> Result<Connection, Failure> {
        let read = |path: &String| {
            fs::read(path).map_err(|cause| Failure::Other(format!("cannot read {path}: {cause}")))
        };
        let client_tls = match &self.identity {
            Some((cert, key)) => Some(ClientTlsConfig {
                client_cert: read(cert)?,
                client_key: read(key)?,
            }),
            None => None,
        };
        let certificates = TlsCertificates {
            client_tls,
            root_cert: self.certificates.as_ref().map(read).transpose()?,
        };
        let client = if self.url.starts_with("rediss:") {
            redis::Client::build_with_tls(&*self.url, certificates)
        } else {
            redis::Client::open(&*self.url)
        };
        let client = client.map_err(other)?;
        let connection = client
            .get_connection_with_timeout(self.timeout)
            .map_err(other)?;
        connection
            .set_read_timeout(Some(self.timeout))
            .map_err(other)?;
        connection
            .set_write_timeout(Some(self.timeout))
            .map_err(other)?;
        Ok(connection)
    }
}

impl Client for Redis {
    fn send(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        // All or none, so that a batch that is sent again was not half there.
        let mut pipe = redis::pipe();
        pipe.atomic();
        for entry in batch {
            let alert = &entry.finished.alert;
            pipe.cmd("XADD").arg(&self.stream);
            if self.max_length > 0 {
                pipe.arg("MAXLEN").arg("~").arg(self.max_length);
            }
            pipe.arg("*")
                .arg("id")
                .arg(&entry.id)
                .arg("priority")
                .arg(alert.priority.name())
                .arg("rule")
                .arg(&*alert.rule)
                .arg("alert")
                .arg(&entry.document)
                .ignore();
        }
        pipe.query::<()>(&mut connection).map_err(other)?;
        self.connection = Some(connection);
        Ok(())
    }

    fn reset(&mut self) {
        self.connection = None;
    }
}
