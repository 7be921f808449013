//! Sinks with the servers that they are for, which get one half of the alerts as they are and the other over TLS, with certificates on both
//! sides. What is not installed is skipped, and said to be: `make test-peers` installs it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skips"
)]

mod peer;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::ops::Range;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use falco_alerts::{Alert, Format, Kind, Options, Outputs, Priority, Routes};
use falco_sinks::{Setting, Settings};
use peer::{Certificates, Peer, found, free_port, output, until};
use serde_json::Value;

/// How many alerts each server gets at once.
const COUNT: usize = 2000;

/// Nothing here takes that long.
const PATIENCE: Duration = Duration::from_mins(3);

fn alert(number: usize) -> Alert {
    Alert {
        time_ns: 1_700_000_000_000_000_000 + number as u64,
        priority: Priority::Warning,
        rule: format!("Rule {}", number % 3).into(),
        source: "syscall".into(),
        message: format!("alert {number} \0 '\u{1f980}'").into_bytes(),
        fields: BTreeMap::from([("n".to_owned(), Value::from(number))]),
        kind: Kind::Rule {
            tags: ["a".into(), "b".into()].into(),
        },
    }
}

/// The alerts that are sent in the clear, and those over TLS.
const PLAIN: Range<usize> = 0..COUNT / 2;
const SECRET: Range<usize> = COUNT / 2..COUNT;

/// Raises the alerts of those numbers for a sink with these keys, and certificates; all must be taken. Before that, strangers are tried.
fn raise_tls(keys: &[(&str, &str)], certificates: &Certificates, numbers: Range<usize>) {
    let dir = tempfile::tempdir().unwrap();
    let ours = certificates.keys();
    let theirs = Certificates::new(dir.path()).keys();
    let with = |trusted: &[(&'static str, String)], shown: &[(&'static str, String)]| {
        let files = [&trusted[0], &shown[1], &shown[2]];
        let files = files.map(|(key, path)| (*key, path.clone()));
        let keys = keys.iter().map(|(key, value)| (*key, (*value).to_owned()));
        keys.chain(files).collect::<Vec<_>>()
    };
    for (who, mut keys) in [
        ("the server", with(&theirs, &ours)),
        ("the client", with(&ours, &theirs)),
    ] {
        keys.push(("retries", "0".to_owned()));
        let troubles = send(&keys, 0..1);
        assert!(!troubles.is_empty(), "{who} may be a stranger");
    }
    assert_eq!(send(&with(&ours, &ours), numbers), [""; 0]);
}

/// The same without.
fn raise(keys: &[(&str, &str)], numbers: Range<usize>) {
    let keys = keys.iter().map(|(key, value)| (*key, (*value).to_owned()));
    assert_eq!(send(&keys.collect::<Vec<_>>(), numbers), [""; 0]);
}

/// What goes wrong when the alerts of those numbers are raised for a sink with these keys.
fn send(keys: &[(&str, String)], numbers: Range<usize>) -> Vec<String> {
    let text = |(key, value): &(&str, String)| ((*key).to_owned(), Setting::Text(value.clone()));
    let settings = Settings {
        values: keys.iter().map(text).collect(),
        hostname: "host".to_owned(),
    };
    let format = Format {
        hostname: "host".to_owned(),
        ..Format::default()
    };
    let sink = falco_sinks::open(&settings, &format).unwrap();
    let troubles = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&troubles);
    let options = Options {
        timeout: PATIENCE,
        ..Options::default()
    };
    let report =
        move |trouble: falco_alerts::Trouble| told.lock().unwrap().push(trouble.to_string());
    let outputs = Outputs::start(options, vec![Box::new(sink)], report).unwrap();
    numbers.for_each(|number| outputs.push(alert(number), Routes::ALL));
    outputs.finish();
    let troubles = troubles.lock().unwrap();
    troubles.clone()
}

