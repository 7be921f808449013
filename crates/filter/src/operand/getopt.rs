//! The `getopt` transformer: options of a command line, as getopt(3) reads short ones.

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use crate::Value;

/// Without `selected`, the letters of the options and the values of those that take one, in order; `?` stands for an unknown option,
/// an empty text for a value that is not there. With it, the value of the last option of that letter, or the letter if it takes none;
/// `None` if it is not given.
///
/// Reading ends at `--`, at `-`, and at the first word that is no option; words that begin with `--` are skipped.
pub(super) fn getopt<'e>(
    words: &'e [Value<'e>],
    options: &[u8],
    selected: Option<u8>,
    arena: &'e Bump,
) -> Option<Value<'e>> {
    let mut found = ArenaVec::new_in(arena);
    let mut last = None;
    let mut words = words.iter();
    while let Some(Value::Str(word)) = words.next() {
        let letters = match word {
            [b'-', b'-'] => break,
            [b'-', b'-', ..] => continue,
            [b'-', letters @ ..] if !letters.is_empty() => letters,
            _ => break,
        };
        for (i, letter) in letters.iter().enumerate() {
            let text = std::slice::from_ref(letter);
            match takes_value(options, *letter) {
                None => found.push(Value::Str(b"?")),
                Some(false) => {
                    found.push(Value::Str(text));
                    if selected == Some(*letter) {
                        last = Some(Value::Str(text));
                    }
                }
                Some(true) => {
                    // The rest of the word is the value, or else the next word.
                    let value = match letters.get(i + 1..) {
                        Some(rest) if !rest.is_empty() => Some(Value::Str(rest)),
                        _ => words.next().copied(),
                    };
                    if value.is_some() {
                        found.push(Value::Str(text));
                    }
                    let value = value.unwrap_or(Value::Str(b""));
                    found.push(value);
                    if selected == Some(*letter) {
                        last = Some(value);
                    }
                    break;
                }
            }
        }
    }
    if selected.is_some() {
        last
    } else {
        Some(Value::List(found.into_bump_slice()))
    }
}

/// Whether an option takes a value; `None` if there is no such option. `options` is a getopt(3) option string.
fn takes_value(options: &[u8], letter: u8) -> Option<bool> {
    if letter == b':' {
        return None;
    }
    let mut known = None;
    for (i, &option) in options.iter().enumerate() {
        if option == letter {
            known = Some(known.unwrap_or(false) || options.get(i + 1) == Some(&b':'));
        }
    }
    known
}
