//! Output templates: `Shell started by %user.name (%proc.cmdline)`.
//!
//! A token is `%`, perhaps a width, and the longest text that is a field or a transformer over fields: `%proc.namex` is the name of the
//! process and an `x`. There is no way to write a `%` for itself.

use std::collections::BTreeMap;
use std::io::Write;

use falco_filter::ast::{self, parse_operand_prefix};
use falco_filter::{Catalog, Compiler, Operand, Print, Type, Value, Values};
use serde_json::Value as Json;

/// Fields whose JSON form is the time of the event in nanoseconds.
const TIMES: [&str; 5] = [
    "evt.time",
    "evt.time.s",
    "evt.time.iso8601",
    "evt.datetime",
    "evt.datetime.s",
];

/// A parsed template.
#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
    /// Whether what is missing is shown as `<NA>`; else rendering ends there.
    lenient: bool,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Field(Token),
}

#[derive(Debug)]
struct Token {
    operand: Operand,
    /// In bytes; 0 for as long as it is.
    width: usize,
    /// The fields in it that JSON shows: itself, or what its transformers work on.
    fields: Vec<Shown>,
    /// Names as listings have them: fields, then transformers over them.
    names: Vec<String>,
}

#[derive(Debug)]
struct Shown {
    name: String,
    operand: Operand,
    is_time: bool,
}

/// Why a text is no template, in upstream's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What is wrong.
    pub message: &'static str,
    /// Where: the `%` in the text.
    pub at: usize,
}

impl Template {
    /// Parses a template. With a `*` at its front, missing values are shown as `<NA>`; else they end the text.
    ///
    /// # Errors
    /// An empty text, or a `%` that is not followed by a field.
    pub fn parse(text: &str, catalog: &mut dyn Catalog) -> Result<Template, TemplateError> {
        match text.strip_prefix('*') {
            Some(rest) => {
                Template::lenient(rest, catalog).map_err(|e| TemplateError { at: e.at + 1, ..e })
            }
            None => Template::with(text, false, catalog),
        }
    }

    /// Parses the template of a rule: missing values are shown as `<NA>`.
    ///
    /// # Errors
    /// An empty text, or a `%` that is not followed by a field.
    pub fn lenient(text: &str, catalog: &mut dyn Catalog) -> Result<Template, TemplateError> {
        Template::with(text, true, catalog)
    }

    fn with(
        text: &str,
        lenient: bool,
        catalog: &mut dyn Catalog,
    ) -> Result<Template, TemplateError> {
        let fail = |message, at| Err(TemplateError { message, at });
        if text.is_empty() {
            return fail("empty formatting token", 0);
        }
        let compiler = Compiler::new();
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            let at = text.len() - after.len() - 1;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            if after.is_empty() {
                return fail(
                    "invalid formatting syntax: formatting cannot end with a %",
                    at,
                );
            }
            let token = after.trim_start_matches(|c: char| c.is_ascii_digit());
            if token.is_empty() {
                return fail(
                    "invalid formatting syntax: formatting cannot end with a number",
                    at,
                );
            }
            let width = after.get(..after.len() - token.len()).unwrap_or("");
            let found = parse_operand_prefix(token, |ast| {
                let operand = compiler.operand(&ast, catalog).ok()?;
                Some((ast, operand))
            });
            let Some(((ast, operand), length)) = found else {
                return fail("unknown filter: unexpected token after '", at);
            };
            let mut names = Vec::new();
            list_names(&ast, &mut names);
            parts.push(Part::Field(Token {
                fields: shown_fields(&ast, &compiler, catalog),
                operand,
                // More than this no alert has room for.
                width: if width.is_empty() {
                    0
                } else {
                    width.parse().unwrap_or(MAX_WIDTH).min(MAX_WIDTH)
                },
                names,
            }));
            rest = token.get(length..).unwrap_or("");
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Template { parts, lenient })
    }

    /// Adds the text to `out`. Whether every value was there (or is allowed to be missing); if not, the text ends before it.
    pub fn render<'e>(&self, values: &impl Values<'e>, out: &mut Vec<u8>) -> bool {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Field(token) => {
                    let start = out.len();
                    if !token
                        .operand
                        .shown(values)
                        .is_some_and(|value| print(&token.operand, value, out))
                    {
                        out.truncate(start);
                        if !self.lenient {
                            return false;
                        }
                        out.extend_from_slice(b"<NA>");
                    }
                    if token.width > 0 {
                        out.resize(start + token.width, b' ');
                    }
                }
            }
        }
        true
    }

    /// Adds the values of its fields to `out`, typed: numbers and booleans as such, what is missing as null. Whether every value was there
    /// or is allowed to be missing; if not, only those before it are in. `time_ns` is the time of the event.
    pub fn fields<'e>(
        &self,
        values: &impl Values<'e>,
        time_ns: u64,
        out: &mut BTreeMap<String, Json>,
    ) -> bool {
        for shown in self.tokens().flat_map(|token| &token.fields) {
            let value = if shown.is_time {
                Some(time_ns.into())
            } else {
                shown
                    .operand
                    .shown(values)
                    .and_then(|value| json(&shown.operand, value))
            };
            if value.is_none() && !self.lenient {
                return false;
            }
            out.insert(shown.name.clone(), value.unwrap_or(Json::Null));
        }
        true
    }

    /// The names of its fields, in the order of the text; of a transformer its fields, then itself.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tokens()
            .flat_map(|token| token.names.iter().map(String::as_str))
    }

    fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.parts.iter().filter_map(|part| match part {
            Part::Field(token) => Some(token),
            Part::Text(_) => None,
        })
    }
}

