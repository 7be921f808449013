//! What a condition may be of one kind of event: each comparison is answered by what the kernel knows, or may go either way.

use falco_event::{EventCode, Origin, codes, flags};
use falco_filter::ast::{Check, Cmp, Expr, Modifier, Op, Operand, Right};

use super::may::{May, READ_OR_WRITE};
use super::paths::Paths;
use super::ranges::Ranges;

/// What is known of the descriptor of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum World {
    /// It is the file that the event itself opened, or tried to.
    Opened,
    /// It is a file, whatever its name.
    File,
    /// Nobody knows of it.
    Missing,
}

/// One kind of event, in a world.
pub(super) struct Site<'p> {
    pub(super) code: EventCode,
    pub(super) world: World,
    /// Collects what is asked of the path.
    pub(super) paths: &'p mut Paths,
}

/// Bits of open flags, as they are on the wire.
const READ: u32 = 1;
const WRITE: u32 = 2;
const CREATE: u32 = 1 << 2;
const TMPFILE: u32 = 1 << 13;
/// From here on the kernel tells only at the end of the call.
const TOLD_LATER: u32 = 1 << 14;

/// The calls that open files.
pub(super) const OPENS: [EventCode; 5] = [
    codes::SYSCALL_OPEN_X,
    codes::SYSCALL_OPENAT_2_X,
    codes::SYSCALL_OPENAT2_X,
    codes::SYSCALL_CREAT_X,
    codes::SYSCALL_OPEN_BY_HANDLE_AT_X,
];

/// Fields of a descriptor that only sockets have: of another they are none, or nothing compares with them.
const OF_SOCKETS: [&str; 20] = [
    "fd.ip",
    "fd.cip",
    "fd.sip",
    "fd.lip",
    "fd.rip",
    "fd.port",
    "fd.cport",
    "fd.sport",
    "fd.lport",
    "fd.rport",
    "fd.net",
    "fd.cnet",
    "fd.snet",
    "fd.lnet",
    "fd.rnet",
    "fd.proto",
    "fd.cip.name",
    "fd.sip.name",
    "fd.lip.name",
    "fd.rip.name",
];

