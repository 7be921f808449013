//! Figures as an alert and as lines of a file, once in a while.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::Write as _,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use falco_alerts::{Alert, Priority};
use serde_json::{Map, Value as Json, json};

use super::{Board, Figures, Frame, Group, Metric, Unit, Value, collect, plain, rounded};
use crate::{
    Failure, config,
    engine::now_ns,
    log::{self, Level},
    support,
};

/// The name of the alert.
const RULE: &str = "Falco internal: metrics snapshot";
/// How many lines may wait for the file.
const LINES: usize = 16;

/// Tells figures once in a while, as a configuration wants it.
#[derive(Debug)]
pub(crate) struct Reporter {
    config: config::Metrics,
    file: Option<File>,
    ticker: Option<Ticker>,
    /// How often it was told.
    samples: u64,
    last: Last,
}

/// The figures that rates are made of, as they were told last.
#[derive(Debug, Default)]
struct Last {
    time_ns: u64,
    events: u64,
    kernel_events: u64,
    kernel_drops: u64,
}

/// Says when it is time, and writes the file: a disk that hangs must not hold up the loop.
#[derive(Debug)]
struct Ticker {
    lines: SyncSender<String>,
    thread: JoinHandle<()>,
}

impl Reporter {
    /// Opens the file. None where the web server alone tells figures, or nobody.
    pub(crate) fn new(config: &config::Metrics) -> anyhow::Result<Option<Reporter>> {
        if !config.enabled || !config.output_rule && config.output_file.is_none() {
            return Ok(None);
        }
        let open = |path| OpenOptions::new().append(true).create(true).open(path);
        let file = config.output_file.as_ref().map(|path| {
            open(path).map_err(|cause| {
                Failure::Runtime(format!(
                    "metrics: failed to open output file {}: {cause}",
                    path.display()
                ))
            })
        });
        Ok(Some(Reporter {
            file: file.transpose()?,
            config: config.clone(),
            ticker: None,
            samples: 0,
            last: Last::default(),
        }))
    }

