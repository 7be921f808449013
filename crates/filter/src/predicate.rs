//! What a comparison with constants asks of one value, prepared when the condition is compiled.

use std::cmp::Ordering;
use std::net::IpAddr;

use aho_corasick::AhoCorasick;
use bumpalo::Bump;
use memchr::memmem::Finder;

use crate::Value;
use crate::ast::{Cmp, Modifier};
use crate::glob::Glob;
use crate::literal::{Class, Literal};
use crate::net::NetSet;
use crate::paths::Paths;
use crate::posix::Pattern;
use crate::strings::{Affixes, StringSet, contains_folded};

/// A question to one value. A value of another kind than the question's answers no.
#[derive(Debug)]
pub(crate) enum Predicate {
    Never,
    Equal(Box<[u8]>),
    InStrings(StringSet),
    Ordered(Relation, Box<[u8]>),
    Contains(Box<Finder<'static>>),
    ContainsAny(AhoCorasick),
    /// The needle in lower case.
    ContainsFolded(Box<[u8]>),
    Starts(Box<[u8]>),
    StartsAny(Affixes),
    Ends(Box<[u8]>),
    EndsAny(Affixes),
    Glob(Glob),
    Regex(Pattern),
    Below(Paths),
    Number(Relation, Number),
    InNumbers(Box<[Number]>),
    Double(Relation, f64),
    Bool(bool),
    Ip(IpAddr),
    InIps(Box<[IpAddr]>),
    InNets(NetSet),
    Not(Box<Predicate>),
    Any(Box<[Predicate]>),
    All(Box<[Predicate]>),
    One(Box<[Predicate]>),
}

/// `=`, `!=` and the orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Relation {
    pub(crate) fn of(cmp: Cmp) -> Option<Relation> {
        Some(match cmp {
            Cmp::Eq | Cmp::EqEq => Relation::Eq,
            Cmp::Ne => Relation::Ne,
            Cmp::Lt => Relation::Lt,
            Cmp::Le => Relation::Le,
            Cmp::Gt => Relation::Gt,
            Cmp::Ge => Relation::Ge,
            _ => return None,
        })
    }

    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Relation::Eq => order.is_eq(),
            Relation::Ne => order.is_ne(),
            Relation::Lt => order.is_lt(),
            Relation::Le => order.is_le(),
            Relation::Gt => order.is_gt(),
            Relation::Ge => order.is_ge(),
        }
    }
}

/// A whole number, signed or not: the field's type says which, so that the two are never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Number {
    Signed(i64),
    Unsigned(u64),
}

impl Number {
    /// The value as a number of this one's kind.
    fn like(self, value: &Value<'_>) -> Option<Number> {
        Some(match (self, value) {
            (Number::Signed(_), Value::Int(n)) => Number::Signed(*n),
            (Number::Signed(_), Value::Uint(n)) => Number::Signed(*n as i64),
            (Number::Unsigned(_), Value::Uint(n)) => Number::Unsigned(*n),
            (Number::Unsigned(_), Value::Int(n)) => Number::Unsigned(*n as u64),
            _ => return None,
        })
    }

    /// How a value stands to this one. The literal of a parameter (`evt.rawarg`) has the type of the first event with such a parameter;
    /// where the event's own is signed, upstream reads the literal's bits so: -20 means -20 everywhere.
    fn order(self, value: &Value<'_>) -> Option<Ordering> {
        if let (Number::Unsigned(literal), Value::Int(number)) = (self, value)
            && let (Ok(bits), Ok(number)) = (u32::try_from(literal), i32::try_from(*number))
        {
            return Some(number.cmp(&(bits as i32)));
        }
        Some(self.like(value)?.cmp(&self))
    }
}

impl Predicate {
    /// What `cmp` without a modifier asks, with one literal or, for list operators, any number of them.
    pub(crate) fn new(class: Class, cmp: Cmp, literals: Vec<Literal>) -> Result<Predicate, String> {
        match cmp {
            Cmp::In | Cmp::Intersects => Ok(Self::any_equal(literals)),
            Cmp::Pmatch => Ok(Predicate::Below(Paths::new(
                literals.iter().filter_map(text),
            ))),
            _ => literals.first().map_or(Ok(Predicate::Never), |literal| {
                Self::single(class, cmp, literal)
            }),
        }
    }

