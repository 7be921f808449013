//! Text to tree. Nesting is kept on stacks of our own, so no input can overflow the program's; `depth` counts what upstream's
//! recursive descent would count, one for each production it would be in, so that the limit is reached by the same texts.

use super::lex::Cursor;
use super::{Check, Cmp, Expr, MAX_DEPTH, Modifier, Op, OpKind, Operand, Pos, Right, Transformer};

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

/// A transformer or a tuple whose elements are being read.
struct Open {
    /// `None` for a tuple.
    transformer: Option<Transformer>,
    pos: Pos,
    depth: usize,
    items: Vec<Operand>,
    arg: bool,
}

/// What an element of a transformer or tuple turns out to be.
enum Element {
    Whole(Operand),
    Opens(Open),
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

    /// A comparison or an identifier.
    fn check(&mut self, pos: Pos, depth: usize) -> Result<Expr, SyntaxError> {
        let left = if self.cursor.field_name() {
            self.field(pos, depth + 1)?
        } else if let Some(name) = self.transformer(&Transformer::ALL[1..]) {
            self.transform(name, pos, depth + 1, true)?
        } else if self.cursor.identifier() {
            return Ok(Expr::Ident(self.cursor.last_text(), pos));
        } else {
            return Err(self
                .cursor
                .error("expected a '(' token, a field check, or an identifier"));
        };
        self.guard(depth + 1)?;
        self.cursor.blank();
        let (op, right) = self.condition(depth + 2)?;
        Ok(Expr::Check(Box::new(Check {
            left,
            op,
            right,
            pos,
        })))
    }

    fn condition(&mut self, depth: usize) -> Result<(Op, Right), SyntaxError> {
        let Some(cmp) = Cmp::ALL.iter().copied().find(|cmp| match cmp.name() {
            word if cmp.kind() == OpKind::Text
                && word.starts_with(|c: char| c.is_ascii_alphabetic()) =>
            {
                self.cursor.word(word)
            }
            symbol => self.cursor.literal(symbol),
        }) else {
            return Err(self.cursor.error(format!(
                "expected a valid check operator: one of {}",
                quoted_names(Cmp::ALL, Cmp::name)
            )));
        };
        let mut modifier = None;
        let right = match cmp.kind() {
            OpKind::Unary => Right::Nothing,
            OpKind::Number => self.number(depth)?,
            OpKind::List => self.list_or_operand(depth)?,
            OpKind::Text => {
                modifier = self.modifier(cmp);
                if modifier.is_some() {
                    self.list_or_name(depth)?
                } else {
                    self.text_or_operand(depth)?
                }
            }
        };
        Ok((Op { cmp, modifier }, right))
    }

    /// Takes a modifier if one stands here and a list follows; else it is a plain text that happens to be such a word.
    fn modifier(&mut self, cmp: Cmp) -> Option<Modifier> {
        let blank =
            self.cursor.blank() || cmp.name().starts_with(|c: char| c.is_ascii_alphabetic());
        if !blank {
            return None;
        }
        let before = self.cursor.clone();
        let modifier = Modifier::ALL
            .iter()
            .copied()
            .find(|modifier| self.cursor.word(modifier.name()));
        if modifier.is_some() && self.cursor.list_follows() {
            return modifier;
        }
        self.cursor = before;
        None
    }

    fn number(&mut self, depth: usize) -> Result<Right, SyntaxError> {
        self.guard(depth)?;
        self.cursor.blank();
        let pos = self.cursor.pos;
        if let Some(operand) = self.right_operand(depth + 1)? {
            return Ok(Right::Operand(operand));
        }
        if self.cursor.number() {
            return Ok(Right::Value(self.cursor.last.clone(), pos));
        }
        Err(self.expected_or_transformer("a number value or"))
    }

    fn text_or_operand(&mut self, depth: usize) -> Result<Right, SyntaxError> {
        self.guard(depth)?;
        self.cursor.blank();
        let pos = self.cursor.pos;
        if let Some(operand) = self.right_operand(depth + 1)? {
            return Ok(Right::Operand(operand));
        }
        if self.cursor.quoted()? || self.cursor.bare() {
            return Ok(Right::Value(self.cursor.last.clone(), pos));
        }
        Err(self.expected_or_transformer("a string value or"))
    }

