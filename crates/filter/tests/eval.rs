//! What conditions mean.

use std::net::IpAddr;

use bumpalo::Bump;
use falco_filter::ast::{self, Expr, Limits};
use falco_filter::{Compiler, Memo, Program, Type, Value};
use thing::{Names, Row, Thing};

#[path = "support/thing.rs"]
mod thing;

fn ip(text: &str) -> Value<'static> {
    Value::Ip(text.parse::<IpAddr>().expect("it is an address"))
}

fn rows(arena: &Bump) -> Vec<Row<'_>> {
    let list = |values: &[Value<'static>]| -> &[Value<'_>] { arena.alloc_slice_copy(values) };
    vec![
        ("s.name", Type::CharBuf, Some(Value::Str(b"cat-long-name"))),
        ("s.path", Type::FsPath, Some(Value::Str(b"/usr/Bin/cat"))),
        ("s.empty", Type::CharBuf, Some(Value::Str(b""))),
        ("s.broken", Type::CharBuf, Some(Value::Str(b"a\xffb"))),
        ("s.lines", Type::CharBuf, Some(Value::Str(b"one\ntwo"))),
        ("s.b64", Type::CharBuf, Some(Value::Str(b"aGVsbG8"))),
        ("s.none", Type::CharBuf, None),
        ("n.int", Type::Int64, Some(Value::Int(-5))),
        ("n.uint", Type::Uint32, Some(Value::Uint(300))),
        ("n.none", Type::Int64, None),
        ("n.double", Type::Double, Some(Value::Double(2.5))),
        ("b.yes", Type::Bool, Some(Value::Bool(true))),
        (
            "y.bytes",
            Type::ByteBuf,
            Some(Value::Bytes(b"\x00\x01GET /")),
        ),
        (
            "a.names",
            Type::CharBuf,
            Some(Value::Any(list(&[
                Value::Str(b"bash"),
                Value::Str(b"init"),
            ]))),
        ),
        ("a.none", Type::CharBuf, Some(Value::Any(&[]))),
        ("i.v4", Type::IpAddr, Some(ip("172.40.111.222"))),
        ("i.v6", Type::IpAddr, Some(ip("2001:db8::1"))),
        ("i.net", Type::IpNet, Some(ip("172.40.111.222"))),
        (
            "i.ends",
            Type::IpAddr,
            Some(Value::Ends(list(&[ip("10.0.0.1"), ip("142.251.111.147")]))),
        ),
        (
            "i.netends",
            Type::IpNet,
            Some(Value::Ends(list(&[ip("10.0.0.1"), ip("142.251.111.147")]))),
        ),
        (
            "p.ends",
            Type::Port,
            Some(Value::Ends(list(&[Value::Uint(54321), Value::Uint(443)]))),
        ),
        (
            "list.types",
            Type::CharBuf,
            Some(Value::List(list(&[
                Value::Str(b"file"),
                Value::Str(b"ipv4"),
            ]))),
        ),
        ("list.empty", Type::CharBuf, Some(Value::List(&[]))),
        (
            "list.argv",
            Type::CharBuf,
            Some(Value::List(list(&[
                Value::Str(b"-xz"),
                Value::Str(b"-f"),
                Value::Str(b"out"),
                Value::Str(b"in"),
            ]))),
        ),
    ]
}

