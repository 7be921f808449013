//! Which events a condition can be true of: for a rule's place in the index, and for what has to be attached.
//!
//! Only what is said of `evt.type`, `syscall.type` and `evt.num` counts; any other comparison may be true of every event, and so may its
//! opposite.

use std::sync::LazyLock;

use falco_event::{EventCode, Syscall, SyscallCode, codes};
use falco_filter::ast::{Check, Cmp, Expr, Operand, Right};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// A set of numbers below 512.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Bits([u64; 8]);

impl Bits {
    const NONE: Bits = Bits([0; 8]);

    fn set(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    fn has(self, index: usize) -> bool {
        self.0
            .get(index / 64)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    fn zip(self, other: Bits, f: fn(u64, u64) -> u64) -> Bits {
        let mut both = self;
        for (word, other) in both.0.iter_mut().zip(other.0) {
            *word = f(*word, other);
        }
        both
    }

    fn len(self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

macro_rules! set {
    ($(#[$doc:meta])* $name:ident of $code:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name(Bits);

        impl $name {
            /// None of them.
            pub const NONE: $name = $name(Bits::NONE);

            /// Puts one in.
            pub fn insert(&mut self, code: $code) {
                self.0.set(usize::from(code.get()));
            }

            /// Whether one is in.
            pub fn contains(&self, code: $code) -> bool {
                self.0.has(usize::from(code.get()))
            }

            /// Puts all of another set in.
            pub fn extend(&mut self, other: &$name) {
                self.0 = self.0.zip(other.0, |a, b| a | b);
            }

            /// How many are in.
            pub fn len(&self) -> usize {
                self.0.len()
            }

            /// Whether none is in.
            pub fn is_empty(&self) -> bool {
                *self == Self::NONE
            }

            /// Those in, in order.
            pub fn iter(&self) -> impl Iterator<Item = $code> + use<> {
                let bits = self.0;
                $code::all().filter(move |code| bits.has(usize::from(code.get())))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_set().entries(self.iter().map(|code| code.info().name)).finish()
            }
        }
    };
}

set! {
    /// A set of events.
    EventSet of EventCode
}
set! {
    /// A set of system calls.
    SyscallSet of SyscallCode
}

impl EventSet {
    /// Every event.
    pub fn all() -> EventSet {
        let mut all = EventSet::NONE;
        EventCode::all().for_each(|code| all.insert(code));
        all
    }

    /// The events of that name, old versions and entries into calls included; for a call without events of its own those that stand for
    /// any such call.
    pub fn of_name(name: &str) -> EventSet {
        Reach::of_name(name).events
    }
}

impl SyscallSet {
    /// Every call.
    pub fn all() -> SyscallSet {
        let mut all = SyscallSet::NONE;
        SyscallCode::all()
            .filter(|code| is_call(code.info()))
            .for_each(|code| all.insert(code));
        all
    }

    /// The calls whose events have that name; of calls without events of their own that of this name.
    pub fn of_name(name: &str) -> SyscallSet {
        Reach::of_name(name).syscalls
    }
}

fn is_generic(code: EventCode) -> bool {
    code == codes::GENERIC_E || code == codes::GENERIC_X
}

fn is_call(call: &Syscall) -> bool {
    !matches!(call.name, "unknown" | "na_1")
}

/// The names under which conditions find a call.
fn names_of(call: &Syscall) -> impl Iterator<Item = &'static str> {
    let name = match call.exit {
        Some(exit) if is_generic(exit) => Some(call.name),
        Some(exit) => Some(exit.info().name),
        None => match call.name {
            "sched_process_exit" => Some("procexit"),
            "sched_switch" => Some("switch"),
            "signal_deliver" => Some("signaldeliver"),
            "page_fault_user" | "page_fault_kernel" => Some("page_fault"),
            _ => None,
        },
    };
    // `accept` was once the name of the events of both.
    let earlier = (call.name == "accept4").then_some("accept");
    name.into_iter().chain(earlier)
}

/// The events and calls that a condition can be true of.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// The events.
    pub events: EventSet,
    /// The calls to which they belong.
    pub syscalls: SyscallSet,
}

impl Reach {
    fn all() -> Reach {
        static ALL: LazyLock<Reach> = LazyLock::new(|| Reach {
            events: EventSet::all(),
            syscalls: SyscallSet::all(),
        });
        *ALL
    }

    const NONE: Reach = Reach {
        events: EventSet::NONE,
        syscalls: SyscallSet::NONE,
    };

    fn of_name(name: &str) -> Reach {
        static KNOWN: LazyLock<HashMap<&str, Reach, FxBuildHasher>> = LazyLock::new(by_name);
        KNOWN.get(name).copied().unwrap_or(Reach::NONE)
    }

    fn zip(self, other: Reach, f: fn(u64, u64) -> u64) -> Reach {
        Reach {
            events: EventSet(self.events.0.zip(other.events.0, f)),
            syscalls: SyscallSet(self.syscalls.0.zip(other.syscalls.0, f)),
        }
    }

    fn and(self, other: Reach) -> Reach {
        self.zip(other, |a, b| a & b)
    }

    fn or(self, other: Reach) -> Reach {
        self.zip(other, |a, b| a | b)
    }

    fn not(self) -> Reach {
        Reach::all().zip(self, |all, these| all & !these)
    }
}

/// What each name means.
fn by_name() -> HashMap<&'static str, Reach, FxBuildHasher> {
    let mut known: HashMap<&str, Reach, FxBuildHasher> = HashMap::default();
    for code in EventCode::all().filter(|code| !is_generic(*code)) {
        let reach = known.entry(code.info().name).or_insert(Reach::NONE);
        reach.events.insert(code);
    }
    for code in SyscallCode::all() {
        let reach = known.entry(code.info().name).or_insert(Reach::NONE);
        if reach.events.is_empty() {
            reach.events.insert(codes::GENERIC_E);
            reach.events.insert(codes::GENERIC_X);
        }
    }
    for code in SyscallCode::all().filter(|code| is_call(code.info())) {
        for name in names_of(code.info()) {
            known
                .entry(name)
                .or_insert(Reach::NONE)
                .syscalls
                .insert(code);
        }
    }
    known
}

/// The events that a condition can be true of.
///
/// # Errors
/// Upstream's message about comparisons of `evt.type` whose outcome cannot be told from the condition.
pub fn reach(condition: &Expr) -> Result<Reach, &'static str> {
    walk(condition, false)
}

/// Recursion is as deep as the tree, which is bounded.
fn walk(expr: &Expr, negated: bool) -> Result<Reach, &'static str> {
    match expr {
        Expr::And(children, _) | Expr::Or(children, _) => {
            // Not all is: one of them is not.
            let all_of_them = matches!(expr, Expr::And(..)) != negated;
            let mut reach = if all_of_them {
                Reach::all()
            } else {
                Reach::NONE
            };
            for child in children {
                let child = walk(child, negated)?;
                reach = if all_of_them {
                    reach.and(child)
                } else {
                    reach.or(child)
                };
            }
            Ok(reach)
        }
        Expr::Not(child, _) => walk(child, !negated),
        Expr::Ident(..) => Ok(Reach::all()),
        Expr::Check(check) => {
            let told = told_by(check)?;
            Ok(match told {
                None => Reach::all(),
                Some(reach) if negated => reach.not(),
                Some(reach) => reach,
            })
        }
    }
}

