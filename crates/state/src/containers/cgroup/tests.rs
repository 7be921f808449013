//! Paths as runtimes make them.

use super::*;

const SHORT_ID: &str = "32a1026ccb88";
const ID: &str = "32a1026ccb88a551e2a38eb8f260b4700aefec7e8c007344057e58a9fa302374";
const POD: &str = "0ca0fed353fb77c247abada85aebc667fd1f5fa0b5f6ab1efb26867ba18f2f0a";

/// What a process in this path of all hierarchies is in: kind, whole id, shown id.
fn check(path: &str, expected: Option<(Kind, &str, &str)>) {
    check_groups(&format!("cpuset={path}\0memory={path}\0"), expected);
}

fn check_groups(groups: &str, expected: Option<(Kind, &str, &str)>) {
    let found = find(groups.as_bytes(), Engines::default());
    let found = found.map(|found| {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        (found.kind, text(found.id), text(&found.id[..found.shown]))
    });
    assert_eq!(found, expected, "{groups:?}");
}

#[test]
fn runtimes_with_ids() {
    use Kind as K;
    let paths = [
        ("/docker/ID", K::Docker),
        ("/system.slice/docker-ID.scope", K::Docker),
        ("/custom-parent/ID", K::Docker),
        ("/libpod_parent/libpod-ID", K::Podman),
        ("/machine.slice/libpod-ID.scope", K::Podman),
        ("/machine.slice/libpod-ID.scope/container", K::Podman),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
            K::Podman,
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
            K::Podman,
        ),
        (
            "/system.slice/podman-web.service/libpod-payload-ID",
            K::Podman,
        ),
        (
            "/system.slice/web.service/libpod-payload-ID.scope",
            K::Podman,
        ),
        (
            "/kubepods/besteffort/pod1f04600d-c041-453f-aa11-38f9d1e3ad9b/ID",
            K::Cri,
        ),
        (
            "/kubepods/pod1f04600d-c041-453f-aa11-38f9d1e3ad9b/ID",
            K::Cri,
        ),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1f04600d.slice/cri-containerd-ID.scope",
            K::Containerd,
        ),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1f04600d.slice/crio-ID.scope",
            K::CriO,
        ),
        (
            "/kubepods.slice/kubepods-pod1f04600d.slice/docker-ID.scope",
            K::Docker,
        ),
        ("/kubepods/burstable/pod63b3ebfc/crio-ID", K::CriO),
        (
            "/system.slice/containerd.service/kubepods-burstable-pod1f04.slice:cri-containerd:ID",
            K::Containerd,
        ),
        ("/system.slice/nerdctl-ID.scope", K::Containerd),
        ("/default/ID", K::Docker),
    ];
    for (path, kind) in paths {
        let expected = Some((kind, ID, SHORT_ID));
        check(&path.replace("ID", ID), expected);
        // An init system in it makes groups of its own.
        check(
            &format!("{}/system.slice/sshd.service", path.replace("ID", ID)),
            expected,
        );
    }
}

#[test]
fn the_innermost_counts() {
    check(
        &format!("/docker/{POD}/kubelet/kubepods/besteffort/pod1f04/{ID}"),
        Some((Kind::Cri, ID, SHORT_ID)),
    );
    check(
        &format!("/lxc.payload.outer/docker/{ID}"),
        Some((Kind::Docker, ID, SHORT_ID)),
    );
    check(
        &format!("/machine.slice/machine-outer.scope/payload/system.slice/docker-{ID}.scope"),
        Some((Kind::Docker, ID, SHORT_ID)),
    );
}

#[test]
fn runtimes_with_names() {
    use Kind as K;
    for (path, kind, name) in [
        ("/lxc/web-1", K::Lxc, "web-1"),
        ("/lxc.payload/web-1", K::Lxc, "web-1"),
        ("/lxc.payload.web-1", K::Lxc, "web-1"),
        ("/lxc.payload.web-1/init.scope", K::Lxc, "web-1"),
        (
            "/lxc.payload.web-1/system.slice/sshd.service",
            K::Lxc,
            "web-1",
        ),
        ("/machine/web.libvirt-lxc", K::LibvirtLxc, "web"),
        (
            r"/machine.slice/machine-lxc\x2d2293906\x2dlibvirt\x2dcontainer.scope/libvirt",
            K::LibvirtLxc,
            r"2293906\x2dlibvirt\x2dcontainer",
        ),
        ("/libvirt/lxc/web", K::Lxc, "web"),
        (
            "/system.slice/runc-bpm-galera-agent.scope",
            K::Bpm,
            "galera-agent",
        ),
        ("/var/bpm-server.1", K::Bpm, "server.1"),
        (
            "/machine.slice/machine-debian.scope/payload",
            K::Nspawn,
            "debian",
        ),
        (
            "/machine.slice/systemd-nspawn@debian.service/payload/init.scope",
            K::Nspawn,
            "debian",
        ),
    ] {
        check(path, Some((kind, name, name)));
    }
}

#[test]
fn containerd_without_a_prefix() {
    let kind = Kind::Containerd;
    check("/default/redis", Some((kind, "redis", "redis")));
    check(
        "/k8s.io/a-rather-long-name",
        Some((kind, "a-rather-long-name", "a-rather-lon")),
    );
    check_groups(
        "cpuset=/\0memory=/agent/362bd23962120316a5dbec94246f72dc\0",
        None,
    );
}

#[test]
fn processes_of_the_host() {
    for path in [
        "/",
        "",
        "/init.scope",
        "/system.slice/docker.service",
        "/system.slice/docker-proxy.scope",
        "/user.slice/user-1000.slice/session-3.scope",
        "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome.scope",
        "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
        "/machine.slice/libpod-conmon-ID.scope",
        "/libpod_parent/conmon",
        "/system.slice/crio-conmon-ID.scope",
        "/lxc.monitor.web-1",
        "/podruntime/kubelet",
        "/a/b/c",
        "/docker/32a1026ccb88a551e2a38eb8f260b4700aefec7e8c007344057e58a9fa30237/x",
        "/default/bad..name",
    ] {
        check(&path.replace("ID", ID), None);
    }
    check_groups("", None);
    check_groups("no path", None);
}

#[test]
fn who_is_not_enabled_is_not_believed() {
    let none = Engines::NONE;
    let find = |path: &str, engines: Engines| {
        let groups = format!("cpu={path}\0").replace("ID", ID);
        find(groups.as_bytes(), engines).is_some()
    };
    for (path, engines) in [
        (
            "/libpod-ID",
            Engines {
                podman: true,
                ..none
            },
        ),
        (
            "/docker/ID",
            Engines {
                docker: true,
                ..none
            },
        ),
        ("/docker/ID", Engines { cri: true, ..none }),
        ("/a/crio-ID", Engines { cri: true, ..none }),
        (
            "/default/redis",
            Engines {
                containerd: true,
                ..none
            },
        ),
        ("/lxc/a", Engines { lxc: true, ..none }),
        (
            "/x/a.libvirt-lxc",
            Engines {
                libvirt_lxc: true,
                ..none
            },
        ),
        ("/bpm-a", Engines { bpm: true, ..none }),
    ] {
        assert!(find(path, engines), "{path}");
        assert!(!find(path, none), "{path}");
    }
}

#[test]
fn cut_paths() {
    assert!(!is_cut(b"cpu=/a/b/c/d/e\0"));
    assert!(is_cut(b"cpu=/a/b/c/d/e/f\0"));
}
