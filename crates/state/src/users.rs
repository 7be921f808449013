//! Users and groups, of the host and of containers.

use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// A user, as a line of `passwd` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub uid: u32,
    /// The group's id.
    pub gid: u32,
    /// The login name.
    pub name: Arc<[u8]>,
    /// The home directory.
    pub home: Arc<[u8]>,
    /// The login shell.
    pub shell: Arc<[u8]>,
}

/// A group, as a line of `group` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The group's id.
    pub gid: u32,
    /// Its name.
    pub name: Arc<[u8]>,
}

/// The users and groups by container (empty for the host) and id.
#[derive(Clone, Debug)]
pub struct Users {
    places: HashMap<Vec<u8>, Place, FxBuildHasher>,
    root: User,
    root_group: Group,
}

#[derive(Clone, Debug, Default)]
struct Place {
    users: HashMap<u32, User, FxBuildHasher>,
    groups: HashMap<u32, Group, FxBuildHasher>,
}

impl Default for Users {
    fn default() -> Users {
        Users {
            places: HashMap::default(),
            root: User {
                uid: 0,
                gid: 0,
                name: Arc::from(&b"root"[..]),
                home: Arc::from(&b"/root"[..]),
                shell: Arc::from(&b"<NA>"[..]),
            },
            root_group: Group {
                gid: 0,
                name: Arc::from(&b"root"[..]),
            },
        }
    }
}

impl Users {
    /// The user of that id; 0 is root even if nobody said so.
    pub fn user(&self, container: &[u8], uid: u32) -> Option<&User> {
        let known = self
            .places
            .get(container)
            .and_then(|place| place.users.get(&uid));
        known.or((uid == 0).then_some(&self.root))
    }

    /// The group of that id; 0 is root even if nobody said so.
    pub fn group(&self, container: &[u8], gid: u32) -> Option<&Group> {
        let known = self
            .places
            .get(container)
            .and_then(|place| place.groups.get(&gid));
        known.or((gid == 0).then_some(&self.root_group))
    }

    /// The containers of which a user or group is known, in byte order.
    pub fn containers(&self) -> Vec<&[u8]> {
        let mut containers: Vec<&[u8]> = self.places.keys().map(Vec::as_slice).collect();
        containers.retain(|container| !container.is_empty());
        containers.sort_unstable();
        containers
    }

    /// The users of a container (empty for the host) by their ids.
    pub fn users(&self, container: &[u8]) -> Vec<&User> {
        let place = self.places.get(container);
        let mut users: Vec<&User> = place.into_iter().flat_map(|at| at.users.values()).collect();
        users.sort_unstable_by_key(|user| user.uid);
        users
    }

    /// The groups of a container (empty for the host) by their ids.
    pub fn groups(&self, container: &[u8]) -> Vec<&Group> {
        let place = self.places.get(container);
        let mut groups: Vec<&Group> = (place.into_iter())
            .flat_map(|at| at.groups.values())
            .collect();
        groups.sort_unstable_by_key(|group| group.gid);
        groups
    }

    /// Forgets all of a container.
    pub(crate) fn forget(&mut self, container: &[u8]) {
        self.places.remove(container);
    }

    /// Adds or replaces a user. Names that begin with `+` or `-` are references to a directory service: ignored.
    pub fn add_user(&mut self, container: &[u8], user: User) {
        if !matches!(user.name.first(), Some(b'+' | b'-')) {
            self.place(container).users.insert(user.uid, user);
        }
    }

    /// Adds or replaces a group, with the same exception.
    pub fn add_group(&mut self, container: &[u8], group: Group) {
        if !matches!(group.name.first(), Some(b'+' | b'-')) {
            self.place(container).groups.insert(group.gid, group);
        }
    }

    /// Forgets a user.
    pub fn remove_user(&mut self, container: &[u8], uid: u32) {
        if let Some(place) = self.places.get_mut(container) {
            place.users.remove(&uid);
        }
    }

    /// Forgets a group.
    pub fn remove_group(&mut self, container: &[u8], gid: u32) {
        if let Some(place) = self.places.get_mut(container) {
            place.groups.remove(&gid);
        }
    }

    /// Takes in the text of a `passwd` file; lines that are none are skipped, of several lines with one id the first counts.
    pub fn read_passwd(&mut self, container: &[u8], text: &[u8]) {
        for line in text.split(|byte| *byte == b'\n') {
            let mut fields = line.split(|byte| *byte == b':');
            let mut next = || fields.next();
            let (Some(name), Some(_), Some(uid), Some(gid)) = (next(), next(), next(), next())
            else {
                continue;
            };
            let (Some(_), Some(home), Some(shell)) = (next(), next(), next()) else {
                continue;
            };
            let (Some(uid), Some(gid)) = (number(uid), number(gid)) else {
                continue;
            };
            if !self.place(container).users.contains_key(&uid) {
                self.add_user(
                    container,
                    User {
                        uid,
                        gid,
                        name: Arc::from(name),
                        home: Arc::from(home),
                        shell: Arc::from(shell),
                    },
                );
            }
        }
    }

    /// Takes in the text of a `group` file, in the same way.
    pub fn read_group(&mut self, container: &[u8], text: &[u8]) {
        for line in text.split(|byte| *byte == b'\n') {
            let mut fields = line.split(|byte| *byte == b':');
            let (Some(name), Some(_), Some(gid)) = (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let Some(gid) = number(gid) else { continue };
            if !self.place(container).groups.contains_key(&gid) {
                let name = Arc::from(name);
                self.add_group(container, Group { gid, name });
            }
        }
    }

    fn place(&mut self, container: &[u8]) -> &mut Place {
        self.places.entry_ref(container).or_default()
    }
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
