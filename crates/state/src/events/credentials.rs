//! Who a thread acts as, and what it may.

use falco_event::{Event, codes};

use crate::{
    State, Subject,
    apply::succeeded,
    wire::{clone, result},
};

/// All capabilities there are.
const ALL_CAPABILITIES: u64 = (1 << 41) - 1;

impl State {
    /// The effective user or group.
    pub(crate) fn set_ids(&mut self, event: &Event<'_>, at: &mut Subject) {
        let id = match event.code() {
            codes::SYSCALL_SETUID_X | codes::SYSCALL_SETGID_X => event.u32(1),
            _ => event.u32(2),
        };
        let group = matches!(
            event.code(),
            codes::SYSCALL_SETGID_X | codes::SYSCALL_SETREGID_X | codes::SYSCALL_SETRESGID_X
        );
        if let Some(id) = id
            && result(event) == 0
            && let Some(thread) = self.thread_of(at)
        {
            if group {
                thread.gid = id;
            } else {
                thread.uid = id;
            }
        }
    }

    pub(crate) fn capset(&mut self, event: &Event<'_>, at: &mut Subject) {
        if let (Some(inheritable), Some(permitted), Some(effective)) =
            (event.u64(1), event.u64(2), event.u64(3))
            && succeeded(event)
            && let Some(thread) = self.thread_of(at)
        {
            thread.cap_inheritable = inheritable;
            thread.cap_permitted = permitted;
            thread.cap_effective = effective;
        }
    }

    /// In a user namespace of its own, a thread may do everything.
    pub(crate) fn entered_namespace(&mut self, event: &Event<'_>, at: &mut Subject) {
        let index = match event.code() {
            codes::SYSCALL_SETNS_X => 2,
            _ => 1,
        };
        if event.u32(index).unwrap_or(0) & clone::NEWUSER != 0
            && succeeded(event)
            && let Some(thread) = self.thread_of(at)
        {
            thread.cap_inheritable = ALL_CAPABILITIES;
            thread.cap_permitted = ALL_CAPABILITIES;
            thread.cap_effective = ALL_CAPABILITIES;
        }
    }

    pub(crate) fn setsid(&mut self, event: &Event<'_>, at: &mut Subject) {
        if succeeded(event)
            && let Some(thread) = self.thread_of(at)
        {
            thread.sid = result(event);
        }
    }
}
