//! Text that knows where its parts come from.

use std::ops::Range;
use std::sync::Arc;

use crate::yaml::{Node, Scalar, Source, Value, offset_in_source};

/// A condition, put together from files: appended parts, lists and exceptions included.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traced {
    text: String,
    /// In the order of the text; each reaches up to the next.
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
struct Piece {
    at: usize,
    origin: Origin,
}

/// Where a piece is written.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// Byte for byte in a scalar, from this byte of its value on.
    Scalar(Arc<Source>, Arc<Scalar>, usize),
    /// Made from something that is written here.
    Span(Arc<Source>, Range<usize>),
}

impl Traced {
    /// The value of a scalar.
    pub(crate) fn scalar(source: &Arc<Source>, node: &Node) -> Traced {
        let Value::Scalar(scalar) = &node.value else {
            return Traced::default();
        };
        Traced {
            text: scalar.text.clone(),
            pieces: vec![Piece {
                at: 0,
                origin: Origin::Scalar(Arc::clone(source), Arc::clone(scalar), 0),
            }],
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Adds text that was made from what `origin` says.
    pub(crate) fn push(&mut self, text: &str, origin: Origin) {
        self.pieces.push(Piece {
            at: self.text.len(),
            origin,
        });
        self.text.push_str(text);
    }

    /// Adds a little text that belongs to what is before it.
    pub(crate) fn push_glue(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds a part of another text.
    pub(crate) fn push_part(&mut self, other: &Traced, part: Range<usize>) {
        let Some(text) = other.text.get(part.clone()) else {
            return;
        };
        let first = other.piece_at(part.start);
        for piece in other.pieces.get(first..).unwrap_or(&[]) {
            if piece.at >= part.end {
                break;
            }
            let cut = part.start.saturating_sub(piece.at);
            let mut origin = piece.origin.clone();
            if let Origin::Scalar(_, _, from) = &mut origin {
                *from += cut;
            }
            self.pieces.push(Piece {
                at: self.text.len() + (piece.at + cut - part.start),
                origin,
            });
        }
        self.text.push_str(text);
    }

    /// Without the blanks around it.
    pub(crate) fn trimmed(&self) -> Traced {
        let inner = self
            .text
            .trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
        let start = self.text.len()
            - self
                .text
                .trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c'])
                .len();
        let mut out = Traced::default();
        out.push_part(self, start..start + inner.len());
        out
    }

    /// Where the byte at `at` comes from.
    pub(crate) fn origin(&self, at: usize) -> Option<Origin> {
        let piece = self.pieces.get(self.piece_at(at))?;
        let mut origin = piece.origin.clone();
        if let Origin::Scalar(_, _, from) = &mut origin {
            *from += at.saturating_sub(piece.at);
        }
        Some(origin)
    }

    fn piece_at(&self, at: usize) -> usize {
        self.pieces
            .partition_point(|piece| piece.at <= at)
            .saturating_sub(1)
    }
}

impl Origin {
    /// The file and the bytes in it.
    pub(crate) fn place(&self) -> (&Arc<Source>, Range<usize>) {
        match self {
            Origin::Scalar(source, scalar, from) => {
                let at = offset_in_source(source, scalar, *from);
                (source, at..at)
            }
            Origin::Span(source, span) => (source, span.clone()),
        }
    }
}
