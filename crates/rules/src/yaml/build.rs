//! The tree, from what the parser sees.

use std::sync::Arc;

use granit_parser::{ErrorKind, Event, ScalarStyle, ScanError, Span, StructureStyle};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::{Node, Scalar, Source, Style, Value, YamlError};

/// How many nodes all aliases of a text may stand for.
const MAX_ALIASED_NODES: u64 = 1_000_000;

/// A collection that is not complete.
struct Open {
    kind: Kind,
    start: usize,
    anchor: usize,
    /// How many nodes are in it, those of aliases included.
    nodes: u64,
}

enum Kind {
    Seq(Vec<Node>),
    /// With the key whose value comes next.
    Map(Vec<(Node, Node)>, Option<Node>),
}

pub(super) struct Builder<'s> {
    source: &'s Source,
    stack: Vec<Open>,
    anchors: HashMap<usize, (Node, u64), FxBuildHasher>,
    pub(super) documents: Vec<Node>,
    /// A value that is not there waits for the place of what comes next: that is where yaml-cpp sees it. With its anchor.
    missing: Option<usize>,
    /// How many values the aliases so far stand for.
    aliased: u64,
    /// Where the last event ended.
    before: usize,
}

impl<'s> Builder<'s> {
    pub(super) fn new(source: &'s Source) -> Builder<'s> {
        Builder {
            source,
            stack: Vec::new(),
            anchors: HashMap::default(),
            documents: Vec::new(),
            missing: None,
            aliased: 0,
            before: 0,
        }
    }

    pub(super) fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), YamlError> {
        let start = span.start.byte_offset().unwrap_or(0);
        let end = span.end.byte_offset().unwrap_or(start).max(start);
        let before = std::mem::replace(&mut self.before, end);
        if self.missing.is_some() {
            match event {
                Event::Anchor(..) => {}
                // What is missing at the end of a block is seen after it, in a flow collection at its bracket.
                Event::SequenceEnd | Event::MappingEnd => match self.byte(start) {
                    Some(b']' | b'}') => self.settle(start),
                    _ => self.settle(self.next_token(start)),
                },
                Event::StreamEnd => self.settle(self.source.text().len()),
                _ => self.settle(start),
            }
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let bare = style == ScalarStyle::Plain && tag.is_none();
                if bare && start == end {
                    self.missing = Some(anchor);
                } else {
                    let null = bare && matches!(&*text, "~" | "null" | "Null" | "NULL");
                    let scalar = Scalar {
                        text: text.into_owned(),
                        style: style_of(style),
                        start,
                        end,
                    };
                    let start = match scalar.style {
                        Style::Literal | Style::Folded => self.header(before, start, b":-?"),
                        _ => (span.tag_start())
                            .and_then(|mark| mark.byte_offset())
                            .map_or(start, |tag| tag.min(start)),
                    };
                    let value = if null {
                        Value::Null
                    } else {
                        Value::Scalar(Arc::new(scalar))
                    };
                    self.add(Node { value, start, end }, anchor, 1);
                }
            }
            Event::SequenceStart(style, anchor, _) => {
                // One that is not indented is announced at its first element.
                let dash = self.header(before, start, b":?");
                let block = style == StructureStyle::Block && self.byte(start) != Some(b'-');
                let dashed = block && self.byte(dash) == Some(b'-');
                let start = if dashed { dash } else { start };
                self.open(Kind::Seq(Vec::new()), start, anchor);
            }
            Event::MappingStart(_, anchor, _) => {
                self.open(Kind::Map(Vec::new(), None), start, anchor);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(end),
            Event::Alias(id) => self.alias(id, start)?,
            Event::Anchor(anchor, _) => self.begin_at_anchor(anchor, start),
            _ => {}
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, at: usize) -> Result<(), YamlError> {
        let fail = |message| {
            Err(YamlError {
                message,
                offset: at,
            })
        };
        let Some((node, nodes)) = self.anchors.get(&id).cloned() else {
            return fail("an alias cannot stand for the value it is in".to_owned());
        };
        self.aliased += nodes;
        if self.aliased > MAX_ALIASED_NODES {
            return fail(format!(
                "aliases stand for more than {MAX_ALIASED_NODES} values"
            ));
        }
        self.add(node, 0, nodes);
        Ok(())
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.source.text().as_bytes().get(at).copied()
    }

    /// Where something is announced whose text begins at `text`: behind the last event and these marks.
    fn header(&self, before: usize, text: usize, marks: &[u8]) -> usize {
        let mut at = self.next_token(before);
        while at < text && self.byte(at).is_some_and(|b| marks.contains(&b)) {
            at = self.next_token(at + 1);
        }
        at.min(text)
    }

    /// The value that the last event began or was also covers its anchor.
    fn begin_at_anchor(&mut self, anchor: usize, at: usize) {
        if let Some(open) = self.stack.last_mut() {
            if open.anchor == anchor {
                open.start = open.start.min(at);
                return;
            }
            let last = match &mut open.kind {
                Kind::Seq(items) => items.last_mut(),
                Kind::Map(_, Some(key)) => Some(key),
                Kind::Map(entries, None) => entries.last_mut().map(|(_, value)| value),
            };
            if let Some(node) = last {
                node.start = node.start.min(at);
            }
        }
        if let Some((node, _)) = self.anchors.get_mut(&anchor) {
            node.start = node.start.min(at);
        }
    }

    /// Where the next thing after `from` is that is neither blank nor comment.
    fn next_token(&self, from: usize) -> usize {
        let bytes = self.source.text().as_bytes();
        let mut at = from;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => at += 1,
                b'#' => {
                    while bytes.get(at).is_some_and(|&b| b != b'\n') {
                        at += 1;
                    }
                }
                _ => break,
            }
        }
        at
    }

    /// Puts the missing value in, which is seen here.
    fn settle(&mut self, at: usize) {
        if let Some(anchor) = self.missing.take() {
            let node = Node {
                value: Value::Null,
                start: at,
                end: at,
            };
            self.add(node, anchor, 1);
        }
    }

    fn open(&mut self, kind: Kind, start: usize, anchor: usize) {
        self.stack.push(Open {
            kind,
            start,
            anchor,
            nodes: 1,
        });
    }

    fn close(&mut self, end: usize) {
        let Some(open) = self.stack.pop() else {
            return;
        };
        let value = match open.kind {
            Kind::Seq(items) => Value::Seq(items.into()),
            Kind::Map(entries, _) => Value::Map(entries.into()),
        };
        let node = Node {
            value,
            start: open.start,
            end: end.max(open.start),
        };
        self.add(node, open.anchor, open.nodes);
    }

    fn add(&mut self, node: Node, anchor: usize, nodes: u64) {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), nodes));
        }
        let Some(open) = self.stack.last_mut() else {
            self.documents.push(node);
            return;
        };
        open.nodes += nodes;
        match &mut open.kind {
            Kind::Seq(items) => items.push(node),
            Kind::Map(entries, key) => match key.take() {
                None => *key = Some(node),
                Some(key) => entries.push((key, node)),
            },
        }
    }
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}