/// The numbers of alerts in JSON.
fn numbers<'a>(alerts: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
    let number = |alert: &str| {
        let alert: Value = serde_json::from_str(alert).unwrap();
        assert_eq!(alert["tags"][1], "b");
        alert["output_fields"]["n"].as_u64().unwrap() as usize
    };
    alerts.into_iter().map(number).collect()
}

fn all() -> Vec<usize> {
    (0..COUNT).collect()
}

#[cfg(feature = "nats")]
#[test]
fn nats_keeps_every_alert_in_its_stream() {
    let Some(program) = found("nats-server") else {
        return;
    };
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let certificates = Certificates::new(dir.path());
    let [server, key, ca] =
        ["server.crt", "server.key", "ca.crt"].map(|name| certificates.path(name));
    let config = dir.path().join("nats.conf");
    let text = format!(
        "listen: \"127.0.0.1:{port}\"\njetstream {{store_dir: \"{}\"}}\nallow_non_tls: true\n\
         tls {{cert_file: \"{server}\", key_file: \"{key}\", ca_file: \"{ca}\", verify: true}}\n",
        dir.path().display()
    );
    fs::write(&config, text).unwrap();
    let _server = Peer::start(Command::new(program).arg("-c").arg(&config), port);
    // A subscriber that speaks the protocol by hand, since what it gets is what was published.
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    stream
        .write_all(b"CONNECT {\"verbose\":false}\r\nSUB alerts.x 1\r\nPING\r\n")
        .unwrap();
    while lines.next().unwrap().unwrap() != "PONG" {}
    let keys = |url| {
        [
            ("type", "nats"),
            ("url", url),
            ("topic", "alerts.x"),
            ("stream", "ALERTS"),
        ]
    };
    let url = format!("nats://127.0.0.1:{port}");
    raise(&keys(&url), PLAIN);
    let url = format!("tls://127.0.0.1:{port}");
    raise_tls(&keys(&url), &certificates, SECRET);
    let mut seen = Vec::new();
    while seen.len() < COUNT {
        let line = lines.next().unwrap().unwrap();
        if line.starts_with('{') {
            seen.push(line);
        }
    }
    assert_eq!(numbers(seen.iter().map(String::as_str)), all());
    // The stream, as the server counts it.
    stream
        .write_all(b"SUB answer 2\r\nPUB $JS.API.STREAM.INFO.ALERTS answer 0\r\n\r\n")
        .unwrap();
    let info = lines
        .map(Result::unwrap)
        .find(|line| line.contains("stream_info_response"));
    let info: Value = serde_json::from_str(&info.unwrap()).unwrap();
    assert_eq!(info["state"]["messages"], COUNT);
}

#[cfg(feature = "redis")]
#[test]
fn redis_has_every_alert_in_its_stream() {
    let (Some(program), Some(client)) = (found("redis-server"), found("redis-cli")) else {
        return;
    };
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let (certificates, tls_port) = (Certificates::new(dir.path()), free_port());
    let mut command = Command::new(program);
    command.args([
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--requirepass",
        "secret",
    ]);
    command.args([
        "--port",
        &port.to_string(),
        "--tls-port",
        &tls_port.to_string(),
    ]);
    for (option, name) in [
        ("--tls-cert-file", "server.crt"),
        ("--tls-key-file", "server.key"),
        ("--tls-ca-cert-file", "ca.crt"),
    ] {
        command.args([option, &certificates.path(name)]);
    }
    let _server = Peer::start(command.arg("--dir").arg(dir.path()), port);
    let url = format!("redis://:secret@127.0.0.1:{port}/");
    let keys = |url| [("type", "redis"), ("url", url), ("stream", "alerts")];
    raise(&keys(&url), PLAIN);
    let url = format!("rediss://:secret@127.0.0.1:{tls_port}/");
    raise_tls(&keys(&url), &certificates, SECRET);
    let mut ask = Command::new(client);
    ask.args([
        "-p",
        &port.to_string(),
        "-a",
        "secret",
        "--no-auth-warning",
        "--raw",
    ]);
    let text = output(ask.args(["XRANGE", "alerts", "-", "+"]));
    assert_eq!(
        numbers(text.lines().filter(|line| line.starts_with('{'))),
        all()
    );
}

