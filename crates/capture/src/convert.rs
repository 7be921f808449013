//! Events of older schema versions, made today's while a capture is read.
//!
//! Older captures hold an event when a call is entered and another when it is left; today the second has all parameters. What to do
//! with an event follows from its code and its number of parameters (`schema/conversions`); steps are repeated until it passes.

#[rustfmt::skip]
mod table;

use std::{fmt::Write as _, sync::LazyLock};

use falco_event::{Builder, Event, EventCode, EventFlags, Malformed, ParamType, codes};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// More steps than any event of any version needs.
const STEPS_MAX: usize = 50;

/// Enter events are kept for this many threads and up to this many bytes; beyond it all are forgotten, as if the capture began later.
const KEPT_MAX: usize = 1 << 17;
const KEPT_BYTES_MAX: usize = 1 << 26;

/// Why an event could not be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// It is no event.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// No version of the event has that many parameters.
    #[error("no version of event {id} has {params} parameters")]
    NoRule {
        /// The event's name in the schema.
        id: &'static str,
        /// How many parameters it has.
        params: usize,
    },
    /// The steps go round in circles: a fault of the table.
    #[error("event {0} is not converted after {STEPS_MAX} steps")]
    Endless(&'static str),
}

/// Converts the events of one capture; remembers the enter events that are still open.
#[derive(Debug, Default)]
pub struct Converter {
    kept: HashMap<i64, Vec<u8>, FxBuildHasher>,
    kept_bytes: usize,
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Converted {
    /// It was today's already.
    Same,
    /// It was made anew.
    Anew(Vec<u8>),
    /// It has no counterpart today.
    Dropped,
}

enum Action {
    Pass,
    Keep,
    KeepAndPass,
    Add(&'static [Source]),
    Become(EventCode, &'static [Source]),
}

enum Source {
    Old(u8),
    Enter(u8),
    EnterOrEmpty(u8),
    Default,
    Empty,
    ContainerJson,
}

struct Rule {
    code: EventCode,
    params: u8,
    action: Action,
}

const fn rule(code: EventCode, params: u8, action: Action) -> Rule {
    Rule {
        code,
        params,
        action,
    }
}

/// What the table wants of an event.
enum Step {
    Done,
    Drop,
    Rule(&'static Rule),
}

/// Whether an event with that many parameters is of today's version, and so needs no converter.
#[inline]
pub fn is_current(code: EventCode, params: usize) -> bool {
    let info = code.info();
    let managed = info.flags.any(EventFlags::CONVERTER_MANAGED);
    let old = EventFlags::UNUSED | EventFlags::OLD_VERSION;
    !info.flags.any(old) && (!managed || !code.is_enter() && params == info.params.len())
}

impl Converter {
    /// Makes an event today's.
    pub fn convert(&mut self, event: Event<'_>) -> Result<Converted, ConvertError> {
        let mut current = Vec::new();
        for round in 0..STEPS_MAX {
            let event = if round == 0 {
                event
            } else {
                Event::parse(&current)?
            };
            let rule = match step(&event)? {
                Step::Done => return Ok(done(round, current)),
                Step::Drop => return Ok(Converted::Dropped),
                Step::Rule(rule) => rule,
            };
            let thread = event.thread();
            current = match rule.action {
                Action::Keep => {
                    self.keep(&event);
                    return Ok(Converted::Dropped);
                }
                Action::KeepAndPass => {
                    self.keep(&event);
                    return Ok(done(round, current));
                }
                Action::Pass => return Ok(done(round, current)),
                Action::Add(sources) => {
                    let old: Vec<Source> = (0..event.len() as u8).map(Source::Old).collect();
                    self.build(&event, event.code(), &old, sources)
                }
                Action::Become(code, sources) => self.build(&event, code, sources, &[]),
            };
            self.forget_used(rule, thread);
        }
        Err(ConvertError::Endless(event.info().id))
    }

    /// Forgets the enter events: another capture begins.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.kept_bytes = 0;
    }

    fn keep(&mut self, event: &Event<'_>) {
        self.kept_bytes += event.bytes().len();
        if self.kept.len() >= KEPT_MAX || self.kept_bytes > KEPT_BYTES_MAX {
            self.clear();
        }
        let place = self.kept.entry(event.thread()).or_default();
        self.kept_bytes -= place.len().min(self.kept_bytes);
        place.clear();
        place.extend_from_slice(event.bytes());
    }

    /// An entry serves one step of its exit, as upstream has it.
    fn forget_used(&mut self, rule: &Rule, thread: i64) {
        let (Action::Add(sources) | Action::Become(_, sources)) = rule.action else {
            return;
        };
        if sources
            .iter()
            .any(|source| matches!(source, Source::Enter(_) | Source::EnterOrEmpty(_)))
        {
            self.kept.remove(&thread);
        }
    }

    fn build(
        &self,
        event: &Event<'_>,
        code: EventCode,
        first: &[Source],
        more: &[Source],
    ) -> Vec<u8> {
        let mut builder = Builder::new(code, event.time_ns(), event.thread());
        for (param, source) in code.info().params.iter().zip(first.iter().chain(more)) {
            let bytes = match source {
                Source::Old(index) => event.param(usize::from(*index)).unwrap_or_default(),
                Source::Enter(index) => match self.enter(event) {
                    Some(enter) => enter.param(usize::from(*index)).unwrap_or_default(),
                    None => default(param.ty),
                },
                Source::EnterOrEmpty(index) => {
                    let enter = self.enter(event);
                    enter
                        .and_then(|enter| enter.param(usize::from(*index)))
                        .unwrap_or_default()
                }
                Source::Default => default(param.ty),
                Source::Empty => &[],
                Source::ContainerJson => {
                    builder = builder.str(container_json(event).as_bytes());
                    continue;
                }
            };
            // Some parameters became narrower: bpf's command had 64 bits.
            let fits = param.ty.size().and_then(|size| bytes.get(..size));
            builder = builder.bytes(fits.unwrap_or(bytes));
        }
        builder.finish()
    }

    /// The remembered entry into the call that this event leaves. Where the writer lost events, the entry may belong to an earlier call:
    /// then it counts as lost too. (Upstream ends the replay there.)
    fn enter(&self, event: &Event<'_>) -> Option<Event<'_>> {
        let enter = Event::parse(self.kept.get(&event.thread())?).ok()?;
        (enter.code().get() + 1 == event.code().get()).then_some(enter)
    }
}

fn done(rounds: usize, current: Vec<u8>) -> Converted {
    if rounds == 0 {
        Converted::Same
    } else {
        Converted::Anew(current)
    }
}

fn step(event: &Event<'_>) -> Result<Step, ConvertError> {
    let (info, code) = (event.info(), event.code());
    if is_current(code, event.len()) {
        return Ok(Step::Done);
    }
    if info.flags.any(EventFlags::UNUSED) || !info.flags.any(EventFlags::CONVERTER_MANAGED) {
        return Ok(Step::Drop);
    }
    let rules = BY_CODE.get(code.index()).copied().unwrap_or_default();
    let rule = rules
        .iter()
        .find(|rule| usize::from(rule.params) == event.len());
    rule.map(Step::Rule).ok_or(ConvertError::NoRule {
        id: info.id,
        params: event.len(),
    })
}

/// The rules of each event; they lie together in the table.
static BY_CODE: LazyLock<Vec<&'static [Rule]>> = LazyLock::new(|| {
    EventCode::all()
        .map(|code| {
            let start = table::RULES.partition_point(|rule| rule.code < code);
            let end = table::RULES.partition_point(|rule| rule.code <= code);
            table::RULES.get(start..end).unwrap_or_default()
        })
        .collect()
});

/// What a parameter of that type is when nobody knows: zero, or nobody for users and groups.
fn default(ty: ParamType) -> &'static [u8] {
    let bytes: &[u8] = match ty {
        ParamType::Uid | ParamType::Gid => &[0xff; 4],
        _ => &[0; 16],
    };
    ty.size()
        .and_then(|size| bytes.get(..size))
        .unwrap_or_default()
}

/// The first container event had id, type, name and image apart; its successor has them as JSON.
fn container_json(event: &Event<'_>) -> String {
    debug_assert_eq!(event.code(), codes::CONTAINER_E);
    let text = |index| escape(event.str(index).unwrap_or_default());
    let kind = event.u32(1).unwrap_or_default();
    format!(
        "{{\"id\":\"{}\",\"type\":{kind},\"name\":\"{}\",\"image\":\"{}\"}}",
        text(0),
        text(2),
        text(3)
    )
}

/// The text as it stands inside the quotes of a JSON string.
fn escape(text: &[u8]) -> String {
    let mut out = String::new();
    for letter in String::from_utf8_lossy(text).chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if u32::from(letter) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out
}
