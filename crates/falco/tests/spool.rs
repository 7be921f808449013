//! The spool: falco and the server that gets its alerts are killed at random, and every alert arrives.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skips"
)]

mod harness;

use std::{
    collections::HashSet,
    env,
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use harness::{peak_kb, write_capture};

/// How often each is killed; more by `SPOOL_KILLS=50`.
const KILLS: u64 = 4;
/// How many alerts a run raises, if it is left alone.
const ALERTS: u64 = 1000;

/// The server: notes what it gets before it says so. Runs as a process of its own.
#[test]
#[ignore = "started by the other test"]
fn peer() {
    let (Ok(address), Ok(path)) = (env::var("PEER_ADDRESS"), env::var("PEER_FILE")) else {
        println!("skipped: nobody wants a server");
        return;
    };
    let listener = TcpListener::bind(address).unwrap();
    for stream in listener.incoming() {
        let out = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .unwrap();
        thread::spawn(move || serve(stream.unwrap(), out));
    }
}

fn serve(stream: TcpStream, mut out: File) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        body.push(b'\n');
        out.write_all(&body).ok()?;
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        stream.get_mut().write_all(answer).ok()?;
    }
}

/// A process that does not outlive the test.
struct Process(Child);

impl Process {
    fn peer(address: &str, file: &Path) -> Process {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", "peer", "--ignored", "--nocapture"])
            .env("PEER_ADDRESS", address)
            .env("PEER_FILE", file);
        Process::start(&mut command)
    }

    fn falco(dir: &Path, round: u64, address: &str) -> Process {
        let rules = format!(
            "[{{rule: seen, desc: d, condition: evt.type = chdir, output: {round} %evt.num, priority: INFO}}]"
        );
        fs::write(dir.join("r.yaml"), rules).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_falco"));
        command.current_dir(dir);
        command.args(["-c", "c.yaml", "-r", "r.yaml", "-o"]);
        command.arg(format!("http_output.url=http://{address}/"));
        Process::start(&mut command)
    }

    fn start(command: &mut Command) -> Process {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Process(command.stderr(Stdio::null()).spawn().unwrap())
    }

    /// Whether it ends by itself in that time.
    fn ends_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if self.0.try_wait().unwrap().is_some() {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Process {
    /// SIGKILL.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const CONFIG: &str = "
engine: {kind: replay, replay: {capture_file: in.scap}}
file_output: {enabled: true, filename: file, keep_alive: true}
http_output: {enabled: true}
outputs_spool: {path: spool}
log_syslog: false
";

/// The numbers of a line: of the run, of the event.
fn numbers(line: &str) -> (u64, u64) {
    let (rest, event) = line.rsplit_once(' ').unwrap();
    let (_, run) = rest.rsplit_once(' ').unwrap();
    (run.parse().unwrap(), event.parse().unwrap())
}

fn whole_lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.split_inclusive('\n');
    let whole = lines.filter_map(|line| line.strip_suffix('\n'));
    whole.map(str::to_owned).collect()
}

#[test]
fn every_alert_arrives_whoever_is_killed() {
    let kills = env::var("SPOOL_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    write_capture(&at("in.scap"), ALERTS);
    fs::write(at("c.yaml"), CONFIG).unwrap();
    // A port that is free now; whoever takes it meanwhile fails the test.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let mut peer = Some(Process::peer(&address, &at("got")));
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut pause = |most: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        Duration::from_millis((random >> 33) % most)
    };
    for round in 0..kills {
        let mut falco = Process::falco(dir.path(), round, &address);
        // The server is killed while falco runs, and falco while the server runs or is away.
        thread::sleep(pause(400));
        drop(peer.take());
        falco.ends_within(pause(400));
        peer = Some(Process::peer(&address, &at("got")));
        falco.ends_within(pause(800));
    }
    while TcpStream::connect(&address).is_err() {
        thread::sleep(Duration::from_millis(5));
    }
    let mut last = Process::falco(dir.path(), kills, &address);
    assert!(last.ends_within(Duration::from_mins(5)), "it does not end");
    drop(peer);

    let got = whole_lines(&at("got"));
    let arrived: HashSet<&String> = got.iter().collect();
    let raised = whole_lines(&at("file"));
    let lost: Vec<&String> = raised
        .iter()
        .filter(|line| !arrived.contains(line))
        .collect();
    println!(
        "{kills} times: {} raised, {} arrived, {} of them again",
        raised.len(),
        arrived.len(),
        got.len() - arrived.len()
    );
    assert!(raised.len() as u64 >= ALERTS);
    assert!(
        lost.is_empty(),
        "{} lost, the first is {}",
        lost.len(),
        lost[0]
    );
    // In order, but for what comes again.
    let mut seen = HashSet::new();
    let first: Vec<_> = got
        .iter()
        .filter(|line| seen.insert(*line))
        .map(|line| numbers(line))
        .collect();
    assert!(first.is_sorted());
}

#[test]
#[ignore = "takes a while: make test-peers"]
fn a_hundred_thousand_alerts_come_in_order_in_little_memory() {
    const MANY: u64 = 100_000;
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    write_capture(&at("in.scap"), MANY);
    for config in [CONFIG, &CONFIG.replace("outputs_spool: {path: spool}", "")] {
        fs::write(at("c.yaml"), config).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let peer = Process::peer(&address, &at("got"));
        while TcpStream::connect(&address).is_err() {
            thread::sleep(Duration::from_millis(5));
        }
        let started = Instant::now();
        let mut falco = Process::falco(dir.path(), 0, &address);
        let mut peak = 0;
        while !falco.ends_within(Duration::from_millis(20)) {
            peak = peak_kb(falco.0.id()).max(peak);
            assert!(
                started.elapsed() < Duration::from_mins(5),
                "it does not end"
            );
        }
        println!(
            "{MANY} alerts in {:.1?}, {} MB",
            started.elapsed(),
            peak >> 10
        );
        drop(peer);
        for name in ["file", "got"] {
            let lines = whole_lines(&at(name));
            let numbers: Vec<u64> = lines.iter().map(|line| numbers(line).1).collect();
            assert!(numbers.is_sorted_by(|a, b| a < b), "{name} is not in order");
            assert_eq!(numbers.len() as u64, MANY, "{name}");
            fs::remove_file(at(name)).unwrap();
        }
        assert!(peak > 0 && peak < 100 << 10, "{peak} kB");
    }
}
