//! Who asks whom, and when.

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    Ask, Config, EngineKind, News, Teller,
    engines::{Engine, Failure},
    info::Info,
    kubernetes,
};

/// How long a container that was seen is asked for, and how often: its runtime may not know it yet.
const ASK_FOR: Duration = Duration::from_millis(150);
const ASK_EVERY: Duration = Duration::from_millis(30);
/// How long to wait before a runtime that is not there is tried again, at first and at most.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// The most questions that one runtime is asked at the same time.
const AT_ONCE: usize = 8;
/// How long what was told is not asked for again.
const FRESH: Duration = Duration::from_secs(1);
/// How many containers are asked for again after a runtime has failed.
const LATER: usize = 256;
/// How many containers it remembers to have asked for.
const RECENT: usize = 4096;

/// The place of a socket of the host's, seen from here.
pub(crate) fn on_host(config: &Config, socket: &Path) -> PathBuf {
    let inside = socket.strip_prefix("/").unwrap_or(socket);
    config.host_root.join(inside)
}

/// What all tasks share.
#[derive(Clone)]
struct Shared {
    engines: Arc<[Named]>,
    tell: Teller,
    recent: Arc<Mutex<Recent>>,
    /// The right to ask again for a container.
    later: Arc<Semaphore>,
    on_start: bool,
}

/// A runtime with what to call it.
struct Named {
    engine: Engine,
    name: String,
    socket: PathBuf,
    at_once: Semaphore,
}

/// Listens and asks until it is to stop.
pub(crate) async fn run(
    config: Config,
    mut asked: mpsc::Receiver<Ask>,
    tell: Teller,
    mut stopped: oneshot::Receiver<()>,
    calls: Arc<AtomicU64>,
) {
    let config = Arc::new(config);
    let mut engines = Vec::new();
    for of in &config.engines {
        for socket in sockets(&config, of) {
            engines.push(Named {
                engine: Engine::new(of.kind, &socket, &config, Arc::clone(&calls)),
                name: format!("{} at {}", of.kind.name(), socket.display()),
                socket,
                at_once: Semaphore::new(AT_ONCE),
            });
        }
    }
    let shared = Shared {
        engines: engines.into(),
        tell,
        recent: Arc::default(),
        later: Arc::new(Semaphore::new(LATER)),
        on_start: config.on_start,
    };
    for at in 0..shared.engines.len() {
        tokio::spawn(listen(shared.clone(), at));
    }
    if let Some(of) = &config.kubernetes {
        tokio::spawn(kubernetes::run(of.clone(), shared.tell.clone(), calls));
    }
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            ask = asked.recv() => match ask {
                None => return,
                Some(Ask::Ended(id)) => shared.recent().ended(&id),
                Some(Ask::Find(id)) => if shared.recent().begin(&id) {
                    tokio::spawn(find(shared.clone(), id));
                }
            }
        }
    }
}

/// Podman runs for every user: with one socket, those of the others are looked for.
fn sockets(config: &Config, engine: &crate::Engine) -> Vec<PathBuf> {
    let mut sockets: Vec<PathBuf> = (engine.sockets.iter())
        .map(|socket| on_host(config, socket))
        .collect();
    if engine.kind == EngineKind::Podman && engine.sockets.len() == 1 {
        let users = std::fs::read_dir(config.host_root.join("run/user"));
        for user in users.into_iter().flatten().flatten() {
            let socket = user.path().join("podman/podman.sock");
            if socket.exists() {
                sockets.push(socket);
            }
        }
    }
    sockets
}

