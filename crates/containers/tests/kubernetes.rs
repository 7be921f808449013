//! An API server that lists, tells of changes, forgets, lies and goes away, and a collector: played by threads with sockets.
#![allow(clippy::unwrap_used, reason = "only tests use it")]

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use falco_containers::{Config, Kubernetes, KubernetesSource, News, Runtimes};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(20);
const POD: &str = "93f64796-43b9-468d-b77b-c652c985d5e0";

/// What an API server answers.
#[derive(Clone)]
struct Answers {
    /// Of each path without its query: what is listed, a page each.
    lists: HashMap<&'static str, Vec<Value>>,
    /// Of each path: the lines of its stream. It stays open after them.
    lines: HashMap<&'static str, Vec<String>>,
    /// Something else for these paths, with `?watch` for streams: whole answers.
    odd: HashMap<&'static str, String>,
}

/// A server whose answers can be exchanged; what it was asked is told, each line of the request.
struct Server {
    url: String,
    answers: Arc<Mutex<Answers>>,
    asked: mpsc::Receiver<String>,
    running: Arc<AtomicBool>,
}

impl Server {
    fn start(address: &str, answers: Answers) -> Server {
        let listener = TcpListener::bind(address).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked_in, asked) = mpsc::channel();
        let answers = Arc::new(Mutex::new(answers));
        let (shared, running) = (Arc::clone(&answers), Arc::new(AtomicBool::new(true)));
        let runs = Arc::clone(&running);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if !runs.load(Ordering::Relaxed) {
                    return;
                }
                let (answers, runs) = (Arc::clone(&shared), Arc::clone(&runs));
                let asked = asked_in.clone();
                thread::spawn(move || serve(&stream.unwrap(), &asked, &answers, &runs));
            }
        });
        Server {
            url,
            answers,
            asked,
            running,
        }
    }

    /// Goes away, with all its connections.
    fn stop(&self) -> String {
        self.running.store(false, Ordering::Relaxed);
        let address = self.url.trim_start_matches("http://").to_owned();
        drop(TcpStream::connect(&address));
        address
    }

    /// Waits until it is asked something.
    fn wait_for(&self, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + LONG;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let asked = self.asked.recv_timeout(left).unwrap();
            if wanted(&asked) {
                return asked;
            }
        }
    }
}

fn serve(
    mut stream: &TcpStream,
    asked: &mpsc::Sender<String>,
    answers: &Mutex<Answers>,
    running: &AtomicBool,
) {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let target = request[0].split(' ').nth(1).unwrap().to_owned();
    let (path, query) = target.split_once('?').unwrap();
    // Whoever hears of the request may exchange the answers for later ones.
    let answers = answers.lock().unwrap().clone();
    let _ = asked.send(request.join("\n"));
    let watches = query.starts_with("watch=1");
    let of = format!("{path}{}", if watches { "?watch" } else { "" });
    if let Some(odd) = answers.odd.get(&*of) {
        let _ = stream.write_all(odd.as_bytes());
        return;
    }
    if !watches {
        let pages = answers.lists.get(path).cloned().unwrap_or_default();
        let page = query.split("&continue=").nth(1);
        let page: usize = page.map_or(0, |page| page.parse().unwrap());
        let more = if page + 1 < pages.len() {
            (page + 1).to_string()
        } else {
            String::new()
        };
        let items = pages.get(page).cloned().unwrap_or(json!([]));
        let list = json!({"kind": "List", "metadata": {"resourceVersion": "100", "continue": more}, "items": items});
        return send(stream, "200 OK", &list.to_string());
    }
    let _ = stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    for line in answers.lines.get(path).into_iter().flatten() {
        let _ = write!(stream, "{:x}\r\n{line}\n\r\n", line.len() + 1);
    }
    while running.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(10));
    }
}

fn send(mut stream: &TcpStream, status: &str, body: &str) {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
}

fn pod(uid: &str, name: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "uid": uid, "resourceVersion": "90", "labels": {"app": "web"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "rs", "controller": true}]},
        "spec": {"nodeName": "one"}, "status": {"phase": "Running", "podIP": "10.1.0.7"},
    })
}

fn shop() -> Answers {
    let bare = |name: &str, uid: &str, owner: Option<&str>| {
        let owners =
            owner.map(|uid| json!([{"kind": "Deployment", "uid": uid, "controller": true}]));
        json!({"metadata": {"name": name, "namespace": "shop", "uid": uid, "ownerReferences": owners}})
    };
    let lists = [
        ("/api/v1/pods", vec![json!([pod(POD, "web-1-a")])]),
        // Two pages.
        (
            "/apis/apps/v1/replicasets",
            vec![
                json!([bare("db-1", "rs0", None)]),
                json!([bare("web-1", "rs", Some("d"))]),
            ],
        ),
        (
            "/apis/apps/v1/deployments",
            vec![json!([bare("web", "d", None)])],
        ),
    ];
    Answers {
        lists: lists.into(),
        lines: HashMap::new(),
        odd: HashMap::new(),
    }
}

