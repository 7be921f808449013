//! The way of an event through the program: state, rules, alert.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bumpalo::Bump;
use falco_alerts::{Alert, Kind, Outputs, Priority, Tally};
use falco_event::Origin;
use falco_fields::{Catalogue, Context, Facts, Seen};
use falco_filter::Memo;
use falco_rules::{ExtraOutput, Matching, Rule, RuleIx, RuleSet};
use falco_sources::{Delivery, Next, Source};
use falco_state::{State, Subject};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::{
    cli::Options,
    config::Engine as Driver,
    live::Drops,
    log, outputs,
    record::{Full, Recorder},
    run::{Prepared, Signals, is_set, whole},
};

/// How long the loop waits for an event before it looks at signals again.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long a replay waits for room in the queue before it tries again.
const ROOM: Duration = Duration::from_hours(1);
/// How long channels may take nothing at the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Everything that an event passes through.
pub(crate) struct Engine {
    catalogue: Catalogue,
    context: Context,
    rules: RuleSet,
    memo: Memo,
    matching: Matching,
    /// The rules' names, sources and tags, as alerts hold them.
    labels: Vec<Labels>,
    outputs: Outputs,
    recorder: Option<Recorder>,
    tally: Tally,
    arena: Bump,
    matched: Vec<RuleIx>,
    time_field: &'static str,
    replay: bool,
    json: bool,
    until_ns: u64,
    seconds: u64,
    events: u64,
}

struct Labels {
    name: Arc<str>,
    source: Arc<str>,
    tags: Arc<[Arc<str>]>,
    priority: Priority,
}

impl Engine {
    pub(crate) fn new(prepared: Prepared, options: &Options) -> anyhow::Result<Engine> {
        let Prepared {
            config,
            catalogue,
            rules,
            ..
        } = prepared;
        let config = &config;
        let labels: Vec<Labels> = rules.rules().iter().map(labels).collect();
        let replay = matches!(config.engine, Driver::Replay(_));
        let hostname = if replay {
            String::new()
        } else {
            outputs::hostname()
        };
        let zone = TimeZone::system();
        let context = Context {
            hostname: hostname.into_bytes().into(),
            zone: zone.clone(),
            ..Context::default()
        };
        Ok(Engine {
            memo: rules.memo(),
            tally: Tally::new(labels.iter().map(|labels| Arc::clone(&labels.name))),
            context,
            outputs: outputs::start(config, zone, outputs::channels(config))?,
            recorder: config.capture.clone().map(Recorder::new),
            matching: config.matching,
            arena: Bump::new(),
            matched: Vec::new(),
            time_field: if config.time_iso {
                "evt.time.iso8601"
            } else {
                "evt.time"
            },
            replay,
            json: config.json,
            until_ns: u64::MAX,
            seconds: options.seconds,
            events: 0,
            catalogue,
            rules,
            labels,
        })
    }

    /// Takes events until there are no more, or a signal comes.
    pub(crate) fn run(
        &mut self,
        source: &mut Source,
        mut state: State,
        signals: &Signals,
    ) -> anyhow::Result<()> {
        let mut drops = Drops::default();
        let started = Instant::now();
        loop {
            if is_set(&signals.stop) {
                log::info("SIGINT received, exiting...");
                return Ok(());
            }
            if signals.reopen.swap(false, Ordering::Relaxed) {
                log::info("SIGUSR1 received, reopening outputs...");
                self.outputs.reopen();
            }
            match source.next(PATIENCE).map_err(whole)? {
                Next::Event(delivery) => {
                    let time_ns = delivery.event.time_ns();
                    if self.seconds > 0 && self.until_ns == u64::MAX {
                        self.until_ns =
                            time_ns.saturating_add(self.seconds.saturating_mul(1_000_000_000));
                    }
                    if time_ns >= self.until_ns {
                        return Ok(());
                    }
                    self.take(delivery, &mut state);
                    if drops.is_due(time_ns) {
                        drops.look(source);
                    }
                }
                Next::Restart(fresh) => {
                    self.stop_recording();
                    state = *fresh;
                }
                Next::Timeout => {
                    // While nothing happens, only the clock tells.
                    if self.seconds > 0 && started.elapsed() >= Duration::from_secs(self.seconds) {
                        return Ok(());
                    }
                }
                Next::End => return Ok(()),
            }
        }
    }

