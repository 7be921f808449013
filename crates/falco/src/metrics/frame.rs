//! What holds as long as a configuration holds: its files, its rules, the machine.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use falco_alerts::Tally;

use super::machine::Machine;
use crate::{
    config::{Config, Engine, Metrics},
    engine::now_ns,
    outputs,
    set::Labels,
};

/// All that is told of a configuration besides figures.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) config: Metrics,
    /// Upstream's name for where events come from; none in replay.
    pub(crate) engine: Option<&'static str>,
    pub(crate) hostname: String,
    pub(crate) machine: Machine,
    /// When the configuration was loaded, nanoseconds since 1970.
    pub(crate) loaded_ns: u64,
    /// The files with their digests.
    pub(crate) config_files: Vec<Digest>,
    pub(crate) rules_files: Vec<Digest>,
    pub(crate) rules: Vec<Labels>,
    pub(crate) tally: Arc<Tally>,
}

/// A file and what it held.
#[derive(Debug)]
pub(crate) struct Digest {
    /// Its name without the directory.
    pub(crate) name: String,
    /// SHA-256 in hexadecimal digits.
    pub(crate) sha256: String,
}

impl Frame {
    pub(crate) fn new(
        config: &Config,
        rules_files: &[PathBuf],
        rules: Vec<Labels>,
        tally: Arc<Tally>,
    ) -> Frame {
        // Those found in a directory are left out, as upstream does.
        let listed = |path: &&PathBuf| {
            let parent = path.parent();
            !config
                .folders
                .iter()
                .any(|folder| Some(folder.as_path()) == parent)
        };
        let config_files = config.files.iter().map(|(path, _)| path);
        Frame {
            config: config.metrics.clone(),
            engine: match config.engine {
                Engine::Probe { .. } => Some("modern_bpf"),
                Engine::Idle => Some("nodriver"),
                Engine::Replay(_) => None,
            },
            hostname: outputs::hostname(),
            machine: Machine::look(),
            loaded_ns: now_ns(),
            config_files: config_files
                .filter(listed)
                .filter_map(|path| digest(path))
                .collect(),
            rules_files: rules_files.iter().filter_map(|path| digest(path)).collect(),
            rules,
            tally,
        }
    }
}

/// What is gone by now is left out.
fn digest(path: &Path) -> Option<Digest> {
    let text = fs::read(path).ok()?;
    let digest = ring::digest::digest(&ring::digest::SHA256, &text);
    let mut sha256 = String::new();
    for byte in digest.as_ref() {
        let _ = write!(sha256, "{byte:02x}");
    }
    Some(Digest {
        name: path.file_name()?.to_string_lossy().into_owned(),
        sha256,
    })
}
