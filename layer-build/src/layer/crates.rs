//! The crates that are linked into a program, from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::arch::Arch;
use super::error::LayerError;
use super::program;

const PROGRAM: &str = "cargo metadata";

/// The needed part of `cargo metadata`'s format 1 (The Cargo Book, "cargo metadata").
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Crate>,
    resolve: Resolve,
}

/// One crate.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Crate {
    id: String,
    pub(super) name: String,
    pub(super) version: String,
    /// SPDX expression.
    pub(super) license: Option<String>,
    /// The file with the licence's text, where its manifest names one.
    pub(super) license_file: Option<PathBuf>,
    pub(super) authors: Vec<String>,
    pub(super) repository: Option<String>,
    /// Its manifest, in the directory of its sources.
    pub(super) manifest_path: PathBuf,
    /// None for a member of this workspace.
    source: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Debug, Deserialize)]
struct DependencyKind {
    /// Nothing for normal dependencies, else `dev` or `build`.
    kind: Option<String>,
}

/// The crates linked into packages of the project, except the project's own, sorted by name and version.
///
/// # Errors
/// [`LayerError::Program`] when cargo lacks a crate's sources; it has them once the programs have been built.
pub(super) fn linked(
    project: &Path,
    arch: Arch,
    packages: &[&str],
) -> Result<Vec<Crate>, LayerError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", arch.target()])
        .current_dir(project);
    let output = program::run(PROGRAM, &mut command)?;
    if !output.status.success() {
        return Err(failed(program::error_lines(&output)));
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)
        .map_err(|error| failed(format!("unexpected output: {error}")))?;
    reached(metadata, packages)
}

fn failed(reported: String) -> LayerError {
    let program = PROGRAM;
    LayerError::Program { program, reported }
}

/// The crates that the running programs depend on, directly or not.
fn reached(metadata: Metadata, packages: &[&str]) -> Result<Vec<Crate>, LayerError> {
    let nodes: BTreeMap<&str, &Node> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node))
        .collect();
    let mut open = Vec::new();
    for package in packages {
        let root = metadata.packages.iter().find(|p| p.name == *package);
        let root = root.ok_or_else(|| failed(format!("the project has no package {package}")))?;
        open.push(root.id.as_str());
    }
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id.to_owned()) {
            continue;
        }
        let dependencies = nodes.get(id).map_or(&[][..], |node| &node.deps);
        let linked = |d: &&Dependency| d.dep_kinds.iter().any(|kind| kind.kind.is_none());
        open.extend(dependencies.iter().filter(linked).map(|d| d.pkg.as_str()));
    }
    let foreign = |found: &Crate| found.source.is_some() && seen.contains(&found.id);
    let mut crates: Vec<Crate> = metadata.packages.into_iter().filter(foreign).collect();
    crates.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(crates)
}
