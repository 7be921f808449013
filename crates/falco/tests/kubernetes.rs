//! What Kubernetes tells of pods, from its API server and from captures, in the alerts of rules.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skips"
)]

mod harness;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Output},
    thread,
    time::Duration,
};

use falco_capture::{Machine, Writer};
use falco_event::{Builder, Event, codes};
use falco_state::{State, Thread};
use harness::{Falco, can_watch};
use serde_json::{Value, json};

const POD: &str = "93f64796-43b9-468d-b77b-c652c985d5e0";
const ID: &str = "32a1026ccb88a551e2a38eb8f260b4700aefec7e8c007344057e58a9fa302374";

const RULES: &str = "
- required_plugin_versions: [{name: k8smeta, version: 0.2.0}]
- rule: Of a deployment
  desc: Something happens in a pod of the deployment web.
  condition: evt.type in (chdir, execve) and k8smeta.deployment.name = web and k8smeta.svc.name intersects (front, back)
  output: seen | pod=%k8smeta.pod.name ns=%k8smeta.ns.name deployment=%k8smeta.deployment.name services=%k8smeta.svc.name
    tier=%k8smeta.ns.label[tier] command=%proc.cmdline
  priority: NOTICE
";

const PLUGIN: &str = "
plugins:
- name: k8smeta
  library_path: libk8smeta.so
  init_config: {collectorPort: 45000, collectorHostname: localhost, nodeName: one}
load_plugins: [k8smeta]
";

fn told(kind: &str, uid: &str, meta: &Value, refs: &Value) -> Vec<u8> {
    let json = json!({"reason": "Create", "kind": kind, "uid": uid, "meta": meta.to_string(), "refs": refs});
    Builder::new(codes::ASYNCEVENT_E, 500, -1)
        .u32(0)
        .str(b"k8s")
        .bytes(format!("{json}\0").as_bytes())
        .finish()
}

/// A capture of a process of a pod that changes its directory before it is told of, and after.
fn capture(path: &Path) {
    let mut state = State::default();
    state.add_thread(Thread {
        tid: 42,
        pid: 42,
        ptid: 1,
        cgroups: format!("memory=/kubepods/besteffort/pod{POD}/{ID}\0")
            .into_bytes()
            .into(),
        ..Thread::default()
    });
    state.settle();
    let file = fs::File::create(path).unwrap();
    let mut writer = Writer::new(file, &Machine::default(), &state, 1).unwrap();
    let refs = json!({"resources": {"Deployment": {"list": ["d"]}, "Namespace": {"list": ["ns"]}, "Service": {"list": ["s"]}}});
    let meta = |name: &str| json!({"name": name, "namespace": "shop", "labels": {"tier": name}});
    let chdir = |time_ns| {
        let event = Builder::new(codes::SYSCALL_CHDIR_X, time_ns, 42);
        event.i64(0).str(b"/").finish()
    };
    for event in [
        chdir(100),
        told("Pod", POD, &meta("web-1-a"), &refs),
        told("Deployment", "d", &meta("web"), &Value::Null),
        told("Namespace", "ns", &meta("shop"), &Value::Null),
        told("Service", "s", &meta("back"), &Value::Null),
        chdir(1_000),
    ] {
        writer.event(&Event::parse(&event).unwrap(), 0).unwrap();
    }
    writer.finish().unwrap();
}

fn falco(dir: &Path, config: &str, more: &[&str]) -> Output {
    let config = format!(
        "stdout_output: {{enabled: true}}\njson_output: true\nlog_stderr: true\nlog_syslog: false\n{config}"
    );
    fs::write(dir.join("c.yaml"), config).unwrap();
    fs::write(dir.join("r.yaml"), RULES).unwrap();
    Command::new(env!("CARGO_BIN_EXE_falco"))
        .current_dir(dir)
        .env_remove("KUBERNETES_SERVICE_HOST")
        .args(["-c", "c.yaml", "-r", "r.yaml"])
        .args(more)
        .output()
        .unwrap()
}

const REPLAY: [&str; 2] = [
    "-o",
    "engine={kind: replay, replay: {capture_file: in.scap}}",
];

