//! Reloading: a thread waits for SIGHUP and for changes of files, loads configuration and rules beside those that run, and hands the
//! new ones over. What is invalid is told and never handed over.

use std::{
    io::Read as _,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread::{self, JoinHandle},
};

use anyhow::Context as _;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, WatchFlags},
    io::Errno,
};
use signal_hook::consts::SIGHUP;

use crate::{
    actions::{self, say},
    cli::Options,
    log::{self, Level},
    narrow::Narrowed,
    run::{self, Prepared},
    set::{Retired, Set},
};

/// Nothing happens for so long before anything is done: an editor writes more than once.
const QUIET: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// What came of looking again.
pub(crate) enum Message {
    /// A new set, ready to run.
    Ready(Box<Set>),
    /// Why it stays as it is.
    Failed(String),
    /// What the kernel has to send for the rules that the program started with.
    Narrowed(Box<Narrowed>),
}

/// The thread that reloads.
pub(crate) struct Reloader {
    /// Set while a message waits.
    pub(crate) called: Arc<AtomicBool>,
    sender: SyncSender<Message>,
    messages: Receiver<Message>,
    retired: Option<mpsc::Sender<Retired>>,
    stop: Arc<AtomicBool>,
    wake: UnixStream,
    threads: Vec<JoinHandle<()>>,
}

impl Reloader {
    /// Starts the thread; `prepared` is what runs.
    pub(crate) fn start(options: &Options, prepared: &Prepared) -> anyhow::Result<Reloader> {
        let (wake, woken) = UnixStream::pair().context("making a pipe for signals")?;
        woken.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(SIGHUP, wake.try_clone()?)
            .context("handling signals")?;
        let (sender, messages) = mpsc::sync_channel(1);
        let (retired, old) = mpsc::channel::<Retired>();
        let called = Arc::new(AtomicBool::new(false));
        let stop = Arc::new(AtomicBool::new(false));
        let watcher = Watcher::new(&Paths::of(prepared));
        let worker = Worker {
            options: options.clone(),
            paths: Paths::of(prepared),
            watcher,
            woken,
            stop: Arc::clone(&stop),
            called: Arc::clone(&called),
            sender: sender.clone(),
        };
        let threads = vec![
            thread::Builder::new()
                .name("reload".into())
                .spawn(move || worker.run())?,
            // What is replaced writes its last alerts and is taken apart here: nobody waits for it.
            thread::Builder::new()
                .name("retire".into())
                .spawn(move || {
                    for old in old {
                        let _ = say(&old.finish());
                    }
                })?,
        ];
        Ok(Reloader {
            called,
            sender,
            messages,
            retired: Some(retired),
            stop,
            wake,
            threads,
        })
    }

    /// Hands over what the kernel has to send as soon as it is known.
    pub(crate) fn narrow(
        &mut self,
        derive: impl FnOnce() -> Narrowed + Send + 'static,
    ) -> anyhow::Result<()> {
        let (sender, called) = (self.sender.clone(), Arc::clone(&self.called));
        let thread = thread::Builder::new().name("narrow".into());
        let thread = thread.spawn(move || {
            let narrowed = Message::Narrowed(Box::new(derive()));
            if sender.send(narrowed).is_ok() {
                called.store(true, Ordering::Relaxed);
            }
        });
        self.threads.push(thread?);
        Ok(())
    }

    /// What waits, if anything.
    pub(crate) fn message(&self) -> Option<Message> {
        self.called.store(false, Ordering::Relaxed);
        self.messages.try_recv().ok()
    }

    /// Takes what was replaced.
    pub(crate) fn retire(&self, old: Retired) {
        if let Some(retired) = &self.retired {
            let _ = retired.send(old);
        }
    }

