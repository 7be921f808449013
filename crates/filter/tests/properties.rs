//! What holds for every input.

use falco_filter::Compiler;
use std::sync::Arc;

use falco_filter::ast::{
    self, Check, Cmp, Expr, Limits, Modifier, Op, OpKind, Operand, Pos, Right, Transformer,
};
use proptest::prelude::*;
use thing::Names;

#[path = "support/thing.rs"]
mod thing;

const AT: Pos = Pos::START;

/// A literal that its canonical text gives back: that text has no quotes for some that need them, as upstream's has not.
fn literal() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..8).prop_map(|mut bytes| {
        while bytes.last() == Some(&b'\\') {
            bytes.pop();
        }
        if bytes.is_empty() || bytes.iter().any(|b| matches!(b, b'(' | b')' | b',' | 0x0b)) {
            bytes.push(b' ');
        }
        bytes
    })
}

fn identifier() -> impl Strategy<Value = String> {
    "[a-zA-Z][a-zA-Z0-9_]{0,5}".prop_filter("no keyword", |name| {
        !matches!(name.as_str(), "and" | "or" | "not")
    })
}

fn field() -> impl Strategy<Value = Operand> {
    let arg = prop::option::of("[a-z0-9 =\"]{0,4}");
    (identifier(), identifier(), arg).prop_map(|(a, b, arg)| Operand::Field {
        name: format!("{a}.{b}"),
        arg,
        pos: AT,
    })
}

fn transform(arg: impl Strategy<Value = Operand>) -> impl Strategy<Value = Operand> {
    let names = prop::sample::select(&Transformer::ALL[1..]);
    (
        names,
        prop::collection::vec(arg, 1..3),
        prop::option::of("[a-z]"),
    )
        .prop_map(|(name, args, arg)| Operand::Transform {
            name,
            args,
            arg,
            pos: AT,
        })
}

fn operand() -> impl Strategy<Value = Operand> {
    // A constant is a number or has a blank: others are printed without the quotes they need.
    let constant =
        "-?[0-9]{1,4}( [a-z]{1,3})?".prop_map(|text| Operand::Value(text.into_bytes(), AT));
    let element = prop_oneof![3 => field(), 1 => constant];
    let tuple =
        prop::collection::vec(element.clone(), 0..3).prop_map(|items| Operand::List(items, AT));
    let inner = prop_oneof![element, tuple, transform(field())];
    prop_oneof![field(), transform(inner)]
}

fn check() -> impl Strategy<Value = Expr> {
    let modifier = prop::option::of(prop::sample::select(Modifier::ALL));
    let transformed = operand().prop_filter_map("only transformers", |o| {
        matches!(o, Operand::Transform { .. }).then_some(Right::Operand(o))
    });
    let val = field().prop_map(|field| {
        Right::Operand(Operand::Transform {
            name: Transformer::Val,
            args: vec![field],
            arg: None,
            pos: AT,
        })
    });
    let operand_right = prop_oneof![val, transformed];
    let values = prop::collection::vec(literal(), 0..4);
    (
        operand(),
        prop::sample::select(Cmp::ALL),
        modifier,
        literal(),
        values,
        any::<i16>(),
        any::<bool>(),
        operand_right,
    )
        .prop_map(
            |(left, cmp, modifier, value, values, number, other, operand)| {
                let list = Right::List(values, AT);
                let (modifier, right) = match cmp.kind() {
                    OpKind::Unary => (None, Right::Nothing),
                    _ if other => (None, operand),
                    OpKind::Number => (None, Right::Value(number.to_string().into_bytes(), AT)),
                    OpKind::List => (None, list),
                    OpKind::Text if modifier.is_some() => (modifier, list),
                    OpKind::Text => (None, Right::Value(value, AT)),
                };
                Expr::Check(Arc::new(Check {
                    left,
                    op: Op { cmp, modifier },
                    right,
                    pos: AT,
                }))
            },
        )
}

fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![check(), identifier().prop_map(|name| Expr::Ident(name, AT))];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        let negated = inner.prop_filter_map("double negations cancel", |e| {
            (!matches!(e, Expr::Not(..))).then(|| Expr::Not(Box::new(e), AT))
        });
        prop_oneof![
            several.clone().prop_map(|all| Expr::And(all, AT)),
            several.prop_map(|all| Expr::Or(all, AT)),
            negated,
        ]
    })
}

proptest! {
    #[test]
    fn printed_trees_parse_to_themselves(tree in expr()) {
        let text = tree.to_string();
        let again = ast::parse(&text, &Limits::RULES).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
        prop_assert_eq!(strip(again), tree, "{}", text);
    }

    #[test]
    fn no_text_is_too_much(text in any::<String>()) {
        if let Ok(tree) = ast::parse(&text, &Limits::RULES) {
            let _ = Compiler::new().condition(&tree, &mut Names(Vec::new()));
        }
        let _ = ast::parse_operand_prefix(&text, |_| None::<()>);
    }

    #[test]
    fn no_soup_of_tokens_is_too_much(tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..20)) {
        let text = tokens.concat();
        if let Ok(tree) = ast::parse(&text, &Limits::RULES) {
            let printed = tree.to_string();
            let _ = Compiler::new().condition(&tree, &mut Names(vec![("s.a", falco_filter::Type::CharBuf)]));
            prop_assert!(!printed.is_empty());
        }
        let _ = ast::parse_operand_prefix(&text, Some);
    }

    #[test]
    fn no_pattern_is_too_much(pattern in r"[\[\]()*+?{}|^$.\\a-c0-9,:x-]{0,12}", text in "[abc\\n]{0,6}") {
        use falco_filter::{Memo, Type, Value};
        let arena = bumpalo::Bump::new();
        let rows = vec![("s.a", Type::CharBuf, Some(Value::Str(text.as_bytes())))];
        let mut names = Names::of(&rows);
        for cmp in [Cmp::Regex, Cmp::Glob, Cmp::Iglob] {
            let check = Check {
                left: Operand::Field { name: "s.a".to_owned(), arg: None, pos: AT },
                op: Op { cmp, modifier: None },
                right: Right::Value(pattern.clone().into_bytes(), AT),
                pos: AT,
            };
            let mut compiler = Compiler::new();
            if let Ok(program) = compiler.condition(&Expr::Check(Arc::new(check)), &mut names) {
                let tests = compiler.finish();
                program.run(&tests, &thing::Thing { rows: rows.clone(), arena: &arena }, &mut Memo::new(&tests));
            } else {
                prop_assert_eq!(cmp, Cmp::Regex);
            }
        }
    }
}

/// Conditions over two fields that have one letter each.
fn letters() -> impl Strategy<Value = Expr> {
    let check = (
        prop::sample::select(&["t.x", "s.a"][..]),
        prop::collection::vec("[abc]", 0..3),
        prop::sample::select(&[Cmp::In, Cmp::Ne, Cmp::Eq, Cmp::Exists][..]),
    )
        .prop_map(|(name, letters, cmp)| {
            let values: Vec<Vec<u8>> = letters.into_iter().map(String::into_bytes).collect();
            let right = match cmp {
                Cmp::In => Right::List(values, AT),
                Cmp::Exists => Right::Nothing,
                _ => Right::Value(values.concat(), AT),
            };
            Expr::Check(Arc::new(Check {
                left: Operand::Field {
                    name: name.to_owned(),
                    arg: None,
                    pos: AT,
                },
                op: Op {
                    cmp,
                    modifier: None,
                },
                right,
                pos: AT,
            }))
        });
    check.prop_recursive(4, 24, 4, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            several.clone().prop_map(|all| Expr::And(all, AT)),
            several.prop_map(|all| Expr::Or(all, AT)),
            inner.prop_map(|e| Expr::Not(Box::new(e), AT)),
        ]
    })
}

