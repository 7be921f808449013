//! The text that Prometheus reads.

use std::{borrow::Cow, fmt::Write as _};

use super::{Figures, Frame, Kind, Metric, Shown, Unit, Value, collect, plain};
use crate::{engine::now_ns, support};

/// The form of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

type Labels<'a> = &'a [(Cow<'a, str>, String)];

/// Families in the order in which they first occur. Upstream repeats the head of a family before each sample, and has samples of one
/// family here and there; strict readers refuse both.
#[derive(Debug, Default)]
struct Families {
    list: Vec<Family>,
}

#[derive(Debug)]
struct Family {
    name: String,
    kind: Kind,
    samples: String,
}

/// All that is told.
pub(crate) fn text(frame: &Frame, figures: &Figures) -> String {
    let mut families = Families::default();
    families.info("falco_version", &[("version", support::VERSION)]);
    for (name, files) in [
        ("falco_sha256_rules_files", &frame.rules_files),
        ("falco_sha256_config_files", &frame.config_files),
    ] {
        for file in files {
            families.info(name, &[("file_name", &file.name), ("sha256", &file.sha256)]);
        }
    }
    if frame.config.groups.contains(&super::Group::Rules) {
        rules(frame, &mut families);
    }
    let source = ("evt_source", "syscall");
    if let Some(engine) = frame.engine {
        families.info("scap_engine_name", &[("engine_name", engine), source]);
    }
    for metric in collect(frame, figures) {
        families.metric(&metric);
    }
    // Nothing is lost at the entries into calls any more, but dashboards may ask.
    for drop in [
        "clone_fork",
        "execve",
        "connect",
        "open",
        "dir_file",
        "other_interest",
    ] {
        let labels = [("dir".into(), "enter".into()), ("drop".into(), drop.into())];
        families.add("scap_n_drops_buffer_total", Kind::Counter, &labels, "0");
    }
    let release = &frame.machine.kernel_release;
    families.info("falco_kernel_release", &[("kernel_release", release)]);
    families.info("evt_hostname", &[("hostname", &frame.hostname)]);

    let machine = &frame.machine;
    let seconds = now_ns().saturating_sub(machine.start_ns) / 1_000_000_000;
    for (name, kind, value) in [
        (
            "outputs_queue_num_drops_total",
            Kind::Counter,
            figures.dropped_alerts,
        ),
        ("reload_timestamp_nanoseconds", Kind::Gauge, frame.loaded_ns),
        ("start_timestamp_nanoseconds", Kind::Gauge, machine.start_ns),
        ("duration_seconds_total", Kind::Counter, seconds),
        (
            "host_boot_timestamp_nanoseconds",
            Kind::Gauge,
            machine.boot_ns,
        ),
        ("host_num_cpus_total", Kind::Gauge, machine.cpus),
    ] {
        families.add(&format!("falco_{name}"), kind, &[], &value.to_string());
    }
    families.finish()
}

/// The rules that matched, with their tags as labels.
fn rules(frame: &Frame, families: &mut Families) {
    for (ix, rule) in frame.rules.iter().enumerate() {
        let count = frame.tally.matches(ix);
        if count == 0 {
            continue;
        }
        let mut labels: Vec<(Cow<'_, str>, String)> = vec![
            ("priority".into(), (rule.priority as u8).to_string()),
            ("rule_name".into(), rule.name.to_string()),
            ("source".into(), rule.source.to_string()),
        ];
        let tags = rule.tags.iter();
        labels.extend(tags.map(|tag| (format!("tag_{tag}").into(), "true".into())));
        labels.sort();
        families.add(
            "falco_rules_matches_total",
            Kind::Counter,
            &labels,
            &count.to_string(),
        );
    }
}

impl Families {
    /// A figure that is always 1 and tells something by its labels.
    fn info(&mut self, name: &str, labels: &[(&str, &str)]) {
        let labels: Vec<(Cow<'_, str>, String)> = labels
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).to_owned()))
            .collect();
        self.add(&format!("{name}_info"), Kind::Gauge, &labels, "1");
    }

    fn metric(&mut self, metric: &Metric) {
        let (name, labels): (&str, Labels<'_>) = match &metric.prometheus {
            Shown::Plain => (&metric.name, &[]),
            Shown::As(name, labels) => (name, labels),
            Shown::Hidden => return,
        };
        let name = plain(&format!(
            "{}_{}_{}",
            metric.group.subsystem(),
            metric.unit.without_ending(name),
            metric.unit.prometheus()
        ));
        self.add(&name, metric.kind, labels, &metric.prometheus_value());
    }

    fn add(&mut self, name: &str, kind: Kind, labels: Labels<'_>, value: &str) {
        let place = self.list.iter().position(|family| family.name == name);
        let place = place.unwrap_or_else(|| {
            self.list.push(Family {
                name: name.to_owned(),
                kind,
                samples: String::new(),
            });
            self.list.len() - 1
        });
        let Some(family) = self.list.get_mut(place) else {
            return;
        };
        // Writing to a text cannot fail.
        let _ = write!(family.samples, "falcosecurity_{name}");
        for (number, (key, value)) in labels.iter().enumerate() {
            let open = if number == 0 { '{' } else { ',' };
            let key = plain(key).replace(':', "_");
            let _ = write!(family.samples, "{open}{key}=\"{}\"", escaped(value));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(family.samples, "{close} {value}");
    }

    fn finish(self) -> String {
        let mut text = String::new();
        for family in self.list {
            let name = format!("falcosecurity_{}", family.name);
            let kind = match family.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            };
            let _ = write!(
                text,
                "# HELP {name} https://falco.org/docs/metrics/\n# TYPE {name} {kind}\n{}",
                family.samples
            );
        }
        text
    }
}

/// As the value of a label wants it.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

impl Unit {
    /// What the names in alerts and in the file end with.
    fn ending(self) -> &'static str {
        match self {
            Unit::Count => "",
            Unit::Percent => "_perc",
            Unit::Bytes => "_bytes",
            Unit::Kibibytes => "_kb",
            Unit::Nanoseconds | Unit::NanosecondsTotal => "_ns",
        }
    }

    pub(super) fn without_ending(self, name: &str) -> &str {
        name.strip_suffix(self.ending()).unwrap_or(name)
    }

    /// What the names at Prometheus end with; memory is told in bytes there, shares from 0 to 1.
    fn prometheus(self) -> &'static str {
        match self {
            Unit::Count => "total",
            Unit::Percent => "ratio",
            Unit::Bytes | Unit::Kibibytes => "bytes",
            Unit::Nanoseconds => "nanoseconds",
            Unit::NanosecondsTotal => "nanoseconds_total",
        }
    }
}

impl Metric {
    fn prometheus_value(&self) -> String {
        let real = match (self.unit, self.value) {
            (Unit::Percent, Value::Real(value)) => value / 100.0,
            (Unit::Bytes, Value::Whole(value)) => value as f64,
            (Unit::Kibibytes, Value::Whole(value)) => value as f64 * 1024.0,
            (_, Value::Whole(value)) => return value.to_string(),
            (_, Value::Real(value)) => value,
        };
        format!("{real:.6}")
    }
}
