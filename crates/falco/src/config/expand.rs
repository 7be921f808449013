//! Environment variables in the values of the configuration.

/// More replacements than any scalar needs: one that names itself ends here.
const EXPANSIONS_MAX: usize = 1000;

/// Puts variables in: `${NAME}`; what comes in is looked at again. `$${NAME}` stays `${NAME}`.
pub(super) fn expand(text: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let (mut done, mut rest) = (String::new(), text.to_owned());
    for _ in 0..EXPANSIONS_MAX {
        let Some((before, after)) = rest.split_once("${") else {
            break;
        };
        if let Some(kept) = before.strip_suffix('$') {
            done.push_str(kept);
            done.push_str("${");
            rest = after.to_owned();
            continue;
        }
        let Some((name, behind)) = after.split_once('}') else {
            break;
        };
        done.push_str(before);
        rest = variable(name).unwrap_or_default() + behind;
    }
    done + &rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in() {
        let variable = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "NEST" => Some("${A}".to_owned()),
            "LOOP" => Some("${LOOP}".to_owned()),
            _ => None,
        };
        for (text, expanded) in [
            ("x${A}y", "xay"),
            ("${NEST}", "a"),
            ("${GONE}!", "!"),
            ("$${A}", "${A}"),
            ("$A ${A", "$A ${A"),
            ("$${${A}}", "${a}"),
        ] {
            assert_eq!(expand(text, variable), expanded, "{text}");
        }
        assert!(expand("${LOOP}", variable).len() < 20);
    }
}
