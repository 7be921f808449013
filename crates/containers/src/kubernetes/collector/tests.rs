//! A collector that tells, breaks off and tells again.

use std::{
    convert::Infallible,
    sync::{Mutex, PoisonError},
};

use tokio_stream::{StreamExt as _, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, body::Body, server::Grpc, transport::Server};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::*;
use crate::{Config, Kubernetes, KubernetesSource, Runtimes};

const LONG: Duration = Duration::from_secs(20);

fn event(reason: &str, uid: &str) -> Event {
    Event {
        reason: reason.into(),
        uid: uid.into(),
        kind: "Pod".into(),
        meta: Some(format!(r#"{{"name":"{uid}"}}"#)),
        refs: Some(References {
            resources: [(
                "Service".to_owned(),
                Uids {
                    list: vec!["s".into()],
                },
            )]
            .into(),
        }),
        ..Event::default()
    }
}

/// Serves these streams, one after the other; each but the last breaks off. The node of every request is told.
fn serve(streams: Vec<Vec<Event>>) -> (String, Arc<Mutex<Vec<Selector>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let left = Arc::new(Mutex::new(streams.into_iter()));
    let selectors = Arc::clone(&asked);
    let service = service_fn(move |request: hyper::Request<Body>| {
        assert_eq!(request.uri().path(), WATCH);
        let (left, asked) = (Arc::clone(&left), Arc::clone(&selectors));
        async move {
            let watch = service_fn(move |request: Request<Selector>| {
                let (left, asked) = (Arc::clone(&left), Arc::clone(&asked));
                async move {
                    let lock = |_| unreachable!();
                    asked.lock().unwrap_or_else(lock).push(request.into_inner());
                    let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
                    let events = left.next().unwrap_or_default();
                    let last = left.len() == 0;
                    let end = tokio_stream::once(()).then(move |()| async move {
                        if last {
                            tokio::time::sleep(LONG).await;
                        }
                        Err(Status::unavailable("the collector ends"))
                    });
                    let events = tokio_stream::iter(events.into_iter().map(Ok));
                    Ok::<_, Status>(Response::new(events.chain(Box::pin(end))))
                }
            });
            let mut grpc = Grpc::new(ProstCodec::<Event, Selector>::default());
            Ok::<_, Infallible>(grpc.server_streaming(watch, request).await)
        }
    });
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let incoming = TcpListenerStream::new(listener);
            let served = Server::builder()
                .serve_with_incoming(service, incoming)
                .await;
            served.unwrap();
        });
    });
    (address, asked)
}

fn wait_for(runtimes: &mut Runtimes, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + LONG;
    while Instant::now() < deadline {
        while let Some(news) = runtimes.take() {
            if let News::Kubernetes { json } = news {
                let told: Value = serde_json::from_slice(&json).unwrap();
                if wanted(&told) {
                    return told;
                }
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("nothing of that kind came");
}

#[test]
fn a_collector_is_asked_again() {
    let (address, asked) = serve(vec![
        vec![
            event("Create", "a"),
            event("Create", "b"),
            event("Delete", "b"),
        ],
        vec![event("Update", "a")],
    ]);
    let mut runtimes = Runtimes::start(Config {
        kubernetes: Some(Kubernetes {
            node: "one".into(),
            from: KubernetesSource::Collector { address, ca: None },
        }),
        ..Config::default()
    })
    .unwrap();
    let told = wait_for(&mut runtimes, |told| told["uid"] == "a");
    assert_eq!(
        told,
        json!({"reason": "Create", "uid": "a", "kind": "Pod", "meta": r#"{"name":"a"}"#,
            "refs": {"resources": {"Service": {"list": ["s"]}}}})
    );
    wait_for(&mut runtimes, |told| told["reason"] == "Delete");
    wait_for(&mut runtimes, |told| told["reason"] == "Update");
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].node, "one");
    assert_eq!(asked[1].kinds["Pod"], "true");
    assert_eq!(asked[1].kinds.len(), KINDS.len());
}

#[test]
fn certificates_that_cannot_be_read_are_told() {
    let mut runtimes = Runtimes::start(Config {
        kubernetes: Some(Kubernetes {
            node: "one".into(),
            from: KubernetesSource::Collector {
                address: "127.0.0.1:9".into(),
                ca: Some("/nowhere/ca.pem".into()),
            },
        }),
        ..Config::default()
    })
    .unwrap();
    let deadline = Instant::now() + LONG;
    let trouble = loop {
        assert!(Instant::now() < deadline);
        match runtimes.take() {
            Some(News::Trouble(trouble)) => break trouble,
            _ => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    assert!(trouble.contains("/nowhere/ca.pem"), "{trouble}");
}
