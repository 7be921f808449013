//! Diagnostics for people: the place in the file, what is wrong there and what to do.

use std::fmt::Write;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::diag::{Code, Diagnostic, Severity};
use crate::result::LoadResult;

/// Of longer lines only the part around the place is looked at; its columns are then counted from there.
const MAX_LINE: usize = 16 * 1024;

impl LoadResult {
    /// Errors and warnings as a compiler shows them: file, line and column, the line with a mark, the cause and what helps. With colours if
    /// the terminal has some.
    pub fn render_terminal(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut out = String::new();
        for diagnostic in self.errors.iter().chain(&self.warnings) {
            out.push_str(&diagnostic.render(&renderer));
            out.push_str("\n\n");
        }
        for failure in self.schema.iter().filter(|status| *status != "ok") {
            let _ = writeln!(out, "note: the schema of rules files: {failure}");
        }
        out
    }
}

impl Diagnostic {
    fn render(&self, renderer: &Renderer) -> String {
        let level = match self.code.severity() {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let shown = Shown::new(self);
        let mark = self.source().mark(shown.place);
        let title = if self.message.is_empty() {
            self.code.short()
        } else {
            &self.message
        };
        let snippet = Snippet::source(shown.text.as_str())
            .path(self.source().name())
            .line_start(mark.line + 1)
            .annotation(
                AnnotationKind::Primary
                    .span(shown.column..shown.end)
                    .label(self.label()),
            );
        let mut group =
            Group::with_title(level.primary_title(title).id(self.code.name())).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_ref()));
        }
        renderer.render(&[group])
    }

    /// What is written at the place.
    fn label(&self) -> String {
        let steps = self.context.locations();
        let of = steps.iter().rev().find(|step| !step.item_name.is_empty());
        match of {
            Some(step) => format!("in {} `{}`", step.item.name(), step.item_name),
            None if self.code == Code::YamlParse => "here".to_owned(),
            None => String::new(),
        }
    }
}

/// The line that is shown, and where in it the place is.
struct Shown {
    text: String,
    column: usize,
    end: usize,
    /// Where in the file.
    place: usize,
}

impl Shown {
    fn new(diagnostic: &Diagnostic) -> Shown {
        let text = diagnostic.source().text();
        let span = diagnostic.span();
        let mut place = span.start.min(text.len());
        // What is missing at the end is shown where it should be.
        while place > 0 && (place == text.len() || !text.is_char_boundary(place)) {
            place -= 1;
        }
        while place > 0 && text.as_bytes()[place] == b'\n' && place < span.start {
            place -= 1;
        }
        let mark = diagnostic.source().mark(place);
        let line_start = place - mark.column;
        let line = text.get(line_start..).unwrap_or("");
        let line = line.split(['\n', '\r']).next().unwrap_or("");
        let column = mark.column.min(line.len());
        let end = (span.end.saturating_sub(line_start)).clamp(column, line.len());
        let end = if end > column {
            end
        } else {
            word_end(line, column)
        };
        let boundary = |from: usize| {
            (from..line.len())
                .find(|&at| line.is_char_boundary(at))
                .unwrap_or(line.len())
        };
        let long = line.len() > MAX_LINE;
        let cut = if long {
            boundary(column.saturating_sub(MAX_LINE / 2)).min(column)
        } else {
            0
        };
        let stop = if long {
            boundary(column + MAX_LINE / 2)
        } else {
            line.len()
        };
        let end = end.min(stop);
        Shown {
            text: line.get(cut..stop).unwrap_or("").to_owned(),
            column: column - cut,
            end: end - cut,
            place,
        }
    }
}

/// Where the word at `at` ends: a mere place is shown as the word that begins there.
fn word_end(line: &str, at: usize) -> usize {
    let rest = line.get(at..).unwrap_or("");
    let word = rest
        .find(|c: char| c.is_whitespace() || "()=,<>!".contains(c))
        .unwrap_or(rest.len());
    let first = rest.chars().next().map_or(0, char::len_utf8);
    at + word.max(first)
}