    fn list_or_operand(&mut self, depth: usize) -> Result<Right, SyntaxError> {
        self.guard(depth)?;
        self.cursor.blank();
        let pos = self.cursor.pos;
        if let Some(list) = self.list(depth + 1)? {
            return Ok(list);
        }
        if let Some(operand) = self.right_operand(depth + 1)? {
            return Ok(Right::Operand(operand));
        }
        if self.cursor.identifier() {
            return Ok(Right::Value(self.cursor.last.clone(), pos));
        }
        Err(self.expected_or_transformer("a list, an identifier, or"))
    }

    fn list_or_name(&mut self, depth: usize) -> Result<Right, SyntaxError> {
        self.guard(depth)?;
        self.cursor.blank();
        let pos = self.cursor.pos;
        if let Some(list) = self.list(depth + 1)? {
            return Ok(list);
        }
        if self.cursor.identifier() {
            return Ok(Right::Value(self.cursor.last.clone(), pos));
        }
        Err(self.cursor.error("expected a list or an identifier"))
    }

    /// Literals in parentheses, if a parenthesis opens here.
    fn list(&mut self, depth: usize) -> Result<Option<Right>, SyntaxError> {
        let pos = self.cursor.pos;
        if !self.cursor.literal("(") {
            return Ok(None);
        }
        self.guard(depth)?;
        self.cursor.blank();
        let mut items = Vec::new();
        if self.cursor.quoted()? || self.cursor.bare() {
            items.push(self.cursor.last.clone());
            self.cursor.blank();
            while self.cursor.literal(",") {
                self.cursor.blank();
                if !self.cursor.quoted()? && !self.cursor.bare() {
                    return Err(self.cursor.error("expected a string value"));
                }
                items.push(self.cursor.last.clone());
                self.cursor.blank();
            }
        }
        if !self.cursor.literal(")") {
            return Err(self.cursor.error("expected a ')' token"));
        }
        Ok(Some(Right::List(items, pos)))
    }

    /// `val(field)` or a transformer, if one stands here.
    fn right_operand(&mut self, depth: usize) -> Result<Option<Operand>, SyntaxError> {
        self.guard(depth)?;
        self.cursor.blank();
        let pos = self.cursor.pos;
        let Some(name) = self.transformer(Transformer::ALL) else {
            return Ok(None);
        };
        if name != Transformer::Val {
            return self.transform(name, pos, depth + 1, true).map(Some);
        }
        self.cursor.blank();
        let field_pos = self.cursor.pos;
        if !self.cursor.field_name() {
            return Err(self
                .cursor
                .error("expected a field within 'val' transformer"));
        }
        let args = vec![self.field(field_pos, depth + 1)?];
        self.cursor.blank();
        if !self.cursor.literal(")") {
            return Err(self
                .cursor
                .error("expected a ')' token closing the transformer"));
        }
        Ok(Some(Operand::Transform {
            name,
            args,
            arg: self.optional_arg()?,
            pos,
        }))
    }

    /// Takes the name of a transformer and the parenthesis after it.
    fn transformer(&mut self, names: &[Transformer]) -> Option<Transformer> {
        let cursor = &mut self.cursor;
        names.iter().copied().find(|t| {
            cursor.followed_by(t.name(), b'(') && cursor.literal(t.name()) && cursor.literal("(")
        })
    }

    /// The rest of a field whose name is the last token.
    fn field(&mut self, pos: Pos, depth: usize) -> Result<Operand, SyntaxError> {
        self.guard(depth)?;
        let name = self.cursor.last_text();
        Ok(Operand::Field {
            name,
            arg: self.optional_arg()?,
            pos,
        })
    }

    fn optional_arg(&mut self) -> Result<Option<String>, SyntaxError> {
        if !self.cursor.literal("[") {
            return Ok(None);
        }
        if !self.cursor.quoted()? && !self.cursor.bare_arg() {
            return Err(self
                .cursor
                .error("expected a valid field argument: a quoted string or a bare string"));
        }
        let Ok(arg) = String::from_utf8(self.cursor.last.clone()) else {
            return Err(self
                .cursor
                .error("expected a valid field argument: it is not UTF-8 text"));
        };
        if !self.cursor.literal("]") {
            return Err(self.cursor.error("expected a ']' token"));
        }
        Ok(Some(arg))
    }

