//! Parameters as text: `evt.arg`, `evt.args`. What their numbers stand for is asked of the state.

use falco_event::codes;
use falco_event::render::{Resolver, Show, Sink};
use falco_state::FdKind;

use crate::text::Text;
use crate::{Facts, fd};

impl Sink for Text<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }
}

impl<'e> Facts<'e> {
    /// A parameter as conditions compare it: what its number stands for, else the number.
    pub(crate) fn param_text(&self, index: usize) -> &'e [u8] {
        let show = Show {
            base64: false,
            ..self.context.show
        };
        self.rendered(index, show)
    }

    /// A parameter as outputs show it.
    pub(crate) fn param_shown(&self, index: usize) -> &'e [u8] {
        self.rendered(index, self.context.show)
    }

    /// All parameters with their names. Those of events that stand for many calls tell only which one it was: they are not shown.
    pub(crate) fn all_params(&self) -> &'e [u8] {
        if self.event.code() == codes::GENERIC_X {
            return b"";
        }
        let mut text = Text::with_capacity(128, self.arena);
        self.context.show.args(&self.event, self, &mut text);
        text.finish()
    }

    fn rendered(&self, index: usize, show: Show) -> &'e [u8] {
        let mut text = Text::new(self.arena);
        show.arg(&self.event, index, self, &mut text);
        text.finish()
    }
}

impl Resolver for Facts<'_> {
    fn fd(&self, number: i64, out: &mut impl Sink) -> bool {
        let Some(fd) = self.fd_of(number) else {
            return false;
        };
        out.put(b"<");
        out.put(fd::type_char(fd));
        if matches!(fd.kind, FdKind::Inet(_))
            && let Some(letter) = fd::protocol(fd).get(..1).filter(|letter| *letter != b"<")
        {
            out.put(letter);
        }
        out.put(b">");
        out.put(&fd.name);
        true
    }

    fn fd_letter(&self, number: i64) -> Option<char> {
        let letter = fd::type_char(self.fd_of(number)?).first()?;
        Some(char::from(*letter))
    }

    fn comm(&self, tid: i64, out: &mut impl Sink) -> bool {
        let thread = self.state.threads.by_tid(tid);
        thread
            .inspect(|thread| out.put(&thread.image.comm))
            .is_some()
    }

    fn user(&self, uid: u32, out: &mut impl Sink) -> bool {
        let user = self.state.users.user(self.container_id(), uid);
        user.inspect(|user| out.put(&user.name)).is_some()
    }

    fn group(&self, gid: u32, out: &mut impl Sink) -> bool {
        let group = self.state.users.group(self.container_id(), gid);
        group.inspect(|group| out.put(&group.name)).is_some()
    }

    fn absolute(&self, dirfd: Option<i64>, path: &[u8], out: &mut impl Sink) -> bool {
        let Some(thread) = self.thread else {
            return false;
        };
        let base = match dirfd {
            None => self.state.threads.cwd(thread),
            Some(number) => {
                let directory = self.fd_of(number);
                directory.map_or(&b""[..], |fd| self.with_slash(&fd.name))
            }
        };
        out.put(self.join(base, path));
        true
    }

    fn date_time(&self, time_ns: u64, out: &mut impl Sink) {
        out.put(self.clock(time_ns, true, true));
    }
}
