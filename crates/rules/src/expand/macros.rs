//! Macros: names in conditions that stand for conditions.

use std::sync::Arc;

use falco_filter::ast::{Expr, Limits, Pos, Right, SyntaxError, parse};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::Lists;
use crate::collect::Collection;
use crate::diag::{Checked, Code, Context, error};
use crate::trace::Traced;

/// How many nodes putting macros in may make in one load.
const MAX_MADE_NODES: usize = 20_000_000;
/// How deep macros that were not resolved yet may refer to each other.
const MAX_MACRO_DEPTH: usize = 500;

/// A text that trees come from. Positions in trees are counted over all texts, so that it can be told which one they are in.
struct Text {
    /// What is added to its positions.
    base: u32,
    /// The text as it was parsed, with lists.
    parsed: Traced,
}

/// All macros as trees.
pub(crate) struct Macros<'k> {
    all: Vec<Macro>,
    /// Those of the macros, then that of the rule at hand.
    texts: Vec<Text>,
    made: usize,
    trees: &'k mut Trees,
}

/// Trees of texts, from one load to the next: most texts are the same again. Comparisons are shared with what was made of the trees.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    by_text: HashMap<String, Vec<Tree>, FxBuildHasher>,
    /// Where the positions in the next text begin.
    next: usize,
    /// The load at hand.
    load: usize,
}

/// A parsed text.
#[derive(Debug)]
struct Tree {
    expr: Expr,
    base: u32,
    /// The load that took it last: in one load a tree stands for one text at one place.
    load: usize,
}

/// Longer texts are parsed anew.
const MAX_KEPT_TEXT: usize = 64 << 10;

impl Trees {
    /// Begins a load; what the one before did not need is forgotten.
    fn next_load(&mut self) {
        for trees in self.by_text.values_mut() {
            trees.retain(|tree| tree.load == self.load);
        }
        self.by_text.retain(|_, trees| !trees.is_empty());
        self.load += 1;
    }

    /// The tree of an equal text that nobody has taken in this load.
    fn take(&mut self, text: &str) -> Option<(Expr, u32)> {
        let mut trees = self.by_text.get_mut(text)?.iter_mut();
        let tree = trees.find(|tree| tree.load != self.load)?;
        tree.load = self.load;
        Some((tree.expr.clone(), tree.base))
    }

    fn keep(&mut self, text: &str, expr: &Expr, base: u32) {
        if text.len() <= MAX_KEPT_TEXT {
            self.by_text.entry_ref(text).or_default().push(Tree {
                expr: expr.clone(),
                base,
                load: self.load,
            });
        }
    }

    /// Where positions in a text of so many bytes begin, if there is room for them.
    fn base(&mut self, bytes: usize) -> Option<u32> {
        let base = u32::try_from(self.next).ok()?;
        self.next += bytes + 1;
        (bytes < MAX_TEXT).then_some(base)
    }
}

pub(crate) struct Macro {
    pub(crate) name: String,
    pub(crate) condition: Expr,
    pub(crate) used: bool,
    first: usize,
}

/// Why macros cannot be put into a tree.
enum Problem {
    Syntax(SyntaxError),
    Loop(String, Pos),
    Depth(Pos),
    Size(Pos),
}

impl From<SyntaxError> for Problem {
    fn from(error: SyntaxError) -> Problem {
        Problem::Syntax(error)
    }
}

