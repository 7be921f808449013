//! The web server: is falco well, which version is it, what are its figures. The only place of the program that is async, on threads of its
//! own. It knows nothing of events: figures it asks of the [`Board`].
//!
//! Whoever connects is not trusted. A connection has some seconds to say what it wants and a minute in all, a request has little room, and
//! there are only so many connections: one more ends the oldest.

mod tls;

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt, io,
    net::TcpListener as StdListener,
    sync::Arc,
    time::{Duration, Instant},
};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::CONTENT_TYPE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    runtime::Runtime,
    sync::Mutex,
    task::AbortHandle,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Failure,
    config::{Config, Webserver},
    log::{self, Level},
    metrics::{Board, prometheus},
    support,
};

/// How many connections there are at most.
const CONNECTIONS_MAX: usize = 256;
/// How long a connection may take to say what it wants, and how long it may be there.
const HEAD: Duration = Duration::from_secs(5);
const CONNECTION: Duration = Duration::from_mins(1);
/// The room for what it says.
const HEAD_BYTES: usize = 16 << 10;
/// How long the loop may take to give figures; then the last ones are shown.
const FIGURES: Duration = Duration::from_secs(2);
/// So long the same figures are shown, however many ask.
const FRESH: Duration = Duration::from_millis(100);

/// The server. It stops when it is dropped.
pub(crate) struct Web {
    config: Webserver,
    runtime: Option<Runtime>,
}

impl Web {
    /// Starts it, if it is wanted: never in replay.
    pub(crate) fn start(config: &Config, board: &Arc<Board>) -> anyhow::Result<Option<Web>> {
        let Some(config) = wanted(config) else {
            return Ok(None);
        };
        let secure = if config.certificate.is_some() {
            " (SSL)"
        } else {
            ""
        };
        log::info(&format!(
            "Starting health webserver with threadiness {}, listening on {}:{}{secure}",
            config.threads,
            config.address.ip(),
            config.address.port()
        ));
        let acceptor = match &config.certificate {
            None => None,
            Some(file) => Some(tls::acceptor(file).map_err(|cause| {
                log::line(Level::Error, &format!("{}: {cause}", file.display()));
                Failure::Runtime("invalid webserver configuration".into())
            })?),
        };
        let runtime = listen(config, acceptor, board).map_err(|cause| {
            log::line(
                Level::Error,
                &format!("cannot listen on {}: {cause}", config.address),
            );
            Failure::Runtime("an error occurred while starting webserver".into())
        })?;
        Ok(Some(Web {
            config: config.clone(),
            runtime: Some(runtime),
        }))
    }

    /// Another configuration holds. What it says of the server may be the same: then nobody notices. If a server cannot be started as it
    /// is wanted, the one that there was is started again.
    pub(crate) fn reload(web: &mut Option<Web>, config: &Config, board: &Arc<Board>) {
        let running = web.as_ref().map(|web| &web.config);
        if wanted(config) == running {
            return;
        }
        // It may be in the way of the next one.
        let before = web.take().map(|web| web.config.clone());
        match Web::start(config, board) {
            Ok(started) => *web = started,
            Err(cause) => {
                log::line(Level::Error, &cause.to_string());
                let again = before.and_then(|before| {
                    let config = Config {
                        webserver: Some(before),
                        ..config.clone()
                    };
                    Web::start(&config, board).ok().flatten()
                });
                *web = again;
            }
        }
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Web").field(&self.config).finish()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_millis(100));
        }
    }
}

fn wanted(config: &Config) -> Option<&Webserver> {
    let replay = matches!(config.engine, crate::config::Engine::Replay(_));
    config.webserver.as_ref().filter(|_| !replay)
}

fn listen(
    config: &Webserver,
    acceptor: Option<TlsAcceptor>,
    board: &Arc<Board>,
) -> io::Result<Runtime> {
    let listener = StdListener::bind(config.address)?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.threads)
        // Those that gather figures: one does, another waits for its turn.
        .max_blocking_threads(2)
        .thread_name("web")
        .enable_all()
        .build()?;
    let desk = Arc::new(Desk {
        healthz: config.healthz.clone(),
        metrics: config.metrics,
        board: Arc::clone(board),
        shown: Mutex::default(),
    });
    let guard = runtime.enter();
    let listener = TcpListener::from_std(listener)?;
    drop(guard);
    runtime.spawn(serve(listener, acceptor, desk));
    Ok(runtime)
}

async fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>, desk: Arc<Desk>) {
    let mut connections: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // No more files may be opened, say: it passes.
            sleep(FRESH).await;
            continue;
        };
        if connections.len() >= CONNECTIONS_MAX {
            connections.retain(|connection| !connection.is_finished());
        }
        if connections.len() >= CONNECTIONS_MAX
            && let Some(oldest) = connections.pop_front()
        {
            oldest.abort();
        }
        let (acceptor, desk) = (acceptor.clone(), Arc::clone(&desk));
        let connection = async move {
            match acceptor {
                None => talk(stream, desk).await,
                Some(acceptor) => {
                    // Who does not speak TLS gets no answer.
                    if let Ok(Ok(stream)) = timeout(HEAD, acceptor.accept(stream)).await {
                        talk(stream, desk).await;
                    }
                }
            }
        };
        let task = tokio::spawn(async move { _ = timeout(CONNECTION, connection).await });
        connections.push_back(task.abort_handle());
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, desk: Arc<Desk>) {
    let service = service_fn(|request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(desk.answer(&request).await) }
    });
    // What goes wrong with a connection is its own matter.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Answers questions.
struct Desk {
    healthz: String,
    metrics: bool,
    board: Arc<Board>,
    /// The figures that were shown last, and when.
    shown: Mutex<Option<(Instant, Bytes)>>,
}

impl Desk {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        const JSON: &str = "application/json";
        let asks = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            path if asks && path == self.healthz => good(JSON, r#"{"status": "ok"}"#.into()),
            "/versions" if asks => good(JSON, support::served_versions().to_string().into()),
            "/metrics" if asks && self.metrics && self.board.is_open() => {
                match self.figures().await {
                    Some(text) => good(prometheus::CONTENT_TYPE, text),
                    None => bad(StatusCode::SERVICE_UNAVAILABLE),
                }
            }
            _ => bad(StatusCode::NOT_FOUND),
        }
    }

    /// One asks the loop at a time; who comes meanwhile is shown the same.
    async fn figures(&self) -> Option<Bytes> {
        let mut shown = self.shown.lock().await;
        if let Some((when, text)) = &*shown
            && when.elapsed() < FRESH
        {
            return Some(text.clone());
        }
        let board = Arc::clone(&self.board);
        let text = tokio::task::spawn_blocking(move || {
            let (frame, figures) = board.ask(FIGURES)?;
            Some(Bytes::from(prometheus::text(&frame, &figures)))
        });
        let text = text.await.ok().flatten()?;
        *shown = Some((Instant::now(), text.clone()));
        Some(text)
    }
}

fn good(kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn bad(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
