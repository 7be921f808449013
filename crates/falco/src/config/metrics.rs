//! The `metrics` section.

use std::path::PathBuf;

use anyhow::bail;

use super::Keys;
use crate::{log, metrics::Group};

/// Which figures are told of the program itself, when and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metrics {
    pub(crate) enabled: bool,
    /// As it is written, and in milliseconds.
    interval: String,
    pub(crate) interval_ms: u64,
    /// Whether they are told as alerts.
    pub(crate) output_rule: bool,
    /// The file that they are written to.
    pub(crate) output_file: Option<PathBuf>,
    /// Whether the web server tells them.
    pub(crate) prometheus: bool,
    /// Those that are told.
    pub(crate) groups: Vec<Group>,
    /// Whether alerts and file tell memory in megabytes.
    pub(crate) memory_mb: bool,
    /// Whether alerts and file tell zeros.
    pub(crate) empty_values: bool,
}

/// Reads the section.
pub(super) fn metrics(keys: &Keys<'_>) -> Metrics {
    let interval = keys.text("metrics.interval").unwrap_or("5000");
    let wanted = |group: &Group| {
        let key = group.key();
        key.is_none_or(|key| keys.truth(&format!("metrics.{key}"), true))
    };
    let file = keys.text("metrics.output_file").unwrap_or_default();
    Metrics {
        enabled: keys.truth("metrics.enabled", false),
        interval: interval.to_owned(),
        interval_ms: milliseconds(interval),
        output_rule: keys.truth("metrics.output_rule", false),
        output_file: (!file.is_empty()).then(|| file.into()),
        prometheus: keys.truth("webserver.prometheus_metrics_enabled", false),
        groups: Group::ALL.into_iter().filter(wanted).collect(),
        memory_mb: keys.truth("metrics.convert_memory_to_mb", true),
        empty_values: keys.truth("metrics.include_empty_values", false),
    }
}

impl Metrics {
    /// Whether they can be told as asked.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if !self.enabled {
            return Ok(());
        }
        if self.interval_ms < 100 {
            bail!(
                "Metrics interval must have a minimum value of 100ms and reflect a Prometheus compliant time duration format: \
                 https://prometheus.io/docs/prometheus/latest/querying/basics/#time-durations. "
            );
        }
        if !self.output_rule && self.output_file.is_none() && !self.prometheus {
            bail!(
                "Metrics are enabled with no output configured. Please enable at least one output channel ('metrics.output_rule', \
                 'metrics.output_file' or 'webserver.prometheus_metrics_enabled')"
            );
        }
        log::info(&format!(
            "Setting metrics interval to {}, equivalent to {} (ms)",
            self.interval, self.interval_ms
        ));
        Ok(())
    }
}

const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// A time as Prometheus writes it: numbers with units, the largest unit first, blanks where one likes. 0 when it is not one. A leading 0
/// makes a number octal, as upstream reads it.
fn milliseconds(text: &str) -> u64 {
    let text: String = text.split_ascii_whitespace().collect();
    let (mut rest, mut sum, mut units) = (text.as_str(), 0_u64, UNITS.iter());
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit());
        let (number, after) = rest.split_at(digits.unwrap_or(rest.len()));
        let unit = after.find(|letter: char| letter.is_ascii_digit());
        let (unit, after) = after.split_at(unit.unwrap_or(after.len()));
        let Some((_, factor)) = units.find(|(name, _)| *name == unit) else {
            return 0;
        };
        let radix = if number.len() > 1 && number.starts_with('0') {
            8
        } else {
            10
        };
        let Ok(number) = u64::from_str_radix(number, radix) else {
            return 0;
        };
        sum = sum.saturating_add(number.saturating_mul(*factor));
        rest = after;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_prometheus_writes_them() {
        for (text, want) in [
            ("1h3m2s1ms", 3_782_001),
            ("2h 5m", 7_500_000),
            (
                "1y1w1d1h1m1s1ms",
                31_536_000_000 + 604_800_000 + 86_400_000 + 3_661_001,
            ),
            ("010s", 8000),
            ("0s", 0),
            ("255s", 255_000),
            ("08s", 0),
            ("1ms1y", 0),
            ("5m5m", 0),
            ("200", 0),
            ("1t", 0),
            ("0x10s", 0),
            ("ms", 0),
            ("-1s", 0),
            ("", 0),
            ("99999999999999999999y", 0),
            ("9999999999999999999y", u64::MAX),
        ] {
            assert_eq!(milliseconds(text), want, "{text}");
        }
    }
}
