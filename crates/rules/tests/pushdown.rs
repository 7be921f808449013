//! Whatever the filter leaves out, no rule would have matched, then or later.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skips"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bumpalo::Bump;
use falco_capture::{Next, Reader};
use falco_event::{Builder, Event, EventCode, codes};
use falco_fields::{Catalogue, Context, Facts, Seen};
use falco_rules::pushdown::{self, Filter};
use falco_rules::{Loader, LoaderConfig, Matching, RuleIx, RuleSet};
use falco_state::State;
use proptest::prelude::*;

fn shared(part: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(part);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is absent", path.display());
    None
}

/// Rules with what the kernel would make of them.
struct Set {
    catalogue: Catalogue,
    rules: RuleSet,
    filter: Result<Filter, String>,
}

impl Set {
    fn new(texts: &[&str]) -> Set {
        let mut catalogue = Catalogue::new();
        let mut loader = Loader::new(LoaderConfig::default());
        for text in texts {
            let result = loader.load("rules.yaml", text, &mut catalogue);
            assert!(result.successful(), "{}", result.render_terminal(false));
        }
        let rules = loader.finish();
        let filter = pushdown::derive(&rules, &RuleSet::default());
        Set {
            catalogue,
            rules,
            filter,
        }
    }

    fn of_condition(condition: &str) -> Set {
        Set::new(&[&format!(
            "- rule: a\n  desc: a\n  condition: >\n    {condition}\n  output: \"%evt.type %fd.name %fd.nameraw\"\n  priority: INFO\n"
        )])
    }

    fn filter(&self) -> &Filter {
        self.filter.as_ref().unwrap()
    }

    /// What the rules make of an event that the state has taken in: which match, and what they say.
    fn alerts(
        &self,
        event: Event<'_>,
        subject: falco_state::Subject,
        state: &State,
    ) -> Vec<(RuleIx, String)> {
        let (arena, context) = (Bump::new(), Context::default());
        let seen = Seen {
            event,
            subject,
            number: 1,
            cpu: 0,
        };
        let facts = Facts::new(&self.catalogue, &context, state, seen, &arena);
        let mut alerts = Vec::new();
        let mut memo = self.rules.memo();
        self.rules
            .run(event.code(), &facts, &mut memo, Matching::All, |rule| {
                let mut text = Vec::new();
                let output = &self.rules.get(rule).unwrap().output;
                output.render(&facts, &mut text);
                alerts.push((rule, String::from_utf8_lossy(&text).into_owned()));
            });
        alerts
    }
}

/// The result, the flags and the path of an event that opens a file.
fn opening<'e>(event: &Event<'e>) -> Option<(i64, u32, &'e [u8])> {
    let (flags, path) = match event.code() {
        codes::SYSCALL_OPEN_X => (event.u32(2), 1),
        codes::SYSCALL_OPENAT_2_X | codes::SYSCALL_OPENAT2_X => (event.u32(3), 2),
        codes::SYSCALL_CREAT_X => (Some(0), 1),
        _ => return None,
    };
    Some((event.i64(0)?, flags?, event.str(path)?))
}

/// What the kernel would do with an event.
fn is_sent(filter: &Filter, event: &Event<'_>, is_directory: &dyn Fn(&[u8]) -> bool) -> bool {
    if let Some((result, flags, path)) = opening(event) {
        let programs = filter.programs();
        let index = filter
            .opens
            .iter()
            .position(|open| open.code == event.code())
            .unwrap();
        let wanted = filter.wants(event.code(), result, flags, Some(path));
        assert!(
            !wanted || programs.sends(programs.opens[index].0, result, flags),
            "the first program of {path:?} loses what is wanted"
        );
        let tracked = filter.files.is_some() || flags & (1 << 10) != 0 || is_directory(path);
        return wanted || (result >= 0 && tracked);
    }
    event.code() != codes::SYSCALL_CLOSE_X || filter.closes.is_some()
}

/// What is told before the number of a descriptor becomes that of a file that is not.
fn forgetting(event: &Event<'_>, filter: Option<&Filter>) -> Option<Builder> {
    let (number, ..) = opening(event)?;
    let told = filter.is_none_or(|filter| filter.closes.is_some());
    let closed = Builder::new(codes::SYSCALL_CLOSE_X, event.time_ns(), event.thread());
    (number >= 0 && !told).then(|| closed.i64(0).i64(number))
}

