//! File names for inputs: any key becomes one component of a path, and no two inputs share one.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

use crate::event::ObjectRef;

/// Longest name of an input file, in bytes. File systems take 255 (`NAME_MAX`), `PRoot` one less.
pub const MAX_NAME_BYTES: usize = 254;

/// Longest extension that a shortened name keeps, in bytes, its dot included.
const MAX_EXTENSION_BYTES: usize = 32;

/// Name of an input whose key has no usable part.
const FALLBACK: &str = "input";

/// A file name that can be joined to a directory without leaving it: one component of 1 to [`MAX_NAME_BYTES`] bytes,
/// neither `.` nor `..`, without `/` or control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SafeName(String);

impl SafeName {
    /// Reduces a key to its last part that is not empty. Control characters (line breaks and NUL among them) become
    /// `_`, and so do all the dots of `.` and `..`; a name that is too long is cut between characters, before its
    /// extension. A key without any part is called `input`.
    pub fn from_key(key: &str) -> Self {
        let last = key
            .rsplit('/')
            .find(|part| !part.is_empty())
            .unwrap_or(FALLBACK);
        let printable: String = last
            .chars()
            .map(|c| if c.is_control() { '_' } else { c })
            .collect();
        let name = match printable.as_str() {
            "." | ".." => printable.replace('.', "_"),
            _ => printable,
        };
        Self(fit(&name, ""))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This name made different by a number, before the extension: `photo-2.png`.
    fn numbered(&self, number: usize) -> Self {
        Self(fit(&self.0, &format!("-{number}")))
    }
}

impl fmt::Display for SafeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<Path> for SafeName {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

/// `name` with `mark` before its extension, cut to [`MAX_NAME_BYTES`]: the stem gives way first.
fn fit(name: &str, mark: &str) -> String {
    let (stem, extension) = name.split_at(extension_start(name));
    let mut end = stem
        .len()
        .min(MAX_NAME_BYTES - extension.len() - mark.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    let (stem, _) = stem.split_at(end);
    format!("{stem}{mark}{extension}")
}

/// Where the extension begins, the end of the name when it has none. That of a compressed archive has two parts.
fn extension_start(name: &str) -> usize {
    let Some(dot) = name
        .rfind('.')
        .filter(|dot| *dot > 0 && name.len() - dot <= MAX_EXTENSION_BYTES)
    else {
        return name.len();
    };
    let (stem, _) = name.split_at(dot);
    match stem.strip_suffix(".tar") {
        Some(archive) if !archive.is_empty() => archive.len(),
        _ => dot,
    }
}

/// The names given out for one event. Different objects get different names, because outputs are often named after
/// inputs and would overwrite each other; the same object gets the same name again.
#[derive(Debug, Default)]
pub struct SafeNames {
    taken: HashSet<SafeName>,
    /// The next number to try for a name, so that many inputs of one name stay cheap.
    next: HashMap<SafeName, usize>,
    by_object: HashMap<ObjectRef, SafeName>,
}

impl SafeNames {
    /// The name of an object: the key's own, with a number when another object has that already.
    pub fn assign(&mut self, object: &ObjectRef) -> SafeName {
        if let Some(name) = self.by_object.get(object) {
            return name.clone();
        }
        let plain = SafeName::from_key(object.key.as_str());
        let mut name = plain.clone();
        let number = self.next.entry(plain.clone()).or_insert(2);
        while self.taken.contains(&name) {
            name = plain.numbered(*number);
            *number += 1;
        }
        self.taken.insert(name.clone());
        self.by_object.insert(object.clone(), name.clone());
        name
    }
}
