//! The messages of the protocol, as `proto/` has them.

use std::collections::BTreeMap;

use falco_alerts::{Alert, Kind, Priority, clock_time, iso8601};
use jiff::tz::TimeZone;
use serde_json::Value;

/// `google.protobuf.Timestamp`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Timestamp {
    /// Since 1970.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Below 1,000,000,000.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// `falco.outputs.response`: an alert.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Output {
    /// When.
    #[prost(message, optional, tag = "1")]
    pub time: Option<Timestamp>,
    /// How bad: 0 is the worst.
    #[prost(int32, tag = "2")]
    pub priority: i32,
    /// System calls 0, Kubernetes 1, falco itself 2, plugins 3.
    #[prost(int32, tag = "3")]
    pub source_deprecated: i32,
    /// The rule's name.
    #[prost(string, tag = "4")]
    pub rule: String,
    /// The line that other channels write.
    #[prost(string, tag = "5")]
    pub output: String,
    /// The values of fields.
    #[prost(btree_map = "string, string", tag = "6")]
    pub output_fields: BTreeMap<String, String>,
    /// What the host is called.
    #[prost(string, tag = "7")]
    pub hostname: String,
    /// The rule's tags.
    #[prost(string, repeated, tag = "8")]
    pub tags: Vec<String>,
    /// Where the event came from.
    #[prost(string, tag = "9")]
    pub source: String,
}

/// `falco.version.response`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Version {
    /// Of the program.
    #[prost(string, tag = "1")]
    pub version: String,
    #[allow(missing_docs)]
    #[prost(uint32, tag = "2")]
    pub major: u32,
    #[allow(missing_docs)]
    #[prost(uint32, tag = "3")]
    pub minor: u32,
    #[allow(missing_docs)]
    #[prost(uint32, tag = "4")]
    pub patch: u32,
    /// What follows a `-`.
    #[prost(string, tag = "5")]
    pub prerelease: String,
    /// What follows a `+`.
    #[prost(string, tag = "6")]
    pub build: String,
    #[allow(missing_docs)]
    #[prost(uint32, tag = "7")]
    pub engine_minor: u32,
    /// Empty: the engine's version says it.
    #[prost(string, tag = "8")]
    pub engine_fields_checksum: String,
    #[allow(missing_docs)]
    #[prost(uint32, tag = "9")]
    pub engine_major: u32,
    #[allow(missing_docs)]
    #[prost(uint32, tag = "10")]
    pub engine_patch: u32,
    /// Of the engine: what rules may ask for.
    #[prost(string, tag = "11")]
    pub engine_version: String,
}

impl Output {
    /// An alert with its line. Times among its fields are shown in `zone`.
    pub fn new(alert: &Alert, line: &[u8], hostname: &str, zone: &TimeZone) -> Output {
        let source_deprecated = match (&*alert.source, &alert.kind) {
            (_, Kind::Internal) => 2,
            ("syscall", _) => 0,
            ("k8s_audit", _) => 1,
            _ => 3,
        };
        let tags = match &alert.kind {
            Kind::Rule { tags } => tags.iter().map(|tag| (**tag).to_owned()).collect(),
            Kind::Internal => Vec::new(),
        };
        let fields = alert.fields.iter();
        Output {
            time: Some(Timestamp {
                seconds: (alert.time_ns / 1_000_000_000) as i64,
                nanos: (alert.time_ns % 1_000_000_000) as i32,
            }),
            priority: number(alert.priority),
            source_deprecated,
            rule: (*alert.rule).to_owned(),
            output: String::from_utf8_lossy(line).into_owned(),
            output_fields: fields
                .map(|(name, value)| (name.clone(), text(name, value, zone)))
                .collect(),
            hostname: hostname.to_owned(),
            tags,
            source: (*alert.source).to_owned(),
        }
    }
}

impl Version {
    /// The parts of `version` (`0.44.0-rc1+abc`) and of `engine_version` (`0.63.0`).
    pub fn new(version: &str, engine_version: &str) -> Version {
        let (rest, build) = version.split_once('+').unwrap_or((version, ""));
        let (numbers, prerelease) = rest.split_once('-').unwrap_or((rest, ""));
        let [major, minor, patch] = parts(numbers);
        let [engine_major, engine_minor, engine_patch] = parts(engine_version);
        Version {
            version: version.to_owned(),
            major,
            minor,
            patch,
            prerelease: prerelease.to_owned(),
            build: build.to_owned(),
            engine_minor,
            engine_fields_checksum: String::new(),
            engine_major,
            engine_patch,
            engine_version: engine_version.to_owned(),
        }
    }
}

fn parts(numbers: &str) -> [u32; 3] {
    let mut parts = numbers.split('.').map(|part| part.parse().unwrap_or(0));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

fn number(priority: Priority) -> i32 {
    priority as i32
}

/// A value as outputs show it.
fn text(name: &str, value: &Value, zone: &TimeZone) -> String {
    match (name, value.as_u64(), value) {
        ("evt.time", Some(time_ns), _) => written(|out| clock_time(time_ns, zone, out)),
        ("evt.time.iso8601", Some(time_ns), _) => written(|out| iso8601(time_ns, "+0000", out)),
        (_, _, Value::String(text)) => text.clone(),
        (_, _, Value::Null) => "<NA>".to_owned(),
        (_, _, other) => other.to_string(),
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    /// The bytes of each field, as `proto/outputs.proto` numbers them, written by hand.
    #[test]
    fn an_alert_has_the_numbers_of_the_protocol() {
        let alert = Alert {
            time_ns: 3_000_000_004,
            priority: Priority::Critical,
            rule: "r".into(),
            source: "aws".into(),
            message: b"m".to_vec(),
            fields: BTreeMap::from([
                ("a".to_owned(), "x".into()),
                ("evt.time".to_owned(), Value::from(1)),
                ("n".to_owned(), Value::from(7)),
                ("z".to_owned(), Value::Null),
            ]),
            kind: Kind::Rule {
                tags: ["t".into(), "u".into()].into(),
            },
        };
        let bytes = Output::new(&alert, b"l\xff", "h", &TimeZone::UTC).encode_to_vec();
        let mut expected = vec![0x0a, 4, 0x08, 3, 0x10, 4];
        expected.extend([0x10, 2, 0x18, 3]);
        expected.extend([0x22, 1, b'r']);
        expected.extend(b"\x2a\x04l\xef\xbf\xbd");
        expected.extend(b"\x32\x06\x0a\x01a\x12\x01x");
        expected.extend(b"\x32\x1e\x0a\x08evt.time\x12\x1200:00:00.000000001");
        expected.extend(b"\x32\x06\x0a\x01n\x12\x017");
        expected.extend(b"\x32\x09\x0a\x01z\x12\x04<NA>");
        expected.extend(b"\x3a\x01h\x42\x01t\x42\x01u\x4a\x03aws");
        assert_eq!(bytes, expected);
    }

    #[test]
    fn versions_are_taken_apart() {
        let version = Version::new("0.44.1-rc1+abc", "0.63.0");
        assert_eq!((version.major, version.minor, version.patch), (0, 44, 1));
        assert_eq!(
            (&*version.prerelease, &*version.build, version.engine_minor),
            ("rc1", "abc", 63)
        );
        let bytes = Version::new("1.2.3", "4.5.6").encode_to_vec();
        let expected =
            b"\x0a\x051.2.3\x10\x01\x18\x02\x20\x03\x38\x05\x48\x04\x50\x06\x5a\x054.5.6";
        assert_eq!(bytes, expected);
    }
}
