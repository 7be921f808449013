//! `PostgreSQL`: a row for each alert.

use std::time::Duration;

use falco_alerts::Failure;
use postgres::config::SslMode;
use postgres::{Client as Connection, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::http::Trust;
use crate::runtime::other;
use crate::settings::{Kind, Settings, TLS};
use crate::sink::{Client, Entry};
use crate::template::{tags, time};

pub(crate) const KIND: Kind = Kind {
    name: "postgresql",
    required: &["url"],
    optional: &[&["table"], TLS],
    batch: 500,
    gap: Duration::ZERO,
    open,
};

struct Postgresql {
    config: Config,
    table: String,
    trust: Trust,
    connection: Option<Connection>,
}

fn open(settings: &Settings) -> Result<Box<dyn Client>, String> {
    let url = settings.required("url");
    // The URL may hold a password: it is not told.
    let config = url.parse::<Config>();
    let mut config = config.map_err(|error| {
        format!("`url` is postgresql://USER:PASSWORD@HOST/DATABASE?sslmode=…: {error}")
    })?;
    let timeout = settings.timeout()?;
    config
        .application_name("falco")
        .connect_timeout(timeout)
        .tcp_user_timeout(timeout);
    config.options(&format!("-c statement_timeout={}", timeout.as_millis()));
    let table = settings.text("table").unwrap_or("falco_alerts").to_owned();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    if !table.chars().all(fits) {
        return Err(format!("`table` is a name without quotes, not `{table}`"));
    }
    Ok(Box::new(Postgresql {
        config,
        table,
        trust: settings.trust()?,
        connection: None,
    }))
}

impl Postgresql {
    fn connect(&self) -> Result<Connection, Failure> {
        let connection = if self.config.get_ssl_mode() == SslMode::Require {
            let tls = self.trust.client().map_err(other)?;
            self.config.connect(MakeRustlsConnect::new((*tls).clone()))
        } else {
            self.config.connect(NoTls)
        };
        let mut connection = connection.map_err(|error| explain(&error))?;
        let made = connection.batch_execute(&format!(
            "CREATE TABLE IF NOT EXISTS {} (id text PRIMARY KEY, time timestamptz NOT NULL, priority text NOT NULL, \
             rule text NOT NULL, source text NOT NULL, tags text NOT NULL, output text NOT NULL, alert jsonb NOT NULL)",
            self.table
        ));
        made.map_err(|error| explain(&error))?;
        Ok(connection)
    }
}

/// The server's words, which the error itself keeps from its text. Who may not do it may not do it another time, either.
fn explain(error: &postgres::Error) -> Failure {
    match error.as_db_error() {
        Some(told) => Failure::Other(format!("{}: {}", told.code().code(), told.message())),
        None => other(error),
    }
}

impl Client for Postgresql {
    fn send(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        // As lists of texts: one statement whatever the number of rows, and all or none of them.
        let mut columns: [Vec<String>; 8] = Default::default();
        for entry in batch {
            let alert = &entry.finished.alert;
            let document = String::from_utf8_lossy(&entry.document);
            let row = [
                entry.id.clone(),
                time(alert),
                alert.priority.name().to_owned(),
                (*alert.rule).to_owned(),
                (*alert.source).to_owned(),
                tags(alert).join(","),
                // There is no NUL in its texts, and none in those of jsonb.
                String::from_utf8_lossy(&alert.message).replace('\0', "\u{fffd}"),
                document.replace("\\u0000", "\\ufffd"),
            ];
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
        let [id, time, priority, rule, source, tags, output, alert] = &columns;
        let inserted = connection.execute(
            &format!(
                "INSERT INTO {} SELECT a, b::timestamptz, c, d, e, f, g, h::jsonb FROM \
                 unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) \
                 AS t(a, b, c, d, e, f, g, h) ON CONFLICT (id) DO NOTHING",
                self.table
            ),
            &[id, time, priority, rule, source, tags, output, alert],
        );
        inserted.map_err(|error| explain(&error))?;
        self.connection = Some(connection);
        Ok(())
    }

    fn reset(&mut self) {
        self.connection = None;
    }
}