/// Alerts of a capture, as if the kernel had sent only what the filter says; and how many events it did not send.
fn replayed(
    set: &Set,
    capture: &Path,
    filter: Option<&Filter>,
    directories: &BTreeSet<Vec<u8>>,
) -> (Vec<(u64, RuleIx, String)>, usize) {
    let (mut reader, mut state) = Reader::open(capture).unwrap();
    let (mut alerts, mut left_out) = (Vec::new(), 0);
    while let Next::Event(captured) = reader.next_event().unwrap() {
        let event = captured.event;
        let sent =
            filter.is_none_or(|filter| is_sent(filter, &event, &|path| directories.contains(path)));
        if !sent {
            left_out += 1;
            if let Some(closed) = forgetting(&event, filter) {
                state.apply(&Event::parse(&closed.finish()).unwrap());
            }
            continue;
        }
        let subject = state.apply(&event);
        if !subject.hidden && set.rules.looks_at(event.code()) {
            let found = set.alerts(event, subject, &state);
            alerts.extend(
                found
                    .into_iter()
                    .map(|(rule, text)| (event.time_ns(), rule, text)),
            );
        }
    }
    (alerts, left_out)
}

/// The paths of a capture that other paths are below of, in whatever form they were given.
fn directories(capture: &Path) -> BTreeSet<Vec<u8>> {
    let (mut reader, _) = Reader::open(capture).unwrap();
    let mut given = BTreeSet::new();
    let mut relative = BTreeSet::new();
    while let Next::Event(captured) = reader.next_event().unwrap() {
        if let Some((_, _, path)) = opening(&captured.event) {
            given.insert(path.to_vec());
            relative.extend(captured.event.i64(1).filter(|fd| *fd >= 0));
        }
    }
    let is_above = |path: &&Vec<u8>| {
        let mut below = (*path).clone();
        below.push(b'/');
        path.ends_with(b"/")
            || path.ends_with(b".")
            || given
                .range(below.clone()..)
                .next()
                .is_some_and(|next| next.starts_with(&below))
    };
    given.iter().filter(is_above).cloned().collect()
}

/// What a sink asks of the events that it is for has to be known, too; of others it is not asked.
#[test]
fn conditions_on_what_matches_count() {
    let mut catalogue = Catalogue::new();
    let mut loader = Loader::new(LoaderConfig::default());
    let rule = "- rule: a\n  desc: a\n  condition: evt.type = fchmod\n  output: \"%evt.type\"\n  priority: INFO\n";
    assert!(loader.load("rules.yaml", rule, &mut catalogue).successful());
    let texts = [
        "fd.name startswith /etc",
        "evt.type = read and fd.name = /x",
        "fd.realpath = /x",
        "proc.fdopencount > 1",
    ];
    let mut conditions = |text: &str| {
        let named = [("sink".to_owned(), text.to_owned())];
        loader.conditions(&named, &mut catalogue).unwrap()
    };
    let sets = texts.map(&mut conditions);
    let rules = loader.finish();
    let found = sets.each_ref().map(|set| {
        let filter = pushdown::derive(&rules, set).unwrap();
        let paths = pushdown::asking(&rules, set, &["fd.realpath"]);
        (
            filter.files.is_some(),
            filter.closes.is_some(),
            paths.iter().any(|code| code == codes::SYSCALL_FCHMOD_X),
        )
    });
    assert_eq!(
        found,
        [
            (true, false, false),
            (false, false, false),
            (false, false, true),
            (true, true, false)
        ]
    );
}

#[test]
fn upstreams_rules_leave_files_in_the_kernel() {
    let Some(rules) = shared("rules/falco_rules.yaml") else {
        return;
    };
    let set = Set::new(&[&fs::read_to_string(rules).unwrap()]);
    let filter = set.filter();
    assert_eq!(filter.files, None, "{filter}");
    assert!(
        filter.paths.is_some() && filter.closes.is_none(),
        "{filter}"
    );
    let opened = |path: &str, flags| {
        filter.wants(codes::SYSCALL_OPENAT_2_X, 3, flags, Some(path.as_bytes()))
    };
    let (read, write, truncate) = (1, 2, 1 << 8 | 2);
    for (path, flags) in [
        ("/etc/shadow", read),
        ("/etc/pam.d/sshd", read),
        ("/etc/x/../shadow", read),
        ("/etc//shadow", read),
        ("/var/log/x", truncate),
        ("/x/release_agent", write),
        ("/proc/../etc/../etc/hosts", read),
        ("shadow", read),
    ] {
        assert!(opened(path, flags), "{path} {flags}: {filter}");
    }
    for (path, flags) in [
        ("/usr/lib/os-release", read),
        ("/etc/hosts", read),
        ("/etc/pam.d/x/y", read),
        ("/dev/null", write),
        ("/tmp/x", write | truncate),
        ("/x/release_agent", read),
    ] {
        assert!(!opened(path, flags), "{path} {flags}: {filter}");
    }
}

