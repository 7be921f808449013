//! From the tree to jump code: names become slots, literals become predicates, `and`, `or` and `not` become jumps.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::ast::{self, Check, Cmp, Expr, MAX_DEPTH, Modifier, Op, Pos, Right, Transformer};
use crate::literal::{self, Class, Literal, unhex};
use crate::operand::Operand;
use crate::predicate::Predicate;
use crate::program::{ACCEPT, Asked, Program, REJECT, Step, Test, Tests, Warning};
use crate::{Catalog, FieldError, Type};

/// Why a condition makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CompileError {
    /// What is wrong, in upstream's words.
    pub message: String,
    /// Where the comparison or the name begins.
    pub pos: Pos,
}

/// Compiles many conditions into programs that share their tests.
#[derive(Debug, Default)]
pub struct Compiler {
    tests: Tests,
    /// The tests by what they ask.
    index: HashMap<Key, u32, FxBuildHasher>,
    /// What came of comparisons that stand in more than one tree, by their address.
    compiled: HashMap<usize, Compiled, FxBuildHasher>,
    seeds: [RandomState; 2],
}

/// What a test asks, in 128 bits: lists may be long, and nobody who writes rules knows the seeds.
type Key = [u64; 2];

/// Makes a [`Key`].
struct Digest([DefaultHasher; 2]);

impl Digest {
    fn new(seeds: &[RandomState; 2]) -> Digest {
        Digest(seeds.each_ref().map(BuildHasher::build_hasher))
    }

    fn add(&mut self, part: impl Hash) {
        for hasher in &mut self.0 {
            part.hash(hasher);
        }
    }

    fn finish(&self) -> Key {
        self.0.each_ref().map(Hasher::finish)
    }
}

/// A comparison with what came of it. That it is kept keeps its address.
#[derive(Debug)]
struct Compiled {
    _check: Arc<Check>,
    known: Known,
    warnings: Vec<Warning>,
}

/// What is known of a comparison: the test to make, or that it never holds.
#[derive(Clone, Copy, Debug)]
enum Known {
    Test(u32),
    Never,
}

impl Compiler {
    /// A compiler that has seen nothing.
    pub fn new() -> Compiler {
        Compiler::default()
    }

    /// Compiles a condition. The program belongs to the tests that [`Compiler::finish`] gives.
    ///
    /// # Errors
    /// The first comparison, from left to right, that names an unknown field, does not fit its types or has a literal that is none; or
    /// an identifier that was not substituted.
    pub fn condition(
        &mut self,
        expr: &Expr,
        catalog: &mut dyn Catalog,
    ) -> Result<Program, CompileError> {
        if expr.depth() > MAX_DEPTH {
            return Err(CompileError {
                message: format!("exceeded max depth limit of {MAX_DEPTH}"),
                pos: expr.pos(),
            });
        }
        let mut warnings = Vec::new();
        let mut checks = Vec::new();
        for node in expr.walk() {
            let known = match node {
                Expr::And(..) | Expr::Or(..) | Expr::Not(..) => continue,
                Expr::Ident(name, _) => {
                    Err(format!("filter error: unexpected identifier '{name}'"))
                }
                Expr::Check(check) => self.shared(check, catalog, &mut warnings),
            };
            checks.push(known.map_err(|message| CompileError {
                message,
                pos: node.pos(),
            })?);
        }
        let mut emitter = Emitter {
            code: Vec::new(),
            checks,
        };
        let start = emitter.emit(expr, ACCEPT, REJECT);
        let steps = emitter.code.len() as u32;
        let turned = |target: u32| {
            if target < steps {
                steps - 1 - target
            } else {
                target
            }
        };
        let code: Box<[Step]> = (emitter.code.iter().rev())
            .map(|step| Step {
                test: step.test,
                on_true: turned(step.on_true),
                on_false: turned(step.on_false),
            })
            .collect();
        let checks = code
            .iter()
            .map(|step| Arc::clone(&self.tests.tests[step.test as usize].check))
            .collect();
        Ok(Program {
            start: turned(start),
            code,
            checks,
            warnings,
        })
    }

