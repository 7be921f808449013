//! Real containers of Podman and containerd: ids from the first program on, names of those that live for a moment, upstream's rules.
//!
//! Needs root, a kernel with BTF, runc, and podman or containerd; says so and skips where something is missing. The root file system is
//! made of a static busybox, no registry is asked. `FALCO_CONTAINERS` says how many containers are started and gone in a row.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skips"
)]

mod harness;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use harness::{Falco, Group, can_watch, upstream_rules};
use serde_json::Value;

/// One at a time: the machine is small, and runtimes share it.
static TURN: Mutex<()> = Mutex::new(());

const IMAGE: &str = "localhost/falco/probe:1.2";
const APPLETS: [&str; 12] = [
    "sh", "sleep", "true", "cat", "cp", "nc", "arping", "ls", "echo", "mkdir", "dd", "insmod",
];

const RULES: &str = r"
- rule: Program in a container
  desc: Every program that is executed in a container.
  condition: evt.type in (execve, execveat) and container.id != host
  output: program | id=%container.id full=%container.full_id name=%container.name repository=%container.image.repository
    tag=%container.image.tag type=%container.type privileged=%container.privileged command=%proc.cmdline vpid=%proc.vpid parent=%proc.pname tty=%proc.tty ppid=%proc.ppid
  priority: NOTICE
- rule: Container
  desc: What is told of containers.
  condition: evt.type in (container, container_removed)
  output: told | type=%evt.type name=%container.name id=%container.id
  priority: NOTICE
- rule: Signal
  desc: The test's own process reads a file.
  condition: evt.type = openat and fd.name = /etc/shadow and proc.name = cat
  output: seen | command=%proc.cmdline
  priority: NOTICE
";

