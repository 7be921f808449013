//! Slack, Microsoft Teams and Discord, by their webhooks.

use std::time::Duration;

use falco_alerts::Failure;
use serde_json::{Value, json};

use super::{KEYS, Web};
use crate::settings::{Kind, Settings};
use crate::sink::{Client, Entry};
use crate::template::Template;

const DEFAULT: &str = "{priority} on {hostname}: {rule}\n{message}";

pub(crate) const SLACK: Kind = kind("slack", |settings| open(settings, slack));
pub(crate) const TEAMS: Kind = kind("teams", |settings| open(settings, teams));
pub(crate) const DISCORD: Kind = kind("discord", |settings| open(settings, discord));

const OPTIONAL: &[&[&str]] = &[&["template"], KEYS[0], KEYS[1]];

const fn kind(name: &'static str, open: fn(&Settings) -> Result<Box<dyn Client>, String>) -> Kind {
    Kind {
        name,
        required: &["url"],
        optional: OPTIONAL,
        batch: 1,
        // They want no more than about a message a second.
        gap: Duration::from_millis(500),
        open,
    }
}

struct Chat {
    web: Web,
    template: Template,
    hostname: String,
    message: fn(&str) -> Value,
}

fn open(settings: &Settings, message: fn(&str) -> Value) -> Result<Box<dyn Client>, String> {
    let template = settings.template("template")?;
    Ok(Box::new(Chat {
        web: Web::new(settings)?,
        template: template.map_or_else(|| Template::new(DEFAULT), Ok)?,
        hostname: settings.hostname.clone(),
        message,
    }))
}

/// What is no longer than a service takes; an alert that is too long is still an alert.
fn short(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut text: String = text.chars().take(max - 1).collect();
    text.push('…');
    text
}

/// In Slack three characters mean something else than themselves, in names of files as well.
fn slack(text: &str) -> Value {
    let text = short(text, 30_000);
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    json!({ "text": text.replace('>', "&gt;") })
}

fn teams(text: &str) -> Value {
    // A line feed ends a paragraph only when there are two.
    let text = short(text, 20_000).replace('\n', "\n\n");
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [{ "type": "TextBlock", "text": text, "wrap": true }],
            },
        }],
    })
}

/// An alert mentions nobody, whatever its fields say.
fn discord(text: &str) -> Value {
    json!({ "content": short(text, 2000), "allowed_mentions": { "parse": [] } })
}

impl Client for Chat {
    fn send(&mut self, batch: &[Entry]) -> Result<(), Failure> {
        for entry in batch {
            let text = self.template.render(entry, &self.hostname, str::to_owned);
            let body = (self.message)(&text).to_string();
            self.web.post("", "application/json", body.as_bytes())?;
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.web.reset();
    }
}