    /// Waits until all that was replaced has written its alerts.
    pub(crate) fn finish(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = rustix::io::write(&self.wake, &[0]);
        self.retired = None;
        // A set that comes too late finds nobody.
        drop(self.messages);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

/// What to look at.
#[derive(Clone, Debug, Default)]
struct Paths {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Paths {
    fn of(prepared: &Prepared) -> Paths {
        let config = &prepared.config;
        if !config.watch {
            return Paths::default();
        }
        let files = config.files.iter().map(|(file, _)| file);
        let folders = config.folders.iter().chain(&prepared.rules_folders);
        Paths {
            files: files.chain(&prepared.rules_files).cloned().collect(),
            folders: folders.cloned().collect(),
        }
    }
}

/// Watches files and folders.
struct Watcher {
    inotify: Option<OwnedFd>,
}

impl Watcher {
    fn new(paths: &Paths) -> Watcher {
        if paths.files.is_empty() && paths.folders.is_empty() {
            log::line(
                Level::Debug,
                "Nothing to watch, restart handler will only serve forced restart requests",
            );
            return Watcher { inotify: None };
        }
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        if let Err(error) = &inotify {
            log::line(
                Level::Error,
                &format!("could not initialize inotify handler: {error}; SIGHUP still reloads"),
            );
        }
        let watcher = Watcher {
            inotify: inotify.ok(),
        };
        watcher.add(paths);
        watcher
    }

    /// Looks at these, too; what is gone meanwhile is left out.
    fn add(&self, paths: &Paths) {
        let Some(inotify) = &self.inotify else { return };
        let on_file = WatchFlags::CLOSE_WRITE | WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF;
        let on_folder = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE;
        let files = paths.files.iter().map(|path| ("file", path, on_file));
        let folders = paths
            .folders
            .iter()
            .map(|path| ("directory", path, on_folder));
        for (kind, path, flags) in files.chain(folders) {
            match inotify::add_watch(inotify, path, flags) {
                Ok(_) => log::line(
                    Level::Debug,
                    &format!("Watching {kind} '{}'", path.display()),
                ),
                // It may come back: then its folder tells.
                Err(Errno::NOENT) if kind == "file" => {
                    let parent = path
                        .parent()
                        .filter(|parent| !parent.as_os_str().is_empty());
                    let _ =
                        inotify::add_watch(inotify, parent.unwrap_or(Path::new(".")), on_folder);
                }
                Err(error) => log::warning(&format!(
                    "could not watch {kind}: {}: {error}",
                    path.display()
                )),
            }
        }
    }

    /// Forgets what happened.
    fn drain(&self) {
        let Some(inotify) = &self.inotify else { return };
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(inotify, &mut space);
        while reader.next().is_ok() {}
    }
}

struct Worker {
    options: Options,
    paths: Paths,
    watcher: Watcher,
    woken: UnixStream,
    stop: Arc<AtomicBool>,
    called: Arc<AtomicBool>,
    sender: SyncSender<Message>,
}

impl Worker {
    fn run(mut self) {
        while self.waits(None) {
            self.settle();
            // What was written anew may be another file now.
            self.watcher = Watcher::new(&self.paths);
            let mut outcome = self.load();
            // Whatever changed meanwhile counts: all over again.
            while matches!(outcome, Message::Ready(_)) && self.waits(Some(&QUIET)) {
                self.settle();
                outcome = self.load();
            }
            if self.stop.load(Ordering::Relaxed) || self.sender.send(outcome).is_err() {
                return;
            }
            self.called.store(true, Ordering::Relaxed);
        }
    }

    /// Waits until nothing happens any more.
    fn settle(&self) {
        while self.waits(Some(&QUIET)) {}
    }

    /// Waits for a signal or a change; whether one came. When it is time to stop, none does.
    fn waits(&self, limit: Option<&Timespec>) -> bool {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            let mut fds = vec![PollFd::new(&self.woken, PollFlags::IN)];
            fds.extend(
                (self.watcher.inotify.as_ref()).map(|inotify| PollFd::new(inotify, PollFlags::IN)),
            );
            match poll(&mut fds, limit) {
                Err(Errno::INTR) => continue,
                Err(_) | Ok(0) => return false,
                Ok(_) => {}
            }
            let mut space = [0; 64];
            while (&self.woken).read(&mut space).is_ok_and(|count| count > 0) {}
            self.watcher.drain();
            return !self.stop.load(Ordering::Relaxed);
        }
    }

    fn load(&mut self) -> Message {
        let loaded = actions::configure(&self.options).and_then(|config| {
            crate::plugins::load(&config)?;
            run::select_sources(&config, &self.options)?;
            let prepared = run::prepare(config, &self.options, true)?;
            let paths = Paths::of(&prepared);
            Ok((Set::new(prepared)?, paths))
        });
        match loaded {
            Ok((set, paths)) => {
                if self.watcher.inotify.is_some() {
                    self.watcher.add(&paths);
                } else {
                    self.watcher = Watcher::new(&paths);
                }
                self.paths = paths;
                Message::Ready(Box::new(set))
            }
            Err(error) => Message::Failed(format!("{error:#}")),
        }
    }
}
