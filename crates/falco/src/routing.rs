//! Which alerts go to which channels.

use std::sync::Arc;

use falco_alerts::{Priority, Routes};
use falco_event::EventCode;
use falco_fields::Facts;
use falco_filter::Memo;
use falco_rules::{Matching, RuleSet};

/// A channel that does not get everything.
#[derive(Clone, Debug)]
pub(crate) struct Choosy {
    /// Its place among the channels.
    pub(crate) channel: usize,
    /// Alerts that are less bad do not concern it.
    pub(crate) minimum: Priority,
    /// The place of its condition among those of the set, if it has one.
    pub(crate) condition: Option<usize>,
}

/// The channels that do not get everything, with their conditions, which are asked only for events that raise alerts.
#[derive(Debug)]
pub(crate) struct Routing {
    choosy: Vec<Choosy>,
    conditions: Arc<RuleSet>,
}

impl Routing {
    /// Each condition is a rule of the set.
    pub(crate) fn new(choosy: Vec<Choosy>, conditions: RuleSet) -> Routing {
        Routing {
            choosy,
            conditions: Arc::new(conditions),
        }
    }

    pub(crate) fn conditions(&self) -> &Arc<RuleSet> {
        &self.conditions
    }

    /// What [`Routing::of_event`] needs to remember.
    pub(crate) fn memo(&self) -> Memo {
        self.conditions.memo()
    }

    /// The channels whose conditions an event does not break.
    pub(crate) fn of_event(&self, code: EventCode, facts: &Facts<'_>, memo: &mut Memo) -> Routes {
        let mut routes = self.unconditional();
        let choosy = &self.choosy;
        self.conditions
            .run(code, facts, memo, Matching::All, |holds| {
                let place = Some(holds.0 as usize);
                for channel in choosy.iter().filter(|channel| channel.condition == place) {
                    routes = routes.with(channel.channel);
                }
            });
        routes
    }

    /// The channels that ask nothing of events: those for what no event has raised.
    pub(crate) fn unconditional(&self) -> Routes {
        let conditional = self.choosy.iter().filter(|one| one.condition.is_some());
        conditional.fold(Routes::ALL, |routes, one| routes.without(one.channel))
    }

    /// Those of `routes` that an alert is bad enough for.
    pub(crate) fn of_alert(&self, routes: Routes, priority: Priority) -> Routes {
        let choosy = self.choosy.iter();
        let unconcerned = choosy.filter(|one| priority > one.minimum);
        unconcerned.fold(routes, |routes, one| routes.without(one.channel))
    }
}
