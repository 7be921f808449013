//! Runtimes that answer well, slowly, at length, nonsense, and that go away: played by a thread with a socket.
#![allow(clippy::unwrap_used, reason = "only tests use it")]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use falco_containers::{Config, Engine, EngineKind, News, Runtimes};

const ID: &str = "32a1026ccb88a551e2a38eb8f260b4700aefec7e8c007344057e58a9fa302374";
const LONG: Duration = Duration::from_secs(20);

/// Answers requests by their paths until the socket is removed; each path goes to `asked`.
fn serve(socket: &Path, asked: mpsc::Sender<String>, answer: fn(&str, &mut UnixStream)) {
    let listener = UnixListener::bind(socket).unwrap();
    let socket = socket.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().and_then(Result::ok).unwrap_or_default();
            let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
            while lines
                .next()
                .and_then(Result::ok)
                .is_some_and(|line| !line.is_empty())
            {}
            if !socket.exists() {
                return;
            }
            let _ = asked.send(path.clone());
            thread::spawn(move || answer(&path, &mut stream));
        }
    });
}

/// Stops a server: the socket is gone, and what it waits for comes.
fn stop(socket: &Path) {
    let last = UnixStream::connect(socket);
    fs::remove_file(socket).unwrap();
    drop(last);
}

fn send(stream: &mut UnixStream, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
}

fn not_found(stream: &mut UnixStream) {
    let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}");
}

/// A line of a stream that goes on.
fn send_line(stream: &mut UnixStream, line: &str) {
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{line}\n\r\n",
        line.len() + 1
    );
    thread::sleep(LONG);
}

/// What a runtime with one running container and one new one says.
fn docker(path: &str, stream: &mut UnixStream) {
    if path.starts_with("/events") {
        assert!(
            path.contains("%22create%22") && !path.contains("%22start%22"),
            "{path}"
        );
        return send_line(
            stream,
            r#"{"Type":"container","Action":"create","Actor":{"ID":"beef"}}"#,
        );
    }
    let Some(id) = path.strip_prefix("/containers/") else {
        return send(
            stream,
            r#"{"Id":"sha256:f00","RepoTags":["other:1","shop/web:1.2"],"RepoDigests":["shop/web@sha256:d1"]}"#,
        );
    };
    let id = id.split('/').next().unwrap();
    match id {
        "json?all=1" => send(stream, &format!(r#"[{{"Id":"{ID}"}},{{"Id":""}},7]"#)),
        "beef" | ID => {
            let id = if id == ID { ID } else { "beef" };
            let long = "x".repeat(101);
            send(
                stream,
                &format!(
                    r#"{{"Id":"{id}","Name":"/web","Image":"sha256:f00","Created":"2024-11-07T09:18:06.5Z","SizeRw":9,
                    "Config":{{"Image":"shop/web:1.2","User":"me","Env":["A=1"],"Labels":{{"a":"b","c":"{long}"}}}},
                    "HostConfig":{{"Privileged":true,"PidMode":"host","NetworkMode":"bridge","IpcMode":"private",
                    "CpusetCpus":"0-2","Memory":7}},"NetworkSettings":{{"IPAddress":"172.17.0.2","Ports":
                    {{"80/tcp":[{{"HostIp":"127.0.0.1","HostPort":"8080"}},{{"HostIp":"::","HostPort":"1"}}],"81/udp":null}}}},
                    "Mounts":[{{"Source":"/a","Destination":"/b","Mode":"z","RW":true,"Propagation":"rslave"}}]}}"#
                ),
            );
        }
        _ => not_found(stream),
    }
}

fn start(sockets: &[(EngineKind, PathBuf)]) -> Runtimes {
    let engines = sockets.iter().map(|(kind, socket)| Engine {
        kind: *kind,
        sockets: vec![socket.clone()],
    });
    Runtimes::start(Config {
        engines: engines.collect(),
        patience: Duration::from_secs(1),
        ..Config::default()
    })
    .unwrap()
}

