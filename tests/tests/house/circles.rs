//! Circles in a graph: sets of files, each of which leads to every other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
};

use super::modules::Arrows;

/// The circles among these arrows, each as its arrows.
pub(crate) fn circles(arrows: &Arrows) -> Vec<Arrows> {
    let mut next: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
    for (from, to) in arrows.keys() {
        next.entry(from).or_default().push(to);
    }
    let reached: BTreeMap<&Path, BTreeSet<&Path>> = next
        .keys()
        .map(|file| (*file, reachable(file, &next)))
        .collect();
    let mut found: BTreeMap<BTreeSet<&Path>, Arrows> = BTreeMap::new();
    for ((from, to), names) in arrows {
        let leads =
            |from: &Path, to: &Path| reached.get(from).is_some_and(|files| files.contains(to));
        if leads(to, from) {
            let circle = reached[from.as_path()].iter().copied();
            let circle = circle.filter(|file| leads(file, from)).collect();
            let key: (PathBuf, PathBuf) = (from.clone(), to.clone());
            found.entry(circle).or_default().insert(key, names.clone());
        }
    }
    found.into_values().collect()
}

/// The arrows but those from a module to the file of one that it is within, as `a/b.rs` is within `a.rs` and `lib.rs`.
pub(crate) fn between_branches(mut arrows: Arrows) -> Arrows {
    arrows.retain(|(from, to), _| {
        !from.starts_with(to.with_extension("")) && to != Path::new("lib.rs")
    });
    arrows
}

/// The files to which any number of arrows lead from `file`.
fn reachable<'a>(file: &'a Path, next: &BTreeMap<&'a Path, Vec<&'a Path>>) -> BTreeSet<&'a Path> {
    let mut found = BTreeSet::new();
    let mut open = vec![file];
    while let Some(file) = open.pop() {
        for to in next.get(file).into_iter().flatten() {
            if found.insert(*to) {
                open.push(to);
            }
        }
    }
    found
}

/// The arrows, one on a line: `file -> file: names`.
pub(crate) fn text(src: &str, arrows: &Arrows) -> String {
    let mut text = String::new();
    for ((from, to), names) in arrows {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (from, to) = (from.display(), to.display());
        let _ = writeln!(text, "  {src}/{from} -> {src}/{to}: {}", names.join(", "));
    }
    text
}