    /// How many events there were.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// One event.
    fn take(&mut self, delivery: Delivery<'_>, state: &mut State) {
        let event = delivery.event;
        if self.context.first_ns == 0 && event.info().origin != Origin::Metaevent {
            self.context.first_ns = event.time_ns();
        }
        let subject = state.apply(&event);
        if subject.hidden {
            return;
        }
        self.events += 1;
        if self.rules.looks_at(event.code()) {
            self.assert(delivery, subject, state);
        }
        if let Some(recorder) = &mut self.recorder
            && let Some(full) = recorder.event(&delivery, state)
        {
            self.tell(recording_is_full(full));
        }
    }

    /// Asks the rules. Apart from the rest, which is small without it and runs for every event.
    #[inline(never)]
    fn assert(&mut self, delivery: Delivery<'_>, subject: Subject, state: &State) {
        let Delivery { event, number, cpu } = delivery;
        let mut matched = mem::take(&mut self.matched);
        let seen = Seen {
            event,
            subject,
            number,
            cpu,
        };
        let facts = Facts::new(&self.catalogue, &self.context, state, seen, &self.arena);
        self.rules.run(
            event.code(),
            &facts,
            &mut self.memo,
            self.matching,
            |rule| matched.push(rule),
        );
        for ix in matched.drain(..) {
            if let Some(labels) = self.labels.get(ix.0 as usize) {
                self.tally.count(ix.0 as usize, labels.priority);
            }
            self.raise(ix, &facts, event.time_ns());
            if let (Some(recorder), Some(rule)) = (&mut self.recorder, self.rules.get(ix)) {
                recorder.matched(rule, event.time_ns());
            }
        }
        self.matched = matched;
        self.arena.reset();
    }

    /// Puts an alert together; the only place on the way of an event that allocates.
    fn raise(&self, ix: RuleIx, facts: &Facts<'_>, time_ns: u64) {
        let (Some(rule), Some(labels)) = (self.rules.get(ix), self.labels.get(ix.0 as usize))
        else {
            return;
        };
        let mut message = Vec::new();
        rule.output.render(facts, &mut message);
        let mut fields = BTreeMap::new();
        if self.json {
            rule.output.fields(facts, time_ns, &mut fields);
            for extra in &rule.extra_fields {
                add(extra, facts, time_ns, &mut fields);
            }
            fields.insert(self.time_field.into(), time_ns.into());
        }
        let alert = Alert {
            time_ns,
            priority: labels.priority,
            rule: Arc::clone(&labels.name),
            source: Arc::clone(&labels.source),
            message,
            fields,
            kind: Kind::Rule {
                tags: Arc::clone(&labels.tags),
            },
        };
        self.tell(alert);
    }

    fn tell(&self, alert: Alert) {
        if self.replay {
            // A capture can wait. What the queue gives back is offered again, unless nobody takes it any more.
            let mut alert = alert;
            while let Err(back) = self.outputs.offer(alert, ROOM) {
                if self.outputs.is_dead() {
                    break;
                }
                alert = *back;
            }
        } else {
            // What does not fit is counted and reported there.
            let _ = self.outputs.push(alert);
        }
    }

    fn stop_recording(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.close(0);
        }
    }

    /// Writes what is left; the closing statistics.
    pub(crate) fn finish(mut self) -> String {
        self.stop_recording();
        let dropped = self.outputs.dropped();
        self.outputs.finish(LAST_WORDS);
        if dropped > 0 {
            log::warning(&format!(
                "{dropped} alerts found no room in the queue and were dropped"
            ));
        }
        self.tally.to_string()
    }
}

/// A field that the configuration adds: as itself, or a text under a name.
fn add(extra: &ExtraOutput, facts: &Facts<'_>, time_ns: u64, fields: &mut BTreeMap<String, Value>) {
    if extra.raw {
        extra.template.fields(facts, time_ns, fields);
    } else {
        let mut text = Vec::new();
        extra.template.render(facts, &mut text);
        fields.insert(extra.key.clone(), String::from_utf8_lossy(&text).into());
    }
}

/// The message that a recording ended because of its size.
fn recording_is_full(full: Full) -> Alert {
    const RULE: &str = "Falco internal: capture size limit reached";
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Alert::internal(
        now.map_or(0, |now| now.as_nanos() as u64),
        Priority::Informational,
        RULE,
        format!("{RULE}. Configured limit: {} MB.", full.limit_mb),
        BTreeMap::from([
            ("max_file_size_mb".into(), full.limit_mb.into()),
            ("written_bytes".into(), full.written.into()),
        ]),
    )
}

fn labels(rule: &Rule) -> Labels {
    Labels {
        name: rule.name.as_str().into(),
        source: rule.source.as_str().into(),
        tags: rule.tags.iter().map(|tag| tag.as_str().into()).collect(),
        priority: Priority::ALL
            .get(rule.priority as usize)
            .copied()
            .unwrap_or(Priority::Debug),
    }
}
