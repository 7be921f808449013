//! ECS 8.17, an event of the kind `alert`: <https://www.elastic.co/guide/en/ecs/8.17/index.html>.
//!
//! | in ECS | from |
//! |---|---|
//! | `rule.name` | the rule |
//! | `message` | the output, without time and priority |
//! | `event.severity` | the priority: 99 critical and worse, 73 error, 47 warning, 21 the others; `log.level` and `log.syslog.severity` have its name and number |
//! | `event.action`, `event.provider` | `evt.type`, the source |
//! | `threat.tactic`, `threat.technique` | tags of MITRE ATT&CK |
//! | `process.*`, `user.*`, `group.*` | `proc.*`, `thread.tid`, `user.*`, `group.*` |
//! | `file.*` | `fd.name` where it is a path |
//! | `source.*`, `destination.*`, `network.transport` | `fd.cip`, `fd.cport`, `fd.sip`, `fd.sport`, `fd.l4proto` |
//! | `container.*`, `orchestrator.*` | `container.*`, `k8s.*` |
//! | `falco.output_fields` | all other fields |

use serde_json::{Value, json};

use super::{Fields, base_name, ends, file, put, put_field, tactics, tags, techniques};
use crate::time::iso8601;
use crate::{Alert, Priority};

const VERSION: &str = "8.17.0";

/// Values that stay what they are: where they go, and the field.
const FIELDS: [(&str, &str); 21] = [
    ("event.action", "evt.type"),
    ("process.name", "proc.name"),
    ("process.pid", "proc.pid"),
    ("process.thread.id", "thread.tid"),
    ("process.command_line", "proc.cmdline"),
    ("process.executable", "proc.exepath"),
    ("process.working_directory", "proc.cwd"),
    ("process.parent.name", "proc.pname"),
    ("process.parent.pid", "proc.ppid"),
    ("process.parent.command_line", "proc.pcmdline"),
    ("process.parent.executable", "proc.pexepath"),
    ("user.name", "user.name"),
    ("group.name", "group.name"),
    ("network.transport", "fd.l4proto"),
    ("container.id", "container.id"),
    ("container.name", "container.name"),
    ("container.image.name", "container.image.repository"),
    ("container.runtime", "container.type"),
    ("orchestrator.namespace", "k8s.ns.name"),
    ("orchestrator.resource.name", "k8s.pod.name"),
    ("orchestrator.resource.id", "k8s.pod.uid"),
];

/// The event that an alert is.
pub(in crate::line) fn event(alert: &Alert, hostname: &str, product: &str) -> Value {
    let mut fields = Fields::of(alert);
    let tags = tags(alert);
    let mut time = Vec::new();
    iso8601(alert.time_ns, "Z", &mut time);
    let mut event = json!({
        "@timestamp": String::from_utf8_lossy(&time),
        "ecs": {"version": VERSION},
        "event": {
            "dataset": "falco.alerts",
            "kind": "alert",
            "module": "falco",
            "provider": &*alert.source,
            "severity": severity(alert.priority),
            "type": ["info"],
        },
        "host": {"hostname": hostname, "name": hostname},
        "log": {
            "level": alert.priority.name().to_lowercase(),
            "syslog": {
                "severity": {"code": alert.priority as u8, "name": alert.priority.name()},
            },
        },
        "message": String::from_utf8_lossy(&alert.message),
        "observer": {"product": "Falco", "type": "ids", "vendor": "falco.org", "version": product},
        "rule": {"name": &*alert.rule},
    });
    threat(&mut event, &tags);
    put(&mut event, "tags", (!tags.is_empty()).then_some(tags));
    for (path, name) in FIELDS {
        put_field(&mut event, path, &mut fields, name);
    }
    if event.get("orchestrator").is_some() {
        put(&mut event, "orchestrator.type", Some("kubernetes"));
        put(&mut event, "orchestrator.resource.type", Some("pod"));
    }
    // Lists, and numbers that are texts there.
    let tag = fields.take("container.image.tag");
    put(
        &mut event,
        "container.image.tag",
        tag.map(|tag| json!([tag])),
    );
    for (path, name) in [("user.id", "user.uid"), ("group.id", "group.gid")] {
        let id = fields.take(name).map(|id| match id {
            Value::String(text) => text.clone(),
            number => number.to_string(),
        });
        put(&mut event, path, id);
    }
    let [client, server] = ends(&mut fields);
    for (end, (ip, port)) in [("source", client), ("destination", server)] {
        put(&mut event, &format!("{end}.ip"), ip.cloned());
        put(&mut event, &format!("{end}.port"), port.cloned());
    }
    if let Some((path, directory)) = file(&mut fields) {
        put(&mut event, "file.path", Some(path));
        put(&mut event, "file.name", Some(base_name(path)));
        let kind = directory.map(|directory| if directory { "dir" } else { "file" });
        put(&mut event, "file.type", kind);
    }
    let mut categories = vec!["intrusion_detection"];
    for (part, category) in [
        ("file", "file"),
        ("source", "network"),
        ("process", "process"),
    ] {
        if event.get(part).is_some() {
            categories.push(category);
        }
    }
    put(&mut event, "event.category", Some(categories));
    for name in ["evt.time", "evt.time.iso8601"] {
        fields.take(name);
    }
    let rest = fields.rest();
    put(
        &mut event,
        "falco.output_fields",
        (!rest.is_empty()).then_some(rest),
    );
    event
}

fn severity(priority: Priority) -> u8 {
    match priority {
        Priority::Emergency | Priority::Alert | Priority::Critical => 99,
        Priority::Error => 73,
        Priority::Warning => 47,
        Priority::Notice | Priority::Informational | Priority::Debug => 21,
    }
}

fn threat(event: &mut Value, tags: &[&str]) {
    let (ids, names): (Vec<_>, Vec<_>) = tactics(tags).unzip();
    let (parts, mut wholes): (Vec<_>, Vec<_>) = techniques(tags).partition(|id| id.contains('.'));
    // A part names its whole.
    wholes.extend(
        parts
            .iter()
            .filter_map(|id| id.split_once('.'))
            .map(|(whole, _)| whole),
    );
    wholes.sort_unstable();
    wholes.dedup();
    if ids.is_empty() && wholes.is_empty() {
        return;
    }
    put(event, "threat.framework", Some("MITRE ATT&CK"));
    put(event, "threat.tactic.id", (!ids.is_empty()).then_some(ids));
    put(
        event,
        "threat.tactic.name",
        (!names.is_empty()).then_some(names),
    );
    put(
        event,
        "threat.technique.id",
        (!wholes.is_empty()).then_some(wholes),
    );
    put(
        event,
        "threat.technique.subtechnique.id",
        (!parts.is_empty()).then_some(parts),
    );
}
