//! As much of Docker's API as it takes to be asked what a container is.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Context as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::contain::PRIVILEGED;

/// A runtime that answers as long as the process lives.
#[derive(Debug)]
pub(crate) struct Runtime {
    dir: TempDir,
}

impl Runtime {
    pub(crate) fn start() -> anyhow::Result<Runtime> {
        let dir = tempfile::Builder::new()
            .prefix("falco-generator-")
            .tempdir()
            .context("making a directory")?;
        let this = Runtime { dir };
        let listener = UnixListener::bind(this.socket()).context("listening as a runtime")?;
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || answer(stream));
            }
        });
        Ok(this)
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        Path::new(self.dir.path()).join("docker.sock")
    }
}

/// Answers one request.
fn answer(mut stream: UnixStream) {
    let Ok(copy) = stream.try_clone() else { return };
    let mut reader = BufReader::new(copy);
    let mut path = String::new();
    loop {
        let mut line = String::new();
        match reader.by_ref().take(8192).read_line(&mut line) {
            Ok(1..) => {}
            _ => return,
        }
        if path.is_empty() {
            line.split(' ')
                .nth(1)
                .unwrap_or_default()
                .clone_into(&mut path);
        }
        if line.trim_end().is_empty() {
            break;
        }
    }
    if path.starts_with("/events") {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        // Nothing ever happens; whoever asked goes away at last.
        let _ = reader.read_to_end(&mut Vec::new());
        return;
    }
    let body = about(&path).to_string();
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

/// What is said of a container or an image.
fn about(path: &str) -> Value {
    let image = "docker.io/library/falco-generator";
    if path.starts_with("/images/") {
        return json!({"Id": "sha256:fa1c0", "RepoTags": [format!("{image}:1")], "RepoDigests": []});
    }
    let id = path.trim_start_matches("/containers/");
    let Some((id, _)) = id.split_once("/json") else {
        return json!([]);
    };
    let privileged = id.starts_with(PRIVILEGED);
    let mounts = if privileged {
        json!([{"Source": "/etc", "Destination": "/host/etc", "Mode": "", "RW": true, "Propagation": "rprivate"}])
    } else {
        json!([])
    };
    json!({
        "Id": id,
        "Name": "/falco-generator",
        "Image": "sha256:fa1c0",
        "Created": "2026-01-01T00:00:00Z",
        "Config": {"Image": format!("{image}:1"), "Labels": {}, "Env": []},
        "HostConfig": {"Privileged": privileged, "NetworkMode": "bridge"},
        "NetworkSettings": {"IPAddress": "192.0.2.2", "Ports": {}},
        "Mounts": mounts,
    })
}
