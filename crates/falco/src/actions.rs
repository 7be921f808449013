//! What the program can do besides watching: show rules, fields, events and itself. The order is upstream's: of several actions the
//! earliest is done.

use std::{
    fmt::Write as _,
    fs,
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, bail};
use falco_fields::Catalogue;
use falco_rules::{Loader, schema};
use serde_json::{Value, json};

use crate::{
    Failure,
    cli::{self, Action, Options, Show},
    config::{self, Config, Engine as Driver},
    list,
    log::{self, Level},
    plugins, rules, run, support, syscalls, test,
};

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    for words in &options.deprecated {
        log::error(words);
    }
    match &options.action {
        Action::Help => return say(&cli::help()),
        Action::Generate(what) => {
            let text = cli::generate(what);
            return say(&text.with_context(|| {
                format!("--generate does not know '{what}', but man, bash, zsh and fish")
            })?);
        }
        // Without a newline at the end, as upstream.
        Action::ConfigSchema => {
            return say(&format!("{:#}", config::schema::json()));
        }
        Action::RuleSchema => return say(&format!("{:#}", schema::to_json(&schema::RULES))),
        Action::IgnoredCalls => {
            return say(&format!(
                "Ignored syscall(s):\n- {}\n\n",
                syscalls::IGNORED.join("\n- ")
            ));
        }
        Action::ListEvents => return say(&list::events(options.format)),
        Action::Test(files) => return test::run(options, files),
        _ => {}
    }
    let config = configure(options)?;
    match &options.action {
        Action::Version => return say(&support::version(config.json)),
        Action::PageSize => {
            log::info(&format!(
                "Your system page size is: {} bytes",
                rustix::param::page_size()
            ));
            return Ok(());
        }
        Action::PluginInfo(name) => return say(&plugins::info(&config, name)?),
        Action::ListPlugins => return say(&plugins::list(&config)?),
        _ => {}
    }
    plugins::load(&config)?;
    if let Action::ListFields { source, names_only } = &options.action {
        return say(&list::fields(
            &catalogue(&config),
            source.as_deref(),
            *names_only,
            options.verbose,
            options.format,
        )?);
    }
    run::select_sources(&config, options)?;
    match &options.action {
        Action::Validate { files, show } => validate(&config, files, show.as_ref()),
        Action::Describe(show) => describe(&config, options, show),
        Action::Support => {
            let texts = rules::texts(&config, options)?;
            rules::load(&config, &texts.files)?;
            say(&support::support(&config, options, &texts.files))
        }
        _ => run::watch(config, options),
    }
}

/// Reads the configuration and says so in the first lines of the log.
pub(crate) fn configure(options: &Options) -> anyhow::Result<Config> {
    let config = config::load(options)?;
    log::configure(&config);
    log::info(&format!(
        "Falco version: {} ({})",
        support::VERSION,
        std::env::consts::ARCH
    ));
    log::line(Level::Debug, &format!("CLI args: {}", options.command_line));
    if config.files.is_empty() {
        log::info("No configuration file: the built-in configuration and rules are used.");
    } else {
        log::info("Falco initialized with configuration files:");
        let mut files: Vec<_> = config.files.iter().collect();
        files.sort();
        for (file, verdict) in files {
            let level = if verdict == "ok" {
                Level::Info
            } else {
                Level::Warning
            };
            log::line(
                level,
                &format!("   {} | schema validation: {verdict}", file.display()),
            );
        }
    }
    for warning in &config.warnings {
        log::warning(warning);
    }
    if options.print.is_some() {
        log::warning(
            "The -p/--print option is deprecated and will be removed. Use -o append_output=... instead.",
        );
    }
    if let (Driver::Probe { .. }, Ok(system)) =
        (&config.engine, fs::read_to_string("/proc/version"))
    {
        log::info(&format!("System info: {}", system.trim_end()));
    }
    Ok(config)
}

/// Prints something that was asked for.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("writing to standard output")
}

pub(crate) fn catalogue(config: &Config) -> Catalogue {
    let mut catalogue = Catalogue::new();
    if config.containers.runtimes.kubernetes.is_some() {
        catalogue.add_kubernetes();
    }
    for (key, value) in &config.static_fields {
        catalogue.define(key, value);
    }
    if let Ok(services) = fs::read_to_string("/etc/services") {
        catalogue.read_services(&services);
    }
    catalogue
}

/// `-V`: every file is looked at, whatever the ones before brought.
fn validate(config: &Config, files: &[PathBuf], show: Option<&Show>) -> anyhow::Result<()> {
    let mut catalogue = catalogue(config);
    let mut loader = rules::loader(config, &catalogue);
    log::info("Validating rules file(s):");
    let mut results = Vec::new();
    for file in files {
        log::info(&format!("   {}", file.display()));
        let (name, text) = rules::read(file).map_err(|error| {
            if file.is_dir() {
                Failure::Runtime(format!("{}: Is a directory", file.display())).into()
            } else {
                error
            }
        })?;
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
    let good = results.iter().all(falco_rules::LoadResult::successful);
    if config.json {
        let results: Vec<_> = results
            .iter()
            .map(falco_rules::LoadResult::to_json)
            .collect();
        let mut object = json!({ "falco_load_results": results });
        if let Some(show) = show.filter(|_| good) {
            object["falco_describe_results"] = described(&loader, show)?;
        }
        say(&format!("{object}\n"))?;
    } else {
        say(&summary)?;
    }
    if good {
        return match show {
            Some(show) if !config.json => say(&format!("\n{}", table(&loader, show)?)),
            _ => Ok(()),
        };
    }
    let failed = results.iter().filter(|result| !result.successful());
    let pictures: String = failed
        .map(|result| result.render_terminal(colour))
        .collect();
    bail!("{}\n{pictures}", summary.trim_end())
}

/// `-L` and `-l`.
fn describe(config: &Config, options: &Options, show: &Show) -> anyhow::Result<()> {
    let (loader, _) = rules::load(config, &rules::texts(config, options)?.files)?;
    if config.json {
        say(&format!("{}\n", described(&loader, show)?))
    } else {
        say(&table(&loader, show)?)
    }
}

fn described(loader: &Loader, show: &Show) -> anyhow::Result<Value> {
    match show {
        Show::All => loader.describe().context("no rules are loaded"),
        Show::One(name) => Ok(loader
            .describe_rule(name)
            .with_context(|| not_loaded(name))?),
    }
}

fn table(loader: &Loader, show: &Show) -> anyhow::Result<String> {
    match show {
        Show::All => Ok(list::rules(loader.rules())),
        Show::One(name) => {
            let rules: Vec<_> = loader.rules().filter(|(known, _)| known == name).collect();
            if rules.is_empty() {
                bail!(not_loaded(name));
            }
            Ok(list::rules(rules.into_iter()))
        }
    }
}

fn not_loaded(name: &str) -> Failure {
    Failure::Runtime(format!("Rule \"{name}\" is not loaded"))
}