impl Site<'_> {
    /// A formula that is true whenever the condition has that outcome. Recursion is as deep as the tree, which is bounded.
    pub(super) fn may(&mut self, expr: &Expr, outcome: bool) -> May {
        match expr {
            Expr::And(children, _) | Expr::Or(children, _) => {
                let parts: Vec<May> = (children.iter())
                    .map(|child| self.may(child, outcome))
                    .collect();
                // Not all is: one of them is not.
                if matches!(expr, Expr::And(..)) == outcome {
                    May::all(parts)
                } else {
                    May::any(parts)
                }
            }
            Expr::Not(child, _) => self.may(child, !outcome),
            Expr::Ident(..) => May::Yes,
            Expr::Check(check) => self.check(check, outcome),
        }
    }

    fn check(&mut self, check: &Check, outcome: bool) -> May {
        let Operand::Field { name, arg, .. } = &check.left else {
            return May::Yes;
        };
        if let Right::Operand(_) = check.right {
            return May::Yes;
        }
        let name = match arg {
            None => name.as_str(),
            Some(_) => return May::Yes,
        };
        let own_file = self.world == World::Opened;
        match name {
            "evt.type" | "syscall.type" => match self.event_name() {
                Some(event) => one_of(&[Some(event)], check, outcome),
                None => May::Yes,
            },
            "evt.dir" => {
                let dir = if self.code.is_enter() { ">" } else { "<" };
                one_of(&[Some(dir)], check, outcome)
            }
            "evt.num" => match number_told(check) {
                Some(holds) => May::yes_if(holds == outcome),
                None => May::Yes,
            },
            "evt.rawres" if self.tells_result() => with_outcome(numbers(check), outcome),
            "evt.failed" if self.tells_result() => {
                let failing =
                    truth(check).map(|truth| if truth { failed() } else { failed().not() });
                with_outcome(failing, outcome)
            }
            "evt.res" if self.tells_result() => result_named(check, outcome),
            "fd.num" if own_file => with_outcome(numbers(check).map(|all| opened(&all)), outcome),
            "fd.type" => one_of(self.types(), check, outcome),
            "fd.typechar" => match self.type_chars() {
                Some(chars) => one_of(chars, check, outcome),
                None => May::Yes,
            },
            _ if OF_SOCKETS.contains(&name) && check.op.cmp != Cmp::Exists => May::yes_if(!outcome),
            "evt.is_open_read" | "evt.is_open_write" | "evt.is_open_exec"
            | "evt.is_open_create" => self.opens(name, check, outcome),
            "evt.is_tampered" | "evt.is_unverified" if own_file => {
                self.marked(name, check, outcome)
            }
            "evt.arg.flags" if own_file && outcome => flags_named(self.code, check),
            _ if own_file && self.code != codes::SYSCALL_OPEN_BY_HANDLE_AT_X => {
                let asked = self.paths.ask(name, check, outcome);
                // When these fail, the raw name is shown made absolute.
                let absolute = [codes::SYSCALL_OPEN_X, codes::SYSCALL_CREAT_X];
                if name == "fd.nameraw" && absolute.contains(&self.code) {
                    May::any([May::result(failed()), asked])
                } else {
                    asked
                }
            }
            _ => May::Yes,
        }
    }

    /// What the event is called; `None` when it tells itself.
    fn event_name(&self) -> Option<&'static str> {
        let named_later = [codes::GENERIC_E, codes::GENERIC_X, codes::ASYNCEVENT_E];
        let known =
            !named_later.contains(&self.code) && matches!(self.code.info().origin, Origin::Syscall);
        known.then(|| self.code.info().name)
    }

    fn tells_result(&self) -> bool {
        self.world == World::Opened && !self.code.is_enter()
    }

    fn types(&self) -> &'static [Option<&'static str>] {
        match self.world {
            World::Opened => &[Some("file"), Some("directory"), None],
            World::File => &[Some("file")],
            World::Missing => &[None],
        }
    }

    fn type_chars(&self) -> Option<&'static [Option<&'static str>]> {
        use falco_event::EventFlags;
        match self.world {
            World::Opened => Some(&[Some("f"), Some("d"), Some("o"), None]),
            World::File => Some(&[Some("f")]),
            // Of a call that should have given one it is what was to be expected.
            World::Missing if self.code.info().flags.any(EventFlags::CREATES_FD) => None,
            World::Missing => Some(&[Some("o"), None]),
        }
    }

    /// What is known of the name in the caller's memory: that of a call by a handle is the kernel's.
    fn marked(&self, name: &str, check: &Check, outcome: bool) -> May {
        let Some(asked) = truth(check) else {
            return May::Yes;
        };
        let bit = match name {
            _ if self.code == codes::SYSCALL_OPEN_BY_HANDLE_AT_X => {
                return May::yes_if(asked != outcome);
            }
            "evt.is_tampered" => super::CHANGED,
            _ => super::UNSEEN,
        };
        // That it is not marked may be wrong a moment later: the name is read once more.
        if asked == outcome {
            May::flags(bit, true)
        } else {
            May::Yes
        }
    }

    /// `evt.is_open_*`.
    fn opens(&self, name: &str, check: &Check, outcome: bool) -> May {
        let Some(asked) = truth(check) else {
            return May::Yes;
        };
        let holds = asked == outcome;
        let has_flags = OPENS.contains(&self.code) && self.code != codes::SYSCALL_CREAT_X;
        match name {
            "evt.is_open_exec" if OPENS.contains(&self.code) && !has_flags => May::Yes,
            _ if !has_flags => May::yes_if(!holds),
            "evt.is_open_read" => May::flags(READ, holds),
            "evt.is_open_write" => May::flags(WRITE, holds),
            // Whether it did create, and what may be executed, is known only to whoever reads all of the event.
            _ if holds => May::flags(CREATE | TMPFILE, true),
            _ => May::Yes,
        }
    }
}

/// What a text comparison says when the value is one of these.
fn one_of(values: &[Option<&str>], check: &Check, outcome: bool) -> May {
    let possible = values.iter().any(|value| match value {
        // Nothing holds of what is not there.
        None => !outcome,
        Some(value) => compare(check, value).is_none_or(|holds| holds == outcome),
    });
    May::yes_if(possible)
}

fn compare(check: &Check, value: &str) -> Option<bool> {
    let literals = literals(check)?;
    if !is_plain(check) {
        return None;
    }
    let value = value.as_bytes();
    let any = |test: fn(&[u8], &[u8]) -> bool| literals.iter().any(|literal| test(value, literal));
    match (check.op.cmp, check.op.modifier) {
        (Cmp::Eq | Cmp::EqEq | Cmp::In, None) => Some(any(|value, literal| value == literal)),
        (Cmp::Ne, None) => Some(!any(|value, literal| value == literal)),
        (Cmp::Startswith, None | Some(Modifier::Anyof)) => Some(any(<[u8]>::starts_with)),
        (Cmp::Exists, None) => Some(true),
        _ => None,
    }
}

/// The literals on the right.
pub(super) fn literals(check: &Check) -> Option<&[Vec<u8>]> {
    match &check.right {
        Right::Value(value, _) => Some(std::slice::from_ref(value)),
        Right::List(values, _) => Some(values),
        Right::Nothing => Some(&[]),
        Right::Operand(_) => None,
    }
}

/// Whether there are as many literals as the operator takes.
pub(super) fn is_plain(check: &Check) -> bool {
    let many = check.op.modifier.is_some() || matches!(check.op.cmp, Cmp::In | Cmp::Pmatch);
    many || literals(check).is_some_and(|literals| literals.len() <= 1)
}

