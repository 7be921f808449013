//! `falco test FILE...`: runs tests of rules and says what they covered.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use falco_fields::Catalogue;
use falco_rules::RuleSet;
use falco_ruletest::{Coverage, Outcome, Suite};

use crate::{
    actions::say,
    cli::Options,
    config,
    log::{self, Level},
    rules,
};

/// A set of rules, and the files it was read from; none for those of the command line or the configuration.
struct Loaded {
    files: Vec<PathBuf>,
    rules: RuleSet,
    catalogue: Catalogue,
}

pub(crate) fn run(options: &Options, files: &[PathBuf]) -> anyhow::Result<()> {
    let mut config = config::load(options)?;
    // Which file is loaded when is no news here.
    config.log_level = config.log_level.min(Level::Warning);
    log::configure(&config);
    let mut sets: Vec<Loaded> = Vec::new();
    let mut coverage = Coverage::default();
    let (mut passed, mut failed) = (0, 0);
    for file in files {
        let text = fs::read_to_string(file)
            .with_context(|| format!("reading the tests {}", file.display()))?;
        let name = file.display().to_string();
        let folder = file.parent().unwrap_or(Path::new(""));
        let named: Vec<PathBuf> = (Suite::rules_files(&name, &text).iter())
            .map(|rules| folder.join(rules))
            .collect();
        let mut place = sets.iter().position(|set| set.files == named);
        if place.is_none() {
            let texts = if named.is_empty() {
                rules::texts(&config, options)?.files
            } else {
                named.iter().map(rules::read).collect::<Result<_, _>>()?
            };
            let (loader, catalogue) = rules::load(&config, &texts)?;
            place = Some(sets.len());
            sets.push(Loaded {
                files: named,
                rules: loader.finish(),
                catalogue,
            });
        }
        let Some(set) = place.and_then(|place| sets.get_mut(place)) else {
            continue;
        };
        let outcomes = match Suite::parse(&name, &text, &mut set.catalogue) {
            Ok(suite) => suite.run(&mut set.rules, &set.catalogue, &mut coverage),
            Err(problems) => {
                let mut pictures = String::new();
                for problem in &problems {
                    let _ = writeln!(pictures, "{problem}");
                }
                bail!("{name} is no file of tests\n{pictures}");
            }
        };
        let bad = outcomes
            .iter()
            .filter(|outcome| !outcome.failures.is_empty())
            .count();
        (passed, failed) = (passed + outcomes.len() - bad, failed + bad);
        say(&report(&name, &outcomes, options.verbose))?;
    }
    say(&format!("{passed} passed, {failed} failed\n\n"))?;
    say(&covered(&coverage, options.verbose))?;
    if failed > 0 {
        bail!("{failed} of {} tests failed", passed + failed);
    }
    Ok(())
}

fn report(file: &str, outcomes: &[Outcome], verbose: bool) -> String {
    let mut out = format!("{file}: {} tests\n", outcomes.len());
    for outcome in outcomes {
        if outcome.failures.is_empty() {
            if verbose {
                let _ = writeln!(out, "  passed  {}", outcome.test);
            }
            continue;
        }
        let _ = writeln!(out, "  FAILED  {} ({file}:{})", outcome.test, outcome.line);
        for line in outcome.failures.iter().flat_map(|failure| failure.lines()) {
            let _ = writeln!(out, "          {line}");
        }
    }
    out
}

/// What the tests have seen of the rules; all gaps only if asked for more.
fn covered(coverage: &Coverage, verbose: bool) -> String {
    const SHOWN: usize = 10;
    let rules = &coverage.rules;
    let mut out = String::new();
    let mut count = |what: &str, names: Vec<&str>| {
        let _ = write!(
            out,
            "{} of {} rules {what}",
            rules.len() - names.len(),
            rules.len()
        );
        if verbose || (1..=SHOWN).contains(&names.len()) {
            let _ = write!(out, "; not: {}", names.join(", "));
        } else if !names.is_empty() {
            out.push_str(" (the others: -v)");
        }
        out.push('\n');
    };
    let without = |count: fn(&falco_ruletest::RuleCoverage) -> u32| {
        let rules = rules.iter().filter(move |rule| count(rule) == 0);
        rules.map(|rule| rule.name.as_str()).collect::<Vec<_>>()
    };
    count("fired", without(|rule| rule.fired));
    count(
        "stayed quiet in a test about them",
        without(|rule| rule.quiet),
    );
    let parts = || rules.iter().flat_map(|rule| &rule.parts);
    let both = parts().filter(|part| part.is_complete()).count();
    let _ = writeln!(
        out,
        "{both} of {} comparisons were both true and false{}",
        parts().count(),
        if verbose { "" } else { " (the others: -v)" }
    );
    if verbose {
        for rule in rules.iter().filter(|rule| !rule.is_complete()) {
            let _ = writeln!(out, "  {}", rule.name);
            for part in rule.parts.iter().filter(|part| !part.is_complete()) {
                let gap = match (part.was_true, part.was_false) {
                    (true, _) => "never false",
                    (_, true) => "never true",
                    _ => "never asked",
                };
                let _ = writeln!(out, "    {gap}: {}", shortened(&part.text));
            }
        }
    }
    out
}

/// A comparison that fits into a line: of a long list the beginning.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}
