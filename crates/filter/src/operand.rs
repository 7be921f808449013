//! What gives a value: a field, or transformers over fields.

use std::fmt::Write;

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use crate::ast::{self, Transformer};
use crate::{Catalog, Field, FieldError, Print, Slot, Type, Value, Values};

mod getopt;

/// A compiled field or transformer.
#[derive(Clone, Debug)]
pub struct Operand {
    pub(crate) node: Node,
    ty: Type,
    list: bool,
    rhs: bool,
    /// The first field's name as messages show it.
    label: String,
    /// Print form of the field that transformers are applied to.
    print: Print,
    fields: Vec<Field>,
    /// Whether literals are checked by the catalogue: the one field under a chain of one-argument transformers.
    pub(crate) checked: Option<Field>,
}

/// How a value is computed.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) enum Node {
    Field(Slot),
    Text(Box<[u8]>),
    /// Elements, each with the form in which it is shown if it is a number.
    Tuple(Box<[(Node, Print)]>),
    Unary(Unary, Box<Node>),
    Join(Box<[Node; 2]>),
    Concat(Box<[Node]>),
    /// With the option that is asked for.
    Getopt(Box<[Node; 2]>, Option<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub(crate) enum Unary {
    Lower,
    Upper,
    Base64,
    Basename,
    Len,
}

impl Operand {
    /// Its value; `None` if a field in it has none, or what it has cannot be transformed.
    pub fn value<'e>(&self, values: &impl Values<'e>) -> Option<Value<'e>> {
        self.node.value(values)
    }

    /// What an output shows of it.
    pub fn shown<'e>(&self, values: &impl Values<'e>) -> Option<Value<'e>> {
        match self.node {
            Node::Field(slot) => values.shown(slot),
            _ => self.value(values),
        }
    }

    /// The fields in it, from left to right.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether it is a field and nothing else.
    pub fn is_plain(&self) -> bool {
        matches!(self.node, Node::Field(_))
    }

    /// What its value (for a list: each element) is.
    pub fn ty(&self) -> Type {
        self.ty
    }

    /// Whether its value is a list.
    pub fn is_list(&self) -> bool {
        self.list
    }

    /// How its numbers are shown: as those of the field under the transformers.
    pub fn print(&self) -> Print {
        self.print
    }

    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Whether it may be on the right-hand side.
    pub(crate) fn rhs(&self) -> bool {
        self.rhs
    }

    /// Resolves names and checks types. Errors are whole messages in upstream's words.
    pub(crate) fn compile(
        ast: &ast::Operand,
        catalog: &mut dyn Catalog,
    ) -> Result<Operand, String> {
        match ast {
            ast::Operand::Field { name, arg, .. } => {
                let field = catalog
                    .field(name, arg.as_deref())
                    .map_err(|FieldError(message)| message)?;
                Ok(Operand {
                    node: Node::Field(field.slot),
                    ty: field.ty,
                    list: field.list,
                    rhs: field.rhs,
                    label: catalog.label(name).to_owned(),
                    print: field.print,
                    fields: vec![field],
                    checked: Some(field),
                })
            }
            ast::Operand::Value(text, _) => Ok(Operand::computed(
                Node::Text(text.as_slice().into()),
                false,
                Vec::new(),
            )),
            ast::Operand::List(items, _) => {
                let items = Self::compile_all(items, catalog)?;
                let fields = fields_of(&items);
                Ok(Operand::computed(
                    Node::Tuple(
                        items
                            .into_iter()
                            .map(|item| (item.node, item.print))
                            .collect(),
                    ),
                    true,
                    fields,
                ))
            }
            ast::Operand::Transform {
                name, args, arg, ..
            } => Self::transform(*name, Self::compile_all(args, catalog)?, arg.as_deref()),
        }
    }

    fn compile_all(
        asts: &[ast::Operand],
        catalog: &mut dyn Catalog,
    ) -> Result<Vec<Operand>, String> {
        asts.iter().map(|ast| Self::compile(ast, catalog)).collect()
    }

    /// A text, or a list of texts, that no single field stands behind.
    fn computed(node: Node, list: bool, fields: Vec<Field>) -> Operand {
        Operand {
            node,
            ty: Type::CharBuf,
            list,
            rhs: true,
            label: "NA".to_owned(),
            print: Print::Natural,
            fields,
            checked: None,
        }
    }

    fn transform(
        name: Transformer,
        mut args: Vec<Operand>,
        arg: Option<&str>,
    ) -> Result<Operand, String> {
        if args.len() > 1 {
            return Self::transform_many(name, args, arg);
        }
        let Some(operand) = args.pop() else {
            return Err(format!(
                "filter error: found null child node on '{name}' transformer"
            ));
        };
        if arg.is_some() {
            return Err(format!(
                "filter error: transformer '{name}' does not support field arguments"
            ));
        }
        match name {
            Transformer::Val => Ok(operand),
            Transformer::Tolower => operand.unary(Unary::Lower, name),
            Transformer::Toupper => operand.unary(Unary::Upper, name),
            Transformer::B64 => operand.unary(Unary::Base64, name),
            Transformer::Basename => operand.unary(Unary::Basename, name),
            Transformer::Len => operand.unary(Unary::Len, name),
            // The spelling is upstream's.
            Transformer::Join | Transformer::Concat | Transformer::Getopt => {
                Err(format!("unknown field transfomer '{name}'"))
            }
        }
    }

    fn unary(mut self, function: Unary, name: Transformer) -> Result<Operand, String> {
        if self.fields.iter().any(|field| !field.transform) && self.checked.is_some() {
            return Err(format!(
                "field '{}' does not support transformers",
                self.label
            ));
        }
        let text = matches!(self.ty, Type::CharBuf | Type::FsPath | Type::FsRelPath);
        let fits = match function {
            Unary::Lower | Unary::Upper | Unary::Basename => text,
            Unary::Base64 => matches!(self.ty, Type::CharBuf | Type::ByteBuf),
            Unary::Len => self.list || text || self.ty == Type::ByteBuf,
        };
        if !fits {
            return Err(format!(
                "can't add field transformer: type '{}' is not supported by '{name}' transformer applied on {}field '{}'",
                self.ty.name(),
                if self.list { "list " } else { "" },
                self.label
            ));
        }
        if function == Unary::Len {
            self.ty = Type::Uint64;
            self.list = false;
        }
        self.node = Node::Unary(function, Box::new(self.node));
        Ok(self)
    }

    fn transform_many(
        name: Transformer,
        args: Vec<Operand>,
        arg: Option<&str>,
    ) -> Result<Operand, String> {
        let fields = fields_of(&args);
        let is_text = |operand: &Operand| operand.ty == Type::CharBuf;
        let check = |ok: bool, message: &str| {
            if ok {
                Ok(())
            } else {
                Err(format!("{name}() {message}"))
            }
        };
        let operand = match name {
            Transformer::Join => {
                let [separator, list] =
                    two(args).ok_or("join() requires exactly 2 arguments: separator and list")?;
                check(
                    !separator.list,
                    "first argument (separator) must be a single value, not a list",
                )?;
                check(list.list, "second argument must be a list")?;
                Operand::computed(
                    Node::Join(Box::new([separator.node, list.node])),
                    false,
                    fields,
                )
            }
            Transformer::Concat => {
                check(
                    args.iter().all(|a| is_text(a) && !a.list),
                    "arguments must be strings",
                )?;
                Operand::computed(
                    Node::Concat(args.into_iter().map(|a| a.node).collect()),
                    false,
                    fields,
                )
            }
            Transformer::Getopt => {
                let [list, options] = two(args)
                    .ok_or("getopt() requires exactly 2 arguments: args list and optstring")?;
                check(list.list, "first argument must be a list")?;
                check(
                    !options.list,
                    "second argument (optstring) must be a single value",
                )?;
                check(
                    is_text(&list) && is_text(&options),
                    "arguments must be strings",
                )?;
                let selected = match arg.map(str::as_bytes) {
                    None => None,
                    Some(&[option]) => Some(option),
                    Some(_) => {
                        return Err(
                            "getopt() field argument must be a single option character".to_owned()
                        );
                    }
                };
                return Ok(Operand::computed(
                    Node::Getopt(Box::new([list.node, options.node]), selected),
                    selected.is_none(),
                    fields,
                ));
            }
            _ => return Err("unknown multivalue transformer".to_owned()),
        };
        if arg.is_some() {
            return Err(format!(
                "transformer '{name}' does not support field arguments"
            ));
        }
        Ok(operand)
    }
}

