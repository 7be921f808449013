//! The command line: upstream's options with upstream's errors, and those of earlier versions that scripts still pass.

use std::{ffi::OsString, path::PathBuf};

use anyhow::{anyhow, bail};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::list::Format;

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) action: Action,
    /// `-L`, or `-l` and a rule; with `-V` what was checked is shown too.
    pub(crate) describe: Option<Describe>,
    pub(crate) config: Option<PathBuf>,
    /// `-o key=value`, in order.
    pub(crate) set: Vec<String>,
    /// `-r`: replaces the configured rules files.
    pub(crate) rules: Vec<PathBuf>,
    pub(crate) dry_run: bool,
    pub(crate) unbuffered: bool,
    pub(crate) verbose: bool,
    /// The form of listings.
    pub(crate) format: Format,
    /// Stop when events are that much later than the first.
    pub(crate) seconds: u64,
    /// Appended to the outputs of all rules.
    pub(crate) print: Option<String>,
    pub(crate) pidfile: Option<PathBuf>,
    pub(crate) enable_sources: Vec<String>,
    pub(crate) disable_sources: Vec<String>,
    /// Words about options that mean nothing any more.
    pub(crate) warnings: Vec<String>,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Action {
    /// Watch, or replay.
    #[default]
    Run,
    Help,
    Version,
    PageSize,
    /// List the fields of all sources or of one, names only if so asked.
    ListFields {
        source: Option<String>,
        names_only: bool,
    },
    /// Check rules files.
    Validate(Vec<PathBuf>),
    /// Show the rules, or one of them.
    DescribeRules(Describe),
}

/// Which rules to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Describe {
    All,
    Rule(String),
}

pub(crate) const HELP: &str = "\
Falco - Cloud Native Runtime Security
Usage:
  falco [OPTION...]

Running
  -c FILE               Configuration. Default: /etc/falco/falco.yaml if it is
                        there, else the one that is built in.
  -r FILE|DIR           Rules, instead of those configured. May be repeated.
  -o, --option KEY=VAL  Set a key of the configuration: json_output=true,
                        engine.kind=replay, plugins[0].name=x, list[]=y.
  -e FILE               Replay a capture; the same as -o engine.kind=replay
                        -o engine.replay.capture_file=FILE.
  -M SECONDS            Stop after so many seconds of events.
  -U, --unbuffered      Write every alert at once.
  -p, --print FORMAT    Add a format to the output of every rule.
  -P, --pidfile FILE    Write the process id to a file.
      --enable-source SOURCE, --disable-source SOURCE
                        Which event sources to open.
      --dry-run         Do everything but watch.
  -v                    Say more.

Looking
  -V, --validate FILE   Check a rules file. May be repeated.
  -L                    Show all rules.
  -l RULE               Show one rule.
      --list[=SOURCE]   List the fields that rules can use.
  -N                    With --list: names only.
      --format FORMAT   The form of lists: text, markdown or json.
      --page-size       Show the size of a page of memory.
      --version         Show versions.
  -h, --help            Show this.
";

/// Reads the command line; the first word is the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> anyhow::Result<Options> {
    let mut options = Options::default();
    let mut parser = Parser::from_iter(args);
    let (mut validate, mut describe, mut list, mut names_only) = (Vec::new(), None, None, false);
    let (mut action, mut format, mut markdown) = (None, None, false);
    while let Some(arg) = parser.next().map_err(upstream_error)? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => action = Some(Action::Help),
            Arg::Long("version") => action = action.or(Some(Action::Version)),
            Arg::Long("page-size") => action = action.or(Some(Action::PageSize)),
            Arg::Short('c') => options.config = Some(path(&mut parser, "c")?),
            Arg::Short('r') => options.rules.push(path(&mut parser, "r")?),
            Arg::Short('o') | Arg::Long("option") => options.set.push(text(&mut parser, "o")?),
            Arg::Short('e') => {
                let file = text(&mut parser, "e")?;
                options.set.push("engine.kind=replay".into());
                options
                    .set
                    .push(format!("engine.replay.capture_file={file}"));
            }
            Arg::Short('M') => options.seconds = number(&mut parser, "M")?,
            Arg::Short('U') | Arg::Long("unbuffered") => options.unbuffered = true,
            Arg::Short('v') => options.verbose = true,
            Arg::Short('p') | Arg::Long("print") => {
                options.print = Some(text(&mut parser, "p")?);
                options.warnings.push(
                    "The -p/--print option is deprecated and will be removed. Use -o append_output=... instead.".into(),
                );
            }
            Arg::Short('P') | Arg::Long("pidfile") => {
                options.pidfile = Some(path(&mut parser, "P")?);
            }
            Arg::Long("enable-source") => options
                .enable_sources
                .push(text(&mut parser, "enable-source")?),
            Arg::Long("disable-source") => options
                .disable_sources
                .push(text(&mut parser, "disable-source")?),
            Arg::Long("dry-run") => options.dry_run = true,
            Arg::Short('V') | Arg::Long("validate") => validate.push(path(&mut parser, "V")?),
            Arg::Short('L') => describe = describe.or(Some(Describe::All)),
            Arg::Short('l') => describe = Some(Describe::Rule(text(&mut parser, "l")?)),
            Arg::Long("list") => {
                list = Some(
                    parser
                        .optional_value()
                        .map(|value| value.to_string_lossy().into_owned()),
                );
            }
            Arg::Short('N') => names_only = true,
            Arg::Long("format") => format = Some(list_format(&text(&mut parser, "format")?)?),
            Arg::Long("markdown") => {
                markdown = true;
                let successor = "--markdown is deprecated, use --format markdown instead.";
                options.warnings.push(successor.into());
            }
            Arg::Short(letter @ ('A' | 'b' | 'd')) => {
                options.warnings.push(successor(letter).into());
            }
            Arg::Short(letter @ ('k' | 'K' | 'D' | 't' | 'T' | 'S')) => {
                let _ = text(&mut parser, &letter.to_string())?;
                options.warnings.push(successor(letter).into());
            }
            Arg::Value(_) => {}
            Arg::Short(letter) => bail!("Option ‘{letter}’ does not exist"),
            Arg::Long(name) => bail!("Option ‘{name}’ does not exist"),
        }
    }
    options.format = match (format, markdown) {
        (Some(_), true) => bail!("Cannot specify both --markdown and --format options together"),
        (None, true) => Format::Markdown,
        (format, false) => format.unwrap_or_default(),
    };
    options.describe.clone_from(&describe);
    options.action = if let Some(action) = action {
        action
    } else if let Some(source) = list {
        Action::ListFields { source, names_only }
    } else if !validate.is_empty() {
        Action::Validate(validate)
    } else {
        describe.map_or(Action::Run, Action::DescribeRules)
    };
    Ok(options)
}

