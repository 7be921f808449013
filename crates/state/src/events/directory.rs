//! Working and root directories.

use std::sync::Arc;

use falco_event::Event;

use crate::{State, Subject, apply::succeeded, path, wire::text};

impl State {
    pub(crate) fn changed_directory(&mut self, event: &Event<'_>, at: &mut Subject) {
        if succeeded(event) {
            self.set_directory(at, text(event, 1));
        }
    }

    pub(crate) fn changed_directory_by_fd(&mut self, event: &Event<'_>, at: &mut Subject) {
        if succeeded(event)
            && let Some(fd) = self.fd_of(at)
        {
            let name = Arc::clone(&fd.name);
            self.set_directory(at, &name);
        }
    }

    pub(crate) fn changed_root(&mut self, event: &Event<'_>, at: &mut Subject) {
        let Some(thread) = at.thread.and_then(|ix| self.threads.get(ix)) else {
            return;
        };
        if !succeeded(event) {
            return;
        }
        let given = text(event, 1);
        let root = &mut self.scratch.path;
        if given.starts_with(b"/") {
            root.clear();
            root.extend_from_slice(given);
        } else {
            path::join(self.threads.cwd(thread), given, root);
        }
        let root = Arc::from(&root[..]);
        if let Some(thread) = self.thread_of(at) {
            thread.root = root;
        }
    }

    /// All threads of a process have its directory. Upstream joins what a thread other than the main one names to nothing.
    fn set_directory(&mut self, at: &Subject, name: &[u8]) {
        let Some(main) = at.thread.and_then(|ix| self.threads.main_mut(ix)) else {
            return;
        };
        let cwd = &mut self.scratch.path;
        path::join(&main.cwd, name, cwd);
        if cwd.last() != Some(&b'/') {
            cwd.push(b'/');
        }
        if main.cwd[..] != cwd[..] {
            main.cwd = Arc::from(&cwd[..]);
        }
    }
}