fn compile(compiler: &mut Compiler, text: &str, names: &mut Names) -> Program {
    let tree = ast::parse(text, &Limits::RULES).unwrap_or_else(|e| panic!("{text}: {e}"));
    compiler
        .condition(&tree, names)
        .unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// Each line: a condition, and whether it holds.
#[track_caller]
fn check(table: &str) {
    let arena = Bump::new();
    let rows = rows(&arena);
    let mut names = Names::of(&rows);
    let mut compiler = Compiler::new();
    let lines: Vec<_> = table
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let programs: Vec<_> = lines
        .iter()
        .map(|line| {
            let (verdict, text) = line.split_once(' ').expect("a verdict and a condition");
            (
                verdict == "yes",
                text,
                compile(&mut compiler, text, &mut names),
            )
        })
        .collect();
    let tests = compiler.finish();
    let thing = Thing {
        rows,
        arena: &arena,
    };
    let mut memo = Memo::new(&tests);
    let mut wrong = Vec::new();
    // The second time within one event answers come from memory, and after it they are asked again.
    for round in 0..3 {
        for (expected, text, program) in &programs {
            if program.run(&tests, &thing, &mut memo) != *expected {
                wrong.push(format!(
                    "round {round}: {text} should be {expected}\n{program}"
                ));
            }
        }
        if round == 1 {
            memo.next_event();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn texts() {
    check(
        r#"
        yes s.name = cat-long-name
        yes s.name == cat-long-name
        no s.name = cat
        yes s.name != cat
        no s.name != cat-long-name
        yes s.name contains long
        no s.name contains LONG
        yes s.name icontains LONG
        yes s.name icontains ""
        no s.name icontains "cat-long-name2"
        yes s.name startswith cat
        no s.name startswith at
        yes s.name endswith -name
        no s.name endswith name2
        yes s.path glob /usr/*
        yes s.path glob "/usr/*/c?t"
        no s.path glob "/usr/bin/*"
        yes s.path iglob "/usr/bin/*"
        yes s.name in (a, cat-long-name, b)
        no s.name in (a, cat-long-nam, b)
        no s.name in ()
        yes s.name intersects (cat-long-name)
        yes s.path pmatch (/etc, /usr)
        no s.path pmatch (/us, /usr/Bin/cat/x)
        yes s.path pmatch (/usr/*/cat)
        yes s.path pmatch (/u*/x, /us*/y, /*/Bin)
        no s.name < 5
        yes s.name > 5
        yes s.empty = ""
        yes s.empty exists
        yes s.empty startswith ""
        "#,
    );
}

#[test]
fn missing_values_satisfy_nothing() {
    check(
        "
        no s.none exists
        no s.none = a
        no s.none != a
        no s.none in (a)
        no s.none != allof (a, b)
        no s.none = val(s.name)
        no s.name = val(s.none)
        no s.name != val(s.none)
        no n.none < 5
        yes not s.none = a
        yes not s.none exists
        no tolower(s.none) = a
        ",
    );
}

#[test]
fn regular_expressions() {
    check(
        r#"
        yes s.name regex cat.*
        no s.name regex cat
        no s.name regex long
        yes s.name regex "(cat|dog)-[a-z]+-[[:alpha:]]{4}"
        yes s.name regex "cat.long.name"
        no s.name regex "CAT.*"
        yes s.broken regex "a.b"
        yes s.broken regex "a[^x]b"
        no s.lines regex "one.*two"
        yes s.lines regex "one[^x]two"
        yes s.lines regex "one$\n^two"
        yes s.name regex anyof (x, "cat.*")
        "#,
    );
}

#[test]
fn regular_expressions_are_res_posix_ones() {
    let arena = Bump::new();
    let mut names = Names::of(&rows(&arena));
    for (pattern, expected) in [
        ("[", "missing ]: ["),
        ("(?i)abc", "no argument for repetition operator: ?"),
        ("*a", "no argument for repetition operator: *"),
        (r"\\d+", r"invalid escape sequence: \d"),
        (r"\\bx", r"invalid escape sequence: \b"),
        (r"\\1", r"invalid escape sequence: \1"),
        ("a{2000}", "invalid repetition size: {2000}"),
        ("a{3,2}", "invalid repetition size: {3,2}"),
        ("[z-a]", "invalid character class range: z-a"),
        ("[[:foo:]]", "invalid character class range: [:foo:]"),
        ("(a", "missing ): (a"),
        ("a)", "unexpected ): a)"),
        (
            "((a{1000}){1000}){1000}",
            "pattern too large - compile failed",
        ),
    ] {
        let tree = ast::parse(&format!("s.name regex \"{pattern}\""), &Limits::default()).unwrap();
        let error = Compiler::new().condition(&tree, &mut names).unwrap_err();
        assert_eq!(
            error.message,
            format!("invalid regex pattern: {expected}"),
            "{pattern}"
        );
    }
    for pattern in [
        "a{",
        "a{,3}",
        "a}",
        "a**",
        "a+?",
        "x{2}?",
        "[]a]",
        "[^]a]",
        "[a[b]",
        "[a&&b]",
        "[-a]",
        "[a-]",
        r"\\.\\*",
        "",
        "a||b",
        r"\\x41\\x{42}\\101",
    ] {
        let tree = ast::parse(&format!("s.name regex \"{pattern}\""), &Limits::default()).unwrap();
        Compiler::new()
            .condition(&tree, &mut names)
            .unwrap_or_else(|e| panic!("{pattern}: {e}"));
    }
    check(
        r#"
        yes s.empty regex "c{2}?"
        yes s.empty regex "a+?"
        no s.empty regex "a{"
        yes s.empty regex ""
        "#,
    );
}

#[test]
fn modifiers() {
    check(
        "
        yes s.name = anyof (a, cat-long-name)
        no s.name = anyof ()
        no s.name != allof ()
        yes s.name != allof (a, b)
        no s.name != allof (a, cat-long-name)
        yes s.name != anyof (a, cat-long-name)
        no s.name = allof (a, cat-long-name)
        yes s.name = oneof (a, cat-long-name)
        no s.name = oneof (cat-long-name, cat-long-name)
        yes s.name contains oneof (cat, zzz)
        no s.name contains oneof (cat, long)
        yes s.name contains allof (cat, long)
        yes s.name contains anyof (zzz, long)
        yes s.name icontains anyof (zzz, LONG)
        no s.name contains anyof (zzz, LONG)
        yes s.name startswith anyof (x, cat, catx, ca)
        no s.name startswith anyof (x, catx, b)
        yes s.name endswith anyof (x, -name, zname)
        no s.name endswith anyof (x, xname, zname)
        yes s.name glob allof (c*, *e)
        yes n.int = anyof (1, -5)

        ",
    );
}

#[test]
fn numbers() {
    check(
        "
        yes n.int = -5
        yes n.int < 0
        yes n.int <= -5
        no n.int > -5
        yes n.int in (1, -5)
        no n.int in (1, 5)
        yes n.uint > 299
        yes n.uint = 300
        yes n.uint = 4294967596
        yes n.double > 2
        no n.double = 2
        yes n.double != 2
        yes b.yes = true
        yes b.yes != false
        yes b.yes in (true, false)
        no b.yes in (false)
        ",
    );
}

#[test]
fn bytes() {
    check(
        r#"
        yes y.bytes contains GET
        yes y.bytes bcontains 47455420
        yes y.bytes bstartswith 0001
        no y.bytes bstartswith 01
        yes y.bytes startswith "\x00\x01GET"
        yes y.bytes endswith /
        yes y.bytes = "\x00\x01GET /"
        yes len(y.bytes) = 7
        "#,
    );
}

#[test]
fn addresses() {
    check(
        "
        yes i.v4 = 172.40.111.222
        no i.v4 = 172.40.111.223
        no i.v4 = 2001:db8::1
        yes i.v4 != 2001:db8::1
        yes i.v6 in (1.2.3.4, 2001:db8::1)
        yes i.net = 172.40.0.0/16
        no i.net != 172.40.0.0/16
        yes i.net in (9.0.0.0/8, 172.0.0.0/8)
        yes i.net = anyof (9.0.0.0/8, 172.0.0.0/8)
        no i.net != allof (9.0.0.0/8, 172.0.0.0/8)
        no i.net = ::/1
        yes i.net != ::/1
        ",
    );
}

#[test]
fn ends_of_a_connection() {
    check(
        "
        yes i.ends = 142.251.111.147
        yes i.ends in (1.1.1.1, 10.0.0.1)
        no i.ends != 142.251.111.147
        yes i.ends != 9.9.9.9
        yes i.ends exists
        yes i.ends = anyof (9.9.9.9, 142.251.111.147)
        yes i.netends = 142.0.0.0/8
        yes i.netends in (9.0.0.0/8, 142.0.0.0/8)
        no i.netends != 142.0.0.0/8
        yes p.ends = https
        yes p.ends > 1000
        yes p.ends < 1000
        no p.ends > 60000
        no p.ends != 443
        yes p.ends != 80
        ",
    );
}

#[test]
fn any_ancestor() {
    check(
        "
        yes a.names = init
        yes a.names != init
        no a.names = cat
        yes a.names in (x, bash)
        yes a.names startswith ba
        yes a.names = anyof (x, init)
        yes a.names exists
        no a.none exists
        no a.none = init
        no a.none != init
        ",
    );
}

#[test]
fn lists() {
    check(
        "
        yes list.types in (file, ipv4, pipe)
        no list.types in (file, pipe)
        yes list.types intersects (file, pipe)
        no list.types intersects (pipe)
        yes list.types exists
        yes list.empty in (file)
        yes list.empty in ()
        no list.types in ()
        no list.empty intersects (file)
        yes list.types in val(list.types)
        no list.types in val(list.empty)
        yes list.types intersects val(list.types)
        ",
    );
}

#[test]
fn transformers() {
    check(
        r#"
        yes tolower(s.path) = /usr/bin/cat
        yes toupper(s.name) startswith CAT
        yes basename(s.path) = cat
        yes len(s.name) = 13
        yes len(s.empty) = 0
        yes len(list.types) = 2
        yes b64(s.b64) = hello
        no b64(s.name) exists
        yes len(b64(s.b64)) = 5
        yes toupper(basename(tolower(s.path))) = CAT
        yes join(",", list.types) = "file,ipv4"
        yes join("/", (s.name, "x", n.int)) = cat-long-name/x/-5
        yes join("/", ()) = ""
        no join("/", (s.name, s.none)) exists
        yes concat(s.name, "-", b64(s.b64)) = cat-long-name-hello
        yes s.name = concat("cat", "-long-name")
        yes concat(s.name, ".") startswith val(s.name)
        yes s.name glob concat("cat", "*")
        yes s.name in val(s.name)
        yes tolower(list.types) intersects (file)
        yes getopt(list.argv, "xzf:") in (x, z, f, out)
        yes getopt(list.argv, "xzf:")[f] = out
        yes getopt(list.argv, "xzf:")[z] = z
        no getopt(list.argv, "xzf:q")[q] exists
        yes getopt(list.argv, "x") intersects ("?")
        "#,
    );
}

#[test]
fn boolean_operators() {
    check(
        "
        yes s.name = x or n.int = -5 and b.yes = true
        no (s.name = x or n.int = -5) and b.yes = false
        yes not (s.name = x or b.yes = false)
        yes not not b.yes = true
        no not(b.yes = true and not(n.int = 1))
        no s.name in () or b.yes = false
        yes not s.name in ()
        ",
    );
}

#[test]
fn equal_tests_are_one_and_programs_can_be_read() {
    let arena = Bump::new();
    let mut names = Names::of(&rows(&arena));
    let mut compiler = Compiler::new();
    let first = compile(
        &mut compiler,
        "s.name in (a, b) and not (n.int = 1 or s.none exists)",
        &mut names,
    );
    let second = compile(
        &mut compiler,
        "s.name in (b, a, a) or n.int = 1 or s.path in (a, b)",
        &mut names,
    );
    let never = compile(&mut compiler, "s.name in ()", &mut names);
    assert_eq!(compiler.finish().len(), 4);
    assert_eq!(
        first.to_string(),
        "0: s.name in (a, b) ? 1 : no\n1: n.int = 1 ? no : 2\n2: s.none exists ? no : yes\n"
    );
    assert_eq!(
        format!("{second:?}"),
        "0: s.name in (a, b) ? yes : 1\n1: n.int = 1 ? yes : 2\n2: s.path in (a, b) ? yes : no\n"
    );
    assert_eq!(never.to_string(), "no\n");
}

/// In the stack of a test thread, which is smaller than that of a program.
#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let arena = Bump::new();
    let rows = rows(&arena);
    let mut names = Names::of(&rows);
    let mut run = |tree: &Expr| {
        let mut compiler = Compiler::new();
        let program = compiler.condition(tree, &mut names);
        let tests = compiler.finish();
        let thing = Thing {
            rows: self::rows(&arena),
            arena: &arena,
        };
        assert_eq!(
            format!("{:?}", tree.clone()).is_empty(),
            tree.to_string().is_empty()
        );
        program.map(|program| program.run(&tests, &thing, &mut Memo::new(&tests)))
    };
    // What costs the least depth for each level.
    for (open, inner, close, end, levels) in [
        ("(", "b.yes = true", ")", "", 198),
        ("not(", "b.yes = true", ")", "", 247),
        ("b.yes = false or(", "b.yes = true", ")", "", 496),
        ("tolower(", "s.name", ")", " exists", 490),
    ] {
        let text = |levels: usize| {
            format!(
                "{}{inner}{}{end}",
                open.repeat(levels),
                close.repeat(levels)
            )
        };
        let tree = ast::parse(&text(levels), &Limits::RULES).unwrap();
        assert_eq!(
            run(&tree),
            Ok(open != "not(" || levels.is_multiple_of(2)),
            "{open}"
        );
        let error = ast::parse(
            &text(100_000),
            &Limits {
                max_depth: usize::MAX,
            },
        )
        .unwrap_err();
        assert_eq!(error.message, "exceeded max depth limit of 1000");
    }
    // Macros within macros.
    let mut tree = ast::parse("b.yes = true and x", &Limits::RULES).unwrap();
    let step = tree.clone();
    let error = loop {
        if let Err(error) = tree.substitute::<ast::SyntaxError>(|_, _| {
            Ok(Some(Expr::Not(Box::new(step.clone()), ast::Pos::START)))
        }) {
            break error;
        }
    };
    assert_eq!(error.message, "exceeded max depth limit of 1000");
    assert!(run(&tree).is_err());
}

#[test]
fn macros_that_double_end() {
    let mut tree = ast::parse("x or x", &Limits::RULES).unwrap();
    let error = loop {
        let step = tree.clone();
        if let Err(error) = tree.substitute::<ast::SyntaxError>(|_, _| Ok(Some(step.clone()))) {
            break error;
        }
    };
    assert_eq!(error.message, "exceeded max size limit of 500000");
}

#[test]
fn operands_of_templates() {
    let arena = Bump::new();
    let mut names = Names::of(&rows(&arena));
    names.0.push(("s.name[0]", Type::CharBuf));
    let compiler = Compiler::new();
    let mut prefix = |text: &str| {
        let found =
            ast::parse_operand_prefix(text, |operand| compiler.operand(&operand, &mut names).ok());
        found.map(|(operand, len)| (operand.is_plain(), operand.fields().len(), len))
    };
    assert_eq!(prefix("s.name"), Some((true, 1, 6)));
    assert_eq!(prefix("s.namex rest"), Some((true, 1, 6)));
    assert_eq!(prefix("s.name.x"), Some((true, 1, 6)));
    assert_eq!(prefix("s.name[0]b"), Some((true, 1, 9)));
    assert_eq!(prefix("s.name[1]b"), Some((true, 1, 6)));
    assert_eq!(prefix("s.name["), Some((true, 1, 6)));
    assert_eq!(prefix("s.nam"), None);
    assert_eq!(prefix("tolower(s.name))"), Some((false, 1, 15)));
    assert_eq!(
        prefix("join(\",\", (s.name, s.path)) x"),
        Some((false, 2, 27))
    );
    assert_eq!(prefix("getopt(list.argv, \"a\")[a]]"), Some((false, 1, 25)));
    assert_eq!(prefix("getopt(list.argv, \"a\")[ab]"), Some((false, 1, 22)));
    assert_eq!(prefix("tolower(s.name"), None);
    assert_eq!(prefix("val(s.name)"), None);
    assert_eq!(prefix(""), None);
}
