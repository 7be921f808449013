//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::actions::{self, Action, Impossible, Place};
use crate::contain;
use crate::perform::{Containers, IMPOSSIBLE, Outcome, perform};
use crate::say;
use crate::stage::{DO, Stage};
use crate::watch::{Alerts, text};

const HELP: &str = "\
falco-generator: does suspicious things without harm, and tells which of them falco did not notice

  falco-generator list [PATTERN...]             what there is, and which rules notice it
  falco-generator run NAME|PATTERN...           does it; `*` stands for anything
  falco-generator loop [--rate N] [--count N] [PATTERN...]
                                                does it again and again, N a second (1), N times (until it is stopped)
  falco-generator test [OPTION...] [PATTERN...] does it and waits for the alerts; 1 if any was missed
      --falco PATH      starts this falco (the default: falco), with every rule on
      --rules FILE      with these rules instead of those that are built in; may be repeated
      --alerts FILE     reads the alerts that a falco writes to this file, one JSON object a line
      --http ADDRESS    takes the alerts that a falco posts to this address
      --grpc ADDRESS    takes the alerts that a falco gives out at its grpc.bind_address, unix:///PATH
      --upstream        expects what upstream's rules notice, not what the default rules do
      --wait SECONDS    how long an alert may take (5)

With --podman, run, loop and test do what is done in containers in real ones that podman starts, instead of control groups that look like some.
Everything needs root. An action leaves nothing behind: what it touches of the system it covers first.";

/// Does what the command line says.
pub(crate) fn run(args: Vec<String>) -> anyhow::Result<ExitCode> {
    // A program under another name does what it was told, or nothing.
    if let Ok(what) = std::env::var(DO) {
        actions::do_inner(&what)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut args = args.into_iter();
    let name = args.next().unwrap_or_default();
    if Path::new(&name)
        .file_name()
        .is_some_and(|name| name != "falco-generator")
    {
        return Ok(ExitCode::SUCCESS);
    }
    let word = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    match word.as_str() {
        "list" => {
            list(&rest);
            Ok(ExitCode::SUCCESS)
        }
        "run" => run_all(&rest),
        "loop" => again_and_again(&rest),
        "test" => test(&rest),
        "do" => act(rest.first().map_or("", String::as_str)),
        "contain" => match rest.as_slice() {
            [group, action] => contain::enter(Path::new(group), action),
            _ => bail!("contain is for falco-generator itself"),
        },
        "" | "help" | "-h" | "--help" => {
            say(HELP);
            Ok(ExitCode::SUCCESS)
        }
        other => bail!(
            "there is no `{other}`, or it needs more words; `falco-generator help` tells what there is"
        ),
    }
}

fn list(patterns: &[String]) {
    for action in actions::named(patterns) {
        let place = match action.place {
            Place::Host => "host",
            Place::Container | Place::Known => "container",
            Place::Privileged => "privileged",
        };
        say(&format!(
            "{:30} {place:10} {}\n{:41} {}",
            action.name,
            action.about,
            "",
            action.rules.join(", ")
        ));
    }
}

fn chosen(patterns: &[String]) -> anyhow::Result<Vec<&'static Action>> {
    let chosen = actions::named(patterns);
    if chosen.is_empty() {
        bail!(
            "no action is called {}; `falco-generator list` shows all",
            patterns.join(" or ")
        );
    }
    if !rustix::process::geteuid().is_root() {
        bail!(
            "actions need root: what they touch of the system they cover first, and only root may"
        );
    }
    Ok(chosen)
}

/// Does one action in this process.
fn act(name: &str) -> anyhow::Result<ExitCode> {
    let Some(action) = actions::all().find(|action| action.name == name) else {
        bail!("there is no action {name}");
    };
    let stage = Stage::new()?;
    match (action.act)(&stage) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast::<Impossible>() {
            Ok(why) => {
                say(&why.to_string());
                Ok(ExitCode::from(IMPOSSIBLE))
            }
            Err(error) => Err(error),
        },
    }
}

fn run_all(words: &[String]) -> anyhow::Result<ExitCode> {
    let mut words = Words::new(words);
    let mut podman = false;
    while let Some(option) = words.option() {
        match option {
            "--podman" => podman = true,
            _ => bail!("run has no option {option}"),
        }
    }
    if words.patterns.is_empty() {
        bail!("run needs the names of actions, or patterns; `falco-generator list` shows all");
    }
    let actions = chosen(&words.patterns)?;
    let containers = Containers::new(&actions, podman)?;
    let mut failed = 0;
    for action in actions {
        let line = match perform(action, &containers)? {
            Outcome::Done => "done".to_owned(),
            Outcome::Impossible(why) => format!("cannot be done here: {why}"),
            Outcome::Failed(why) => {
                failed += 1;
                format!("FAILED: {why}")
            }
        };
        say(&format!("{:30} {line}", action.name));
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The options of a command line; what is left are patterns.
struct Words<'a> {
    words: std::slice::Iter<'a, String>,
    patterns: Vec<String>,
}

impl<'a> Words<'a> {
    fn new(words: &'a [String]) -> Words<'a> {
        Words {
            words: words.iter(),
            patterns: Vec::new(),
        }
    }

    /// The next option.
    fn option(&mut self) -> Option<&'a str> {
        loop {
            let word = self.words.next()?;
            if word.starts_with("--") {
                return Some(word);
            }
            self.patterns.push(word.clone());
        }
    }

    fn value(&mut self, option: &str) -> anyhow::Result<&'a str> {
        let value = self.words.next();
        Ok(value.with_context(|| format!("{option} needs a value"))?)
    }

    fn number(&mut self, option: &str) -> anyhow::Result<f64> {
        let value = self.value(option)?;
        let number: f64 = value
            .parse()
            .ok()
            .filter(|number| *number > 0.0)
            .with_context(|| format!("{option} needs a number above 0, not `{value}`"))?;
        Ok(number)
    }
}

