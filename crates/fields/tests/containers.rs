//! Values of fields of containers.
#![allow(clippy::unwrap_used, reason = "only tests use it")]

use bumpalo::Bump;
use falco_event::{Builder, Event, codes};
use falco_fields::{Catalogue, Context, Facts, Seen};
use falco_filter::{Catalog, Value, Values};
use falco_state::{State, Thread};

const ID: &str = "32a1026ccb88a551e2a38eb8f260b4700aefec7e8c007344057e58a9fa302374";
const SANDBOX: &str = "0ca0fed353fb77c247abada85aebc667fd1f5fa0b5f6ab1efb26867ba18f2f0a";

const JSON: &str = r#"{"container":{"type":7,"id":"32a1026ccb88","name":"web","image":"docker.io/library/web:1.2",
"imagedigest":"sha256:d","imageid":"i","imagerepo":"docker.io/library/web","imagetag":"1.2","cni_json":"","full_id":
"32a1026ccb88a551e2a38eb8f260b4700aefec7e8c007344057e58a9fa302374","host_ipc":true,"host_network":false,"host_pid":true,
"ip":"10.1.2.3","labels":{"a":"1","annotation.x":"y","b":"","io.kubernetes.pod.name":"pod","io.kubernetes.pod.namespace":"ns",
"io.kubernetes.pod.uid":"uid"},"privileged":true,"pod_sandbox_id":
"0ca0fed353fb77c247abada85aebc667fd1f5fa0b5f6ab1efb26867ba18f2f0a","pod_sandbox_labels":null,"Mounts":[{"Source":"/var/lib",
"Destination":"/data","Mode":"z","RW":true,"Propagation":"rslave"},{"Source":"/proc/1","Destination":"/host/proc","RW":false}]}}"#;

const OF_SANDBOX: &str = r#"{"container":{"type":7,"id":"0ca0fed353fb","is_pod_sandbox":true,"ip":"10.9.9.9","cni_json":"[{}]",
"full_id":"0ca0fed353fb77c247abada85aebc667fd1f5fa0b5f6ab1efb26867ba18f2f0a","pod_sandbox_labels":{"app":"shop","tier":"web"}}}"#;

fn told(name: &str, json: &str) -> Vec<u8> {
    Builder::new(codes::ASYNCEVENT_E, 9, 0)
        .u32(0)
        .str(name.as_bytes())
        .bytes(format!("{json}\0").as_bytes())
        .finish()
}

/// A process in a container, one in another, one of the host.
fn state() -> State {
    let mut state = State::default();
    for (tid, path) in [(7, ID), (8, "other"), (9, "")] {
        let path = if path.is_empty() {
            "/".into()
        } else {
            format!("/default/{path}")
        };
        state.add_thread(Thread {
            tid,
            pid: tid,
            ptid: 1,
            pidns_start_ns: 400,
            cgroups: format!("cpu={path}\0").into_bytes().into(),
            ..Thread::default()
        });
    }
    state.settle();
    state
}

