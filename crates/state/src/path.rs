//! Paths: joined to what they are relative to, and normalised as far as text allows. No file system is asked.

/// What stands for a path that is too long to be kept: directory and file together have at most 1,023 bytes.
pub const TOO_LONG: &[u8] = b"/DIR_TOO_LONG/FILENAME_TOO_LONG";

const PATH_MAX: usize = 1024;

/// Writes `path`, as seen from `base`, into `out` (what was there is dropped). An absolute path needs no base; an empty one gives the
/// empty text. In what `path` adds, `.`, `..` and doubled slashes are resolved, and a slash at the end is dropped; the base is taken
/// as it is, except that `..` may eat of it. The base should end with a slash: none is added.
///
/// ```
/// let mut out = Vec::new();
/// falco_state::path::join(b"/root/", b"../tmp//x/./", &mut out);
/// assert_eq!(out, b"/tmp/x");
/// ```
pub fn join(base: &[u8], path: &[u8], out: &mut Vec<u8>) {
    out.clear();
    if base.len() + path.len() + 1 > PATH_MAX {
        out.extend_from_slice(TOO_LONG);
        return;
    }
    let relative = path.first().is_some_and(|byte| *byte != b'/');
    if relative {
        out.extend_from_slice(base);
    }
    if is_plain(path) {
        out.extend_from_slice(path);
    } else {
        resolve(path, out);
    }
    if out.len() > 1 && out.last() == Some(&b'/') {
        out.pop();
    }
}

/// Whether there is nothing to resolve: no name is empty or begins with a dot.
fn is_plain(path: &[u8]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    // Without a way out of the loop it is done for many bytes at once.
    let found = path.iter().zip(rest).fold(0, |found, (byte, next)| {
        let odd = u8::from(*next == b'/') | u8::from(*next == b'.');
        found | (odd & u8::from(*byte == b'/'))
    });
    found == 0 && *first != b'.'
}

/// Appends a path name by name.
fn resolve(path: &[u8], out: &mut Vec<u8>) {
    // A path that climbed out of its base must not become absolute by a slash that follows.
    let based = !out.is_empty();
    let mut rest = path;
    while !rest.is_empty() {
        let end = memchr_slash(rest);
        let (name, slash) = match end {
            Some(end) => (&rest[..end], true),
            None => (rest, false),
        };
        rest = rest.get(name.len() + 1..).unwrap_or_default();
        let whole_name = out.last().is_none_or(|byte| *byte == b'/');
        match name {
            b"." if whole_name => {}
            b".." if whole_name => up(out),
            _ => {
                out.extend_from_slice(name);
                let doubled = out.last() == Some(&b'/') || (out.is_empty() && based);
                if slash && !doubled {
                    out.push(b'/');
                }
            }
        }
    }
}

/// Drops the last name of a text that ends with a slash; the root and the empty text stay.
fn up(out: &mut Vec<u8>) {
    if out.len() > 1 {
        out.pop();
        let keep = out.iter().rposition(|byte| *byte == b'/');
        out.truncate(keep.map_or(0, |at| at + 1));
    }
}

fn memchr_slash(text: &[u8]) -> Option<usize> {
    text.iter().position(|byte| *byte == b'/')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{is_plain, join, resolve};

    proptest! {
        #[test]
        fn what_is_plain_needs_no_resolving(base in "(/|(/?[ab]/?){0,3})", path in "[/.ab]{0,12}") {
            let (base, path) = (base.as_bytes(), path.as_bytes());
            prop_assume!(is_plain(path));
            let mut slow = if path.first().is_some_and(|byte| *byte != b'/') {
                base.to_vec()
            } else {
                Vec::new()
            };
            resolve(path, &mut slow);
            if slow.len() > 1 && slow.last() == Some(&b'/') {
                slow.pop();
            }
            let mut fast = Vec::new();
            join(base, path, &mut fast);
            prop_assert_eq!(fast, slow);
        }
    }

    #[test]
    fn joins() {
        let check = |base: &str, path: &str, expected: &str| {
            let mut out = b"left over".to_vec();
            join(base.as_bytes(), path.as_bytes(), &mut out);
            assert_eq!(out.escape_ascii().to_string(), expected, "{base} {path}");
        };
        check("/root/", "a", "/root/a");
        check("/root/", "", "");
        check("/root/", "/a", "/a");
        check("/root/", "..", "/");
        check("/root/", "../../..", "/");
        check("/root/", "../x/", "/x");
        check("", "a/../b", "b");
        check("a/", "../b", "b");
        check("a/", "..//b", "b");
        check("/", "...", "/...");
        check("/", "..a/.b", "/..a/.b");
        check(
            "/",
            &"a".repeat(1023),
            super::TOO_LONG.escape_ascii().to_string().as_str(),
        );
    }
}
