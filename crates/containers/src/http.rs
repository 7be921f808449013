//! HTTP: a connection a request, so that nothing is left when the other side starts anew.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
    time::timeout,
};

use crate::{engines::Failure, kubernetes::Server};

/// The form of answers.
pub(crate) const JSON: &str = "application/json";

/// Somebody who speaks HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    place: Place,
    patience: Duration,
    calls: Arc<AtomicU64>,
    /// The longest answer that is read, and the longest line of a stream.
    answer_max: usize,
    line_max: usize,
}

#[derive(Clone, Debug)]
enum Place {
    Socket(PathBuf),
    Server(Arc<Server>),
}

/// What bytes go through.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Http {
    /// A runtime at a socket.
    pub(crate) fn new(socket: &Path, patience: Duration, calls: Arc<AtomicU64>) -> Http {
        Http {
            place: Place::Socket(socket.to_owned()),
            patience,
            calls,
            answer_max: 4 << 20,
            line_max: 1 << 20,
        }
    }

    /// An API server of Kubernetes, whose answers tell of many things at once.
    pub(crate) fn of_cluster(
        server: Arc<Server>,
        patience: Duration,
        calls: Arc<AtomicU64>,
    ) -> Http {
        Http {
            place: Place::Server(server),
            patience,
            calls,
            answer_max: 32 << 20,
            line_max: 4 << 20,
        }
    }

    /// The JSON at a path.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.get_as(path, JSON).await
    }

    /// The same, in a certain form.
    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> Result<Value, Failure> {
        let whole = async {
            let answer = self.send(path, accept).await?;
            let body = Limited::new(answer.into_body(), self.answer_max);
            let bytes = body.collect().await.map_err(|cause| {
                if cause.is::<http_body_util::LengthLimitError>() {
                    Failure::Huge
                } else {
                    Failure::Cut(cause.to_string())
                }
            })?;
            serde_json::from_slice(&bytes.to_bytes())
                .map_err(|cause| Failure::Malformed(cause.to_string()))
        };
        timeout(self.patience, whole)
            .await
            .map_err(|_| Failure::Slow)?
    }

    /// The lines at a path, for as long as there are any.
    pub(crate) async fn lines(&self, path: &str) -> Result<Lines, Failure> {
        self.lines_as(path, JSON).await
    }

    /// The same, in a certain form.
    pub(crate) async fn lines_as(&self, path: &str, accept: &str) -> Result<Lines, Failure> {
        let answer = timeout(self.patience, self.send(path, accept)).await;
        Ok(Lines {
            body: answer.map_err(|_| Failure::Slow)??.into_body(),
            text: Vec::new(),
            searched: 0,
            line_max: self.line_max,
        })
    }

    async fn send(&self, path: &str, accept: &str) -> Result<Response<Incoming>, Failure> {
        let broken = |cause: &dyn std::error::Error| Failure::Broken(cause.to_string());
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut request = Request::get(path).header("accept", accept);
        let stream: Box<dyn Stream> = match &self.place {
            Place::Socket(socket) => {
                request = request.header("host", "localhost");
                let stream = UnixStream::connect(socket).await;
                Box::new(stream.map_err(|cause| Failure::Absent(cause.to_string()))?)
            }
            Place::Server(server) => {
                request = request
                    .header("host", server.authority())
                    .header("user-agent", "falcosecurity/falco");
                if let Some(authorization) = server.authorization()? {
                    request = request.header("authorization", authorization);
                }
                server.connect().await?
            }
        };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|cause| broken(&cause))?;
        // It ends with the answer; its errors are the answer's.
        tokio::spawn(connection);
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(|cause| broken(&cause))?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|cause| broken(&cause))?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            StatusCode::NOT_FOUND => Err(Failure::NoSuch),
            StatusCode::GONE => Err(Failure::Gone),
            status => Err(Failure::Broken(format!("it answers {status}"))),
        }
    }
}

/// A stream of lines, each JSON.
#[derive(Debug)]
pub(crate) struct Lines {
    body: Incoming,
    text: Vec<u8>,
    /// How much of the text is known to have no end of a line.
    searched: usize,
    line_max: usize,
}

impl Lines {
    /// The next line; waits for it. `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>, Failure> {
        loop {
            let rest = self.text.get(self.searched..).unwrap_or_default();
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=self.searched + end).collect();
                self.searched = 0;
                if line.trim_ascii().is_empty() {
                    continue;
                }
                let value = serde_json::from_slice(&line);
                return value
                    .map(Some)
                    .map_err(|cause| Failure::Malformed(cause.to_string()));
            }
            self.searched = self.text.len();
            if self.text.len() > self.line_max {
                return Err(Failure::Huge);
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(cause)) => return Err(Failure::Cut(cause.to_string())),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.text.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}