proptest! {
    /// Conditions in a chain hold where each of them holds, whether or not something is known beforehand.
    #[test]
    fn a_chain_changes_nothing(trees in prop::collection::vec(letters(), 0..6), x in "[abc]", a in "[abc]", is_known: bool) {
        use falco_filter::{Chain, Memo, Slot, Type, Value};
        let arena = bumpalo::Bump::new();
        let x = Value::Str(x.as_bytes());
        let rows = vec![("t.x", Type::CharBuf, Some(x)), ("s.a", Type::CharBuf, Some(Value::Str(a.as_bytes())))];
        let mut compiler = Compiler::new();
        let programs: Vec<_> = trees.iter().map(|tree| compiler.condition(tree, &mut Names::of(&rows)).unwrap()).collect();
        let tests = compiler.finish();
        let thing = thing::Thing { rows, arena: &arena };
        let alone: Vec<u32> = (0..).zip(&programs)
            .filter_map(|(at, program)| program.run(&tests, &thing, &mut Memo::new(&tests)).then_some(at))
            .collect();
        let known = is_known.then(|| tests.known(Slot(0), x, &arena));
        let chain = Chain::new((0..).zip(&programs), known.as_ref());
        let mut memo = Memo::new(&tests);
        for _ in 0..2 {
            memo.next_event();
            let mut all = Vec::new();
            chain.run(&tests, &thing, &mut memo, |at| {
                all.push(at);
                true
            });
            prop_assert_eq!(&all, &alone, "{:?}", chain);
            let mut first = Vec::new();
            chain.run(&tests, &thing, &mut memo, |at| {
                first.push(at);
                false
            });
            prop_assert_eq!(&first[..], &alone[..alone.len().min(1)], "{:?}", chain);
        }
        prop_assert!(!chain.is_empty() || alone.is_empty());
    }
}

const TOKENS: &[&str] = &[
    "(", ")", " ", ",", "=", "!=", "<", "s.a", "x", "and", "or", "not", " and ", " or ", "not ",
    "in", " in ", "tolower(", "join(", "val(", "[", "]", "\"", "'", "\\", "5", "0x", "anyof ",
    "exists", "\n", "é", "getopt(", "\"a\"", "[a]",
];

/// The tree without positions.
fn strip(tree: Expr) -> Expr {
    let all = |children: Vec<Expr>| children.into_iter().map(strip).collect();
    match tree {
        Expr::And(children, _) => Expr::And(all(children), AT),
        Expr::Or(children, _) => Expr::Or(all(children), AT),
        Expr::Not(child, _) => Expr::Not(Box::new(strip(*child)), AT),
        Expr::Ident(name, _) => Expr::Ident(name, AT),
        Expr::Check(check) => {
            let check = Arc::unwrap_or_clone(check);
            let right = match check.right {
                Right::Nothing => Right::Nothing,
                Right::Value(value, _) => Right::Value(value, AT),
                Right::List(values, _) => Right::List(values, AT),
                Right::Operand(operand) => Right::Operand(strip_operand(operand)),
            };
            Expr::Check(Arc::new(Check {
                left: strip_operand(check.left),
                op: check.op,
                right,
                pos: AT,
            }))
        }
    }
}

fn strip_operand(operand: Operand) -> Operand {
    let all = |items: Vec<Operand>| items.into_iter().map(strip_operand).collect();
    match operand {
        Operand::Field { name, arg, .. } => Operand::Field { name, arg, pos: AT },
        Operand::Transform {
            name, args, arg, ..
        } => Operand::Transform {
            name,
            args: all(args),
            arg,
            pos: AT,
        },
        Operand::Value(value, _) => Operand::Value(value, AT),
        Operand::List(items, _) => Operand::List(all(items), AT),
    }
}
