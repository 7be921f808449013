//! Alerts for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use falco_alerts::{Alert, Finished, Format, Kind, Priority};

use crate::sink::Entry;

pub(crate) fn format() -> Format {
    Format {
        json: true,
        hostname: "host".to_owned(),
        ..Format::default()
    }
}

pub(crate) fn alert(number: u64) -> Arc<Finished> {
    let alert = Alert {
        time_ns: number,
        priority: Priority::Warning,
        rule: "Shell".into(),
        source: "syscall".into(),
        message: format!("alert {number}").into_bytes(),
        fields: BTreeMap::from([("proc.name".to_owned(), "sh".into())]),
        kind: Kind::Rule {
            tags: ["a".into(), "b".into()].into(),
        },
    };
    let line = Format::default().line(&alert);
    Arc::new(Finished::new(alert, line))
}

pub(crate) fn entry(number: u64) -> Entry {
    let finished = alert(number);
    let document = format().line(&finished.alert);
    Entry {
        finished,
        document,
        id: format!("id-{number}"),
    }
}
