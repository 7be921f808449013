//! A hundred rules of five comparisons each over one event that matches none of them.

use bumpalo::Bump;
use divan::{Bencher, black_box};
use falco_filter::ast::{self, Limits};
use falco_filter::{Compiler, Memo, Program, Tests, Type, Value};
use thing::{Names, Row, Thing};

#[path = "../tests/support/thing.rs"]
mod thing;

fn main() {
    divan::main();
}

const ROWS: [Row<'static>; 5] = [
    ("evt.type", Type::CharBuf, Some(Value::Str(b"openat"))),
    (
        "proc.name",
        Type::CharBuf,
        Some(Value::Str(b"nginx-worker")),
    ),
    (
        "fd.name",
        Type::CharBuf,
        Some(Value::Str(b"/var/lib/app/data/table.db")),
    ),
    (
        "proc.cmdline",
        Type::CharBuf,
        Some(Value::Str(b"nginx-worker --conf /etc/nginx.conf -g daemon")),
    ),
    ("fd.num", Type::Int64, Some(Value::Int(7))),
];

fn compiled(condition: impl Fn(usize) -> String) -> (Tests, Vec<Program>) {
    let mut names = Names::of(&ROWS);
    let mut compiler = Compiler::new();
    let programs = (0..100)
        .map(|i| {
            let tree = ast::parse(&condition(i), &Limits::RULES).expect("it is a condition");
            compiler
                .condition(&tree, &mut names)
                .expect("its fields exist")
        })
        .collect();
    (compiler.finish(), programs)
}

fn run(bencher: Bencher<'_, '_>, condition: impl Fn(usize) -> String) {
    let (tests, programs) = compiled(condition);
    let arena = Bump::new();
    let thing = Thing {
        rows: ROWS.to_vec(),
        arena: &arena,
    };
    let mut memo = Memo::new(&tests);
    bencher
        .counter(divan::counter::ItemsCount::new(100u32))
        .bench_local(|| {
            memo.next_event();
            programs
                .iter()
                .filter(|program| program.run(black_box(&tests), &thing, &mut memo))
                .count()
        });
}

/// Every comparison is asked; the first two are the same in all rules.
#[divan::bench]
fn every_comparison(bencher: Bencher<'_, '_>) {
    run(bencher, |i| {
        format!(
            "evt.type in (open, openat, openat2) and fd.num >= 0 and not proc.name in (a{i}, b{i}, c{i}) \
             and not proc.cmdline contains xyz{i} and fd.name startswith /etc/dir{i}"
        )
    });
}

/// Rules share what they ask, as rules with common macros do.
#[divan::bench]
fn shared_comparisons(bencher: Bencher<'_, '_>) {
    run(bencher, |i| {
        let i = i % 5;
        format!(
            "evt.type in (open, openat, openat2) and fd.num >= 0 and not proc.name in (a{i}, b{i}, c{i}) \
             and not proc.cmdline contains xyz{i} and fd.name startswith /etc/dir{i}"
        )
    });
}

/// The first comparison already fails.
#[divan::bench]
fn first_comparison_fails(bencher: Bencher<'_, '_>) {
    run(bencher, |i| {
        format!(
            "evt.type = execve and proc.name = a{i} and fd.num = {i} and fd.name endswith b{i} and proc.cmdline icontains c{i}"
        )
    });
}

/// Compiling all of them.
#[divan::bench]
fn compile(bencher: Bencher<'_, '_>) {
    bencher.counter(divan::counter::ItemsCount::new(100u32)).bench_local(|| {
        compiled(|i| format!("evt.type = execve and proc.name in (a{i}, b{i}) and fd.num = {i} and fd.name endswith b{i} and not proc.cmdline contains c{i}"))
    });
}
