//! Values of fields of what Kubernetes tells.
#![allow(clippy::unwrap_used, reason = "only tests use it")]

use bumpalo::Bump;
use falco_event::{Builder, Event, codes};
use falco_fields::{Catalogue, Context, Facts, Seen};
use falco_filter::{Catalog, Value, Values};
use falco_state::{State, Thread};
use serde_json::json;

const POD: &str = "93f64796-43b9-468d-b77b-c652c985d5e0";
const OTHER: &str = "5eaeeca9-2277-460b-a4bf-5a0783f6d49f";
const ID: &str = "32a1026ccb88a551e2a38eb8f260b4700aefec7e8c007344057e58a9fa302374";

fn apply(state: &mut State, name: &str, json: &serde_json::Value) {
    let event = Builder::new(codes::ASYNCEVENT_E, 9, -1)
        .u32(0)
        .str(name.as_bytes())
        .bytes(format!("{json}\0").as_bytes())
        .finish();
    state.apply(&Event::parse(&event).unwrap());
}

fn tell(state: &mut State, kind: &str, uid: &str, meta: &serde_json::Value) {
    let told = json!({"reason": "Create", "kind": kind, "uid": uid, "meta": meta.to_string()});
    apply(state, "k8s", &told);
}

/// A process in a pod, one in a pod that only its runtime names, one in a pod that nobody knows, one of the host.
fn state() -> State {
    let mut state = State::default();
    let systemd = POD.replace('-', "_");
    for (tid, path) in [
        (
            7,
            format!(
                "/kubepods.slice/kubepods-burstable-pod{systemd}.slice/cri-containerd-{ID}.scope"
            ),
        ),
        (8, format!("/docker/{ID}")),
        (9, format!("/kubepods/pod{}/x", "a".repeat(36))),
        (10, "/".into()),
    ] {
        state.add_thread(Thread {
            tid,
            pid: tid,
            ptid: 1,
            cgroups: format!("cpu=/\0memory={path}\0").into_bytes().into(),
            ..Thread::default()
        });
    }
    state.settle();
    // With a number of the table of containers.
    state.watch_containers(falco_state::Engines::default(), None, false);
    apply(
        &mut state,
        "container",
        &json!({"container": {"type": 0, "id": ID.get(..12), "full_id": ID, "labels": {"io.kubernetes.pod.uid": OTHER}}}),
    );
    state
}

