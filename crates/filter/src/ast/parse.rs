//! Text to tree. Nesting is kept on stacks of our own, so no input can overflow the program's; `depth` counts what upstream's
//! recursive descent would count, one for each production it would be in, so that the limit is reached by the same texts.

use super::lex::Cursor;
use super::{Expr, MAX_DEPTH, Operand, Pos, Transformer};

mod check;
mod operand;

/// Bounds of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many grammar productions may be nested (a parenthesis costs up to five). More than [`Limits::RULES`] has counts as that.
    pub max_depth: usize,
}

impl Limits {
    /// What conditions in rules files may have.
    pub const RULES: Limits = Limits {
        max_depth: MAX_DEPTH,
    };
}

impl Default for Limits {
    /// What upstream's parser allows when nobody says anything.
    fn default() -> Self {
        Limits { max_depth: 100 }
    }
}

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filter error at {pos}: {message}")]
pub struct SyntaxError {
    /// What is wrong, in upstream's words.
    pub message: String,
    /// Where the parser stood.
    pub pos: Pos,
}

/// The tree of a condition.
///
/// # Errors
/// The first thing that is not of the language, or nesting beyond `limits`.
pub fn parse(text: &str, limits: &Limits) -> Result<Expr, SyntaxError> {
    let mut parser = Parser::new(text, *limits);
    if text.is_empty() {
        return Err(parser.cursor.error("filter input string is empty"));
    }
    let expr = parser.expr()?;
    if !parser.cursor.at_end() {
        let last = parser.cursor.last_text();
        return Err(parser.cursor.error(format!(
            "unexpected token after '{last}', expecting 'or', 'and'"
        )));
    }
    Ok(expr)
}

/// The longest start of `text` that is a field or a transformer and that `resolve` accepts, with its length in bytes.
///
/// This is how output templates read what follows a `%`: `%proc.namex` is the field `proc.name` and an `x`, `%proc.args[` the field
/// `proc.args` and a bracket.
pub fn parse_operand_prefix<T>(
    text: &str,
    mut resolve: impl FnMut(Operand) -> Option<T>,
) -> Option<(T, usize)> {
    let mut parser = Parser::new(text, Limits::default());
    if parser.cursor.field_name() {
        let name = parser.cursor.last_text();
        let field = |name: &str, arg| Operand::Field {
            name: name.to_owned(),
            arg,
            pos: Pos::START,
        };
        if let Ok(Some(arg)) = parser.optional_arg()
            && let Some(found) = resolve(field(&name, Some(arg)))
        {
            return Some((found, parser.cursor.pos.index as usize));
        }
        return (1..=name.len()).rev().find_map(|len| {
            let shorter = name.get(..len)?;
            let (_, segment) = shorter.rsplit_once('.')?;
            let found = segment
                .starts_with(|c: char| c.is_ascii_alphabetic())
                .then(|| resolve(field(shorter, None)))??;
            Some((found, len))
        });
    }
    let name = parser.transformer(&Transformer::ALL[1..])?;
    let Operand::Transform {
        name, args, pos, ..
    } = parser.transform(name, Pos::START, 1, false).ok()?
    else {
        return None;
    };
    let bare = parser.cursor.pos.index as usize;
    let transform = |args, arg| Operand::Transform {
        name,
        args,
        arg,
        pos,
    };
    if let Ok(Some(arg)) = parser.optional_arg()
        && let Some(found) = resolve(transform(args.clone(), Some(arg)))
    {
        return Some((found, parser.cursor.pos.index as usize));
    }
    Some((resolve(transform(args, None))?, bare))
}

/// An `or` that has been begun, with the `and` and the `not` in it.
struct Group {
    /// Of the `or`.
    depth: usize,
    /// What the group is, once closed, a part of.
    part_of: Level,
    or_pos: Pos,
    ors: Vec<Expr>,
    and_pos: Pos,
    ands: Vec<Expr>,
    not_pos: Pos,
    negated: bool,
}

/// Where in the group around it a group in parentheses stands.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Not,
    And,
    Or,
}

/// What comes next.
enum Next {
    /// An `or`, at a depth.
    Or(usize, Level),
    And,
    Not,
    /// A finished expression and the level it belongs to.
    Done(Expr, Level),
}

