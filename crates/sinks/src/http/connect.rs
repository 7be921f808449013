//! Connections of the HTTP client: sockets that the kernel probes, and TLS that knows whom we trust.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

use super::CONNECT;

/// Opens sockets, unless there is a proxy's already.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) keep_alive: bool,
}

impl<In: Transport> Connector<In> for Sockets {
    type Out = Either<In, Socket>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        if chained.is_some() {
            return Ok(chained.map(Either::A));
        }
        let mut outcome = Err(io::Error::from(io::ErrorKind::NotFound));
        for address in &*details.addrs {
            let limit = details.timeout.not_zero().map_or(CONNECT, |left| *left);
            outcome = TcpStream::connect_timeout(address, limit);
            if outcome.is_ok() {
                break;
            }
        }
        let stream = outcome.map_err(|cause| match cause.kind() {
            io::ErrorKind::TimedOut => Error::Timeout(details.timeout.reason),
            _ => Error::Io(cause),
        })?;
        stream.set_nodelay(true)?;
        if self.keep_alive {
            sockopt::set_socket_keepalive(&stream, true).map_err(io::Error::from)?;
        }
        Ok(Some(Either::B(Socket {
            buffers: buffers(details),
            stream,
        })))
    }
}

fn buffers(details: &ConnectionDetails<'_>) -> LazyBuffers {
    LazyBuffers::new(
        details.config.input_buffer_size(),
        details.config.output_buffer_size(),
    )
}

/// A connection as it is.
#[derive(Debug)]
pub(super) struct Socket {
    buffers: LazyBuffers,
    stream: TcpStream,
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.set_write_timeout(limit(&timeout)?)?;
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream
            .write_all(output)
            .map_err(|cause| late(cause, &timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.set_read_timeout(limit(&timeout)?)?;
        let space = self.buffers.input_append_buf();
        let amount = loop {
            match self.stream.read(space) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                outcome => break outcome.map_err(|cause| late(cause, &timeout))?,
            }
        };
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// Nothing is to be read from a connection that waits for a request, not even its end.
    fn is_open(&mut self) -> bool {
        let idle = self.stream.set_nonblocking(true).and_then(|()| {
            let peeked = self.stream.peek(&mut [0]);
            self.stream.set_nonblocking(false)?;
            peeked
        });
        matches!(idle, Err(cause) if cause.kind() == io::ErrorKind::WouldBlock)
    }
}

/// How long to wait; `None` is for ever.
fn limit(timeout: &NextTimeout) -> Result<Option<Duration>, Error> {
    if timeout.after.is_not_happening() {
        return Ok(None);
    }
    match timeout.not_zero() {
        Some(left) => Ok(Some(*left)),
        None => Err(Error::Timeout(timeout.reason)),
    }
}

/// Time is over where the system says that it would have to wait.
fn late(cause: io::Error, timeout: &NextTimeout) -> Error {
    match cause.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => Error::Io(cause),
    }
}

/// Wraps connections to `https` in TLS.
#[derive(Debug)]
pub(super) struct Tls(pub(super) Option<Arc<ClientConfig>>);

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(transport) = chained else {
            return Err(Error::ConnectionFailed);
        };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let Some(config) = &self.0 else {
            return Err(Error::Tls(
                "no certificates are read: a proxy by https is not supported",
            ));
        };
        let host = details.uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            Error::Tls("the host of the URL is no name that a certificate can have")
        })?;
        let mut conn = ClientConnection::new(Arc::clone(config), name)
            .map_err(|cause| io::Error::new(io::ErrorKind::InvalidData, cause))?;
        let mut sock = TransportAdapter::new(transport.boxed(), Arc::clone(&details.current_time));
        sock.set_timeout(details.timeout);
        conn.complete_io(&mut sock)?;
        Ok(Some(Either::B(TlsTransport {
            buffers: buffers(details),
            stream: StreamOwned { conn, sock },
        })))
    }
}

/// A connection in TLS.
pub(super) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        Ok(self.stream.write_all(output)?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.get_mut().set_timeout(timeout);
        let space = self.buffers.input_append_buf();
        let amount = self.stream.read(space)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport").finish_non_exhaustive()
    }
}
