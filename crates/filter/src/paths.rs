//! `pmatch`: whether a path is, or is below, one of many paths.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::glob::Glob;

/// A tree of path components. Empty components do not count, so that slashes at the ends and doubled ones do not matter.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    /// The first is the root.
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// A pattern ends here: everything below matches.
    end: bool,
    exact: HashMap<Box<[u8]>, usize, FxBuildHasher>,
    globs: Vec<(Box<[u8]>, Glob, usize)>,
}

impl Paths {
    pub(crate) fn new<'p>(patterns: impl IntoIterator<Item = &'p [u8]>) -> Paths {
        let mut paths = Paths {
            nodes: vec![Node::default()],
        };
        for pattern in patterns {
            let mut at = 0;
            for component in components(pattern) {
                at = paths.child(at, component);
            }
            paths.nodes[at].end = true;
        }
        paths
    }

    fn child(&mut self, at: usize, component: &[u8]) -> usize {
        let new = self.nodes.len();
        let node = &mut self.nodes[at];
        let child = if component.iter().any(|b| matches!(b, b'?' | b'*' | b'[')) {
            if let Some((.., child)) = node
                .globs
                .iter()
                .find(|(pattern, ..)| **pattern == *component)
            {
                *child
            } else {
                node.globs
                    .push((component.into(), Glob::new(component, false), new));
                new
            }
        } else {
            *node.exact.entry(component.into()).or_insert(new)
        };
        if child == new {
            self.nodes.push(Node::default());
        }
        child
    }

    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        self.nodes
            .first()
            .is_some_and(|root| self.below(root, components(path)))
    }

    /// Visits a node at most once: its depth is the number of components before it.
    fn below<'p>(&self, node: &Node, mut rest: impl Iterator<Item = &'p [u8]> + Clone) -> bool {
        if node.end {
            return true;
        }
        let Some(component) = rest.next() else {
            return false;
        };
        if let Some(&child) = node.exact.get(component)
            && self.below(&self.nodes[child], rest.clone())
        {
            return true;
        }
        node.globs.iter().any(|(_, glob, child)| {
            glob.matches(component) && self.below(&self.nodes[*child], rest.clone())
        })
    }
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    path.split(|&b| b == b'/')
        .filter(|component| !component.is_empty())
}
