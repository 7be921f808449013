//! What runtimes say of containers: notifications, and the events that were in their place before.

use falco_event::{Event, codes};

use crate::{State, Subject};

/// The names of notifications.
const ADDED: &[u8] = b"container";
const REMOVED: &[u8] = b"container_removed";

impl State {
    pub(crate) fn told_of_container(&mut self, event: &Event<'_>, at: &mut Subject) {
        self.sweep_containers();
        at.container = if event.code() == codes::ASYNCEVENT_E {
            let json = event.param(2).unwrap_or_default();
            match event.str(1) {
                Some(ADDED) => self.containers.told(json),
                Some(REMOVED) => self.containers.removed(json),
                _ => None,
            }
        } else {
            self.containers.told(event.str(0).unwrap_or_default())
        };
    }
}