/// The first news of that kind.
fn wait_for(runtimes: &mut Runtimes, mut wanted: impl FnMut(&News) -> bool) -> News {
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

fn added(id: &str) -> impl Fn(&News) -> bool {
    move |news| matches!(news, News::Added { id: of, .. } if of == id)
}

fn troubled(with: &str) -> impl Fn(&News) -> bool {
    move |news| matches!(news, News::Trouble(text) if text.contains(with))
}

fn unknown(news: &News) -> bool {
    matches!(news, News::Unknown { .. })
}

#[test]
fn those_that_are_there_and_those_that_come() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let (asked, paths) = mpsc::channel();
    serve(&socket, asked, docker);
    let mut runtimes = start(&[(EngineKind::Docker, socket)]);
    let mut all = Vec::new();
    while all.len() < 2 {
        all.push(wait_for(&mut runtimes, |_| true));
    }
    all.sort_by_key(|news| matches!(news, News::Added { id, .. } if id == ID));
    let [News::Added { id, .. }, News::Added { json, .. }] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!(id, "beef");
    let json: serde_json::Value = serde_json::from_slice(json).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"container": {
            "type": 0, "id": "32a1026ccb88", "full_id": ID, "name": "web", "image": "shop/web:1.2", "imagedigest": "sha256:d1",
            "imageid": "f00", "imagerepo": "shop/web", "imagetag": "1.2", "User": "me", "cni_json": "", "cpu_period": 100_000,
            "cpu_quota": 0, "cpu_shares": 1024, "cpuset_cpu_count": 3, "created_time": 1_730_971_086, "size": 9, "env": ["A=1"],
            "host_ipc": false, "host_network": false, "host_pid": true, "ip": "172.17.0.2", "is_pod_sandbox": false,
            "labels": {"a": "b"}, "memory_limit": 7, "swap_limit": 0, "pod_sandbox_id": "", "privileged": true,
            "pod_sandbox_labels": {}, "port_mappings": [{"HostIp": 2_130_706_433, "HostPort": 8080, "ContainerPort": 80}],
            "Mounts": [{"Source": "/a", "Destination": "/b", "Mode": "z", "RW": true, "Propagation": "rslave"}],
        }})
    );
    // What was told a moment ago is not asked for again, and images are remembered.
    runtimes.ask("beef");
    runtimes.ask("cafe");
    assert_eq!(
        wait_for(&mut runtimes, |_| true),
        News::Unknown { id: "cafe".into() }
    );
    // Another run of it is something else.
    runtimes.ended("beef");
    runtimes.ask("beef");
    wait_for(&mut runtimes, added("beef"));
    let paths: Vec<String> = paths.try_iter().collect();
    let count = |part: &str| paths.iter().filter(|path| path.contains(part)).count();
    assert_eq!(count("/beef/"), 2, "{paths:?}");
    assert!(count("/images/") <= 2, "{paths:?}");
    assert!(count("/cafe/") <= 6);
    assert_eq!(runtimes.calls() as usize, paths.len());
}