/// A directory with a root file system, a configuration, and what runtimes keep.
struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    /// `None`, with a word, where it cannot be.
    fn new(needed: &[&str]) -> Option<Stage> {
        if !can_watch() {
            return None;
        }
        for program in needed.iter().chain(&["runc", "busybox", "tar"]) {
            if run(program, &["--version"]).is_none() {
                println!("skipped: there is no {program}");
                return None;
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("rootfs");
        for folder in ["bin", "etc", "tmp", "proc", "sys", "dev"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let busybox = ["/bin/busybox", "/usr/bin/busybox"];
        let busybox = busybox.iter().find(|path| Path::new(path).exists())?;
        fs::copy(busybox, root.join("bin/busybox")).unwrap();
        for applet in APPLETS {
            symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
        fs::write(
            root.join("etc/passwd"),
            "root:x:0:0::/:/bin/sh\nshopper:x:1000:1000::/:/bin/sh\n",
        )
        .unwrap();
        Some(Stage { dir })
    }

    fn at(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Starts falco, which asks a runtime at that socket.
    fn falco(&self, engine: &str, socket: &str, wait_ms: u32, more: &[&str]) -> Falco {
        let other = |name: &str| {
            if name == engine {
                format!("{name}: {{enabled: true, sockets: [{socket}]}}")
            } else {
                format!("{name}: {{enabled: {}}}", name == "none")
            }
        };
        let engines: Vec<String> = ["docker", "podman", "cri", "containerd"].map(other).into();
        let config = format!(
            "engine: {{kind: modern_ebpf}}\nstdout_output: {{enabled: true}}\njson_output: true\nlog_stderr: true\nlog_syslog: false\n\
             rule_matching: all\ncontainers: {{max_wait_ms: {wait_ms}}}\nplugins:\n- name: container\n  library_path: libcontainer.so\n\
             \x20 init_config:\n    engines: {{{}, lxc: {{enabled: true}}, libvirt_lxc: {{enabled: true}}, bpm: {{enabled: true}}}}\n\
             load_plugins: [container]\n",
            engines.join(", ")
        );
        let (config_file, rules) = (self.at("falco.yaml"), self.at("rules.yaml"));
        fs::write(&config_file, config).unwrap();
        fs::write(&rules, RULES).unwrap();
        let mut args = vec!["-U", "-c", &config_file, "-r", &rules];
        args.extend(more);
        Falco::start(&args)
    }
}

/// What a program printed, if it succeeded; bounded.
fn run(program: &str, args: &[&str]) -> Option<String> {
    let out = Command::new("timeout")
        .arg("60")
        .arg(program)
        .args(args)
        .output();
    let Output {
        status,
        stdout,
        stderr,
    } = out.ok()?;
    if !status.success() && program != "busybox" {
        println!("{program} {args:?}: {}", String::from_utf8_lossy(&stderr));
        return None;
    }
    Some(String::from_utf8_lossy(&stdout).into_owned())
}

/// Something that is ended with the test.
struct Service(Child);

impl Service {
    fn start(program: &str, args: &[&str], socket: &str) -> Service {
        let child = Command::new(program)
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let service = Service(child.unwrap());
        let deadline = Instant::now() + Duration::from_secs(20);
        while !Path::new(socket).exists() {
            assert!(Instant::now() < deadline, "{program} does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        service
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Podman {
    global: Vec<String>,
}

impl Podman {
    fn new(stage: &Stage) -> Option<Podman> {
        let (root, runroot) = (stage.at("store"), stage.at("run"));
        let global = [
            "--root",
            &root,
            "--runroot",
            &runroot,
            "--cgroup-manager=cgroupfs",
            "--runtime=runc",
        ];
        let podman = Podman {
            global: global.map(str::to_owned).into(),
        };
        let tar = stage.at("rootfs.tar");
        run("tar", &["-C", &stage.at("rootfs"), "-cf", &tar, "."]).unwrap();
        podman.run(&["import", &tar, IMAGE])?;
        // Some machines lack a right or a file system that it takes.
        if podman.start(&["--rm"], "try", &["/bin/true"]).is_none() {
            println!("skipped: podman cannot start a container here");
            return None;
        }
        Some(podman)
    }

    fn run(&self, args: &[&str]) -> Option<String> {
        let global: Vec<&str> = self.global.iter().map(String::as_str).collect();
        run("podman", &[&global, args].concat())
    }

    fn start(&self, how: &[&str], name: &str, command: &[&str]) -> Option<String> {
        // Limits that need no right to raise them.
        let limits = [
            "--network=none",
            "--ulimit=nofile=1024:1024",
            "--ulimit=nproc=1024:1024",
        ];
        self.run(
            &[
                &["run", "--name", name],
                &limits[..],
                how,
                &[IMAGE],
                command,
            ]
            .concat(),
        )
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        self.run(&["rm", "--all", "--force", "--time", "0"]);
        // What it has mounted must not keep the directory.
        self.run(&["umount", "--all"]);
    }
}

fn field<'a>(alert: &'a Value, name: &str) -> &'a str {
    alert["output_fields"][name].as_str().unwrap_or_default()
}

fn of_rule<'a>(alerts: &'a [Value], rule: &'a str) -> impl Iterator<Item = &'a Value> {
    alerts.iter().filter(move |alert| alert["rule"] == rule)
}

#[test]
fn podman() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(stage) = Stage::new(&["podman"]) else {
        return;
    };
    let Some(podman) = Podman::new(&stage) else {
        return;
    };
    let socket = stage.at("podman.sock");
    let listen = format!("unix://{socket}");
    let mut args: Vec<&str> = podman.global.iter().map(String::as_str).collect();
    args.extend(["system", "service", "--time=0", &listen]);
    let service = Service::start("podman", &args, &socket);
    let id = podman
        .start(&["-d"], "early", &["/bin/sleep", "60"])
        .unwrap();
    let early = id.trim().to_owned();
    let mut falco = stage.falco("podman", &socket, 3000, &[]);

    podman
        .start(&["--rm"], "short", &["/bin/sleep", "0.05"])
        .unwrap();
    podman.run(&["exec", "early", "/bin/ls", "/"]).unwrap();
    let found = falco.wait(|alert| field(alert, "proc.cmdline") == "ls /");
    let found = found.unwrap_or_else(|| panic!("nothing of the exec: {}", falco.seen()));
    assert_eq!(field(&found, "container.full_id"), early);
    assert_eq!(field(&found, "container.name"), "early");

    // The same container runs again a moment later.
    podman.start(&[], "twice", &["/bin/sleep", "0.03"]).unwrap();
    podman.run(&["start", "--attach", "twice"]).unwrap();
    for run in ["first", "second"] {
        let found = falco.wait(|alert| {
            field(alert, "proc.cmdline") == "sleep 0.03"
                && field(alert, "container.name") == "twice"
        });
        assert!(
            found.is_some(),
            "no name of the {run} run: {}",
            falco.seen()
        );
    }

    // The engine goes away and comes back.
    drop(service);
    fs::remove_file(&socket).unwrap();
    podman
        .start(&["--rm"], "unknown", &["/bin/sleep", "0.01"])
        .unwrap();
    let _service = Service::start("podman", &args, &socket);
    podman
        .start(&["--rm"], "again", &["/bin/sleep", "0.05"])
        .unwrap();
    let again = falco.wait(|alert| {
        field(alert, "container.name") == "again" && field(alert, "proc.cmdline") == "sleep 0.05"
    });
    assert!(again.is_some(), "{}", falco.seen());

    let (alerts, _) = falco.stop();
    let programs: Vec<&Value> = of_rule(&alerts, "Program in a container").collect();
    let first = programs
        .iter()
        .find(|alert| field(alert, "proc.cmdline") == "sleep 0.05");
    let first = first.expect("the first program of the container that lived for 50 ms");
    let expected = [
        ("container.name", "short"),
        ("container.image.repository", "localhost/falco/probe"),
        ("container.image.tag", "1.2"),
        ("container.type", "podman"),
    ];
    for (name, value) in expected {
        assert_eq!(field(first, name), value, "{first}");
    }
    assert_eq!(first["output_fields"]["proc.vpid"], 1, "{first}");
    assert!(field(first, "container.full_id").starts_with(field(first, "container.id")));
    // While nobody answered there was an id, and no name.
    let unknown = programs
        .iter()
        .find(|alert| field(alert, "proc.cmdline") == "sleep 0.01")
        .unwrap();
    assert_eq!(field(unknown, "container.id").len(), 12, "{unknown}");
    assert!(
        unknown["output_fields"]["container.name"].is_null(),
        "{unknown}"
    );
    let told = |kind: &str, name: &str| {
        of_rule(&alerts, "Container")
            .any(|alert| field(alert, "evt.type") == kind && field(alert, "container.name") == name)
    };
    assert!(told("container", "early") && told("container", "short"));
    assert!(told("container_removed", "short"));
}

#[test]
fn containerd_and_many_in_a_row() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(stage) = Stage::new(&["containerd", "ctr"]) else {
        return;
    };
    let socket = stage.at("c.sock");
    let config = format!(
        "version = 2\nroot = \"{}\"\nstate = \"{}\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = \"{socket}\"\n\
         [ttrpc]\n  address = \"{}\"\n",
        stage.at("c-root"),
        stage.at("c-state"),
        stage.at("t.sock")
    );
    let config_file = stage.at("containerd.toml");
    fs::write(&config_file, config).unwrap();
    let _service = Service::start("containerd", &["-c", &config_file], &socket);
    let rootfs = stage.at("rootfs");
    let start = |id: &str, command: &[&str]| {
        run(
            "ctr",
            &[
                &["-a", &socket, "run", "--rm", "--rootfs", &rootfs, id],
                command,
            ]
            .concat(),
        )
    };
    if start("try", &["/bin/true"]).is_none() {
        println!("skipped: containerd cannot start a container here");
        return;
    }
    let mut falco = stage.falco("containerd", &socket, 3000, &["-o", "workers=2"]);
    let count = std::env::var("FALCO_CONTAINERS")
        .ok()
        .and_then(|count| count.parse().ok());
    let count: usize = count.unwrap_or(3);
    for number in 0..count {
        start(
            &format!("box-{number}"),
            &["/bin/echo", &number.to_string()],
        )
        .unwrap();
    }
    let last = format!("echo {}", count - 1);
    let found = falco.wait(|alert| field(alert, "proc.cmdline") == last);
    assert!(found.is_some(), "{}", falco.seen());
    let (alerts, _) = falco.stop();
    let mut right = BTreeSet::new();
    for alert in of_rule(&alerts, "Program in a container") {
        if let Some(number) = field(alert, "proc.cmdline").strip_prefix("echo ") {
            let name = format!("box-{number}");
            let name: String = name.chars().take(12).collect();
            assert_eq!(field(alert, "container.id"), name, "{alert}");
            assert_eq!(field(alert, "container.name"), name, "{alert}");
            assert_eq!(field(alert, "container.type"), "containerd", "{alert}");
            right.insert(number.to_owned());
        }
    }
    assert_eq!(right.len(), count);
}

#[test]
fn upstream_rules_for_containers() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(rules) = upstream_rules() else {
        return;
    };
    let Some(stage) = Stage::new(&["podman", "script"]) else {
        return;
    };
    let Some(podman) = Podman::new(&stage) else {
        return;
    };
    let socket = stage.at("podman.sock");
    let listen = format!("unix://{socket}");
    let mut args: Vec<&str> = podman.global.iter().map(String::as_str).collect();
    args.extend(["system", "service", "--time=0", &listen]);
    let _service = Service::start("podman", &args, &socket);
    let rules = PathBuf::from(rules);
    let incubating = rules.with_file_name("falco-incubating_rules.yaml");
    let (rules, incubating) = (
        rules.display().to_string(),
        incubating.display().to_string(),
    );
    let mut falco = stage.falco("podman", &socket, 3000, &["-r", &rules, "-r", &incubating]);

    let id = podman
        .start(&["-d", "--privileged"], "victim", &["/bin/sleep", "300"])
        .unwrap();
    let within = |script: &str| podman.run(&["exec", "victim", "/bin/sh", "-c", script]);
    // The rule asks for a runtime as the parent. That of `podman exec` may have ended before the shell begins: then it is conmon, and
    // the rule is silent by its own words. In the foreground the runtime stays.
    let shell = format!("runc exec --tty {} /bin/sh -c true", id.trim());
    let terminal = || run("script", &["-qec", &shell, "/dev/null"]);
    let nothing = || None;
    let netcat =
        || within("/bin/nc -l -p 9 -e /bin/true & sleep 1; echo | /bin/nc -w 1 127.0.0.1 9; true");
    let packet = || within("arping -c 1 -w 1 -I lo 127.0.0.1; true");
    let release = || within("mkdir -p /tmp/rdma; echo x > /tmp/rdma/release_agent");
    let drop = || within("cp /bin/busybox /tmp/ls; /tmp/ls /");
    let debugfs = || {
        within("echo '#!/bin/sh' > /tmp/debugfs; /bin/busybox chmod 755 /tmp/debugfs; /tmp/debugfs")
    };
    let cases: [(&str, &dyn Fn() -> Option<String>); 8] = [
        ("Launch Privileged Container", &nothing),
        ("Terminal shell in container", &terminal),
        ("Netcat Remote Code Execution in Container", &netcat),
        (
            "Redirect STDOUT/STDIN to Network Connection in Container",
            &nothing,
        ),
        ("Packet socket created in container", &packet),
        ("Detect release_agent File Container Escapes", &release),
        ("Drop and execute new binary in container", &drop),
        ("Debugfs Launched in Privileged Container", &debugfs),
    ];
    for (rule, act) in cases {
        act();
        let found = falco.has_seen(rule) || falco.wait(|alert| alert["rule"] == rule).is_some();
        assert!(found, "{rule}: {}", falco.seen());
    }
}

#[test]
fn a_runtime_that_hangs_or_lies() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if !can_watch() {
        return;
    }
    let id = format!("{:064x}", u64::from(std::process::id()) << 32);
    let Some(group) = Group::new(&id) else {
        return;
    };
    let stage = Stage {
        dir: tempfile::tempdir().unwrap(),
    };
    let socket = stage.at("docker.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        // The first is left hanging, the next ones get nonsense.
        let mut kept = Vec::new();
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            if number % 2 == 1 {
                use std::io::Write as _;
                let _ = (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}}");
            }
            kept.push(stream);
        }
    });
    let mut falco = stage.falco("docker", &socket, 500, &[]);
    let began = Instant::now();
    group.run("/bin/sleep 0.07; /bin/sleep 0.08");
    for command in ["sleep 0.07", "sleep 0.08"] {
        let found = falco.wait(|alert| field(alert, "proc.cmdline") == command);
        let found = found.unwrap_or_else(|| panic!("{command}: {}", falco.seen()));
        assert_eq!(field(&found, "container.full_id").len(), 0, "{found}");
        assert!(id.starts_with(field(&found, "container.id")), "{found}");
        assert_eq!(field(&found, "container.id").len(), 12, "{found}");
        assert!(
            found["output_fields"]["container.name"].is_null(),
            "{found}"
        );
    }
    // Longer than the wait that is allowed, shorter than a runtime may take.
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}
