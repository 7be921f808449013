//! Whole files of tests over a few rules.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use falco_fields::Catalogue;
use falco_rules::{Loader, LoaderConfig, RuleSet};
use falco_ruletest::{Coverage, Outcome, Problem, Suite};
use proptest::prelude::*;

const RULES: &str = "
- rule: Hashes read
  desc: x
  condition: evt.type in (open, openat) and fd.name = /etc/shadow and not proc.aname = sshd
  output: '%proc.name (%proc.pid) read %fd.name in %container.name'
  priority: WARNING
- rule: Started
  desc: x
  condition: evt.type = execve and evt.res = SUCCESS and proc.exepath startswith /usr/bin/
  output: '%proc.cmdline from %proc.pname by %user.name'
  priority: NOTICE
- rule: Connected
  desc: x
  condition: evt.type = connect and fd.sport = 443 and container.id != host
  output: '%fd.name %container.image.repository'
  priority: NOTICE
- rule: Seldom
  desc: x
  condition: evt.type = chmod and evt.arg.mode contains S_ISUID
  output: '%evt.arg.filename'
  priority: NOTICE
  enabled: false
- rule: Of a deployment
  desc: x
  condition: evt.type = unlink and k8smeta.deployment.name = web and k8smeta.svc.name intersects (front, back)
  output: '%k8smeta.svc.name'
  priority: NOTICE
";

fn rules() -> (RuleSet, Catalogue) {
    let mut catalogue = Catalogue::new();
    catalogue.add_kubernetes();
    let mut loader = Loader::new(LoaderConfig::default());
    let result = loader.load("rules.yaml", RULES, &mut catalogue);
    assert!(result.successful(), "{}", result.render_terminal(false));
    (loader.finish(), catalogue)
}

fn run(text: &str) -> (Vec<Outcome>, Coverage) {
    let (mut rules, mut catalogue) = rules();
    let suite = Suite::parse("tests.yaml", text, &mut catalogue);
    let suite = suite.unwrap_or_else(|problems| panic!("{}", shown(&problems)));
    let mut coverage = Coverage::default();
    let outcomes = suite.run(&mut rules, &catalogue, &mut coverage);
    (outcomes, coverage)
}

fn shown(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect()
}

fn problems(text: &str) -> String {
    let (_, mut catalogue) = rules();
    shown(&Suite::parse("tests.yaml", text, &mut catalogue).unwrap_err())
}