fn again_and_again(words: &[String]) -> anyhow::Result<ExitCode> {
    let (mut rate, mut count, mut podman) = (1.0, u64::MAX, false);
    let mut words = Words::new(words);
    while let Some(option) = words.option() {
        match option {
            "--rate" => rate = words.number(option)?,
            "--count" => count = words.number(option)? as u64,
            "--podman" => podman = true,
            _ => bail!("loop has no option {option}"),
        }
    }
    let actions = chosen(&words.patterns)?;
    let containers = Containers::new(&actions, podman)?;
    let step = Duration::from_secs_f64(1.0 / rate);
    let (start, mut done) = (Instant::now(), 0);
    let mut next = start;
    for action in actions
        .iter()
        .cycle()
        .take(usize::try_from(count).unwrap_or(usize::MAX))
    {
        if let Outcome::Failed(why) = perform(action, &containers)? {
            say(&format!("{:30} FAILED: {why}", action.name));
        }
        done += 1;
        next += step;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let seconds = start.elapsed().as_secs_f64();
    say(&format!("{done} actions in {seconds:.1} s"));
    Ok(ExitCode::SUCCESS)
}

fn test(words: &[String]) -> anyhow::Result<ExitCode> {
    let mut words = Words::new(words);
    let mut falco = PathBuf::from("falco");
    let (mut rules, mut sources) = (Vec::new(), Vec::new());
    let (mut upstream, mut podman, mut limit) = (false, false, 5.0);
    while let Some(option) = words.option() {
        match option {
            "--falco" => falco = words.value(option)?.into(),
            "--rules" => rules.push(words.value(option)?.to_owned()),
            "--alerts" | "--http" | "--grpc" => sources.push((option, words.value(option)?)),
            "--upstream" => upstream = true,
            "--podman" => podman = true,
            "--wait" => limit = words.number(option)?,
            _ => bail!("test has no option {option}"),
        }
    }
    if let [(one, _), (other, _), ..] = sources[..] {
        bail!("{one} and {other} exclude each other");
    }
    let actions = chosen(&words.patterns)?;
    let mut containers = Containers::new(&actions, podman)?;
    let mut alerts = match sources[..] {
        [("--alerts", file)] => Alerts::follow(Path::new(file))?,
        [("--http", address)] => Alerts::listen(address)?,
        [(_, address), ..] => Alerts::subscribe(address)?,
        [] => {
            let (engine, socket) = containers.tell()?;
            Alerts::start(&falco, &rules, engine, &socket)?
        }
    };
    let limit = Duration::from_secs_f64(limit);
    let start = Instant::now();
    let (mut noticed, mut missed, mut left_out) = (0, Vec::new(), 0);
    for action in &actions {
        let rules = if upstream {
            action.upstream
        } else {
            action.rules
        };
        if rules.is_empty() {
            continue;
        }
        alerts.forget();
        let line = match perform(action, &containers)? {
            Outcome::Impossible(why) => {
                left_out += 1;
                format!("cannot be done here: {why}")
            }
            Outcome::Failed(why) => {
                missed.push(action.name);
                format!("FAILED: {why}")
            }
            Outcome::Done => {
                let not = rules
                    .iter()
                    .filter(|rule| !alerts.wait(limit, |alert| is_ours(alert, rule)));
                let not: Vec<_> = not.copied().collect();
                if not.is_empty() {
                    noticed += 1;
                    "noticed".to_owned()
                } else {
                    missed.push(action.name);
                    format!("MISSED by {}", not.join(", "))
                }
            }
        };
        say(&format!("{:30} {line}", action.name));
    }
    let seconds = start.elapsed().as_secs_f64();
    say(&format!(
        "\n{noticed} noticed, {} missed, {left_out} cannot be done here, in {seconds:.1} s",
        missed.len()
    ));
    Ok(if missed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether an alert is of that rule, and of something that an action did: its text names this program, or a directory of it.
fn is_ours(alert: &Value, rule: &str) -> bool {
    alert.get("rule").and_then(Value::as_str) == Some(rule) && text(alert).contains("falco-generat")
}
