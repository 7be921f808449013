//! Control groups for tests: processes that are in one of their own.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A control group, removed when dropped.
pub(crate) struct Group(PathBuf);

impl Group {
    /// In the hierarchy of the second version, or in that of a controller, whatever its version. `None` where there is none, or it may
    /// not be changed.
    pub(crate) fn new(name: &str, controller: Option<&str>) -> Option<Group> {
        let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
        let mount = mounts.lines().find_map(|line| {
            let mut words = line.split(' ').skip(1);
            let (path, kind, options) = (words.next()?, words.next()?, words.next()?);
            let has =
                |text: &str, separator| text.split(separator).any(|it| Some(it) == controller);
            let fits = match kind {
                "cgroup" => has(options, ','),
                "cgroup2" => {
                    let handed_on = Path::new(path).join("cgroup.subtree_control");
                    controller.is_none()
                        || has(
                            fs::read_to_string(handed_on).unwrap_or_default().trim(),
                            ' ',
                        )
                }
                _ => false,
            };
            fits.then_some(path)
        })?;
        let path = Path::new(mount).join(format!("{name}-{}", std::process::id()));
        fs::create_dir(&path).ok()?;
        Some(Group(path))
    }

    /// Puts the calling process into it.
    pub(crate) fn enter(&self) {
        fs::write(self.0.join("cgroup.procs"), "0").unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Who was in it has been waited for.
        let _ = fs::remove_dir(&self.0);
    }
}
