//! The module tree of one crate, and the arrows between its files: which file names what another defines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::source::{Fact, What, read};

/// The files of a crate and their text, by path relative to its `src`.
pub(crate) type Files = BTreeMap<PathBuf, String>;

/// From file to file, the names that the first takes from the second.
pub(crate) type Arrows = BTreeMap<(PathBuf, PathBuf), BTreeSet<String>>;

/// A module's path; its first word is the target it belongs to: `lib`, `main` or the name of a program.
type ModulePath = Vec<String>;

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Module(ModulePath),
    Type(PathBuf, String),
    Value(PathBuf, String),
}

#[derive(Debug, Clone)]
enum Meaning {
    Place(Place),
    Import(Vec<String>),
}

#[derive(Debug, Default)]
struct Module {
    file: PathBuf,
    names: BTreeMap<String, Vec<Meaning>>,
    globs: Vec<Vec<String>>,
}

/// Paths that are being followed: an import that leads back to itself ends there.
type Trail = Vec<(ModulePath, Vec<String>)>;

#[derive(Debug, Default)]
struct Tree {
    /// The name under which the crate's own programs know its library.
    library: String,
    modules: BTreeMap<ModulePath, Module>,
    /// Each path of the crate's source: its file, its module and its words.
    paths: Vec<(PathBuf, ModulePath, Vec<String>)>,
}

/// The Rust files below a crate's `src`.
pub(crate) fn files(src: &Path) -> Files {
    let mut found = Files::new();
    let mut directories = vec![src.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(src).unwrap().to_path_buf();
                found.insert(relative, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// The arrows between the files of the crate whose library is called `library`.
pub(crate) fn arrows(library: &str, files: &Files) -> Arrows {
    let mut tree = Tree {
        library: library.to_owned(),
        ..Tree::default()
    };
    for file in files.keys() {
        let is_program = file.starts_with("bin") && file.components().count() == 2;
        if is_program || *file == Path::new("lib.rs") || *file == Path::new("main.rs") {
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            tree.add_file(&vec![name], file, file.parent().unwrap(), files);
        }
    }
    tree.arrows()
}

impl Tree {
    /// Adds a module's file, and those of the modules it declares, which stand in `directory`.
    fn add_file(&mut self, module: &ModulePath, file: &Path, directory: &Path, files: &Files) {
        self.module(module, file);
        for Fact { within, what } in read(&files[file]) {
            let here: ModulePath = module.iter().chain(&within).cloned().collect();
            if let What::ModuleFile(name) = &what {
                let beside = within
                    .iter()
                    .fold(directory.to_path_buf(), |path, name| path.join(name));
                let candidates = [format!("{name}.rs"), format!("{name}/mod.rs")];
                let child = candidates.map(|name| beside.join(name));
                let child = child.iter().find(|child| files.contains_key(*child));
                let child = child
                    .unwrap_or_else(|| panic!("{}: no file for `mod {name};`", file.display()));
                let path: ModulePath = here.iter().chain([name]).cloned().collect();
                self.add_file(&path, child, &beside.join(name), files);
            }
            self.add_fact(here, file, what);
        }
    }

    fn add_fact(&mut self, here: ModulePath, file: &Path, what: What) {
        let defined_in = file.to_path_buf();
        let (name, meaning) = match what {
            What::ModuleFile(name) | What::InlineModule(name) => {
                let path = here.iter().chain([&name]).cloned().collect();
                (name, Meaning::Place(Place::Module(path)))
            }
            What::Type(name) => (name.clone(), Meaning::Place(Place::Type(defined_in, name))),
            What::Value(name) => (name.clone(), Meaning::Place(Place::Value(defined_in, name))),
            What::Import { path, name } => {
                self.paths.push((defined_in, here.clone(), path.clone()));
                let Some(name) = name else { return };
                (name, Meaning::Import(path))
            }
            What::Glob(path) => {
                self.module(&here, file).globs.push(path.clone());
                let path = path.into_iter().chain(["*".to_owned()]).collect();
                return self.paths.push((defined_in, here, path));
            }
            What::Mention(path) => return self.paths.push((defined_in, here, path)),
        };
        self.module(&here, file)
            .names
            .entry(name)
            .or_default()
            .push(meaning);
    }

    fn module(&mut self, path: &[String], file: &Path) -> &mut Module {
        let new = || Module {
            file: file.to_path_buf(),
            ..Module::default()
        };
        self.modules.entry(path.to_vec()).or_insert_with(new)
    }

    fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (file, module, path) in &self.paths {
            for place in self.resolve(module, path, &mut Trail::new()) {
                // A module is where names are found; the paths that go on through it are the arrows.
                let (Place::Type(to, name) | Place::Value(to, name)) = place else {
                    continue;
                };
                if to != *file {
                    let names = arrows.entry((file.clone(), to)).or_default();
                    names.insert(name);
                }
            }
        }
        arrows
    }

    /// Where a path in `module` leads, past all re-exports; nowhere if it leads out of the crate.
    fn resolve(&self, module: &[String], path: &[String], trail: &mut Trail) -> BTreeSet<Place> {
        let step = (module.to_vec(), path.to_vec());
        if path.is_empty() || trail.contains(&step) {
            return BTreeSet::new();
        }
        trail.push(step);
        let mut base = module.to_vec();
        let mut rest = path;
        while let [first, after @ ..] = rest {
            match first.as_str() {
                "crate" => base.truncate(1),
                "super" => _ = base.pop(),
                "self" => {}
                _ if *first == self.library && rest.len() == path.len() => {
                    base = vec!["lib".to_owned()];
                }
                _ => break,
            }
            rest = after;
        }
        let places = self.walk(&base, rest, trail);
        trail.pop();
        places
    }

    /// Where `rest` leads from `module` on.
    fn walk(&self, module: &[String], rest: &[String], trail: &mut Trail) -> BTreeSet<Place> {
        let [name, after @ ..] = rest else {
            return BTreeSet::from([Place::Module(module.to_vec())]);
        };
        let mut found = BTreeSet::new();
        for place in self.named(module, name, trail) {
            match place {
                Place::Module(inner) => found.extend(self.walk(&inner, after, trail)),
                Place::Value(..) if !after.is_empty() => {}
                Place::Type(..) | Place::Value(..) => _ = found.insert(place),
            }
        }
        found
    }

    /// What a name means in a module.
    fn named(&self, module: &[String], name: &str, trail: &mut Trail) -> BTreeSet<Place> {
        let Some(content) = self.modules.get(module) else {
            return BTreeSet::new();
        };
        let mut found = BTreeSet::new();
        if name == "*" {
            found.insert(Place::Value(content.file.clone(), name.to_owned()));
        }
        for meaning in content.names.get(name).into_iter().flatten() {
            match meaning {
                Meaning::Place(place) => _ = found.insert(place.clone()),
                Meaning::Import(path) => found.extend(self.resolve(module, path, trail)),
            }
        }
        if found.is_empty() {
            for glob in &content.globs {
                let path: Vec<String> = glob.iter().cloned().chain([name.to_owned()]).collect();
                found.extend(self.resolve(module, &path, trail));
            }
        }
        found
    }
}