#[cfg(feature = "mqtt")]
#[test]
fn mosquitto_gives_every_alert_to_a_subscriber() {
    let (Some(program), Some(client)) = (found("mosquitto"), found("mosquitto_sub")) else {
        return;
    };
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let (certificates, tls_port) = (Certificates::new(dir.path()), free_port());
    let [server, key, ca] =
        ["server.crt", "server.key", "ca.crt"].map(|name| certificates.path(name));
    let config = dir.path().join("mosquitto.conf");
    let text = format!(
        "max_queued_messages 0\nallow_anonymous true\nlistener {port} 127.0.0.1\nlistener {tls_port} 127.0.0.1\n\
         certfile {server}\nkeyfile {key}\ncafile {ca}\nrequire_certificate true\n"
    );
    fs::write(&config, text).unwrap();
    let _server = Peer::start(Command::new(program).arg("-c").arg(&config), port);
    // A subscription that lasts while nobody listens.
    let port = port.to_string();
    let subscriber = || {
        let mut subscriber = Command::new(&client);
        let session = ["-p", &port, "-i", "reader", "-c", "-q", "1"];
        subscriber.args(session).args(["-t", "falco/alerts"]);
        subscriber
    };
    output(subscriber().arg("-E"));
    let keys = |url| [("type", "mqtt"), ("url", url), ("topic", "falco/alerts")];
    let url = format!("mqtt://127.0.0.1:{port}");
    raise(&keys(&url), PLAIN);
    let url = format!("mqtts://127.0.0.1:{tls_port}");
    raise_tls(&keys(&url), &certificates, SECRET);
    let text = output(subscriber().args(["-C", &COUNT.to_string(), "-W", "180"]));
    assert_eq!(numbers(text.lines()), all());
}

#[cfg(feature = "amqp")]
#[test]
fn rabbitmq_queues_every_alert() {
    let program = std::path::Path::new("/usr/lib/rabbitmq/bin/rabbitmq-server");
    let (true, Some(client)) = (program.exists(), found("amqp-consume")) else {
        println!("skipped: no {}", program.display());
        return;
    };
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let at = |name: &str| dir.path().join(name);
    let (certificates, tls_port) = (Certificates::new(dir.path()), free_port());
    let [server, key, ca] =
        ["server.crt", "server.key", "ca.crt"].map(|name| certificates.path(name));
    let config = format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\nlisteners.ssl.1 = 127.0.0.1:{tls_port}\n\
         ssl_options.cacertfile = {ca}\nssl_options.certfile = {server}\nssl_options.keyfile = {key}\n\
         ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n"
    );
    fs::write(at("rabbitmq.conf"), config).unwrap();
    let mapper = free_port().to_string();
    let mut command = Command::new(program);
    command
        .env("HOME", dir.path())
        .env("ERL_EPMD_PORT", &mapper)
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODENAME", "falco@localhost")
        .env("RABBITMQ_DIST_PORT", free_port().to_string())
        .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"))
        .env("RABBITMQ_MNESIA_BASE", at("db"))
        .env("RABBITMQ_LOG_BASE", at("log"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("plugins"))
        .env("RABBITMQ_PID_FILE", at("pid"));
    let server = Peer::start(&mut command, port);
    let keys = |url| [("type", "amqp"), ("url", url), ("queue", "alerts")];
    let url = format!("amqps://guest:guest@127.0.0.1:{tls_port}/%2f");
    until(|| TcpStream::connect(("127.0.0.1", tls_port)).is_ok());
    raise_tls(&keys(&url), &certificates, PLAIN);
    let url = format!("amqp://guest:guest@127.0.0.1:{port}/%2f");
    raise(&keys(&url), SECRET);
    let mut consume = Command::new(client);
    let url = url.trim_end_matches("/%2f");
    consume.args(["-u", url, "-q", "alerts", "-c", &COUNT.to_string()]);
    // It runs a program for each message; these have no newline.
    fs::write(at("show"), "cat; echo\n").unwrap();
    let text = output(consume.arg("sh").arg(at("show")));
    assert_eq!(numbers(text.lines()), all());
    drop(server);
    // The node registers with a daemon of its own, which it leaves behind.
    let _ = Command::new("epmd")
        .env("ERL_EPMD_PORT", mapper)
        .arg("-kill")
        .output();
}

