//! Fields of users and groups.

use falco_filter::Value;
use falco_state::User as Entry;

use crate::Facts;
use crate::table::user::{Group, User};

/// What stands for a name that is not known.
const UNKNOWN: &[u8] = b"<NA>";

impl<'e> Facts<'e> {
    #[inline(never)]
    pub(crate) fn user(&self, field: User) -> Option<Value<'e>> {
        let thread = self.thread?;
        let user = |uid| self.state.users.user(self.container_id(), uid);
        let text = |uid, part: fn(&Entry) -> &[u8]| Value::Str(user(uid).map_or(UNKNOWN, part));
        Some(match field {
            User::Uid => Value::Uint(thread.uid.into()),
            User::Name => text(thread.uid, |user| &user.name),
            User::Home => text(thread.uid, |user| &user.home),
            User::Shell => text(thread.uid, |user| &user.shell),
            User::LoginUid if thread.loginuid == u32::MAX => Value::Int(-1),
            User::LoginUid => Value::Int(thread.loginuid.into()),
            User::LoginName => text(thread.loginuid, |user| &user.name),
        })
    }

    #[inline(never)]
    pub(crate) fn group(&self, field: Group) -> Option<Value<'e>> {
        let gid = self.thread?.gid;
        Some(match field {
            Group::Gid => Value::Uint(gid.into()),
            Group::Name => {
                let group = self.state.users.group(self.container_id(), gid);
                Value::Str(group.map_or(UNKNOWN, |group| &group.name))
            }
        })
    }
}
