//! The way of an event through the program: state, rules, alert.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::bail;
use bumpalo::Bump;
use falco_alerts::{Alert, Kind, Priority, Routes};
use falco_event::{Event, Origin};
use falco_fields::{Context, Facts, Seen};
use falco_rules::{ExtraOutput, RuleIx};
use falco_sources::{Delivery, Next, Source};
use falco_state::{State, Subject};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::{
    cli::Options,
    config::Engine as Driver,
    containers::{Containers, Held, Kept},
    drops::{self, Drops},
    log,
    metrics::{Board, Figures},
    outputs,
    record::Full,
    reload::{Message, Reloader},
    run::{Signals, is_set, whole},
    set::{Retired, Set},
    terminal::Status,
};

/// How long the loop waits for an event before it looks at signals again, as long as upstream: `syscall_event_timeouts` counts them.
const PATIENCE: Duration = Duration::from_millis(30);
/// After so long, what came before the wait has arrived.
const SETTLED: Duration = Duration::from_millis(2);

/// The same while events wait for what a runtime says.
const PATIENCE_WHILE_HELD: Duration = Duration::from_millis(5);

/// Everything that an event passes through.
pub(crate) struct Engine {
    set: Set,
    context: Context,
    arena: Bump,
    matched: Vec<RuleIx>,
    containers: Containers,
    /// An event that waits for what a runtime says, with those after it.
    held: Option<Box<Held>>,
    /// Whether an event may wait.
    patient: bool,
    drops: Drops,
    /// Where others ask for figures.
    board: Arc<Board>,
    status: Status,
    /// Waits in vain since the last event, or since that was told; and when that event was, 0 before the first.
    timeouts: u32,
    last_ns: u64,
    started: Instant,
    until_ns: u64,
    /// Events before it were shown to a source that is closed by now: they are only for the state.
    seen_ns: u64,
    seconds: u64,
    events: u64,
}

/// Why the loop ends.
pub(crate) enum Pause {
    /// There is nothing more, or somebody wants it to end.
    End,
    /// There is another set.
    Reload(Box<Set>),
}

impl Engine {
    pub(crate) fn new(
        mut set: Set,
        options: &Options,
        board: Arc<Board>,
        state: &mut State,
    ) -> Engine {
        let replay = matches!(set.config.engine, Driver::Replay(_));
        let hostname = if replay {
            String::new()
        } else {
            outputs::hostname()
        };
        let context = Context {
            hostname: hostname.into_bytes().into(),
            zone: TimeZone::system(),
            ..Context::default()
        };
        if let Some(reporter) = &mut set.reporter {
            reporter.start(Arc::clone(&board));
        }
        Engine {
            board,
            containers: Containers::watch(&set.config, state),
            held: None,
            patient: true,
            status: Status::new(&set.config),
            drops: Drops::new(&set.config.drops),
            timeouts: 0,
            last_ns: 0,
            set,
            context,
            arena: Bump::new(),
            matched: Vec::new(),
            started: Instant::now(),
            until_ns: u64::MAX,
            seen_ns: 0,
            seconds: options.seconds,
            events: 0,
        }
    }

    /// What runs.
    pub(crate) fn set(&self) -> &Set {
        &self.set
    }

    /// Runs another set from now on; the one before. `fresh` tells whether the state is another, too.
    pub(crate) fn swap(&mut self, mut set: Set, state: &mut State, fresh: bool) -> Retired {
        self.drops.configure(&set.config.drops);
        if fresh || *self.containers.config() != set.config.containers {
            self.containers = Containers::watch(&set.config, state);
        }
        set.events_before = self.events;
        if let Some(reporter) = &mut set.reporter {
            reporter.start(Arc::clone(&self.board));
        }
        mem::replace(&mut self.set, set).retire()
    }

    /// What comes until this time comes from the old source, and is shown to the rules; then the new one is asked.
    pub(crate) fn drain(
        &mut self,
        old: &mut Source,
        state: &mut State,
        until_ns: u64,
    ) -> anyhow::Result<()> {
        self.seen_ns = 0;
        while let Next::Event(delivery) = old.next(SETTLED).map_err(whole)? {
            if delivery.event.time_ns() >= until_ns {
                break;
            }
            self.take(delivery, state);
            self.release_all(state);
        }
        self.seen_ns = until_ns;
        self.drops.restart();
        Ok(())
    }

    /// Takes events until there are no more, a signal comes, or another set.
    pub(crate) fn run(
        &mut self,
        source: &mut Source,
        state: &mut State,
        signals: &Signals,
        reloader: &Reloader,
    ) -> anyhow::Result<Pause> {
        let pause = self.take_all(source, state, signals, reloader);
        self.release_all(state);
        pause
    }

