//! Values and places of nodes.

use super::*;

/// A node in short: scalars with their places, `~` for nothing.
fn shown(node: &Node) -> String {
    match &node.value {
        Value::Null => format!("~@{}", node.start),
        Value::Scalar(scalar) => format!("{:?}@{}", scalar.text, node.start),
        Value::Seq(items) => {
            let items: Vec<String> = items.iter().map(shown).collect();
            format!("[{}]@{}", items.join(" "), node.start)
        }
        Value::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", shown(key), shown(value)))
                .collect();
            format!("{{{}}}@{}", entries.join(", "), node.start)
        }
    }
}

fn parsed(text: &str) -> String {
    match parse(&Source::new("f", text)) {
        Ok(documents) => documents.iter().map(shown).collect::<Vec<_>>().join(" | "),
        Err(error) => format!("{} @{}", error.message, error.offset),
    }
}

#[test]
fn nodes_stand_where_yaml_cpp_sees_them() {
    for (text, expected) in [
        ("", ""),
        ("# nothing", ""),
        ("---\n---\n", "~@3 | ~@7"),
        ("- a", "[\"a\"@2]@0"),
        // A missing value is where the next thing begins.
        ("a:\nb: 1", "{\"a\"@0: ~@3, \"b\"@3: \"1\"@6}@0"),
        (
            "a: # comment\n  \nb: 1",
            "{\"a\"@0: ~@16, \"b\"@16: \"1\"@19}@0",
        ),
        ("a: \n", "{\"a\"@0: ~@4}@0"),
        ("{a: }", "{\"a\"@1: ~@4}@0"),
        ("[true, ~]", "[\"true\"@1 ~@7]@0"),
        (
            "['~', \"null\", !!str null]",
            "[\"~\"@1 \"null\"@6 \"null\"@14]@0",
        ),
        // A block scalar is where it is announced.
        ("a: >-\n  b\n  c\n", "{\"a\"@0: \"b c\"@3}@0"),
        ("- |\n\n  b\n", "[\"\\nb\\n\"@2]@0"),
        // A sequence is where its first dash is, indented or not.
        ("a:\n- b", "{\"a\"@0: [\"b\"@5]@3}@0"),
        ("a:\n  - b", "{\"a\"@0: [\"b\"@7]@5}@0"),
        ("- - a", "[[\"a\"@4]@2]@0"),
        ("- [a]", "[[\"a\"@3]@2]@0"),
        // An alias is where its anchor is.
        ("- &x a\n- *x", "[\"a\"@2 \"a\"@2]@0"),
        (
            "a: &x [b]\nc: *x",
            "{\"a\"@0: [\"b\"@7]@3, \"c\"@10: [\"b\"@7]@3}@0",
        ),
        // No byte-order mark in counting; bytes, not characters.
        ("\u{feff}é: ü", "{\"é\"@0: \"ü\"@4}@0"),
    ] {
        assert_eq!(parsed(text), expected, "{text:?}");
    }
}

#[test]
fn errors_are_in_the_words_of_yaml_cpp() {
    for (text, expected) in [
        (
            "- [a\n",
            "yaml-cpp: error at line 2, column 1: end of sequence flow not found @5",
        ),
        (
            "a: {b: c\n",
            "yaml-cpp: error at line 2, column 1: end of map flow not found @9",
        ),
        (
            "- a: x\n\tb: y\n",
            "yaml-cpp: error at line 2, column 1: illegal tab when looking for indentation @7",
        ),
        (
            "this : is : not : yaml",
            "yaml-cpp: error at line 1, column 11: illegal map value @10",
        ),
        (
            "- *x",
            "yaml-cpp: error at line 1, column 3: the referenced anchor is not defined @2",
        ),
        ("&a [*a]", "an alias cannot stand for the value it is in @4"),
    ] {
        assert_eq!(parsed(text), expected, "{text:?}");
    }
}

#[test]
fn the_first_of_two_keys_counts() {
    let source = Source::new("f", "a: 1\na: 2\n");
    let documents = parse(&source).unwrap();
    assert_eq!(documents[0].get("a").and_then(Node::scalar), Some("1"));
    assert_eq!(documents[0].entries().len(), 2);
}

#[test]
fn aliases_are_bounded() {
    let mut lines = vec!["- &a0 [x, x, x, x, x, x, x, x, x, x]".to_owned()];
    for level in 1..10 {
        let inner = format!("*a{}", level - 1);
        lines.push(format!("- &a{level} [{}]", [inner.as_str(); 10].join(", ")));
    }
    let text = lines.join("\n");
    assert!(parsed(&text).starts_with("aliases stand for more than 1000000 values"));
}

#[test]
fn nesting_is_bounded() {
    for unit in ["[", "- ", "{a: "] {
        assert!(parsed(&unit.repeat(100_000)).contains(" @"), "{unit}");
    }
}

#[test]
fn booleans_and_numbers_are_read_like_yaml_cpp_does() {
    for (text, expected) in [
        ("true", Some(true)),
        ("Yes", Some(true)),
        ("ON", Some(true)),
        ("y", Some(true)),
        ("n", Some(false)),
        ("False", Some(false)),
        ("oFF", None),
        ("tRue", None),
        ("1", None),
        ("", None),
    ] {
        assert_eq!(boolean(text), expected, "{text}");
    }
    for (text, expected) in [
        ("26", Some(26)),
        ("+7", Some(7)),
        ("010", Some(8)),
        ("0x1F", Some(31)),
        ("0", Some(0)),
        ("5 ", Some(5)),
        ("-1", None),
        ("4294967296", None),
        ("1.0", None),
        ("++1", None),
        ("0x", None),
        ("", None),
    ] {
        assert_eq!(unsigned(text), expected, "{text}");
    }
}

/// Every byte of a value leads back to where it is written.
#[test]
fn values_lead_back_to_the_source() {
    for text in [
        "k: plain words here",
        "k: plain\n   folded\n\n   twice",
        "k: 'it''s\n  quoted'",
        "k: \"a \\\"b\\\" \\x41 c\\\n     d\"",
        "k: |\n  one\n    two\n\n  three\n",
        "k: >\n  one\n  two\n\n  three\n   four\n",
        "k: >-\n    é ü\n    x\n",
    ] {
        let source = Source::new("f", text);
        let documents = parse(&source).unwrap();
        let Some(Value::Scalar(scalar)) = documents[0].get("k").map(|node| node.value.clone())
        else {
            panic!("{text:?} is no scalar");
        };
        let mut last = 0;
        for (at, c) in scalar.text.char_indices() {
            let found = offset_in_source(&source, &scalar, at);
            assert!(found >= last && found < text.len(), "{text:?} at {at}");
            let written = text.get(found..).unwrap().chars().next().unwrap();
            let folded = c.is_whitespace() && written.is_whitespace();
            assert!(
                written == c || written == '\\' || folded,
                "{text:?} at {at}: {written:?} for {c:?}"
            );
            last = found;
        }
    }
}
