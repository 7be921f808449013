//! The web server of the built program: what it answers, what it refuses, and who cannot stop it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use falco_event::{Builder, Event, codes};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Nothing here takes that long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A falco without a driver, with a web server.
struct Falco {
    child: Child,
    port: u16,
    log: mpsc::Receiver<String>,
}

impl Falco {
    fn start(dir: &Path, options: &[&str]) -> Falco {
        let port = free_port();
        let mut child = command(dir, port, options).spawn().unwrap();
        let (sender, log) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let falco = Falco { child, port, log };
        falco.until("Opening 'syscall' source with no driver");
        falco
    }

    fn until(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        let left = || deadline.saturating_duration_since(Instant::now());
        while !self.log.recv_timeout(left()).unwrap().contains(text) {}
    }

    fn connect(&self) -> TcpStream {
        let deadline = Instant::now() + PATIENCE;
        // Between two servers of a reload there is none.
        let stream = loop {
            match TcpStream::connect(("127.0.0.1", self.port)) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            thread::sleep(Duration::from_millis(10));
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Status and body.
    fn get(&self, path: &str) -> (u16, String) {
        ask(self.connect(), path)
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    fn stop(mut self) {
        self.signal(rustix::process::Signal::TERM);
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Falco {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn command(dir: &Path, port: u16, options: &[&str]) -> Command {
    let rules = dir.join("r.yaml");
    if !rules.exists() {
        fs::write(&rules, "- list: l\n  items: []\n").unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_falco"));
    command
        .current_dir(dir)
        .args(["-r", "r.yaml", "-o", "engine.kind=nodriver"])
        .args([
            "-o",
            "webserver.enabled=true",
            "-o",
            "webserver.threadiness=2",
        ])
        .args(["-o", "webserver.listen_address=127.0.0.1"])
        .arg("-o")
        .arg(format!("webserver.listen_port={port}"));
    for option in options {
        command.args(["-o", option]);
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn ask(mut stream: impl Read + Write, path: &str) -> (u16, String) {
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.unwrap_or(0), body.to_owned())
}

const METRICS: [&str; 3] = [
    "metrics.enabled=true",
    "metrics.interval=1h",
    "webserver.prometheus_metrics_enabled=true",
];

#[test]
fn questions_are_answered_across_reloads() {
    let dir = tempfile::tempdir().unwrap();
    let falco = Falco::start(dir.path(), &METRICS);
    for round in 0..3 {
        assert_eq!(falco.get("/healthz"), (200, "{\"status\": \"ok\"}".into()));
        let (status, versions) = falco.get("/versions");
        assert!(status == 200 && versions.contains("\"plugin_versions\":{}"));
        let (status, metrics) = falco.get("/metrics");
        assert_eq!(status, 200);
        assert!(metrics.contains("falcosecurity_scap_engine_name_info{engine_name=\"nodriver\""));
        assert_eq!(falco.get("/other").0, 404);
        if round < 2 {
            falco.signal(rustix::process::Signal::HUP);
            falco.until("SIGHUP received, restarting...");
        }
    }
    falco.stop();
}

#[test]
fn a_reload_can_move_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let falco = Falco::start(dir.path(), &["config_files[]=web.yaml"]);
    assert_eq!(falco.get("/healthz").0, 200);
    assert_eq!(falco.get("/metrics").0, 404, "nobody asked for metrics");
    // Options win over files; the path at which health is asked for is not among them.
    fs::write(
        dir.path().join("web.yaml"),
        "webserver: {k8s_healthz_endpoint: /alive}\n",
    )
    .unwrap();
    falco.signal(rustix::process::Signal::HUP);
    falco.until("Starting health webserver");
    let deadline = Instant::now() + PATIENCE;
    while falco.get("/alive").0 != 200 {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(falco.get("/healthz").0, 404);
    falco.stop();
}

#[test]
fn what_cannot_be_served_ends_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (options, error) in [
        (
            &[][..],
            "Runtime error: an error occurred while starting webserver. Exiting.",
        ),
        (
            &[
                "webserver.ssl_enabled=true",
                "webserver.ssl_certificate=r.yaml",
            ],
            "Runtime error: invalid webserver configuration. Exiting.",
        ),
    ] {
        let out = command(dir.path(), port, options).output().unwrap();
        let text = String::from_utf8_lossy(&out.stderr);
        assert!(
            out.status.code() == Some(1) && text.contains(error),
            "{text}"
        );
    }
}

#[test]
fn one_file_holds_certificate_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = format!("{}{}", made.signing_key.serialize_pem(), made.cert.pem());
    fs::write(dir.path().join("falco.pem"), &pem).unwrap();
    let falco = Falco::start(
        dir.path(),
        &[
            "webserver.ssl_enabled=true",
            "webserver.ssl_certificate=falco.pem",
        ],
    );
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let stream = StreamOwned::new(client, falco.connect());
    assert_eq!(ask(stream, "/healthz").0, 200);
    // Who does not speak TLS gets nothing.
    assert_eq!(falco.get("/healthz").0, 0);
    falco.stop();
}

#[test]
fn hostile_clients_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let falco = Falco::start(dir.path(), &METRICS);
    // More of those who say nothing than there may be connections: the oldest have to go, who asks is answered.
    let mut silent: Vec<TcpStream> = (0..400).map(|_| falco.connect()).collect();
    assert_eq!(falco.get("/healthz").0, 200);
    let mut oldest = silent.remove(0);
    assert_eq!(oldest.read(&mut [0]).unwrap_or(0), 0, "still there");
    // One who begins and does not end is sent away.
    let mut slow = falco.connect();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nX: ").unwrap();
    let started = Instant::now();
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer);
    assert!(started.elapsed() < PATIENCE / 2 && !answer.starts_with(b"HTTP/1.1 200"));
    // What does not fit is refused.
    let mut huge = falco.connect();
    let _ = huge.write_all(b"GET /healthz HTTP/1.1\r\n");
    for _ in 0..64 {
        let _ = huge.write_all(format!("X: {}\r\n", "x".repeat(4096)).as_bytes());
    }
    let mut answer = Vec::new();
    let _ = huge.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert_eq!(falco.get("/metrics").0, 200);
    falco.stop();
}

#[test]
fn replay_has_no_server() {
    let dir = tempfile::tempdir().unwrap();
    let capture = dir.path().join("c.scap");
    let state = falco_state::State::default();
    let file = fs::File::create(&capture).unwrap();
    let machine = falco_capture::Machine::default();
    let mut writer = falco_capture::Writer::new(file, &machine, &state, 1).unwrap();
    let event = Builder::new(codes::SYSCALL_CHDIR_X, 1_000, 42)
        .i64(0)
        .str(b"/")
        .finish();
    writer.event(&Event::parse(&event).unwrap(), 0).unwrap();
    writer.finish().unwrap();
    // The port is taken, and nobody minds.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let replay = format!(
        "engine={{kind: replay, replay: {{capture_file: {}}}}}",
        capture.display()
    );
    let out = command(dir.path(), port, &[&replay]).output().unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
}
