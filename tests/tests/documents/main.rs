//! The documents say what is so: their links lead somewhere, their commands exist, every key, option and error is in them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod commands;
mod errors;
mod keys;
mod markdown;
mod options;
mod programs;
mod shell;
mod sources;

use std::path::Path;

use e2e::root;
use markdown::{Document, Line, document, documents};

#[test]
fn every_link_leads_somewhere() {
    let all = documents();
    assert!(all.len() > 15, "only {} documents", all.len());
    let mut wrong = Vec::new();
    for document in &all {
        for link in document.links() {
            if let Err(why) = follow(document, &link, &all) {
                wrong.push(format!("{}: {} {why}", document.at(&link), link.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn follow(document: &Document, link: &Line, all: &[Document]) -> Result<(), &'static str> {
    if link.text.starts_with("https://") {
        return Ok(());
    }
    let (path, anchor) = match link.text.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (link.text.as_str(), None),
    };
    let folder = document.path.parent().unwrap_or(Path::new(""));
    let target = match path {
        "" => root().join(&document.path),
        path => root().join(folder).join(path),
    };
    let target = target.canonicalize().map_err(|_| "does not exist")?;
    let Some(anchor) = anchor else { return Ok(()) };
    let page = all
        .iter()
        .find(|page| root().join(&page.path) == target)
        .ok_or("is no document, and has no anchors")?;
    let known = page.anchors().iter().any(|known| known == anchor);
    known.then_some(()).ok_or("has no such heading")
}

#[test]
fn every_page_is_linked_from_the_readme() {
    let links = document("README.md").links();
    for page in documents() {
        let name = page.path.display().to_string();
        let top = !name.contains('/') && name != "README.md";
        if !top && !name.starts_with("docs/") {
            continue;
        }
        let linked = links
            .iter()
            .any(|link| link.text.split('#').next() == Some(&name));
        assert!(linked, "README.md does not link {name}");
    }
}

#[test]
fn the_readme_is_short() {
    let lines = document("README.md").text.lines().count();
    assert!(
        lines <= 150,
        "README.md has {lines} lines, move what is for few to docs/"
    );
}

#[test]
fn only_one_page_takes_the_reader_to_know_scar() {
    for page in documents() {
        let name = page.path.display().to_string();
        if name == "docs/coming-from-scar.md" || !(name == "README.md" || name.starts_with("docs/"))
        {
            continue;
        }
        for line in page.prose() {
            let text = line
                .text
                .replace("[Coming from SCAR](docs/coming-from-scar.md)", "");
            // The configuration file's folder has its name, and so has the variable for it.
            let text = text.replace("SCAR_CONFIG_FOLDER", "");
            assert!(!text.contains("SCAR"), "{}: {}", page.at(&line), line.text);
        }
    }
}
