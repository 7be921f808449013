use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::Priority;

fn alert(message: &[u8], tags: &[&str], fields: Value) -> Alert {
    Alert {
        time_ns: 1_795_461_203_805_062_627,
        priority: Priority::Informational,
        rule: "A \"rule\"".into(),
        source: "syscall".into(),
        message: message.to_vec(),
        fields: serde_json::from_value(fields).unwrap(),
        kind: Kind::Rule {
            tags: tags.iter().map(|&tag| tag.into()).collect(),
        },
    }
}

fn line(format: &Format, alert: &Alert) -> String {
    String::from_utf8(format.line(alert)).unwrap()
}

#[test]
fn text_is_escaped_as_a_whole() {
    let alert = alert(b"say \"hi\"\n\xff \\", &[], json!({}));
    assert_eq!(
        line(&Format::default(), &alert),
        "19:13:23.805062627: Informational say \\\"hi\\\"\\n\u{fffd} \\\\"
    );
    let iso = Format {
        iso8601: true,
        ..Format::default()
    };
    assert!(
        line(&iso, &alert).starts_with("2026-11-23T19:13:23.805062627+0000: Informational say")
    );
}

#[test]
fn json_has_its_keys_in_order() {
    let fields = json!({"a": null, "evt.arg": 1, "evt.type": "x", "proc.tty": 0, "z": true});
    let alert = alert(b"m\xff", &["b", "c"], fields);
    let mut format = Format {
        json: true,
        hostname: "h".to_owned(),
        ..Format::default()
    };
    assert_eq!(
        line(&format, &alert),
        "{\"hostname\":\"h\",\"output\":\"19:13:23.805062627: Informational m\u{fffd}\",\"output_fields\":{\"a\":null,\"evt.arg\":1,\
         \"evt.time\":1795461203805062627,\"evt.type\":\"x\",\"proc.tty\":0,\"z\":true},\"priority\":\"Informational\",\"rule\":\
         \"A \\\"rule\\\"\",\"source\":\"syscall\",\"tags\":[\"b\",\"c\"],\"time\":\"2026-11-23T19:13:23.805062627Z\"}"
    );
    format.include_message = true;
    format.include_output = false;
    format.include_fields = false;
    format.include_tags = false;
    assert_eq!(
        line(&format, &alert),
        "{\"hostname\":\"h\",\"message\":\"m\u{fffd}\",\"priority\":\"Informational\",\"rule\":\"A \\\"rule\\\"\",\
         \"source\":\"syscall\",\"time\":\"2026-11-23T19:13:23.805062627Z\"}"
    );
}

#[test]
fn the_time_is_a_field_wherever_its_name_falls() {
    let format = Format {
        json: true,
        ..Format::default()
    };
    for (fields, expected) in [
        (json!({}), "{\"evt.time\":1795461203805062627}"),
        (
            json!({"a": 1}),
            "{\"a\":1,\"evt.time\":1795461203805062627}",
        ),
        (
            json!({"f": 1}),
            "{\"evt.time\":1795461203805062627,\"f\":1}",
        ),
        (
            json!({"evt.time": 1, "evt.time.s": 2}),
            "{\"evt.time\":1795461203805062627,\"evt.time.s\":2}",
        ),
    ] {
        let line = line(&format, &alert(b"m", &[], fields));
        assert!(
            line.contains(&format!("\"output_fields\":{expected},")),
            "{line}"
        );
        assert!(line.contains("\"tags\":[]"), "{line}");
        serde_json::from_str::<Value>(&line).unwrap();
    }
    let iso = Format {
        iso8601: true,
        ..format
    };
    assert!(
        line(&iso, &alert(b"m", &[], json!({})))
            .contains("{\"evt.time.iso8601\":1795461203805062627}")
    );
}

#[test]
fn internal_messages_have_no_tags_and_no_time_of_events() {
    let fields: BTreeMap<String, Value> =
        serde_json::from_value(json!({"n_evts": "7", "last": 3})).unwrap();
    let alert = Alert::internal(
        7,
        Priority::Debug,
        "Falco internal: x",
        "Lost".to_owned(),
        fields,
    );
    let mut format = Format {
        iso8601: true,
        ..Format::default()
    };
    assert_eq!(
        line(&format, &alert),
        "00:00:00.000000007: Debug Lost (last=3 n_evts=\"7\")"
    );
    format.json = true;
    format.include_output = false;
    format.include_fields = false;
    assert_eq!(
        line(&format, &alert),
        "{\"hostname\":\"\",\"output\":\"Lost\",\"output_fields\":{\"last\":3,\"n_evts\":\"7\"},\"priority\":\"Debug\",\
         \"rule\":\"Falco internal: x\",\"source\":\"internal\",\"time\":\"1970-01-01T00:00:00.000000007Z\"}"
    );
}

/// What upstream recorded, taken apart and put together again.
#[test]
fn recorded_alerts_come_out_as_they_went_in() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/captures/everyday.alerts.jsonl"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: no {path}");
        return;
    };
    let format = Format {
        json: true,
        hostname: "host".to_owned(),
        ..Format::default()
    };
    for recorded in text.lines() {
        let mut expected: Value = serde_json::from_str(recorded).unwrap();
        expected["hostname"] = "host".into();
        let text = |key: &str| expected[key].as_str().unwrap();
        let fields = expected["output_fields"].as_object().unwrap();
        let prefix = format!(
            "{}: {} ",
            text("time").get(11..29).unwrap(),
            text("priority")
        );
        let tags = expected["tags"].as_array().unwrap().iter();
        let alert = Alert {
            time_ns: fields["evt.time"].as_u64().unwrap(),
            priority: text("priority").parse().unwrap(),
            rule: text("rule").into(),
            source: text("source").into(),
            message: text("output").strip_prefix(&prefix).unwrap().into(),
            fields: fields.clone().into_iter().collect(),
            kind: Kind::Rule {
                tags: tags.map(|tag| tag.as_str().unwrap().into()).collect(),
            },
        };
        // Sorted keys and no blanks, as upstream writes them: `Value` sorts, too.
        assert_eq!(line(&format, &alert), expected.to_string());
    }
}
