//! The command line: upstream's options with upstream's errors.

mod manual;
pub(crate) mod options;

use std::{ffi::OsString, path::PathBuf};

use anyhow::{anyhow, bail};
use lexopt::{Arg, Parser};

use crate::list::Format;

pub(crate) use manual::{generate, help};

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) action: Action,
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
    /// Words about options that should not be used any more.
    pub(crate) deprecated: Vec<String>,
    /// All words, with blanks between them.
    pub(crate) command_line: String,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Action {
    /// Watch, or replay.
    #[default]
    Run,
    Help,
    Generate(String),
    ConfigSchema,
    RuleSchema,
    IgnoredCalls,
    ListEvents,
    Version,
    PageSize,
    PluginInfo(String),
    ListPlugins,
    /// List the fields of all sources or of one, names only if so asked.
    ListFields {
        source: Option<String>,
        names_only: bool,
    },
    /// Check rules files; then show the rules, if they are all good and it was asked for.
    Validate {
        files: Vec<PathBuf>,
        show: Option<Show>,
    },
    Describe(Show),
    Support,
    /// Run tests of rules.
    Test(Vec<PathBuf>),
}

/// Which rules to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    All,
    One(String),
}

/// The actions that were asked for. Of several the earliest here is done, as upstream has it.
#[derive(Debug, Default)]
struct Asked {
    help: bool,
    generate: Option<String>,
    config_schema: bool,
    rule_schema: bool,
    ignored: bool,
    events: bool,
    version: bool,
    page_size: bool,
    plugin_info: Option<String>,
    plugins: bool,
    fields: bool,
    fields_of: Option<String>,
    names_only: bool,
    validate: Vec<PathBuf>,
    show: Option<Show>,
    support: bool,
    format: Option<Format>,
    markdown: bool,
    /// What is neither an option nor belongs to one.
    words: Vec<OsString>,
}

impl Asked {
    fn action(self) -> Action {
        let names_only = self.names_only;
        let simple = [
            (self.help, Action::Help),
            (self.config_schema, Action::ConfigSchema),
            (self.rule_schema, Action::RuleSchema),
            (self.ignored, Action::IgnoredCalls),
            (self.events, Action::ListEvents),
            (self.version, Action::Version),
            (self.page_size, Action::PageSize),
        ];
        if let Some(what) = self.generate {
            Action::Generate(what)
        } else if let Some((_, action)) = simple.into_iter().find(|(asked, _)| *asked) {
            action
        } else if let Some(name) = self.plugin_info {
            Action::PluginInfo(name)
        } else if self.plugins {
            Action::ListPlugins
        } else if self.fields {
            Action::ListFields {
                source: self.fields_of,
                names_only,
            }
        } else if !self.validate.is_empty() {
            Action::Validate {
                files: self.validate,
                show: self.show,
            }
        } else if let Some(show) = self.show {
            Action::Describe(show)
        } else if self.support {
            Action::Support
        } else {
            Action::Run
        }
    }
}

/// Reads the command line; the first word is the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> anyhow::Result<Options> {
    let args: Vec<OsString> = args.into_iter().collect();
    let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
    let tests = words.get(1).is_some_and(|word| word == "test");
    let mut options = Options {
        command_line: words.join(" "),
        ..Options::default()
    };
    let mut asked = Asked::default();
    let mut parser = Parser::from_iter(args);
    while let Some(arg) = parser.next().map_err(upstream_error)? {
        if let Arg::Value(word) = &arg {
            asked.words.push(word.clone());
            continue;
        }
        take(&arg.into(), &mut parser, &mut options, &mut asked)?;
    }
    if let Some(path) = options.config.as_ref().filter(|path| !path.exists()) {
        bail!("Could not find configuration file at {}", path.display());
    }
    options.format = match (asked.format, asked.markdown) {
        (Some(_), true) => bail!("Cannot specify both --markdown and --format options together"),
        (None, true) => Format::Markdown,
        (format, false) => format.unwrap_or_default(),
    };
    // Words mean nothing to upstream, and the first only means something to us when there is something to test.
    options.action = match asked.words.split_first() {
        Some((_, files)) if tests && !files.is_empty() => {
            Action::Test(files.iter().map(PathBuf::from).collect())
        }
        _ => asked.action(),
    };
    Ok(options)
}

/// An option without its dashes.
enum Name {
    Short(char),
    Long(String),
    Word,
}

impl From<Arg<'_>> for Name {
    fn from(arg: Arg<'_>) -> Name {
        match arg {
            Arg::Short(letter) => Name::Short(letter),
            Arg::Long(name) => Name::Long(name.to_owned()),
            Arg::Value(_) => Name::Word,
        }
    }
}

