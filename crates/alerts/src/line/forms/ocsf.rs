//! OCSF 1.3, the class Detection Finding (2004): <https://schema.ocsf.io/1.3.0/classes/detection_finding>.
//!
//! | in OCSF | from |
//! |---|---|
//! | `finding_info.title`, `.analytic.name` | the rule |
//! | `finding_info.attacks` | tags of MITRE ATT&CK |
//! | `severity_id` | the priority: 6 emergency, 5 alert and critical, 4 error, 3 warning, 2 notice, 1 informational and debug |
//! | `message` | the output, without time and priority |
//! | `metadata.labels`, `.log_name` | the other tags, the source |
//! | `evidences[0].process` | `proc.*`, `thread.tid`, `user.*`, `container.*` |
//! | `evidences[0].actor` | the process in short, and the user |
//! | `evidences[0].file` | `fd.name` where it is a path |
//! | `evidences[0].src_endpoint`, `.dst_endpoint` | `fd.cip`, `fd.cport`, `fd.sip`, `fd.sport` |
//! | `unmapped` | all other fields |

use serde_json::{Value, json};

use super::{Fields, base_name, ends, file, put, put_field, tactics, tags, techniques};
use crate::{Alert, Kind, Priority};

const VERSION: &str = "1.3.0";

/// The finding that an alert is.
pub(in crate::line) fn finding(alert: &Alert, hostname: &str, product: &str) -> Value {
    let mut fields = Fields::of(alert);
    let tags = tags(alert);
    let message = String::from_utf8_lossy(&alert.message);
    let (severity_id, severity) = severity(alert.priority);
    let time_ms = alert.time_ns / 1_000_000;
    // The same alert has the same name wherever it arrives, more than once perhaps.
    let uid = format!(
        "{}-{:08x}",
        alert.time_ns,
        crc32fast::hash(&[alert.rule.as_bytes(), &alert.message].concat())
    );
    let mut finding = json!({
        "activity_id": 1,
        "activity_name": "Create",
        "category_name": "Findings",
        "category_uid": 2,
        "class_name": "Detection Finding",
        "class_uid": 2004,
        "device": {"hostname": hostname, "type": "Unknown", "type_id": 0},
        "finding_info": {
            "analytic": {"name": &*alert.rule, "type": "Rule", "type_id": 1},
            "created_time": time_ms,
            "title": &*alert.rule,
            "uid": uid,
        },
        "is_alert": matches!(alert.kind, Kind::Rule { .. }),
        "message": message,
        "metadata": {
            "log_name": &*alert.source,
            "product": {"name": "Falco", "vendor_name": "falco.org", "version": product},
            "profiles": ["container", "host"],
            "version": VERSION,
        },
        "severity": severity,
        "severity_id": severity_id,
        "status": "New",
        "status_id": 1,
        "time": time_ms,
        "type_name": "Detection Finding: Create",
        "type_uid": 200_401,
    });
    let attacks = tactics(&tags).map(|(uid, name)| json!({"tactic": {"name": name, "uid": uid}}));
    let used = techniques(&tags).map(|uid| json!({"technique": {"uid": uid}}));
    let attacks: Vec<Value> = attacks.chain(used).collect();
    put(
        &mut finding,
        "finding_info.attacks",
        (!attacks.is_empty()).then_some(attacks),
    );
    put(
        &mut finding,
        "metadata.labels",
        (!tags.is_empty()).then_some(tags),
    );
    put_field(&mut finding, "metadata.event_code", &mut fields, "evt.type");
    let evidence = evidence(&mut fields);
    put(
        &mut finding,
        "evidences",
        (!evidence.is_null()).then(|| json!([evidence])),
    );
    for name in ["evt.time", "evt.time.iso8601"] {
        fields.take(name);
    }
    let rest = fields.rest();
    put(&mut finding, "unmapped", (!rest.is_empty()).then_some(rest));
    finding
}

fn severity(priority: Priority) -> (u8, &'static str) {
    match priority {
        Priority::Emergency => (6, "Fatal"),
        Priority::Alert | Priority::Critical => (5, "Critical"),
        Priority::Error => (4, "High"),
        Priority::Warning => (3, "Medium"),
        Priority::Notice => (2, "Low"),
        Priority::Informational | Priority::Debug => (1, "Informational"),
    }
}

fn evidence(fields: &mut Fields<'_>) -> Value {
    let mut evidence = Value::Null;
    for (path, name) in [
        ("process.name", "proc.name"),
        ("process.pid", "proc.pid"),
        ("process.tid", "thread.tid"),
        ("process.cmd_line", "proc.cmdline"),
        ("process.working_directory", "proc.cwd"),
        ("process.parent_process.name", "proc.pname"),
        ("process.parent_process.pid", "proc.ppid"),
        ("process.parent_process.cmd_line", "proc.pcmdline"),
        ("process.container.uid", "container.id"),
        ("process.container.name", "container.name"),
        ("process.container.image.name", "container.image.repository"),
        ("process.container.image.tag", "container.image.tag"),
        ("process.container.image.uid", "container.image.digest"),
        ("process.user.name", "user.name"),
        ("connection_info.protocol_name", "fd.l4proto"),
    ] {
        put_field(&mut evidence, path, fields, name);
    }
    // Numbers of users are texts there.
    let uid = fields.take("user.uid").map(|uid| match uid {
        Value::String(text) => text.clone(),
        number => number.to_string(),
    });
    put(&mut evidence, "process.user.uid", uid);
    for (path, name) in [
        ("process.file", "proc.exepath"),
        ("process.parent_process.file", "proc.pexepath"),
    ] {
        put(
            &mut evidence,
            path,
            fields.text(name).map(|path| a_file(path, Some(false))),
        );
    }
    if let Some((path, directory)) = file(fields) {
        put(&mut evidence, "file", Some(a_file(path, directory)));
    }
    let [client, server] = ends(fields);
    for (end, (ip, port)) in [("src_endpoint", client), ("dst_endpoint", server)] {
        put(&mut evidence, &format!("{end}.ip"), ip.cloned());
        put(&mut evidence, &format!("{end}.port"), port.cloned());
    }
    if evidence.get("connection_info").is_some() {
        put(&mut evidence, "connection_info.direction_id", Some(0));
    }
    let process = evidence.get("process").cloned().unwrap_or_default();
    for part in ["name", "pid"] {
        put(
            &mut evidence,
            &format!("actor.process.{part}"),
            process.get(part).cloned(),
        );
    }
    put(&mut evidence, "actor.user", process.get("user").cloned());
    evidence
}

fn a_file(path: &str, directory: Option<bool>) -> Value {
    let (type_id, kind) = match directory {
        None => (0, "Unknown"),
        Some(false) => (1, "Regular File"),
        Some(true) => (2, "Folder"),
    };
    json!({"name": base_name(path), "path": path, "type": kind, "type_id": type_id})
}
