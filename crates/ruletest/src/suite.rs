//! A file of tests.

use std::path::PathBuf;

use falco_fields::Catalogue;
use falco_rules::Template;
use falco_rules::yaml::{self, Node, Source};
use falco_state::User;

use crate::event::{Event, events};
use crate::mock::{Container, containers};
use crate::problem::{Problem, Wrong};
use crate::value::{number, text};
use crate::world::{Process, Reader, items, processes, users};

/// The tests of a file.
#[derive(Debug)]
pub struct Suite {
    /// The file.
    pub name: String,
    /// The tests, in order.
    pub(crate) tests: Vec<Test>,
}

/// One test.
#[derive(Debug)]
pub(crate) struct Test {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// The rules it is about.
    pub(crate) about: Vec<String>,
    /// Rules that are enabled for it.
    pub(crate) enable: Vec<String>,
    pub(crate) users: Vec<User>,
    pub(crate) containers: Vec<Container>,
    pub(crate) processes: Vec<Process>,
    pub(crate) happens: Happens,
    pub(crate) alerts: Vec<Expected>,
}

/// What happens in a test.
#[derive(Debug)]
pub(crate) enum Happens {
    Events(Vec<Event>),
    Capture(PathBuf),
}

/// An alert that has to come.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) rule: String,
    /// How many times.
    pub(crate) count: u64,
    /// What the output has to contain.
    pub(crate) output: Option<String>,
    /// What fields have to be.
    pub(crate) fields: Vec<(String, Template, String)>,
}

const FILE_KEYS: [&str; 5] = ["rules", "users", "containers", "processes", "tests"];
const TEST_KEYS: [&str; 10] = [
    "test",
    "rule",
    "enable",
    "users",
    "containers",
    "container",
    "processes",
    "events",
    "capture",
    "alerts",
];

impl Suite {
    /// Reads a file of tests. Captures that it names lie beside it, unless their paths are absolute.
    ///
    /// # Errors
    /// All that is wrong in it.
    pub fn parse(name: &str, text: &str, catalogue: &mut Catalogue) -> Result<Suite, Vec<Problem>> {
        let source = Source::new(name, text);
        let documents = yaml::parse(&source).map_err(|error| {
            vec![Problem::at_offset(
                &source,
                error.offset,
                Wrong::new(error.message),
            )]
        })?;
        let mut reader = Reader {
            source: &source,
            problems: Vec::new(),
        };
        let mut tests = Vec::new();
        for document in &documents {
            file(&mut reader, document, catalogue, &mut tests);
        }
        if tests.is_empty() && reader.problems.is_empty() {
            let wrong = Wrong::new("there are no tests").help("a file of tests has a key `tests`");
            reader.problems.push(Problem::at_offset(&source, 0, wrong));
        }
        if reader.problems.is_empty() {
            Ok(Suite {
                name: name.to_owned(),
                tests,
            })
        } else {
            Err(reader.problems)
        }
    }

    /// The rules files that a file of tests names in `rules`, as they are written; nothing when it names none, or is no YAML.
    pub fn rules_files(name: &str, text: &str) -> Vec<String> {
        let source = Source::new(name, text);
        let documents = yaml::parse(&source).unwrap_or_default();
        let listed = documents.iter().filter_map(|node| node.get("rules"));
        let names = listed.flat_map(|node| match node.items() {
            Some(items) => items.iter().filter_map(Node::scalar).collect(),
            None => node.scalar().into_iter().collect::<Vec<_>>(),
        });
        names.map(str::to_owned).collect()
    }
}

fn file(reader: &mut Reader<'_>, node: &Node, catalogue: &mut Catalogue, tests: &mut Vec<Test>) {
    if !node.is_map() {
        let help = "a file of tests has a key `tests` with a sequence under it";
        reader.wrong(node, Wrong::new("expected a mapping").help(help));
        return;
    }
    reader.keys(node, &FILE_KEYS);
    let given = Given {
        users: node
            .get("users")
            .map_or_else(Vec::new, |n| users(reader, n)),
        containers: (node.get("containers"))
            .map_or_else(Vec::new, |n| containers(reader, n, catalogue)),
        processes: node.get("processes"),
    };
    let Some(list) = node.get("tests") else {
        reader.wrong(node, Wrong::new("there is no key `tests`"));
        return;
    };
    for item in items(list) {
        tests.extend(test(reader, item, &given, catalogue));
    }
}

/// What a file says for all its tests.
struct Given<'n> {
    users: Vec<User>,
    containers: Vec<Container>,
    processes: Option<&'n Node>,
}

