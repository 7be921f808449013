//! Paths, put together in the arena.

use bumpalo::Bump;

use crate::Facts;
use crate::text::Text;

impl<'e> Facts<'e> {
    /// The path `path` as seen from `base`, see [`falco_state::path::join`].
    pub(crate) fn join(&self, base: &[u8], path: &[u8]) -> &'e [u8] {
        let mut joined = self.context.memory.scratch();
        falco_state::path::join(base, path, &mut joined);
        self.arena.alloc_slice_copy(&joined)
    }
}

/// A path without repeated slashes, otherwise as it was given.
pub(crate) fn without_repeated_slashes<'e>(path: &'e [u8], arena: &'e Bump) -> &'e [u8] {
    if !path.windows(2).any(|pair| pair == b"//") {
        return path;
    }
    let mut text = Text::with_capacity(path.len(), arena);
    let mut last = 0;
    for byte in path {
        if !(*byte == b'/' && last == b'/') {
            text.push(&[*byte]);
        }
        last = *byte;
    }
    text.finish()
}