#[cfg(feature = "postgresql")]
#[test]
fn postgresql_has_a_row_for_every_alert() {
    let mut versions: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    versions.sort_by_key(fs::DirEntry::file_name);
    let (Some(version), Some(client)) = (versions.pop(), found("psql")) else {
        println!("skipped: no /usr/lib/postgresql");
        return;
    };
    // It runs as anybody but root.
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let run = |program: &str| {
        let program = version.path().join("bin").join(program);
        if peer::is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        }
    };
    let certificates = Certificates::new(dir.path());
    // Nobody but the server may read its key.
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(certificates.path("server.key"), private).unwrap();
    if peer::is_root() {
        output(
            Command::new("chown")
                .args(["-R", "postgres"])
                .arg(dir.path()),
        );
    }
    let data = dir.path().join("data");
    output(
        run("initdb")
            .args(["-A", "trust", "-U", "falco", "-D"])
            .arg(&data),
    );
    let allowed = "hostssl all all all trust clientcert=verify-ca\nhostnossl all all all trust\n";
    fs::write(data.join("pg_hba.conf"), allowed).unwrap();
    let mut command = run("postgres");
    command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"]);
    command.arg(dir.path()).arg("-D").arg(&data);
    for (setting, file) in [
        ("ssl_cert_file", "server.crt"),
        ("ssl_key_file", "server.key"),
        ("ssl_ca_file", "ca.crt"),
    ] {
        command.args(["-c", &format!("{setting}={}", certificates.path(file))]);
    }
    let _server = Peer::start(command.args(["-c", "ssl=on"]), port);
    let url = format!("postgresql://falco@127.0.0.1:{port}/postgres?sslmode=disable");
    // It listens before it is ready.
    let asked = |sql: &str| {
        let mut ask = Command::new(&client);
        let told = ask.args([&*url, "-tA", "-c", sql]).output().unwrap();
        told.status
            .success()
            .then(|| String::from_utf8(told.stdout).unwrap())
    };
    until(|| asked("SELECT 1").is_some());
    let keys = |url| {
        [
            ("type", "postgresql"),
            ("url", url),
            ("table", "public.alerts"),
        ]
    };
    raise(&keys(&url), PLAIN);
    let secret = url.replace("disable", "require");
    raise_tls(&keys(&secret), &certificates, SECRET);
    let text = asked("SELECT alert FROM public.alerts ORDER BY time").unwrap();
    assert_eq!(numbers(text.lines()), all());
    let row = asked(
        "SELECT priority, rule, source, tags, extract(epoch from time)::bigint FROM alerts WHERE (alert->'output_fields'->>'n')::int = 4",
    );
    assert_eq!(row.unwrap().trim(), "Warning|Rule 1|syscall|a,b|1700000000");
}

