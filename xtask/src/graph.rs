//! The resolved dependency graph as names and edges, from `cargo metadata`.
//!
//! It is that of Linux on x86-64, so that it is the same wherever it is asked for and other systems' crates need not
//! be fetched.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::shell::root;

/// A crate that is not ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Foreign {
    pub name: String,
    pub version: String,
    pub licence: String,
}

/// Crates by name. Versions of one crate count as one.
#[derive(Debug, Default)]
pub struct Graph {
    /// Crates of the workspace.
    pub members: BTreeSet<String>,
    /// Crate to what it is built from (normal and build dependencies).
    pub edges: BTreeMap<String, BTreeSet<String>>,
    /// Member to what only its tests use.
    pub test_edges: BTreeMap<String, BTreeSet<String>>,
    /// What the program is linked from: normal dependencies of the member `backchannel`, and theirs.
    pub shipped: BTreeSet<Foreign>,
}

impl Graph {
    /// Asks cargo.
    pub fn read() -> Result<Self> {
        let metadata = MetadataCommand::new()
            .current_dir(root())
            .other_options(
                ["--locked", "--filter-platform", "x86_64-unknown-linux-gnu"].map(String::from).to_vec(),
            )
            .exec()
            .context("cargo metadata (is Cargo.lock up to date?)")?;
        let resolve = metadata.resolve.as_ref().context("cargo metadata gave no resolved graph")?;
        let packages: BTreeMap<_, _> =
            metadata.packages.iter().map(|package| (&package.id, package)).collect();
        let name = |id| packages.get(id).map(|package| package.name.to_string()).unwrap_or_default();
        let mut graph =
            Self { members: metadata.workspace_members.iter().map(&name).collect(), ..Self::default() };
        let mut normal: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for node in &resolve.nodes {
            for dependency in &node.deps {
                let kinds: Vec<_> = dependency.dep_kinds.iter().map(|kind| kind.kind).collect();
                let edges = if kinds.iter().all(|kind| *kind == DependencyKind::Development) {
                    &mut graph.test_edges
                } else {
                    &mut graph.edges
                };
                edges.entry(name(&node.id)).or_default().insert(name(&dependency.pkg));
                if kinds.contains(&DependencyKind::Normal) {
                    normal.entry(&node.id).or_default().push(&dependency.pkg);
                }
            }
        }
        let start = metadata.workspace_members.iter().find(|id| name(id) == "backchannel");
        let mut waiting: VecDeque<_> = start.into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = waiting.pop_front() {
            if seen.insert(id) {
                waiting.extend(normal.get(id).into_iter().flatten());
            }
        }
        graph.shipped = seen
            .into_iter()
            .filter(|id| !metadata.workspace_members.contains(id))
            .filter_map(|id| packages.get(id))
            .map(|package| Foreign {
                name: package.name.to_string(),
                version: package.version.to_string(),
                licence: match (&package.license, &package.license_file) {
                    (Some(licence), _) => licence.replace('/', " OR "),
                    (None, Some(file)) => format!("see {file} of the crate"),
                    (None, None) => "none stated".into(),
                },
            })
            .collect();
        Ok(graph)
    }

    /// The shortest chain from a crate to one whose name fits, both included.
    pub fn chain(&self, from: &str, fits: impl Fn(&str) -> bool) -> Option<Vec<&str>> {
        let (start, _) = self.edges.get_key_value(from)?;
        let mut waiting = VecDeque::from([vec![start.as_str()]]);
        let mut seen = BTreeSet::new();
        while let Some(chain) = waiting.pop_front() {
            for next in chain.last().and_then(|last| self.edges.get(*last)).into_iter().flatten() {
                let longer: Vec<&str> = chain.iter().copied().chain([next.as_str()]).collect();
                if fits(next) {
                    return Some(longer);
                }
                if seen.insert(next) {
                    waiting.push_back(longer);
                }
            }
        }
        None
    }
}
