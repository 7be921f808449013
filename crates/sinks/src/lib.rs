//! Ways out for alerts over networks: POST by HTTP, the gRPC server, and clients of what stores and forwards alerts.
//!
//! [`open`] makes a [`Sink`] of its [`Settings`]; each kind is one file, which says what keys it has ([`Kind`]) and how it sends a batch.
//! Batches, repetitions and order are the business of [`Sink`], which is a channel of `falco-alerts`.
//!
//! Apart from `falco-alerts`, so that who needs only lines and files builds none of this. Nothing here knows events or rules, reads
//! configuration files or decides which alert goes where.
#![forbid(unsafe_code)]

#[cfg(feature = "amqp")]
mod amqp;
#[cfg(test)]
mod fixture;
pub mod grpc;
pub mod http;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "mqtt")]
mod mqtt;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "postgresql")]
mod postgresql;
#[cfg(feature = "redis")]
mod redis;
mod runtime;
mod settings;
mod sink;
mod template;
mod web;

pub use settings::{COMMON, Kind, Setting, Settings, open};
pub use sink::Sink;

/// The kinds of sinks in this build.
pub static KINDS: &[Kind] = &[
    web::alertmanager::KIND,
    #[cfg(feature = "amqp")]
    amqp::KIND,
    web::chat::DISCORD,
    web::elasticsearch::KIND,
    #[cfg(feature = "kafka")]
    kafka::KIND,
    web::loki::KIND,
    #[cfg(feature = "mqtt")]
    mqtt::KIND,
    #[cfg(feature = "nats")]
    nats::KIND,
    web::otlp::KIND,
    #[cfg(feature = "postgresql")]
    postgresql::KIND,
    #[cfg(feature = "redis")]
    redis::KIND,
    web::s3::KIND,
    web::chat::SLACK,
    web::chat::TEAMS,
    web::webhook::KIND,
];

/// Those that a feature of the same name adds.
pub(crate) const OPTIONAL: &[&str] = &["amqp", "kafka", "mqtt", "nats", "postgresql", "redis"];
