//! The table of options. Help, the man page and what shells complete come from it.

/// An option.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) short: Option<char>,
    pub(crate) long: Option<&'static str>,
    pub(crate) value: Value,
    pub(crate) about: &'static str,
}

/// What comes after an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    None,
    /// A word of this kind.
    Some(&'static str),
    /// One of this kind after `=`, or nothing.
    Optional(&'static str),
}

use Value::{None as Bare, Optional, Some as Takes};

const fn entry(
    short: Option<char>,
    long: Option<&'static str>,
    value: Value,
    about: &'static str,
) -> Entry {
    Entry {
        short,
        long,
        value,
        about,
    }
}

/// The options that are written with one letter, and those with a name only, in upstream's order.
#[rustfmt::skip]
pub(crate) static OPTIONS: &[Entry] = &[
    entry(Some('h'), Some("help"), Bare, "Show this."),
    entry(Some('c'), None, Takes("path"), "Configuration file. Default: /etc/falco/falco.yaml if it is there, else what is built in."),
    entry(None, Some("config-schema"), Bare, "Show the JSON schema of the configuration."),
    entry(None, Some("rule-schema"), Bare, "Show the JSON schema of rules files."),
    entry(None, Some("disable-source"), Takes("event_source"), "Leave out an event source. May be repeated."),
    entry(None, Some("dry-run"), Bare, "Check everything, but watch nothing."),
    entry(None, Some("enable-source"), Takes("event_source"), "Open only these event sources. May be repeated."),
    entry(Some('i'), None, Bare, "List the system calls that are ignored unless base_syscalls.all is set."),
    entry(Some('L'), None, Bare, "Show all rules."),
    entry(Some('l'), None, Takes("rule"), "Show one rule."),
    entry(None, Some("list"), Optional("source"), "List the fields that rules can use."),
    entry(None, Some("list-events"), Bare, "List the events that rules can use."),
    entry(None, Some("list-plugins"), Bare, "Show the configured plugins."),
    entry(Some('M'), None, Takes("num_seconds"), "Stop after so many seconds of events."),
    entry(None, Some("markdown"), Bare, "Deprecated, use --format markdown."),
    entry(None, Some("format"), Takes("format"), "The form of lists: text, markdown or json."),
    entry(Some('N'), None, Bare, "With --list: names only."),
    entry(Some('o'), Some("option"), Takes("opt>=<val"), "Set a key of the configuration: json_output=true, engine.kind=replay, plugins[0].name=x, list[]=y. Dots and brackets that belong to a name follow a backslash. May be repeated."),
    entry(None, Some("plugin-info"), Takes("plugin_name"), "Show what a plugin says about itself."),
    entry(Some('p'), Some("print"), Takes("output_format"), "Deprecated, use -o append_output. Add a format to the output of every rule."),
    entry(Some('P'), Some("pidfile"), Takes("pid_file"), "Write the process id to a file."),
    entry(Some('r'), None, Takes("rules_file"), "A rules file, or a directory of some, instead of those configured. May be repeated."),
    entry(None, Some("support"), Bare, "Show what is needed to tell others about a problem."),
    entry(Some('U'), Some("unbuffered"), Bare, "Write every alert at once."),
    entry(Some('V'), Some("validate"), Takes("rules_file"), "Check a rules file. May be repeated."),
    entry(Some('v'), None, Bare, "Say more."),
    entry(None, Some("version"), Bare, "Show versions."),
    entry(None, Some("page-size"), Bare, "Log the size of a page of memory."),
    entry(None, Some("generate"), Takes("what"), "Print the manual page or what shells complete: man, bash, zsh or fish."),
];

/// Options of earlier versions, and what to use instead.
#[rustfmt::skip]
pub(crate) static REMOVED: &[(&[&str], &str)] = &[
    (&["A"], "use -o base_syscalls.all=true"),
    (&["b", "print-base64"], "use -o buffer_format_base64=true"),
    (&["S", "snaplen"], "use -o falco_libs.snaplen=BYTES"),
    (&["D"], "use -o rules[].disable.rule='*SUBSTRING*'"),
    (&["T"], "use -o rules[].disable.tag=TAG"),
    (&["t"], "use -o rules[].disable.rule='*' -o rules[].enable.tag=TAG"),
    (&["e"], "use -o engine.kind=replay -o engine.replay.capture_file=FILE"),
    (&["modern-bpf"], "use -o engine.kind=modern_ebpf"),
    (&["nodriver"], "use -o engine.kind=nodriver"),
    (&["list-syscall-events"], "use --list-events"),
    (&["d", "daemon"], "let the service manager run falco in the background"),
    (&["s", "stats-interval"], "use -o metrics.enabled=true -o metrics.output_file=FILE -o metrics.interval=TIME"),
    (&["w"], "use -o capture.enabled=true"),
    (&["cri", "disable-cri-async"], "container support finds the runtimes itself"),
    (&["k", "k8s-api", "K", "k8s-api-cert", "k8s-node", "m", "mesos-api"], "what is known of pods comes with the containers"),
    (&["u", "userspace", "g", "gvisor-config", "gvisor-root", "gvisor-generate-config"], "that source of events is gone; see engine.kind"),
];

/// What to say of an option that is not there.
pub(super) fn unknown(name: &str) -> String {
    let error = format!("Option ‘{name}’ does not exist");
    match REMOVED.iter().find(|(names, _)| names.contains(&name)) {
        Some((_, instead)) => format!("{error}\n  It was one of earlier versions: {instead}."),
        None => error,
    }
}

impl Entry {
    /// How it is written: `-o, --option <opt>=<val>`.
    pub(crate) fn usage(&self) -> String {
        let names = match (self.short, self.long) {
            (Some(short), Some(long)) => format!("-{short}, --{long}"),
            (Some(short), None) => format!("-{short}"),
            (None, Some(long)) => format!("    --{long}"),
            (None, None) => String::new(),
        };
        match self.value {
            Value::None => names,
            Value::Some(kind) => format!("{names} <{kind}>"),
            Value::Optional(kind) => format!("{names} [=<{kind}>(=)]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_occur_once() {
        let shorts = OPTIONS
            .iter()
            .filter_map(|entry| entry.short)
            .map(String::from);
        let longs = OPTIONS
            .iter()
            .filter_map(|entry| entry.long)
            .map(str::to_owned);
        let removed = REMOVED
            .iter()
            .flat_map(|(names, _)| *names)
            .map(|name| (*name).to_owned());
        let mut names: Vec<String> = shorts.chain(longs).chain(removed).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn removed_options_name_their_successors() {
        assert_eq!(unknown("x"), "Option ‘x’ does not exist");
        let snaplen = unknown("S");
        assert!(
            snaplen.starts_with("Option ‘S’ does not exist\n")
                && snaplen.contains("falco_libs.snaplen")
        );
    }
}
