//! Times of alerts.

use std::io::Write;

use jiff::{Timestamp, tz::TimeZone};

const SECOND_NS: u64 = 1_000_000_000;

/// Adds `HH:MM:SS.nnnnnnnnn` in `zone`.
pub fn clock_time(time_ns: u64, zone: &TimeZone, out: &mut Vec<u8>) {
    let time = zone.to_datetime(seconds(time_ns));
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        "{:02}:{:02}:{:02}.{:09}",
        time.hour(),
        time.minute(),
        time.second(),
        time_ns % SECOND_NS
    );
}

/// Adds `YYYY-MM-DDTHH:MM:SS.nnnnnnnnn` in UTC, and `suffix`.
pub fn iso8601(time_ns: u64, suffix: &str, out: &mut Vec<u8>) {
    let time = TimeZone::UTC.to_datetime(seconds(time_ns));
    let _ = write!(
        out,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}{suffix}",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time_ns % SECOND_NS
    );
}

/// The whole second; 64 bits of nanoseconds end in the year 2554, long before what `Timestamp` can hold.
fn seconds(time_ns: u64) -> Timestamp {
    Timestamp::from_second((time_ns / SECOND_NS) as i64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::offset;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_have_nine_digits() {
        let ns = 1_795_461_203_805_062_627;
        assert_eq!(
            text(|out| iso8601(ns, "Z", out)),
            "2026-11-23T19:13:23.805062627Z"
        );
        assert_eq!(
            text(|out| clock_time(ns, &TimeZone::UTC, out)),
            "19:13:23.805062627"
        );
        let east = offset(5).to_time_zone();
        assert_eq!(text(|out| clock_time(ns, &east, out)), "00:13:23.805062627");
        assert_eq!(
            text(|out| iso8601(7, "+0000", out)),
            "1970-01-01T00:00:00.000000007+0000"
        );
        assert!(text(|out| iso8601(u64::MAX, "Z", out)).starts_with("2554-07-21T"));
    }
}
