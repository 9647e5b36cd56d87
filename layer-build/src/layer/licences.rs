//! The licences of what is linked into the programs: of their crates, of Rust's standard library and of musl.
//!
//! A crate's texts come from its sources; a text that several crates have is there once. A crate that ships no text gets the
//! standard texts of its licences, which come with the Rust toolchain, and a line that names its authors or its repository.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::arch::Arch;
use super::content::{FileSource, Files, Kind, LayerFile};
use super::crates::{self, Crate};
use super::error::LayerError;
use super::program;

/// Where licences are in the layer.
const DIRECTORY: &str = "licenses";
/// The notices of the standard library and of what it is made of, as rustup's toolchains have them.
const LIBRARY_NOTICES: &str = "share/doc/rust/COPYRIGHT-library.html";
/// Standard texts beside it, each named after its SPDX identifier.
const STANDARD_TEXTS: &str = "share/doc/rust/licenses";
/// musl's own notice: the C library of both targets is linked in whole.
const MUSL: &[u8] = include_bytes!("../../layer/licenses/musl-COPYRIGHT");

/// How names of files with licences begin, in capitals.
const NAMES: [&str; 6] = [
    "LICENSE",
    "LICENCE",
    "UNLICENSE",
    "COPYING",
    "COPYRIGHT",
    "NOTICE",
];
/// Extensions of files that are named after a licence but hold something else.
const OTHERS: [&str; 4] = ["rs", "toml", "json", "yml"];

/// What the crates are linked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// The layer's `bootstrap`, which is the supervisor.
    Bootstrap,
    /// Both programs of a release.
    BothPrograms,
}

impl Linked {
    /// The packages that they are built from.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Bootstrap => &["supervisor"],
            Self::BothPrograms => &["supervisor", "layer-build"],
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Bootstrap => "`bootstrap`",
            Self::BothPrograms => "`supervisor` and `faas-deploy`",
        }
    }
}

/// A file with licences.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file's name.
    pub name: &'static str,
    /// Its text.
    pub content: Vec<u8>,
    origin: &'static str,
    /// SPDX expression.
    licence: &'static str,
}

/// The licences of all that is linked.
///
/// # Errors
/// [`LayerError`] when a crate's sources or the toolchain's notices are not there.
pub fn documents(project: &Path, arch: Arch, into: Linked) -> Result<[Document; 3], LayerError> {
    let toolchain = toolchain(project)?;
    let mut texts = Texts::default();
    for linked in crates::linked(project, arch, into.packages())? {
        texts.add(&linked, &toolchain)?;
    }
    let notices = toolchain.join(LIBRARY_NOTICES);
    let library = fs::read(&notices).map_err(LayerError::io("read", &notices))?;
    let crates = texts.render(into.words()).into_bytes();
    Ok([
        (
            "rust-crates.txt",
            crates,
            "the crates' sources",
            "LicenseRef-several",
        ),
        (
            "rust-standard-library.html",
            library,
            "the Rust toolchain",
            "MIT OR Apache-2.0",
        ),
        ("musl-COPYRIGHT", MUSL.to_vec(), "musl", "MIT"),
    ]
    .map(|(name, content, origin, licence)| Document {
        name,
        content,
        origin,
        licence,
    }))
}

/// Adds the licences of all that is linked into `bootstrap`.
///
/// # Errors
/// As [`documents`].
pub(super) fn add_to(files: &mut Files, project: &Path, arch: Arch) -> Result<(), LayerError> {
    for document in documents(project, arch, Linked::Bootstrap)? {
        let source = FileSource {
            origin: document.origin.to_owned(),
            licence: document.licence,
        };
        let file = LayerFile {
            kind: Kind::Data,
            content: document.content,
            source,
        };
        files.insert(format!("{DIRECTORY}/{}", document.name), file);
    }
    Ok(())
}

/// The directory of the toolchain that builds the project.
fn toolchain(project: &Path) -> Result<PathBuf, LayerError> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command.args(["--print", "sysroot"]).current_dir(project);
    let output = program::run("rustc", &mut command)?;
    let path = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(PathBuf::from(path.trim_end()));
    }
    Err(LayerError::Program {
        program: "rustc",
        reported: program::error_lines(&output),
    })
}

