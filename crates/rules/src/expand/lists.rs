//! Lists: names in conditions that stand for items.

use std::collections::{BTreeSet, HashSet};

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::quoted;
use crate::collect::Collection;
use crate::diag::{Checked, Code, Context, error};
use crate::trace::{Origin, Traced};

/// How much text putting lists in may move in one load, in bytes: lists of lists of lists end here instead of in an empty memory.
const MAX_MOVED_TEXT: usize = 512 << 20;

const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

fn is_delimiter(c: u8) -> bool {
    b" \t\n\r(),=".contains(&c)
}

/// The lists with what they stand for.
pub(crate) struct Lists {
    all: Vec<List>,
    by_name: HashMap<String, usize, FxBuildHasher>,
    /// Lists whose names are no words: they have to be searched for.
    odd: Vec<usize>,
    moved: usize,
}

pub(crate) struct List {
    pub(crate) name: String,
    /// The items, with those of earlier lists put in.
    pub(crate) items: Vec<String>,
    pub(crate) used: bool,
    /// The items as text, and the lists named in it.
    text: String,
    refers: Vec<usize>,
    origin: Origin,
}

impl Lists {
    pub(crate) fn new(collection: &Collection) -> Lists {
        let infos = collection.lists.items();
        let mut used = HashSet::new();
        let mut lists: Vec<List> = infos
            .iter()
            .map(|info| {
                let mut items = Vec::with_capacity(info.items.len());
                for item in &info.items {
                    match collection.lists.get(item) {
                        Some(other) if other.order.first < info.order.last => {
                            used.insert(other.name.as_str());
                            items.extend(other.items.iter().cloned());
                        }
                        _ => items.push(item.clone()),
                    }
                }
                List {
                    name: info.name.clone(),
                    text: items
                        .iter()
                        .map(|item| quoted(item))
                        .collect::<Vec<_>>()
                        .join(", "),
                    items,
                    used: false,
                    refers: Vec::new(),
                    origin: info.context.origin(),
                }
            })
            .collect();
        let mut by_name = HashMap::default();
        let mut odd = Vec::new();
        for (index, list) in lists.iter_mut().enumerate() {
            list.used = used.contains(list.name.as_str());
            if list.name.bytes().any(is_delimiter) {
                odd.push(index);
            } else {
                by_name.insert(list.name.clone(), index);
            }
        }
        for list in &mut lists {
            list.refers = named_in(&list.text, &by_name).collect();
        }
        Lists {
            all: lists,
            by_name,
            odd,
            moved: 0,
        }
    }

    pub(crate) fn all(&self) -> &[List] {
        &self.all
    }

    pub(crate) fn into_all(self) -> Vec<List> {
        self.all
    }

    /// The condition with all lists put in, in the order of their definition, wherever their names stand: in quotes too.
    pub(crate) fn put_in(&mut self, condition: &Traced, context: &Context) -> Checked<Traced> {
        let mut waiting: BTreeSet<usize> = named_in(condition.text(), &self.by_name)
            .chain(self.odd.iter().copied())
            .collect();
        let mut text = condition.clone();
        while let Some(index) = waiting.pop_first() {
            let Some(changed) = self.put_one_in(&text, index) else {
                continue;
            };
            text = changed;
            self.moved = self.moved.saturating_add(text.text().len());
            if self.moved > MAX_MOVED_TEXT {
                return error(
                    Code::CompileCondition,
                    "conditions are too large with the lists they refer to",
                    context,
                );
            }
            let list = &mut self.all[index];
            list.used = true;
            waiting.extend(list.refers.iter().copied().filter(|&other| other > index));
        }
        Ok(text)
    }

    /// The condition with one list put in; `None` if it is not named. An empty list takes a comma beside it away.
    fn put_one_in(&self, condition: &Traced, index: usize) -> Option<Traced> {
        let list = &self.all[index];
        let text = condition.text();
        let bytes = text.as_bytes();
        let mut out = Traced::default();
        // How much of the condition is in `out`, and where to look on.
        let (mut done, mut from) = (0, 0);
        let mut found = false;
        while let Some(start) = text
            .get(from..)
            .and_then(|rest| rest.find(&list.name))
            .map(|at| at + from)
        {
            let end = start + list.name.len();
            let alone = |at: Option<&u8>| at.is_none_or(|&c| is_delimiter(c));
            let before = if start == 0 {
                None
            } else if start == done && found {
                // What was put in before ends with a blank.
                Some(&b' ')
            } else {
                bytes.get(start - 1)
            };
            if !alone(before) || !alone(bytes.get(end)) {
                from = start
                    + text
                        .get(start..)
                        .and_then(|rest| rest.chars().next())
                        .map_or(1, char::len_utf8);
                continue;
            }
            let head = text.get(done..start).unwrap_or("").trim_end_matches(BLANKS);
            let mut cut = done + head.len();
            let tail = text.get(end..).unwrap_or("");
            let mut rest = text.len() - tail.trim_start_matches(BLANKS).len();
            if list.text.is_empty() {
                if cut > done && bytes[cut - 1] == b',' {
                    cut -= 1;
                } else if bytes.get(rest) == Some(&b',') {
                    rest += 1;
                }
            }
            out.push_part(condition, done..cut);
            let place = condition
                .origin(start)
                .unwrap_or_else(|| list.origin.clone());
            let origin = match place {
                // All of it stands for the name, wherever it was written.
                Origin::Scalar(source, scalar, offset) => {
                    let at = crate::yaml::offset_in_source(&source, &scalar, offset);
                    Origin::Span(source, at..at + list.name.len())
                }
                span @ Origin::Span(..) => span,
            };
            let lead = if cut > 0 { " " } else { "" };
            out.push(&format!("{lead}{} ", list.text), origin);
            // Upstream looks on one byte later when the name stood at the very front.
            from = if cut > 0 { rest } else { rest + 1 };
            while !text.is_char_boundary(from.min(text.len())) {
                from += 1;
            }
            done = rest;
            found = true;
        }
        if !found {
            return None;
        }
        out.push_part(condition, done..text.len());
        Some(out)
    }
}

/// The lists that are named in a text, each word on its own.
fn named_in<'t>(
    text: &'t str,
    by_name: &'t HashMap<String, usize, FxBuildHasher>,
) -> impl Iterator<Item = usize> + 't {
    text.split(|c: char| c.is_ascii() && is_delimiter(c as u8))
        .filter(|word| !word.is_empty())
        .filter_map(|word| by_name.get(word).copied())
}
