//! The alerts of a falco: of one that is started, of a file that one writes, of what one posts by HTTP or gives out over gRPC.

mod grpc;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

/// How long a falco may take to start.
const START: Duration = Duration::from_mins(1);
/// The most that somebody may post at once.
const POST_MAX: usize = 1 << 20;

/// Where alerts come from.
#[derive(Debug)]
pub(crate) struct Alerts {
    incoming: Receiver<Value>,
    /// Those that came while others were waited for.
    kept: Vec<Value>,
    falco: Option<Child>,
}

impl Alerts {
    fn of(incoming: Receiver<Value>) -> Alerts {
        Alerts {
            incoming,
            kept: Vec::new(),
            falco: None,
        }
    }

    /// Starts a falco and reads what it writes. It has to be told to watch; rules that are off are on for it. What containers are it is told
    /// by one engine.
    pub(crate) fn start(
        falco: &Path,
        rules: &[String],
        engine: &str,
        socket: &Path,
    ) -> anyhow::Result<Alerts> {
        let mut command = Command::new(falco);
        command.args([
            "-U",
            "-o",
            "json_output=true",
            "-o",
            "stdout_output.enabled=true",
        ]);
        command.args(["-o", "rule_matching=all", "-o", "rules[].enable.rule=*"]);
        // Alerts wait for what the engine says.
        let engines = [
            "bpm",
            "containerd",
            "cri",
            "docker",
            "libvirt_lxc",
            "lxc",
            "podman",
        ];
        let enabled = engines.map(|name| format!("{name}.enabled={}", name == engine));
        let sockets = ["containerd", "cri", "docker", "podman"];
        let sockets = sockets.map(|name| format!("{name}.sockets[0]={}", socket.display()));
        for engine in enabled.iter().chain(&sockets) {
            command.arg("-o");
            command.arg(format!("plugins[0].init_config.engines.{engine}"));
        }
        command.args(["-o", "plugins[0].name=container", "-o"]);
        command.arg("plugins[0].library_path=libcontainer.so");
        command.args([
            "-o",
            "load_plugins[0]=container",
            "-o",
            "containers.max_wait_ms=5000",
        ]);
        for rules in rules {
            command.arg("-r").arg(rules);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", falco.display()))?;
        let (sender, alerts) = mpsc::channel();
        let (ready, started) = mpsc::channel();
        if let Some(out) = child.stdout.take() {
            thread::spawn(move || read_lines(out, &sender));
        }
        if let Some(log) = child.stderr.take() {
            thread::spawn(move || {
                for line in BufReader::new(log).lines().map_while(Result::ok) {
                    let _ = ready.send(line);
                }
            });
        }
        let mut this = Alerts::of(alerts);
        this.falco = Some(child);
        this.await_start(&started)?;
        Ok(this)
    }

    /// Waits until the falco sees what is done: its log says that it watches, and then it notices something.
    fn await_start(&mut self, log: &Receiver<String>) -> anyhow::Result<()> {
        let end = Instant::now() + START;
        let mut lines = String::new();
        while Instant::now() < end {
            match log.recv_timeout(Duration::from_millis(100)) {
                Ok(line) if line.contains("Watching ") || line.contains("Opening 'syscall'") => {
                    thread::sleep(Duration::from_millis(500));
                    return self.await_first(end);
                }
                Ok(line) => {
                    lines.push_str(&line);
                    lines.push('\n');
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    bail!("falco ended at once; it said:\n{lines}")
                }
            }
        }
        bail!("falco did not start within {} s", START.as_secs())
    }

    fn await_first(&mut self, end: Instant) -> anyhow::Result<()> {
        while Instant::now() < end {
            let _ = File::open("/etc/shadow");
            let limit = Duration::from_millis(500);
            if self.wait(limit, |alert| text(alert).contains("falco-generat")) {
                return Ok(());
            }
        }
        bail!("falco started, but does not notice that /etc/shadow is read")
    }

    /// Reads what is appended to a file from now on.
    pub(crate) fn follow(path: &Path) -> anyhow::Result<Alerts> {
        let mut file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        file.seek(SeekFrom::End(0))?;
        let (sender, alerts) = mpsc::channel();
        thread::spawn(move || {
            let mut reader = BufReader::new(file);
            let mut line = String::new();
            loop {
                match reader.read_line(&mut line) {
                    Ok(0) => thread::sleep(Duration::from_millis(20)),
                    Ok(_) if line.ends_with('\n') => {
                        if !send(&line, &sender) {
                            return;
                        }
                        line.clear();
                    }
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        });
        Ok(Alerts::of(alerts))
    }

    /// Takes what is posted to an address.
    pub(crate) fn listen(address: &str) -> anyhow::Result<Alerts> {
        let listener =
            TcpListener::bind(address).with_context(|| format!("listening at {address}"))?;
        let (sender, alerts) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                thread::spawn(move || take_posts(stream, &sender));
            }
        });
        Ok(Alerts::of(alerts))
    }

    /// Takes what is given out over gRPC at an address.
    pub(crate) fn subscribe(address: &str) -> anyhow::Result<Alerts> {
        let (sender, alerts) = mpsc::channel();
        grpc::subscribe(address, sender)?;
        Ok(Alerts::of(alerts))
    }

    /// Waits for an alert, at most that long; takes it.
    pub(crate) fn wait(&mut self, limit: Duration, wanted: impl Fn(&Value) -> bool) -> bool {
        if let Some(place) = self.kept.iter().position(&wanted) {
            self.kept.swap_remove(place);
            return true;
        }
        let end = Instant::now() + limit;
        while let Some(rest) = end.checked_duration_since(Instant::now()) {
            match self.incoming.recv_timeout(rest) {
                Ok(alert) if wanted(&alert) => return true,
                Ok(alert) => self.kept.push(alert),
                Err(_) => return false,
            }
        }
        false
    }

    /// Forgets what came so far.
    pub(crate) fn forget(&mut self) {
        self.kept.clear();
        while self.incoming.try_recv().is_ok() {}
    }
}

impl Drop for Alerts {
    fn drop(&mut self) {
        let Some(mut falco) = self.falco.take() else {
            return;
        };
        if let Some(pid) = rustix::process::Pid::from_raw(falco.id() as i32) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        for _ in 0..100 {
            if matches!(falco.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let _ = falco.kill();
        let _ = falco.wait();
    }
}

/// The output of an alert.
pub(crate) fn text(alert: &Value) -> &str {
    alert.get("output").and_then(Value::as_str).unwrap_or("")
}

fn read_lines(from: impl std::io::Read, sender: &Sender<Value>) {
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        if !send(&line, sender) {
            return;
        }
    }
}

/// Hands on a line that is an alert; false when nobody takes it.
fn send(line: &str, sender: &Sender<Value>) -> bool {
    match serde_json::from_str(line) {
        Ok(alert) => sender.send(alert).is_ok(),
        Err(_) => true,
    }
}

/// Takes the requests of one connection, and answers each.
fn take_posts(stream: TcpStream, sender: &Sender<Value>) {
    let Ok(mut answers) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            match reader.by_ref().take(8192).read_line(&mut line) {
                Ok(1..) => {}
                _ => return,
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.trim_end().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length.min(POST_MAX)];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        for line in String::from_utf8_lossy(&body).lines() {
            if !send(line, sender) {
                return;
            }
        }
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        if answers.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
