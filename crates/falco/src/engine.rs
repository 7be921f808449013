//! The way of an event through the program: state, rules, alert.

use std::{
    mem,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::bail;
use falco_alerts::{Alert, Routes};
use falco_event::Event;
use falco_fields::Context;
use falco_sources::{Delivery, Next, Source};
use falco_state::{State, Subject};
use jiff::tz::TimeZone;

use crate::{
    cli::Options,
    config::Engine as Driver,
    containers::{Containers, Held, Kept},
    crew::Crew,
    drops::{self, Drops},
    internal::{no_event_came, recording_is_full, restart_failed},
    judge::{Judge, Rulebook},
    log,
    metrics::{Board, Figures},
    narrow::Narrowed,
    outputs,
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
    judge: Judge,
    /// Who judges beside us, if there are several workers.
    crew: Option<Crew>,
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
    /// It is known what the kernel has to send.
    Narrow(Box<Narrowed>),
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
        let mut engine = Engine {
            board,
            containers: Containers::watch(&set.config, state),
            held: None,
            patient: true,
            status: Status::new(&set.config),
            drops: Drops::new(&set.config.drops),
            timeouts: 0,
            last_ns: 0,
            judge: Judge::new(&set.book, context),
            crew: None,
            set,
            started: Instant::now(),
            until_ns: u64::MAX,
            seen_ns: 0,
            seconds: options.seconds,
            events: 0,
        };
        engine.hire(state);
        engine
    }

    /// What runs.
    pub(crate) fn set(&self) -> &Set {
        &self.set
    }

    /// Runs another set from now on; the one before. `fresh` tells whether the state is another, too.
    pub(crate) fn swap(&mut self, mut set: Set, state: &mut State, fresh: bool) -> Retired {
        self.dismiss(state);
        self.drops.configure(&set.config.drops);
        if fresh || *self.containers.config() != set.config.containers {
            self.containers = Containers::watch(&set.config, state);
        }
        set.events_before = self.events;
        if let Some(reporter) = &mut set.reporter {
            reporter.start(Arc::clone(&self.board));
        }
        self.judge.swap(&set.book);
        let old = mem::replace(&mut self.set, set);
        self.hire(state);
        old.retire()
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
                self.set.book.outputs.reopen();
            }
            if is_set(&reloader.called) {
                match reloader.message() {
                    Some(Message::Ready(set)) => return Ok(Pause::Reload(set)),
                    Some(Message::Narrowed(narrowed)) => return Ok(Pause::Narrow(narrowed)),
                    Some(Message::Failed(error)) => self.tell(restart_failed(&error)),
                    None => {}
                }
            }
            if self.board.is_called() {
                self.tell_figures(source, state);
            }
            let mut patience = self.attend(state);
            if let Some(crew) = &self.crew {
                if crew.is_broken() {
                    bail!(
                        "A worker ended before its time: see above why. One alone is `workers: 1`"
                    );
                }
                if crew.is_awaited() {
                    patience = Duration::ZERO;
                }
            }
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
                    self.dismiss(state);
                    *state = *fresh;
                    self.containers = Containers::watch(&self.set.config, state);
                    self.hire(state);
                }
                Ok(Next::Timeout) => {
                    if let Some(crew) = &mut self.crew
                        && crew.nothing_came()
                    {
                        continue;
                    }
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
            let alerts = self.set.book.tally.total();
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
        if let Some(crew) = &mut self.crew {
            // What was handed over counts.
            crew.settle();
        }
        let Some(frame) = self.set.frame.clone() else {
            return;
        };
        let figures = Arc::new(Figures {
            events: self.events - self.set.events_before,
            dropped_alerts: self.set.book.outputs.dropped(),
            channels: self.set.book.outputs.counts(),
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
        let subject = self.apply(&delivery, state);
        if subject.hidden {
            return;
        }
        self.events += 1;
        if event.time_ns() < self.seen_ns {
            return;
        }
        if self.patient
            && let Some(container) = self.containers.awaited(&subject, state)
            && self.judge.looks_at(event.code())
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

    /// Has the state take in an event, and does what that made necessary.
    #[inline]
    fn apply(&mut self, delivery: &Delivery<'_>, state: &mut State) -> Subject {
        self.judge.note(&delivery.event);
        let subject = state.apply(&delivery.event);
        if let Some(crew) = &mut self.crew {
            crew.applied(delivery, state.take_answers());
        }
        if state.containers.has_news() {
            self.containers.heed(state);
        }
        subject
    }

    /// Shows an event that the state has taken in to rules and recordings.
    #[inline]
    fn judge(&mut self, delivery: Delivery<'_>, subject: Subject, state: &State) {
        if self.judge.looks_at(delivery.event.code()) {
            let crew = self.crew.as_mut();
            if !crew.is_some_and(|crew| crew.takes(&delivery)) {
                self.assert(&delivery, subject, state);
            }
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
            let waiting = self.held.is_some();
            self.containers.hear(state, waiting, self.crew.as_mut());
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
            self.events += 1;
            let delivery = Delivery {
                event,
                number: self.events,
                cpu: 0,
            };
            let subject = self.apply(&delivery, state);
            self.judge(delivery, subject, state);
        }
    }

    /// Asks the rules here, on the thread that reads.
    #[inline]
    fn assert(&mut self, delivery: &Delivery<'_>, subject: Subject, state: &State) {
        let Engine {
            judge, set, crew, ..
        } = self;
        judge.assert(delivery, subject, state, |ix, alert, routes| {
            if let (Some(recorder), Some(rule)) = (&mut set.recorder, set.book.rules.get(ix)) {
                recorder.matched(rule, alert.time_ns);
            }
            push(&set.book, crew.as_mut(), alert, routes);
        });
    }

    /// Raises an alert that no event has raised.
    fn tell(&mut self, alert: Alert) {
        let routing = &self.set.book.routing;
        let routes = routing.of_alert(routing.unconditional(), alert.priority);
        push(&self.set.book, self.crew.as_mut(), alert, routes);
    }

    /// Starts the workers, if there are to be some.
    fn hire(&mut self, state: &mut State) {
        let count = self.set.workers;
        if count < 2 {
            return;
        }
        match Crew::start(count, &self.set.book, &self.judge, state) {
            Ok(crew) => self.crew = Some(crew),
            Err(error) => {
                state.dismiss_replicas();
                log::warning(&format!(
                    "workers: {count}: the system gives no thread ({error}); events are judged by one"
                ));
            }
        }
    }

    /// Has the workers finish what they have, and ends them: the state is about to be another, or the rules are.
    fn dismiss(&mut self, state: &mut State) {
        if let Some(crew) = self.crew.take() {
            crew.finish();
            state.dismiss_replicas();
        }
    }

    /// It takes no more events.
    pub(crate) fn finish(mut self) -> Retired {
        if let Some(crew) = self.crew.take() {
            crew.finish();
        }
        drop(self.judge);
        self.set.retire()
    }
}

/// Hands an alert over to the channels, behind those of earlier events. What finds no room is counted and reported there.
fn push(book: &Rulebook, crew: Option<&mut Crew>, alert: Alert, routes: Routes) {
    match crew {
        None => book.outputs.push(alert, routes),
        Some(crew) => crew.raise(alert, routes),
    }
}

/// The time of the clock.
pub(crate) fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_nanos() as u64)
}
