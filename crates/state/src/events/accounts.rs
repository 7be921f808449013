//! Users and groups that appear and vanish.

use std::sync::Arc;

use falco_event::Event;

use crate::{Group, State, User, wire::text};

impl State {
    pub(crate) fn user_added(&mut self, event: &Event<'_>) {
        let (Some(uid), Some(gid)) = (event.u32(0), event.u32(1)) else {
            return;
        };
        let user = User {
            uid,
            gid,
            name: Arc::from(text(event, 2)),
            home: Arc::from(text(event, 3)),
            shell: Arc::from(text(event, 4)),
        };
        self.users.add_user(container(event, 5), user);
    }

    pub(crate) fn user_deleted(&mut self, event: &Event<'_>) {
        if let Some(uid) = event.u32(0) {
            self.users.remove_user(container(event, 5), uid);
        }
    }

    pub(crate) fn group_added(&mut self, event: &Event<'_>) {
        if let Some(gid) = event.u32(0) {
            let name = Arc::from(text(event, 1));
            self.users
                .add_group(container(event, 2), Group { gid, name });
        }
    }

    pub(crate) fn group_deleted(&mut self, event: &Event<'_>) {
        if let Some(gid) = event.u32(0) {
            self.users.remove_group(container(event, 2), gid);
        }
    }
}

/// The container whose table changes; empty for the host.
fn container<'a>(event: &Event<'a>, index: usize) -> &'a [u8] {
    event.str(index).unwrap_or_default()
}
