//! The table of options as help, as a manual page, and as what shells complete.

use std::fmt::Write as _;

use super::options::{Entry, OPTIONS, Value};

/// Where the right column of the help begins, and how wide all is.
const COLUMN: usize = 34;
const WIDTH: usize = 80;

/// `--help`.
pub(crate) fn help() -> String {
    let mut out = String::from(
        "Falco - Cloud Native Runtime Security\nUsage:\n  falco [OPTION...]\n  falco test [OPTION...] FILE...    run tests of rules\n\n",
    );
    for entry in OPTIONS {
        let usage = format!("  {}", entry.usage());
        let mut at = usage.chars().count();
        let _ = write!(out, "{usage}");
        if at + 1 > COLUMN {
            let _ = write!(out, "\n{:COLUMN$}", "");
        } else {
            let _ = write!(out, "{:1$}", "", COLUMN - at);
        }
        at = COLUMN;
        for word in entry.about.split(' ') {
            let length = word.chars().count();
            if at + length > WIDTH {
                let _ = write!(out, "\n{:COLUMN$}", "");
                at = COLUMN;
            }
            out.push_str(word);
            at += length + 1;
            if at < WIDTH {
                out.push(' ');
            }
        }
        out.push('\n');
    }
    let lines = out.lines().map(|line| line.trim_end().to_owned() + "\n");
    lines.collect()
}

/// What `--generate` prints.
pub(crate) fn generate(what: &str) -> Option<String> {
    match what {
        "man" => Some(man()),
        "bash" => Some(bash()),
        "zsh" => Some(zsh()),
        "fish" => Some(fish()),
        _ => None,
    }
}

fn man() -> String {
    let escape = |text: &str| text.replace('\\', "\\e").replace('-', "\\-");
    let mut out = String::from(
        ".TH FALCO 8\n.SH NAME\nfalco \\- Cloud Native Runtime Security\n.SH SYNOPSIS\n.B falco\n[\\fIOPTION\\fR...]\n.br\n.B falco test\n[\\fIOPTION\\fR...] \\fIFILE\\fR...\n.SH DESCRIPTION\n\
         Watches what happens on a machine, or replays a capture of it, and alerts when a rule matches. With\n.B test\n\
         as the first word, runs tests of rules.\n.SH OPTIONS\n",
    );
    for entry in OPTIONS {
        let _ = writeln!(
            out,
            ".TP\n.B {}\n{}",
            escape(entry.usage().trim_start()),
            escape(entry.about)
        );
    }
    out.push_str(
        ".SH SIGNALS\n.TP\nSIGINT, SIGTERM\nWrite what is left, and end.\n.TP\nSIGHUP\nLoad configuration and rules again.\n\
         .TP\nSIGUSR1\nClose the outputs and open them again.\n\
         .SH FILES\n.TP\n.I /etc/falco/falco.yaml\nThe configuration.\n\
         .SH ENVIRONMENT\n.TP\n.B FALCO_HOSTNAME\nThe name of the machine in alerts.\n\
         .SH EXIT STATUS\n0 when all went well, 1 after an error, 255 when the pidfile cannot be written.\n",
    );
    out
}

fn words(entry: &Entry) -> impl Iterator<Item = String> {
    let short = entry.short.map(|letter| format!("-{letter}"));
    let long = entry.long.map(|name| format!("--{name}"));
    short.into_iter().chain(long)
}

/// Whether the value is a file.
fn takes_file(entry: &Entry) -> bool {
    matches!(entry.value, Value::Some("path" | "rules_file" | "pid_file"))
}

fn bash() -> String {
    let all: Vec<String> = OPTIONS.iter().flat_map(words).collect();
    let files: Vec<String> = OPTIONS
        .iter()
        .filter(|entry| takes_file(entry))
        .flat_map(words)
        .collect();
    format!(
        "_falco() {{\n    local word=${{COMP_WORDS[COMP_CWORD]}}\n    case ${{COMP_WORDS[COMP_CWORD-1]}} in\n        \
         --format) COMPREPLY=($(compgen -W \"text markdown json\" -- \"$word\")) ;;\n        \
         {}) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n        \
         *) COMPREPLY=($(compgen -W \"{}\" -- \"$word\")) ;;\n    esac\n}}\ncomplete -o filenames -F _falco falco\n",
        files.join("|"),
        all.join(" ")
    )
}

fn zsh() -> String {
    let mut out = String::from("#compdef falco\n_arguments \\\n");
    let escape = |text: &str| {
        text.replace('\'', "'\\''")
            .replace('[', "\\[")
            .replace(']', "\\]")
    };
    for entry in OPTIONS {
        for word in words(entry) {
            let value = match entry.value {
                _ if takes_file(entry) => ":file:_files",
                Value::Some("format") => ":format:(text markdown json)",
                Value::Some(_) => ":value:",
                _ => "",
            };
            let _ = writeln!(out, "  '*{word}[{}]{value}' \\", escape(entry.about));
        }
    }
    out.push_str("  && return 0\n");
    out
}

fn fish() -> String {
    let mut out = String::new();
    for entry in OPTIONS {
        let _ = write!(out, "complete -c falco");
        if let Some(letter) = entry.short {
            let _ = write!(out, " -s {letter}");
        }
        if let Some(name) = entry.long {
            let _ = write!(out, " -l {name}");
        }
        match entry.value {
            _ if takes_file(entry) => out.push_str(" -r -F"),
            Value::Some("format") => out.push_str(" -x -a 'text markdown json'"),
            Value::Some(_) => out.push_str(" -x"),
            _ => out.push_str(" -f"),
        }
        let _ = writeln!(out, " -d '{}'", entry.about.replace('\'', "\\'"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_a_terminal_and_has_every_option() {
        let help = help();
        assert!(
            help.lines().all(|line| line.chars().count() <= WIDTH),
            "{help}"
        );
        assert!(OPTIONS.iter().all(|entry| help.contains(&entry.usage())));
        assert!(
            help.contains("-o, --option <opt>=<val>") && help.contains("--list [=<source>(=)]")
        );
    }

    #[test]
    fn generated_texts_have_every_option() {
        for what in ["man", "bash", "zsh"] {
            let text = generate(what).unwrap().replace('\\', "");
            for word in OPTIONS.iter().flat_map(words) {
                assert!(text.contains(&word), "{what}: {word}");
            }
        }
        assert_eq!(generate("fish").unwrap().lines().count(), OPTIONS.len());
        assert_eq!(generate("csh"), None);
    }
}
