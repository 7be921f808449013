//! What the program can do: watch or replay, and look at rules, fields and itself.

use std::{
    fmt::Write as _,
    fs,
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use anyhow::{Context as _, bail};
use falco_fields::Catalogue;
use falco_rules::{ENGINE_VERSION, Loader};
use falco_sources::{Source, SourceError};
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::{
    cli::{Action, Describe, HELP, Options},
    config::{self, Config, Engine as Driver},
    engine::Engine,
    list, live, log, outputs, rules,
};

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.action == Action::Help {
        return say(HELP);
    }
    let config = config::load(options)?;
    log::configure(config.log_stderr, config.log_level, config.time_iso);
    for warning in options.warnings.iter().chain(&config.warnings) {
        log::warning(warning);
    }
    match &options.action {
        Action::Help => say(HELP),
        Action::Version => say(&version(config.json)),
        Action::PageSize => {
            log::info(&format!(
                "Your system page size is: {} bytes",
                rustix::param::page_size()
            ));
            Ok(())
        }
        Action::ListFields { source, names_only } => say(&list::fields(
            source.as_deref(),
            *names_only,
            options.verbose,
            options.format,
        )?),
        Action::Validate(files) => validate(&config, options, files),
        Action::DescribeRules(rule) => describe(&config, options, rule),
        Action::Run => watch(&config, options),
    }
}