    /// Compiles a field or a transformer, as output templates have them.
    ///
    /// # Errors
    /// An unknown field, or a transformer that does not fit.
    pub fn operand(
        &self,
        operand: &ast::Operand,
        catalog: &mut dyn Catalog,
    ) -> Result<Operand, CompileError> {
        Operand::compile(operand, catalog).map_err(|message| CompileError {
            message,
            pos: operand.pos(),
        })
    }

    /// The tests of all programs.
    pub fn finish(self) -> Tests {
        self.tests
    }

    /// Compiles a comparison, once for all trees it is in.
    fn shared(
        &mut self,
        check: &Arc<Check>,
        catalog: &mut dyn Catalog,
        warnings: &mut Vec<Warning>,
    ) -> Result<Known, String> {
        if Arc::strong_count(check) == 1 {
            return self.check(check, catalog, warnings);
        }
        let address = Arc::as_ptr(check).addr();
        if let Some(compiled) = self.compiled.get(&address) {
            warnings.extend_from_slice(&compiled.warnings);
            return Ok(compiled.known);
        }
        let before = warnings.len();
        let known = self.check(check, catalog, warnings)?;
        let compiled = Compiled {
            _check: Arc::clone(check),
            known,
            warnings: warnings[before..].to_vec(),
        };
        self.compiled.insert(address, compiled);
        Ok(known)
    }

    fn check(
        &mut self,
        check: &Arc<Check>,
        catalog: &mut dyn Catalog,
        warnings: &mut Vec<Warning>,
    ) -> Result<Known, String> {
        let left = Operand::compile(&check.left, catalog)?;
        let mut op = Op {
            cmp: check.op.cmp.canonical(),
            ..check.op
        };
        comparable(op, left.ty(), left.is_list()).map_err(|e| format!("filter error: {e}"))?;
        if let (Right::Value(..) | Right::List(..), Some(field)) = (&check.right, &left.checked) {
            op.cmp = catalog
                .operator(field, op.cmp)
                .map_err(|FieldError(message)| message)?;
        }
        let mut key = Digest::new(&self.seeds);
        key.add(&left.node);
        key.add(op);
        key.add(matches!(check.right, Right::Operand(_)));
        let asked = match &check.right {
            Right::Nothing => Asked::Exists,
            Right::Operand(right) => {
                let right = Operand::compile(right, catalog)?;
                operands_fit(&left, op.cmp, &right)?;
                key.add(&right.node);
                Asked::Operand(op.cmp, right.into_node())
            }
            Right::Value(value, pos) => {
                let values = (std::slice::from_ref(value), *pos);
                self.constants(&left, op, values, catalog, warnings, &mut key)?
            }
            Right::List(values, pos) => {
                self.constants(&left, op, (values, *pos), catalog, warnings, &mut key)?
            }
        };
        // `in ()` holds for an empty list, so that only scalars never are in it.
        if !left.is_list()
            && matches!(
                asked,
                Asked::Constant {
                    predicate: Predicate::Never,
                    ..
                }
            )
        {
            return Ok(Known::Never);
        }
        let tests = &mut self.tests.tests;
        let test = *self.index.entry(key.finish()).or_insert(tests.len() as u32);
        if test as usize == tests.len() {
            tests.push(Test {
                left: left.into_node(),
                asked,
                check: Arc::clone(check),
            });
        }
        Ok(Known::Test(test))
    }