/// Hears from one runtime, for ever.
async fn listen(shared: Shared, at: usize) {
    let Some(of) = shared.engines.get(at) else {
        return;
    };
    let mut wait = RETRY_MIN;
    let mut complained = false;
    loop {
        let began = Instant::now();
        let outcome = if of.socket.exists() {
            hear(&shared, at, of).await
        } else {
            // Not every machine has every runtime.
            Ok(())
        };
        if began.elapsed() > RETRY_MAX {
            (wait, complained) = (RETRY_MIN, false);
        }
        match outcome {
            Err(Failure::NotSpoken) => return,
            Err(failure) if !complained => {
                complained = true;
                let trouble = format!("containers: {}: {failure}; trying again", of.name);
                shared.tell.send(News::Trouble(trouble)).await;
            }
            _ => {}
        }
        sleep(wait).await;
        wait = (wait * 2).min(RETRY_MAX);
    }
}

/// Lists the containers that are there, and hears of new ones until the runtime goes away.
async fn hear(shared: &Shared, at: usize, of: &Named) -> Result<(), Failure> {
    let list = async {
        for id in of.engine.list().await? {
            tell_of(shared, at, id).await?;
        }
        Ok(())
    };
    // Listening begins first: whoever comes while the list is made is heard of. A stream may say nothing at all before it has something
    // to tell.
    let listen = async {
        let mut stream = match of.engine.listen().await {
            Err(Failure::NotSpoken) => return Ok(false),
            other => other?,
        };
        loop {
            match stream.next().await {
                Err(Failure::NotSpoken) => return Ok(false),
                Ok(None) => return Ok(true),
                Ok(Some(id)) => tell_of(shared, at, id).await?,
                Err(failure) => return Err(failure),
            }
        }
    };
    match tokio::try_join!(listen, list)? {
        (true, ()) => Ok(()),
        (false, ()) => Err(Failure::NotSpoken),
    }
}

/// Tells of a container that a runtime named. In a task of its own: when listening breaks off, who relies on the answer still gets it.
async fn tell_of(shared: &Shared, at: usize, id: String) -> Result<(), Failure> {
    // Who asked for it has been answered a moment ago, or is about to be. A start tells more than that.
    if id.is_empty() || (!shared.recent().begin(&id) && !shared.on_start) {
        return Ok(());
    }
    let told = tokio::spawn(tell(shared.clone(), at, id)).await;
    told.unwrap_or(Ok(()))
}

async fn tell(shared: Shared, at: usize, id: String) -> Result<(), Failure> {
    let Some(of) = shared.engines.get(at) else {
        return Ok(());
    };
    match of.get(&id).await {
        Ok(info) => {
            shared.recent().end(&id);
            shared.recent().end(&info.full_id);
            let json = info.json();
            let id = info.full_id;
            shared.tell.send(News::Added { id, json }).await;
            Ok(())
        }
        Err(failure) => {
            if shared.recent().give_up(&id) {
                tokio::spawn(find(shared.clone(), id));
            }
            match failure {
                // It may be gone again.
                Failure::NoSuch => Ok(()),
                failure => Err(failure),
            }
        }
    }
}

/// Looks for a container that somebody saw. When a runtime fails, that is told at once, and it is tried again, later each time.
async fn find(shared: Shared, id: String) {
    let mut wait = RETRY_MIN;
    let mut later = None;
    loop {
        let trouble = match search(&shared, &id).await {
            Ok(info) => {
                // Its runtime may have told by itself meanwhile.
                if !shared.recent().is_told(&id) {
                    shared.recent().end(&id);
                    let json = info.json();
                    shared.tell.send(News::Added { id, json }).await;
                }
                return;
            }
            Err(trouble) => trouble,
        };
        // A runtime told of it just now.
        if shared.recent().is_wanted(&id) {
            continue;
        }
        shared.recent().forget(&id);
        let failed = trouble.is_some();
        if later.is_none() {
            if let Some(trouble) = trouble {
                shared.tell.send(News::Trouble(trouble)).await;
            }
            shared.tell.send(News::Unknown { id: id.clone() }).await;
            later = shared.later.try_acquire().ok();
        }
        if !failed || later.is_none() || wait > RETRY_MAX {
            return;
        }
        sleep(wait).await;
        wait *= 2;
        if !shared.recent().begin(&id) {
            return;
        }
    }
}