fn two(args: Vec<Operand>) -> Option<[Operand; 2]> {
    args.try_into().ok()
}

fn fields_of(operands: &[Operand]) -> Vec<Field> {
    operands
        .iter()
        .flat_map(|operand| operand.fields.iter().copied())
        .collect()
}

impl Node {
    pub(crate) fn value<'e>(&self, values: &impl Values<'e>) -> Option<Value<'e>> {
        match self {
            Node::Field(slot) => values.value(*slot),
            _ => self.computed(values),
        }
    }

    /// Nesting is bounded by the parser.
    fn computed<'e>(&self, values: &impl Values<'e>) -> Option<Value<'e>> {
        let arena = values.arena();
        Some(match self {
            Node::Field(slot) => return values.value(*slot),
            Node::Text(text) => Value::Str(arena.alloc_slice_copy(text)),
            Node::Tuple(items) => {
                let mut all = ArenaVec::new_in(arena);
                for (item, print) in items {
                    match item.value(values)? {
                        Value::List(elements) => all.extend_from_slice(elements),
                        element => all.push(Value::Str(text_of(element, *print, arena))),
                    }
                }
                Value::List(all.into_bump_slice())
            }
            Node::Unary(function, inner) => function.apply(inner.value(values)?, arena)?,
            Node::Join(args) => {
                let separator = text_of(args[0].value(values)?, Print::Natural, arena);
                let Value::List(elements) = args[1].value(values)? else {
                    return None;
                };
                let mut out = ArenaVec::new_in(arena);
                for (i, element) in elements.iter().enumerate() {
                    if i > 0 {
                        out.extend_from_slice(separator);
                    }
                    out.extend_from_slice(text_of(*element, Print::Natural, arena));
                }
                Value::Str(out.into_bump_slice())
            }
            Node::Concat(args) => {
                let mut out = ArenaVec::new_in(arena);
                for arg in args {
                    out.extend_from_slice(text_of(arg.value(values)?, Print::Natural, arena));
                }
                Value::Str(out.into_bump_slice())
            }
            Node::Getopt(args, selected) => {
                let Value::Str(options) = args[1].value(values)? else {
                    return None;
                };
                let Value::List(words) = args[0].value(values)? else {
                    return None;
                };
                return getopt::getopt(words, options, *selected, arena);
            }
        })
    }
}

