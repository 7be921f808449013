//! What arrives at servers, and what becomes of their answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use falco_alerts::{Channel as _, Failure};
use serde_json::{Value, json};

use crate::fixture::{alert, format};
use crate::{Setting, Settings, open};

/// A request as it came.
struct Seen {
    /// Method and path.
    line: String,
    headers: Vec<String>,
    body: String,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn has(&self, header: &str) -> bool {
        let mut headers = self.headers.iter();
        headers.any(|seen| seen.eq_ignore_ascii_case(header))
    }
}

/// A server that gives these answers, one a connection; its URL, and what it was sent.
fn server(answers: Vec<(u16, &'static str)>) -> (String, Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, seen) = channel();
    thread::spawn(move || {
        for (status, answer) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim_end().to_owned();
                if line.is_empty() {
                    break;
                }
                lines.push(line);
            }
            let length = lines.iter().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.parse().unwrap())
            });
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).unwrap();
            let line = lines.remove(0);
            let seen = Seen {
                line: line.trim_end_matches(" HTTP/1.1").to_owned(),
                headers: lines,
                body: String::from_utf8(body).unwrap(),
            };
            let _ = sender.send(seen);
            write!(
                stream,
                "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{answer}",
                answer.len()
            )
            .unwrap();
        }
    });
    (url, seen)
}

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let text =
        |(key, value): &(&str, &str)| ((*key).to_owned(), Setting::Text((*value).to_owned()));
    Settings {
        values: pairs.iter().map(text).collect(),
        hostname: "host".to_owned(),
    }
}

