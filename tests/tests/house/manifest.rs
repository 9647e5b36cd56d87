//! The workspace's members and which of them each depends on, read from every `Cargo.toml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A `Cargo.toml` as its lines, each with the section it stands in.
struct Manifest(Vec<(String, String)>);

/// A package of the workspace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its directory, relative to the workspace.
    pub(crate) directory: PathBuf,
    /// The name of its library in code.
    pub(crate) library: String,
    /// The members it depends on, be it only in its tests.
    pub(crate) uses: BTreeSet<String>,
}

/// The members of the workspace in `root`, by package name.
pub(crate) fn members(root: &Path) -> BTreeMap<String, Member> {
    let workspace = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let directories = directories(root, &workspace);
    let manifests = directories.iter().map(|directory| {
        let text = fs::read_to_string(root.join(directory).join("Cargo.toml")).unwrap();
        (directory.clone(), text)
    });
    parse(&workspace, &manifests.collect::<Vec<_>>())
}

/// Reads the members from the text of their manifests.
pub(crate) fn parse(workspace: &str, manifests: &[(PathBuf, String)]) -> BTreeMap<String, Member> {
    let renamed = Manifest::new(workspace).renamed();
    let manifests: Vec<_> = manifests
        .iter()
        .map(|(path, text)| (path, Manifest::new(text)))
        .collect();
    let names: BTreeSet<String> = manifests
        .iter()
        .map(|(_, manifest)| manifest.package())
        .collect();
    let members = manifests.iter().map(|(directory, manifest)| {
        let own = manifest.renamed();
        let packages = manifest.dependencies().into_iter().map(|key| {
            let package = own.get(&key).or_else(|| renamed.get(&key)).cloned();
            package.unwrap_or(key)
        });
        let uses = packages.filter(|package| names.contains(package)).collect();
        let member = Member {
            directory: (*directory).clone(),
            library: manifest.library(),
            uses,
        };
        (manifest.package(), member)
    });
    members.collect()
}

/// The members' directories; `/*` at the end of one stands for all that have a manifest.
fn directories(root: &Path, workspace: &str) -> Vec<PathBuf> {
    let (_, list) = workspace.split_once("members = [").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    let mut found = Vec::new();
    for pattern in list.split('"').skip(1).step_by(2) {
        let Some(parent) = pattern.strip_suffix("/*") else {
            found.push(PathBuf::from(pattern));
            continue;
        };
        for entry in fs::read_dir(root.join(parent)).unwrap() {
            let directory = Path::new(parent).join(entry.unwrap().file_name());
            if root.join(&directory).join("Cargo.toml").exists() {
                found.push(directory);
            }
        }
    }
    found
}

impl Manifest {
    fn new(text: &str) -> Self {
        let mut section = String::new();
        let mut lines = Vec::new();
        for line in text.lines().map(str::trim) {
            match line.strip_prefix('[').and_then(|line| line.split_once(']')) {
                Some((name, _)) => name.clone_into(&mut section),
                None => lines.push((section.clone(), line.to_owned())),
            }
        }
        Self(lines)
    }

    fn package(&self) -> String {
        let name = self.name("package");
        name.expect("a member has a name")
    }

    fn library(&self) -> String {
        let name = self.name("lib").unwrap_or_else(|| self.package());
        name.replace('-', "_")
    }

    fn name(&self, wanted: &str) -> Option<String> {
        let mut lines = self.0.iter().filter(|(section, _)| section == wanted);
        lines.find_map(|(_, line)| value(line, "name"))
    }

    /// The keys of all that is depended on, whatever the kind and the platform.
    fn dependencies(&self) -> BTreeSet<String> {
        let keys = self.0.iter().filter_map(|(section, line)| {
            if section.ends_with("dependencies") {
                let key = line.split(['.', '=', ' ']).next();
                return key.filter(|key| !key.is_empty() && !key.starts_with('#'));
            }
            // `[dependencies.name]`
            let (table, key) = section.rsplit_once('.')?;
            table.ends_with("dependencies").then_some(key)
        });
        keys.map(|key| key.trim_matches('"').to_owned()).collect()
    }

    /// The packages whose key is not their name, by key.
    fn renamed(&self) -> BTreeMap<String, String> {
        let entries = self.0.iter().filter_map(|(section, line)| {
            let package = value(line, "package")?;
            if section.ends_with("dependencies") {
                let key = line.split(['.', '=', ' ']).next()?;
                return Some((key.to_owned(), package));
            }
            let (table, key) = section.rsplit_once('.')?;
            let named = table.ends_with("dependencies");
            named.then(|| (key.to_owned(), package))
        });
        entries.collect()
    }
}

/// The text after `key =` in a line, without its quotes.
fn value(line: &str, key: &str) -> Option<String> {
    let mut after = line.split(['{', ',']).map(str::trim);
    let text = after.find_map(|part| part.strip_prefix(key)?.trim_start().strip_prefix('='))?;
    text.split('"').nth(1).map(str::to_owned)
}