fn check(state: &mut State, event: &[u8], rows: &[(&str, Option<Value<'_>>)]) {
    let mut catalogue = Catalogue::new();
    let slot = |catalogue: &mut Catalogue, text: &str| {
        let (name, arg) = match text.split_once('[') {
            Some((name, arg)) => (name, arg.strip_suffix(']')),
            None => (text, None),
        };
        catalogue.field(name, arg).unwrap().slot
    };
    let slots: Vec<_> = rows
        .iter()
        .map(|(name, _)| slot(&mut catalogue, name))
        .collect();
    let event = Event::parse(event).unwrap();
    let subject = state.apply(&event);
    let (arena, context) = (Bump::new(), Context::default());
    let seen = Seen {
        event,
        subject,
        number: 1,
        cpu: 0,
    };
    let facts = Facts::new(&catalogue, &context, state, seen, &arena);
    for ((name, value), slot) in rows.iter().zip(slots) {
        assert_eq!(facts.value(slot), *value, "value of {name}");
        assert_eq!(facts.shown(slot), *value, "{name} shown");
    }
}

fn in_thread(tid: i64) -> Vec<u8> {
    Builder::new(codes::SYSCALL_CHDIR_X, 1_000, tid)
        .i64(0)
        .str(b"/")
        .finish()
}

#[expect(clippy::unnecessary_wraps, reason = "what a field has")]
fn text(text: &str) -> Option<Value<'_>> {
    Some(Value::Str(text.as_bytes()))
}

#[test]
fn what_a_runtime_told() {
    let mut state = state();
    state.apply(&Event::parse(&told("container", OF_SANDBOX)).unwrap());
    let yes = Some(Value::Bool(true));
    let rows = [
        ("container.id", text("32a1026ccb88")),
        ("container.full_id", text(ID)),
        ("container.name", text("web")),
        ("container.type", text("containerd")),
        ("container.image", text("docker.io/library/web:1.2")),
        ("container.image.id", text("i")),
        ("container.image.repository", text("docker.io/library/web")),
        ("container.image.tag", text("1.2")),
        ("container.image.digest", text("sha256:d")),
        ("container.privileged", yes),
        ("container.host_pid", yes),
        ("container.host_ipc", yes),
        ("container.host_network", Some(Value::Bool(false))),
        ("container.ip", text("10.1.2.3")),
        ("container.cni.json", text("")),
        (
            "container.mounts",
            text("/var/lib:/data:z:true:rslave,/proc/1:/host/proc::false:"),
        ),
        ("container.mount[0]", text("/var/lib:/data:z:true:rslave")),
        ("container.mount[2]", None),
        (
            "container.mount[/proc*]",
            text("/proc/1:/host/proc::false:"),
        ),
        ("container.mount.source[/data]", text("/var/lib")),
        ("container.mount.dest[^/proc]", text("/host/proc")),
        ("container.mount.dest[^nothing]", None),
        ("container.mount.dest[(]", None),
        ("container.mount.mode[0]", text("z")),
        ("container.mount.rdwr[1]", text("false")),
        ("container.mount.propagation[/var]", text("rslave")),
        ("container.label[a]", text("1")),
        ("container.label[c]", None),
        ("container.labels", text("a:1, b")),
        ("k8s.pod.name", text("pod")),
        ("k8s.ns.name", text("ns")),
        ("k8s.pod.id", text("uid")),
        ("k8s.pod.uid", text("uid")),
        ("k8s.pod.sandbox_id", text("0ca0fed353fb")),
        ("k8s.pod.full_sandbox_id", text(SANDBOX)),
        ("k8s.pod.label[app]", text("shop")),
        ("k8s.pod.labels", text("app:shop, tier:web")),
        ("k8s.pod.ip", text("10.9.9.9")),
        ("k8s.pod.cni.json", text("[{}]")),
        ("proc.is_container_healthcheck", None),
        ("k8s.deployment.name", None),
    ];
    // The event that tells it knows it already.
    check(&mut state, &told("container", JSON), &rows);
    check(
        &mut state,
        &told("container", JSON),
        &[
            ("evt.type", text("container")),
            ("container.start_ts", None),
        ],
    );
    check(&mut state, &in_thread(7), &rows);
    check(&mut state, &told("container_removed", JSON), &rows);
    let start = [
        ("container.start_ts", Some(Value::Uint(400))),
        ("container.duration", Some(Value::Uint(600))),
    ];
    check(&mut state, &in_thread(7), &start);
}

#[test]
fn what_nobody_told_yet() {
    let rows = [
        ("container.id", text("other")),
        ("container.name", None),
        ("container.full_id", None),
        ("container.type", None),
        ("container.image.repository", None),
        ("container.privileged", None),
        ("container.mount[0]", None),
        ("k8s.pod.name", None),
        ("container.duration", Some(Value::Uint(600))),
    ];
    check(&mut state(), &in_thread(8), &rows);
}

#[test]
fn the_host() {
    let rows = [
        ("container.id", text("host")),
        ("container.full_id", text("host")),
        ("container.name", text("host")),
        ("container.type", text("host")),
        ("container.image", text("")),
        ("container.privileged", Some(Value::Bool(false))),
        ("container.mounts", text("")),
        ("container.mount[0]", None),
        ("container.labels", text("")),
        ("k8s.pod.name", None),
        ("k8s.pod.labels", text("")),
    ];
    check(&mut state(), &in_thread(9), &rows);
    // Another notification is about no container and no thread.
    check(
        &mut state(),
        &told("other", "{}"),
        &[("container.id", None)],
    );
}
