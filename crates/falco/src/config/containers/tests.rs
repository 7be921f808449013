//! The entry of the plugin.

use serde_json::json;

use super::{super::schema::CONTAINER, *};

fn of(init: Value) -> Containers {
    let plugin = Plugin {
        name: plugins::CONTAINER.into(),
        library: "libcontainer.so".into(),
        init,
    };
    let tree = json!({"containers": {"max_wait_ms": "70"}});
    containers(
        &Keys::new(&tree, "", &super::super::Places::new()),
        &[plugin],
    )
}

#[test]
fn what_holds_without_a_word() {
    let all = of(Value::Null);
    assert_eq!(all.engines, Engines::default());
    let runtimes = &all.runtimes;
    assert_eq!((runtimes.label_max, runtimes.with_size), (100, false));
    assert_eq!((runtimes.on_create, runtimes.on_start), (true, false));
    assert_eq!(runtimes.engines.len(), 4);
    assert_eq!(runtimes.engines[2].sockets.len(), 4);
    assert_eq!(all.wait, Duration::from_millis(70));
}

#[test]
fn what_can_be_said() {
    let all = of(
        json!({"label_max_len": "7", "with_size": "true", "hooks": ["start"], "engines": {
        "docker": {"enabled": "false"}, "podman": {"enabled": "true", "sockets": ["/a", "unix:///b"]},
        "lxc": {"enabled": "false"}}}),
    );
    let runtimes = &all.runtimes;
    assert_eq!((runtimes.label_max, runtimes.with_size), (7, true));
    assert_eq!((runtimes.on_create, runtimes.on_start), (false, true));
    let podman = Engine {
        kind: EngineKind::Podman,
        sockets: vec!["/a".into(), "/b".into()],
    };
    assert_eq!(runtimes.engines[0], podman);
    assert_eq!(
        all.engines,
        Engines {
            docker: false,
            lxc: false,
            ..Engines::default()
        }
    );
    let all = of(
        json!({"engines": {"static": {"enabled": "true", "container_id": "a", "container_name": "b",
        "container_image": "c:1"}}}),
    );
    assert_eq!(all.runtimes.engines, []);
    let fixed = all.fixed.unwrap();
    assert_eq!(
        (&*fixed.id, &*fixed.name, &*fixed.repository, &*fixed.tag),
        ("a", "b", "c", "1")
    );
}

#[test]
fn what_cannot_be_said() {
    assert_eq!(
        wrong(
            &json!({"label_max_len": "5", "hooks": ["create"]}),
            &CONTAINER
        ),
        None
    );
    for (init, words) in [
        (
            json!({"foo": "x"}),
            "In <root>, Object contains a property that could not be validated using 'properties' or \
             'additionalProperties' constraints: 'foo'",
        ),
        (json!({"hooks": ["remove"]}), "In <root>[hooks][0], "),
        (
            json!({"label_max_len": "many"}),
            "In <root>[label_max_len], ",
        ),
        (
            json!({"engines": {"rkt": {"enabled": "true"}}}),
            "In <root>[engines], ",
        ),
    ] {
        let text = wrong(&init, &CONTAINER).unwrap();
        assert!(text.starts_with(words), "{text}");
    }
}
