//! Alerts in OCSF and ECS, as people would see them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{Alert, Format, JsonForm, Kind, Priority};

fn alert(rule: &str, priority: Priority, tags: &[&str], fields: Value) -> Alert {
    Alert {
        time_ns: 1_795_461_203_805_062_627,
        priority,
        rule: rule.into(),
        source: "syscall".into(),
        message: b"something \xff happened".to_vec(),
        fields: serde_json::from_value(fields).unwrap(),
        kind: Kind::Rule {
            tags: tags.iter().map(|&tag| tag.into()).collect(),
        },
    }
}

/// A file that was read in a container, a connection, and a message of falco itself.
fn examples() -> [Alert; 3] {
    [
        alert(
            "Read sensitive file",
            Priority::Warning,
            &[
                "T1555",
                "T1552.001",
                "filesystem",
                "mitre_credential_access",
            ],
            json!({
                "container.id": "3ad7b26ded6d", "container.image.repository": "docker.io/nginx", "container.image.tag": "1.27",
                "container.name": "web", "evt.time": 1_795_461_203_805_062_627_u64, "evt.type": "openat", "fd.name": "/etc/shadow",
                "k8s.ns.name": "shop", "k8s.pod.name": "web-0", "proc.aname[2]": "containerd-shim", "proc.cmdline": "cat /etc/shadow",
                "proc.exepath": "/usr/bin/cat", "proc.name": "cat", "proc.pid": 4711, "proc.pname": "bash", "proc.ppid": 4700,
                "proc.tty": 34816, "user.loginuid": -1, "user.name": "root", "user.uid": 0,
            }),
        ),
        alert(
            "Outbound connection",
            Priority::Critical,
            &["mitre_command_and_control", "network"],
            json!({
                "fd.cip": "10.0.0.2", "fd.cport": 40000, "fd.l4proto": "tcp", "fd.name": "10.0.0.2:40000->192.0.2.1:443",
                "fd.sip": "192.0.2.1", "fd.sport": 443, "fd.type": "ipv4", "proc.name": "curl", "proc.exepath": "", "user.name": "<NA>",
                "container.id": "host", "container.name": null,
            }),
        ),
        Alert::internal(
            1_795_461_203_805_062_627,
            Priority::Debug,
            "Falco internal: syscall event drop",
            "Falco internal: syscall event drop. 3 system calls dropped in last second.".into(),
            BTreeMap::from([("n_drops".into(), json!("3"))]),
        ),
    ]
}

fn documents(form: JsonForm) -> String {
    let format = Format {
        json: true,
        form,
        hostname: "node-1".into(),
        product: "0.44.0".into(),
        ..Format::default()
    };
    let mut text = String::new();
    for alert in examples() {
        let line = format.line(&alert);
        let value: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(serde_json::to_vec(&value).unwrap(), line);
        text += &serde_json::to_string_pretty(&value).unwrap();
        text += "\n";
    }
    text
}

#[test]
fn ocsf() {
    insta::assert_snapshot!(documents(JsonForm::Ocsf));
}

#[test]
fn ecs() {
    insta::assert_snapshot!(documents(JsonForm::Ecs));
}
