//! Listings for people: fields and rules.

use std::fmt::Write as _;

use anyhow::bail;
use falco_fields::Catalogue;

/// `--list`: the fields by class, or their names only.
pub(crate) fn fields(
    source: Option<&str>,
    names_only: bool,
    verbose: bool,
) -> anyhow::Result<String> {
    if source.is_some_and(|source| source != "syscall") {
        bail!("Value for --list must be a valid source type");
    }
    let catalogue = Catalogue::new();
    let mut out = String::new();
    for class in catalogue.classes() {
        if !names_only {
            let _ = writeln!(out, "-------------------------------");
            let _ = writeln!(out, "Field Class:                  {}", class.name);
            let _ = writeln!(out, "Event Sources:                syscall\n");
        }
        for field in class.fields.iter().filter(|field| field.is_listed()) {
            if names_only {
                let _ = writeln!(out, "{}", field.name);
                continue;
            }
            let mut text = String::new();
            if verbose {
                let _ = write!(text, "(Type: {}) ", field.ty.name());
            }
            text.push_str(field.about);
            if field.name.len() > 29 {
                let _ = writeln!(out, "{}", field.name);
                let _ = writeln!(out, "{:30}{}", "", wrapped(&text, 90, 30));
            } else {
                let _ = writeln!(out, "{:30}{}", field.name, wrapped(&text, 90, 30));
            }
        }
    }
    Ok(out)
}

/// `-L`: names and descriptions.
pub(crate) fn rules<'a>(rules: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = format!("{:50} Description\n{:50} -----------\n", "Rule", "----");
    for (name, description) in rules {
        let _ = writeln!(out, "{name:50} {}\n", wrapped(description, 59, 51));
    }
    out
}

/// Words in lines of a width, each after the first indented.
fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let (mut out, mut used) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length = word.chars().count() + 1;
        if used > 0 && used + length > width {
            let _ = write!(out, "\n{:indent$}", "");
            used = 0;
        }
        out.push_str(word);
        out.push(' ');
        used += length;
    }
    out
}
