//! Ways out for alerts over networks: POST by HTTP, the gRPC server, and clients of what stores and forwards alerts.
//!
//! Apart from `falco-alerts`, so that who needs only lines and files builds none of this. Nothing here knows events or rules, reads
//! configuration files or decides which alert goes where.
#![forbid(unsafe_code)]

pub mod grpc;
pub mod http;
