//! The server with a client over a socket, and over TCP with certificates.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use falco_alerts::{Alert, Channel as _, Format, Kind, Outputs, Priority, Routes};
use falco_sinks::grpc::{GrpcChannel, Options, Output, Server, StartError, Version};
use jiff::tz::TimeZone;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::runtime::Runtime;
use tonic::client::Grpc;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Streaming};
use tonic_prost::ProstCodec;

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

fn options(address: String, certificates: &Path) -> Options {
    Options {
        address,
        threads: 0,
        private_key: certificates.join("server.key"),
        cert_chain: certificates.join("server.crt"),
        root_certs: certificates.join("ca.crt"),
    }
}

fn socket(dir: &Path) -> Options {
    let path = dir.join("run/falco.sock");
    options(format!("unix://{}", path.display()), dir)
}

fn start(options: Options) -> Arc<Server> {
    let version = Version::new("1.2.3", "0.63.0");
    Arc::new(Server::start(options, &version, None).unwrap())
}

fn channel(server: &Arc<Server>) -> GrpcChannel {
    GrpcChannel::new(Arc::clone(server), "host".to_owned(), TimeZone::UTC)
}

fn alert(number: u64) -> Alert {
    Alert {
        time_ns: number,
        priority: Priority::Warning,
        rule: "Shell".into(),
        source: "syscall".into(),
        message: format!("alert {number} of a shell that was started somewhere").into_bytes(),
        fields: BTreeMap::from([("proc.name".to_owned(), "sh".into())]),
        kind: Kind::Rule {
            tags: ["a".into()].into(),
        },
    }
}

/// Has the alerts of those numbers given out.
fn raise(server: &Arc<Server>, numbers: std::ops::Range<u64>) {
    let outputs = Outputs::start(
        falco_alerts::Options {
            capacity: 200_000,
            format: Format::default(),
            ..falco_alerts::Options::default()
        },
        vec![Box::new(channel(server))],
        |trouble| panic!("{trouble}"),
    );
    let outputs = outputs.unwrap();
    numbers.for_each(|number| outputs.push(alert(number), Routes::ALL));
    assert_eq!(outputs.dropped(), 0);
    outputs.finish();
}

async fn connect(path: &str) -> Grpc<Channel> {
    let channel = Endpoint::from_shared(path.to_owned()).unwrap();
    Grpc::new(channel.connect().await.unwrap())
}

type Codec = ProstCodec<(), Output>;

async fn get(client: &mut Grpc<Channel>) -> Streaming<Output> {
    client.ready().await.unwrap();
    let path = "/falco.outputs.service/get".parse().unwrap();
    let request = Request::new(());
    let stream = client.server_streaming(request, path, Codec::default());
    stream.await.unwrap().into_inner()
}

/// Requests are sent for as long as the sender lives.
async fn sub(
    client: &mut Grpc<Channel>,
) -> (tokio::sync::mpsc::UnboundedSender<()>, Streaming<Output>) {
    client.ready().await.unwrap();
    let path = "/falco.outputs.service/sub".parse().unwrap();
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    sender.send(()).unwrap();
    let requests = tokio_stream::wrappers::UnboundedReceiverStream::new(receiver);
    let stream = client.streaming(Request::new(requests), path, Codec::default());
    (sender, stream.await.unwrap().into_inner())
}

/// The numbers of all alerts until the end of a stream.
async fn numbers(stream: &mut Streaming<Output>) -> Vec<i32> {
    let mut numbers = Vec::new();
    while let Some(output) = stream.message().await.unwrap() {
        numbers.push(output.time.unwrap().nanos);
    }
    numbers
}

#[test]
fn alerts_and_versions_over_a_socket() {
    let dir = tempfile::tempdir().unwrap();
    let options = socket(dir.path());
    let server = start(options.clone());
    raise(&server, 1..3);
    runtime().block_on(async {
        let mut client = connect(&options.address).await;
        let mut stream = get(&mut client).await;
        let first = stream.message().await.unwrap().unwrap();
        assert_eq!(
            first.output,
            "00:00:00.000000001: Warning alert 1 of a shell that was started somewhere"
        );
        assert_eq!(
            (&*first.hostname, &*first.source, first.priority),
            ("host", "syscall", 4)
        );
        assert_eq!(
            (&*first.tags, &first.output_fields["proc.name"]),
            (&["a".to_owned()][..], &"sh".to_owned())
        );
        assert_eq!(numbers(&mut stream).await, [2]);
        assert_eq!(numbers(&mut get(&mut client).await).await, [0; 0]);

        let (requests, mut all) = sub(&mut client).await;
        raise(&server, 3..6);
        requests.send(()).unwrap();
        for number in 3..6 {
            let output = all.message().await.unwrap().unwrap();
            assert_eq!(output.time.unwrap().nanos, number);
        }
        // Whoever closes his side comes to the end.
        drop(requests);
        assert_eq!(numbers(&mut all).await, [0; 0]);

        client.ready().await.unwrap();
        let path = "/falco.version.service/version".parse().unwrap();
        let codec = ProstCodec::<(), Version>::default();
        let version = client.unary(Request::new(()), path, codec).await;
        assert_eq!(version.unwrap().into_inner().engine_version, "0.63.0");
        client.ready().await.unwrap();
        let path = "/falco.outputs.service/other".parse().unwrap();
        let codec = ProstCodec::<(), Version>::default();
        let other = client.unary(Request::new(()), path, codec).await;
        assert_eq!(other.unwrap_err().code(), tonic::Code::Unimplemented);
    });
    drop(server);
    assert!(!dir.path().join("run/falco.sock").exists());
}