fn take(
    arg: &Name,
    parser: &mut Parser,
    options: &mut Options,
    asked: &mut Asked,
) -> anyhow::Result<()> {
    let mut letter = [0; 4];
    let name = match arg {
        Name::Short(short) => &*short.encode_utf8(&mut letter),
        // Names of one letter are names all the same.
        Name::Long(long) if long.chars().count() > 1 => long.as_str(),
        Name::Long(long) => bail!(options::unknown(long)),
        Name::Word => return Ok(()),
    };
    match name {
        "h" | "help" => asked.help = true,
        "c" => options.config = Some(path(parser, "c")?),
        "config-schema" => asked.config_schema = true,
        "rule-schema" => asked.rule_schema = true,
        "disable-source" => options.disable_sources.push(text(parser, name)?),
        "dry-run" => options.dry_run = true,
        "enable-source" => options.enable_sources.push(text(parser, name)?),
        "i" => asked.ignored = true,
        "L" => asked.show = asked.show.take().or(Some(Show::All)),
        "l" => asked.show = Some(Show::One(text(parser, "l")?)),
        "list" => {
            let value = parser.optional_value();
            asked.fields = true;
            asked.fields_of = value.map(|value| value.to_string_lossy().into_owned());
        }
        "list-events" => asked.events = true,
        "list-plugins" => asked.plugins = true,
        "M" => options.seconds = number(parser, "M")?,
        "markdown" => {
            asked.markdown = true;
            options
                .deprecated
                .push("WARNING: --markdown is deprecated, use --format markdown instead.".into());
        }
        "format" => asked.format = Some(list_format(&text(parser, name)?)?),
        "N" => asked.names_only = true,
        "o" | "option" => options.set.push(text(parser, "o")?),
        "plugin-info" => asked.plugin_info = Some(text(parser, name)?),
        "p" | "print" => options.print = Some(text(parser, "p")?),
        "P" | "pidfile" => options.pidfile = Some(path(parser, "P")?),
        "r" => options.rules.push(path(parser, "r")?),
        "support" => asked.support = true,
        "U" | "unbuffered" => options.unbuffered = true,
        "V" | "validate" => asked.validate.push(path(parser, "V")?),
        "v" => options.verbose = true,
        "version" => asked.version = true,
        "page-size" => asked.page_size = true,
        "generate" => asked.generate = Some(text(parser, name)?),
        _ => bail!(options::unknown(name)),
    }
    Ok(())
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

/// A number of seconds; upstream takes those below 0 as none.
fn number(parser: &mut Parser, option: &str) -> anyhow::Result<u64> {
    let value = text(parser, option)?;
    let number: i64 = value
        .parse()
        .map_err(|_| anyhow!("Argument ‘{value}’ failed to parse"))?;
    Ok(number.max(0) as u64)
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
            "/dev/null",
            "-ob=c",
            "--option=d=e",
            "-r",
            "x",
            "-ry",
            "-UvM5",
            "word",
        ])
        .unwrap();
        assert_eq!(options.config, Some("/dev/null".into()));
        assert_eq!(options.set, ["b=c", "d=e"]);
        assert_eq!(options.rules, [PathBuf::from("x"), PathBuf::from("y")]);
        assert!(options.unbuffered && options.verbose && options.seconds == 5);
        assert_eq!(
            options.command_line,
            "falco -c /dev/null -ob=c --option=d=e -r x -ry -UvM5 word"
        );
    }

    #[test]
    fn every_option_of_the_table_is_known() {
        for entry in options::OPTIONS {
            let takes = matches!(entry.value, options::Value::Some(_));
            let value = match entry.value {
                options::Value::Some("num_seconds") => "1",
                options::Value::Some("format") => "json",
                _ => "/dev/null",
            };
            let short = entry.short.map(|letter| format!("-{letter}"));
            for name in short
                .into_iter()
                .chain(entry.long.map(|name| format!("--{name}")))
            {
                let args = if takes {
                    vec![name.as_str(), value]
                } else {
                    vec![name.as_str()]
                };
                assert!(parsed(&args).is_ok(), "{name}");
                if takes {
                    let error = parsed(&[&name]).unwrap_err();
                    assert!(error.ends_with("is missing an argument"), "{name}: {error}");
                }
            }
        }
    }

    #[test]
    fn actions_by_rank() {
        assert_eq!(
            parsed(&["-L", "--version", "-h"]).unwrap().action,
            Action::Help
        );
        assert_eq!(
            parsed(&["-L", "-V", "x"]).unwrap().action,
            Action::Validate {
                files: vec!["x".into()],
                show: Some(Show::All)
            }
        );
        let list = Action::ListFields {
            source: Some("syscall".into()),
            names_only: true,
        };
        assert_eq!(parsed(&["--list=syscall", "-N"]).unwrap().action, list);
    }

    #[test]
    fn tests_are_asked_for_by_the_first_word() {
        let files = Action::Test(vec!["a.yaml".into(), "b.yaml".into()]);
        let options = parsed(&["test", "a.yaml", "-r", "rules.yaml", "b.yaml"]).unwrap();
        assert_eq!(options.action, files);
        assert_eq!(options.rules, [PathBuf::from("rules.yaml")]);
        for args in [&["test"][..], &["test", "-v"], &["-v", "test", "a.yaml"]] {
            assert_eq!(parsed(args).unwrap().action, Action::Run, "{args:?}");
        }
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
