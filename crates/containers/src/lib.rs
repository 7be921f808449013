//! What runtimes know of containers, and Kubernetes of pods: asked on a thread of its own.
//!
//! [`Runtimes::start`] makes a thread that lists the containers that are there, hears of new ones, and looks up those it is asked for; and
//! that watches the pods of this machine, if it is told where ([`Kubernetes`]).
//! What it learns waits in a bounded queue: [`Runtimes::take`] never blocks. A socket that is not there, hangs, lies or goes away costs
//! nothing but what its runtime would have told; it is tried again for ever.
//!
//! The crate does not know which process is in which container, keeps no table and sees no event: what it tells is the JSON that events
//! hold.
//!
//! ```no_run
//! use falco_containers::{Config, Engine, EngineKind, News, Runtimes};
//!
//! let podman = Engine { kind: EngineKind::Podman, sockets: vec!["/run/podman/podman.sock".into()] };
//! let mut runtimes = Runtimes::start(Config { engines: vec![podman], ..Config::default() }).unwrap();
//! runtimes.ask("32a1026ccb88a551e2a38eb8f260b4700aefec7e8c007344057e58a9fa302374");
//! while let Some(news) = runtimes.take() {
//!     if let News::Added { json, .. } = news {
//!         println!("{}", String::from_utf8_lossy(&json));
//!     }
//! }
//! ```
#![forbid(unsafe_code)]

mod engines;
mod grpc;
mod http;
mod info;
mod kubernetes;
mod worker;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

pub(crate) use engines::Failure;
pub use kubernetes::{Kubernetes, KubernetesSource};

/// Which runtimes to ask, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The runtimes, in the order in which they are asked.
    pub engines: Vec<Engine>,
    /// Where the host's files are seen from here.
    pub host_root: PathBuf,
    /// The longest value of a label that is told.
    pub label_max: usize,
    /// Whether to ask how much containers have written, which is slow.
    pub with_size: bool,
    /// Whether to tell of containers when they are created.
    pub on_create: bool,
    /// Whether to tell of containers when they are started.
    pub on_start: bool,
    /// How long an answer may take.
    pub patience: Duration,
    /// Who is asked about pods, if anybody.
    pub kubernetes: Option<Kubernetes>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            engines: Vec::new(),
            host_root: "/".into(),
            label_max: 100,
            with_size: false,
            on_create: true,
            on_start: false,
            patience: Duration::from_secs(5),
            kubernetes: None,
        }
    }
}

/// A runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// What it speaks.
    pub kind: EngineKind,
    /// Where it listens, seen from the host.
    pub sockets: Vec<PathBuf>,
}

/// What a runtime speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// Docker's HTTP.
    Docker,
    /// Podman's HTTP.
    Podman,
    /// The interface of Kubernetes.
    Cri,
    /// The interface of containerd itself.
    Containerd,
}

impl EngineKind {
    /// Its name, as the configuration has it.
    pub fn name(self) -> &'static str {
        match self {
            EngineKind::Docker => "docker",
            EngineKind::Podman => "podman",
            EngineKind::Cri => "cri",
            EngineKind::Containerd => "containerd",
        }
    }
}

/// What was learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A container: `{"container": {...}}`.
    Added {
        /// The whole id.
        id: String,
        /// What its runtime says of it.
        json: Vec<u8>,
    },
    /// Nobody knows a container that was asked for.
    Unknown {
        /// The id as it was asked for.
        id: String,
    },
    /// A pod of this machine, or something that one belongs to.
    Kubernetes {
        /// `{"reason": "Create", "kind": "Pod", ...}`.
        json: Vec<u8>,
    },
    /// Something to be said to the user.
    Trouble(String),
}

/// How many requests and answers wait. When there is no room, a question is not asked and an answer has to wait.
const QUEUE: usize = 1024;

/// What the thread is asked.
#[derive(Debug)]
pub(crate) enum Ask {
    /// What runtimes know of a container.
    Find(String),
    /// Whoever asks for this container next asks for another run of it.
    Ended(String),
}

/// Where news go in.
#[derive(Clone, Debug)]
pub(crate) struct Teller {
    news: mpsc::Sender<News>,
    told: Arc<AtomicBool>,
}

impl Teller {
    /// Waits for room. Who does not want to hear any more is about to end this thread.
    pub(crate) async fn send(&self, news: News) {
        let _ = self.news.send(news).await;
        self.told.store(true, Ordering::Release);
    }
}

/// The thread that asks.
#[derive(Debug)]
pub struct Runtimes {
    asks: mpsc::Sender<Ask>,
    news: mpsc::Receiver<News>,
    told: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    /// Dropped to end the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Runtimes {
    /// Starts to ask. Fails if there can be no thread.
    pub fn start(config: Config) -> io::Result<Runtimes> {
        let (asks, asked) = mpsc::channel(QUEUE);
        let (news_in, news) = mpsc::channel(QUEUE);
        let told = Arc::new(AtomicBool::new(false));
        let tell = Teller {
            news: news_in,
            told: Arc::clone(&told),
        };
        let (stop, stopped) = oneshot::channel();
        let calls = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&calls);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("containers".into())
            .spawn(move || {
                runtime.block_on(worker::run(config, asked, tell, stopped, counted));
                // What still hangs is left behind.
                runtime.shutdown_background();
            })?;
        Ok(Runtimes {
            asks,
            news,
            told,
            calls,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Asks for a container. Whether there was room for the question: if not, ask again later.
    pub fn ask(&self, id: &str) -> bool {
        self.asks.try_send(Ask::Find(id.to_owned())).is_ok()
    }

    /// A container has ended: one of the same id is asked for anew, however short ago it was told of. Without room for that, it is not in
    /// the first second.
    pub fn ended(&self, id: &str) {
        let _ = self.asks.try_send(Ask::Ended(id.to_owned()));
    }

    /// What was learned, if anything.
    pub fn take(&mut self) -> Option<News> {
        let news = self.news.try_recv().ok();
        if news.is_some() {
            return news;
        }
        // What comes later says so again. What came meanwhile does not, and there may be more of it.
        self.told.store(false, Ordering::Release);
        let news = self.news.try_recv().ok();
        if news.is_some() {
            self.told.store(true, Ordering::Release);
        }
        news
    }

    /// Whether something was learned: so cheap that it can be asked for every event.
    #[inline]
    pub fn has_news(&self) -> bool {
        self.told.load(Ordering::Acquire)
    }

    /// How many calls runtimes were sent so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Drop for Runtimes {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.news.close();
        if let Some(thread) = self.thread.take() {
            // It waits for nothing: a panic there has been told already.
            let _ = thread.join();
        }
    }
}
