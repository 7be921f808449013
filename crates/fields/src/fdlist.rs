//! Fields of the descriptors that a poll waits for.

use falco_event::codes;
use falco_filter::Value;
use falco_state::{Ends, Fd, FdKind};

use crate::Facts;
use crate::table::fd::FdList;
use crate::text::Text;

/// In a list: the descriptor's number (i64) and what is waited for (i16).
const ENTRY_BYTES: usize = 10;

impl<'e> Facts<'e> {
    #[inline(never)]
    pub(crate) fn fd_list(&self, field: FdList) -> Option<Value<'e>> {
        if !matches!(
            self.event.code(),
            codes::SYSCALL_POLL_X | codes::SYSCALL_PPOLL_X
        ) {
            return None;
        }
        self.thread?;
        let (count, entries) = self.event.param(1)?.split_first_chunk::<2>()?;
        let mut text = Text::new(self.arena);
        let count = usize::from(u16::from_le_bytes(*count));
        for entry in entries.chunks_exact(ENTRY_BYTES).take(count) {
            let number = i64::from_le_bytes(*entry.first_chunk()?);
            let before = text.len();
            self.push_listed(&mut text, field, number);
            if text.len() > before {
                text.push(b",");
            }
        }
        text.pop();
        (!text.is_empty()).then(|| text.value())
    }

    fn push_listed(&self, text: &mut Text<'e>, field: FdList, number: i64) {
        let fd = self.fd_of(number);
        let ends = fd.map(ends);
        match (field, ends) {
            (FdList::Nums, _) => text.push_shown(number),
            (FdList::Names, _) => text.push(match fd {
                Some(fd) if !fd.name.is_empty() => &fd.name,
                _ => b"<NA>",
            }),
            (FdList::Cips, Some(Ends::Pair((ip, _), _)))
            | (FdList::Sips, Some(Ends::Pair(_, (ip, _)) | Ends::Listening(ip, _))) => {
                let mut address = self.context.memory.scratch();
                address.clear();
                falco_event::render::put_ip(ip, &mut *address);
                text.push(&address);
            }
            (FdList::Cports, Some(Ends::Pair((_, port), _)))
            | (FdList::Sports, Some(Ends::Pair(_, (_, port)))) => text.push_shown(port),
            _ => {}
        }
    }
}

fn ends(fd: &Fd) -> Ends {
    match &fd.kind {
        FdKind::Inet(tuple) => tuple.ends,
        _ => Ends::None,
    }
}
