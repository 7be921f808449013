//! The server: it listens, in threads of its own.

use std::fs;
use std::io;
use std::net::{TcpListener, ToSocketAddrs};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use prost::Message;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use super::authority::Proper;
use super::hub::Hub;
use super::message::Version;
use super::service::Router;

/// What alerts that clients have not read yet may take.
const BACKLOG_BYTES: usize = 32 << 20;
/// For how long a client may read nothing before it is not waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often a silent client is asked whether it is there, and for how long its answer is waited for.
const PING: Duration = Duration::from_mins(1);
const PONG: Duration = Duration::from_secs(20);
/// How long connections have to close at the end.
const GOODBYE: Duration = Duration::from_millis(500);

/// Where and how to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `unix://PATH`, or `HOST:PORT`, which is served with TLS only.
    pub address: String,
    /// How many threads; 0 counts as 1.
    pub threads: usize,
    /// PEM files, for TLS: our key, our certificates, and who signs those of clients.
    pub private_key: PathBuf,
    #[allow(missing_docs)]
    pub cert_chain: PathBuf,
    #[allow(missing_docs)]
    pub root_certs: PathBuf,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error(
        "cannot listen for gRPC on {address}: {cause}; `grpc.bind_address` is unix://PATH or HOST:PORT"
    )]
    Listen {
        /// The address.
        address: String,
        /// Why.
        cause: io::Error,
    },
    /// A key or certificate cannot be read.
    #[error("gRPC cannot read {}: {cause}; over TCP it needs `grpc.private_key`, `grpc.cert_chain` and `grpc.root_certs`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Keys and certificates do not fit.
    #[error("the key and certificates of gRPC are of no use: {0}")]
    Tls(String),
    /// The system gives no thread.
    #[error("starting gRPC: {0}")]
    Thread(#[from] io::Error),
}

/// A server that runs until it is dropped: then clients get what is there, and their streams end.
#[derive(Debug)]
pub struct Server {
    options: Options,
    pub(crate) hub: Arc<Hub>,
    listener: Listener,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts to serve. With the address of `before`, a server that still runs, both listen until that one is dropped.
    ///
    /// # Errors
    /// It cannot listen, or not with these certificates.
    pub fn start(
        options: Options,
        version: &Version,
        before: Option<&Server>,
    ) -> Result<Server, StartError> {
        let tls = if unix_path(&options.address).is_some() {
            None
        } else {
            Some(tls(&options)?)
        };
        let same = before.filter(|before| before.options.address == options.address);
        let listener = match same {
            Some(before) => before.listener.again(),
            None => Listener::bind(&options.address),
        };
        let own = listener.and_then(|listener| Ok((listener.again()?, listener)));
        let (served, listener) = own.map_err(|cause| StartError::Listen {
            address: options.address.clone(),
            cause,
        })?;
        let mut builder = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(PING))
            .http2_keepalive_timeout(Some(PONG));
        if let Some(tls) = tls {
            let configured = builder.tls_config(tls);
            builder = configured.map_err(|error| StartError::Tls(chain(&error)))?;
        }
        let hub = Arc::new(Hub::new(BACKLOG_BYTES, PATIENCE));
        let router = Router::new(&hub, version.encode_to_vec().into());
        let runtime = runtime(options.threads)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("grpc".to_owned());
        let thread = thread.spawn(move || {
            let (stopping, stops) = oneshot::channel::<()>();
            let signal = async move {
                let _ = stopped.await;
                let _ = stopping.send(());
            };
            runtime.block_on(async {
                let serving = async {
                    // An error is one of the listener, and there is no other.
                    let _ = match served {
                        Listener::Tcp(listener) => {
                            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                                return;
                            };
                            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                            builder
                                .serve_with_incoming_shutdown(router, incoming, signal)
                                .await
                        }
                        Listener::Unix(listener, _path) => {
                            let Ok(listener) = tokio::net::UnixListener::from_std(listener) else {
                                return;
                            };
                            let incoming = UnixListenerStream::new(listener);
                            let incoming = incoming.map(|stream| stream.map(Proper::new));
                            builder
                                .serve_with_incoming_shutdown(router, incoming, signal)
                                .await
                        }
                    };
                };
                let last = async {
                    let _ = stops.await;
                    tokio::time::sleep(GOODBYE).await;
                };
                tokio::select! {
                    () = serving => {}
                    () = last => {}
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(Server {
            options,
            hub,
            listener,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// What it was started with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The port that it listens on, if it is not a socket in the file system.
    pub fn port(&self) -> Option<u16> {
        match &self.listener {
            Listener::Tcp(listener) => Some(listener.local_addr().ok()?.port()),
            Listener::Unix(..) => None,
        }
    }

    /// How many alerts clients never got because they read too slowly, or because there was none.
    pub fn lost(&self) -> u64 {
        self.hub.lost()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.hub.close();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was shown by the panic handler.
            let _ = thread.join();
        }
    }
}

fn runtime(threads: usize) -> io::Result<Runtime> {
    let mut builder = if threads > 1 {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(threads).thread_name("grpc");
        builder
    } else {
        Builder::new_current_thread()
    };
    builder.enable_all().build()
}

fn tls(options: &Options) -> Result<ServerTlsConfig, StartError> {
    let read = |path: &Path| {
        fs::read(path).map_err(|cause| StartError::Read {
            path: path.to_owned(),
            cause,
        })
    };
    let identity = Identity::from_pem(read(&options.cert_chain)?, read(&options.private_key)?);
    let clients = Certificate::from_pem(read(&options.root_certs)?);
    Ok(ServerTlsConfig::new()
        .identity(identity)
        .client_ca_root(clients))
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

fn unix_path(address: &str) -> Option<&Path> {
    address.strip_prefix("unix://").map(Path::new)
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, Arc<SocketFile>),
}

/// Removed when nobody listens any more.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Listener {
    fn bind(address: &str) -> io::Result<Listener> {
        let listener = if let Some(path) = unix_path(address) {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let left_over =
                fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
            if left_over && UnixStream::connect(path).is_err() {
                fs::remove_file(path)?;
            }
            let listener = UnixListener::bind(path)?;
            listener.set_nonblocking(true)?;
            Listener::Unix(listener, Arc::new(SocketFile(path.to_owned())))
        } else {
            let addresses: Vec<_> = address.to_socket_addrs()?.collect();
            let listener = TcpListener::bind(&addresses[..])?;
            listener.set_nonblocking(true)?;
            Listener::Tcp(listener)
        };
        Ok(listener)
    }

    /// The same once more.
    fn again(&self) -> io::Result<Listener> {
        Ok(match self {
            Listener::Tcp(listener) => Listener::Tcp(listener.try_clone()?),
            Listener::Unix(listener, path) => {
                Listener::Unix(listener.try_clone()?, Arc::clone(path))
            }
        })
    }
}