/// Asks all runtimes at once, so that none waits for another that hangs. The error says what one of them failed with, if any did.
async fn search(shared: &Shared, id: &str) -> Result<Info, Option<String>> {
    let mut searches = JoinSet::new();
    for at in 0..shared.engines.len() {
        searches.spawn(find_at(shared.clone(), at, id.to_owned()));
    }
    let mut trouble = None;
    while let Some(found) = searches.join_next().await {
        match found {
            Ok(Ok(info)) => return Ok(info),
            Ok(Err((_, Failure::NoSuch | Failure::Absent(_)))) | Err(_) => {}
            Ok(Err((at, failure))) => trouble = shared.engines.get(at).zip(Some(failure)),
        }
    }
    Err(trouble.map(|(of, failure)| format!("containers: {}: {failure}", of.name)))
}

/// Asks one runtime until it knows the container, for a while.
async fn find_at(shared: Shared, at: usize, id: String) -> Result<Info, (usize, Failure)> {
    let Some(of) = shared.engines.get(at) else {
        return Err((at, Failure::NoSuch));
    };
    let deadline = Instant::now() + ASK_FOR;
    loop {
        if !of.socket.exists() {
            return Err((at, Failure::NoSuch));
        }
        match of.get(&id).await {
            Ok(info) => return Ok(info),
            Err(failure) if Instant::now() + ASK_EVERY > deadline => return Err((at, failure)),
            Err(_) => sleep(ASK_EVERY).await,
        }
    }
}

impl Named {
    async fn get(&self, id: &str) -> Result<Info, Failure> {
        // It is never closed.
        let _turn = self.at_once.acquire().await;
        self.engine.get(id).await
    }
}

impl Shared {
    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which containers are being asked for, and which were told a moment ago: nobody is asked twice.
#[derive(Debug, Default)]
struct Recent {
    standing: HashMap<String, Standing>,
    order: VecDeque<String>,
}

#[derive(Clone, Copy, Debug)]
enum Standing {
    /// It is being asked for; `again` if somebody else wanted to as well, and relies on the answer.
    Asked {
        again: bool,
    },
    Told(Instant),
}

impl Recent {
    /// Whether to ask.
    fn begin(&mut self, id: &str) -> bool {
        match self.standing.get_mut(id) {
            Some(Standing::Asked { again }) => {
                *again = true;
                return false;
            }
            Some(Standing::Told(told)) if told.elapsed() < FRESH => return false,
            _ => {}
        }
        self.note(id, Standing::Asked { again: false });
        true
    }

    /// One runtime did not answer. Whether all are to be asked, for somebody who relies on it.
    fn give_up(&mut self, id: &str) -> bool {
        match self.standing.get_mut(id) {
            Some(Standing::Asked { again }) if *again => true,
            Some(Standing::Asked { .. }) => {
                self.forget(id);
                false
            }
            _ => false,
        }
    }

    /// Whether somebody else wanted to ask since the last time.
    fn is_wanted(&mut self, id: &str) -> bool {
        match self.standing.get_mut(id) {
            Some(Standing::Asked { again }) => std::mem::take(again),
            _ => false,
        }
    }

    /// Whether it was told a moment ago.
    fn is_told(&self, id: &str) -> bool {
        matches!(self.standing.get(id), Some(Standing::Told(told)) if told.elapsed() < FRESH)
    }

    fn end(&mut self, id: &str) {
        self.note(id, Standing::Told(Instant::now()));
    }

    /// What was told is of no use any more. Whoever is being asked answers for the next run.
    fn ended(&mut self, id: &str) {
        if self.is_told(id) {
            self.forget(id);
        }
    }

    fn forget(&mut self, id: &str) {
        self.standing.remove(id);
    }

    fn note(&mut self, id: &str, standing: Standing) {
        if self.standing.insert(id.into(), standing).is_none() {
            self.order.push_back(id.into());
        }
        while self.order.len() > RECENT {
            if let Some(old) = self.order.pop_front() {
                self.standing.remove(&old);
            }
        }
    }
}