fn line(kind: &str, object: &Value) -> String {
    json!({"type": kind, "object": object}).to_string()
}

fn start(from: KubernetesSource) -> Runtimes {
    Runtimes::start(Config {
        kubernetes: Some(Kubernetes {
            node: "one".into(),
            from,
        }),
        ..Config::default()
    })
    .unwrap()
}

fn start_with(url: &str) -> Runtimes {
    start(KubernetesSource::Api {
        url: url.into(),
        token: None,
        ca: PathBuf::new(),
    })
}

/// The first news of that kind.
fn wait_for(runtimes: &mut Runtimes, wanted: impl Fn(&News) -> bool) -> News {
    let deadline = Instant::now() + LONG;
    while Instant::now() < deadline {
        if runtimes.has_news() {
            while let Some(news) = runtimes.take() {
                if wanted(&news) {
                    return news;
                }
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
    panic!("nothing of that kind came");
}

fn told(reason: &str, uid: &str) -> impl Fn(&News) -> bool {
    move |news| {
        let News::Kubernetes { json } = news else {
            return false;
        };
        let all: Value = serde_json::from_slice(json).unwrap();
        all["reason"] == reason && all["uid"] == uid
    }
}

fn troubled(with: &str) -> impl Fn(&News) -> bool {
    move |news| matches!(news, News::Trouble(text) if text.contains(with))
}

#[test]
fn what_there_is_and_what_happens() {
    let mut answers = shop();
    let other = pod("8c0f", "web-1-b");
    let mut gone = pod(POD, "web-1-a");
    gone["metadata"]["resourceVersion"] = "102".into();
    answers.lines.insert(
        "/api/v1/pods",
        vec![
            line("ADDED", &other),
            line("BOOKMARK", &json!({"metadata": {"resourceVersion": "101"}})),
            line("DELETED", &gone),
        ],
    );
    let server = Server::start("127.0.0.1:0", answers);
    let mut runtimes = start_with(&server.url);
    wait_for(&mut runtimes, told("Create", "8c0f"));
    wait_for(&mut runtimes, told("Delete", POD));
    let mut asked = Vec::new();
    let mut of = |what: &str| -> String {
        let is_it = |asked: &&String| asked.starts_with(what);
        while asked.iter().find(is_it).is_none() {
            asked.push(server.asked.recv_timeout(LONG).unwrap());
        }
        asked.iter().find(is_it).unwrap().clone()
    };
    let list = of("GET /api/v1/pods?limit");
    assert!(
        list.contains("&fieldSelector=spec.nodeName%3Done"),
        "{list}"
    );
    let watch = of("GET /api/v1/pods?watch");
    assert!(
        watch.contains("&resourceVersion=100&fieldSelector=spec.nodeName%3Done"),
        "{watch}"
    );
    let sets = of("GET /apis/apps/v1/replicasets?limit");
    assert!(sets.contains("as=PartialObjectMetadataList"), "{sets}");
    let sets = of("GET /apis/apps/v1/replicasets?watch");
    assert!(sets.contains("as=PartialObjectMetadata;"), "{sets}");
}

#[test]
fn owners_come_from_all_pages() {
    let server = Server::start("127.0.0.1:0", shop());
    let mut runtimes = start_with(&server.url);
    let deployment = wait_for(&mut runtimes, told("Create", "d"));
    let News::Kubernetes { json } = deployment else {
        unreachable!()
    };
    assert!(
        String::from_utf8(json)
            .unwrap()
            .contains(r#"\"name\":\"web\""#)
    );
}

#[test]
fn what_is_too_old_is_listed_anew() {
    for of_stream in [true, false] {
        let mut answers = shop();
        if of_stream {
            let status = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"});
            let lines = vec![line("ERROR", &status)];
            answers.lines.insert("/api/v1/pods", lines);
        } else {
            let gone = "HTTP/1.1 410 Gone\r\nContent-Length: 2\r\n\r\n{}";
            answers.odd.insert("/api/v1/pods?watch", gone.into());
        }
        let server = Server::start("127.0.0.1:0", answers);
        let mut runtimes = start_with(&server.url);
        wait_for(&mut runtimes, told("Create", POD));
        server.wait_for(|asked| asked.starts_with("GET /api/v1/pods?watch"));
        {
            let mut answers = server.answers.lock().unwrap();
            let list = vec![json!([pod("new", "web-1-c")])];
            answers.lists.insert("/api/v1/pods", list);
            answers.lines.clear();
            answers.odd.clear();
        }
        wait_for(&mut runtimes, told("Delete", POD));
        wait_for(&mut runtimes, told("Create", "new"));
    }
}

#[test]
fn an_answer_that_makes_no_sense_is_no_end() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n";
    let huge = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}",
        33 << 20,
        " ".repeat(33 << 20)
    );
    for (odd, trouble) in [
        (
            format!("{head}{{\"items\": [{{\"metadata\""),
            "/api/v1/pods",
        ),
        (format!("{head}{:40}", "nonsense"), "makes no sense"),
        (format!("{head}{:40}", "{\"items\": 7}"), "makes no sense"),
        (huge, "too long"),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}".into(),
            "403 Forbidden",
        ),
        ("SSH-2.0-OpenSSH\r\n".into(), "/api/v1/pods"),
    ] {
        let mut answers = shop();
        answers.odd.insert("/api/v1/pods", odd);
        let server = Server::start("127.0.0.1:0", answers);
        let mut runtimes = start_with(&server.url);
        wait_for(&mut runtimes, troubled(trouble));
        server.answers.lock().unwrap().odd.clear();
        wait_for(&mut runtimes, told("Create", POD));
    }
}