/// Sends two alerts to a server; what it got, and what came of it.
fn sent(
    pairs: &[(&str, &str)],
    answers: Vec<(u16, &'static str)>,
) -> (Vec<Seen>, Result<(), Failure>) {
    let (url, seen) = server(answers);
    let mut settings = settings(pairs);
    settings
        .values
        .entry("url".to_owned())
        .or_insert(Setting::Text(url));
    let labels = Setting::Map(vec![("cluster".to_owned(), "c".to_owned())]);
    if ["loki", "alertmanager", "otlp"].contains(&pairs[0].1) {
        settings.values.insert("labels".to_owned(), labels);
    }
    let mut sink = open(&settings, &format()).unwrap();
    let outcome = sink.deliver(&alert(7)).and_then(|()| sink.flush());
    (seen.try_iter().collect(), outcome)
}

#[test]
fn loki_gets_streams_with_labels() {
    let (seen, outcome) = sent(&[("type", "loki"), ("token", "t")], vec![(204, "")]);
    outcome.unwrap();
    assert_eq!(seen[0].line, "POST /loki/api/v1/push");
    assert!(
        seen[0].has("authorization: Bearer t") && seen[0].has("content-type: application/json")
    );
    let body = seen[0].json();
    let labels = json!({"job": "falco", "hostname": "host", "priority": "Warning", "rule": "Shell", "source": "syscall", "cluster": "c"});
    assert_eq!(body["streams"][0]["stream"], labels);
    assert_eq!(body["streams"][0]["values"][0][0], "7");
    let line = body["streams"][0]["values"][0][1].as_str().unwrap();
    let alert: Value = serde_json::from_str(line).unwrap();
    assert_eq!(alert["output_fields"]["proc.name"], "sh");
}

#[test]
fn elasticsearch_gets_documents_and_tells_what_became_of_each() {
    let pairs = [
        ("type", "elasticsearch"),
        ("user", "u"),
        ("password", "p"),
        ("retries", "0"),
    ];
    let (seen, outcome) = sent(&pairs, vec![(200, r#"{"errors":false}"#)]);
    outcome.unwrap();
    assert_eq!(seen[0].line, "POST /_bulk");
    assert!(seen[0].has("authorization: Basic dTpw"));
    let lines: Vec<Value> = seen[0]
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["create"]["_index"], "falco-1970.01.01");
    assert_eq!(lines[1]["@timestamp"], "1970-01-01T00:00:00.000000007Z");
    assert_eq!((&lines[1]["rule"], lines.len()), (&json!("Shell"), 2));
    for (answer, refused) in [
        (
            r#"{"errors":true,"items":[{"create":{"status":409}}]}"#,
            None,
        ),
        (
            r#"{"errors":true,"items":[{"create":{"status":400,"error":{"type":"mapper"}}}]}"#,
            Some(true),
        ),
        (
            r#"{"errors":true,"items":[{"create":{"status":429,"error":{}}}]}"#,
            Some(false),
        ),
        ("so what", Some(false)),
    ] {
        let (_, outcome) = sent(&pairs, vec![(200, answer)]);
        let told = outcome
            .err()
            .map(|failure| matches!(failure, Failure::Refused(_)));
        assert_eq!(told, refused, "{answer}");
    }
}

#[test]
fn alertmanager_gets_alerts() {
    let (seen, outcome) = sent(&[("type", "alertmanager")], vec![(200, "")]);
    outcome.unwrap();
    assert_eq!(seen[0].line, "POST /api/v2/alerts");
    let labels = json!({"alertname": "Shell", "hostname": "host", "priority": "Warning", "severity": "warning", "source": "syscall", "cluster": "c"});
    let annotations = json!({"summary": "Shell", "description": "alert 7", "proc_name": "sh"});
    let alert = json!({"labels": labels, "annotations": annotations, "startsAt": "1970-01-01T00:00:00.000000007Z"});
    assert_eq!(seen[0].json(), json!([alert]));
}

#[test]
fn otlp_gets_log_records() {
    let (seen, outcome) = sent(&[("type", "otlp")], vec![(200, "{}")]);
    outcome.unwrap();
    assert_eq!(seen[0].line, "POST /v1/logs");
    let logs = &seen[0].json()["resourceLogs"][0];
    let resource = logs["resource"]["attributes"].as_array().unwrap();
    assert!(resource.contains(&json!({"key": "cluster", "value": {"stringValue": "c"}})));
    let record = &logs["scopeLogs"][0]["logRecords"][0];
    assert_eq!(
        (&record["timeUnixNano"], &record["severityNumber"]),
        (&json!("7"), &json!(13))
    );
    assert_eq!(record["body"]["stringValue"], "alert 7");
    let attributes = record["attributes"].as_array().unwrap();
    assert!(attributes.contains(&json!({"key": "proc.name", "value": {"stringValue": "sh"}})));
    let partial = r#"{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"no"}}"#;
    let (_, outcome) = sent(&[("type", "otlp")], vec![(200, partial)]);
    assert!(matches!(outcome, Err(Failure::Refused(_))));
}

#[test]
fn people_get_messages() {
    for (kind, expected) in [
        ("slack", json!({"text": "Warning: alert 7 &lt;x&gt; sh"})),
        (
            "discord",
            json!({"content": "Warning: alert 7 <x> sh", "allowed_mentions": {"parse": []}}),
        ),
    ] {
        let pairs = [
            ("type", kind),
            ("template", "{priority}: {message} <x> {proc.name}"),
        ];
        let (seen, outcome) = sent(&pairs, vec![(200, "ok")]);
        outcome.unwrap();
        assert_eq!(seen[0].json(), expected);
    }
    let (seen, outcome) = sent(&[("type", "teams")], vec![(202, "")]);
    outcome.unwrap();
    let card = &seen[0].json()["attachments"][0]["content"];
    assert_eq!(card["body"][0]["text"], "Warning on host: Shell\n\nalert 7");
}

#[test]
fn a_webhook_gets_what_its_template_says() {
    let (seen, outcome) = sent(&[("type", "webhook")], vec![(200, "")]);
    outcome.unwrap();
    assert_eq!(
        (&*seen[0].line, &seen[0].json()["rule"]),
        ("POST /", &json!("Shell"))
    );
    let template = "{{\"text\": \"{message} \\\\ {nothing}\"}}";
    let pairs = [
        ("type", "webhook"),
        ("method", "PUT"),
        ("template", template),
    ];
    let (seen, outcome) = sent(&pairs, vec![(200, "")]);
    outcome.unwrap();
    assert_eq!(seen[0].line, "PUT /");
    assert_eq!(seen[0].json(), json!({"text": "alert 7 \\ <NA>"}));
}

#[test]
fn storage_gets_an_object_that_is_signed() {
    let pairs = [
        ("type", "s3"),
        ("bucket", "b"),
        ("user", "key"),
        ("password", "secret"),
        ("region", "eu"),
    ];
    let (seen, outcome) = sent(&pairs, vec![(200, "")]);
    outcome.unwrap();
    let object = "PUT /b/falco/1970/01/01/000000.000000007-host-0.jsonl?";
    assert!(seen[0].line.starts_with(object), "{}", seen[0].line);
    assert!(seen[0].line.contains("X-Amz-Signature=") && seen[0].line.contains("%2Feu%2Fs3%2F"));
    assert_eq!(seen[0].json()["rule"], "Shell");
}

#[test]
fn what_may_go_well_is_tried_again_and_what_will_not_is_told() {
    let (seen, outcome) = sent(
        &[("type", "webhook"), ("retries", "2")],
        vec![(503, "later"), (429, "slow"), (200, "")],
    );
    outcome.unwrap();
    assert_eq!(seen.len(), 3);
    let (seen, outcome) = sent(&[("type", "webhook")], vec![(400, "bad alert")]);
    let told = outcome.unwrap_err();
    assert!(matches!(told, Failure::Refused(_)) && told.to_string().contains("bad alert"));
    assert_eq!(seen.len(), 1);
    let (_, outcome) = sent(&[("type", "webhook"), ("retries", "0")], vec![(500, "")]);
    assert!(matches!(outcome, Err(Failure::Other(_))));
}

#[test]
fn what_is_wrong_with_settings_is_told_at_once() {
    for (pairs, told) in [
        (&[("name", "x")][..], "has a `type`"),
        (&[("type", "loky")], "no sink of type `loky`"),
        (&[("type", "loki")], "need `url`"),
        (&[("type", "loki"), ("url", "here")], "`url` is http://"),
        (
            &[("type", "loki"), ("url", "http://x"), ("topic", "t")],
            "`topic` means nothing",
        ),
        (
            &[("type", "loki"), ("url", "http://x"), ("batch", "many")],
            "`batch` is a whole number",
        ),
        (
            &[("type", "loki"), ("url", "http://x"), ("cert", "c")],
            "go together",
        ),
        (
            &[("type", "loki"), ("url", "http://x"), ("insecure", "x")],
            "true or false",
        ),
        (
            &[("type", "slack"), ("url", "http://x"), ("template", "{")],
            "not closed",
        ),
        (
            &[("type", "webhook"), ("url", "http://x"), ("method", "GET")],
            "`method` is POST",
        ),
    ] {
        let error = open(&settings(pairs), &format()).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
}
