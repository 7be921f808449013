//! What a server sees, and whom we believe.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use falco_alerts::{Alert, Priority};

use super::*;

fn finished(line: &str) -> Arc<Finished> {
    let alert = Alert::internal(0, Priority::Debug, "r", String::new(), BTreeMap::new());
    Arc::new(Finished::new(alert, line.into()))
}

/// What the server saw: the connection's number, the head in lower case, the body.
type Seen = (usize, String, String);

/// A server that gives an answer to every request; it closes a connection after so many.
struct Server {
    address: String,
    seen: Receiver<Seen>,
}

impl Server {
    fn start(answer: &'static str, per_connection: usize, tls: Option<ServerConfig>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, seen) = mpsc::channel();
        let tls = tls.map(Arc::new);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (sender, tls) = (sender.clone(), tls.clone());
                let stream = stream.unwrap();
                thread::spawn(move || match tls {
                    Some(tls) => {
                        let conn = ServerConnection::new(tls).unwrap();
                        serve(
                            StreamOwned::new(conn, stream),
                            number,
                            answer,
                            per_connection,
                            &sender,
                        );
                    }
                    None => serve::<TcpStream>(stream, number, answer, per_connection, &sender),
                });
            }
        });
        Server {
            address: format!("localhost:{port}"),
            seen,
        }
    }

    fn options(&self, scheme: &str) -> HttpOptions {
        HttpOptions {
            url: format!("{scheme}://{}/hook?x=1", self.address),
            user_agent: "falcosecurity/falco".into(),
            json: false,
            echo: false,
            compress: false,
            keep_alive: false,
            timeout: Duration::from_secs(30),
            repeats: 2,
            trust: Trust {
                insecure: false,
                authorities: "/nowhere".into(),
                identity: None,
            },
        }
    }

    fn next(&self) -> Seen {
        self.seen.recv_timeout(Duration::from_secs(30)).unwrap()
    }
}

fn serve<S: Read + io::Write>(
    stream: S,
    number: usize,
    answer: &str,
    times: usize,
    sender: &mpsc::Sender<Seen>,
) {
    let mut stream = BufReader::new(stream);
    for _ in 0..times {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            // A client that does not believe us, or has nothing more to say.
            if !stream.read_line(&mut head).is_ok_and(|length| length > 0) {
                return;
            }
        }
        let head = head.to_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length = length.split("\r\n").next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        sender
            .send((number, head, String::from_utf8(body).unwrap()))
            .unwrap();
        if stream
            .get_mut()
            .write_all(answer.as_bytes())
            .and_then(|()| stream.get_mut().flush())
            .is_err()
        {
            return;
        }
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn an_alert_is_a_post() {
    let server = Server::start(OK, 10, None);
    let mut http = HttpChannel::new(server.options("http"));
    http.deliver(&finished("one")).unwrap();
    let (_, head, body) = server.next();
    assert!(head.starts_with("post /hook?x=1 http/1.1\r\n"), "{head}");
    for header in [
        format!("host: {}", server.address).as_str(),
        "user-agent: falcosecurity/falco",
        "accept: */*",
        "content-type: text/plain",
        "content-length: 3",
    ] {
        assert!(
            head.contains(&format!("\r\n{header}\r\n")),
            "{header} in {head}"
        );
    }
    assert!(!head.contains("\r\nte:"));
    assert_eq!(body, "one");
    // The connection is used again.
    http.deliver(&finished("two")).unwrap();
    assert_eq!(server.next().0, 0);
}

#[test]
fn keys_become_headers() {
    let server = Server::start(OK, 10, None);
    let options = server.options("http");
    let mut http = HttpChannel::new(HttpOptions {
        url: options.url.replace("://", "://me:secret@"),
        user_agent: "some one".into(),
        json: true,
        compress: true,
        keep_alive: true,
        ..options
    });
    http.deliver(&finished("{}")).unwrap();
    let (_, head, _) = server.next();
    for header in [
        "user-agent: some one",
        "content-type: application/json",
        "te: gzip",
        "authorization: basic bwu6c2vjcmv0",
    ] {
        assert!(
            head.contains(&format!("\r\n{header}\r\n")),
            "{header} in {head}"
        );
    }
}

#[test]
fn a_connection_that_was_closed_costs_no_alert() {
    let server = Server::start(OK, 1, None);
    let mut http = HttpChannel::new(server.options("http"));
    for number in 0..20 {
        http.deliver(&finished(&number.to_string())).unwrap();
        assert_eq!(server.next().2, number.to_string());
    }
}

#[test]
fn answers_are_judged() {
    for (answer, expected) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", None),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\nContent-Length: 0\r\n\r\n",
            None,
        ),
        (
            "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
            Some("the server answers 500"),
        ),
        (
            "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n",
            Some("the server refuses the alert: status 400"),
        ),
    ] {
        let server = Server::start(answer, 10, None);
        let outcome = HttpChannel::new(server.options("http")).deliver(&finished("x"));
        assert_eq!(
            outcome.err().map(|failure| failure.to_string()).as_deref(),
            expected
        );
    }
    let nobody = HttpOptions {
        url: "http://127.0.0.1:1/".into(),
        ..Server::start(OK, 1, None).options("http")
    };
    let failure = HttpChannel::new(nobody)
        .deliver(&finished("x"))
        .unwrap_err()
        .to_string();
    assert!(
        failure.starts_with(
            "libcurl failed to perform call: Could not connect to server http://127.0.0.1:1/"
        ),
        "{failure}"
    );
}

