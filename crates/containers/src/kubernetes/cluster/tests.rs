use super::*;

fn object(kind: Kind, value: &Value) -> Object {
    Object::read(kind, value).unwrap()
}

fn pod(uid: &str, app: &str, ip: &str) -> Change {
    Change::Is(object(
        Kind::Pod,
        &json!({
            "metadata": {"name": format!("{app}-{uid}"), "generateName": format!("{app}-"), "namespace": "shop", "uid": uid,
                "resourceVersion": "7", "managedFields": [{"manager": "kubelet"}], "annotations": {"secret": "s"},
                "labels": {"app": app, "pod-template-hash": "1"},
                "ownerReferences": [{"kind": "Node", "uid": "n"}, {"kind": "ReplicaSet", "uid": "rs", "name": "web-1", "controller": true}]},
            "spec": {"nodeName": "one", "containers": [{"env": [{"name": "PASSWORD", "value": "x"}]}]},
            "status": {"podIP": ip},
        }),
    ))
}

fn bare(kind: Kind, name: &str, uid: &str, owner: Option<(&str, &str)>) -> Object {
    let owners = owner.map(|(kind, uid)| json!([{"kind": kind, "uid": uid, "controller": true}]));
    object(
        kind,
        &json!({"metadata": {"name": name, "namespace": if kind == Kind::Namespace { "" } else { "shop" }, "uid": uid,
            "labels": {"of": name}, "ownerReferences": owners}}),
    )
}

fn service(uid: &str, namespace: &str, selector: &Value) -> Object {
    object(
        Kind::Service,
        &json!({"metadata": {"name": uid, "namespace": namespace, "uid": uid}, "spec": {"selector": selector}}),
    )
}

/// `reason kind uid` of each of the news.
fn heads(news: &[Vec<u8>]) -> Vec<String> {
    let head = |json: &Vec<u8>| {
        let all: Value = serde_json::from_slice(json).unwrap();
        format!(
            "{} {} {}",
            all.text("/reason"),
            all.text("/kind"),
            all.text("/uid")
        )
    };
    news.iter().map(head).collect()
}

fn all() -> Cluster {
    let mut cluster = Cluster::default();
    for change in [
        Change::Listed(
            Kind::Namespace,
            vec![
                bare(Kind::Namespace, "shop", "ns", None),
                bare(Kind::Namespace, "other", "ns2", None),
            ],
        ),
        Change::Listed(
            Kind::ReplicaSet,
            vec![
                bare(Kind::ReplicaSet, "web-1", "rs", Some(("Deployment", "d"))),
                bare(Kind::ReplicaSet, "web-0", "rs0", Some(("Deployment", "d"))),
            ],
        ),
        Change::Listed(
            Kind::Deployment,
            vec![bare(Kind::Deployment, "web", "d", None)],
        ),
        Change::Listed(
            Kind::Service,
            vec![
                service("s1", "shop", &json!({"app": "web"})),
                service(
                    "s2",
                    "shop",
                    &json!({"app": "web", "pod-template-hash": "1"}),
                ),
                service("s3", "shop", &json!({"app": "db"})),
                service("s4", "other", &json!({"app": "web"})),
                service("s5", "shop", &json!({})),
            ],
        ),
    ] {
        assert!(cluster.take(change));
    }
    cluster
}

