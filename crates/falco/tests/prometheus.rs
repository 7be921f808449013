//! A real Prometheus reads the metrics, and `promtool` finds nothing wrong with them: `make test-peers`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Nothing here takes that long.
const PATIENCE: Duration = Duration::from_mins(1);

/// Upstream's names that `promtool` would rather have otherwise; they stay, since dashboards ask for them.
const REMARKED: [&str; 8] = [
    "falcosecurity_falco_host_boot_timestamp_nanoseconds",
    "falcosecurity_falco_host_num_cpus_total",
    "falcosecurity_falco_host_open_fds_total",
    "falcosecurity_falco_host_procs_running_total",
    "falcosecurity_falco_reload_timestamp_nanoseconds",
    "falcosecurity_falco_start_timestamp_nanoseconds",
    "falcosecurity_scap_n_fds_total",
    "falcosecurity_scap_n_threads_total",
];

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The body of an answer; none while nobody listens.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let good = head.split(' ').nth(1) == Some("200");
    good.then(|| body.to_owned())
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
#[ignore = "needs prometheus: make test-peers"]
fn prometheus_reads_what_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (free_port(), free_port());
    let at = |name: &str| dir.path().join(name);
    fs::write(at("r.yaml"), "- list: l\n  items: []\n").unwrap();
    fs::write(
        at("falco.yaml"),
        format!(
            "engine: {{kind: nodriver}}\nstdout_output: {{enabled: true}}\nmetrics: {{enabled: true, interval: 1h}}\n\
             webserver: {{enabled: true, listen_address: 127.0.0.1, listen_port: {ours}, prometheus_metrics_enabled: true}}\n"
        ),
    )
    .unwrap();
    let falco = Command::new(env!("CARGO_BIN_EXE_falco"))
        .args(["-c", "falco.yaml", "-r", "r.yaml"])
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _falco = Running(falco.unwrap());
    let text = until("metrics", || get(ours, "/metrics"));
    check(&text);

    fs::write(
        at("prometheus.yml"),
        format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: falco\n  static_configs: [{{targets: ['127.0.0.1:{ours}']}}]\n"
        ),
    )
    .unwrap();
    let prometheus = Command::new("prometheus")
        .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
        .arg(format!("--web.listen-address=127.0.0.1:{theirs}"))
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _prometheus = Running(prometheus.unwrap());
    // Every sample that we showed, and nobody else's.
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    let known = until("a scrape", || {
        let answer = get(
            theirs,
            "/api/v1/query?query=count(%7Bjob=%22falco%22,__name__=~%22falcosecurity_.*%22%7D)",
        )?;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let count = answer.pointer("/data/result/0/value/1")?.as_str()?;
        count.parse::<usize>().ok()
    });
    assert_eq!(known, samples);
    println!(
        "{known} samples of {} lines were read",
        text.lines().count()
    );
}

/// `promtool` can read it and remarks on nothing but names that are upstream's.
fn check(text: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let out = promtool.wait_with_output().unwrap();
    let remarks = String::from_utf8_lossy(&out.stderr).into_owned();
    // 3: it is readable, and there are remarks.
    assert!(matches!(out.status.code(), Some(0 | 3)), "{remarks}");
    for remark in remarks.lines() {
        let name = remark.split(' ').next().unwrap_or_default();
        assert!(REMARKED.contains(&name), "{remark}");
    }
}