/// A runtime that tells of a thousand new containers, one after the other.
fn busy(path: &str, stream: &mut UnixStream) {
    if path.starts_with("/events") {
        let lines: Vec<String> = (0..1000)
            .map(|number| {
                format!("{{\"Type\":\"container\",\"Actor\":{{\"ID\":\"{number:064x}\"}}}}")
            })
            .collect();
        return send_line(stream, &lines.join("\n"));
    }
    match path.strip_prefix("/containers/") {
        Some("json?all=1") => send(stream, "[]"),
        Some(path) => {
            let id = path.split('/').next().unwrap();
            send(stream, &format!(r#"{{"Id":"{id}","Image":"sha256:f00"}}"#));
        }
        None => send(stream, r#"{"Id":"sha256:f00"}"#),
    }
}

#[test]
fn a_thousand_containers_cost_a_call_each() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let (asked, paths) = mpsc::channel();
    serve(&socket, asked, busy);
    let mut runtimes = start(&[(EngineKind::Docker, socket)]);
    // Each is asked for when its first process is seen, which may be before or after its runtime tells of it.
    let mut told = std::collections::HashSet::new();
    for number in 0..1000 {
        let id = format!("{number:064x}");
        while !runtimes.ask(&id) {
            thread::sleep(Duration::from_millis(1));
        }
        if !told.contains(&id) {
            wait_for(&mut runtimes, |news| {
                let News::Added { id: of, .. } = news else {
                    return false;
                };
                told.insert(of.clone());
                *of == id
            });
        }
    }
    assert_eq!(told.len(), 1000);
    let paths: Vec<String> = paths.try_iter().collect();
    let count = |part: &str| paths.iter().filter(|path| path.contains(part)).count();
    assert!(count("/images/") <= 8, "{}", count("/images/"));
    assert_eq!(paths.len(), 1000 + 2 + count("/images/"));
}

#[test]
fn who_relies_on_an_answer_that_fails_is_answered_all_the_same() {
    static GETS: AtomicUsize = AtomicUsize::new(0);
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let (asked, paths) = mpsc::channel();
    serve(&socket, asked, |path, stream| {
        if path.starts_with("/containers/beef/") && GETS.fetch_add(1, Ordering::Relaxed) == 0 {
            thread::sleep(Duration::from_millis(300));
            let _ = stream.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
        } else {
            docker(path, stream);
        }
    });
    let mut runtimes = start(&[(EngineKind::Docker, socket)]);
    // It was told that there is such a container, and looks at it.
    while !paths.recv_timeout(LONG).unwrap().contains("/beef/") {}
    runtimes.ask("beef");
    wait_for(&mut runtimes, added("beef"));
}

#[test]
fn a_runtime_that_recovers_is_asked_again() {
    static WELL: AtomicBool = AtomicBool::new(false);
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let (asked, _paths) = mpsc::channel();
    serve(&socket, asked, |path, stream| {
        if path.starts_with("/events") || path.contains("all=1") {
            // It has nothing to tell by itself.
            thread::sleep(LONG);
        } else if WELL.load(Ordering::Relaxed) {
            docker(path, stream);
        } else {
            let _ = stream.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let mut runtimes = start(&[(EngineKind::Docker, socket)]);
    runtimes.ask("beef");
    wait_for(&mut runtimes, unknown);
    WELL.store(true, Ordering::Relaxed);
    wait_for(&mut runtimes, added("beef"));
}

#[test]
fn a_runtime_that_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let mut runtimes = start(&[(EngineKind::Docker, socket.clone())]);
    runtimes.ask("beef");
    wait_for(&mut runtimes, unknown);
    let (asked, _paths) = mpsc::channel();
    serve(&socket, asked.clone(), docker);
    wait_for(&mut runtimes, added("beef"));
    stop(&socket);
    serve(&socket, asked, |path, stream| {
        if path.starts_with("/events") {
            let _ = stream.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
        } else {
            docker(path, stream);
        }
    });
    thread::sleep(Duration::from_millis(1100));
    runtimes.ask("beef");
    wait_for(&mut runtimes, added("beef"));
}

#[test]
fn liars() {
    for (lie, trouble) in [
        (
            (|_, stream| send(stream, "{")) as fn(&str, &mut UnixStream),
            "makes no sense",
        ),
        (|_, stream| send(stream, "[]"), "without Id"),
        (|_, stream| send(stream, &" ".repeat(5 << 20)), "too long"),
        (
            |_, stream| {
                let _ = stream.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
            },
            "500",
        ),
        (
            |_, stream| {
                let _ = stream.write_all(b"SSH-2.0-OpenSSH\r\n");
            },
            "invalid HTTP",
        ),
        (|_, _| thread::sleep(LONG), "too long to answer"),
    ] {
        for kind in [EngineKind::Docker, EngineKind::Podman] {
            let folder = tempfile::tempdir().unwrap();
            let socket = folder.path().join("a.sock");
            let (asked, _paths) = mpsc::channel();
            serve(&socket, asked, lie);
            let mut runtimes = start(&[(kind, socket)]);
            runtimes.ask(ID);
            wait_for(&mut runtimes, troubled(trouble));
            wait_for(&mut runtimes, unknown);
        }
    }
}

#[test]
fn nobody_waits_for_who_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let (hangs, works) = (folder.path().join("a.sock"), folder.path().join("b.sock"));
    let (asked, _paths) = mpsc::channel();
    serve(&hangs, asked.clone(), |_, _| thread::sleep(LONG));
    serve(&works, asked, |path, stream| match path {
        path if path.starts_with("/events") => thread::sleep(LONG),
        path if path.contains("all=1") => send(stream, "[]"),
        path if path.contains("/images/") => not_found(stream),
        path => {
            let id = path.split('/').nth(2).unwrap();
            send(stream, &format!(r#"{{"Id":"{id}"}}"#));
        }
    });
    let engines = [
        (EngineKind::Podman, hangs.clone()),
        (EngineKind::Cri, hangs.clone()),
        (EngineKind::Containerd, hangs),
        (EngineKind::Docker, works),
    ];
    let mut runtimes = start(&engines);
    let began = Instant::now();
    for number in 0..100 {
        let id = format!("{number:064x}");
        runtimes.ask(&id);
        wait_for(&mut runtimes, added(&id));
    }
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    // Neither does the end.
    drop(runtimes);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}
