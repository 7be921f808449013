//! The `capture` section.

use anyhow::bail;

use super::Keys;

/// What is recorded, and where to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capture {
    /// What the paths of the files begin with.
    pub(crate) path_prefix: String,
    /// Whether every match is recorded, or that of rules which ask for it.
    pub(crate) all_rules: bool,
    /// How long a recording goes on after a match.
    pub(crate) duration_ms: u32,
    /// How big a file may become, 0 for no limit.
    pub(crate) max_file_size_mb: u64,
}

/// Reads the section; absent when it is not enabled.
pub(super) fn capture(keys: &Keys<'_>) -> anyhow::Result<Option<Capture>> {
    let all_rules = match keys.text("capture.mode").unwrap_or("rules") {
        "rules" => false,
        "all_rules" => true,
        other => bail!(
            "Error reading config file ({}): capture.mode '{other}' is not a valid mode.",
            keys.name
        ),
    };
    let capture = Capture {
        path_prefix: keys
            .text("capture.path_prefix")
            .unwrap_or("/tmp/falco")
            .to_owned(),
        all_rules,
        duration_ms: keys.number("capture.default_duration", 5000),
        max_file_size_mb: keys.number("capture.max_file_size_mb", 0).into(),
    };
    Ok(keys.truth("capture.enabled", false).then_some(capture))
}
