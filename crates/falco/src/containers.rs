//! Containers on the way of an event: who asks runtimes for those that threads appear in, makes notifications of what they and Kubernetes
//! say, and has events wait for it.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use falco_containers::{News as Told, Runtimes};
use falco_event::{Builder, Event, codes};
use falco_sources::Delivery;
use falco_state::{ContainerIx, Kubernetes, News, State, Subject};

use crate::{
    config::{self, Config, Engine as Driver},
    crew::Crew,
    engine::now_ns,
    log,
};

/// The most notifications that are made between two events.
const AT_ONCE: usize = 64;
/// How much waits with an event, at most.
const HELD_BYTES: usize = 64 << 20;
/// How many containers are remembered as asked for.
const ASKED_MAX: usize = 4096;
/// What tells of containers happens in no thread.
const NO_THREAD: i64 = 0;

/// Who asks, and what waits for answers.
#[derive(Debug)]
pub(crate) struct Containers {
    config: config::Containers,
    runtimes: Option<Runtimes>,
    /// Until when events wait for what was asked.
    asked: HashMap<ContainerIx, Instant>,
    /// Notifications that are to be told.
    made: VecDeque<Vec<u8>>,
}

impl Containers {
    /// Begins to watch containers. Only those of this machine are asked for: captures tell themselves.
    pub(crate) fn watch(config: &Config, state: &mut State) -> Containers {
        let live = matches!(config.engine, Driver::Probe { .. });
        let config = &config.containers;
        if live {
            // All of it is told anew.
            state.kubernetes = Kubernetes::default();
        }
        state.watch_containers(config.engines, config.fixed.clone(), live);
        let asks = !config.runtimes.engines.is_empty() || config.runtimes.kubernetes.is_some();
        let ask = live && asks;
        let runtimes = ask.then(|| Runtimes::start(config.runtimes.clone()));
        let runtimes = runtimes.and_then(|started| {
            let complain = |error| log::warning(&format!("containers have no names: {error}"));
            started.map_err(complain).ok()
        });
        let mut containers = Containers {
            config: config.clone(),
            runtimes,
            asked: HashMap::new(),
            made: VecDeque::new(),
        };
        containers.heed(state);
        containers
    }

    /// What it was started with.
    pub(crate) fn config(&self) -> &config::Containers {
        &self.config
    }

    /// Whether runtimes have said something.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        match &self.runtimes {
            Some(runtimes) => runtimes.has_news(),
            None => false,
        }
    }

    /// Does what events made necessary.
    pub(crate) fn heed(&mut self, state: &mut State) {
        for news in state.containers.take_news() {
            let (News::Unknown(ix) | News::Found(ix) | News::Ended(ix)) = news;
            let Some(container) = state.containers.get(ix) else {
                continue;
            };
            let json = container.info.as_ref().map(|info| &info.json[..]);
            match news {
                News::Unknown(_) => {
                    let id = String::from_utf8_lossy(&container.full_id);
                    let asks = self.runtimes.as_ref().is_some_and(|it| it.ask(&id));
                    if asks && !self.config.wait.is_zero() {
                        let now = Instant::now();
                        if self.asked.len() >= ASKED_MAX {
                            // Of a container that had one event nobody looks whether its time is over.
                            self.asked.retain(|_, until| *until > now);
                        }
                        if self.asked.len() < ASKED_MAX {
                            self.asked.insert(ix, now + self.config.wait);
                        }
                    }
                }
                News::Found(_) => self
                    .made
                    .extend(json.map(|json| notification(b"container", json))),
                News::Ended(_) => {
                    self.asked.remove(&ix);
                    if let Some(runtimes) = &self.runtimes {
                        runtimes.ended(&String::from_utf8_lossy(&container.full_id));
                    }
                    let json = json.map(|json| notification(b"container_removed", json));
                    self.made.extend(json);
                }
            }
        }
    }

    /// Takes in what runtimes say: at once what events wait for, and as notifications.
    pub(crate) fn hear(&mut self, state: &mut State, waiting: bool, mut crew: Option<&mut Crew>) {
        let Some(runtimes) = &mut self.runtimes else {
            return;
        };
        for _ in 0..AT_ONCE {
            match runtimes.take() {
                None => return,
                Some(Told::Added { id, json }) => {
                    if let Some(ix) = state.containers.find(id.as_bytes()) {
                        self.asked.remove(&ix);
                    }
                    if waiting {
                        state.containers.told(&json);
                        if let Some(crew) = &mut crew {
                            crew.told(&json);
                        }
                    }
                    self.made.push_back(notification(b"container", &json));
                }
                Some(Told::Unknown { id }) => {
                    if let Some(ix) = state.containers.find(id.as_bytes()) {
                        self.asked.remove(&ix);
                    }
                }
                Some(Told::Kubernetes { json }) => {
                    self.made.push_back(notification(b"k8s", &json));
                }
                Some(Told::Trouble(trouble)) => log::warning(&trouble),
            }
        }
    }

    /// Whether there are notifications.
    #[inline]
    pub(crate) fn has_made(&self) -> bool {
        !self.made.is_empty()
    }

    /// The next notification.
    pub(crate) fn next_made(&mut self) -> Option<Vec<u8>> {
        self.made.pop_front()
    }

    /// The container whose runtime is to speak before an event is shown to the rules.
    #[inline]
    pub(crate) fn awaited(&mut self, subject: &Subject, state: &State) -> Option<ContainerIx> {
        if self.asked.is_empty() {
            return None;
        }
        let ix = state.threads.get(subject.thread?)?.container;
        self.is_awaited(ix, state).then_some(ix)
    }

    /// Whether it is still worth to wait for a container.
    pub(crate) fn is_awaited(&mut self, ix: ContainerIx, state: &State) -> bool {
        let Some(until) = self.asked.get(&ix) else {
            return false;
        };
        let known = state.containers.get(ix).is_none_or(|it| it.info.is_some());
        let wait = !known && Instant::now() < *until;
        if !wait {
            self.asked.remove(&ix);
        }
        wait
    }
}

/// The notification that tells of a container.
fn notification(name: &[u8], json: &[u8]) -> Vec<u8> {
    Builder::new(codes::ASYNCEVENT_E, now_ns(), NO_THREAD)
        .u32(0)
        .str(name)
        .bytes(&[json, b"\0"].concat())
        .finish()
}

/// An event that waits for what is said of its container, and those after it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) container: ContainerIx,
    pub(crate) first: Kept,
    /// What the state said of the first; the others have not been shown to it.
    pub(crate) subject: Subject,
    pub(crate) others: VecDeque<Kept>,
    bytes: usize,
}

/// A copy of an event.
#[derive(Debug)]
pub(crate) struct Kept {
    bytes: Vec<u8>,
    number: u64,
    cpu: u16,
}

impl Kept {
    pub(crate) fn new(delivery: &Delivery<'_>) -> Kept {
        Kept {
            bytes: delivery.event.bytes().to_vec(),
            number: delivery.number,
            cpu: delivery.cpu,
        }
    }

    pub(crate) fn delivery(&self) -> Option<Delivery<'_>> {
        Some(Delivery {
            event: Event::parse(&self.bytes).ok()?,
            number: self.number,
            cpu: self.cpu,
        })
    }
}

impl Held {
    pub(crate) fn new(container: ContainerIx, first: Kept, subject: Subject) -> Held {
        Held {
            container,
            first,
            subject,
            others: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Adds an event. Whether there is room for more.
    pub(crate) fn push(&mut self, event: Kept) -> bool {
        self.bytes += event.bytes.len();
        self.others.push_back(event);
        self.bytes < HELD_BYTES
    }
}
