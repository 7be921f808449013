//! Rules files made to exhaust whoever loads them: each ends with a verdict, in little memory.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fmt::Write as _,
    fs,
    process::{Command, Output},
};

/// The address space that the program gets, in kB: four times what its code and libraries take.
const ROOM_KB: u32 = 512 * 1024;

fn validate(text: &[u8]) -> (Output, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rules.yaml");
    fs::write(&file, text).unwrap();
    let out = Command::new("sh")
        .args([
            "-c",
            "ulimit -v \"$1\" && exec timeout 120 \"$2\" -V \"$3\"",
            "sh",
        ])
        .arg(ROOM_KB.to_string())
        .arg(env!("CARGO_BIN_EXE_falco"))
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    (out, said)
}

fn rule(condition: &str) -> String {
    format!("- rule: A\n  desc: d\n  condition: {condition}\n  output: x\n  priority: NOTICE\n")
}

/// `of(0)`, then each made of the one before it.
fn chain(first: &str, length: usize, next: impl Fn(usize) -> String) -> String {
    (1..length).fold(first.to_owned(), |mut text, n| {
        let _ = writeln!(text, "{}", next(n));
        text
    })
}

#[test]
fn what_would_exhaust_the_loader_is_refused() {
    let macros = chain("- macro: m0\n  condition: evt.type = open\n", 40, |n| {
        format!("- macro: m{n}\n  condition: m{} and m{}", n - 1, n - 1)
    });
    let laughs = chain("a0: &a0 [x, x, x, x, x, x, x, x, x]\n", 12, |n| {
        let nine = vec![format!("*a{}", n - 1); 9].join(", ");
        format!("a{n}: &a{n} [{nine}]")
    });
    let (open, close) = ("(".repeat(10_000), ")".repeat(10_000));
    for (what, text, said) in [
        (
            "macros of macros",
            macros + &rule("m39"),
            "exceeded max size limit",
        ),
        ("aliases of aliases", laughs, "aliases stand for more than"),
        (
            "parentheses",
            rule(&format!("{open}evt.type = open{close}")),
            "exceeded max depth limit",
        ),
        (
            "sequences in sequences",
            "[".repeat(100_000),
            "values are nested too deeply",
        ),
        (
            "mappings in mappings",
            "{a: ".repeat(100_000),
            "values are nested too deeply",
        ),
        (
            "a pattern of patterns",
            rule("evt.type = open and proc.name regex '((a{1,100}){1,100}){1,100}'"),
            "pattern too large",
        ),
    ] {
        let (out, stdout) = validate(text.as_bytes());
        assert_eq!(out.status.code(), Some(1), "{what}: {stdout}");
        assert!(stdout.contains(said), "{what}: {stdout}");
    }
}

#[test]
fn what_is_only_large_loads() {
    let items: Vec<String> = (0..200_000).map(|n| format!("item{n:06}")).collect();
    let list = format!("- list: big\n  items: [{}]\n", items.join(", "));
    let lists = chain("- list: l0\n  items: [a, b]\n", 40, |n| {
        format!("- list: l{n}\n  items: [l{}, l{}]", n - 1, n - 1)
    });
    for (what, text) in [
        (
            "a list",
            list + &rule("evt.type = open and proc.name in (big)"),
        ),
        (
            "lists of lists",
            lists + &rule("evt.type = open and proc.name in (l39)"),
        ),
        (
            "negations",
            rule(&format!("{}evt.type = open", "not ".repeat(10_000))),
        ),
    ] {
        let (out, stdout) = validate(text.as_bytes());
        assert_eq!(out.status.code(), Some(0), "{what}: {stdout}");
        assert!(stdout.contains("rules.yaml: Ok"), "{what}: {stdout}");
    }
}

#[test]
fn bytes_that_are_no_text_get_a_verdict() {
    for (bytes, status) in [
        (&b"- rule: \xff\xfe\n  desc: d\n  condition: evt.type = open\n"[..], 1),
        (b"- rule: A\n  desc: d\n  condition: evt.type = open and proc.name = \xff\xfe\n  output: x\n  priority: INFO\n", 0),
        (b"- rule: A\0\n", 1),
    ] {
        let (out, stdout) = validate(bytes);
        assert_eq!(out.status.code(), Some(status), "{stdout}");
    }
}
