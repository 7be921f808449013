//! Clients of gRPC keep their streams while rules and configuration are replaced.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod harness;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use falco_sinks::grpc::{Output, Version};
use harness::{peak_kb, write_capture};
use tonic::{
    Request, Streaming,
    client::Grpc,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

/// Nothing here takes that long.
const PATIENCE: Duration = Duration::from_mins(1);

const RULES: &str =
    "- rule: r\n  desc: d\n  condition: evt.type = chdir\n  output: seen\n  priority: INFO\n";

/// Ended when the test ends, however that comes.
struct Falco(Child);

impl Falco {
    fn start(dir: &Path, engine: &[&str]) -> Falco {
        fs::write(dir.join("r.yaml"), RULES).unwrap();
        let socket = format!("grpc.bind_address=unix://{}", dir.join("s").display());
        let mut falco = Command::new(env!("CARGO_BIN_EXE_falco"));
        falco
            .current_dir(dir)
            .args(["-r", "r.yaml", "-o", "watch_config_files=false"])
            .args(["-o", "grpc.enabled=true", "-o", "grpc_output.enabled=true"])
            .args(["-o", &socket])
            .args(engine.iter().flat_map(|option| ["-o", option]))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Falco(falco.spawn().unwrap())
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Falco {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn connect(dir: &Path) -> Grpc<Channel> {
    let deadline = Instant::now() + PATIENCE;
    let address = format!("unix://{}", dir.join("s").display());
    let endpoint = Endpoint::from_shared(address).unwrap();
    loop {
        match endpoint.connect().await {
            Ok(channel) => return Grpc::new(channel),
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// All alerts from now on.
async fn sub(client: &mut Grpc<Channel>) -> Streaming<Output> {
    client.ready().await.unwrap();
    let path = "/falco.outputs.service/sub".parse().unwrap();
    let requests = tokio_stream::pending::<()>();
    let codec = ProstCodec::<(), Output>::default();
    let stream = client.streaming(Request::new(requests), path, codec).await;
    stream.unwrap().into_inner()
}

#[test]
#[ignore = "takes a while: make test-peers"]
fn a_hundred_thousand_alerts_come_in_order_in_little_memory() {
    const MANY: u64 = 100_000;
    let dir = tempfile::tempdir().unwrap();
    write_capture(&dir.path().join("in.scap"), MANY);
    let capture = "engine.replay.capture_file=in.scap";
    let falco = Falco::start(dir.path(), &["engine.kind=replay", capture]);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let started = Instant::now();
    let peak = builder.enable_all().build().unwrap().block_on(async {
        let mut client = connect(dir.path()).await;
        let mut stream = sub(&mut client).await;
        let mut peak = 0;
        for number in 0..MANY {
            let alert = tokio::time::timeout(PATIENCE, stream.message()).await;
            let time = alert.unwrap().unwrap().unwrap().time.unwrap();
            assert_eq!(time.nanos as u64, 1000 + number);
            if number % 1000 == 999 {
                peak = peak_kb(falco.0.id()).max(peak);
            }
        }
        peak
    });
    println!(
        "{MANY} alerts in {:.1?}, {} MB",
        started.elapsed(),
        peak >> 10
    );
    assert!(peak > 0 && peak < 100 << 10, "{peak} kB");
}

#[test]
fn a_stream_outlives_a_reload() {
    let dir = tempfile::tempdir().unwrap();
    let falco = Falco::start(dir.path(), &["engine.kind=nodriver"]);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().unwrap();
    let seen = runtime.block_on(async {
        let mut client = connect(dir.path()).await;
        client.ready().await.unwrap();
        let path = "/falco.version.service/version".parse().unwrap();
        let codec = ProstCodec::<(), Version>::default();
        let version = client.unary(Request::new(()), path, codec).await.unwrap();
        assert_eq!(version.into_inner().version, env!("CARGO_PKG_VERSION"));

        let mut stream = sub(&mut client).await;
        // A reload that goes well, and one that is told.
        let mut seen = Vec::new();
        for broken in ["- rule: one\n", "- rule: two\n"] {
            fs::write(dir.path().join("r.yaml"), RULES).unwrap();
            falco.signal(rustix::process::Signal::HUP);
            tokio::time::sleep(Duration::from_millis(500)).await;
            fs::write(dir.path().join("r.yaml"), broken).unwrap();
            falco.signal(rustix::process::Signal::HUP);
            let next = tokio::time::timeout(PATIENCE, stream.message()).await;
            seen.push(next.unwrap().unwrap().unwrap());
        }
        falco.signal(rustix::process::Signal::INT);
        let end = tokio::time::timeout(PATIENCE, stream.message()).await;
        assert_eq!(end.unwrap().unwrap(), None);
        seen
    });
    for output in seen {
        assert_eq!(output.rule, "Falco internal: hot restart failure");
        assert_eq!((output.priority, output.source_deprecated), (2, 2));
        assert!(
            output.output.contains("Critical Falco internal"),
            "{output:?}"
        );
    }
}