#[test]
fn only_what_concerns_pods_is_told() {
    let mut cluster = all();
    assert!(cluster.news().is_empty());
    assert!(cluster.take(pod("p1", "web", "10.0.0.1")));
    let news = cluster.news();
    assert_eq!(
        heads(&news),
        [
            "Create Deployment d",
            "Create Namespace ns",
            "Create Pod p1",
            "Create ReplicaSet rs",
            "Create Service s1",
            "Create Service s2",
        ]
    );
    let told: Value = serde_json::from_slice(&news[2]).unwrap();
    assert_eq!(
        told["refs"],
        json!({"resources": {"Namespace": {"list": ["ns"]}, "ReplicaSet": {"list": ["rs"]}, "Deployment": {"list": ["d"]},
            "Service": {"list": ["s1", "s2"]}}})
    );
    let inner = |key: &str| -> Value { serde_json::from_str(told[key].as_str().unwrap()).unwrap() };
    assert_eq!(
        inner("meta"),
        json!({"name": "web-p1", "generateName": "web-", "namespace": "shop", "uid": "p1",
            "labels": {"app": "web", "pod-template-hash": "1"}})
    );
    assert_eq!(inner("status"), json!({"podIP": "10.0.0.1"}));
    assert!(cluster.news().is_empty());
}

#[test]
fn changes_are_told_once() {
    let mut cluster = all();
    cluster.take(pod("p1", "web", ""));
    cluster.news();
    // The same again, and what nobody here belongs to.
    assert!(!cluster.take(pod("p1", "web", "")));
    assert!(cluster.take(Change::Is(bare(Kind::Deployment, "db", "d2", None))));
    assert!(cluster.news().is_empty());

    cluster.take(pod("p1", "web", "10.0.0.1"));
    assert_eq!(heads(&cluster.news()), ["Update Pod p1"]);
    cluster.take(pod("p1", "db", "10.0.0.1"));
    assert_eq!(
        heads(&cluster.news()),
        [
            "Delete Service s1",
            "Delete Service s2",
            "Update Pod p1",
            "Create Service s3",
        ]
    );
    assert!(cluster.take(Change::Gone(Kind::Pod, "p1".into())));
    assert!(!cluster.take(Change::Gone(Kind::Pod, "p1".into())));
    assert_eq!(
        heads(&cluster.news()),
        [
            "Delete Deployment d",
            "Delete Namespace ns",
            "Delete Pod p1",
            "Delete ReplicaSet rs",
            "Delete Service s3",
        ]
    );
}

#[test]
fn a_new_list_takes_the_place_of_all() {
    let mut cluster = all();
    cluster.take(pod("p1", "web", ""));
    cluster.news();
    let Change::Is(other) = pod("p2", "web", "") else {
        unreachable!()
    };
    cluster.take(Change::Listed(Kind::Pod, vec![other]));
    assert_eq!(heads(&cluster.news()), ["Delete Pod p1", "Create Pod p2"]);
}

#[test]
fn a_pod_that_comes_before_its_owners_is_told_again() {
    let mut cluster = Cluster::default();
    cluster.take(pod("p1", "web", ""));
    assert_eq!(heads(&cluster.news()), ["Create Pod p1"]);
    let set = bare(Kind::ReplicaSet, "web-1", "rs", Some(("Deployment", "d")));
    cluster.take(Change::Is(set));
    assert_eq!(
        heads(&cluster.news()),
        ["Update Pod p1", "Create ReplicaSet rs"]
    );
}

#[test]
fn nonsense_is_no_object() {
    for value in [
        json!(null),
        json!([]),
        json!({"metadata": {"name": "a"}}),
        json!({"metadata": {"uid": "a"}}),
        json!({"metadata": {"uid": 7, "name": 7}}),
    ] {
        assert_eq!(Object::read(Kind::Pod, &value), None, "{value}");
    }
    let odd = json!({"metadata": {"uid": "a", "name": "a", "labels": [1], "ownerReferences": {"a": 1}}, "status": 3, "spec": "x"});
    let odd = object(Kind::Pod, &odd);
    assert!(odd.labels.is_empty() && odd.owner.is_none());
}

#[test]
fn what_is_kept_is_bounded() {
    let mut cluster = Cluster::default();
    for number in 0..OBJECTS_MAX + 5 {
        let uid = number.to_string();
        cluster.take(Change::Is(bare(Kind::ReplicaSet, "a", &uid, None)));
    }
    assert_eq!(cluster.of(Kind::ReplicaSet).len(), OBJECTS_MAX);
}
