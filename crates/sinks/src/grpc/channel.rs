//! The channel that gives alerts to the server.

use std::sync::Arc;

use falco_alerts::{Channel, Failure, Finished};
use jiff::tz::TimeZone;
use prost::Message;

use super::message::Output;
use super::server::Server;

/// Gives alerts to the clients of a server.
#[derive(Debug)]
pub struct GrpcChannel {
    server: Option<Arc<Server>>,
    hostname: String,
    zone: TimeZone,
}

impl GrpcChannel {
    /// What the host is called, and the zone of the times that alerts show.
    pub fn new(server: Arc<Server>, hostname: String, zone: TimeZone) -> GrpcChannel {
        GrpcChannel {
            server: Some(server),
            hostname,
            zone,
        }
    }
}

impl Channel for GrpcChannel {
    fn name(&self) -> &'static str {
        "grpc"
    }

    fn deliver(&mut self, alert: &Arc<Finished>) -> Result<(), Failure> {
        let server = self.server.as_ref().ok_or(Failure::Closed)?;
        let output = Output::new(&alert.alert, alert.line(), &self.hostname, &self.zone);
        server.hub.publish(output.encode_to_vec().into());
        Ok(())
    }

    /// If nobody else holds the server, this is its end; what clients have not read by then is lost with a count.
    fn finish(&mut self) -> Result<(), Failure> {
        self.server = None;
        Ok(())
    }
}
