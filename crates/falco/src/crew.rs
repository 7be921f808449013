//! Workers: judging spread over several threads.
//!
//! Every worker has a copy of the state and takes in every event, in batches and in order, so that whatever a rule asks (what was copied
//! from a parent, ancestors, containers) is as of the event. What only the outside can tell was asked by the thread that reads, and comes along
//! with the event. Who judges is then free: a batch is judged by the first worker who comes to it, or by the reading thread itself when all
//! have enough to do, or when so little comes that waking somebody would cost more. A [`Desk`] puts alerts back into the order of events.

mod desk;

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{Builder, JoinHandle},
    time::Duration,
};

use falco_alerts::{Alert, Routes};
use falco_event::Event;
use falco_sources::Delivery;
use falco_state::{Answer, State, Subject};

use crate::{
    judge::{Judge, Rulebook},
    log::{self, Level},
};
use desk::Desk;

/// A batch ends after so many events, or bytes.
const BATCH_EVENTS: usize = 512;
const BATCH_BYTES: usize = 64 << 10;
/// So many batches may wait for a worker before the reading thread waits for it.
const AHEAD: usize = 32;
/// So many batches that nobody has begun to judge are enough, for each worker.
const ENOUGH: usize = 2;
/// How long to wait before it is looked whether there is still somebody to wait for.
const BREATH: Duration = Duration::from_millis(200);

/// An alert, and the channels it is for.
type Raised = (Alert, Routes);

/// The workers, and the batch that they get next.
pub(crate) struct Crew {
    lines: Vec<SyncSender<Arc<Batch>>>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
    batch: Batch,
    /// Those that workers have, oldest first: their memory is used again.
    given: VecDeque<Arc<Batch>>,
    /// Whether nothing came at the last look.
    quiet: bool,
    broken: bool,
    /// How many batches there were, and how many of them were handed over to be judged.
    batches: u64,
    handed: u64,
}

struct Shared {
    book: Arc<Rulebook>,
    desk: Desk<Raised>,
    /// How many batches are to be judged that nobody has begun with.
    unclaimed: AtomicUsize,
}

/// Events in order, copied once for all workers.
struct Batch {
    bytes: Vec<u8>,
    steps: Vec<Step>,
    /// What the running machine said, and at which step.
    answers: Vec<(usize, Vec<Answer>)>,
    /// Whether a worker is to judge it.
    handed: bool,
    /// The place of its alerts, if a worker has something to judge.
    place: Option<u64>,
    /// Whether a worker has begun to.
    claimed: AtomicBool,
}

/// What was done with the state.
struct Step {
    number: u64,
    /// Where its bytes end; they begin where those before end.
    end: u32,
    cpu: u16,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// It took an event in.
    Applied,
    /// The same, and rules are to be asked.
    AppliedAndAsked,
    /// Rules are to be asked about the event that it took in last, which had to wait.
    Asked,
    /// It was told of a container.
    Told,
}

impl Crew {
    /// Starts workers, so that with the calling thread there are `count`.
    pub(crate) fn start(
        count: usize,
        book: &Arc<Rulebook>,
        judge: &Judge,
        state: &mut State,
    ) -> io::Result<Crew> {
        let mut crew = Crew {
            lines: Vec::new(),
            threads: Vec::new(),
            shared: Arc::new(Shared {
                book: Arc::clone(book),
                desk: Desk::new(),
                unclaimed: AtomicUsize::new(0),
            }),
            batch: Batch::new(true),
            given: VecDeque::new(),
            quiet: false,
            broken: false,
            batches: 0,
            handed: 0,
        };
        for number in 1..count {
            let (line, batches) = sync_channel(AHEAD);
            let worker = Worker {
                state: state.replica(),
                subject: Subject::default(),
                judge: judge.another(),
                shared: Arc::clone(&crew.shared),
            };
            let thread = Builder::new().name(format!("worker-{number}"));
            crew.threads
                .push(thread.spawn(move || worker.run(&batches))?);
            crew.lines.push(line);
        }
        Ok(crew)
    }

    /// The state took an event in.
    #[inline]
    pub(crate) fn applied(&mut self, delivery: &Delivery<'_>, answers: Vec<Answer>) {
        self.step(What::Applied, delivery);
        if !answers.is_empty() {
            let at = self.batch.steps.len() - 1;
            self.batch.answers.push((at, answers));
        }
    }

    /// Rules are to be asked about the event that the state took in last. Whether a worker does it.
    pub(crate) fn takes(&mut self, delivery: &Delivery<'_>) -> bool {
        if !self.batch.handed {
            return false;
        }
        match self.batch.steps.last_mut() {
            Some(last) if last.what == What::Applied => last.what = What::AppliedAndAsked,
            _ => {
                self.step(What::Asked, delivery);
                // That may have begun another batch.
                self.batch.handed = true;
            }
        }
        true
    }

    /// The state was told of a container, beside the events.
    pub(crate) fn told(&mut self, json: &[u8]) {
        self.add(What::Told, json, 0, 0);
    }

    /// An alert of the reading thread. It comes after those of all events that were handed over.
    pub(crate) fn raise(&mut self, alert: Alert, routes: Routes) {
        if self.is_awaited() {
            self.close();
        }
        let Shared { book, desk, .. } = &*self.shared;
        desk.add((alert, routes), |(alert, routes)| {
            book.outputs.push(alert, routes);
        });
    }

    /// Whether events are to be handed over as soon as nothing more comes.
    #[inline]
    pub(crate) fn is_awaited(&self) -> bool {
        self.batch.handed && !self.batch.steps.is_empty()
    }

