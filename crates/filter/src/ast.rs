//! The syntax tree of a condition, its canonical text and ways to walk it.
//!
//! A tree is never deeper than [`MAX_DEPTH`]: [`parse`] and [`Expr::substitute`] see to it, so walking one recursively is safe.

use std::fmt;
use std::sync::Arc;

mod lex;
mod parse;
mod print;
mod text;

pub use parse::{Limits, SyntaxError, parse, parse_operand_prefix};
pub use text::{EscapeError, escape, unescape};

/// How deep trees may be, however they were made.
pub const MAX_DEPTH: usize = 1000;

/// How many nodes a tree may have after substitutions: macros that double at every step end here instead of in an empty memory.
pub const MAX_NODES: usize = 500_000;

/// A place in the text of a condition, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pos {
    /// Offset from the start, from 0.
    pub index: u32,
    /// Line, from 1. Every CR and every LF begins a new one.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl Pos {
    /// The start of a text.
    pub const START: Pos = Pos {
        index: 0,
        line: 1,
        column: 1,
    };
}

impl fmt::Display for Pos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "index {}, line {}, column {}",
            self.index, self.line, self.column
        )
    }
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// All of two or more.
    And(Vec<Expr>, Pos),
    /// One of two or more.
    Or(Vec<Expr>, Pos),
    /// The opposite.
    Not(Box<Expr>, Pos),
    /// A name that stands for a condition (a macro). It has to be substituted before compiling.
    Ident(String, Pos),
    /// A comparison; shared by all trees that the macro it is written in was put into.
    Check(Arc<Check>),
}

/// A comparison: `left op right`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is looked at: a field or a transformer.
    pub left: Operand,
    /// How.
    pub op: Op,
    /// What it is compared with.
    pub right: Right,
    /// Where it begins.
    pub pos: Pos,
}

/// The right-hand side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// Nothing: the operator is `exists`.
    Nothing,
    /// One literal. After a list operator it is the name of a list that nobody knew.
    Value(Vec<u8>, Pos),
    /// Literals in parentheses.
    List(Vec<Vec<u8>>, Pos),
    /// Another field, `val(field)`, or a transformer.
    Operand(Operand),
}

/// Something that gives a value: a field, a transformer over others, or a constant within a transformer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// `name` or `name[arg]`.
    Field {
        /// The name, with at least one dot.
        name: String,
        /// What is in the brackets, unquoted.
        arg: Option<String>,
        /// Where the name begins.
        pos: Pos,
    },
    /// `name(args)` or `name(args)[arg]`.
    Transform {
        /// Which one.
        name: Transformer,
        /// What it works on; never empty.
        args: Vec<Operand>,
        /// What is in the brackets, unquoted.
        arg: Option<String>,
        /// Where the name begins.
        pos: Pos,
    },
    /// A constant.
    Value(Vec<u8>, Pos),
    /// A tuple.
    List(Vec<Operand>, Pos),
}

impl Operand {
    /// Where it begins.
    pub fn pos(&self) -> Pos {
        match self {
            Operand::Field { pos, .. }
            | Operand::Transform { pos, .. }
            | Operand::Value(_, pos)
            | Operand::List(_, pos) => *pos,
        }
    }

    /// Every field in it, from left to right.
    pub fn for_each_field(&self, f: &mut impl FnMut(&str, Option<&str>)) {
        match self {
            Operand::Field { name, arg, .. } => f(name, arg.as_deref()),
            Operand::Transform { args, .. } | Operand::List(args, _) => {
                for arg in args {
                    arg.for_each_field(f);
                }
            }
            Operand::Value(..) => {}
        }
    }
}