fn alerts(out: &Output) -> Vec<Value> {
    let lines = String::from_utf8_lossy(&out.stdout).into_owned();
    let lines = lines.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_rule_sees_the_deployment_of_a_capture() {
    let dir = tempfile::tempdir().unwrap();
    capture(&dir.path().join("in.scap"));
    let out = falco(dir.path(), PLUGIN, &REPLAY);
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{errors}");
    assert!(errors.contains("Loaded plugin 'k8smeta@0.4.1'"), "{errors}");
    let alerts = alerts(&out);
    assert_eq!(alerts.len(), 1, "{errors}");
    let output = alerts[0]["output"].as_str().unwrap();
    assert!(
        output.contains("pod=web-1-a ns=shop deployment=web services=(back) tier=shop"),
        "{output}"
    );
}

#[test]
fn rules_may_look_at_what_is_told() {
    let dir = tempfile::tempdir().unwrap();
    capture(&dir.path().join("in.scap"));
    let told = "
- rule: Told
  desc: What Kubernetes tells.
  condition: evt.type = k8s
  output: told %evt.type
  priority: NOTICE
";
    fs::write(dir.path().join("told.yaml"), told).unwrap();
    let with = [&REPLAY[..], &["-r", "told.yaml"]].concat();
    let out = falco(dir.path(), PLUGIN, &with);
    let errors = String::from_utf8_lossy(&out.stderr);
    let of_rule = |alert: &&Value| alert["rule"] == "Told";
    assert_eq!(alerts(&out).iter().filter(of_rule).count(), 4, "{errors}");
}

#[test]
fn what_is_told_is_in_recordings() {
    let dir = tempfile::tempdir().unwrap();
    capture(&dir.path().join("in.scap"));
    // The recording begins with the match, after everything was told.
    let config = format!("{PLUGIN}capture: {{enabled: true, mode: all_rules, path_prefix: out}}\n");
    let out = falco(dir.path(), &config, &REPLAY);
    assert_eq!(
        alerts(&out).len(),
        1,
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let entries = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_recording = |path: &std::path::PathBuf| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("out_")
    };
    let recording = entries.into_iter().find(is_recording).unwrap();
    fs::rename(recording, dir.path().join("in.scap")).unwrap();
    let out = falco(dir.path(), PLUGIN, &REPLAY);
    assert_eq!(
        alerts(&out).len(),
        1,
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

#[test]
fn it_is_off_unless_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    capture(&dir.path().join("in.scap"));
    let listed = |config: &str| {
        let out = falco(dir.path(), config, &["--list", "-N"]);
        String::from_utf8_lossy(&out.stdout)
            .matches("k8smeta.")
            .count()
    };
    assert_eq!(listed(""), 0);
    assert_eq!(listed(PLUGIN), 25);
    let wrong = |config: &str, words: &str| {
        let out = falco(dir.path(), config, &REPLAY);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && said.contains(words), "{said}");
    };
    wrong("", "k8smeta");
    wrong(
        &PLUGIN.replace("nodeName: one", "node: one"),
        "error in plugin k8smeta init config",
    );
    assert_eq!(listed("kubernetes: {enabled: true}\n"), 25);
}

/// An API server that lists one pod and its owners, and then is silent.
fn api_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let item = |name: &str, uid: &str, more: &Value| {
        let mut item = json!({"metadata": {"name": name, "namespace": "shop", "uid": uid, "labels": {"tier": name, "app": "web"}}});
        for (key, value) in more.as_object().into_iter().flatten() {
            match key.as_str() {
                "owner" => item["metadata"]["ownerReferences"] = json!([value]),
                _ => item[key] = value.clone(),
            }
        }
        item
    };
    let owner =
        |kind: &str, uid: &str| json!({"owner": {"kind": kind, "uid": uid, "controller": true}});
    let answers = [
        (
            "/api/v1/pods?",
            item("web-1-a", POD, &owner("ReplicaSet", "rs")),
        ),
        (
            "/apis/apps/v1/replicasets?",
            item("web-1", "rs", &owner("Deployment", "d")),
        ),
        ("/apis/apps/v1/deployments?", item("web", "d", &Value::Null)),
        ("/api/v1/namespaces?", item("shop", "ns", &Value::Null)),
        (
            "/api/v1/services?",
            item("back", "s", &json!({"spec": {"selector": {"app": "web"}}})),
        ),
    ];
    thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let first = request.first().cloned().unwrap_or_default();
            if first.contains("?watch=1") {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                kept.push(stream);
                continue;
            }
            let items = answers.iter().filter(|(path, _)| first.contains(path));
            let items: Vec<&Value> = items.map(|(_, item)| item).collect();
            let list = json!({"metadata": {"resourceVersion": "1"}, "items": items}).to_string();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{list}",
                list.len()
            );
        }
    });
    url
}

#[test]
fn a_rule_sees_the_deployment_that_the_api_server_tells() {
    if !can_watch() {
        return;
    }
    let Some(group) = harness::Group::new(&format!("pod{POD}")) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let config = format!(
        "engine: {{kind: modern_ebpf}}\nstdout_output: {{enabled: true}}\njson_output: true\nlog_stderr: true\nlog_syslog: false\n\
         rule_matching: all\nkubernetes: {{enabled: true, node_name: one, api_server: \"{}\"}}\n",
        api_server()
    );
    let rules = format!(
        "{RULES}- rule: Signal\n  desc: d\n  condition: evt.type = openat and fd.name = /etc/shadow and proc.name = cat\n\
         \x20 output: seen | command=%proc.cmdline\n  priority: NOTICE\n"
    );
    let at = |name: &str| dir.path().join(name).display().to_string();
    fs::write(at("c.yaml"), config).unwrap();
    fs::write(at("r.yaml"), rules).unwrap();
    let mut falco = Falco::start(&["-U", "-c", &at("c.yaml"), "-r", &at("r.yaml")]);
    // The server answers when it does: nothing waits for it.
    let found = (0..20).find_map(|_| {
        group.run("/bin/sleep 0.06");
        falco.wait_up_to(Duration::from_secs(1), |alert| {
            alert["rule"] == "Of a deployment"
                && alert["output_fields"]["k8smeta.ns.label[tier]"] == "shop"
        })
    });
    let found = found.unwrap_or_else(|| panic!("no alert of the pod: {}", falco.seen()));
    let output = found["output"].as_str().unwrap();
    assert!(
        output.contains("pod=web-1-a ns=shop deployment=web services=(back)"),
        "{output}"
    );
}
