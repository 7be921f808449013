//! Versions `a.b.c`, and what files ask of the engine and of plugins.

use std::fmt;

/// The version of the rules engine that this is.
pub const ENGINE_VERSION: Version = Version(0, 63, 0);

/// A version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Three numbers with dots between them; what follows the third does not matter.
    pub fn parse(text: &str) -> Option<Version> {
        let mut numbers = [0; 3];
        let mut rest = text.trim_start();
        for (index, number) in numbers.iter_mut().enumerate() {
            if index > 0 {
                rest = rest.strip_prefix('.')?;
            }
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (head, tail) = rest.split_at(digits);
            *number = head.parse().ok()?;
            rest = tail;
        }
        let [major, minor, patch] = numbers;
        Some(Version(major, minor, patch))
    }

    /// Whether it does for what asks for `required`: the same major number and not older.
    pub fn satisfies(self, required: Version) -> bool {
        self.0 == required.0 && self >= required
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// A plugin that rules need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Its name.
    pub name: String,
    /// The version, as the file says it.
    pub version: String,
}

/// A plugin that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
}

/// Whether the plugins do for what is required: of each entry the first alternative whose name is there decides.
///
/// # Errors
/// Upstream's message about the first entry that is not satisfied.
pub(crate) fn check_plugins(
    required: &[Vec<Requirement>],
    plugins: &[Plugin],
) -> Result<(), String> {
    for alternatives in required {
        let found = alternatives
            .iter()
            .find_map(|need| Some((need, plugins.iter().find(|p| p.name == need.name)?)));
        let Some((need, plugin)) = found else {
            let wanted: Vec<String> = alternatives
                .iter()
                .map(|need| format!("{} (>= {})", need.name, need.version))
                .collect();
            return Err(format!(
                "Plugin requirement not satisfied, must load one of: {}",
                wanted.join(", ")
            ));
        };
        let version = Version::parse(&need.version).unwrap_or_default();
        if !plugin.version.satisfies(version) {
            return Err(format!(
                "Plugin '{}' version '{}' is not compatible with required plugin version '{}'",
                plugin.name, plugin.version, need.version
            ));
        }
    }
    Ok(())
}