/// An operator with its modifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Op {
    /// The operator proper.
    pub cmp: Cmp,
    /// How it is spread over a list on the right.
    pub modifier: Option<Modifier>,
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($variant:ident $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum $name { $($variant,)* }

        impl $name {
            /// All of them, in the order in which the parser tries and messages list them.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// As it is written in conditions.
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

words! {
    /// The operators.
    Cmp {
        Exists "exists",
        Le "<=",
        Lt "<",
        Ge ">=",
        Gt ">",
        EqEq "==",
        Eq "=",
        Ne "!=",
        Glob "glob",
        Iglob "iglob",
        Contains "contains",
        Icontains "icontains",
        Bcontains "bcontains",
        Startswith "startswith",
        Bstartswith "bstartswith",
        Endswith "endswith",
        Regex "regex",
        Intersects "intersects",
        In "in",
        Pmatch "pmatch",
    }
}

words! {
    /// How an operator is spread over a list: exactly one element satisfies it, at least one, all.
    Modifier {
        Oneof "oneof",
        Anyof "anyof",
        Allof "allof",
    }
}

words! {
    /// The functions of the language. `val` is the identity: it marks a field on the right-hand side.
    Transformer {
        Val "val",
        Tolower "tolower",
        Toupper "toupper",
        B64 "b64",
        Basename "basename",
        Len "len",
        Join "join",
        Concat "concat",
        Getopt "getopt",
    }
}

/// What an operator takes on its right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpKind {
    /// Nothing.
    Unary,
    /// A number.
    Number,
    /// A text, or with a modifier a list.
    Text,
    /// A list.
    List,
}

impl Cmp {
    /// What the operator takes on its right.
    pub fn kind(self) -> OpKind {
        match self {
            Cmp::Exists => OpKind::Unary,
            Cmp::Le | Cmp::Lt | Cmp::Ge | Cmp::Gt => OpKind::Number,
            Cmp::Intersects | Cmp::In | Cmp::Pmatch => OpKind::List,
            _ => OpKind::Text,
        }
    }

    /// The same operator in its one spelling: `==` is `=`.
    #[must_use]
    pub fn canonical(self) -> Cmp {
        if self == Cmp::EqEq { Cmp::Eq } else { self }
    }
}

impl Op {
    /// The operator that a text such as `in` or `startswith anyof` names.
    pub fn from_name(text: &str) -> Option<Op> {
        let mut words = text.split_ascii_whitespace();
        let word = words.next()?;
        let cmp = *Cmp::ALL.iter().find(|c| c.name() == word)?;
        let modifier = match words.next() {
            None => None,
            Some(word) if cmp.kind() == OpKind::Text => {
                Some(*Modifier::ALL.iter().find(|m| m.name() == word)?)
            }
            Some(_) => return None,
        };
        words.next().is_none().then_some(Op { cmp, modifier })
    }
}

impl Expr {
    /// Where it begins.
    pub fn pos(&self) -> Pos {
        match self {
            Expr::And(_, pos) | Expr::Or(_, pos) | Expr::Not(_, pos) | Expr::Ident(_, pos) => *pos,
            Expr::Check(check) => check.pos,
        }
    }

    /// The direct parts of an `and`, `or` or `not`; empty for the others.
    pub fn children(&self) -> &[Expr] {
        match self {
            Expr::And(children, _) | Expr::Or(children, _) => children,
            Expr::Not(child, _) => std::slice::from_ref(child),
            Expr::Ident(..) | Expr::Check(_) => &[],
        }
    }

    fn children_mut(&mut self) -> &mut [Expr] {
        match self {
            Expr::And(children, _) | Expr::Or(children, _) => children,
            Expr::Not(child, _) => std::slice::from_mut(child),
            Expr::Ident(..) | Expr::Check(_) => &mut [],
        }
    }

    /// Every node, parents first, from left to right.
    pub fn walk(&self) -> impl Iterator<Item = &Expr> {
        let mut stack = vec![self];
        std::iter::from_fn(move || {
            let next = stack.pop()?;
            stack.extend(next.children().iter().rev());
            Some(next)
        })
    }

    /// Every comparison, from left to right.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.walk().filter_map(|node| {
            if let Expr::Check(check) = node {
                Some(&**check)
            } else {
                None
            }
        })
    }

    /// Every identifier (macro name), from left to right.
    pub fn idents(&self) -> impl Iterator<Item = (&str, Pos)> {
        self.walk().filter_map(|node| {
            if let Expr::Ident(name, pos) = node {
                Some((name.as_str(), *pos))
            } else {
                None
            }
        })
    }

    /// Every identifier, to be overwritten. Whoever puts trees there bounds their depth: [`Expr::substitute`] does.
    pub fn idents_mut(&mut self) -> impl Iterator<Item = &mut Expr> {
        let mut stack = vec![self];
        std::iter::from_fn(move || {
            loop {
                let next = stack.pop()?;
                if matches!(next, Expr::Ident(..)) {
                    return Some(next);
                }
                stack.extend(next.children_mut().iter_mut().rev());
            }
        })
    }

    /// Replaces every identifier for which `lookup` has a tree. What is put in is not looked at again.
    ///
    /// # Errors
    /// The first error of `lookup`; or, made from a [`SyntaxError`], that the result has more than [`MAX_DEPTH`] levels or
    /// [`MAX_NODES`] nodes.
    pub fn substitute<E: From<SyntaxError>>(
        &mut self,
        mut lookup: impl FnMut(&str, Pos) -> Result<Option<Expr>, E>,
    ) -> Result<(), E> {
        let mut nodes = self.walk().count();
        for ident in self.idents_mut() {
            let Expr::Ident(name, pos) = &*ident else {
                continue;
            };
            let pos = *pos;
            if let Some(tree) = lookup(name, pos)? {
                nodes = nodes.saturating_add(tree.walk().count());
                if nodes > MAX_NODES {
                    return Err(SyntaxError {
                        message: format!("exceeded max size limit of {MAX_NODES}"),
                        pos,
                    }
                    .into());
                }
                *ident = tree;
            }
        }
        if self.depth() > MAX_DEPTH {
            return Err(SyntaxError {
                message: format!("exceeded max depth limit of {MAX_DEPTH}"),
                pos: self.pos(),
            }
            .into());
        }
        Ok(())
    }

    /// How many levels the tree has.
    pub fn depth(&self) -> usize {
        let mut stack = vec![(self, 1)];
        let mut deepest = 0;
        while let Some((node, depth)) = stack.pop() {
            deepest = deepest.max(depth);
            stack.extend(node.children().iter().map(|child| (child, depth + 1)));
        }
        deepest
    }

    /// The fields that are compared, as `name` or `name[arg]`, each once, in order of appearance.
    pub fn fields(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut add = |name: &str, arg: Option<&str>| {
            let field = arg.map_or_else(|| name.to_owned(), |arg| format!("{name}[{arg}]"));
            if !found.contains(&field) {
                found.push(field);
            }
        };
        for check in self.checks() {
            check.left.for_each_field(&mut add);
            if let Right::Operand(right) = &check.right {
                right.for_each_field(&mut add);
            }
        }
        found
    }

    /// The operators with their modifiers, each once, in order of appearance.
    pub fn operators(&self) -> Vec<Op> {
        let mut found = Vec::new();
        for check in self.checks() {
            if !found.contains(&check.op) {
                found.push(check.op);
            }
        }
        found
    }
}