#[test]
fn a_stream_that_makes_no_sense_is_begun_anew() {
    for bad in ["{\"type\":".to_owned(), "x".repeat(5 << 20)] {
        let mut answers = shop();
        answers.lines.insert("/api/v1/pods", vec![bad]);
        let server = Server::start("127.0.0.1:0", answers);
        let mut runtimes = start_with(&server.url);
        wait_for(&mut runtimes, told("Create", POD));
        wait_for(&mut runtimes, troubled("/api/v1/pods"));
        server.answers.lock().unwrap().lines.clear();
        // What may have happened meanwhile is asked for.
        while server.asked.try_recv().is_ok() {}
        server.wait_for(|asked| asked.starts_with("GET /api/v1/pods?limit"));
    }
}

#[test]
fn a_server_goes_away_and_comes_back() {
    let server = Server::start("127.0.0.1:0", shop());
    let mut runtimes = start_with(&server.url);
    wait_for(&mut runtimes, told("Create", "d"));
    server.wait_for(|asked| asked.starts_with("GET /api/v1/pods?watch"));
    let address = server.stop();
    wait_for(&mut runtimes, troubled("trying again"));
    let mut answers = shop();
    answers.lines.insert(
        "/api/v1/pods",
        vec![line("ADDED", &pod("later", "web-1-d"))],
    );
    let server = Server::start(&address, answers);
    wait_for(&mut runtimes, told("Create", "later"));
    // It was asked what happened since, not for all again.
    let asked = server.wait_for(|asked| asked.starts_with("GET /api/v1/pods?"));
    assert!(asked.contains("watch=1&"), "{asked}");
}

#[test]
fn certificates_are_looked_at_and_tokens_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".into()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let (token, ca) = (dir.path().join("token"), dir.path().join("ca.crt"));
    fs::write(&token, "first\n").unwrap();
    // Nobody is believed yet.
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    fs::write(&ca, other.cert.pem()).unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(
        vec![certificate.der().clone()],
        rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
    )
    .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let (asked_in, asked) = mpsc::channel();
    let tls = Arc::new(tls);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let session = rustls::ServerConnection::new(Arc::clone(&tls)).unwrap();
            let mut stream = rustls::StreamOwned::new(session, stream);
            let lines = BufReader::new(&mut stream).lines().map_while(Result::ok);
            let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let authorization = request
                .iter()
                .find_map(|line| line.strip_prefix("authorization: "));
            let Some(authorization) = authorization else {
                continue;
            };
            let _ = asked_in.send(authorization.to_owned());
            let _ = stream.write_all(
                b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
    });
    let mut runtimes = start(KubernetesSource::Api {
        url,
        token: Some(token.clone()),
        ca: ca.clone(),
    });
    wait_for(&mut runtimes, troubled("certificate"));
    assert!(asked.try_recv().is_err());
    fs::write(&ca, certificate.pem()).unwrap();
    assert_eq!(asked.recv_timeout(LONG).unwrap(), "Bearer first");
    fs::write(&token, "second\n").unwrap();
    let deadline = Instant::now() + LONG;
    while asked.recv_timeout(LONG).unwrap() != "Bearer second" {
        assert!(Instant::now() < deadline);
    }
}

#[test]
fn an_address_that_is_none_is_told() {
    for url in ["10.0.0.1:6443", "https://", "ftp://a", "https://me@host"] {
        let mut runtimes = start_with(url);
        wait_for(&mut runtimes, troubled("https://HOST:PORT"));
    }
    let mut runtimes = start_with("");
    wait_for(&mut runtimes, troubled("set kubernetes.api_server"));
}