impl<'k> Macros<'k> {
    /// Parses all macros, then puts macros into macros.
    pub(crate) fn new(
        collection: &Collection,
        lists: &mut Lists,
        trees: &'k mut Trees,
    ) -> Checked<Macros<'k>> {
        trees.next_load();
        let mut macros = Macros {
            all: Vec::new(),
            texts: Vec::new(),
            made: 0,
            trees,
        };
        for info in collection.macros.items() {
            let condition = macros.parse(&info.condition, lists, &info.condition_context)?;
            macros.all.push(Macro {
                name: info.name.clone(),
                condition,
                used: false,
                first: info.order.first,
            });
        }
        for (index, info) in collection.macros.items().iter().enumerate() {
            let condition = macros.all[index].condition.clone();
            let text = info.condition.text();
            let resolved = macros.put_in(
                condition,
                info.order.last,
                collection,
                text,
                &info.context,
                &info.condition_context,
            )?;
            macros.all[index].condition = resolved;
        }
        Ok(macros)
    }

    pub(crate) fn all(&self) -> &[Macro] {
        &self.all
    }

    pub(crate) fn into_all(self) -> Vec<Macro> {
        self.all
    }

    /// Forgets the text of the rule before.
    pub(crate) fn next_rule(&mut self) {
        self.texts.truncate(self.all.len());
    }

    /// Puts lists into a condition and parses it.
    pub(crate) fn parse(
        &mut self,
        condition: &Traced,
        lists: &mut Lists,
        context: &Context,
    ) -> Checked<Expr> {
        let parsed = lists.put_in(condition, context)?;
        if let Some((tree, base)) = self.trees.take(parsed.text()) {
            self.texts.push(Text { base, parsed });
            return Ok(tree);
        }
        let Some(base) = self.trees.base(parsed.text().len()) else {
            return error(Code::CompileCondition, "conditions are too large", context);
        };
        let mut tree = parse(parsed.text(), &Limits::RULES);
        if let Ok(tree) = &mut tree {
            move_positions(tree, base);
            self.trees.keep(parsed.text(), tree, base);
        }
        self.texts.push(Text { base, parsed });
        match tree {
            Ok(tree) => Ok(tree),
            Err(problem) => {
                let at = Pos {
                    index: problem.pos.index + base,
                    ..problem.pos
                };
                let shown = self.texts.last().map_or("", |text| text.parsed.text());
                error(
                    Code::CompileCondition,
                    problem.message,
                    &self.place(at, shown, context),
                )
            }
        }
    }

    /// Puts those macros into a tree that were first defined before `limit`.
    pub(crate) fn put_in(
        &mut self,
        mut tree: Expr,
        limit: usize,
        collection: &Collection,
        shown: &str,
        context: &Context,
        condition_context: &Context,
    ) -> Checked<Expr> {
        let mut unknown = None;
        let outcome = self.expand(&mut tree, limit, collection, &mut Vec::new(), &mut unknown);
        let problem = match (outcome, unknown) {
            (Ok(()), None) => return Ok(tree),
            (Err(problem), _) => problem,
            (Ok(()), Some((name, pos))) => {
                let context = self.place(pos, shown, context);
                return error(
                    Code::Validate,
                    format!("Undefined macro '{name}' used in filter."),
                    &context,
                )
                .map_err(|e| match self.about_unknown(&name) {
                    Some(help) => Box::new(e.help(help)),
                    None => e,
                });
            }
        };
        match problem {
            Problem::Syntax(problem) => error(
                Code::CompileCondition,
                problem.message,
                &self.place(problem.pos, shown, condition_context),
            ),
            Problem::Loop(name, pos) => error(
                Code::Validate,
                format!("reference loop in macro '{name}'"),
                &self.place(pos, shown, context),
            ),
            Problem::Depth(pos) => error(
                Code::CompileCondition,
                format!("macros refer to each other over more than {MAX_MACRO_DEPTH} steps"),
                &self.place(pos, shown, condition_context),
            ),
            Problem::Size(pos) => error(
                Code::CompileCondition,
                "conditions are too large with the macros they refer to",
                &self.place(pos, shown, condition_context),
            ),
        }
    }

    fn about_unknown(&self, name: &str) -> Option<String> {
        let known = self.all.iter().map(|macr| macr.name.as_str());
        if self.all.iter().any(|macr| macr.name == name) {
            return Some(format!(
                "macro `{name}` is defined after this one: a macro can use only macros that come before it"
            ));
        }
        crate::nearest::nearest(name, known).map(|near| format!("there is a macro `{near}`"))
    }

    fn expand(
        &mut self,
        tree: &mut Expr,
        limit: usize,
        collection: &Collection,
        path: &mut Vec<usize>,
        unknown: &mut Option<(String, Pos)>,
    ) -> Result<(), Problem> {
        tree.substitute(|name, pos| {
            let index = collection.macros.index(name);
            let Some(index) = index.filter(|&i| self.all.get(i).is_some_and(|m| m.first < limit))
            else {
                unknown.get_or_insert_with(|| (name.to_owned(), pos));
                return Ok(None);
            };
            if path.contains(&index) {
                return Err(Problem::Loop(name.to_owned(), pos));
            }
            if path.len() >= MAX_MACRO_DEPTH {
                return Err(Problem::Depth(pos));
            }
            let macr = &mut self.all[index];
            macr.used = true;
            let mut body = macr.condition.clone();
            self.made += body.walk().count();
            if self.made > MAX_MADE_NODES {
                return Err(Problem::Size(pos));
            }
            if body.idents().next().is_some() {
                path.push(index);
                self.expand(&mut body, limit, collection, path, unknown)?;
                path.pop();
            }
            Ok(Some(body))
        })
    }

    /// The place of a position in a tree: upstream's sums, and the bytes in the file.
    pub(crate) fn place(&self, pos: Pos, shown: &str, context: &Context) -> Context {
        let before = self.texts.iter().filter(|text| text.base <= pos.index);
        let Some(text) = before.max_by_key(|text| text.base) else {
            return context.clone();
        };
        let at = (pos.index - text.base) as usize;
        let mark = crate::yaml::Mark {
            offset: at,
            line: pos.line as usize,
            column: pos.column as usize,
        };
        let mut inner = context.in_condition(shown, mark, context.span.clone());
        // At the end of a text the last thing in it is meant.
        let meant = text
            .parsed
            .text()
            .len()
            .checked_sub(1)
            .map_or(at, |last| at.min(last));
        if let Some(origin) = text.parsed.origin(meant) {
            let (source, span) = origin.place();
            inner.source = Arc::clone(source);
            inner.span = span;
        }
        inner
    }
}

/// Positions are numbers of 32 bits, over all texts.
const MAX_TEXT: usize = 256 << 20;

/// Moves the positions that messages speak of: of nodes, and of constants on the right.
fn move_positions(tree: &mut Expr, by: u32) {
    let mut stack = vec![tree];
    while let Some(node) = stack.pop() {
        match node {
            Expr::And(children, pos) | Expr::Or(children, pos) => {
                pos.index += by;
                stack.extend(children);
            }
            Expr::Not(child, pos) => {
                pos.index += by;
                stack.push(child);
            }
            Expr::Ident(_, pos) => pos.index += by,
            Expr::Check(check) => {
                // Nobody else has it yet.
                let check = Arc::make_mut(check);
                check.pos.index += by;
                if let Right::Value(_, pos) | Right::List(_, pos) = &mut check.right {
                    pos.index += by;
                }
            }
        }
    }
}
