//! What an alert is.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::Value;

/// Something that happened and that somebody wanted to be told of.
#[derive(Clone, Debug)]
pub struct Alert {
    /// When, in nanoseconds since 1970.
    pub time_ns: u64,
    /// How bad.
    pub priority: Priority,
    /// The name of the rule, or of what happened within the program.
    pub rule: Arc<str>,
    /// Where the event came from; `internal` for messages of the program itself.
    pub source: Arc<str>,
    /// What is to be said, without time and priority. Bytes: names in it need not be UTF-8.
    pub message: Vec<u8>,
    /// The values in it, by the names of their fields.
    pub fields: BTreeMap<String, Value>,
    /// Who says it.
    pub kind: Kind,
}

/// Who raises an alert.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A rule.
    Rule {
        /// Its tags, in byte order.
        tags: Arc<[Arc<str>]>,
    },
    /// The program itself.
    Internal,
}

impl Alert {
    /// A message of the program itself: `rule` names its kind.
    pub fn internal(
        time_ns: u64,
        priority: Priority,
        rule: &str,
        message: String,
        fields: BTreeMap<String, Value>,
    ) -> Alert {
        Alert {
            time_ns,
            priority,
            rule: rule.into(),
            source: "internal".into(),
            message: message.into_bytes(),
            fields,
            kind: Kind::Internal,
        }
    }
}

/// How bad an alert is, the worst first. The numbers are those of syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Priority {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Informational,
    Debug,
}

/// A word that is no priority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Unknown priority \"{0}\"--must be one of emergency, alert, critical, error, warning, notice, informational, debug"
)]
pub struct UnknownPriority(pub String);

impl Priority {
    /// All, the worst first.
    pub const ALL: [Priority; 8] = [
        Priority::Emergency,
        Priority::Alert,
        Priority::Critical,
        Priority::Error,
        Priority::Warning,
        Priority::Notice,
        Priority::Informational,
        Priority::Debug,
    ];

    /// The name that alerts show.
    pub const fn name(self) -> &'static str {
        match self {
            Priority::Emergency => "Emergency",
            Priority::Alert => "Alert",
            Priority::Critical => "Critical",
            Priority::Error => "Error",
            Priority::Warning => "Warning",
            Priority::Notice => "Notice",
            Priority::Informational => "Informational",
            Priority::Debug => "Debug",
        }
    }

    /// The name that statistics show.
    pub const fn short_name(self) -> &'static str {
        match self {
            Priority::Emergency => "EMERGENCY",
            Priority::Alert => "ALERT",
            Priority::Critical => "CRITICAL",
            Priority::Error => "ERROR",
            Priority::Warning => "WARNING",
            Priority::Notice => "NOTICE",
            Priority::Informational => "INFO",
            Priority::Debug => "DEBUG",
        }
    }
}

impl FromStr for Priority {
    type Err = UnknownPriority;

    /// Either name, in any case.
    fn from_str(text: &str) -> Result<Priority, UnknownPriority> {
        let is = |priority: &&Priority| {
            text.eq_ignore_ascii_case(priority.name())
                || text.eq_ignore_ascii_case(priority.short_name())
        };
        let found = Priority::ALL.iter().find(is).copied();
        found.ok_or_else(|| UnknownPriority(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_have_two_names() {
        assert_eq!("info".parse(), Ok(Priority::Informational));
        assert_eq!("inFORMational".parse(), Ok(Priority::Informational));
        assert_eq!("Emergency".parse(), Ok(Priority::Emergency));
        assert_eq!("".parse::<Priority>(), Err(UnknownPriority(String::new())));
        for (number, priority) in Priority::ALL.iter().enumerate() {
            assert_eq!(*priority as usize, number);
        }
    }
}