#[test]
fn events_go_the_way_of_real_ones() {
    let (outcomes, coverage) = run("
users: [{uid: 1000, name: alice}]
containers:
  web: {image.repository: nginx}
  pod: {k8smeta.deployment.name: web, k8smeta.svc.name: [back, old], k8smeta.pod.ip: 10.0.0.7}
  other: {k8smeta.deployment.name: web, k8smeta.svc.name: old}
tests:
  - test: What Kubernetes tells may be several things
    container: pod
    processes: [/usr/bin/rm]
    events: {unlink: {path: /tmp/x}}
    alerts: [{rule: Of a deployment, output: '(back,old)', fields: {k8smeta.pod.ip: 10.0.0.7}}]
  - test: Or one that does not do
    container: other
    processes: [/usr/bin/rm]
    events: {unlink: {path: /tmp/x}}
    alerts: []
  - test: The path is resolved, and where it is relative to is known
    rule: Hashes read
    processes: [{command: /usr/bin/cat x, cwd: /usr/lib}]
    events: {openat: {fd: 3, name: ../../etc/shadow}}
    alerts:
      - {rule: Hashes read, output: 'cat (100) read /etc/shadow in host', fields: {fd.num: 3}}
  - test: Beneath sshd it may be read
    rule: Hashes read
    processes: [/usr/sbin/sshd, /usr/bin/cat]
    events:
      - openat: {fd: 3, name: /etc/shadow}
    alerts: []
  - test: A program takes the place of a shell
    processes: [{command: /bin/bash, uid: 1000}, /bin/bash]
    events:
      - execve: {command: /usr/bin/id -u}
      - execve: {command: [/usr/bin/ls, a b], res: ENOENT}
    alerts: [{rule: Started, output: id -u from bash by alice}]
  - test: A child is started, and starts another
    container: web
    processes: [{command: /usr/sbin/nginx, uid: 33}]
    events:
      - start: /usr/bin/dash -c id
      - start: {command: /usr/bin/id, env: [A=b]}
    alerts:
      - {rule: Started, output: dash -c id from nginx, fields: {container.name: web, user.uid: 33}}
      - {rule: Started, output: id from dash, fields: {'proc.aname[2]': nginx, container.name: web, 'proc.env[A]': b}}
  - test: A child of a container is in the container
    container: web
    processes: [/usr/sbin/nginx, /bin/sh]
    events:
      - socket: {fd: 5, domain: AF_INET, type: 1, proto: 6}
      - connect: {fd: 5, tuple: '10.0.0.2:40000->10.0.0.1:443', addr: '10.0.0.1:443'}
    alerts: [{rule: Connected, output: '10.0.0.2:40000->10.0.0.1:443 nginx'}]
  - test: A rule that is off can be tested
    enable: Seldom
    processes: [/usr/bin/chmod]
    events:
      - chmod: {filename: /tmp/x, mode: S_ISUID|0755}
    alerts: [{rule: Seldom, output: /tmp/x}]
  - test: And is off again
    processes: [/usr/bin/chmod]
    events:
      - chmod: {filename: /tmp/x, mode: S_ISUID|0755}
    alerts: []
");
    for outcome in &outcomes {
        assert_eq!(outcome.failures, [""; 0], "{}", outcome.test);
    }
    let seen: Vec<_> = (coverage.rules.iter())
        .map(|rule| (rule.name.as_str(), rule.fired, rule.quiet))
        .collect();
    let expected = [
        ("Hashes read", 1, 1),
        ("Started", 2, 0),
        ("Connected", 1, 0),
        ("Seldom", 1, 0),
        ("Of a deployment", 1, 0),
    ];
    assert_eq!(seen, expected);
    let port = &coverage.rules[2].parts[1];
    assert_eq!(&*port.text, "fd.sport = 443");
    assert!(port.was_true && !port.was_false);
    let kind = &coverage.rules[0].parts[0];
    assert!(kind.is_complete(), "{kind:?}");
}

#[test]
fn what_is_not_as_expected_is_told() {
    let (outcomes, _) = run("
tests:
  - test: none came
    processes: [/usr/bin/cat]
    events: {openat: {fd: 3, name: /etc/passwd}}
    alerts: [Hashes read]
  - test: one too many
    processes: [/usr/bin/cat]
    events: {openat: {fd: 3, name: /etc/shadow}}
    alerts: []
  - test: other words
    processes: [/usr/bin/cat]
    events: {openat: {fd: 3, name: /etc/shadow}}
    alerts: [{rule: Hashes read, output: dog, fields: {proc.name: dog}}]
  - test: nothing of that name
    rule: Nobody
    processes: [/usr/bin/cat]
    events: []
    alerts: []
");
    let failures: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.failures.join("\n"))
        .collect();
    let expected = [
        "not the alerts that were expected (-), but others (+):\n- Hashes read",
        "not the alerts that were expected (-), but others (+):\n+ Hashes read: cat (100) read /etc/shadow in host",
        "the output of Hashes read does not contain what was expected (-):\n- dog\n+ cat (100) read /etc/shadow in host\n\
         proc.name of Hashes read is not what was expected (-):\n- dog\n+ cat",
        "there is no rule `Nobody`",
    ];
    assert_eq!(failures, expected);
}

#[test]
fn problems_have_their_place_and_a_remedy() {
    assert_eq!(
        problems(
            "tests:\n  - test: x\n    processes: [/bin/cat]\n    events: [{opnat: {fd: 3}}]\n    alerts: []\n"
        ),
        "error: there is no event `opnat`\n --> tests.yaml:4:15\n4 |     events: [{opnat: {fd: 3}}]\n  |               ^\n  \
         = help: `falco --list-events` shows all events\n"
    );
    for (text, message) in [
        ("- x", "expected a mapping"),
        ("tests: []", "there are no tests"),
        (
            "tests: [{test: x, events: [], alerts: []}]",
            "no process for the events",
        ),
        (
            "tests: [{test: x, processes: [/a], events: []}]",
            "does not say which alerts",
        ),
        (
            "tests: [{test: x, processes: [/a], alerts: []}]",
            "either events or a capture",
        ),
        (
            "tests: [{processes: [/a], events: [], alerts: []}]",
            "a test has a name",
        ),
        (
            "tests: [{tset: x, processes: [/a], events: [], alerts: []}]",
            "unknown key `tset`",
        ),
        (
            "tests: [{test: x, container: web, processes: [/a], events: [], alerts: []}]",
            "no container `web`",
        ),
        (
            "tests: [{test: x, processes: [/a], events: [{open: {name: /x, flags: O_NOPE}}], alerts: []}]",
            "`O_NOPE` is no value",
        ),
        (
            "tests: [{test: x, processes: [/a], events: [{open: {fd: 99999999999999999999}}], alerts: []}]",
            "is not a number",
        ),
        (
            "tests: [{test: x, processes: [/a], events: [{connect: {addr: here}}], alerts: []}]",
            "no address with a port",
        ),
        (
            "tests: [{test: x, processes: [{command: ''}], events: [], alerts: []}]",
            "a command has at least one word",
        ),
        (
            "tests: [{test: x, processes: [/a], events: [], alerts: [{rule: y, fields: {no.such: z}}]}]",
            "there is no field `no.such`",
        ),
        (
            "containers: {a: {nope: 1}}\ntests: [{test: x, processes: [/a], events: [], alerts: []}]",
            "there is no field `container.nope`",
        ),
        (
            "tests: [{test: x, processes: [/a], events: [{read: {data: {hex: xyz}}}], alerts: []}]",
            "these are no bytes",
        ),
        ("tests: [a: b: c]", "tests.yaml:1:"),
    ] {
        let problems = problems(text);
        assert!(problems.contains(message), "{text}\n{problems}");
    }
}

#[test]
fn a_capture_that_is_not_there_fails_its_test_only() {
    let (outcomes, _) = run("tests: [{test: x, capture: /nowhere.scap, alerts: []}]");
    assert!(outcomes[0].failures[0].starts_with("the capture cannot be read: "));
}

proptest! {
    /// Whatever stands in a file of tests, nothing panics.
    #[test]
    fn any_parameter_is_taken_or_refused(
        event in proptest::sample::select(vec!["openat", "execve", "clone", "connect", "accept4", "ptrace", "setsockopt", "poll", "dup3", "close", "procexit"]),
        param in proptest::sample::select(vec!["fd", "name", "flags", "res", "tuple", "addr", "args", "fds", "val", "tid", "pid", "ptid", "vpid", "exe", "thread", "command"]),
        value in "(-?[0-9]{1,20}|[A-Z_|]{0,12}|[0-9.:>\\[\\]-]{0,24}|/[a-z./]{0,12}|\\PC{0,8})",
    ) {
        let value = value.replace('\'', "''");
        let text = format!("tests: [{{test: x, processes: [/bin/a, /bin/b], events: [{event}: {{{param}: '{value}'}}, {event}: {{}}], alerts: []}}]");
        let (mut rules, mut catalogue) = rules();
        if let Ok(suite) = Suite::parse("tests.yaml", &text, &mut catalogue) {
            suite.run(&mut rules, &catalogue, &mut Coverage::default());
        }
    }
}
