//! Doing an action, in a process of its own on the host or in a container, and what came of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::actions::{Action, Place};
use crate::contain::Group;
use crate::podman::Podman;
use crate::runtime::Runtime;
use crate::say;
use crate::stage::DIRECTORY;

/// The status of an action that this machine cannot do.
pub(crate) const IMPOSSIBLE: u8 = 77;

/// What came of an action.
pub(crate) enum Outcome {
    Done,
    /// This machine cannot do it, and why.
    Impossible(String),
    Failed(String),
}

/// Where actions in containers are done.
pub(crate) struct Containers {
    made: Made,
    /// Whether somebody tells falco what they are.
    known: bool,
    /// Who does for control groups.
    runtime: Option<Runtime>,
}

enum Made {
    /// No action needs one, or none can be had.
    Nothing,
    Group(Group),
    Podman(Podman),
}

impl Containers {
    /// What these actions need: podman's containers, or control groups that look like some.
    pub(crate) fn new(actions: &[&Action], podman: bool) -> anyhow::Result<Containers> {
        let needed = actions.iter().any(|action| action.place != Place::Host);
        let made = match (needed, podman) {
            (false, _) => Made::Nothing,
            (true, true) => Made::Podman(Podman::new()?),
            (true, false) => match Group::new(false) {
                Ok(group) => Made::Group(group),
                Err(error) => {
                    say(&format!("no actions in containers: {error:#}"));
                    Made::Nothing
                }
            },
        };
        Ok(Containers {
            made,
            known: false,
            runtime: None,
        })
    }

    /// Has falco told what they are: by which engine, and where it listens.
    pub(crate) fn tell(&mut self) -> anyhow::Result<(&'static str, PathBuf)> {
        self.known = true;
        if let Made::Podman(podman) = &mut self.made {
            return Ok(("podman", podman.serve()?));
        }
        let runtime = Runtime::start()?;
        let socket = runtime.socket();
        self.runtime = Some(runtime);
        Ok(("docker", socket))
    }
}

/// Does an action in a process of its own.
pub(crate) fn perform(action: &Action, containers: &Containers) -> anyhow::Result<Outcome> {
    let me = std::env::current_exe().context("finding this program")?;
    let directory = tempfile::Builder::new()
        .prefix("falco-generator-")
        .tempdir()
        .context("making a directory")?;
    // Actions that give up their rights still have to see it.
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
    let impossible = |why: &str| Ok(Outcome::Impossible(why.to_owned()));
    let fresh;
    let mut command = match (action.place, &containers.made) {
        (Place::Host, _) => {
            let mut command = Command::new(&me);
            command.args(["do", action.name]);
            command
        }
        (_, Made::Nothing) => return impossible("no control groups"),
        (Place::Known | Place::Privileged, _) if !containers.known => {
            return impossible("only a falco that `test` starts is told what this container is");
        }
        (place, Made::Podman(podman)) => {
            let privileged = place == Place::Privileged;
            podman.command(&me, action.name, directory.path(), privileged)
        }
        (Place::Container, Made::Group(group)) => group.command(&me, action.name),
        (place, Made::Group(_)) => {
            // What is told of a container is asked for when it is new.
            fresh = Group::new(place == Place::Privileged)?;
            fresh.command(&me, action.name)
        }
    };
    command.env(DIRECTORY, directory.path());
    let out = command.output().context("starting an action")?;
    let said = String::from_utf8_lossy(&out.stdout);
    let said = said.trim().trim_start_matches("falco-generator: ");
    Ok(match out.status.code() {
        Some(0) => Outcome::Done,
        Some(code) if code == i32::from(IMPOSSIBLE) => Outcome::Impossible(said.to_owned()),
        _ => Outcome::Failed(format!(
            "{said} {}",
            String::from_utf8_lossy(&out.stderr).trim()
        )),
    })
}