#[test]
fn a_capture_raises_the_same_alerts() {
    let (Some(capture), Some(stock), Some(generated)) = (
        shared("captures/everyday.scap"),
        shared("rules/falco_rules.yaml"),
        shared("captures/everyday.rules.yaml"),
    ) else {
        return;
    };
    let directories = directories(&capture);
    let check = |name: &str, set: &Set| {
        let Ok(filter) = &set.filter else { return 0 };
        let (all, _) = replayed(set, &capture, None, &directories);
        let (some, left_out) = replayed(set, &capture, Some(filter), &directories);
        assert_eq!(all, some, "{name}: {filter}");
        left_out
    };
    let stock = fs::read_to_string(stock).unwrap();
    let left_out = check("stock", &Set::new(&[&stock]));
    assert!(left_out > 2000, "{left_out} events were left out");
    // A few of the generated conditions at a time, so that some leave something out.
    let generated = fs::read_to_string(generated)
        .unwrap()
        .replace("%evt.num", "%fd.name");
    let rules: Vec<&str> = generated.split("- rule: ").skip(1).collect();
    let mut left_out = 0;
    for (index, rule) in rules.iter().enumerate().step_by(50) {
        let set = Set::new(&[&format!("- rule: {rule}")]);
        left_out += check(&format!("rule {index}"), &set);
    }
    assert!(left_out > 500, "{left_out} events were left out");
}

#[test]
fn too_many_exceptions_are_not_looked_at() {
    let both = |n| format!("(fd.name contains bad{n}bad and not fd.name contains ok{n}ok)");
    let parts: Vec<String> = (0..8).map(both).collect();
    let set = Set::of_condition(&format!(
        "evt.type = openat and evt.failed = false and ({})",
        parts.join(" or ")
    ));
    let filter = set.filter();
    assert!(filter.without_exceptions, "{filter}");
    let wants = |path: &str| filter.wants(codes::SYSCALL_OPENAT_2_X, 3, 1, Some(path.as_bytes()));
    assert!(wants("/bad3bad") && wants("/ok3ok/bad3bad"), "{filter}");
    assert!(!wants("/ok3ok") && !wants("/bad3"), "{filter}");
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "(/?(a|b|etc|\\.|\\.\\.|\\.ssh|x\\.\\.|id_rsa)){0,5}/?",
        1 => "[/.ab]{0,8}",
        1 => "/(a|b)/[ab]{250,260}",
    ]
    .prop_map(String::into_bytes)
}

fn comparison() -> impl Strategy<Value = String> {
    let field = prop::sample::select(vec![
        "fd.name",
        "fd.nameraw",
        "fd.directory",
        "fd.filename",
        "fs.path.name",
        "fs.path.nameraw",
        "evt.arg.name",
        "evt.abspath",
    ]);
    let text = prop::sample::select(vec![
        "/a",
        "/a/b",
        "/etc",
        "/etc/",
        "/",
        "b",
        "id_rsa",
        "../",
        ".ssh",
        "/b/id_rsa",
        "a/b",
        "x..",
    ]);
    let op = prop::sample::select(vec![
        "=",
        "!=",
        "startswith",
        "endswith",
        "contains",
        "icontains",
        "glob",
        "iglob",
        "in",
        "pmatch",
        "pmatch globs",
    ]);
    let glob = prop::sample::select(vec![
        "*", "/*", "/a/*", "*../*", "/?", "*/b", "?", "/[a-b]*", "[!a]*", "*[/]b", "[/]",
        "/A/[^B]*", "[", "\\\\a",
    ]);
    let path =
        (field, op, text.clone(), text, glob).prop_map(|(field, op, one, other, glob)| match op {
            "in" | "pmatch" => format!("{field} {op} (\"{one}\", \"{other}\")"),
            "glob" | "iglob" => format!("{field} {op} \"{glob}\""),
            "pmatch globs" => format!("{field} pmatch (\"{glob}\", \"{one}\")"),
            _ => format!("{field} {op} \"{one}\""),
        });
    let number = prop::sample::select(vec![
        "evt.rawres >= 0",
        "evt.rawres = -2",
        "evt.rawres in (3, -13)",
        "evt.failed = true",
        "evt.failed != false",
        "evt.res = SUCCESS",
        "evt.res != SUCCESS",
        "evt.res = ENOENT",
        "evt.res startswith E",
        "evt.res contains S",
        "fd.num >= 0",
        "fd.num = -1",
        "fd.num < 4",
        "fd.num in (3, 4)",
        "fd.typechar = 'f'",
        "fd.typechar = 4",
        "fd.type = file",
        "fd.type in (directory, ipv4)",
        "fd.sport = 80",
        "fd.sport != 80",
        "fd.ip != 1.2.3.4",
        "evt.is_open_read = true",
        "evt.is_open_write = true",
        "evt.is_open_write = false",
        "evt.is_open_exec = true",
        "evt.is_open_create = true",
        "evt.arg.flags contains O_TRUNC",
        "evt.arg.flags contains O_",
        "evt.arg.flags contains O_D",
        "evt.type = openat",
        "evt.type in (open, creat)",
        "evt.type startswith open",
        "evt.dir = <",
        "evt.num = 0",
        "proc.name = x",
        "proc.name exists",
        "user.uid = 0",
    ]);
    prop_oneof![2 => path, 1 => number.prop_map(str::to_owned)]
}

