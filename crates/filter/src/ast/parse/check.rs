//! Comparisons: an operator and what it takes on its right.

use std::sync::Arc;

use super::{Parser, SyntaxError};
use crate::ast::{Check, Cmp, Expr, Modifier, Op, OpKind, Pos, Right, Transformer};

impl Parser<'_> {
    /// A comparison or an identifier.
    pub(super) fn check(&mut self, pos: Pos, depth: usize) -> Result<Expr, SyntaxError> {
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
        Ok(Expr::Check(Arc::new(Check {
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

    fn expected_or_transformer(&self, what: &str) -> SyntaxError {
        let names = quoted_names(Transformer::ALL, Transformer::name);
        self.cursor.error(format!(
            "expected {what} a field with a valid transformer: {names}"
        ))
    }
}

fn quoted_names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> String {
    all.iter()
        .map(|&t| format!("'{}'", name(t)))
        .collect::<Vec<_>>()
        .join(", ")
}
