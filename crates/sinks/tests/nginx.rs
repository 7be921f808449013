//! A real web server that wants certificates: `make test-peers`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use falco_alerts::{Alert, Channel, Finished, Priority};
use falco_sinks::http::{HttpChannel, HttpOptions, Trust};

/// Certificates as openssl makes them: an authority, a server's, a client's.
const CERTIFICATES: &str = "
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=authority
for name in server client; do
    openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name
    echo subjectAltName=DNS:localhost > $name.ext
    openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile $name.ext -out $name.crt
done
";

struct Nginx(Child);

impl Nginx {
    fn start(dir: &Path, port: u16, behind: u16) -> Nginx {
        let config = format!(
            "daemon off; master_process off; pid pid; error_log error.log; events {{}}
             http {{
                 log_format body escape=none '$ssl_client_s_dn $http_user_agent $content_type $request_body';
                 access_log off; client_body_temp_path body; proxy_temp_path proxy;
                 fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                 server {{ listen 127.0.0.1:{behind}; return 200; }}
                 server {{
                     listen 127.0.0.1:{port} ssl;
                     ssl_certificate server.crt; ssl_certificate_key server.key;
                     ssl_client_certificate ca.crt; ssl_verify_client on;
                     access_log access.log body;
                     location / {{ proxy_pass http://127.0.0.1:{behind}; }}
                 }}
             }}"
        );
        fs::write(dir.join("nginx.conf"), config).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(dir).args(["-c", "nginx.conf"]);
        let nginx = Nginx(command.stderr(Stdio::null()).spawn().unwrap());
        until(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(come: impl Fn() -> bool) {
    for _ in 0..3000 {
        if come() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it does not come");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
#[ignore = "needs nginx and openssl: make test-peers"]
fn nginx_gets_alerts_from_whom_it_knows() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { dir.path().join(name) };
    let made = Command::new("sh")
        .args(["-ec", CERTIFICATES])
        .current_dir(dir.path())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    let port = free_port();
    let _nginx = Nginx::start(dir.path(), port, free_port());
    let options = HttpOptions {
        url: format!("https://localhost:{port}/alerts"),
        user_agent: "falcosecurity/falco".into(),
        json: true,
        echo: false,
        compress: false,
        keep_alive: true,
        timeout: Duration::from_secs(30),
        repeats: 0,
        trust: Trust {
            insecure: false,
            authorities: at("ca.crt"),
            identity: Some((at("client.crt"), at("client.key"))),
        },
    };
    let alert = |line: &str| {
        let alert = Alert::internal(0, Priority::Debug, "r", String::new(), BTreeMap::new());
        Arc::new(Finished::new(alert, line.into()))
    };
    let mut known = HttpChannel::new(options.clone());
    let mut expected = String::new();
    for number in 0..100 {
        let line = format!("{{\"number\":{number}}}");
        known.deliver(&alert(&line)).unwrap();
        let _ = writeln!(
            expected,
            "CN=client falcosecurity/falco application/json {line}"
        );
    }
    until(|| fs::read_to_string(at("access.log")).is_ok_and(|log| log.len() >= expected.len()));
    assert_eq!(fs::read_to_string(at("access.log")).unwrap(), expected);

    let mut nameless = HttpChannel::new(HttpOptions {
        trust: Trust {
            identity: None,
            ..options.trust
        },
        ..options
    });
    // nginx answers 400 to whom it does not know.
    let failure = nameless.deliver(&alert("{}")).unwrap_err().to_string();
    assert_eq!(failure, "the server refuses the alert: status 400");
}