impl Unary {
    fn apply<'e>(self, value: Value<'e>, arena: &'e Bump) -> Option<Value<'e>> {
        match (self, value) {
            (Unary::Len, Value::List(elements)) => Some(Value::Uint(elements.len() as u64)),
            (Unary::Len, Value::Str(text) | Value::Bytes(text)) => {
                Some(Value::Uint(text.len() as u64))
            }
            (Unary::Len, _) => None,
            (_, Value::List(elements)) => {
                let mut out = ArenaVec::with_capacity_in(elements.len(), arena);
                for element in elements {
                    out.push(self.apply(*element, arena)?);
                }
                Some(Value::List(out.into_bump_slice()))
            }
            (_, Value::Str(text)) => Some(Value::Str(self.text(text, arena)?)),
            (_, Value::Bytes(text)) => Some(Value::Bytes(self.text(text, arena)?)),
            _ => None,
        }
    }

    fn text<'e>(self, text: &'e [u8], arena: &'e Bump) -> Option<&'e [u8]> {
        Some(match self {
            Unary::Lower => {
                arena.alloc_slice_fill_with(text.len(), |i| text[i].to_ascii_lowercase())
            }
            Unary::Upper => {
                arena.alloc_slice_fill_with(text.len(), |i| text[i].to_ascii_uppercase())
            }
            Unary::Basename => text.rsplit(|&b| b == b'/').next().unwrap_or(text),
            Unary::Base64 => return decode_base64(text, arena),
            Unary::Len => return None,
        })
    }
}

/// Up to two `=` at the end may be there or not; anything else that is not of the alphabet makes the text undecodable.
fn decode_base64<'e>(text: &[u8], arena: &'e Bump) -> Option<&'e [u8]> {
    let end = text.len()
        - text
            .iter()
            .rev()
            .take(2)
            .take_while(|&&b| b == b'=')
            .count();
    let (digits, _) = text.split_at(end);
    if digits.len() % 4 == 1 || (digits.is_empty() && !text.is_empty()) {
        return None;
    }
    let mut out = ArenaVec::with_capacity_in(digits.len() / 4 * 3 + 2, arena);
    for group in digits.chunks(4) {
        let mut bits = 0u32;
        for &digit in group {
            let six = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(six);
        }
        bits <<= 6 * (4 - group.len());
        out.extend(bits.to_be_bytes().into_iter().skip(1).take(group.len() - 1));
    }
    Some(out.into_bump_slice())
}

/// The text of an element of a tuple.
fn text_of<'e>(value: Value<'e>, print: Print, arena: &'e Bump) -> &'e [u8] {
    let mut out = bumpalo::collections::String::new_in(arena);
    let written = match (value, print) {
        (Value::Str(text) | Value::Bytes(text), _) => return text,
        (Value::Bool(b), _) => return if b { b"true" } else { b"false" },
        (Value::Int(n), Print::Hex) => write!(out, "{n:X}"),
        (Value::Uint(n), Print::Hex) => write!(out, "{n:X}"),
        (Value::Int(n), Print::Oct) => write!(out, "{n:o}"),
        (Value::Uint(n), Print::Oct) => write!(out, "{n:o}"),
        (Value::Int(n), Print::PaddedDec) => write!(out, "{n:09}"),
        (Value::Uint(n), Print::PaddedDec) => write!(out, "{n:09}"),
        (Value::Int(n), _) => write!(out, "{n}"),
        (Value::Uint(n), _) => write!(out, "{n}"),
        (Value::Double(n), _) => write!(out, "{n:.1}"),
        (Value::Ip(ip), _) => write!(out, "{ip}"),
        (Value::List(_) | Value::Any(_) | Value::Ends(_), _) => Ok(()),
    };
    debug_assert!(written.is_ok(), "writing to memory does not fail");
    out.into_bump_str().as_bytes()
}