/// The list of crates, and the texts that it refers to by number.
#[derive(Debug, Default)]
struct Texts {
    lines: String,
    unique: Vec<String>,
    /// The number of each text. Its key is the text's words: copies differ in line breaks and indentation.
    numbers: BTreeMap<String, usize>,
}

impl Texts {
    fn add(&mut self, linked: &Crate, toolchain: &Path) -> Result<(), LayerError> {
        let licence = linked.license.as_deref().unwrap_or("see its text");
        let mut shipped = shipped(linked)?;
        let mut remark = String::new();
        if shipped.is_empty() {
            shipped = standard(linked, licence, toolchain)?;
            let authors = match linked.authors.join(", ") {
                none if none.is_empty() => linked.repository.clone().unwrap_or_default(),
                authors => authors,
            };
            remark = format!(" (standard text; the crate, by {authors}, ships none)");
        }
        let numbers: Vec<String> = shipped.into_iter().map(|text| self.number(text)).collect();
        let numbers = numbers.join(", ");
        let Crate { name, version, .. } = linked;
        let _infallible = writeln!(
            self.lines,
            "{name} {version}: {licence}; text {numbers}{remark}"
        );
        Ok(())
    }

    fn number(&mut self, text: String) -> String {
        let words: Vec<&str> = text.split_whitespace().collect();
        let next = self.unique.len() + 1;
        let number = *self.numbers.entry(words.join(" ")).or_insert(next);
        if number == next {
            self.unique.push(text);
        }
        number.to_string()
    }

    fn render(&self, programs: &str) -> String {
        let mut out = format!(
            "Crates linked into {programs}, each with its licence (SPDX expression) and the numbers of the texts it comes \
             with, which follow.\n\n"
        );
        out.push_str(&self.lines);
        for (index, text) in self.unique.iter().enumerate() {
            let rule = "=".repeat(30);
            let _infallible = write!(
                out,
                "\n{rule} text {} {rule}\n\n{}\n",
                index + 1,
                text.trim_end()
            );
        }
        out
    }
}

/// The texts in a crate's sources, in the order of their paths.
fn shipped(linked: &Crate) -> Result<Vec<String>, LayerError> {
    let top = linked.manifest_path.parent().unwrap_or(Path::new("."));
    let mut paths = Vec::new();
    search(top, &mut paths)?;
    paths.extend(linked.license_file.as_ref().map(|path| top.join(path)));
    paths.sort();
    paths.dedup();
    paths.iter().map(|path| read(path)).collect()
}

/// Finds all licence files in a crate's sources: code that a crate copied has its licence beside it.
fn search(directory: &Path, found: &mut Vec<PathBuf>) -> Result<(), LayerError> {
    let failed = |error| LayerError::io("read", directory)(error);
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        let path = entry.path();
        if kind.is_dir() {
            search(&path, found)?;
        } else if kind.is_file() && is_licence(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn is_licence(path: &Path) -> bool {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_uppercase();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    NAMES.iter().any(|start| name.starts_with(start)) && !OTHERS.contains(&&*extension)
}

/// The standard texts of the licences in an SPDX expression.
fn standard(linked: &Crate, expression: &str, toolchain: &Path) -> Result<Vec<String>, LayerError> {
    let directory = toolchain.join(STANDARD_TEXTS);
    let words = expression.split(|c: char| c.is_whitespace() || "()/".contains(c));
    let paths = words
        .filter(|word| !word.is_empty())
        .map(|word| directory.join(format!("{word}.txt")));
    let texts: Vec<String> = paths
        .filter(|path| path.is_file())
        .map(|path| read(&path))
        .collect::<Result<_, _>>()?;
    if texts.is_empty() {
        return Err(LayerError::NoLicence {
            name: linked.name.clone(),
            licence: expression.to_owned(),
            looked: directory,
        });
    }
    Ok(texts)
}

fn read(path: &Path) -> Result<String, LayerError> {
    let bytes = fs::read(path).map_err(LayerError::io("read", path))?;
    Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))
}

#[cfg(test)]
#[path = "licences/tests.rs"]
mod tests;
