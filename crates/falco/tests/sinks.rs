//! A sink gets the alerts that are bad enough and whose events fit its condition.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use falco_capture::{Machine, Writer};
use falco_event::{Builder, Event, codes};
use falco_state::{State, Thread};
use serde_json::Value;

const RULES: &str = "
- macro: interesting
  condition: evt.arg.path startswith /wanted
- rule: bad
  desc: d
  condition: evt.type = chdir and evt.arg.path endswith bad
  output: went to %evt.arg.path
  priority: WARNING
- rule: harmless
  desc: d
  condition: evt.type = chdir
  output: went to %evt.arg.path
  priority: INFO
";

/// A server of webhooks: its URL, and the alerts that it got.
fn server() -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let alerts = Arc::new(Mutex::new(Vec::new()));
    let got = Arc::clone(&alerts);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.to_ascii_lowercase();
                if let Some(text) = line.strip_prefix("content-length:") {
                    length = text.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            got.lock()
                .unwrap()
                .push(serde_json::from_slice(&body).unwrap());
            let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer).unwrap();
        }
    });
    (url, alerts)
}

#[test]
fn a_sink_gets_what_it_asks_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = State::default();
    state.add_thread(Thread {
        tid: 42,
        pid: 42,
        ptid: 1,
        ..Thread::default()
    });
    state.settle();
    let capture = dir.path().join("in.scap");
    let file = fs::File::create(&capture).unwrap();
    let mut writer = Writer::new(file, &Machine::default(), &state, 1).unwrap();
    for (number, path) in ["/wanted/bad", "/wanted", "/other/bad", "/wanted/1/bad"]
        .into_iter()
        .enumerate()
    {
        let event = Builder::new(codes::SYSCALL_CHDIR_X, 1_000 + number as u64, 42)
            .i64(0)
            .str(path.as_bytes())
            .finish();
        writer.event(&Event::parse(&event).unwrap(), 0).unwrap();
    }
    writer.finish().unwrap();
    let rules = dir.path().join("r.yaml");
    fs::write(&rules, RULES).unwrap();
    let ((all_url, all), (some_url, some)) = (server(), server());
    let config = format!(
        "stdout_output: {{enabled: true}}\nsinks:\n  - {{type: webhook, url: '{all_url}'}}\n  \
         - {{type: webhook, url: '{some_url}', minimum_priority: warning, condition: interesting and proc.pid = 42}}\n"
    );
    let path = dir.path().join("falco.yaml");
    fs::write(&path, &config).unwrap();
    let path = path.display().to_string();
    let rules = rules.display().to_string();
    let (_, text) = harness::replay(&capture, &["-c", &path, "-r", &rules]);
    assert!(text.contains("Events detected: 4"), "{text}");
    let paths = |alerts: &Mutex<Vec<Value>>| -> Vec<String> {
        let alerts = alerts.lock().unwrap();
        let path = |alert: &Value| {
            alert["output_fields"]["evt.arg.path"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        alerts.iter().map(path).collect()
    };
    assert_eq!(
        paths(&all),
        ["/wanted/bad", "/wanted", "/other/bad", "/wanted/1/bad"]
    );
    assert_eq!(paths(&some), ["/wanted/bad", "/wanted/1/bad"]);

    // A condition that does not compile is shown with its place.
    fs::write(
        dir.path().join("falco.yaml"),
        config.replace("interesting and", "interesting nad"),
    )
    .unwrap();
    let mut falco = std::process::Command::new(env!("CARGO_BIN_EXE_falco"));
    let told = falco
        .args(["-c", &path, "-r", &rules, "--dry-run"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&told.stderr);
    assert!(
        !told.status.success() && errors.contains("sinks[1]"),
        "{errors}"
    );
}