    /// What `cmp` with a modifier asks. Nothing satisfies an empty list, not even `allof`.
    pub(crate) fn spread(
        class: Class,
        cmp: Cmp,
        modifier: Modifier,
        literals: Vec<Literal>,
    ) -> Result<Predicate, String> {
        if literals.is_empty() {
            return Ok(Predicate::Never);
        }
        let texts = || literals.iter().filter_map(text);
        match (modifier, cmp.canonical()) {
            (Modifier::Anyof, Cmp::Eq) => return Ok(Self::any_equal(literals)),
            (Modifier::Allof, Cmp::Ne) => {
                return Ok(Predicate::Not(Box::new(Self::any_equal(literals))));
            }
            (Modifier::Anyof, Cmp::Startswith | Cmp::Bstartswith) => {
                return Ok(Predicate::StartsAny(Affixes::prefixes(texts())));
            }
            (Modifier::Anyof, Cmp::Endswith) => {
                return Ok(Predicate::EndsAny(Affixes::suffixes(texts())));
            }
            (Modifier::Anyof, Cmp::Contains | Cmp::Bcontains | Cmp::Icontains) => {
                let automaton = AhoCorasick::builder()
                    .ascii_case_insensitive(cmp == Cmp::Icontains)
                    .build(texts());
                return automaton
                    .map(Predicate::ContainsAny)
                    .map_err(|e| format!("filter error: too many values: {e}"));
            }
            _ => {}
        }
        let each = literals
            .iter()
            .map(|literal| Self::single(class, cmp, literal))
            .collect::<Result<Box<[_]>, _>>()?;
        Ok(match modifier {
            Modifier::Anyof => Predicate::Any(each),
            Modifier::Allof => Predicate::All(each),
            Modifier::Oneof => Predicate::One(each),
        })
    }

    fn single(class: Class, cmp: Cmp, literal: &Literal) -> Result<Predicate, String> {
        let relation = Relation::of(cmp);
        let number = |n| relation.map(|relation| Predicate::Number(relation, n));
        let equal = |predicate| match relation {
            Some(Relation::Eq) => Some(predicate),
            Some(Relation::Ne) => Some(Predicate::Not(Box::new(predicate))),
            _ => None,
        };
        let found = match literal {
            Literal::Text(text) => return Self::of_text(class, cmp, text),
            Literal::Int(n) => number(Number::Signed(*n)),
            Literal::Uint(n) => number(Number::Unsigned(*n)),
            Literal::Double(n) => relation.map(|relation| Predicate::Double(relation, *n)),
            Literal::Bool(b) => equal(Predicate::Bool(*b)),
            Literal::Ip(ip) => equal(Predicate::Ip(*ip)),
            Literal::Net(net) => equal(Predicate::InNets(NetSet::new([*net]))),
        };
        found.ok_or_else(|| format!("filter error: '{cmp}' operator not supported"))
    }

    fn of_text(class: Class, cmp: Cmp, text: &[u8]) -> Result<Predicate, String> {
        let owned = || Box::<[u8]>::from(text);
        Ok(match cmp {
            Cmp::Eq | Cmp::EqEq => Predicate::Equal(owned()),
            Cmp::Ne => Predicate::Not(Box::new(Predicate::Equal(owned()))),
            Cmp::Contains | Cmp::Bcontains => {
                Predicate::Contains(Box::new(Finder::new(text).into_owned()))
            }
            Cmp::Icontains => Predicate::ContainsFolded(text.to_ascii_lowercase().into()),
            Cmp::Startswith | Cmp::Bstartswith => Predicate::Starts(owned()),
            Cmp::Endswith => Predicate::Ends(owned()),
            Cmp::Glob | Cmp::Iglob => Predicate::Glob(Glob::new(text, cmp == Cmp::Iglob)),
            Cmp::Regex => Predicate::Regex(
                Pattern::new(text).map_err(|e| format!("invalid regex pattern: {e}"))?,
            ),
            _ => match Relation::of(cmp) {
                Some(relation) if class == Class::Text => Predicate::Ordered(relation, owned()),
                _ => return Err(format!("filter error: '{cmp}' operator not supported")),
            },
        })
    }

    /// Membership, by the kind of the literals; they are all of one.
    fn any_equal(literals: Vec<Literal>) -> Predicate {
        match literals.first() {
            None => Predicate::Never,
            Some(Literal::Text(only)) if literals.len() == 1 => {
                Predicate::Equal(only.as_slice().into())
            }
            Some(Literal::Text(_)) => {
                // A list may be long: its texts move.
                let texts = literals.into_iter().filter_map(|literal| match literal {
                    Literal::Text(text) => Some(text.into_boxed_slice()),
                    _ => None,
                });
                Predicate::InStrings(texts.collect())
            }
            Some(Literal::Int(_) | Literal::Uint(_)) => {
                let number = |l: &Literal| match l {
                    Literal::Int(n) => Some(Number::Signed(*n)),
                    Literal::Uint(n) => Some(Number::Unsigned(*n)),
                    _ => None,
                };
                Predicate::InNumbers(sorted(literals.iter().filter_map(number)))
            }
            Some(Literal::Ip(_)) => Predicate::InIps(sorted(literals.iter().filter_map(|l| {
                if let Literal::Ip(ip) = l {
                    Some(*ip)
                } else {
                    None
                }
            }))),
            Some(Literal::Net(_)) => {
                Predicate::InNets(NetSet::new(literals.iter().filter_map(|l| {
                    if let Literal::Net(net) = l {
                        Some(*net)
                    } else {
                        None
                    }
                })))
            }
            Some(Literal::Bool(_) | Literal::Double(_)) => Predicate::Any(
                literals
                    .iter()
                    .filter_map(|l| match l {
                        Literal::Bool(b) => Some(Predicate::Bool(*b)),
                        Literal::Double(n) => Some(Predicate::Double(Relation::Eq, *n)),
                        _ => None,
                    })
                    .collect(),
            ),
        }
    }

