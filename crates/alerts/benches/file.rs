//! How many alerts reach a file in a second of the time of one core:
//!
//!     taskset -c 0 cargo bench -p falco-alerts
//!
//! Whoever raises alerts waits for room here, so that the figure is what can be kept up. The time is that of the processor: others that use the
//! machine do not count.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints and may panic"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use falco_alerts::{
    Alert, Channel, FileChannel, Format, JsonForm, Kind, Options, Outputs, Priority, Routes,
};
use serde_json::{Value, json};

const ALERTS: u64 = 200_000;

fn main() {
    let text = Format::default();
    let json = Format {
        json: true,
        ..Format::default()
    };
    let ocsf = Format {
        form: JsonForm::Ocsf,
        ..json.clone()
    };
    for (name, format, keep_open, buffered) in [
        ("text", text, true, false),
        ("JSON", json.clone(), true, false),
        ("JSON, opened anew", json.clone(), false, false),
        ("JSON, buffered", json, true, true),
        ("OCSF", ocsf, true, false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alerts");
        let channels: Vec<Box<dyn Channel>> = vec![Box::new(FileChannel::new(
            path.clone(),
            keep_open,
            buffered,
        ))];
        let options = Options {
            patient: true,
            format,
            ..Options::default()
        };
        let took = run(options, channels);
        let size = std::fs::metadata(&path).unwrap().len();
        let written = std::fs::read(&path).unwrap();
        let lines = written.split(|&byte| byte == b'\n').count() - 1;
        assert_eq!(lines as u64, ALERTS);
        println!(
            "file, {name}: {:.0} alerts of {} bytes a second",
            ALERTS as f64 / took.as_secs_f64(),
            size / ALERTS
        );
    }
}

fn run(options: Options, channels: Vec<Box<dyn Channel>>) -> Duration {
    let outputs = Outputs::start(options, channels, |trouble| panic!("{trouble}")).unwrap();
    let alert = alert();
    let start = cpu_time();
    for number in 0..ALERTS {
        let mut alert = alert.clone();
        alert.time_ns += number;
        outputs.push(alert, Routes::ALL);
    }
    outputs.finish();
    cpu_time().saturating_sub(start)
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// One as upstream's rules raise them.
fn alert() -> Alert {
    let fields: BTreeMap<String, Value> = serde_json::from_value(json!({
        "container.id": "3ad7b26ded6d", "container.image.repository": "docker.io/library/nginx", "container.image.tag": "1.27",
        "container.name": "web", "evt.time": 1_795_461_203_805_062_627_u64, "evt.type": "openat", "fd.name": "/etc/shadow",
        "k8s.ns.name": "shop", "k8s.pod.name": "web-0", "proc.cmdline": "cat /etc/shadow", "proc.exepath": "/usr/bin/cat",
        "proc.name": "cat", "proc.pname": "bash", "proc.tty": 34816, "user.loginuid": -1, "user.name": "root", "user.uid": 0,
    }))
    .unwrap();
    Alert {
        time_ns: 1_795_461_203_805_062_627,
        priority: Priority::Warning,
        rule: "Read sensitive file untrusted".into(),
        source: "syscall".into(),
        message: b"Sensitive file opened for reading by non-trusted program | file=/etc/shadow user=root user_uid=0 process=cat \
            command=cat /etc/shadow container_id=3ad7b26ded6d container_name=web"
            .to_vec(),
        fields,
        kind: Kind::Rule {
            tags: ["T1555", "container", "filesystem", "host", "maturity_stable", "mitre_credential_access"]
                .map(Into::into)
                .into(),
        },
    }
}
