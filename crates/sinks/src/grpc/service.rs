//! What can be called: `falco.outputs.service` and `falco.version.service`.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes};
use tokio_stream::Stream;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::Grpc;
use tonic::{Request, Response, Status, Streaming};
use tower::{Service, service_fn};

use super::hub::{Hub, Reader};

/// Finds what a path calls. By hand: three calls of which no request says anything are less than what a generator makes of them.
#[derive(Clone, Debug)]
pub(super) struct Router {
    hub: Arc<Hub>,
    version: Bytes,
}

impl Router {
    /// Gives out the alerts of `hub`, and `version`, which is encoded already.
    pub(super) fn new(hub: &Arc<Hub>, version: Bytes) -> Router {
        Router {
            hub: Arc::clone(hub),
            version,
        }
    }
}

impl Service<http::Request<Body>> for Router {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Router { hub, version } = self.clone();
        let mut grpc = Grpc::new(Raw);
        match request.uri().path() {
            "/falco.outputs.service/sub" => Box::pin(async move {
                let sub = service_fn(|request: Request<Streaming<()>>| {
                    give(hub.reader().map(|reader| Subscription {
                        reader,
                        requests: Some(request.into_inner()),
                    }))
                });
                Ok(grpc.streaming(sub, request).await)
            }),
            "/falco.outputs.service/get" => Box::pin(async move {
                let get = service_fn(|_: Request<()>| {
                    give(hub.reader().map(|mut reader| {
                        reader.end_here();
                        reader
                    }))
                });
                Ok(grpc.server_streaming(get, request).await)
            }),
            "/falco.version.service/version" => Box::pin(async move {
                let version = service_fn(|_: Request<()>| give(Some(version.clone())));
                Ok(grpc.unary(version, request).await)
            }),
            _ => Box::pin(ready(Ok(
                Status::unimplemented("there is no such call").into_http()
            ))),
        }
    }
}

/// What there is, unless there are too many clients.
fn give<T>(response: Option<T>) -> Ready<Result<Response<T>, Status>> {
    ready(match response {
        Some(response) => Ok(Response::new(response)),
        None => Err(Status::resource_exhausted("too many clients")),
    })
}

/// Alerts until the client closes its side, and those that are there by then.
struct Subscription {
    reader: Reader,
    requests: Option<Streaming<()>>,
}

impl Stream for Subscription {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while let Some(requests) = &mut self.requests {
            match Pin::new(requests).poll_next(context) {
                // Clients repeat their request, as the server of old gave out nothing without one.
                Poll::Ready(Some(Ok(()))) => {}
                Poll::Ready(Some(Err(_)) | None) => {
                    self.requests = None;
                    self.reader.end_here();
                }
                Poll::Pending => break,
            }
        }
        Pin::new(&mut self.reader).poll_next(context)
    }
}

/// Gives out what is encoded, and takes requests that say nothing.
#[derive(Clone, Copy, Debug)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = ();
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        buffer.advance(buffer.remaining());
        Ok(Some(()))
    }
}