    /// Prepares a comparison with literals, warns about them, and adds to `key` what makes it different from others.
    fn constants(
        &self,
        left: &Operand,
        op: Op,
        (values, pos): (&[Vec<u8>], Pos),
        catalog: &mut dyn Catalog,
        warnings: &mut Vec<Warning>,
        key: &mut Digest,
    ) -> Result<Asked, String> {
        let mut literals = Vec::with_capacity(values.len());
        for value in values {
            warn(op.cmp, value, pos, catalog, warnings);
            literals.push(literal_of(left, op.cmp, value, catalog)?);
        }
        let set = matches!(
            (op.cmp, op.modifier),
            (Cmp::In | Cmp::Intersects | Cmp::Pmatch, _)
                | (_, Some(Modifier::Anyof | Modifier::Allof))
        );
        let digest = |literal: &Literal| {
            let mut digest = Digest::new(&self.seeds);
            digest.add(literal);
            digest.finish()
        };
        let mut parts: Vec<Key> = literals.iter().map(digest).collect();
        if set {
            parts.sort_unstable();
            parts.dedup();
        }
        key.add(parts);
        let class = left.ty().class();
        let predicate = match op.modifier {
            None => Predicate::new(class, op.cmp, literals)?,
            Some(modifier) => Predicate::spread(class, op.cmp, modifier, literals)?,
        };
        Ok(Asked::Constant {
            predicate,
            both_ends: op.cmp == Cmp::Ne,
            every_element: op.cmp == Cmp::In,
        })
    }
}

fn literal_of(
    left: &Operand,
    cmp: Cmp,
    value: &[u8],
    catalog: &mut dyn Catalog,
) -> Result<Literal, String> {
    let hex;
    let value = if matches!(cmp, Cmp::Bcontains | Cmp::Bstartswith) {
        hex = unhex(value)
            .ok_or("filter error: bcontains and bstartswith operator support hex strings only")?;
        &hex
    } else {
        value
    };
    let literal = literal::parse(left.ty(), value, |name| catalog.service_port(name))?;
    if let Some(field) = &left.checked {
        catalog
            .check_literal(field, &String::from_utf8_lossy(value))
            .map_err(|FieldError(message)| message)?;
    }
    Ok(literal)
}

/// Whether values of a type may be compared so.
fn comparable(op: Op, ty: Type, list: bool) -> Result<(), String> {
    let cmp = op.cmp;
    if cmp == Cmp::Exists {
        return Ok(());
    }
    if list {
        let listed = matches!(
            ty,
            Type::CharBuf
                | Type::Uint64
                | Type::RelTime
                | Type::AbsTime
                | Type::Bool
                | Type::IpAddr
                | Type::IpNet
        );
        return match cmp {
            _ if !listed => Err(format!(
                "list filters are not supported for type '{}'",
                ty.name()
            )),
            Cmp::In | Cmp::Intersects => Ok(()),
            _ => Err(format!("'{cmp}' operator not supported list filters")),
        };
    }
    let class = ty.class();
    let equality = matches!(cmp, Cmp::Eq | Cmp::Ne | Cmp::In | Cmp::Intersects);
    let order = matches!(cmp, Cmp::Lt | Cmp::Le | Cmp::Gt | Cmp::Ge);
    let (fits, filters) = match class {
        Class::Signed | Class::Unsigned | Class::Double => (equality || order, "numeric filters"),
        Class::Bool => (equality, "numeric filters"),
        Class::Text => (
            !matches!(cmp, Cmp::Bcontains | Cmp::Bstartswith),
            "string filters",
        ),
        Class::Bytes => {
            let more = matches!(
                cmp,
                Cmp::Contains | Cmp::Startswith | Cmp::Endswith | Cmp::Bcontains | Cmp::Bstartswith
            );
            (equality || more, "buffer filters")
        }
        Class::Ip | Class::Net => (equality, "ip address and network filters"),
        Class::Opaque => {
            return Err(format!(
                "'{cmp}' operator not supported for type '{}'",
                ty.name()
            ));
        }
    };
    match fits {
        true => Ok(()),
        false if op.modifier.is_some() && matches!(class, Class::Ip | Class::Net) => {
            Err(format!("'{cmp}' with modifier not supported for {filters}"))
        }
        false => Err(format!("'{cmp}' operator not supported for {filters}")),
    }
}