const MAX_WIDTH: usize = 64 * 1024;

/// The fields under an operand, each compiled for itself.
fn shown_fields(ast: &ast::Operand, compiler: &Compiler, catalog: &mut dyn Catalog) -> Vec<Shown> {
    let mut found = Vec::new();
    match ast {
        ast::Operand::Field { .. } => {
            if let Ok(operand) = compiler.operand(ast, catalog) {
                let name = ast.to_string();
                let is_time = TIMES.contains(&name.as_str());
                found.push(Shown {
                    name,
                    operand,
                    is_time,
                });
            }
        }
        ast::Operand::Transform { args, .. } | ast::Operand::List(args, _) => {
            for arg in args {
                found.extend(shown_fields(arg, compiler, catalog));
            }
        }
        ast::Operand::Value(..) => {}
    }
    found
}

/// Upstream lists a transformer within another only if something follows it there.
fn list_names(ast: &ast::Operand, names: &mut Vec<String>) {
    match ast {
        ast::Operand::Field { .. } => names.push(ast.to_string()),
        ast::Operand::Transform { .. } => {
            list_arguments(ast, names);
            names.push(unquoted(ast));
        }
        ast::Operand::List(..) | ast::Operand::Value(..) => {}
    }
}

fn list_arguments(ast: &ast::Operand, names: &mut Vec<String>) {
    let (ast::Operand::Transform { args, .. } | ast::Operand::List(args, _)) = ast else {
        return list_names(ast, names);
    };
    for (index, arg) in args.iter().enumerate() {
        if index + 1 < args.len() {
            list_names(arg, names);
        } else {
            list_arguments(arg, names);
        }
    }
}

/// The text of an operand with its constants as they are, without quotes.
fn unquoted(ast: &ast::Operand) -> String {
    let list = |items: &[ast::Operand]| items.iter().map(unquoted).collect::<Vec<_>>().join(",");
    match ast {
        ast::Operand::Field { .. } => ast.to_string(),
        ast::Operand::Transform {
            name, args, arg, ..
        } => {
            let arg = arg
                .as_deref()
                .map_or(String::new(), |arg| format!("[{arg}]"));
            format!("{name}({}){arg}", list(args))
        }
        ast::Operand::Value(value, _) => String::from_utf8_lossy(value).into_owned(),
        ast::Operand::List(items, _) => format!("({})", list(items)),
    }
}

/// Writes a value. Whether it has a written form: numbers made by a transformer have none.
fn print(operand: &Operand, value: Value<'_>, out: &mut Vec<u8>) -> bool {
    if matches!(operand.ty(), Type::IpNet | Type::Ipv4Net | Type::Ipv6Net) {
        out.extend_from_slice(b"<IPNET>");
        return true;
    }
    match value {
        Value::Int(_) | Value::Uint(_)
            if operand.print() == Print::Natural && !operand.is_plain() =>
        {
            false
        }
        Value::List(items) => {
            out.push(b'(');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                print(operand, *item, out);
            }
            out.push(b')');
            true
        }
        Value::Any(values) | Value::Ends(values) => values
            .first()
            .is_some_and(|value| print(operand, *value, out)),
        value => {
            print_scalar(operand.print(), value, out);
            true
        }
    }
}

fn print_scalar(form: Print, value: Value<'_>, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = match (value, form) {
        (Value::Int(n), Print::Hex) => write!(out, "{n:X}"),
        (Value::Uint(n), Print::Hex) => write!(out, "{n:X}"),
        (Value::Int(n), Print::Oct) => write!(out, "{n:o}"),
        (Value::Uint(n), Print::Oct) => write!(out, "{n:o}"),
        (Value::Int(n), Print::PaddedDec) => write!(out, "{n:09}"),
        (Value::Uint(n), Print::PaddedDec) => write!(out, "{n:09}"),
        (Value::Int(n), _) => write!(out, "{n}"),
        (Value::Uint(n), _) => write!(out, "{n}"),
        (Value::Bool(b), _) => write!(out, "{b}"),
        (Value::Double(d), _) => write!(out, "{d:.1}"),
        (Value::Ip(ip), _) => write!(out, "{ip}"),
        (Value::Str(bytes), _) => out.write_all(bytes),
        (Value::Bytes(bytes), _) => {
            out.extend(bytes.iter().map(|&b| {
                if b == b' ' || b.is_ascii_graphic() {
                    b
                } else {
                    b'.'
                }
            }));
            Ok(())
        }
        (Value::List(_) | Value::Any(_) | Value::Ends(_), _) => Ok(()),
    };
}

fn json(operand: &Operand, value: Value<'_>) -> Option<Json> {
    let natural = matches!(
        operand.print(),
        Print::Dec | Print::Id | Print::Natural | Print::PaddedDec
    );
    match value {
        Value::Int(n) if natural => Some(n.into()),
        Value::Uint(n) if natural => Some(n.into()),
        Value::Bool(b) => Some(b.into()),
        Value::Double(d) => Some(d.into()),
        value => {
            let mut text = Vec::new();
            print(operand, value, &mut text)
                .then(|| String::from_utf8_lossy(&text).into_owned().into())
        }
    }
}