/// What replaced an option of earlier versions.
fn successor(letter: char) -> &'static str {
    match letter {
        'A' => "The -A option is gone: use -o base_syscalls.all=true.",
        'b' => "The -b option is gone: use -o buffer_format_base64=true.",
        'd' => "The -d option is gone: let the service manager run falco in the background.",
        'D' => "The -D option is gone: use -o rules[].disable.rule=NAME.",
        'S' => "The -S option is gone: use -o falco_libs.snaplen=BYTES.",
        't' => "The -t option is gone: use -o rules[].enable.tag=TAG.",
        'T' => "The -T option is gone: use -o rules[].disable.tag=TAG.",
        _ => "The options for the Kubernetes API are gone; they are ignored.",
    }
}

fn list_format(name: &str) -> anyhow::Result<Format> {
    Format::named(name)
        .ok_or_else(|| anyhow!("Invalid format '{name}'. Valid values are: text, markdown, json"))
}

fn text(parser: &mut Parser, option: &str) -> anyhow::Result<String> {
    let value = parser
        .value()
        .map_err(|_| anyhow!("Option ‘{option}’ is missing an argument"))?;
    value
        .into_string()
        .map_err(|value| anyhow!("Argument ‘{}’ failed to parse", value.to_string_lossy()))
}

fn path(parser: &mut Parser, option: &str) -> anyhow::Result<PathBuf> {
    parser
        .value()
        .map(PathBuf::from)
        .map_err(|_| anyhow!("Option ‘{option}’ is missing an argument"))
}

fn number(parser: &mut Parser, option: &str) -> anyhow::Result<u64> {
    let value = parser
        .value()
        .map_err(|_| anyhow!("Option ‘{option}’ is missing an argument"))?;
    value
        .parse()
        .map_err(|_| anyhow!("Argument ‘{}’ failed to parse", value.to_string_lossy()))
}

fn upstream_error(error: lexopt::Error) -> anyhow::Error {
    match error {
        lexopt::Error::UnexpectedValue { option, .. } => {
            anyhow!(
                "Option ‘{}’ does not take an argument",
                option.trim_start_matches('-')
            )
        }
        other => anyhow!(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Options, String> {
        let words = std::iter::once("falco").chain(args.iter().copied());
        parse(words.map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_in_all_spellings() {
        let options = parsed(&[
            "-c",
            "a.yaml",
            "-ob=c",
            "--option=d=e",
            "-r",
            "x",
            "-ry",
            "-UvM5",
            "word",
        ])
        .unwrap();
        assert_eq!(options.config, Some("a.yaml".into()));
        assert_eq!(options.set, ["b=c", "d=e"]);
        assert_eq!(options.rules, [PathBuf::from("x"), PathBuf::from("y")]);
        assert!(options.unbuffered && options.verbose && options.seconds == 5);
        let replay = parsed(&["-e", "x.scap"]).unwrap();
        assert_eq!(
            replay.set,
            ["engine.kind=replay", "engine.replay.capture_file=x.scap"]
        );
    }

    #[test]
    fn actions_by_rank() {
        assert_eq!(
            parsed(&["-L", "--version", "-h"]).unwrap().action,
            Action::Help
        );
        assert_eq!(
            parsed(&["-L", "-V", "x"]).unwrap().action,
            Action::Validate(vec!["x".into()])
        );
        let list = Action::ListFields {
            source: Some("syscall".into()),
            names_only: true,
        };
        assert_eq!(parsed(&["--list=syscall", "-N"]).unwrap().action, list);
    }

    #[test]
    fn errors_are_upstreams() {
        for (args, error) in [
            (&["-x"][..], "Option ‘x’ does not exist"),
            (&["--nope"], "Option ‘nope’ does not exist"),
            (&["-c"], "Option ‘c’ is missing an argument"),
            (&["-M", "abc"], "Argument ‘abc’ failed to parse"),
        ] {
            assert_eq!(parsed(args).unwrap_err(), error);
        }
    }
}
