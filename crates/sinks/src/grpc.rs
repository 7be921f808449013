//! gRPC, as upstream served it until 0.43: alerts (`falco.outputs`) and versions (`falco.version`), described in `proto/`.
//!
//! Clients take alerts from a [`Server`]. Each gets every alert since it came, the first one also those that were raised before; upstream
//! shared them out among its clients.

mod authority;
mod channel;
mod hub;
mod message;
mod server;
mod service;

pub use channel::GrpcChannel;
pub use message::{Output, Timestamp, Version};
pub use server::{Options, Server, StartError};