fn cluster(state: &mut State) {
    let refs = |kinds: &[(&str, &[&str])]| -> serde_json::Value {
        let lists = kinds.iter();
        let lists: serde_json::Map<_, _> = lists
            .map(|(kind, uids)| ((*kind).to_owned(), json!({"list": uids})))
            .collect();
        json!({"resources": lists})
    };
    apply(
        state,
        "k8s",
        &json!({"reason": "Create", "kind": "Pod", "uid": POD, "meta":
            r#"{"name":"web-1-a","namespace":"shop","labels":{"app":"web","b/c":""}}"#, "status": r#"{"podIP":"10.1.0.7"}"#,
            "refs": refs(&[("Namespace", &["ns"]), ("ReplicaSet", &["rs"]), ("Deployment", &["d"]), ("Service", &["s1", "lost", "s2"]),
                ("ReplicationController", &["lost"])])}),
    );
    apply(
        state,
        "k8s",
        &json!({"reason": "Create", "kind": "Pod", "uid": OTHER, "meta": r#"{"name":"db"}"#}),
    );
    let meta = |name: &str| json!({"name": name, "labels": {"team": name, "x": "y"}});
    tell(state, "Namespace", "ns", &meta("shop"));
    tell(state, "Deployment", "d", &meta("web"));
    tell(state, "ReplicaSet", "rs", &json!({"name": "web-1"}));
    tell(state, "Service", "s1", &meta("front"));
    tell(state, "Service", "s2", &meta("back"));
}

fn check(state: &mut State, tid: i64, rows: &[(&str, Option<Value<'_>>)]) {
    let mut catalogue = Catalogue::new();
    catalogue.add_kubernetes();
    let mut slot = |text: &str| {
        let (name, arg) = match text.split_once('[') {
            Some((name, arg)) => (name, arg.strip_suffix(']')),
            None => (text, None),
        };
        catalogue.field(name, arg).unwrap().slot
    };
    let slots: Vec<_> = rows.iter().map(|(name, _)| slot(name)).collect();
    let event = Builder::new(codes::SYSCALL_CHDIR_X, 1_000, tid);
    let event = event.i64(0).str(b"/").finish();
    let event = Event::parse(&event).unwrap();
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
        assert_eq!(facts.value(slot), *value, "value of {name} of {tid}");
    }
}

#[test]
fn a_pod_and_what_it_belongs_to() {
    let mut state = state();
    cluster(&mut state);
    let text = |text: &'static str| Some(Value::Str(text.as_bytes()));
    let two = |one: &'static str, two: &'static str| {
        [Value::Str(one.as_bytes()), Value::Str(two.as_bytes())]
    };
    let (labels, of_namespace) = (two("app:web", "b/c:"), two("team:shop", "x:y"));
    let of_deployment = two("team:web", "x:y");
    let (names, teams) = (two("front", "back"), two("front", "back"));
    let uids = ["s1", "lost", "s2"].map(|uid| Value::Str(uid.as_bytes()));
    let of_services = ["team:front", "x:y", "team:back", "x:y"].map(|it| Value::Str(it.as_bytes()));
    let rows = [
        ("k8smeta.pod.name", text("web-1-a")),
        ("k8smeta.pod.uid", text(POD)),
        ("k8smeta.pod.label[b/c]", text("")),
        ("k8smeta.pod.label[no]", None),
        ("k8smeta.pod.labels", Some(Value::List(&labels))),
        ("k8smeta.pod.ip", text("10.1.0.7")),
        ("k8smeta.ns.name", text("shop")),
        ("k8smeta.ns.uid", text("ns")),
        ("k8smeta.ns.label[team]", text("shop")),
        ("k8smeta.ns.labels", Some(Value::List(&of_namespace))),
        ("k8smeta.deployment.name", text("web")),
        ("k8smeta.deployment.uid", text("d")),
        ("k8smeta.deployment.label[team]", text("web")),
        (
            "k8smeta.deployment.labels",
            Some(Value::List(&of_deployment)),
        ),
        ("k8smeta.svc.name", Some(Value::List(&names))),
        ("k8smeta.svc.uid", Some(Value::List(&uids))),
        ("k8smeta.svc.label[team]", Some(Value::List(&teams))),
        ("k8smeta.svc.label[no]", None),
        ("k8smeta.svc.labels", Some(Value::List(&of_services))),
        ("k8smeta.rs.name", text("web-1")),
        ("k8smeta.rs.uid", text("rs")),
        ("k8smeta.rs.label[team]", None),
        ("k8smeta.rs.labels", None),
        // Its uid is known from the pod, nothing else.
        ("k8smeta.rc.uid", text("lost")),
        ("k8smeta.rc.name", None),
        ("k8smeta.rc.label[team]", None),
        ("k8smeta.rc.labels", None),
    ];
    check(&mut state, 7, &rows);
    check(
        &mut state,
        8,
        &[
            ("k8smeta.pod.name", text("db")),
            ("k8smeta.pod.uid", text(OTHER)),
            ("k8smeta.pod.labels", None),
            ("k8smeta.ns.name", None),
            ("k8smeta.ns.uid", None),
            ("k8smeta.svc.name", None),
        ],
    );
    let none = [("k8smeta.pod.name", None), ("k8smeta.pod.uid", None)];
    check(&mut state, 9, &none);
    check(&mut state, 10, &none);
}

#[test]
fn what_is_gone_has_no_value() {
    let mut state = state();
    cluster(&mut state);
    let gone = json!({"reason": "Delete", "kind": "Deployment", "uid": "d"});
    apply(&mut state, "k8s", &gone);
    check(&mut state, 7, &[("k8smeta.deployment.name", None)]);
    let gone = json!({"reason": "Delete", "kind": "Pod", "uid": POD});
    apply(&mut state, "k8s", &gone);
    check(&mut state, 7, &[("k8smeta.pod.uid", None)]);
}

#[test]
fn the_fields_are_there_only_when_they_are_asked_for() {
    let mut without = Catalogue::new();
    assert!(without.field("k8smeta.pod.name", None).is_err());
    assert!(
        without
            .fields()
            .all(|field| !field.name.starts_with("k8smeta"))
    );
    let mut with = Catalogue::new();
    with.add_kubernetes();
    let of_plugin = with
        .fields()
        .filter(|field| field.name.starts_with("k8smeta"));
    assert_eq!(of_plugin.count(), 25);
    assert!(with.field("k8smeta.svc.name", None).unwrap().list);
    for (name, arg, words) in [
        ("k8smeta.pod.label", None, "requires an argument"),
        ("k8smeta.pod.name", Some("a"), "does not allow nor require"),
        ("k8smeta.pod.nam", None, "nonexistent field"),
    ] {
        let error = with.field(name, arg).unwrap_err();
        assert!(error.0.contains(words), "{}", error.0);
    }
}