/// Prints something that was asked for.
fn say(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("writing to standard output")
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The interfaces that we are compatible with.
const PLUGIN_API: &str = "3.12.0";
const DRIVER_API: &str = "10.1.0";
const DRIVER_SCHEMA: &str = "4.5.1";

fn version(as_json: bool) -> String {
    if as_json {
        let object = json!({
            "falco_version": VERSION,
            "libs_version": VERSION,
            "plugin_api_version": PLUGIN_API,
            "driver_api_version": DRIVER_API,
            "driver_schema_version": DRIVER_SCHEMA,
            "default_driver_version": VERSION,
            "engine_version": ENGINE_VERSION.1.to_string(),
            "engine_version_semver": ENGINE_VERSION.to_string(),
        });
        return format!("{object}\n");
    }
    format!(
        "Falco version: {VERSION}\nLibs version:  {VERSION}\nPlugin API:    {PLUGIN_API}\nEngine:        {ENGINE_VERSION}\n\
         Driver:\n  API version:    {DRIVER_API}\n  Schema version: {DRIVER_SCHEMA}\n  Default driver: {VERSION}\n"
    )
}

fn catalogue(config: &Config) -> Catalogue {
    let mut catalogue = Catalogue::new();
    for (key, value) in &config.static_fields {
        catalogue.define(key, value);
    }
    if let Ok(services) = fs::read_to_string("/etc/services") {
        catalogue.read_services(&services);
    }
    catalogue
}

/// `-V`: every file is looked at, whatever the ones before brought.
fn validate(config: &Config, options: &Options, files: &[PathBuf]) -> anyhow::Result<()> {
    let mut catalogue = catalogue(config);
    let mut loader = rules::loader(config, &catalogue);
    log::info("Validating rules file(s):");
    let mut results = Vec::new();
    for file in files {
        log::info(&format!("   {}", file.display()));
        let (name, text) = rules::read(file)?;
        results.push(loader.load(&name, &text, &mut catalogue));
    }
    loader.check_plugins().map_err(anyhow::Error::msg)?;
    let mut summary = String::new();
    for result in &results {
        let only_warnings = result.successful() && !result.warnings.is_empty();
        let text = if only_warnings {
            result.summary()
        } else {
            result.render_verbose()
        };
        let _ = writeln!(summary, "{text}");
        if only_warnings {
            log::warning(&result.render_verbose());
        }
    }
    let colour = io::stderr().is_terminal();
    let valid = results.iter().all(falco_rules::LoadResult::successful);
    let wanted = options.describe.as_ref().filter(|_| valid);
    if config.json {
        let results: Vec<_> = results
            .iter()
            .map(falco_rules::LoadResult::to_json)
            .collect();
        let mut report = json!({ "falco_load_results": results });
        if let Some(rule) = wanted {
            report["falco_describe_results"] = description(&loader, rule)?;
        }
        say(&format!("{report}\n"))?;
    } else {
        say(&summary)?;
        if let Some(rule) = wanted {
            say(&format!("\n{}", table(&loader, rule)))?;
        }
    }
    let mut pictures = String::new();
    for result in results.iter().filter(|result| !result.successful()) {
        pictures.push_str(&result.render_terminal(colour));
    }
    if pictures.is_empty() {
        return Ok(());
    }
    bail!("{}\n{pictures}", summary.trim_end())
}

/// `-L` and `-l`.
fn describe(config: &Config, options: &Options, rule: &Describe) -> anyhow::Result<()> {
    let mut catalogue = catalogue(config);
    let loader = load(config, options, &mut catalogue)?;
    if let Describe::Rule(name) = rule
        && !loader.rules().any(|(known, _)| known == name)
    {
        log::error(&format!(
            "Runtime error: Rule \"{name}\" is not loaded. Exiting."
        ));
        bail!("no rule is called \"{name}\"");
    }
    if config.json {
        return say(&format!("{}\n", description(&loader, rule)?));
    }
    say(&table(&loader, rule))
}

/// The rules, or one of them, for programs.
fn description(loader: &Loader, rule: &Describe) -> anyhow::Result<Value> {
    let described = match rule {
        Describe::Rule(name) => loader.describe_rule(name),
        Describe::All => loader.describe(),
    };
    described.context("no rules are loaded")
}

/// The rules, or one of them, for people.
fn table(loader: &Loader, rule: &Describe) -> String {
    list::rules((loader.rules()).filter(|(name, _)| match rule {
        Describe::All => true,
        Describe::Rule(wanted) => wanted == name,
    }))
}

fn load(config: &Config, options: &Options, catalogue: &mut Catalogue) -> anyhow::Result<Loader> {
    let texts = rules::texts(config, options)?;
    let mut loader = rules::loader(config, catalogue);
    rules::load(&texts, &mut loader, catalogue)?;
    Ok(loader)
}

/// The main job.
fn watch(config: &Config, options: &Options) -> anyhow::Result<()> {
    greet(config);
    check_sources(options)?;
    let mut catalogue = catalogue(config);
    let mut rules = load(config, options, &mut catalogue)?.finish();
    rules::select(&mut rules, &config.selections);
    let channels = outputs::channels(config)?;
    if options.dry_run {
        return Ok(());
    }
    let stop = stop_on_signals()?;
    if let Some(path) = &options.pidfile {
        fs::write(path, std::process::id().to_string()).with_context(|| {
            format!(
                "Could not write pid to pidfile {}. Exiting.",
                path.display()
            )
        })?;
    }
    let (mut source, state) = match &config.engine {
        Driver::Replay(file) => {
            log::info(&format!(
                "Replaying events from the capture file: {}",
                file.display()
            ));
            Source::replay(file).map_err(whole)?
        }
        Driver::Idle => Source::idle(),
        Driver::Probe { .. } => live::open(config, &rules).map_err(|error| explain(&error))?,
    };
    let mut engine = Engine::new(config, options, catalogue, rules, channels)?;
    let started = Instant::now();
    let outcome = engine.run(&mut source, state, &stop);
    if options.verbose {
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
    let drops = live::report(&source, options.verbose);
    say(&engine.finish())?;
    if !drops.is_empty() {
        log::error(drops.trim_end());
    }
    outcome
}

/// The first lines of the log.
fn greet(config: &Config) {
    log::info(&format!(
        "Falco version: {VERSION} ({})",
        std::env::consts::ARCH
    ));
    if config.files.is_empty() {
        log::info("No configuration file: the built-in configuration and rules are used.");
    } else {
        log::info("Falco initialized with configuration files:");
        for file in &config.files {
            log::info(&format!("   {} | schema validation: none", file.display()));
        }
    }
    if let (Driver::Probe { .. }, Ok(system)) =
        (&config.engine, fs::read_to_string("/proc/version"))
    {
        log::info(&format!("System info: {}", system.trim_end()));
    }
}

/// There is one source yet.
fn check_sources(options: &Options) -> anyhow::Result<()> {
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
    Ok(())
}

/// A flag that SIGINT and SIGTERM set.
fn stop_on_signals() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The second one ends the program at once, should the first be without effect.
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))
            .context("handling signals")?;
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("handling signals")?;
    }
    Ok(stop)
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

/// Whether it is time to stop.
pub(crate) fn is_set(stop: &AtomicBool) -> bool {
    stop.load(Ordering::Relaxed)
}