/// What a comparison says about the event; `None` if nothing.
fn told_by(check: &Check) -> Result<Option<Reach>, &'static str> {
    if let Operand::Transform { .. } = &check.left {
        let mut typed = false;
        (check.left)
            .for_each_field(&mut |name, _| typed |= matches!(name, "evt.type" | "syscall.type"));
        return if typed {
            Err("event code search does not support `evt.type` checks with transformers")
        } else {
            Ok(None)
        };
    }
    let Operand::Field {
        name, arg: None, ..
    } = &check.left
    else {
        return Ok(None);
    };
    if check.op.modifier.is_some() {
        return Ok(None);
    }
    match name.as_str() {
        "evt.type" | "syscall.type" => {
            let values: Vec<&[u8]> = match (&check.right, check.op.cmp) {
                (_, Cmp::Exists) => return Ok(Some(Reach::all())),
                (Right::Operand(_), _) => {
                    return Err(
                        "right-hand field comparisons on `evt.type`/`syscall.type` checks are not supported by event code search",
                    );
                }
                (Right::Value(value, _), Cmp::Eq | Cmp::EqEq | Cmp::Ne | Cmp::In) => vec![value],
                (Right::List(values, _), Cmp::In) => values.iter().map(Vec::as_slice).collect(),
                _ => return Ok(None),
            };
            let named = values
                .iter()
                .filter_map(|value| std::str::from_utf8(value).ok())
                .map(Reach::of_name)
                .fold(Reach::NONE, Reach::or);
            Ok(Some(if check.op.cmp == Cmp::Ne {
                named.not()
            } else {
                named
            }))
        }
        "evt.num" => Ok(number_told(check)),
        _ => Ok(None),
    }
}

/// Events are counted from 1: some comparisons of `evt.num` hold never, some always.
fn number_told(check: &Check) -> Option<Reach> {
    let number = |value: &[u8]| std::str::from_utf8(value).ok()?.parse::<i64>().ok();
    let (never, always) = match (&check.right, check.op.cmp) {
        (Right::Value(value, _), cmp) => {
            let number = number(value)?;
            match cmp {
                Cmp::Eq | Cmp::EqEq | Cmp::In => (number == 0, false),
                Cmp::Ne => (false, number == 0),
                Cmp::Lt => (number <= 1, false),
                Cmp::Le => (number <= 0, false),
                Cmp::Gt => (false, number <= 0),
                Cmp::Ge => (false, number <= 1),
                _ => (false, false),
            }
        }
        (Right::List(values, _), Cmp::In) => {
            (values.iter().all(|value| number(value) == Some(0)), false)
        }
        _ => (false, false),
    };
    if never {
        Some(Reach::NONE)
    } else if always {
        Some(Reach::all())
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