    fn take_all(
        &mut self,
        source: &mut Source,
        state: &mut State,
        signals: &Signals,
        reloader: &Reloader,
    ) -> anyhow::Result<Pause> {
        loop {
            if is_set(&signals.stop) {
                log::info("SIGINT received, exiting...");
                return Ok(Pause::End);
            }
            if is_set(&signals.reopen) {
                signals.reopen.store(false, Ordering::Relaxed);
                log::info("SIGUSR1 received, reopening outputs...");
                self.set.outputs.reopen();
            }
            if is_set(&reloader.called) {
                match reloader.message() {
                    Some(Message::Ready(set)) => return Ok(Pause::Reload(set)),
                    Some(Message::Failed(error)) => self.tell(restart_failed(&error)),
                    None => {}
                }
            }
            if self.board.is_called() {
                self.tell_figures(source, state);
            }
            let patience = self.attend(state);
            // Taken apart in one step: with `?` an event would be copied once more.
            match source.next(patience) {
                Err(cause) => return Err(whole(cause)),
                Ok(Next::Event(delivery)) => {
                    let time_ns = delivery.event.time_ns();
                    if self.seconds > 0 && self.until_ns == u64::MAX {
                        self.until_ns =
                            time_ns.saturating_add(self.seconds.saturating_mul(1_000_000_000));
                    }
                    if time_ns >= self.until_ns {
                        return Ok(Pause::End);
                    }
                    match &mut self.held {
                        None => self.take(delivery, state),
                        Some(held) => {
                            if !held.push(Kept::new(&delivery)) {
                                self.release_all(state);
                            }
                        }
                    }
                    self.last_ns = time_ns;
                    self.timeouts = 0;
                    if self.drops.is_due(time_ns) {
                        self.look_for_drops(source, time_ns)?;
                    }
                }
                Ok(Next::Restart(fresh)) => {
                    self.set.stop_recording();
                    *state = *fresh;
                    self.containers = Containers::watch(&self.set.config, state);
                }
                Ok(Next::Timeout) => {
                    if self.held.is_none() {
                        self.nothing_came(source)?;
                    }
                    // While nothing happens, only the clock tells.
                    if self.seconds > 0
                        && self.started.elapsed() >= Duration::from_secs(self.seconds)
                    {
                        return Ok(Pause::End);
                    }
                }
                Ok(Next::End) => return Ok(Pause::End),
            }
        }
    }

    /// On a terminal, that all is well.
    fn show_status(&mut self, source: &Source) {
        if self.status.is_due() {
            let lost = drops::stats(source).map_or(0, |stats| stats.dropped_total());
            let alerts = self.set.tally.total();
            self.status.show(self.events, alerts, lost);
        }
    }

    /// Looks whether events were lost, and does what is to be done then.
    #[cold]
    fn look_for_drops(&mut self, source: &Source, now_ns: u64) -> anyhow::Result<()> {
        self.show_status(source);
        let config = &self.set.config.drops;
        let Some(outcome) = self.drops.look(config, source, now_ns) else {
            return Ok(());
        };
        if let Some(alert) = outcome.alert {
            self.tell(alert);
        }
        if outcome.exit {
            bail!("Drop manager internal error");
        }
        Ok(())
    }

    /// Gathers figures for those who asked.
    #[cold]
    fn tell_figures(&mut self, source: &Source, state: &State) {
        let wanted = self.board.take();
        let Some(frame) = self.set.frame.clone() else {
            return;
        };
        let figures = Arc::new(Figures {
            events: self.events - self.set.events_before,
            dropped_alerts: self.set.outputs.dropped(),
            channels: self.set.outputs.counts(),
            ..Figures::of(source, state)
        });
        if wanted.report
            && let Some(reporter) = &mut self.set.reporter
            && let Some(alert) = reporter.report(&frame, &figures)
        {
            self.tell(alert);
        }
        if wanted.publish {
            self.board.publish(frame, figures);
        }
    }

    /// A wait in vain. Where nothing ever comes (there is no driver) it stands for an event.
    #[cold]
    fn nothing_came(&mut self, source: &Source) -> anyhow::Result<()> {
        let now_ns = now_ns();
        if self.drops.is_due(now_ns) {
            self.look_for_drops(source, now_ns)?;
        }
        self.show_status(source);
        if matches!(source, Source::Live(_)) {
            self.timeouts += 1;
            if self.timeouts > self.set.config.timeouts_max {
                self.timeouts = 0;
                self.tell(no_event_came(self.set.config.timeouts_max, self.last_ns));
            }
        }
        Ok(())
    }

    /// What is said at the end about losses.
    pub(crate) fn drops(&self) -> &Drops {
        &self.drops
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
        if state.containers.has_news() {
            self.containers.heed(state);
        }
        if subject.hidden {
            return;
        }
        self.events += 1;
        if event.time_ns() < self.seen_ns {
            return;
        }
        if self.patient
            && let Some(container) = self.containers.awaited(&subject, state)
            && self.set.rules.looks_at(event.code())
        {
            let first = Kept::new(&delivery);
            self.held = Some(Box::new(Held::new(container, first, subject)));
            return;
        }
        self.judge(delivery, subject, state);
        if self.containers.has_made() {
            self.tell_made(state);
        }
    }

