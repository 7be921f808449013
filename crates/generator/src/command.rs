//! The command line.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::actions::{self, Action, Impossible, Place};
use crate::contain::{self, Group};
use crate::runtime::Runtime;
use crate::say;
use crate::stage::{DIRECTORY, DO, Stage};
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

Everything needs root. An action leaves nothing behind: what it touches of the system it covers first.";

/// The status of an action that this machine cannot do.
const IMPOSSIBLE: u8 = 77;

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
        "run" if !rest.is_empty() => run_all(&chosen(&rest)?),
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

/// What came of an action.
enum Outcome {
    Done,
    /// This machine cannot do it, and why.
    Impossible(String),
    Failed(String),
}

/// Does an action in a process of its own.
fn perform(action: &Action, groups: &Groups) -> anyhow::Result<Outcome> {
    let me = std::env::current_exe().context("finding this program")?;
    let fresh;
    let mut command = match (action.place, &groups.ordinary) {
        (Place::Host, _) => {
            let mut command = Command::new(&me);
            command.args(["do", action.name]);
            command
        }
        (Place::Container, Some(group)) => group.command(&me, action.name),
        (Place::Known | Place::Privileged, Some(_)) if !groups.known => {
            let why = "only a falco that `test` starts is told what this container is";
            return Ok(Outcome::Impossible(why.into()));
        }
        (_, None) => return Ok(Outcome::Impossible("no control groups".into())),
        (place, Some(_)) => {
            // What is told of a container is asked for when it is new.
            fresh = Group::new(place == Place::Privileged)?;
            fresh.command(&me, action.name)
        }
    };
    let directory = tempfile::Builder::new()
        .prefix("falco-generator-")
        .tempdir()
        .context("making a directory")?;
    // Actions that give up their rights still have to see it.
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
    command.env(DIRECTORY, directory.path());
    let out = command.output().context("starting an action")?;
    let said = String::from_utf8_lossy(&out.stdout);
    let said = said
        .trim()
        .trim_start_matches("falco-generator: ")
        .to_owned();
    Ok(match out.status.code() {
        Some(0) => Outcome::Done,
        Some(code) if code == i32::from(IMPOSSIBLE) => Outcome::Impossible(said),
        _ => Outcome::Failed(format!(
            "{said} {}",
            String::from_utf8_lossy(&out.stderr).trim()
        )),
    })
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

/// Where actions in containers are done.
struct Groups {
    ordinary: Option<Group>,
    /// Whether somebody is told what containers are.
    known: bool,
}

impl Groups {
    /// The group for the actions in containers, if there are any, and if one can be had.
    fn new(actions: &[&Action]) -> Groups {
        let needed = actions.iter().any(|action| action.place != Place::Host);
        let made = needed.then(|| Group::new(false));
        let ordinary = made.and_then(|made| {
            made.map_err(|error| say(&format!("no actions in containers: {error:#}")))
                .ok()
        });
        Groups {
            ordinary,
            known: false,
        }
    }
}

fn run_all(actions: &[&'static Action]) -> anyhow::Result<ExitCode> {
    let groups = Groups::new(actions);
    let mut failed = 0;
    for action in actions {
        let line = match perform(action, &groups)? {
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
    let (mut rate, mut count) = (1.0, u64::MAX);
    let mut words = Words::new(words);
    while let Some(option) = words.option() {
        match option {
            "--rate" => rate = words.number(option)?,
            "--count" => count = words.number(option)? as u64,
            _ => bail!("loop has no option {option}"),
        }
    }
    let actions = chosen(&words.patterns)?;
    let groups = Groups::new(&actions);
    let step = Duration::from_secs_f64(1.0 / rate);
    let (start, mut done) = (Instant::now(), 0);
    let mut next = start;
    for action in actions
        .iter()
        .cycle()
        .take(usize::try_from(count).unwrap_or(usize::MAX))
    {
        if let Outcome::Failed(why) = perform(action, &groups)? {
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
    let (mut upstream, mut limit) = (false, 5.0);
    while let Some(option) = words.option() {
        match option {
            "--falco" => falco = words.value(option)?.into(),
            "--rules" => rules.push(words.value(option)?.to_owned()),
            "--alerts" | "--http" | "--grpc" => sources.push((option, words.value(option)?)),
            "--upstream" => upstream = true,
            "--wait" => limit = words.number(option)?,
            _ => bail!("test has no option {option}"),
        }
    }
    if let [(one, _), (other, _), ..] = sources[..] {
        bail!("{one} and {other} exclude each other");
    }
    let actions = chosen(&words.patterns)?;
    let mut groups = Groups::new(&actions);
    let runtime = Runtime::start()?;
    let mut alerts = match sources[..] {
        [("--alerts", file)] => Alerts::follow(Path::new(file))?,
        [("--http", address)] => Alerts::listen(address)?,
        [(_, address), ..] => Alerts::subscribe(address)?,
        [] => {
            groups.known = true;
            Alerts::start(&falco, &rules, &runtime.socket())?
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
        let line = match perform(action, &groups)? {
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
