//! HTTP over a unix socket: a connection a request, so that nothing is left when a runtime starts anew.

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
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::UnixStream, time::timeout};

use crate::engines::Failure;

/// The longest answer that is read.
const ANSWER_MAX: usize = 4 << 20;
/// The longest line of a stream.
const LINE_MAX: usize = 1 << 20;

/// A runtime that speaks HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    socket: PathBuf,
    patience: Duration,
    calls: Arc<AtomicU64>,
}

impl Http {
    pub(crate) fn new(socket: &Path, patience: Duration, calls: Arc<AtomicU64>) -> Http {
        Http {
            socket: socket.to_owned(),
            patience,
            calls,
        }
    }

    /// The JSON at a path.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        let whole = async {
            let answer = self.send(path).await?;
            let body = Limited::new(answer.into_body(), ANSWER_MAX);
            let bytes = body.collect().await.map_err(|cause| {
                if cause.is::<http_body_util::LengthLimitError>() {
                    Failure::Huge
                } else {
                    Failure::Broken(cause.to_string())
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
        let answer = timeout(self.patience, self.send(path)).await;
        Ok(Lines {
            body: answer.map_err(|_| Failure::Slow)??.into_body(),
            text: Vec::new(),
        })
    }

    async fn send(&self, path: &str) -> Result<Response<Incoming>, Failure> {
        let broken = |cause: &dyn std::error::Error| Failure::Broken(cause.to_string());
        self.calls.fetch_add(1, Ordering::Relaxed);
        let stream = UnixStream::connect(&self.socket).await;
        let stream = TokioIo::new(stream.map_err(|cause| Failure::Absent(cause.to_string()))?);
        let (mut sender, connection) = http1::handshake(stream)
            .await
            .map_err(|cause| broken(&cause))?;
        // It ends with the answer; its errors are the answer's.
        tokio::spawn(connection);
        let request = Request::get(path)
            .header("host", "localhost")
            .body(Empty::<Bytes>::new())
            .map_err(|cause| broken(&cause))?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|cause| broken(&cause))?;
        if answer.status().is_success() {
            Ok(answer)
        } else if answer.status() == hyper::StatusCode::NOT_FOUND {
            Err(Failure::NoSuch)
        } else {
            Err(Failure::Broken(format!("it answers {}", answer.status())))
        }
    }
}

/// A stream of lines, each JSON.
#[derive(Debug)]
pub(crate) struct Lines {
    body: Incoming,
    text: Vec<u8>,
}

impl Lines {
    /// The next line; waits for it. `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>, Failure> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                if line.trim_ascii().is_empty() {
                    continue;
                }
                let value = serde_json::from_slice(&line);
                return value
                    .map(Some)
                    .map_err(|cause| Failure::Malformed(cause.to_string()));
            }
            if self.text.len() > LINE_MAX {
                return Err(Failure::Huge);
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(cause)) => return Err(Failure::Broken(cause.to_string())),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.text.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}
