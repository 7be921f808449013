//! The result of loading one file, and upstream's two ways of showing it: text and JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::diag::{Context, Diagnostic, Severity};

/// How far a snippet goes to each side.
const SNIPPET_HALF: usize = 80;

/// What loading a file brought.
#[derive(Clone, Debug)]
pub struct LoadResult {
    /// The name of the file.
    pub name: String,
    /// Why the rules cannot be used. Upstream stops at the first, so do we.
    pub errors: Vec<Diagnostic>,
    /// What is doubtful.
    pub warnings: Vec<Diagnostic>,
    /// What the schema of rules files says of each document: `ok` or the ways in which it fails. Empty if there is no document.
    pub schema: Vec<String>,
}

impl LoadResult {
    pub(crate) fn new(name: &str) -> LoadResult {
        LoadResult {
            name: name.to_owned(),
            errors: Vec::new(),
            warnings: Vec::new(),
            schema: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, diagnostic: Diagnostic) {
        match diagnostic.code.severity() {
            Severity::Error => self.errors.push(diagnostic),
            Severity::Warning => self.warnings.push(diagnostic),
        }
    }

    /// Whether there is no error.
    pub fn successful(&self) -> bool {
        self.errors.is_empty()
    }

    /// Whether the schema has no objection. Upstream looks at the first document only.
    pub fn schema_valid(&self) -> bool {
        self.schema.first().is_none_or(|status| status == "ok")
    }

    /// `FILE: Ok`, `FILE: Ok, with warnings` or `FILE: Invalid`.
    pub fn summary(&self) -> String {
        let verdict = match (self.successful(), self.warnings.is_empty()) {
            (true, true) => "Ok",
            (true, false) => "Ok, with warnings",
            (false, _) => "Invalid",
        };
        if self.name.is_empty() {
            verdict.to_owned()
        } else {
            format!("{}: {verdict}", self.name)
        }
    }

    /// Upstream's verbose text.
    pub fn render_verbose(&self) -> String {
        let mut out = self.summary();
        if !self.schema_valid() {
            let _ = writeln!(out, "\n{} Schema warnings:", self.schema.len());
            for status in &self.schema {
                let _ = writeln!(out, "------\n{status}");
            }
            out.push_str("------\n");
        }
        section(&mut out, "Errors", &self.errors);
        section(&mut out, "Warnings", &self.warnings);
        out
    }

    /// Upstream's JSON.
    pub fn to_json(&self) -> Value {
        let mut object = json!({
            "name": self.name,
            "successful": self.successful(),
            "errors": self.errors.iter().map(entry).collect::<Vec<_>>(),
            "warnings": self.warnings.iter().map(entry).collect::<Vec<_>>(),
        });
        if !self.schema.is_empty() {
            object["schema_valid"] = self.schema_valid().into();
            object["schema_warnings"] = if self.schema_valid() {
                json!([])
            } else {
                self.schema.clone().into()
            };
        }
        object
    }
}

fn section(out: &mut String, title: &str, diagnostics: &[Diagnostic]) {
    if diagnostics.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{} {title}:", diagnostics.len());
    for diagnostic in diagnostics {
        for (index, location) in diagnostic.context.locations().iter().enumerate() {
            out.push_str(if index == 0 { "In " } else { "    " });
            out.push_str(location.item.name());
            if !location.item_name.is_empty() {
                let _ = write!(out, " '{}'", location.item_name);
            }
            let mark = location.mark;
            let _ = writeln!(out, ": ({}:{}:{})", location.name, mark.line, mark.column);
        }
        let _ = writeln!(
            out,
            "------\n{}------\n{} ({}): {}",
            snippet(&diagnostic.context),
            diagnostic.code.name(),
            diagnostic.short(),
            diagnostic.message
        );
    }
}

fn entry(diagnostic: &Diagnostic) -> Value {
    let locations: Vec<Value> = (diagnostic.context.locations().iter())
        .map(|location| {
            json!({
                "item_type": location.item.name(),
                "item_name": location.item_name,
                "position": {
                    "name": &*location.name,
                    "line": location.mark.line,
                    "column": location.mark.column,
                    "offset": location.mark.offset,
                },
            })
        })
        .collect();
    let mut object = json!({
        "code": diagnostic.code.name(),
        "codedesc": diagnostic.code.long(),
        "message": diagnostic.message,
        "context": { "locations": locations, "snippet": snippet(&diagnostic.context) },
    });
    if let Some(field) = diagnostic.deprecated_field {
        object["deprecated_field"] = field.into();
    }
    object
}

/// The line of the place, cut to a bearable length, and a mark under it.
fn snippet(context: &Context) -> String {
    let text = context.shown_text().as_bytes();
    if text.is_empty() {
        return "<No context available>\n".to_owned();
    }
    let mut at = context.locations().last().map_or(0, |l| l.mark.offset);
    // A value that is missing at the end is beyond it.
    if at >= text.len() {
        at = text.len() - 1;
    }
    while at > 0 && text[at] == b'\n' {
        at -= 1;
    }
    let line_start = memchr_back(text, at);
    let line_end = (at..text.len())
        .find(|&i| text[i] == b'\n')
        .unwrap_or(text.len());
    let start = line_start.max(at.saturating_sub(SNIPPET_HALF));
    let end = line_end.min(at + SNIPPET_HALF + 1);
    if start >= end {
        return "<No context available>\n".to_owned();
    }
    let mut shown = text[start..end].to_vec();
    if at - start >= SNIPPET_HALF && shown.len() >= 3 {
        shown[..3].copy_from_slice(b"...");
    }
    if end - 1 - at >= SNIPPET_HALF && shown.len() >= 3 {
        let tail = shown.len() - 3;
        shown[tail..].copy_from_slice(b"...");
    }
    format!(
        "{}\n{:blanks$}^\n",
        String::from_utf8_lossy(&shown),
        "",
        blanks = at - start
    )
}

/// Where the line of `at` begins.
fn memchr_back(text: &[u8], at: usize) -> usize {
    text[..at]
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |newline| newline + 1)
}
