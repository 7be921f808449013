//! What is kept from one load to the next changes nothing.

use falco_fields::Catalogue;

use super::{Loader, LoaderConfig};
use crate::compile::Kept;

/// Files one after the other: they add, change what earlier rules use, say the same twice, and are wrong.
const FILES: [&str; 7] = [
    r#"
- list: shells
  items: [bash, sh]
- macro: never
  condition: (evt.num=0)
- macro: known
  condition: (evt.num=0)
- macro: opens
  condition: (evt.type in (open, openat) and fd.num>=0)
- rule: shell opens
  desc: d
  condition: opens and proc.name in (shells) and not known
  output: "%proc.name opens %fd.name"
  priority: INFO
- rule: same again
  desc: d
  condition: opens and proc.name in (shells) and not known
  output: "%proc.name opens %fd.name"
  priority: INFO
- rule: doubtful
  desc: d
  condition: evt.type = openat and fd.name = proc.name and evt.dir = < and proc.name in (word)
  output: "%evt.dir"
  priority: INFO
"#,
    // The list, a macro with the same text, one with another; a list whose name a rule has as a word.
    r#"
- list: shells
  items: [zsh]
  override:
    items: append
- list: word
  items: [some, other]
- macro: opens
  condition: (evt.type in (open, openat) and fd.num>=0)
- macro: known
  condition: (proc.name = known)
- rule: more
  desc: d
  condition: opens and never
  output: "%proc.name opens %fd.name"
  priority: INFO
"#,
    // What is wrong is in the text of an earlier file.
    r#"
- list: shells
  items: ["(", "nothing"]
"#,
    r"
- list: shells
  items: [bash]
- macro: known
  condition: (proc.nmae = known)
",
    r"
- macro: known
  condition: (proc.name = known and not never)
- rule: shell opens
  condition: and user.name = root
  output: and %user.name
  override:
    condition: append
    output: append
",
    r"
- rule: unknown
  desc: d
  condition: opens and
    nothing_of_that_name
  output: o
  priority: INFO
",
    r"
- macro: nothing_of_that_name
  condition: fd.name startswith /etc
",
];

/// All that is said while the files are loaded, and what comes of them, file by file.
fn told(forget: bool) -> Vec<[String; 3]> {
    let mut catalogue = Catalogue::new();
    let mut loader = Loader::new(LoaderConfig::default());
    let load = |(number, text): (usize, &&str)| {
        if forget {
            // Programs are of the tests of the compiler that made them.
            loader.kept = Kept::default();
            loader.compiled = None;
        }
        let result = loader.load(&format!("{number}.yaml"), text, &mut catalogue);
        let made = loader.compiled.as_ref().filter(|_| result.successful());
        let programs = made.map(|made| made.rules.iter().map(|rule| &rule.program));
        [
            result.render_verbose() + &result.render_terminal(false),
            format!("{:#?}", programs.map(Vec::from_iter)),
            format!("{:#?}", loader.describe().filter(|_| result.successful())),
        ]
    };
    FILES.iter().enumerate().map(load).collect()
}

#[test]
fn loading_tells_the_same_whether_or_not_something_is_kept() {
    let (kept, anew) = (told(false), told(true));
    let mut outcomes = Vec::new();
    for (kept, anew) in kept.iter().zip(&anew) {
        for (kept, anew) in kept.iter().zip(anew) {
            assert_eq!(kept, anew);
        }
        outcomes.push(!kept[0].contains("Invalid"));
    }
    assert_eq!(outcomes, [true, true, false, false, true, false, true]);
}