#[test]
fn alertmanager_shows_alerts() {
    let (Some(program), Some(client)) = (found("prometheus-alertmanager"), found("amtool")) else {
        return;
    };
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let config = dir.path().join("config.yml");
    fs::write(
        &config,
        "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n",
    )
    .unwrap();
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", dir.path().display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=");
    let _server = Peer::start(&mut command, port);
    let url = format!("http://127.0.0.1:{port}");
    raise(&[("type", "alertmanager"), ("url", &url)], 0..30);
    // Those of a rule are one alert, which the last of them has told of.
    let mut ask = Command::new(client);
    ask.arg(format!("--alertmanager.url={url}"))
        .args(["alert", "query", "-o", "json"]);
    let mut alerts = Value::Null;
    until(|| {
        alerts = serde_json::from_str(&output(&mut ask)).unwrap();
        alerts.as_array().is_some_and(|alerts| alerts.len() == 3)
    });
    for alert in alerts.as_array().unwrap() {
        assert_eq!(alert["labels"]["severity"], "warning");
        assert_eq!(alert["labels"]["hostname"], "host");
    }
}

#[cfg(feature = "kafka")]
#[test]
fn brokers_have_every_alert_in_their_partitions() {
    // There is no server in the distribution; librdkafka has a cluster for tests, without TLS.
    let (Some(python), Some(client)) = (found("python3"), found("kcat")) else {
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/mock_kafka.py");
    let mut command = Command::new(python);
    command
        .args([script, "falco"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut cluster = Peer::spawn(&mut command);
    let mut address = String::new();
    let mut told = BufReader::new(cluster.child.stdout.take().unwrap());
    told.read_line(&mut address).unwrap();
    let address = address.trim();
    if address.is_empty() {
        println!("skipped: no librdkafka.so.1");
        return;
    }
    raise(
        &[("type", "kafka"), ("url", address), ("topic", "falco")],
        0..COUNT,
    );
    let mut seen = Vec::new();
    for partition in ["0", "1"] {
        let mut consume = Command::new(&client);
        consume.args(["-b", address, "-C", "-t", "falco", "-p", partition]);
        let text = output(consume.args(["-o", "beginning", "-e", "-q"]));
        let part = numbers(text.lines());
        assert!(part.is_sorted());
        seen.extend(part);
    }
    seen.sort_unstable();
    assert_eq!(seen, all());
}

/// A client made by others' tools from our descriptions of the protocol.
#[test]
fn a_generated_client_reads_grpc() {
    use falco_sinks::grpc::{GrpcChannel, Options, Server, Version};

    // `make test-peers` says where the packages are.
    let python = std::env::var("PEERS_PYTHON").unwrap_or("python3".to_owned());
    let modules = Command::new(&python)
        .args(["-c", "import grpc, grpc_tools"])
        .output();
    if !modules.is_ok_and(|imported| imported.status.success()) {
        println!("skipped: no grpcio and grpcio-tools for {python}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let address = format!("unix://{}", dir.path().join("s").display());
    let options = Options {
        address: address.clone(),
        threads: 2,
        private_key: "".into(),
        cert_chain: "".into(),
        root_certs: "".into(),
    };
    let version = Version::new("1.2.3", "0.63.0");
    let server = Arc::new(Server::start(options, &version, None).unwrap());
    let channel = GrpcChannel::new(server, "host".to_owned(), jiff::tz::TimeZone::UTC);
    let channels: Vec<Box<dyn falco_alerts::Channel>> = vec![Box::new(channel)];
    let options = falco_alerts::Options {
        timeout: PATIENCE,
        ..falco_alerts::Options::default()
    };
    let outputs = Outputs::start(options, channels, |trouble| panic!("{trouble}")).unwrap();
    (0..COUNT).for_each(|number| outputs.push(alert(number), Routes::ALL));
    let root = env!("CARGO_MANIFEST_DIR");
    let mut client = Command::new(&python);
    client.arg(format!("{root}/tests/peer/grpc_client.py"));
    client.arg(format!("{root}/proto")).arg(dir.path());
    let told = output(client.args([&address, &COUNT.to_string()]));
    assert_eq!(told.trim(), "version 1.2.3 engine 0.63.0\nget\nsub");
    outputs.finish();
}