/// The numbers of which a comparison holds; `None` if that is not plain.
fn numbers(check: &Check) -> Option<Ranges> {
    if check.op.modifier.is_some() || !is_plain(check) {
        return None;
    }
    let mut numbers = Vec::new();
    for literal in literals(check)? {
        numbers.push(decimal(literal)?);
    }
    let just = |number: i64| Ranges::between(number, number);
    let first = numbers.first().copied();
    let below = |number: i64| match number.checked_sub(1) {
        Some(last) => Ranges::between(i64::MIN, last),
        None => Ranges::none(),
    };
    Some(match check.op.cmp {
        Cmp::Eq | Cmp::EqEq => just(first?),
        Cmp::Ne => just(first?).not(),
        Cmp::In => (numbers.iter()).fold(Ranges::none(), |all, number| all.or(&just(*number))),
        Cmp::Lt => below(first?),
        Cmp::Le => Ranges::between(i64::MIN, first?),
        Cmp::Gt => Ranges::between(i64::MIN, first?).not(),
        Cmp::Ge => below(first?).not(),
        _ => return None,
    })
}

/// What a comparison of `evt.num` says whatever the number is: events are counted from 1.
pub(super) fn number_told(check: &Check) -> Option<bool> {
    let counted = Ranges::between(1, i64::MAX);
    let holds = numbers(check)?.and(&counted);
    if holds == counted {
        Some(true)
    } else if holds == Ranges::none() {
        Some(false)
    } else {
        None
    }
}

/// A number in the one form that everybody reads alike.
fn decimal(literal: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(literal).ok()?;
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// What calls that fail give back.
fn failed() -> Ranges {
    Ranges::between(i64::MIN, -1)
}

fn truth(check: &Check) -> Option<bool> {
    let Right::Value(value, _) = &check.right else {
        return None;
    };
    let value = match value.as_slice() {
        b"true" => true,
        b"false" => false,
        _ => return None,
    };
    match (check.op.cmp, check.op.modifier) {
        (Cmp::Eq | Cmp::EqEq, None) => Some(value),
        (Cmp::Ne, None) => Some(!value),
        _ => None,
    }
}

fn with_outcome(ranges: Option<Ranges>, outcome: bool) -> May {
    match ranges {
        None => May::Yes,
        Some(ranges) if outcome => May::result(ranges),
        Some(ranges) => May::result(ranges.not()),
    }
}

/// Of which results the number of the opened descriptor is in these: -1 stands for every failure.
fn opened(numbers: &Ranges) -> Ranges {
    let success = Ranges::between(0, i64::MAX);
    let opened = numbers.and(&success);
    if numbers.contains(-1) {
        opened.or(&success.not())
    } else {
        opened
    }
}

/// `evt.res`: SUCCESS, else the name of an error; which number has it is left open.
fn result_named(check: &Check, outcome: bool) -> May {
    let success = compare(check, "SUCCESS").is_none_or(|holds| holds == outcome);
    // Some error or other; when no name can be that of one, none.
    let named = literals(check).unwrap_or(&[]);
    let only_success = named.iter().all(|name| name.as_slice() == b"SUCCESS");
    let failure = match check.op {
        Op {
            cmp: Cmp::Eq | Cmp::EqEq | Cmp::In,
            modifier: None,
        } if only_success => !outcome,
        Op {
            cmp: Cmp::Ne,
            modifier: None,
        } if only_success => outcome,
        _ => true,
    };
    let both = [(success, failed().not()), (failure, failed())];
    let ranges = both
        .into_iter()
        .filter(|(possible, _)| *possible)
        .fold(Ranges::none(), |all, (_, ranges)| all.or(&ranges));
    May::result(ranges)
}

/// `evt.arg.flags contains O_TRUNC`: some flag whose name has the text is set.
fn flags_named(code: EventCode, check: &Check) -> May {
    let has_flags = OPENS.contains(&code) && code != codes::SYSCALL_CREAT_X;
    let wanted = match (&check.right, check.op.cmp, check.op.modifier) {
        (Right::Value(wanted, _), Cmp::Contains, None) => std::str::from_utf8(wanted).ok(),
        _ => None,
    };
    let Some(wanted) = wanted.filter(|wanted| has_flags && !wanted.is_empty()) else {
        return May::Yes;
    };
    if wanted.contains('|') {
        return May::Yes;
    }
    let named = flags::FILE_FLAGS
        .iter()
        .filter(|flag| flag.name.contains(wanted));
    let mask = named.fold(0, |mask, flag| mask | flag.value as u32);
    if mask >= TOLD_LATER || mask & READ_OR_WRITE == READ_OR_WRITE {
        return May::Yes;
    }
    May::flags(mask, true)
}