    /// Shows an event that the state has taken in to rules and recordings.
    #[inline]
    fn judge(&mut self, delivery: Delivery<'_>, subject: Subject, state: &State) {
        if self.set.rules.looks_at(delivery.event.code()) {
            self.assert(delivery, subject, state);
        }
        if let Some(recorder) = &mut self.set.recorder
            && let Some(full) = recorder.event(&delivery, state)
        {
            self.tell(recording_is_full(full));
        }
    }

    /// Hears what runtimes say, and lets go of an event that has waited for it. How long to wait for the next event.
    #[inline]
    fn attend(&mut self, state: &mut State) -> Duration {
        if self.containers.has_news() {
            self.containers.hear(state, self.held.is_some());
            if self.held.is_none() {
                self.tell_made(state);
            }
        }
        if let Some(held) = &self.held {
            if self.containers.is_awaited(held.container, state) {
                return PATIENCE_WHILE_HELD;
            }
            self.release(state);
        }
        PATIENCE
    }

    /// Shows the event that has waited to the rules, and takes those after it, up to one that has to wait as well.
    #[cold]
    fn release(&mut self, state: &mut State) {
        let Some(held) = self.held.take() else {
            return;
        };
        if let Some(delivery) = held.first.delivery() {
            self.judge(delivery, held.subject, state);
        }
        self.tell_made(state);
        let mut others = held.others;
        while let Some(event) = others.pop_front() {
            if let Some(delivery) = event.delivery() {
                self.take(delivery, state);
            }
            if let Some(next) = &mut self.held {
                next.others = others;
                return;
            }
        }
    }

    /// Lets everything go that waits, and nothing wait meanwhile.
    #[cold]
    fn release_all(&mut self, state: &mut State) {
        self.patient = false;
        self.release(state);
        self.patient = true;
    }

    /// Takes the notifications that were made.
    #[cold]
    fn tell_made(&mut self, state: &mut State) {
        while let Some(bytes) = self.containers.next_made() {
            let Ok(event) = Event::parse(&bytes) else {
                continue;
            };
            let subject = state.apply(&event);
            self.events += 1;
            let delivery = Delivery {
                event,
                number: self.events,
                cpu: 0,
            };
            self.judge(delivery, subject, state);
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
        let facts = Facts::new(&self.set.catalogue, &self.context, state, seen, &self.arena);
        self.set.rules.run(
            event.code(),
            &facts,
            &mut self.set.memo,
            self.set.config.matching,
            |rule| matched.push(rule),
        );
        if matched.is_empty() {
            self.matched = matched;
            self.arena.reset();
            return;
        }
        let routes = self.set.routing.of_event(event.code(), &facts);
        for ix in matched.drain(..) {
            if let Some(labels) = self.set.labels.get(ix.0 as usize) {
                self.set.tally.count(ix.0 as usize, labels.priority);
            }
            self.raise(ix, &facts, event.time_ns(), routes);
            if let (Some(recorder), Some(rule)) = (&mut self.set.recorder, self.set.rules.get(ix)) {
                recorder.matched(rule, event.time_ns());
            }
        }
        self.matched = matched;
        self.arena.reset();
    }

    /// Puts an alert together; the only place on the way of an event that allocates.
    fn raise(&self, ix: RuleIx, facts: &Facts<'_>, time_ns: u64, routes: Routes) {
        let (Some(rule), Some(labels)) =
            (self.set.rules.get(ix), self.set.labels.get(ix.0 as usize))
        else {
            return;
        };
        let mut message = Vec::new();
        rule.output.render(facts, &mut message);
        let mut fields = BTreeMap::new();
        if self.set.fields {
            rule.output.fields(facts, time_ns, &mut fields);
            for extra in &rule.extra_fields {
                add(extra, facts, time_ns, &mut fields);
            }
            fields.insert(self.set.time_field.into(), time_ns.into());
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
        self.push(alert, routes);
    }

    /// Raises an alert that no event has raised.
    fn tell(&self, alert: Alert) {
        self.push(alert, self.set.routing.unconditional());
    }

    /// What finds no room is counted and reported there.
    fn push(&self, alert: Alert, routes: Routes) {
        let routes = self.set.routing.of_alert(routes, alert.priority);
        self.set.outputs.push(alert, routes);
    }

    /// It takes no more events.
    pub(crate) fn finish(self) -> Retired {
        self.set.retire()
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
fn no_event_came(looks: u32, last_ns: u64) -> Alert {
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
fn restart_failed(error: &str) -> Alert {
    const RULE: &str = "Falco internal: hot restart failure";
    Alert::internal(
        now_ns(),
        Priority::Critical,
        RULE,
        format!("{RULE}: {error}"),
        BTreeMap::new(),
    )
}

/// The time of the clock.
pub(crate) fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_nanos() as u64)
}