    /// The rest of a transformer after its opening parenthesis; with `arg` also what follows in brackets.
    fn transform(
        &mut self,
        name: Transformer,
        pos: Pos,
        depth: usize,
        arg: bool,
    ) -> Result<Operand, SyntaxError> {
        self.guard(depth)?;
        self.cursor.blank();
        let mut stack = vec![Open {
            transformer: Some(name),
            pos,
            depth,
            items: Vec::new(),
            arg,
        }];
        loop {
            let Some(open) = stack.last() else {
                unreachable!("it returns when the first is complete")
            };
            let mut whole = match self.element(open)? {
                Element::Opens(inner) => {
                    if inner.transformer.is_none() && self.cursor.literal(")") {
                        Operand::List(Vec::new(), inner.pos)
                    } else {
                        stack.push(inner);
                        continue;
                    }
                }
                Element::Whole(operand) => operand,
            };
            // Close what this element was the last of.
            loop {
                let Some(open) = stack.last_mut() else {
                    return Ok(whole);
                };
                open.items.push(whole);
                self.cursor.blank();
                if self.cursor.literal(",") {
                    break;
                }
                whole = self.close(&mut stack)?;
            }
        }
    }

    /// Takes the closing parenthesis of the innermost transformer or tuple.
    fn close(&mut self, stack: &mut Vec<Open>) -> Result<Operand, SyntaxError> {
        let Some(Open {
            transformer,
            pos,
            items,
            arg,
            ..
        }) = stack.pop()
        else {
            unreachable!("there is one to close")
        };
        let Some(name) = transformer else {
            if !self.cursor.literal(")") {
                return Err(self.cursor.error("expected ')'"));
            }
            return Ok(Operand::List(items, pos));
        };
        if !self.cursor.literal(")") {
            return Err(self
                .cursor
                .error("expected a ')' token closing the transformer"));
        }
        let arg = if arg { self.optional_arg()? } else { None };
        Ok(Operand::Transform {
            name,
            args: items,
            arg,
            pos,
        })
    }

    /// One element of a transformer or of a tuple. The elements of a tuple bear the position of the tuple.
    fn element(&mut self, open: &Open) -> Result<Element, SyntaxError> {
        let tuple = open.transformer.is_none();
        let pos = if tuple { open.pos } else { self.cursor.pos };
        let depth = if tuple { open.depth } else { open.depth + 1 };
        self.guard(depth)?;
        self.cursor.blank();
        if self.cursor.number() || self.cursor.quoted()? {
            return Ok(Element::Whole(Operand::Value(
                self.cursor.last.clone(),
                pos,
            )));
        }
        if !tuple && self.cursor.literal("(") {
            self.cursor.blank();
            return Ok(Element::Opens(Open {
                transformer: None,
                pos,
                depth,
                items: Vec::new(),
                arg: false,
            }));
        }
        if let Some(name) = self.transformer(&Transformer::ALL[1..]) {
            self.guard(depth + 1)?;
            self.cursor.blank();
            return Ok(Element::Opens(Open {
                transformer: Some(name),
                pos,
                depth: depth + 1,
                items: Vec::new(),
                arg: true,
            }));
        }
        if self.cursor.field_name() {
            return Ok(Element::Whole(self.field(pos, depth + 1)?));
        }
        Err(self.cursor.error(if tuple {
            "expected transformer list argument: field, transformer, quoted string, or number"
        } else {
            "expected field transformer argument: field, transformer, quoted string, number, or transformer list"
        }))
    }

    fn expected_or_transformer(&self, what: &str) -> SyntaxError {
        let names = quoted_names(Transformer::ALL, Transformer::name);
        self.cursor.error(format!(
            "expected {what} a field with a valid transformer: {names}"
        ))
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

fn quoted_names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> String {
    all.iter()
        .map(|&t| format!("'{}'", name(t)))
        .collect::<Vec<_>>()
        .join(", ")
}