#[test]
fn a_request_that_takes_too_long_is_repeated() {
    let server = Server::start("", 10, None);
    let mut http = HttpChannel::new(HttpOptions {
        timeout: Duration::from_millis(100),
        ..server.options("http")
    });
    let failure = http.deliver(&finished("x")).unwrap_err().to_string();
    assert!(
        failure.starts_with("libcurl failed to perform call: Timeout was reached"),
        "{failure}"
    );
    let connections: Vec<usize> = server.seen.try_iter().map(|(number, ..)| number).collect();
    assert_eq!(connections, [0, 1, 2]);
}

/// Certificates as people make them.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Authority {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// A certificate and its key.
    fn issue(&self, name: &str) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

fn server_config(
    (certificate, key): &(Certificate, KeyPair),
    clients: Option<&Authority>,
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.certificate.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .unwrap();
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    builder
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap()
}

fn outcome(server: &Server, trust: Trust) -> Result<(), String> {
    let options = HttpOptions {
        trust,
        ..server.options("https")
    };
    HttpChannel::new(options)
        .deliver(&finished("x"))
        .map_err(|failure| failure.to_string())
}

fn trusting(path: &Path) -> Trust {
    Trust {
        insecure: false,
        authorities: path.into(),
        identity: None,
    }
}

#[test]
fn servers_are_believed_for_their_certificates() {
    let dir = tempfile::tempdir().unwrap();
    let (ca, other, folder) = (
        dir.path().join("ca.pem"),
        dir.path().join("other.pem"),
        dir.path().join("certs"),
    );
    let authority = Authority::new("authority");
    fs::create_dir(&folder).unwrap();
    fs::write(&ca, authority.certificate.pem()).unwrap();
    fs::write(&other, Authority::new("other").certificate.pem()).unwrap();
    fs::copy(&ca, folder.join("0a1b2c3d.0")).unwrap();
    fs::copy(&other, folder.join("other.pem")).unwrap();
    fs::write(folder.join("README"), "certificates").unwrap();

    let server = Server::start(
        OK,
        10,
        Some(server_config(&authority.issue("localhost"), None)),
    );
    assert_eq!(outcome(&server, trusting(&ca)), Ok(()));
    assert_eq!(outcome(&server, trusting(&folder)), Ok(()));
    let stranger = outcome(&server, trusting(&other)).unwrap_err();
    assert!(stranger.contains("UnknownIssuer"), "{stranger}");
    let nobody = outcome(&server, trusting(Path::new("/nowhere"))).unwrap_err();
    assert!(
        nobody.contains("Problem with the SSL CA cert: cannot read /nowhere"),
        "{nobody}"
    );
    let nobody = outcome(&server, trusting(&folder.join("README"))).unwrap_err();
    assert!(
        nobody.contains("there is no certificate that can be used in"),
        "{nobody}"
    );
    let blind = Trust {
        insecure: true,
        ..trusting(&other)
    };
    assert_eq!(outcome(&server, blind.clone()), Ok(()));

    let elsewhere = Server::start(
        OK,
        10,
        Some(server_config(&authority.issue("example.org"), None)),
    );
    assert!(
        outcome(&elsewhere, trusting(&ca))
            .unwrap_err()
            .contains("example.org")
    );
    assert_eq!(outcome(&elsewhere, blind), Ok(()));
}

#[test]
fn a_server_is_believed_for_its_own_certificate() {
    // What `openssl req -x509` makes: it may vouch for others, and stands for itself.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("own.pem");
    let make = |name: &str| {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap(), key)
    };
    for (name, believed) in [("localhost", true), ("example.org", false)] {
        let own = make(name);
        fs::write(&path, own.0.pem()).unwrap();
        let server = Server::start(OK, 10, Some(server_config(&own, None)));
        let outcome = outcome(&server, trusting(&path));
        assert_eq!(outcome.is_ok(), believed, "{outcome:?}");
    }
    let server = Server::start(OK, 10, Some(server_config(&make("localhost"), None)));
    assert!(outcome(&server, trusting(&path)).is_err());
}

#[test]
fn a_server_may_want_to_know_who_we_are() {
    let dir = tempfile::tempdir().unwrap();
    let in_dir = |name: &str| dir.path().join(name);
    let authority = Authority::new("authority");
    fs::write(in_dir("ca.pem"), authority.certificate.pem()).unwrap();
    let (certificate, key) = authority.issue("falco");
    fs::write(in_dir("client.crt"), certificate.pem()).unwrap();
    fs::write(in_dir("client.key"), key.serialize_pem()).unwrap();
    fs::write(
        in_dir("other.key"),
        KeyPair::generate().unwrap().serialize_pem(),
    )
    .unwrap();

    let config = server_config(&authority.issue("localhost"), Some(&authority));
    let server = Server::start(OK, 10, Some(config));
    let showing = |certificate: &str, key: &str| Trust {
        identity: Some((in_dir(certificate), in_dir(key))),
        ..trusting(&in_dir("ca.pem"))
    };
    assert_eq!(
        outcome(&server, showing("client.crt", "client.key")),
        Ok(())
    );
    let nameless = outcome(&server, trusting(&in_dir("ca.pem"))).unwrap_err();
    assert!(
        nameless.starts_with("libcurl failed to perform call: "),
        "{nameless}"
    );
    for (certificate, key) in [
        ("client.crt", "other.key"),
        ("client.crt", "client.crt"),
        ("client.key", "client.key"),
        ("nowhere", "client.key"),
    ] {
        let failure = outcome(&server, showing(certificate, key)).unwrap_err();
        assert!(
            failure.contains("Problem with the local SSL certificate: "),
            "{failure}"
        );
    }
}
