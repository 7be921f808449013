//! Fields and transformers.

use super::{Parser, SyntaxError};
use crate::ast::{Operand, Pos, Transformer};

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

impl Parser<'_> {
    /// `val(field)` or a transformer, if one stands here.
    pub(super) fn right_operand(&mut self, depth: usize) -> Result<Option<Operand>, SyntaxError> {
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
    pub(super) fn transformer(&mut self, names: &[Transformer]) -> Option<Transformer> {
        let cursor = &mut self.cursor;
        names.iter().copied().find(|t| {
            cursor.followed_by(t.name(), b'(') && cursor.literal(t.name()) && cursor.literal("(")
        })
    }

    /// The rest of a field whose name is the last token.
    pub(super) fn field(&mut self, pos: Pos, depth: usize) -> Result<Operand, SyntaxError> {
        self.guard(depth)?;
        let name = self.cursor.last_text();
        Ok(Operand::Field {
            name,
            arg: self.optional_arg()?,
            pos,
        })
    }

    pub(super) fn optional_arg(&mut self) -> Result<Option<String>, SyntaxError> {
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
    pub(super) fn transform(
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
}
