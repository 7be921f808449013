//! Alerts that no event has raised: what falco tells of itself on the way of events.

use std::collections::BTreeMap;

use falco_alerts::{Alert, Priority};
use jiff::tz::TimeZone;

use crate::{engine::now_ns, record::Full};

/// The message that a recording ended because of its size.
pub(crate) fn recording_is_full(full: Full) -> Alert {
    const RULE: &str = "Falco internal: capture size limit reached";
    Alert::internal(
        now_ns(),
        Priority::Informational,
        RULE,
        format!("{RULE}. Configured limit: {} MB.", full.limit_mb),
        BTreeMap::from([
            ("max_file_size_mb".into(), full.limit_mb.into()),
            ("written_bytes".into(), full.written.into()),
        ]),
    )
}

/// The message that no event came, at so many looks.
pub(crate) fn no_event_came(looks: u32, last_ns: u64) -> Alert {
    const RULE: &str = "Falco internal: timeouts notification";
    let mut last = Vec::new();
    if last_ns > 0 {
        falco_alerts::clock_time(last_ns, &TimeZone::system(), &mut last);
    } else {
        last.extend(b"none");
    }
    let last = String::from_utf8_lossy(&last).into_owned();
    Alert::internal(
        now_ns(),
        Priority::Debug,
        RULE,
        format!("{RULE}. {looks} consecutive timeouts without event."),
        BTreeMap::from([("last_event_time".into(), last.into())]),
    )
}

/// The message that what was loaded anew is not good.
pub(crate) fn restart_failed(error: &str) -> Alert {
    const RULE: &str = "Falco internal: hot restart failure";
    Alert::internal(
        now_ns(),
        Priority::Critical,
        RULE,
        format!("{RULE}: {error}"),
        BTreeMap::new(),
    )
}