fn test(
    reader: &mut Reader<'_>,
    node: &Node,
    given: &Given<'_>,
    catalogue: &mut Catalogue,
) -> Option<Test> {
    if !node.is_map() {
        let help = "a test has the keys `test`, `events` and `alerts`";
        reader.wrong(node, Wrong::new("expected a test").help(help));
        return None;
    }
    reader.keys(node, &TEST_KEYS);
    let name = (node.get("test"))
        .and_then(Node::scalar)
        .or_else(|| node.get("rule").and_then(Node::scalar));
    if name.is_none() {
        reader.wrong(
            node,
            Wrong::new("a test has a name").help("add `test: NAME`"),
        );
    }
    let mut test_users = given.users.clone();
    if let Some(node) = node.get("users") {
        test_users.extend(users(reader, node));
    }
    let mut all_containers = given.containers.clone();
    if let Some(node) = node.get("containers") {
        for container in containers(reader, node, catalogue) {
            all_containers.retain(|known| known.name != container.name);
            all_containers.push(container);
        }
    }
    let container = node.get("container");
    let named = container.and_then(Node::scalar);
    let chain = node.get("processes").or(given.processes);
    let processes = chain.map_or_else(Vec::new, |node| processes(reader, node, named));
    for name in (processes.iter()).filter_map(|process| process.container.as_deref()) {
        if !all_containers.iter().any(|known| known.name == name) {
            let help = "say it in `containers` of the test or of the file";
            reader.wrong(
                container.unwrap_or(node),
                Wrong::new(format!("there is no container `{name}`")).help(help),
            );
        }
    }
    let happens = match (node.get("events"), node.get("capture")) {
        (Some(list), None) => Happens::Events(events(reader, list)),
        (None, Some(path)) => Happens::Capture(reader.take(path, text(path))?.into()),
        _ => {
            let help = "say what happens in `events`, or name a file in `capture`";
            reader.wrong(
                node,
                Wrong::new("a test has either events or a capture").help(help),
            );
            return None;
        }
    };
    if processes.is_empty() && matches!(happens, Happens::Events(_)) {
        let help =
            "add `processes: [/usr/bin/cat /etc/shadow]`: each is the child of the one before";
        reader.wrong(
            node,
            Wrong::new("there is no process for the events to happen in").help(help),
        );
    }
    let Some(alerts) = node.get("alerts") else {
        let help = "`alerts: [Name of a rule]`, or `alerts: []` for none";
        reader.wrong(
            node,
            Wrong::new("the test does not say which alerts it expects").help(help),
        );
        return None;
    };
    let alerts = (items(alerts).iter())
        .filter_map(|item| expected(reader, item, catalogue))
        .collect();
    Some(Test {
        name: name.unwrap_or_default().to_owned(),
        line: reader.source.mark(node.start).line + 1,
        about: names(reader, node.get("rule")),
        enable: names(reader, node.get("enable")),
        users: test_users,
        containers: all_containers,
        processes,
        happens,
        alerts,
    })
}

fn names(reader: &mut Reader<'_>, node: Option<&Node>) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(node) = node {
        for item in items(node) {
            all.extend(reader.take(item, text(item)).map(str::to_owned));
        }
    }
    all
}

fn expected(reader: &mut Reader<'_>, node: &Node, catalogue: &mut Catalogue) -> Option<Expected> {
    if let Some(rule) = node.scalar() {
        return Some(Expected {
            rule: rule.to_owned(),
            count: 1,
            output: None,
            fields: Vec::new(),
        });
    }
    reader.keys(node, &["rule", "count", "output", "fields"]);
    let Some(rule) = node.get("rule").and_then(Node::scalar) else {
        let help =
            "write the name of the rule, or `{rule: NAME, output: TEXT, fields: {proc.name: cat}}`";
        reader.wrong(node, Wrong::new("expected the alert of a rule").help(help));
        return None;
    };
    let count = node.get("count").map(|node| {
        let count = text(node).and_then(number).and_then(|count| {
            u64::try_from(count).map_err(|_| Wrong::new("the number is out of range"))
        });
        reader.take(node, count)
    });
    let mut fields = Vec::new();
    if let Some(node) = node.get("fields") {
        for (field, value) in node.entries() {
            let template = text(field).and_then(|name| {
                let template = Template::lenient(&format!("%{name}"), catalogue);
                let template = template.map_err(|_| {
                    Wrong::new(format!("there is no field `{name}`")).help("see `falco --list`")
                });
                Ok((name.to_owned(), template?, text(value)?.to_owned()))
            });
            fields.extend(reader.take(field, template));
        }
    }
    Some(Expected {
        rule: rule.to_owned(),
        count: count.flatten().unwrap_or(1),
        output: node.get("output").and_then(Node::scalar).map(str::to_owned),
        fields,
    })
}
