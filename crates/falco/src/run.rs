//! The main job: everything that comes between the configuration and the first event, and after the last.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use anyhow::{Context as _, bail};
use falco_event::SyscallCode;
use falco_fields::Catalogue;
use falco_rules::RuleSet;
use falco_sources::{Source, SourceError, probe};
use falco_state::State;
use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM, SIGUSR1};

use crate::{
    Failure,
    actions::say,
    cli::Options,
    config::{self, Config, Engine as Driver},
    drops,
    engine::{Engine, Pause, now_ns},
    live,
    log::{self, Level},
    metrics::Board,
    narrow, privileges,
    reload::Reloader,
    rules,
    set::Set,
    syscalls,
    web::Web,
};

/// Flags that signals set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) reopen: Arc<AtomicBool>,
}

impl Signals {
    fn listen() -> anyhow::Result<Signals> {
        let signals = Signals::default();
        for signal in [SIGINT, SIGTERM, SIGQUIT] {
            // The second one ends the program at once, should the first be without effect.
            signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&signals.stop))
                .context("handling signals")?;
            signal_hook::flag::register(signal, Arc::clone(&signals.stop))
                .context("handling signals")?;
        }
        signal_hook::flag::register(SIGUSR1, Arc::clone(&signals.reopen))
            .context("handling signals")?;
        Ok(signals)
    }
}

/// Whether a signal came.
pub(crate) fn is_set(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}

/// A configuration with its rules, ready to run.
pub(crate) struct Prepared {
    pub(crate) config: Config,
    pub(crate) catalogue: Catalogue,
    pub(crate) rules: RuleSet,
    /// The conditions of sinks, in order.
    pub(crate) conditions: RuleSet,
    /// The calls to ask the kernel for.
    pub(crate) calls: Vec<SyscallCode>,
    /// Which events of these have to be sent; `None`: all.
    pub(crate) filter: Option<probe::Filter>,
    /// What events have to tell beside their parameters.
    pub(crate) extra: narrow::Extra,
    /// By how many threads rules are asked.
    pub(crate) workers: usize,
    /// Where the rules were read from.
    pub(crate) rules_files: Vec<PathBuf>,
    pub(crate) rules_folders: Vec<PathBuf>,
}

/// Loads the rules of a configuration. Deriving what the kernel has to send takes longer than all else, and can be left for later.
pub(crate) fn prepare(
    config: Config,
    options: &Options,
    derives: bool,
) -> anyhow::Result<Prepared> {
    let texts = rules::texts(&config, options)?;
    let (mut loader, mut catalogue) = rules::load(&config, &texts.files)?;
    let conditions = rules::conditions(&config, &mut loader, &mut catalogue)?;
    let mut rules = loader.finish();
    rules::select(&config, &mut rules);
    if !crate::outputs::any(&config) {
        bail!(
            "No output configured, please make sure at least one output is configured and enabled."
        );
    }
    let mut calls = syscalls::select(&config, &rules);
    narrow::leave_closing(&config, &rules, &conditions, &mut calls);
    let filter = derives
        .then(|| narrow::derive(&config, &rules, &conditions, &calls))
        .flatten();
    let extra = narrow::Extra::of(&config, &rules, &conditions, &calls);
    let workers = workers(&config, &catalogue);
    check_rings(&config)?;
    config.metrics.check()?;
    Ok(Prepared {
        config,
        catalogue,
        rules,
        conditions,
        calls,
        filter,
        extra,
        workers,
        rules_files: texts.paths,
        rules_folders: texts.folders,
    })
}