    /// Nothing came. Whether there were events to hand over, and they are now.
    pub(crate) fn nothing_came(&mut self) -> bool {
        let awaited = self.is_awaited();
        self.quiet = true;
        if awaited {
            self.close();
        }
        awaited
    }

    /// Whether a worker ended before its time.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Waits until every event that was handed over is judged and its alerts are out.
    pub(crate) fn settle(&mut self) {
        if self.is_awaited() {
            self.close();
        }
        while !self.shared.desk.wait(BREATH) {
            if self.threads.iter().any(JoinHandle::is_finished) {
                self.broken = true;
                return;
            }
        }
    }

    /// The same, and ends the workers.
    pub(crate) fn finish(mut self) {
        self.settle();
        self.lines.clear();
        for thread in self.threads {
            // What a panic says was said by then.
            let _ = thread.join();
        }
        let (handed, batches) = (self.handed, self.batches);
        log::line(
            Level::Debug,
            &format!("Of {batches} batches of events {handed} were judged by other workers."),
        );
    }

    #[inline]
    fn step(&mut self, what: What, delivery: &Delivery<'_>) {
        self.add(what, delivery.event.bytes(), delivery.number, delivery.cpu);
    }

    fn add(&mut self, what: What, bytes: &[u8], number: u64, cpu: u16) {
        if self.batch.is_full() {
            self.close();
        }
        let batch = &mut self.batch;
        batch.bytes.extend_from_slice(bytes);
        batch.steps.push(Step {
            number,
            end: batch.bytes.len() as u32,
            cpu,
            what,
        });
    }

    /// Gives the batch to all workers and begins another.
    fn close(&mut self) {
        let shared = &*self.shared;
        let asked = |step: &Step| matches!(step.what, What::AppliedAndAsked | What::Asked);
        if self.batch.steps.iter().any(asked) {
            self.batch.place = Some(shared.desk.place());
            self.handed += 1;
            shared.unclaimed.fetch_add(1, Ordering::Relaxed);
        }
        self.batches += 1;
        let enough = ENOUGH * self.lines.len();
        let busy = shared.unclaimed.load(Ordering::Relaxed) >= enough;
        let handed = !busy && !std::mem::take(&mut self.quiet);
        let next = self.used().unwrap_or_else(|| Batch::new(handed));
        let batch = Arc::new(std::mem::replace(&mut self.batch, next));
        self.batch.handed = handed;
        for line in &self.lines {
            self.broken |= line.send(Arc::clone(&batch)).is_err();
        }
        self.given.push_back(batch);
    }

    /// The oldest batch, empty, if all workers are done with it.
    fn used(&mut self) -> Option<Batch> {
        Arc::get_mut(self.given.front_mut()?)?;
        let mut batch = Arc::into_inner(self.given.pop_front()?)?;
        batch.bytes.clear();
        batch.steps.clear();
        batch.answers.clear();
        batch.place = None;
        *batch.claimed.get_mut() = false;
        Some(batch)
    }
}

impl Batch {
    fn new(handed: bool) -> Batch {
        Batch {
            bytes: Vec::with_capacity(BATCH_BYTES),
            steps: Vec::with_capacity(BATCH_EVENTS),
            answers: Vec::new(),
            handed,
            place: None,
            claimed: AtomicBool::new(false),
        }
    }

    fn is_full(&self) -> bool {
        self.steps.len() >= BATCH_EVENTS || self.bytes.len() >= BATCH_BYTES
    }
}

struct Worker {
    state: State,
    /// What the state said of the event that it took in last.
    subject: Subject,
    judge: Judge,
    shared: Arc<Shared>,
}

impl Worker {
    fn run(mut self, batches: &Receiver<Arc<Batch>>) {
        while let Ok(batch) = batches.recv() {
            let mine = batch
                .place
                .filter(|_| !batch.claimed.swap(true, Ordering::Relaxed));
            if mine.is_some() {
                self.shared.unclaimed.fetch_sub(1, Ordering::Relaxed);
            }
            let (mut raised, mut from) = (Vec::new(), 0);
            let mut answers = batch.answers.iter().peekable();
            for (at, step) in batch.steps.iter().enumerate() {
                let to = step.end as usize;
                let bytes = batch.bytes.get(from..to).unwrap_or_default();
                from = to;
                if let Some((_, answers)) = answers.next_if(|(of, _)| *of == at) {
                    self.state.hear(answers);
                }
                self.follow(step, bytes, mine.is_some().then_some(&mut raised));
            }
            // The memory goes back before anybody waits for the channels.
            drop(batch);
            if let Some(place) = mine {
                let outputs = &self.shared.book.outputs;
                self.shared.desk.fill(place, raised, |(alert, routes)| {
                    outputs.push(alert, routes);
                });
            }
        }
    }

    /// Does with this state what was done with the first one; asks the rules if alerts are wanted.
    fn follow(&mut self, step: &Step, bytes: &[u8], raised: Option<&mut Vec<Raised>>) {
        if step.what == What::Told {
            self.state.containers.told(bytes);
            return;
        }
        let Ok(event) = Event::parse(bytes) else {
            return;
        };
        if step.what != What::Asked {
            self.judge.note(&event);
            self.subject = self.state.apply(&event);
            if self.state.containers.has_news() {
                // The reading thread does what is to be done.
                self.state.containers.take_news();
            }
        }
        if let Some(raised) = raised.filter(|_| step.what != What::Applied) {
            let delivery = Delivery {
                event,
                number: step.number,
                cpu: step.cpu,
            };
            self.judge
                .assert(&delivery, self.subject, &self.state, |_, alert, routes| {
                    raised.push((alert, routes));
                });
        }
    }
}

#[cfg(test)]
mod tests;
