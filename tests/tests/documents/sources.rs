//! What the sources of both programs say of themselves: the keys they know, and their errors.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use e2e::root;

use super::markdown::collect;

/// Every Rust source of the two programs, with its text.
pub(crate) fn sources() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    for program in ["supervisor", "layer-build"] {
        collect(&root().join(program), "rs", &mut paths);
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// The text literals of a piece of a source.
pub(crate) fn literals(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        let inner = &rest[start + 1..];
        let mut end = 0;
        let bytes = inner.as_bytes();
        while end < bytes.len() && bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        let Some(literal) = inner.get(..end) else {
            break;
        };
        found.push(literal.to_owned());
        rest = inner.get(end + 1..).unwrap_or_default();
    }
    found
}

/// The folder of the source that holds `text`, and that alone.
fn folder_of(sources: &[(PathBuf, String)], text: &str) -> PathBuf {
    let mut holders = sources.iter().filter(|(_, source)| source.contains(text));
    let (path, _) = holders
        .next()
        .unwrap_or_else(|| panic!("no source holds {text}"));
    path.parent().unwrap().to_owned()
}

/// The names of all keys that the supervisor's configuration knows, at whatever depth. They are where keys are read, in
/// lists of what is known, and in what is asked for by name.
pub(crate) fn names_of_keys() -> BTreeSet<String> {
    // Lists, each with what begins and what ends it: of known keys, and of the kinds of store.
    const LISTS: [(&str, &str); 3] = [
        ("note_unknown(&[", "]"),
        (": &[&str] = &[", "]"),
        ("(&str, ProviderKind); ", "];"),
    ];
    const READERS: [&str; 4] = [".get(", ".require(", "optional_text(", "choice_or_default("];
    let sources = sources();
    let folder = folder_of(&sources, "pub const FUNCTION_KEYS");
    let mut found = BTreeSet::new();
    for (_, text) in sources.iter().filter(|(path, _)| path.starts_with(&folder)) {
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (start, end) in LISTS {
            for list in text.split(start).skip(1) {
                found.extend(literals(list.split(end).next().unwrap_or_default()));
            }
        }
        for start in READERS {
            for call in text
                .split(start)
                .skip(1)
                .filter(|call| call.trim_start().starts_with('"'))
            {
                found.extend(literals(call).into_iter().next());
            }
        }
    }
    found
}

/// The full names of the keys in the sources of `faas-deploy`, such as `batch.vcpus`.
pub(crate) fn keys_of_faas_deploy(sections: &[&str]) -> BTreeSet<String> {
    let deploy = root().join("layer-build/src");
    let is_source = |path: &Path| path.starts_with(&deploy);
    let mut found = BTreeSet::new();
    for (_, text) in sources().iter().filter(|(path, _)| is_source(path)) {
        for literal in literals(text) {
            let key = literal.strip_prefix("aws.").unwrap_or(&literal);
            let key = match key.strip_prefix('/') {
                Some(pointer) => pointer.replace('/', "."),
                None => key.to_owned(),
            };
            let plain = |part: &str| {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            };
            let in_section = key
                .split_once('.')
                .is_some_and(|(first, _)| sections.contains(&first));
            // What begins like a section and is none: host names, and a provider.
            let other = key.ends_with(".amazonaws.com") || key == "s3.default";
            if in_section && !other && key.split('.').all(plain) {
                found.insert(key);
            }
        }
    }
    found
}

/// The texts of the errors, from `#[error("…")]`.
pub(crate) fn errors() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for (path, text) in sources() {
        for attribute in text.split("#[error(").skip(1) {
            let attribute = attribute.trim_start();
            if attribute.starts_with('"') {
                let literal = literals(attribute).into_iter().next().unwrap_or_default();
                found.push((path.clone(), literal));
            }
        }
    }
    found
}
