//! What conditions ask of the path of a file that is opened, as regular expressions over the path that the call was given.
//!
//! A path is compared as it will be when the state has made it absolute and taken `.`, `..` and doubled slashes out. For a path that
//! is plain, absolute and without any of these, that is the path itself. Of others only what the raw path says is known.

use std::fmt::Write as _;

use falco_filter::Glob;
use falco_filter::ast::{Check, Cmp, Modifier};

use super::may::May;
use super::site::{is_plain, literals};

/// A question to a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// Whether it is about the path as the call was given it.
    pub(super) raw: bool,
    /// The paths of which the answer is yes.
    pub(super) pattern: String,
    /// As the condition has it.
    pub(super) text: String,
}

/// All questions.
#[derive(Clone, Debug, Default)]
pub(super) struct Paths(pub(super) Vec<Question>);

/// More text than this is not worth an automaton.
const LITERALS_MAX: usize = 20_000;

impl Paths {
    /// What a comparison of a field says, as a question; [`May::Yes`] when the field is no path or the comparison is not understood.
    pub(super) fn ask(&mut self, field: &str, check: &Check, outcome: bool) -> May {
        let may_be_absent = matches!(
            field,
            "fd.filename" | "fs.path.name" | "fs.path.nameraw" | "evt.abspath"
        );
        if may_be_absent && !outcome {
            return May::Yes;
        }
        let raw = matches!(field, "fd.nameraw" | "fs.path.nameraw");
        let pattern = match field {
            "fd.name" | "fs.path.name" | "evt.arg.name" | "evt.abspath" | "fd.nameraw"
            | "fs.path.nameraw" => pattern(check, "."),
            "fd.directory" => pattern(check, ".").map(|directory| {
                let mut pattern = format!("(?:{directory})/[^/]*");
                if of_root(check) {
                    pattern.push_str("|/[^/]*");
                }
                pattern
            }),
            "fd.filename" => pattern(check, "[^/]").map(|name| {
                let mut pattern = format!(".*/(?:{name})");
                // The name of the root is a slash.
                if of_root(check) {
                    pattern.push_str("|/");
                }
                pattern
            }),
            _ => None,
        };
        let (Some(pattern), negated) = (pattern, check.op.cmp == Cmp::Ne) else {
            return May::Yes;
        };
        let question = Question {
            raw,
            pattern,
            text: format!("[{check}]"),
        };
        let known = self
            .0
            .iter()
            .position(|other| (other.raw, &other.pattern) == (raw, &question.pattern));
        let place = known.unwrap_or_else(|| {
            self.0.push(question);
            self.0.len() - 1
        });
        May::Path(place, outcome != negated)
    }
}

/// The texts of which a comparison holds (of `!=`: does not). `any` is a byte of the text.
fn pattern(check: &Check, any: &str) -> Option<String> {
    let literals = literals(check)?;
    let usable = |literal: &Vec<u8>| {
        !literal.is_empty() && !literal.contains(&0) && (any == "." || !literal.contains(&b'/'))
    };
    let total: usize = literals.iter().map(Vec::len).sum();
    if !is_plain(check)
        || literals.is_empty()
        || total > LITERALS_MAX
        || !literals.iter().all(usable)
    {
        return None;
    }
    let (before, after) = match (check.op.cmp, check.op.modifier) {
        (Cmp::Eq | Cmp::EqEq | Cmp::Ne | Cmp::In, None) => ("", ""),
        (Cmp::Startswith, None | Some(Modifier::Anyof)) => ("", "*"),
        (Cmp::Endswith, None | Some(Modifier::Anyof)) => ("*", ""),
        (Cmp::Contains | Cmp::Icontains, None | Some(Modifier::Anyof)) => ("*", "*"),
        (Cmp::Glob | Cmp::Iglob, None | Some(Modifier::Anyof)) => {
            let fold = check.op.cmp == Cmp::Iglob;
            let globs = literals
                .iter()
                .map(|literal| Glob::new(literal, fold).regex(any == "."));
            return Some(globs.collect::<Vec<String>>().join("|"));
        }
        (Cmp::Pmatch, None) if any == "." => {
            let paths = literals.iter().map(|literal| below(literal));
            return Some(paths.collect::<Vec<String>>().join("|"));
        }
        _ => return None,
    };
    let part = |star: &str| {
        if star.is_empty() {
            String::new()
        } else {
            format!("{any}*")
        }
    };
    let mut pattern = part(before);
    pattern.push_str(if check.op.cmp == Cmp::Icontains {
        "(?i:"
    } else {
        "(?:"
    });
    for (index, literal) in literals.iter().enumerate() {
        if index > 0 {
            pattern.push('|');
        }
        escape(literal, &mut pattern);
    }
    pattern.push(')');
    pattern.push_str(&part(after));
    Some(pattern)
}

/// Whether a comparison of `fd.directory` or `fd.filename` holds of the root (of `!=`: does not).
fn of_root(check: &Check) -> bool {
    let root: &[u8] = b"/";
    let any = |test: &dyn Fn(&[u8]) -> bool| {
        literals(check).is_some_and(|all| all.iter().any(|literal| test(literal)))
    };
    match check.op.cmp {
        Cmp::Startswith | Cmp::Endswith | Cmp::Contains | Cmp::Icontains => {
            any(&|literal| literal == root)
        }
        Cmp::Glob | Cmp::Iglob => any(&|literal| Glob::new(literal, false).matches(root)),
        // A path without components has everything below it.
        Cmp::Pmatch => any(&|literal| literal.iter().all(|byte| *byte == b'/')),
        _ => any(&|literal| literal == root),
    }
}

fn escape(literal: &[u8], out: &mut String) {
    for byte in literal {
        let _ = write!(out, r"\x{byte:02x}");
    }
}

/// A path and all below it.
fn below(literal: &[u8]) -> String {
    let components: Vec<&[u8]> = (literal.split(|byte| *byte == b'/'))
        .filter(|component| !component.is_empty())
        .collect();
    if components.is_empty() {
        return ".*".to_owned();
    }
    // Components are compared, not the slash before them.
    let mut pattern = "/?".to_owned();
    for (index, component) in components.iter().enumerate() {
        if index > 0 {
            pattern.push('/');
        }
        if component.iter().all(|byte| *byte == b'*') {
            // A component is never empty: the root has none.
            pattern.push_str("[^/]+");
        } else if component
            .iter()
            .any(|byte| matches!(byte, b'*' | b'?' | b'['))
        {
            pattern.push_str(&Glob::new(component, false).regex(false));
        } else {
            escape(component, &mut pattern);
        }
    }
    pattern.push_str("(?:/.*)?");
    pattern
}
