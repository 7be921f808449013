//! Asking the rules about an event, and putting alerts together.

use std::{collections::BTreeMap, mem, sync::Arc};

use bumpalo::Bump;
use falco_alerts::{Alert, Kind, Outputs, Routes, Tally};
use falco_event::{Event, EventCode, Origin};
use falco_fields::{Catalogue, Context, Facts, Seen};
use falco_filter::Memo;
use falco_rules::{ExtraOutput, Matching, RuleIx, RuleSet};
use falco_sources::Delivery;
use falco_state::{State, Subject};
use serde_json::Value;

use crate::{routing::Routing, set::Labels};

/// The rules, and what becomes of their matches: the same for all who judge.
pub(crate) struct Rulebook {
    pub(crate) catalogue: Catalogue,
    /// By itself, so that who derives from the rules does not keep the channels from ending.
    pub(crate) rules: Arc<RuleSet>,
    pub(crate) matching: Matching,
    /// The rules' names, sources and tags, as alerts hold them.
    pub(crate) labels: Vec<Labels>,
    pub(crate) outputs: Outputs,
    /// Whether somebody wants the values of fields.
    pub(crate) fields: bool,
    /// Which alerts go where.
    pub(crate) routing: Routing,
    pub(crate) tally: Arc<Tally>,
    /// The name that the time of an alert has among its fields.
    pub(crate) time_field: &'static str,
}

/// One who judges, and what is used again from event to event.
pub(crate) struct Judge {
    book: Arc<Rulebook>,
    context: Context,
    memo: Memo,
    routing_memo: Memo,
    arena: Bump,
    matched: Vec<RuleIx>,
}

impl Judge {
    pub(crate) fn new(book: &Arc<Rulebook>, context: Context) -> Judge {
        Judge {
            memo: book.rules.memo(),
            routing_memo: book.routing.memo(),
            book: Arc::clone(book),
            context,
            arena: Bump::new(),
            matched: Vec::new(),
        }
    }

    /// Another one who judges alike, for events from now on.
    pub(crate) fn another(&self) -> Judge {
        let context = Context {
            hostname: self.context.hostname.clone(),
            source: self.context.source,
            zone: self.context.zone.clone(),
            first_ns: self.context.first_ns,
            show: self.context.show,
            memory: falco_fields::Memory::default(),
        };
        Judge::new(&self.book, context)
    }

    /// Judges by other rules from now on.
    pub(crate) fn swap(&mut self, book: &Arc<Rulebook>) {
        self.memo = book.rules.memo();
        self.routing_memo = book.routing.memo();
        self.book = Arc::clone(book);
    }

    /// Notes an event that the state takes in.
    #[inline]
    pub(crate) fn note(&mut self, event: &Event<'_>) {
        if self.context.first_ns == 0 && event.info().origin != Origin::Metaevent {
            self.context.first_ns = event.time_ns();
        }
    }

    /// Whether a rule may match events of this kind.
    #[inline]
    pub(crate) fn looks_at(&self, code: EventCode) -> bool {
        self.book.rules.looks_at(code)
    }

    /// Asks the rules. `on_match` gets the alert of each match, in the order of the rules, with the channels it is for. Apart from the rest
    /// of the loop, which is small without it and runs for every event.
    #[inline(never)]
    pub(crate) fn assert(
        &mut self,
        delivery: &Delivery<'_>,
        subject: Subject,
        state: &State,
        mut on_match: impl FnMut(RuleIx, Alert, Routes),
    ) {
        let Delivery { event, number, cpu } = *delivery;
        let book = &*self.book;
        let mut matched = mem::take(&mut self.matched);
        let seen = Seen {
            event,
            subject,
            number,
            cpu,
        };
        let facts = Facts::new(&book.catalogue, &self.context, state, seen, &self.arena);
        book.rules.run(
            event.code(),
            &facts,
            &mut self.memo,
            book.matching,
            |rule| matched.push(rule),
        );
        if !matched.is_empty() {
            let memo = &mut self.routing_memo;
            let routes = book.routing.of_event(event.code(), &facts, memo);
            for ix in matched.drain(..) {
                if let Some((alert, routes)) = book.alert(ix, &facts, event.time_ns(), routes) {
                    on_match(ix, alert, routes);
                }
            }
        }
        self.matched = matched;
        self.arena.reset();
    }
}

impl Rulebook {
    /// Counts a match and puts its alert together; the only place on the way of an event that allocates.
    fn alert(
        &self,
        ix: RuleIx,
        facts: &Facts<'_>,
        time_ns: u64,
        routes: Routes,
    ) -> Option<(Alert, Routes)> {
        let (rule, labels) = (self.rules.get(ix)?, self.labels.get(ix.0 as usize)?);
        self.tally.count(ix.0 as usize, labels.priority);
        let mut message = Vec::new();
        rule.output.render(facts, &mut message);
        let mut fields = BTreeMap::new();
        if self.fields {
            rule.output.fields(facts, time_ns, &mut fields);
            for extra in &rule.extra_fields {
                add(extra, facts, time_ns, &mut fields);
            }
            fields.insert(self.time_field.into(), time_ns.into());
        }
        let alert = Alert {
            time_ns,
            priority: labels.priority,
            rule: Arc::clone(&labels.name),
            source: Arc::clone(&labels.source),
            message,
            fields,
            kind: Kind::Rule {
                tags: Arc::clone(&labels.tags),
            },
        };
        let routes = self.routing.of_alert(routes, alert.priority);
        Some((alert, routes))
    }
}

/// A field that the configuration adds: as itself, or a text under a name.
fn add(extra: &ExtraOutput, facts: &Facts<'_>, time_ns: u64, fields: &mut BTreeMap<String, Value>) {
    if extra.raw {
        extra.template.fields(facts, time_ns, fields);
    } else {
        let mut text = Vec::new();
        extra.template.render(facts, &mut text);
        fields.insert(extra.key.clone(), String::from_utf8_lossy(&text).into());
    }
}
