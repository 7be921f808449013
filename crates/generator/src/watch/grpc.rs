//! The alerts that a falco gives out over gRPC, as it did until 0.43 and as this one does.

use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic::{Request, Streaming};
use tonic_prost::ProstCodec;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// As much of `falco.outputs.response` as is looked at.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Output {
    #[prost(string, tag = "4")]
    rule: String,
    #[prost(string, tag = "5")]
    output: String,
}

/// Has alerts sent on from now on. `address` is `unix:///PATH`.
pub(super) fn subscribe(address: &str, sender: Sender<Value>) -> anyhow::Result<()> {
    if !address.starts_with("unix:///") {
        bail!("--grpc takes unix:///PATH, as grpc.bind_address has it, not `{address}`");
    }
    let endpoint = Endpoint::from_shared(address.to_owned())?.connect_timeout(CONNECT);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (ready, begun) = mpsc::channel();
    thread::spawn(move || {
        runtime.block_on(async {
            match begin(&endpoint).await {
                Err(error) => _ = ready.send(Err(error)),
                Ok(alerts) => {
                    let _ = ready.send(Ok(()));
                    pass_on(alerts, &sender).await;
                }
            }
        });
    });
    begun
        .recv()?
        .with_context(|| format!("subscribing at {address}"))
}

async fn begin(endpoint: &Endpoint) -> anyhow::Result<Streaming<Output>> {
    let mut client = Grpc::new(endpoint.connect().await?);
    client.ready().await?;
    // The stream of alerts lasts as long as that of requests.
    let requests = tokio_stream::once(()).chain(tokio_stream::pending());
    let path = "/falco.outputs.service/sub".parse()?;
    let codec = ProstCodec::<(), Output>::default();
    let alerts = client.streaming(Request::new(requests), path, codec);
    Ok(alerts.await?.into_inner())
}

async fn pass_on(mut alerts: Streaming<Output>, sender: &Sender<Value>) {
    while let Ok(Some(alert)) = alerts.message().await {
        let alert = json!({"rule": alert.rule, "output": alert.output});
        if sender.send(alert).is_err() {
            return;
        }
    }
}
