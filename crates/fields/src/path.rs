//! Paths as upstream joins and normalises them.

use bumpalo::Bump;

use crate::text::Text;

/// The longest path that is put together.
const LONGEST: usize = 1024;

/// The path `path` as seen from `base`, which has to end with a slash: without `.`, `..` and empty components of `path`, without a slash
/// at its end. Those of `base` are left as they are; `..` does not go above the beginning.
pub(crate) fn join<'e>(base: &[u8], path: &[u8], arena: &'e Bump) -> &'e [u8] {
    if base.len() + path.len() + 1 > LONGEST {
        return b"/DIR_TOO_LONG/FILENAME_TOO_LONG";
    }
    let mut joined = bumpalo::collections::Vec::with_capacity_in(base.len() + path.len(), arena);
    let rooted = path.first().is_none_or(|byte| *byte == b'/');
    if !rooted {
        joined.extend_from_slice_copy(base);
    }
    let relative = !joined.is_empty();
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        let at_start = joined.last().is_none_or(|last| *last == b'/');
        if byte == b'.' && at_start {
            if let Some(after) = component(rest, b"..") {
                climb(&mut joined);
                rest = after;
                continue;
            }
            if let Some(after) = component(rest, b".") {
                rest = after;
                continue;
            }
        }
        rest = after;
        // A relative base that was left altogether does not become the root.
        let superfluous = byte == b'/'
            && match joined.last() {
                Some(last) => *last == b'/',
                None => relative,
            };
        if !superfluous {
            joined.push(byte);
        }
    }
    if joined.len() > 1 && joined.last() == Some(&b'/') {
        joined.pop();
    }
    joined.into_bump_slice()
}

/// What follows the component `name` and its slash at the beginning of a path.
fn component<'p>(path: &'p [u8], name: &[u8]) -> Option<&'p [u8]> {
    match path.strip_prefix(name)? {
        [] => Some(&[]),
        [b'/', after @ ..] => Some(after),
        _ => None,
    }
}

/// Takes away the last component.
fn climb(path: &mut bumpalo::collections::Vec<'_, u8>) {
    if path.len() <= 1 {
        return;
    }
    path.pop();
    while path.last().is_some_and(|last| *last != b'/') {
        path.pop();
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
