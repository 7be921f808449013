//! gRPC over a unix socket, or to a server.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::net::UnixStream;
use tonic::{
    Code, Request, Status, Streaming,
    client::Grpc,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Uri},
};
use tonic_prost::ProstCodec;

use crate::engines::Failure;

/// How often a silent server is asked whether it is there.
const KEEP_ALIVE: Duration = Duration::from_mins(1);

/// Somebody who speaks gRPC. It connects when it is asked, and again when the connection is lost.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    channel: Channel,
    patience: Duration,
    calls: Arc<AtomicU64>,
}

impl Client {
    pub(crate) fn new(socket: &Path, patience: Duration, calls: Arc<AtomicU64>) -> Client {
        let socket: PathBuf = socket.to_owned();
        let connect = tower::service_fn(move |_: Uri| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://localhost")
            .connect_timeout(patience)
            .connect_with_connector_lazy(connect);
        Client {
            channel,
            patience,
            calls,
        }
    }

    /// A server at `HOST:PORT`; encrypted if its certificates are said: PEM.
    pub(crate) fn of_server(
        address: &str,
        ca: Option<Vec<u8>>,
        patience: Duration,
        calls: Arc<AtomicU64>,
    ) -> Result<Client, Failure> {
        let broken = |cause: tonic::transport::Error| Failure::Broken(reason(&cause));
        let scheme = if ca.is_some() { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"));
        let mut endpoint = endpoint
            .map_err(broken)?
            .connect_timeout(patience)
            // A stream may be silent for days: whether somebody is still there has to be asked.
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(patience);
        if let Some(ca) = ca {
            let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
            endpoint = endpoint.tls_config(tls).map_err(broken)?;
        }
        Ok(Client {
            channel: endpoint.connect_lazy(),
            patience,
            calls,
        })
    }

    /// Calls a method, in a namespace of containerd if there is one.
    pub(crate) async fn call<Q, A>(
        &self,
        method: &'static str,
        namespace: Option<&str>,
        message: Q,
    ) -> Result<A, Failure>
    where
        Q: Message + Default + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut grpc = Grpc::new(self.channel.clone());
        let whole = async {
            grpc.ready()
                .await
                .map_err(|cause| Failure::Absent(reason(&cause)))?;
            let codec = ProstCodec::<Q, A>::default();
            let path = PathAndQuery::from_static(method);
            let answer = grpc
                .unary(request(self.patience, namespace, message), path, codec)
                .await;
            answer
                .map(tonic::Response::into_inner)
                .map_err(|status| failure(&status))
        };
        tokio::time::timeout(self.patience, whole)
            .await
            .map_err(|_| Failure::Slow)?
    }

    /// Calls a method that answers again and again.
    pub(crate) async fn stream<Q, A>(
        &self,
        method: &'static str,
        message: Q,
    ) -> Result<Streaming<A>, Failure>
    where
        Q: Message + Default + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut grpc = Grpc::new(self.channel.clone());
        let begin = async {
            grpc.ready()
                .await
                .map_err(|cause| Failure::Absent(reason(&cause)))
        };
        tokio::time::timeout(self.patience, begin)
            .await
            .map_err(|_| Failure::Slow)??;
        let codec = ProstCodec::<Q, A>::default();
        let path = PathAndQuery::from_static(method);
        // The headers may come with the first answer: there is no telling how long that takes.
        let answer = grpc
            .server_streaming(Request::new(message), path, codec)
            .await;
        answer
            .map(tonic::Response::into_inner)
            .map_err(|status| failure(&status))
    }
}

fn request<Q>(patience: Duration, namespace: Option<&str>, message: Q) -> Request<Q> {
    let mut request = Request::new(message);
    request.set_timeout(patience);
    if let Some(namespace) = namespace.and_then(|namespace| namespace.parse().ok()) {
        request
            .metadata_mut()
            .insert("containerd-namespace", namespace);
    }
    request
}

/// What a status says of the runtime.
pub(crate) fn failure(status: &Status) -> Failure {
    match status.code() {
        Code::NotFound => Failure::NoSuch,
        Code::Unimplemented => Failure::NotSpoken,
        Code::DeadlineExceeded | Code::Cancelled => Failure::Slow,
        Code::OutOfRange | Code::ResourceExhausted => Failure::Huge,
        Code::Unavailable => Failure::Absent(reason(status)),
        _ => Failure::Broken(status.message().to_owned()),
    }
}

/// The innermost cause of an error: the outer ones only say that something went wrong.
fn reason(error: &dyn std::error::Error) -> String {
    let mut at = error;
    while let Some(cause) = at.source() {
        at = cause;
    }
    at.to_string()
}