struct Parser<'t> {
    cursor: Cursor<'t>,
    max_depth: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, limits: Limits) -> Self {
        Parser {
            cursor: Cursor::new(text),
            max_depth: limits.max_depth.min(Limits::RULES.max_depth),
        }
    }

    fn guard(&self, depth: usize) -> Result<(), SyntaxError> {
        if depth < self.max_depth {
            return Ok(());
        }
        Err(self
            .cursor
            .error(format!("exceeded max depth limit of {}", self.max_depth)))
    }

    fn expr(&mut self) -> Result<Expr, SyntaxError> {
        let mut groups: Vec<Group> = Vec::new();
        let mut next = Next::Or(1, Level::Or);
        loop {
            if let Next::Or(depth, part_of) = next {
                self.guard(depth)?;
                let pos = self.cursor.pos;
                self.cursor.blank();
                groups.push(Group {
                    depth,
                    part_of,
                    or_pos: pos,
                    ors: Vec::new(),
                    and_pos: pos,
                    ands: Vec::new(),
                    not_pos: pos,
                    negated: false,
                });
                next = Next::And;
            }
            let Some(group) = groups.last_mut() else {
                unreachable!("a group is left only when its parent goes on")
            };
            next = match next {
                Next::Or(..) => unreachable!("became an And above"),
                Next::And => {
                    self.guard(group.depth + 1)?;
                    group.and_pos = self.cursor.pos;
                    self.cursor.blank();
                    Next::Not
                }
                Next::Not => self.not(group)?,
                Next::Done(expr, level) => {
                    if let Some(next) = self.after(group, expr, level)? {
                        next
                    } else {
                        let Some(Group {
                            part_of,
                            or_pos,
                            ors,
                            ..
                        }) = groups.pop()
                        else {
                            unreachable!("it was just looked at")
                        };
                        let expr = joined(ors, |all| Expr::Or(all, or_pos));
                        if groups.is_empty() {
                            return Ok(expr);
                        }
                        self.cursor.blank();
                        if !self.cursor.literal(")") {
                            return Err(self.cursor.error("expected a ')' token"));
                        }
                        Next::Done(expr, part_of)
                    }
                }
            };
        }
    }

    /// Reads `not`s and what they negate.
    fn not(&mut self, group: &mut Group) -> Result<Next, SyntaxError> {
        let depth = group.depth + 2;
        self.guard(depth)?;
        group.not_pos = self.cursor.pos;
        group.negated = false;
        self.cursor.blank();
        while self.cursor.not() {
            group.negated = !group.negated;
        }
        if self.cursor.literal("not(") {
            group.negated = !group.negated;
            return self.embedded(depth + 1, Level::Not);
        }
        let depth = depth + 1;
        self.guard(depth)?;
        let pos = self.cursor.pos;
        self.cursor.blank();
        if self.cursor.literal("(") {
            return self.embedded(depth + 1, Level::Not);
        }
        Ok(Next::Done(self.check(pos, depth)?, Level::Not))
    }

    /// Begins what is in parentheses; the opening one is taken.
    fn embedded(&mut self, depth: usize, part_of: Level) -> Result<Next, SyntaxError> {
        self.guard(depth)?;
        self.cursor.blank();
        Ok(Next::Or(depth + 1, part_of))
    }

    /// Puts a finished expression in its place and looks what follows; `None` when the group is complete.
    fn after(
        &mut self,
        group: &mut Group,
        expr: Expr,
        level: Level,
    ) -> Result<Option<Next>, SyntaxError> {
        if level == Level::Or {
            group.ors.push(expr);
        } else {
            let expr = if level == Level::Not && group.negated {
                Expr::Not(Box::new(expr), group.not_pos)
            } else {
                expr
            };
            group.ands.push(expr);
            self.cursor.blank();
            if self.cursor.literal("and") {
                return self
                    .operand_of("and", group.depth + 2, Level::And, Next::Not)
                    .map(Some);
            }
            let pos = group.and_pos;
            group
                .ors
                .push(joined(std::mem::take(&mut group.ands), |all| {
                    Expr::And(all, pos)
                }));
        }
        self.cursor.blank();
        if self.cursor.literal("or") {
            return self
                .operand_of("or", group.depth + 1, Level::Or, Next::And)
                .map(Some);
        }
        Ok(None)
    }

    fn operand_of(
        &mut self,
        word: &str,
        depth: usize,
        level: Level,
        after_blank: Next,
    ) -> Result<Next, SyntaxError> {
        if self.cursor.blank() {
            return Ok(after_blank);
        }
        if self.cursor.literal("(") {
            return self.embedded(depth, level);
        }
        Err(self
            .cursor
            .error(format!("expected blank or '(' after '{word}'")))
    }
}

fn joined(mut all: Vec<Expr>, join: impl FnOnce(Vec<Expr>) -> Expr) -> Expr {
    match all.pop() {
        Some(only) if all.is_empty() => only,
        Some(last) => {
            all.push(last);
            join(all)
        }
        None => unreachable!("a group is closed only after an element"),
    }
}
