//! What may hold: formulas over what the kernel knows of a call.

use std::fmt;

use super::ranges::Ranges;

/// A formula that is true whenever a condition is, and perhaps more often.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum May {
    /// It never holds.
    No,
    /// It may always hold.
    Yes,
    /// The result is in these ranges.
    Result(Ranges),
    /// Of the open flags, as they are on the wire, one of these is set; or none, as `set` says.
    Flags {
        /// The flags.
        mask: u32,
        /// Whether one of them has to be set.
        set: bool,
    },
    /// What is asked of the path, by its place, has this answer.
    Path(usize, bool),
    /// All of these.
    All(Vec<May>),
    /// One of these.
    Any(Vec<May>),
}

/// Every file is opened to be read or to be written.
pub(crate) const READ_OR_WRITE: u32 = 3;

impl May {
    pub(super) fn yes_if(holds: bool) -> May {
        if holds { May::Yes } else { May::No }
    }

    pub(super) fn result(ranges: Ranges) -> May {
        if ranges == Ranges::all() {
            May::Yes
        } else if ranges == Ranges::none() {
            May::No
        } else {
            May::Result(ranges)
        }
    }

    pub(super) fn flags(mask: u32, set: bool) -> May {
        match (mask & READ_OR_WRITE == READ_OR_WRITE, mask) {
            (true, _) => May::yes_if(set),
            (_, 0) => May::yes_if(!set),
            _ => May::Flags { mask, set },
        }
    }

    /// All of them, in as few words as is easily found.
    pub(super) fn all(parts: impl IntoIterator<Item = May>) -> May {
        let mut result = Ranges::all();
        let mut clear = 0;
        let mut rest = Vec::new();
        let mut left: Vec<May> = parts.into_iter().collect();
        while let Some(part) = left.pop() {
            match part {
                May::No => return May::No,
                May::Yes => {}
                May::All(parts) => left.extend(parts),
                May::Result(ranges) => result = result.and(&ranges),
                May::Flags { mask, set: false } => clear |= mask,
                other => rest.push(other),
            }
        }
        rest.push(May::result(result));
        rest.push(May::flags(clear, false));
        if rest.contains(&May::No) {
            return May::No;
        }
        rest.retain(|part| *part != May::Yes);
        rest.sort_unstable();
        rest.dedup();
        match rest.len() {
            0 => May::Yes,
            1 => rest.remove(0),
            _ => May::All(rest),
        }
    }

    /// One of them, likewise.
    pub(super) fn any(parts: impl IntoIterator<Item = May>) -> May {
        let mut result = Ranges::none();
        let mut set = 0;
        let mut rest = Vec::new();
        let mut left: Vec<May> = parts.into_iter().collect();
        while let Some(part) = left.pop() {
            match part {
                May::Yes => return May::Yes,
                May::No => {}
                May::Any(parts) => left.extend(parts),
                May::Result(ranges) => result = result.or(&ranges),
                May::Flags { mask, set: true } => set |= mask,
                other => rest.push(other),
            }
        }
        rest.push(May::result(result));
        rest.push(May::flags(set, true));
        if rest.contains(&May::Yes) {
            return May::Yes;
        }
        rest.retain(|part| *part != May::No);
        rest.sort_unstable();
        rest.dedup();
        // What asks for more than another says nothing more.
        let asked: Vec<Vec<May>> = rest.iter().map(May::parts).collect();
        let mut index = 0;
        rest.retain(|_| {
            let this = &asked[index];
            let said = asked.iter().enumerate().any(|(other_index, other)| {
                other_index != index
                    && other.len() < this.len()
                    && other.iter().all(|part| this.contains(part))
            });
            index += 1;
            !said
        });
        match rest.len() {
            0 => May::No,
            1 => rest.remove(0),
            _ => May::Any(rest),
        }
    }

    fn parts(&self) -> Vec<May> {
        match self {
            May::All(parts) => parts.clone(),
            other => vec![other.clone()],
        }
    }

    /// The formula with each question of a path replaced.
    pub(super) fn map_path(&self, answer: &impl Fn(usize, bool) -> May) -> May {
        match self {
            May::Path(place, holds) => answer(*place, *holds),
            May::All(parts) => May::all(parts.iter().map(|part| part.map_path(answer))),
            May::Any(parts) => May::any(parts.iter().map(|part| part.map_path(answer))),
            other => other.clone(),
        }
    }

    /// Tells each question of a path.
    pub(super) fn each_path(&self, tell: &mut impl FnMut(usize)) {
        match self {
            May::Path(place, _) => tell(*place),
            May::All(parts) | May::Any(parts) => {
                for part in parts {
                    part.each_path(tell);
                }
            }
            _ => {}
        }
    }

    /// Whether it asks for the path.
    pub(super) fn asks_path(&self) -> bool {
        match self {
            May::Path(..) => true,
            May::All(parts) | May::Any(parts) => parts.iter().any(May::asks_path),
            _ => false,
        }
    }

    /// Whether it holds of a call whose path is not asked for.
    pub fn holds(&self, result: i64, flags: u32) -> bool {
        match self {
            May::No => false,
            May::Yes | May::Path(..) => true,
            May::Result(ranges) => ranges.contains(result),
            May::Flags { mask, set } => (flags & mask != 0) == *set,
            May::All(parts) => parts.iter().all(|part| part.holds(result, flags)),
            May::Any(parts) => parts.iter().any(|part| part.holds(result, flags)),
        }
    }

    /// Writes it for people; `path` says what is asked of a path.
    pub(super) fn show(
        &self,
        f: &mut fmt::Formatter<'_>,
        path: &impl Fn(usize) -> String,
    ) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[May], word: &str| {
            f.write_str("(")?;
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                part.show(f, path)?;
            }
            f.write_str(")")
        };
        match self {
            May::No => f.write_str("never"),
            May::Yes => f.write_str("always"),
            May::Result(ranges) => write!(f, "result {ranges}"),
            May::Flags { mask, set } => {
                let names = falco_event::flags::FILE_FLAGS.iter().filter(|flag| {
                    flag.value.is_power_of_two() && flag.value & u64::from(*mask) != 0
                });
                let marks = [
                    (super::CHANGED, "a changed name"),
                    (super::UNSEEN, "a name not seen twice"),
                ];
                let marks = marks.into_iter().filter(|(bit, _)| mask & bit != 0);
                let names = names.map(|flag| flag.name);
                let names: Vec<&str> = names.chain(marks.map(|(_, name)| name)).collect();
                let which = if *set { "any" } else { "none" };
                write!(f, "{which} of {}", names.join(", "))
            }
            May::Path(place, true) => f.write_str(&path(*place)),
            May::Path(place, false) => write!(f, "not {}", path(*place)),
            May::All(parts) => joined(f, parts, "and"),
            May::Any(parts) => joined(f, parts, "or"),
        }
    }
}