/// By how many threads rules are asked: as many as the configuration says, but where only one can do it right.
fn workers(config: &Config, catalogue: &Catalogue) -> usize {
    let asked = config.workers;
    if asked < 2 || matches!(config.engine, Driver::Idle) {
        return 1;
    }
    let one = |why: &str| {
        log::warning(&format!(
            "workers: {asked}: one will do all the work, for {why}"
        ));
        1
    };
    if config.capture.is_some() {
        return one(
            "recordings (capture.enabled) hold the table of processes at the moment of the match",
        );
    }
    if let Some(field) = catalogue.remembering() {
        return one(&format!(
            "{field} is asked for, whose value depends on the events that it was asked of before"
        ));
    }
    if matches!(&config.engine, Driver::Replay(file) if !file.is_file()) {
        return one(
            "what comes through a pipe may stop at any moment, and the alerts until then are not to wait",
        );
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    log::info(&format!(
        "Events are judged by {asked} workers on {processors} processors."
    ));
    asked
}

/// Says how big the rings will be.
fn check_rings(config: &Config) -> anyhow::Result<()> {
    let Driver::Probe {
        preset,
        cpus_per_ring,
        drop_failed,
        ..
    } = config.engine
    else {
        return Ok(());
    };
    let bytes = config::ring_bytes(preset)?;
    log::info(&format!(
        "The chosen syscall buffer dimension is: {bytes} bytes ({} MBs)",
        bytes >> 20
    ));
    if drop_failed {
        log::info("Failed syscall exit events are dropped in the kernel driver");
    }
    let online = std::thread::available_parallelism().map_or(1, usize::from);
    if usize::from(cpus_per_ring) > online {
        log::warning(&format!(
            "you required a buffer every '{cpus_per_ring}' CPUs but there are only '{online}' online CPUs. \
             Falco changed the config to: one buffer every '{online}' CPUs"
        ));
    }
    Ok(())
}

/// Watches, or replays.
pub(crate) fn watch(config: Config, options: &Options) -> anyhow::Result<()> {
    // Nobody sees what a dry run does not tell.
    let prepared = prepare(config, options, options.dry_run && log::shows(Level::Debug))?;
    if options.dry_run {
        let skip = |what: &str| log::line(Level::Debug, &format!("Skipping {what} in dry-run"));
        skip("outputs initialization");
        skip("signal handlers creation");
        skip("pidfile creation");
        skip("starting webserver");
        rules::say_enabled(&prepared.rules);
        skip("event processing");
        skip("unregistering signal handlers");
        skip("stopping webserver");
        log::line(Level::Debug, "closing inspectors");
        return Ok(());
    }
    privileges::give_up_the_rest(&prepared.config);
    let signals = Signals::listen()?;
    if let Some(path) = &options.pidfile {
        fs::write(path, std::process::id().to_string()).map_err(|_| {
            Failure::Pidfile(format!(
                "Could not write pid to pidfile {}. Exiting.",
                path.display()
            ))
        })?;
    }
    rules::say_enabled(&prepared.rules);
    let mut reloader = Reloader::start(options, &prepared)?;
    let set = Set::new(prepared)?;
    // Until it is there the kernel sends everything.
    reloader.narrow(narrow::later(&set))?;
    let board = Arc::new(Board::default());
    let mut web = Web::start(&set.config, &board)?;
    let (mut source, mut state) = open(&set)?;
    board.set_open(set.config.metrics.enabled);
    let mut engine = Engine::new(set, options, Arc::clone(&board), &mut state);
    let started = Instant::now();
    let outcome = loop {
        match engine.run(&mut source, &mut state, &signals, &reloader) {
            Ok(Pause::Reload(set)) => {
                log::info("SIGHUP received, restarting...");
                if let Err(error) = replace(*set, &mut engine, &mut source, &mut state, &reloader) {
                    break Err(error);
                }
                let config = &engine.set().config;
                board.set_open(config.metrics.enabled);
                Web::reload(&mut web, config, &board);
            }
            Ok(Pause::Narrow(narrowed)) => {
                let of_these = Arc::ptr_eq(&narrowed.rules, &engine.set().book.rules);
                if let Source::Live(live) = &mut source
                    && of_these
                    && let Err(error) = live.refilter(narrowed.filter.as_ref())
                {
                    break Err(explain(&error));
                }
            }
            Ok(Pause::End) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    if options.verbose {
        if let Some(stats) = drops::stats(&source) {
            log::error(&format!(
                "Driver Events:{}\nDriver Drops:{}\nLeft in the kernel:{}",
                stats.events,
                stats.dropped_total(),
                stats.filtered
            ));
        }
        let (seconds, events) = (started.elapsed().as_secs_f64(), engine.events());
        let of = match source {
            Source::Replay(_) => "",
            _ => "(syscall) ",
        };
        log::error(&format!(
            "{of}Elapsed time: {seconds:.3}, Captured Events: {events}, {:.2} eps",
            events as f64 / seconds
        ));
    }
    drop(web);
    let drops = engine.drops().report(&source);
    reloader.finish();
    say(&engine.finish().finish())?;
    log::error(drops.trim_end());
    outcome
}

/// Puts another set in place of the one that runs, between two events. The source and the state stay, unless the new set needs what the
/// source does not give: then another is opened beside, and asked from the moment on to which the old one has told everything.
fn replace(
    mut set: Set,
    engine: &mut Engine,
    source: &mut Source,
    state: &mut State,
    reloader: &Reloader,
) -> anyhow::Result<()> {
    let old = engine.set();
    let same = old.config.engine == set.config.engine
        && old.config.snaplen == set.config.snaplen
        && old.config.kernel_attach == set.config.kernel_attach
        && old.config.kernel_fair_share == set.config.kernel_fair_share;
    let mut fresh_source = false;
    let asked = |call| old.calls.contains(call);
    let live = matches!(source, Source::Live(_));
    let enough = match source {
        _ if !same => false,
        Source::Live(live) => {
            set.calls.iter().all(asked)
                && old.extra.covers(&set.extra)
                && live
                    .refilter(set.filter.as_ref())
                    .map_err(|error| explain(&error))?
        }
        Source::Replay(_) | Source::Idle => true,
    };
    if enough {
        // The source reports more than is needed now, and may be needed again.
        set.calls.clone_from(&old.calls);
        set.extra.clone_from(&old.extra);
        if let Source::Idle = source {
            open_idle();
        } else {
            log::info("The 'syscall' source and what is known of the system stay.");
        }
    } else {
        let (mut fresh, fresh_state) = open(&set)?;
        if live {
            engine.drain(source, state, now_ns())?;
        }
        std::mem::swap(source, &mut fresh);
        // For each program that is detached the kernel waits until nobody runs it, seconds in all; meanwhile events come. Without a thread
        // they have to wait.
        let detach = thread::Builder::new().name("detach".into());
        let _ = detach.spawn(move || drop(fresh));
        *state = fresh_state;
        fresh_source = true;
    }
    let before = Instant::now();
    let old = engine.swap(set, state, fresh_source);
    log::line(
        Level::Debug,
        &format!("Replaced in {} µs", before.elapsed().as_micros()),
    );
    reloader.retire(old);
    Ok(())
}

fn open_idle() {
    log::info(
        "Enabled event source 'syscall' will be opened with no driver, no event will be produced",
    );
    log::info("Opening 'syscall' source with no driver");
}

/// Opens the source of events.
fn open(set: &Set) -> anyhow::Result<(Source, State)> {
    match &set.config.engine {
        Driver::Replay(file) => {
            log::info(&format!(
                "Replaying events from the capture file: {}",
                file.display()
            ));
            Source::replay(file).map_err(|error| {
                let cause = match &error {
                    SourceError::Capture { cause, .. } => cause.to_string(),
                    other => other.to_string(),
                };
                anyhow::Error::msg(format!(
                    "Could not open trace filename {} for reading: {cause}",
                    file.display()
                ))
            })
        }
        Driver::Idle => {
            open_idle();
            Ok(Source::idle())
        }
        Driver::Probe { .. } => live::open(set).map_err(|error| explain(&error)),
    }
}

/// Which sources to open; there is one yet. A capture brings its own.
pub(crate) fn select_sources(config: &Config, options: &Options) -> anyhow::Result<()> {
    if matches!(config.engine, Driver::Replay(_)) {
        return Ok(());
    }
    log::info("Loaded event sources: syscall");
    if !options.enable_sources.is_empty() && !options.disable_sources.is_empty() {
        bail!("You can not mix --enable-source and --disable-source");
    }
    let known = |name: &&String| name.as_str() != "syscall";
    if let Some(name) = options.enable_sources.iter().find(known) {
        bail!("Attempted enabling an unknown event source: {name}");
    }
    if let Some(name) = options.disable_sources.iter().find(known) {
        bail!("Attempted disabling an unknown event source: {name}");
    }
    if !options.disable_sources.is_empty() {
        bail!("Must enable at least one event source");
    }
    log::info("Enabled event sources: syscall");
    Ok(())
}

/// These errors say their causes themselves.
#[allow(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
pub(crate) fn whole(error: SourceError) -> anyhow::Error {
    anyhow::Error::msg(error.to_string())
}

/// Adds to why we cannot watch what can be done without watching.
fn explain(error: &SourceError) -> anyhow::Error {
    anyhow::Error::msg(format!(
        "{error}\n  without it: replay a capture file, which needs no privileges:\n    \
         falco -o engine.kind=replay -o engine.replay.capture_file=FILE.scap"
    ))
}
