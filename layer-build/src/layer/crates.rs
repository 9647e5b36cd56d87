//! The licences of the crates that are linked into the supervisor.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::arch::Arch;
use super::error::LayerError;
use super::program;

const PROGRAM: &str = "cargo metadata";
const PACKAGE: &str = "supervisor";

/// What is needed of `cargo metadata`'s format 1 (The Cargo Book, "cargo metadata").
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Crate>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Crate {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
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

/// One line for each crate: name, version, licence expression.
///
/// # Errors
/// [`LayerError::Program`] when cargo cannot tell, which it can after the supervisor has been built.
pub(super) fn list(project: &Path, arch: Arch) -> Result<String, LayerError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", arch.target()])
        .current_dir(project);
    let output = program::run(PROGRAM, &mut command)?;
    if !output.status.success() {
        return Err(failed(program::last_words(&output)));
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)
        .map_err(|error| failed(format!("unexpected output: {error}")))?;
    render(&metadata)
}

fn failed(said: String) -> LayerError {
    let program = PROGRAM;
    LayerError::Program { program, said }
}

fn render(metadata: &Metadata) -> Result<String, LayerError> {
    let crates: BTreeMap<&str, &Crate> = metadata
        .packages
        .iter()
        .map(|package| (package.id.as_str(), package))
        .collect();
    let nodes: BTreeMap<&str, &Node> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node))
        .collect();
    let root = metadata.packages.iter().find(|p| p.name == PACKAGE);
    let root = root.ok_or_else(|| failed(format!("the project has no package {PACKAGE}")))?;
    let mut lines = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![root.id.as_str()];
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        if let Some(found) = crates.get(id) {
            let licence = found.license.as_deref().unwrap_or("see the crate");
            lines.insert(format!("{} {}: {licence}\n", found.name, found.version));
        }
        let dependencies = nodes.get(id).map_or(&[][..], |node| &node.deps);
        let linked = |d: &&Dependency| d.dep_kinds.iter().any(|kind| kind.kind.is_none());
        open.extend(dependencies.iter().filter(linked).map(|d| d.pkg.as_str()));
    }
    let head = "Crates linked into `bootstrap`, each with its licence (SPDX expression):\n\n";
    Ok(head.to_owned() + &lines.into_iter().collect::<String>())
}