    /// It is to tell figures now, and then whenever its time has passed.
    pub(crate) fn start(&mut self, board: Arc<Board>) {
        let interval = Duration::from_millis(self.config.interval_ms);
        let mut file = self.file.take();
        let (lines, waiting) = mpsc::sync_channel::<String>(LINES);
        board.tick();
        let thread = thread::Builder::new()
            .name("metrics".into())
            .spawn(move || {
                let mut next = Instant::now().checked_add(interval);
                loop {
                    let now = Instant::now();
                    // A time that the clock never reaches: for ever is long enough.
                    let left = next.map_or(Duration::MAX, |next| next - now.min(next));
                    match waiting.recv_timeout(left) {
                        Ok(line) => {
                            if let Some(Err(cause)) =
                                file.as_mut().map(|file| file.write_all(line.as_bytes()))
                            {
                                log::line(
                                    Level::Error,
                                    &format!("metrics: cannot write the output file: {cause}"),
                                );
                            }
                        }
                        Err(RecvTimeoutError::Timeout) => {
                            board.tick();
                            next = next.and_then(|next| next.checked_add(interval));
                        }
                        Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            });
        match thread {
            Ok(thread) => self.ticker = Some(Ticker { lines, thread }),
            Err(cause) => log::line(Level::Error, &format!("metrics: no thread: {cause}")),
        }
    }

    /// Tells figures; the alert, if there is to be one.
    pub(crate) fn report(&mut self, frame: &Frame, figures: &Figures) -> Option<Alert> {
        let now_ns = now_ns();
        let fields = self.fields(frame, figures, now_ns);
        if let Some(ticker) = self
            .ticker
            .as_ref()
            .filter(|_| self.config.output_file.is_some())
        {
            let line = json!({ "sample": self.samples, "output_fields": &fields });
            if let Err(TrySendError::Full(_)) = ticker.lines.try_send(format!("{line}\n")) {
                log::warning("metrics: the output file takes too long, a line of it is left out");
            }
        }
        self.samples += 1;
        self.config.output_rule.then(|| {
            Alert::internal(
                now_ns,
                Priority::Informational,
                RULE,
                "Falco metrics snapshot".into(),
                fields.into_iter().collect::<BTreeMap<_, _>>(),
            )
        })
    }

    /// The fields under upstream's names.
    fn fields(&mut self, frame: &Frame, figures: &Figures, now_ns: u64) -> Map<String, Json> {
        let seconds = match self.last.time_ns {
            0 => 0.0,
            last => now_ns.saturating_sub(last) as f64 / 1e9,
        };
        self.last.time_ns = now_ns;
        let mut fields = general(frame, figures, now_ns);
        let mut put = |name: &str, value: Json| _ = fields.insert(name.to_owned(), value);
        let rate = |delta: u64| {
            if seconds > 0.0 {
                rounded(delta as f64 / seconds)
            } else {
                0.0
            }
        };
        if self.last.events != 0 && seconds > 0.0 {
            let delta = figures.events.saturating_sub(self.last.events);
            put("falco.evts_rate_sec", rate(delta).into());
        }
        put("falco.num_evts", figures.events.into());
        put("falco.num_evts_prev", self.last.events.into());
        self.last.events = figures.events;

        if self.config.groups.contains(&Group::Rules) {
            put("falco.rules.matches_total", frame.tally.total().into());
            for (ix, rule) in frame.rules.iter().enumerate() {
                let count = frame.tally.matches(ix);
                if count > 0 || self.config.empty_values {
                    put(&format!("falco.rules.{}", key(&rule.name)), count.into());
                }
            }
        }
        let (mut event_delta, mut drop_delta) = (0, 0);
        for metric in collect(frame, figures) {
            if let Value::Whole(count) = metric.value
                && let "n_evts" | "n_drops" = &*metric.name
            {
                let events = metric.name == "n_evts";
                let (last, delta, rate_name) = if events {
                    (
                        &mut self.last.kernel_events,
                        &mut event_delta,
                        "scap.evts_rate_sec",
                    )
                } else {
                    (
                        &mut self.last.kernel_drops,
                        &mut drop_delta,
                        "scap.evts_drop_rate_sec",
                    )
                };
                *delta = count.saturating_sub(*last);
                put(&format!("scap.{}", metric.name), count.into());
                put(&format!("scap.{}_prev", metric.name), (*last).into());
                put(rate_name, rate(*delta).into());
                *last = count;
            } else if let Some((name, value)) = metric.field(&self.config) {
                put(&name, value);
            }
        }
        let share = if event_delta > 0 {
            100.0 * drop_delta as f64 / event_delta as f64
        } else {
            0.0
        };
        put("scap.n_drops_perc", share.into());
        fields
    }

    /// Writes what waits for the file.
    pub(crate) fn finish(self) {
        if let Some(ticker) = self.ticker {
            drop(ticker.lines);
            let _ = ticker.thread.join();
        }
    }
}

/// What is told in any case.
fn general(frame: &Frame, figures: &Figures, now_ns: u64) -> Map<String, Json> {
    let machine = &frame.machine;
    let seconds = now_ns.saturating_sub(machine.start_ns) / 1_000_000_000;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Json| _ = fields.insert(name.to_owned(), value);
    put("evt.time", now_ns.into());
    put("evt.source", "syscall".into());
    put("evt.hostname", frame.hostname.as_str().into());
    put("falco.version", support::VERSION.into());
    put("falco.reload_ts", frame.loaded_ns.into());
    put("falco.start_ts", machine.start_ns.into());
    put("falco.duration_sec", seconds.into());
    put(
        "falco.kernel_release",
        machine.kernel_release.as_str().into(),
    );
    put("falco.host_boot_ts", machine.boot_ns.into());
    put("falco.host_num_cpus", machine.cpus.into());
    put(
        "falco.outputs_queue_num_drops",
        figures.dropped_alerts.into(),
    );
    if let Some(engine) = frame.engine {
        put("scap.engine_name", engine.into());
    }
    for (kind, files) in [
        ("rules", &frame.rules_files),
        ("config", &frame.config_files),
    ] {
        for file in files {
            let name = format!("falco.sha256_{kind}_file.{}", key(&file.name));
            put(&name, file.sha256.as_str().into());
        }
    }
    let mut addresses = BTreeMap::<String, Vec<String>>::new();
    for interface in figures.interfaces.iter().filter(|one| *one.name != *b"lo") {
        let name = String::from_utf8_lossy(&interface.name);
        let family = if interface.address.is_ipv4() {
            "ipv4"
        } else {
            "ipv6"
        };
        let key = format!("falco.host_netinfo.interfaces.{name}.protocols.{family}.addresses");
        addresses
            .entry(key)
            .or_default()
            .push(interface.address.to_string());
    }
    for (name, list) in addresses {
        put(&name, list.join(",").into());
    }
    fields
}

impl Metric {
    /// Its name and value among the fields of an alert; none when it is 0 and zeros are not wanted.
    fn field(&self, config: &config::Metrics) -> Option<(String, Json)> {
        let bytes = match (self.unit, self.value) {
            (Unit::Bytes, Value::Whole(bytes)) => Some(bytes as f64),
            (Unit::Kibibytes, Value::Whole(kib)) => Some(kib as f64 * 1024.0),
            _ => None,
        };
        let (name, value) = match bytes.filter(|_| config.memory_mb) {
            Some(bytes) => (
                format!("{}_mb", self.unit.without_ending(&self.name)),
                Value::Real(rounded(bytes / f64::from(1 << 20))),
            ),
            None => (self.name.to_string(), self.value),
        };
        let value = match value {
            Value::Whole(0) if !config.empty_values => return None,
            Value::Real(0.0) if !config.empty_values => return None,
            Value::Whole(value) => value.into(),
            Value::Real(value) => value.into(),
        };
        Some((format!("{}{name}", self.group.prefix()), value))
    }
}

/// A name as part of the name of a field.
fn key(name: &str) -> String {
    let mut text = plain(name);
    if text.ends_with('_') {
        text.pop();
    }
    text
}