    /// Whether one value (no list, no alternatives) satisfies it. The arena is used only by a regular expression over a text that is
    /// not UTF-8.
    #[expect(clippy::inline_always, reason = "as for tests")]
    #[inline(always)]
    pub(crate) fn holds(&self, value: &Value<'_>, arena: &Bump) -> bool {
        match (self, value) {
            (Predicate::Equal(expected), Value::Str(text) | Value::Bytes(text)) => {
                **expected == **text
            }
            (Predicate::InStrings(set), Value::Str(text) | Value::Bytes(text)) => {
                set.contains(text)
            }
            (Predicate::Starts(prefix), Value::Str(text) | Value::Bytes(text)) => {
                text.starts_with(prefix)
            }
            (Predicate::Number(relation, n), value) => {
                n.order(value).is_some_and(|order| relation.holds(order))
            }
            (Predicate::Bool(expected), Value::Bool(value)) => expected == value,
            _ => self.holds_otherwise(value, arena),
        }
    }

    /// The kinds that are asked less often; apart, so that the others need no room for what these do.
    #[inline(never)]
    fn holds_otherwise(&self, value: &Value<'_>, arena: &Bump) -> bool {
        match (self, value) {
            (Predicate::Ordered(relation, bound), Value::Str(text)) => {
                relation.holds((**text).cmp(bound))
            }
            (Predicate::Contains(finder), Value::Str(text) | Value::Bytes(text)) => {
                finder.find(text).is_some()
            }
            (Predicate::ContainsAny(automaton), Value::Str(text) | Value::Bytes(text)) => {
                automaton.is_match(text)
            }
            (Predicate::ContainsFolded(needle), Value::Str(text) | Value::Bytes(text)) => {
                contains_folded(text, needle)
            }
            (Predicate::StartsAny(prefixes), Value::Str(text) | Value::Bytes(text)) => {
                prefixes.starts(text)
            }
            (Predicate::Ends(suffix), Value::Str(text) | Value::Bytes(text)) => {
                text.ends_with(suffix)
            }
            (Predicate::EndsAny(suffixes), Value::Str(text) | Value::Bytes(text)) => {
                suffixes.ends(text)
            }
            (Predicate::Glob(glob), Value::Str(text) | Value::Bytes(text)) => glob.matches(text),
            (Predicate::Regex(regex), Value::Str(text) | Value::Bytes(text)) => {
                regex.matches(text, arena)
            }
            (Predicate::Below(paths), Value::Str(text) | Value::Bytes(text)) => paths.matches(text),
            (Predicate::InNumbers(set), value) => {
                let value = set.first().and_then(|n| n.like(value));
                value.is_some_and(|value| set.binary_search(&value).is_ok())
            }
            (Predicate::Double(relation, n), Value::Double(value)) => value
                .partial_cmp(n)
                .map_or(*relation == Relation::Ne, |order| relation.holds(order)),
            (Predicate::Ip(expected), Value::Ip(ip)) => expected == ip,
            (Predicate::InIps(set), Value::Ip(ip)) => set.binary_search(ip).is_ok(),
            (Predicate::InNets(nets), Value::Ip(ip)) => nets.contains(*ip),
            (Predicate::Not(inner), value) => !inner.holds(value, arena),
            (Predicate::Any(each), value) => each.iter().any(|p| p.holds(value, arena)),
            (Predicate::All(each), value) => each.iter().all(|p| p.holds(value, arena)),
            (Predicate::One(each), value) => {
                each.iter()
                    .filter(|p| p.holds(value, arena))
                    .take(2)
                    .count()
                    == 1
            }
            _ => false,
        }
    }
}

fn text(literal: &Literal) -> Option<&[u8]> {
    if let Literal::Text(text) = literal {
        Some(text)
    } else {
        None
    }
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Box<[T]> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.dedup();
    items.into()
}
