//! What the messages of runtimes become.

use super::{messages::*, *};

fn status() -> ContainerStatus {
    let text = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    ContainerStatus {
        id: "32a1026ccb88a551".into(),
        metadata: Some(ContainerMetadata { name: "web".into() }),
        created_at: 7_000_000_001,
        image: Some(ImageSpec {
            image: "docker.io/shop/web:1.2".into(),
        }),
        image_ref: "docker.io/shop/web@sha256:d1".into(),
        labels: text(&[("app", "shop"), ("long", "0123456789")]),
        mounts: [0, 1, 2, 3]
            .map(|propagation| messages::Mount {
                container_path: "/in".into(),
                host_path: "/out".into(),
                readonly: propagation == 0,
                propagation,
            })
            .into(),
        resources: Some(Resources {
            linux: Some(LinuxResources {
                cpu_quota: 5,
                cpuset_cpus: "0-1".into(),
                ..LinuxResources::default()
            }),
        }),
        image_id: "sha256:i1".into(),
        user: Some(User {
            linux: Some(LinuxUser { uid: 33 }),
        }),
    }
}

fn sandbox(more: &str) -> SandboxAnswer {
    SandboxAnswer {
        status: Some(Sandbox {
            id: "0ca0fed353fb".into(),
            metadata: Some(SandboxMetadata {
                name: "pod".into(),
                uid: "u".into(),
                namespace: "ns".into(),
            }),
            network: Some(Network {
                ip: "10.1.2.3".into(),
            }),
            linux: Some(LinuxSandbox {
                namespaces: Some(Namespaces {
                    options: Some(NamespaceOptions {
                        network: 2,
                        pid: 1,
                        ipc: 0,
                    }),
                }),
            }),
            labels: [("tier".into(), "front".into())].into(),
        }),
        info: [("info".into(), more.into())].into(),
    }
}

#[test]
fn a_container_of_a_pod() {
    let more = r#"{"config":{"image":{"image":"sha256:i2"},"envs":[{"key":"A","value":"1"}],
        "linux":{"security_context":{"privileged":true}}},"privileged":false}"#;
    let pod =
        sandbox(r#"{"cniResult":{"Interfaces":{"eth0":{"IPConfigs":[]},"lo":{},"veth1":{}}}}"#);
    let info = of_container(&status(), Some(more), Some(&pod), 9);
    assert_eq!(
        (&*info.name, &*info.user, &*info.ip),
        ("web", "33", "10.1.2.3")
    );
    assert_eq!(info.image, "docker.io/shop/web:1.2");
    assert_eq!(
        (&*info.image_repo, &*info.image_tag),
        ("docker.io/shop/web", "1.2")
    );
    assert_eq!((&*info.image_digest, &*info.image_id), ("sha256:d1", "i2"));
    assert_eq!(
        (info.created_s, info.cpu_quota, info.cpuset_count),
        (7, 5, 2)
    );
    assert!(info.privileged && info.host_network && !info.host_pid && !info.host_ipc);
    assert_eq!(info.env, ["A=1"]);
    assert_eq!(info.cni_json, r#"{"eth0":{"IPConfigs":[]}}"#);
    let labels: Vec<_> = info
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(
        labels,
        [
            "app=shop",
            "io.kubernetes.pod.name=pod",
            "io.kubernetes.pod.namespace=ns",
            "io.kubernetes.pod.uid=u",
            "io.kubernetes.sandbox.id=0ca0fed353fb"
        ]
    );
    assert_eq!(
        info.sandbox_labels,
        [("tier".to_owned(), "front".to_owned())].into()
    );
    let ways: Vec<&str> = info
        .mounts
        .iter()
        .map(|mount| &*mount.propagation)
        .collect();
    assert_eq!(ways, ["private", "rslave", "rshared", "unknown"]);
    assert!(!info.mounts[0].rdwr && info.mounts[1].rdwr);
}

#[test]
fn names_of_images() {
    for (asked, resolved, name, tag, digest) in [
        ("a/b:1", "", "a/b:1", "1", ""),
        ("a/b:1", "sha256:d", "a/b:1", "1", "sha256:d"),
        ("a/b:1", "h/a/b@sha256:d", "h/a/b:1", "1", "sha256:d"),
        ("sha256:x", "h/a/b@sha256:d", "h/a/b", "", "sha256:d"),
        ("sha256:x", "sha256:d", "from/annotation:2", "2", "sha256:d"),
    ] {
        let status = ContainerStatus {
            image: Some(ImageSpec {
                image: asked.into(),
            }),
            image_ref: resolved.into(),
            ..ContainerStatus::default()
        };
        let more = serde_json::json!({"runtimeSpec": {"annotations": {"io.kubernetes.cri.image-name": "from/annotation:2"}}});
        let image = image(&status, &more);
        assert_eq!(
            (&*image.name, &*image.tag, &*image.digest),
            (name, tag, digest),
            "{asked} {resolved}"
        );
    }
}

#[test]
fn nonsense() {
    let info = of_container(&ContainerStatus::default(), Some("{"), None, 9);
    assert_eq!((info.full_id, info.privileged), (String::new(), false));
    assert_eq!(cni(&sandbox("[")), "");
    let noted = sandbox(r#"{"runtimeSpec":{"annotations":{"io.kubernetes.cri-o.CNIResult":"é"}}}"#);
    assert_eq!(cni(&noted), "é");
    let long = "é".repeat(CNI_MAX);
    let noted = sandbox(&format!(
        r#"{{"runtimeSpec":{{"annotations":{{"io.kubernetes.cri-o.CNIResult":"{long}"}}}}}}"#
    ));
    assert!(cni(&noted).len() <= CNI_MAX);
}