#[test]
fn a_hundred_thousand_at_once_arrive_in_order() {
    const COUNT: u64 = 100_000;
    let dir = tempfile::tempdir().unwrap();
    let options = socket(dir.path());
    let server = start(options.clone());
    runtime().block_on(async {
        let mut client = connect(&options.address).await;
        let (_requests, mut all) = sub(&mut client).await;
        let raiser = std::thread::spawn({
            let server = Arc::clone(&server);
            move || raise(&server, 0..COUNT)
        });
        for number in 0..COUNT {
            let output = all.message().await.unwrap().unwrap();
            assert_eq!(output.time.unwrap().nanos as u64, number);
        }
        raiser.join().unwrap();
    });
    assert_eq!(server.lost(), 0);
}

#[test]
fn the_end_gives_out_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let options = socket(dir.path());
    let server = start(options.clone());
    runtime().block_on(async {
        let mut client = connect(&options.address).await;
        let (_requests, mut all) = sub(&mut client).await;
        let mut channel = channel(&server);
        drop(server);
        let ender = std::thread::spawn(move || {
            for number in 0..50 {
                let line = Format::default().line(&alert(number));
                let finished = falco_alerts::Finished::new(alert(number), line);
                channel.deliver(&Arc::new(finished)).unwrap();
            }
            channel.finish().unwrap();
        });
        assert_eq!(numbers(&mut all).await, (0..50).collect::<Vec<_>>());
        ender.join().unwrap();
    });
}

#[test]
fn a_successor_listens_beside_the_one_that_ends() {
    let dir = tempfile::tempdir().unwrap();
    let options = socket(dir.path());
    let before = start(options.clone());
    let version = Version::new("9.9.9", "0.63.0");
    let error = Server::start(options.clone(), &version, None).unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
    let after = Server::start(options.clone(), &version, Some(&before)).unwrap();
    drop(before);
    runtime().block_on(async {
        let mut client = connect(&options.address).await;
        assert_eq!(numbers(&mut get(&mut client).await).await, [0; 0]);
    });
    drop(after);
    // What a killed one left behind is in nobody's way.
    let path = dir.path().join("run/falco.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    drop(start(options));
}

/// Certificates of an authority for `localhost`, and for a client; another client's that somebody else signed.
fn certificates(dir: &Path) -> [PathBuf; 2] {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let sign = |name: &str, host: &str, issuer: &CertifiedIssuer<'_, KeyPair>| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, issuer).unwrap();
        fs::write(dir.join(format!("{name}.crt")), certificate.pem()).unwrap();
        fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    };
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    fs::write(dir.join("ca.crt"), ours.pem()).unwrap();
    sign("server", "localhost", &ours);
    sign("client", "client", &ours);
    sign("stranger", "client", &theirs);
    [dir.join("client"), dir.join("stranger")]
}

#[test]
fn over_tcp_both_sides_show_certificates() {
    let dir = tempfile::tempdir().unwrap();
    let tcp = options("127.0.0.1:0".to_owned(), dir.path());
    let version = Version::new("1.2.3", "0.63.0");
    let error = Server::start(tcp.clone(), &version, None).unwrap_err();
    assert!(error.to_string().contains("server.crt"), "{error}");
    fs::write(dir.path().join("server.crt"), "nothing").unwrap();
    let [client, stranger] = certificates(dir.path());
    let server = start(tcp);
    raise(&server, 7..8);
    let url = format!("https://localhost:{}", server.port().unwrap());
    let trusted = Certificate::from_pem(fs::read(dir.path().join("ca.crt")).unwrap());
    let dial = async |identity: Option<&Path>| {
        let mut tls = ClientTlsConfig::new().ca_certificate(trusted.clone());
        if let Some(path) = identity {
            let read = |extension| fs::read(path.with_extension(extension)).unwrap();
            tls = tls.identity(Identity::from_pem(read("crt"), read("key")));
        }
        let endpoint = Endpoint::from_shared(url.clone()).unwrap();
        let endpoint = endpoint
            .tls_config(tls)
            .unwrap()
            .timeout(Duration::from_mins(1));
        let mut client = Grpc::new(endpoint.connect().await.ok()?);
        client.ready().await.ok()?;
        let path = "/falco.outputs.service/get".parse().unwrap();
        let stream = client.server_streaming(Request::new(()), path, Codec::default());
        let mut stream = stream.await.ok()?.into_inner();
        Some(numbers(&mut stream).await)
    };
    runtime().block_on(async {
        assert_eq!(dial(None).await, None);
        assert_eq!(dial(Some(&stranger)).await, None);
        assert_eq!(dial(Some(&client)).await, Some(vec![7]));
    });
}
