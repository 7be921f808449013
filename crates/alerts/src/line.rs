//! An alert as a line: text or JSON.

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::escape::{escape, string, visible};
use crate::time::{clock_time, iso8601};
use crate::{Alert, Kind};

mod forms;

/// Which JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JsonForm {
    /// Upstream's; the keys that say what to include are for it.
    #[default]
    Falco,
    /// Detection Findings of OCSF 1.3.
    Ocsf,
    /// Events of ECS 8.17.
    Ecs,
}

/// How alerts are written.
#[derive(Clone, Debug)]
pub struct Format {
    /// JSON instead of text.
    pub json: bool,
    /// Which JSON.
    pub form: JsonForm,
    /// Whether JSON has the whole text, with time and priority (`output`).
    pub include_output: bool,
    /// Whether JSON has the tags of the rule (`tags`).
    pub include_tags: bool,
    /// Whether JSON has the text without time and priority (`message`).
    pub include_message: bool,
    /// Whether JSON has the fields (`output_fields`).
    pub include_fields: bool,
    /// Whether the text begins with date and time in UTC instead of the local time of day.
    pub iso8601: bool,
    /// What the host is called.
    pub hostname: String,
    /// The version that other forms of JSON name.
    pub product: String,
    /// The zone of local times.
    pub zone: TimeZone,
}

impl Default for Format {
    /// Text with times in UTC.
    fn default() -> Format {
        Format {
            json: false,
            form: JsonForm::Falco,
            include_output: true,
            include_tags: true,
            include_message: false,
            include_fields: true,
            iso8601: false,
            hostname: String::new(),
            product: String::new(),
            zone: TimeZone::UTC,
        }
    }
}

impl Format {
    /// The line of an alert, without a newline. It is UTF-8 and has no control characters.
    pub fn line(&self, alert: &Alert) -> Vec<u8> {
        let mut line = Vec::with_capacity(1024);
        self.write(alert, &mut line);
        line
    }

    /// Adds the line of an alert to `out`.
    pub fn write(&self, alert: &Alert, out: &mut Vec<u8>) {
        match (self.json, self.form, &alert.kind) {
            (true, JsonForm::Falco, kind) => self.write_json(alert, kind, out),
            (true, JsonForm::Ocsf, _) => {
                json(
                    &forms::ocsf::finding(alert, &self.hostname, &self.product),
                    out,
                );
            }
            (true, JsonForm::Ecs, _) => {
                json(
                    &forms::ecs::event(alert, &self.hostname, &self.product),
                    out,
                );
            }
            (false, _, Kind::Rule { .. }) => {
                let mut text = Vec::new();
                escape(&self.text(alert), &mut text);
                visible(&text, out);
            }
            (false, _, Kind::Internal) => self.write_internal_text(alert, out),
        }
    }

    /// Time, priority and message.
    fn text(&self, alert: &Alert) -> Vec<u8> {
        let mut text = Vec::with_capacity(64 + alert.message.len());
        if self.iso8601 {
            iso8601(alert.time_ns, "+0000", &mut text);
        } else {
            clock_time(alert.time_ns, &self.zone, &mut text);
        }
        text.extend_from_slice(b": ");
        text.extend_from_slice(alert.priority.name().as_bytes());
        text.push(b' ');
        text.extend_from_slice(&alert.message);
        text
    }

    /// The fields of internal messages follow the text, and their time is always the local time of day.
    fn write_internal_text(&self, alert: &Alert, out: &mut Vec<u8>) {
        clock_time(alert.time_ns, &self.zone, out);
        out.extend_from_slice(b": ");
        out.extend_from_slice(alert.priority.name().as_bytes());
        out.push(b' ');
        // Upstream writes these as they are; a line must stay a line, though.
        visible(&alert.message, out);
        out.extend_from_slice(b" (");
        for (index, (name, value)) in alert.fields.iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            json(value, out);
        }
        out.push(b')');
    }

    /// Keys in byte order.
    fn write_json(&self, alert: &Alert, kind: &Kind, out: &mut Vec<u8>) {
        let internal = matches!(kind, Kind::Internal);
        out.extend_from_slice(b"{\"hostname\":");
        string(self.hostname.as_bytes(), out);
        if self.include_message && !internal {
            out.extend_from_slice(b",\"message\":");
            string(&alert.message, out);
        }
        if internal {
            out.extend_from_slice(b",\"output\":");
            string(&alert.message, out);
        } else if self.include_output {
            out.extend_from_slice(b",\"output\":");
            string(&self.text(alert), out);
        }
        if internal || self.include_fields {
            out.extend_from_slice(b",\"output_fields\":");
            self.write_fields(alert, internal, out);
        }
        out.extend_from_slice(b",\"priority\":\"");
        out.extend_from_slice(alert.priority.name().as_bytes());
        out.extend_from_slice(b"\",\"rule\":");
        string(alert.rule.as_bytes(), out);
        out.extend_from_slice(b",\"source\":");
        string(alert.source.as_bytes(), out);
        if let (true, Kind::Rule { tags }) = (self.include_tags, kind) {
            out.extend_from_slice(b",\"tags\":[");
            for (index, tag) in tags.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                string(tag.as_bytes(), out);
            }
            out.push(b']');
        }
        out.extend_from_slice(b",\"time\":\"");
        iso8601(alert.time_ns, "Z", out);
        out.extend_from_slice(b"\"}");
    }

    /// The fields in byte order; those of a rule's alert with the time that its text begins with.
    fn write_fields(&self, alert: &Alert, internal: bool, out: &mut Vec<u8>) {
        let time_name = if self.iso8601 {
            "evt.time.iso8601"
        } else {
            "evt.time"
        };
        let time = (!internal).then(|| (time_name, Value::from(alert.time_ns)));
        let mut time = time.as_ref().map(|(name, value)| (*name, value));
        let mut first = true;
        let mut member = |name: &str, value: &Value| {
            out.push(if first { b'{' } else { b',' });
            first = false;
            string(name.as_bytes(), out);
            out.push(b':');
            json(value, out);
        };
        for (name, value) in &alert.fields {
            if let Some((time_name, time_value)) = time
                && time_name <= name.as_str()
            {
                member(time_name, time_value);
                time = None;
                if time_name == name {
                    continue;
                }
            }
            member(name, value);
        }
        if let Some((name, value)) = time {
            member(name, value);
        }
        if first {
            out.push(b'{');
        }
        out.push(b'}');
    }
}

fn json(value: &Value, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail, and every key is a string.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests;