fn condition() -> impl Strategy<Value = String> {
    comparison().prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| format!("not ({one})")),
            prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|all| format!("({})", all.join(" and "))),
            prop::collection::vec(inner, 2..4).prop_map(|all| format!("({})", all.join(" or "))),
        ]
    })
}

/// Bits of open flags that the kernel can have.
fn flags() -> impl Strategy<Value = u32> {
    (
        prop::sample::select(vec![1, 2, 3]),
        prop::sample::select(vec![
            0,
            1 << 9,
            1 << 2,
            1 << 10,
            1 << 2 | 1 << 14,
            1 << 13 | 1 << 10,
        ]),
    )
        .prop_map(|(access, more)| access | more)
}

fn event(code: EventCode, result: i64, flags: u32, path: &[u8]) -> Vec<u8> {
    let event = Builder::new(code, 1_000_000_000, 7).i64(result);
    match code {
        codes::SYSCALL_OPEN_X => event.str(path).u32(flags).u32(0o755).u32(1).u64(2),
        codes::SYSCALL_CREAT_X => event.str(path).u32(0o755).u32(1).u64(2).u16(0),
        codes::SYSCALL_OPENAT_2_X => (event.i64(-100).str(path).u32(flags).u32(0o755))
            .u32(1)
            .u64(2),
        _ => (event.i64(-100).str(path).u32(flags).u32(0o755))
            .u32(0)
            .u32(1)
            .u64(2),
    }
    .finish()
}

#[test]
fn no_component_of_the_root_fits_a_glob() {
    let set = Set::of_condition("not fd.directory pmatch (\"*\") and fd.num >= 0");
    let wants = |path: &[u8]| set.filter().wants(codes::SYSCALL_OPEN_X, 3, 1, Some(path));
    assert!(wants(b"/b"));
    assert!(!wants(b"/a/b"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_left_out_matches_nothing(
        condition in condition(),
        opened in prop::collection::vec(
            (
                prop::sample::select(vec![
                    codes::SYSCALL_OPEN_X,
                    codes::SYSCALL_OPENAT_2_X,
                    codes::SYSCALL_OPENAT2_X,
                    codes::SYSCALL_CREAT_X,
                ]),
                prop::sample::select(vec![3, 4, -2, -13, -1]),
                flags(),
                path(),
            ),
            1..20,
        ),
        cwd in prop::sample::select(vec!["/", "/a/b", "/etc"]),
    ) {
        let set = Set::of_condition(&condition);
        let filter = set.filter();
        let programs = filter.programs();
        let mut state = State::default();
        let chdir = Builder::new(codes::SYSCALL_CHDIR_X, 1, 7).i64(0).str(cwd.as_bytes()).finish();
        state.apply(&Event::parse(&chdir).unwrap());
        for (code, result, flags, path) in opened {
            let bytes = event(code, result, flags, &path);
            let event = Event::parse(&bytes).unwrap();
            let subject = state.apply(&event);
            let alerts = set.alerts(event, subject, &state);
            // What the kernel sees has not the bits that it adds at the end.
            let flags = if code == codes::SYSCALL_CREAT_X { 0 } else { flags & ((1 << 14) - 1) };
            let wanted = filter.wants(code, result, flags, Some(&path));
            let shown = String::from_utf8_lossy(&path);
            prop_assert!(wanted || alerts.is_empty(), "{condition}: {shown} {flags} {result} {alerts:?}\n{filter}");
            // The steps say the same.
            let open = filter.opens.iter().position(|open| open.code == code).unwrap();
            let (first, by_path) = &programs.opens[open];
            let mut sends = programs.sends(*first, result, flags);
            if let Some(table) = &filter.paths
                && path.len() <= pushdown::PATH_MAX
                && flags & (1 << 10) == 0
                && let Some(left) = by_path.get(table.run(&path) as usize)
            {
                sends &= programs.sends(*left, result, flags);
            }
            prop_assert_eq!(sends, wanted);
        }
    }
}