/// The error in the words of yaml-cpp, where it has some: tools look for them.
pub(super) fn syntax_error(error: &ScanError, source: &Source) -> YamlError {
    let here = error
        .marker()
        .byte_offset()
        .unwrap_or(0)
        .min(source.text().len());
    let end = source.text().len();
    let (words, offset) = match error.kind() {
        ErrorKind::UnclosedFlowCollection { open: '[' } | ErrorKind::UnexpectedEofFlowSequence => {
            ("end of sequence flow not found".to_owned(), end)
        }
        ErrorKind::UnclosedFlowCollection { .. } | ErrorKind::UnexpectedEofFlowMapping => {
            ("end of map flow not found".to_owned(), end)
        }
        ErrorKind::ExpectedFlowSequenceSeparator if here >= end => {
            ("end of sequence flow not found".to_owned(), end)
        }
        ErrorKind::ExpectedFlowMappingSeparator if here >= end => {
            ("end of map flow not found".to_owned(), end)
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => (
            "illegal tab when looking for indentation".to_owned(),
            (here..end)
                .find(|&at| source.text().as_bytes().get(at) == Some(&b'\t'))
                .unwrap_or(here),
        ),
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::InvalidColonPlacement
        | ErrorKind::InvalidMappingValueWhitespace => ("illegal map value".to_owned(), here),
        ErrorKind::MappingKeyNotAllowed => ("illegal map key".to_owned(), here),
        ErrorKind::ExpectedBlockMappingKey => ("end of map not found".to_owned(), here),
        ErrorKind::ExpectedBlockSequenceEntry => ("end of sequence not found".to_owned(), here),
        ErrorKind::BlockSequenceEntryNotAllowed => ("illegal block entry".to_owned(), here),
        ErrorKind::UnknownAnchor => ("the referenced anchor is not defined".to_owned(), here),
        ErrorKind::UnclosedQuotedScalar => ("illegal EOF in scalar".to_owned(), end),
        ErrorKind::UnknownQuotedScalarEscape => ("unknown escape character".to_owned(), here),
        ErrorKind::RecursionLimitExceeded => ("values are nested too deeply".to_owned(), here),
        kind => (kind.to_string(), here),
    };
    let mark = source.mark(offset);
    YamlError {
        message: format!(
            "yaml-cpp: error at line {}, column {}: {words}",
            mark.line + 1,
            mark.column + 1
        ),
        offset,
    }
}