/// Whether two operands may be compared with each other.
fn operands_fit(left: &Operand, cmp: Cmp, right: &Operand) -> Result<(), String> {
    if matches!(cmp, Cmp::Pmatch | Cmp::Regex) {
        return Err(format!(
            "operator '{}' doesn't support right-hand side fields",
            cmp.name().to_uppercase()
        ));
    }
    if left.ty().class() == Class::Net {
        return Err("field type 'IPNET' doesn't support right-hand side fields".to_owned());
    }
    if !left.rhs() {
        return Err(format!(
            "field '{}' doesn't support right-hand side fields",
            left.label()
        ));
    }
    if !right.rhs() {
        return Err(format!(
            "field '{}' can't be used as a right-hand side field",
            right.label()
        ));
    }
    if (left.ty(), left.is_list()) != (right.ty(), right.is_list()) {
        let list = |operand: &Operand| if operand.is_list() { " (list)" } else { "" };
        return Err(format!(
            "field '{}' has type '{}'{} while the right-hand side field '{}' has incompatible type '{}'{}",
            left.label(),
            left.ty().name(),
            list(left),
            right.label(),
            right.ty().name(),
            list(right)
        ));
    }
    Ok(())
}

/// Adds warnings about one literal.
fn warn(cmp: Cmp, value: &[u8], pos: Pos, catalog: &mut dyn Catalog, warnings: &mut Vec<Warning>) {
    let shown = String::from_utf8_lossy(value);
    let mut add = |message: String| warnings.push(Warning { message, pos });
    if cmp == Cmp::Regex && could_be_simpler(value) {
        add(format!(
            "regex check with '{shown}' may be optimized with simpler operators such as '=', 'contains', 'startswith', 'endswith'"
        ));
    }
    if !value.iter().any(|byte| matches!(byte, b'.' | b'(')) {
        return;
    }
    let dense: String = shown
        .chars()
        .filter(|c| !c.is_ascii_whitespace() && *c != '\x0b')
        .collect();
    let (name, arg) = match dense.split_once('[') {
        Some((name, rest)) => (name, rest.strip_suffix(']')),
        None => (dense.as_str(), None),
    };
    if name.contains('.')
        && arg.is_some() == dense.contains('[')
        && catalog.field(name, arg).is_ok()
    {
        add(format!(
            "'{shown}' may be a valid field misused as a const string value"
        ));
    }
    let call = |t: &&Transformer| {
        dense
            .strip_prefix(t.name())
            .is_some_and(|rest| rest.starts_with('(') && rest.ends_with(')'))
    };
    if Transformer::ALL.iter().any(|t| call(&t)) {
        add(format!(
            "'{shown}' may be a valid field transformer misused as a const string value"
        ));
    }
}

/// Whether a pattern has nothing special but anchors and "anything" at its ends.
fn could_be_simpler(pattern: &[u8]) -> bool {
    let len = pattern.len();
    let mut i = 0;
    while let Some(&byte) = pattern.get(i) {
        let anchor = (i == 0 && byte == b'^') || (i + 1 == len && byte == b'$');
        let anything = byte == b'.'
            && matches!(pattern.get(i + 1), Some(b'+' | b'*' | b'?'))
            && (i == 0 || i + 2 == len);
        if anything {
            i += 1;
        } else if !anchor && b".+*?^$()[]{}|\\".contains(&byte) {
            return false;
        }
        i += 1;
    }
    true
}

/// Writes code from its end: what follows a step is written before it, so that its place is known.
struct Emitter {
    code: Vec<Step>,
    /// Of the comparisons not written yet, from left to right.
    checks: Vec<Known>,
}

impl Emitter {
    /// Writes `expr` so that it goes on at one of two targets; gives where it begins. Recursion is bounded by [`MAX_DEPTH`].
    fn emit(&mut self, expr: &Expr, on_true: u32, on_false: u32) -> u32 {
        match expr {
            Expr::And(children, _) => children
                .iter()
                .rev()
                .fold(on_true, |next, child| self.emit(child, next, on_false)),
            Expr::Or(children, _) => children
                .iter()
                .rev()
                .fold(on_false, |next, child| self.emit(child, on_true, next)),
            Expr::Not(child, _) => self.emit(child, on_false, on_true),
            Expr::Ident(..) | Expr::Check(_) => match self.checks.pop() {
                Some(Known::Test(test)) => {
                    self.code.push(Step {
                        test,
                        on_true,
                        on_false,
                    });
                    self.code.len() as u32 - 1
                }
                Some(Known::Never) | None => on_false,
            },
        }
    }
}
