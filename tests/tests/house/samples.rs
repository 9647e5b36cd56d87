//! The reading itself, on small sources and manifests: what must be found is found, and nothing else.

use std::path::{Path, PathBuf};

use super::{
    circles::{between_branches, circles, text},
    manifest::parse,
    modules::{Arrows, Files, arrows},
    order::{crates_out_of_order, steps_out_of_order},
};

fn crate_of(sources: &[(&str, &str)]) -> Arrows {
    let files = sources
        .iter()
        .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()));
    arrows("sample", &files.collect::<Files>())
}

/// The arrows as lines, without the `src` in front.
fn drawn(sources: &[(&str, &str)]) -> String {
    text("", &crate_of(sources))
        .replace(" /", " ")
        .trim()
        .to_owned()
}

/// The arrows of a crate with the modules `a`, which defines `A`, and `b`, which has this source.
fn drawn_from_b(source: &str) -> String {
    drawn(&[
        ("lib.rs", "mod a; mod b; pub use a::Seen as Renamed;"),
        (
            "a.rs",
            "pub mod inner; pub struct A; pub struct Seen; pub fn make() {}",
        ),
        ("a/inner.rs", "pub enum Inner { One }"),
        ("b.rs", source),
    ])
    .lines()
    .map(str::trim)
    .filter(|line| line.starts_with("b.rs"))
    .collect::<Vec<_>>()
    .join("; ")
}

#[test]
fn every_form_of_a_path_is_an_arrow() {
    for source in [
        "use crate::a::A;",
        "use super::a::A;",
        "use super::{a::{A, inner}};",
        "pub use crate::{a::{self, A as Other}};",
        "use crate::a::{A as _};",
        "fn f() { use super::a::A; }",
        "fn f() -> crate::a::A { loop {} }",
        "use super::a; fn f(_: a::A) {}",
        "mod nested { use super::super::a::A; }",
        "fn f() { print!(\"{}\", crate::a::A) }",
        "/* '\" */ const Q: char = '\"'; const R: &str = r#\"\"//\"#; use crate::a::A;",
        "#[cfg(test)] mod tests { use super::*; } use crate::a::A;",
        "#[cfg(test)] use x::{y, z}; use crate::a::A;",
        "struct S { #[cfg(test)] x: u8, a: crate::a::A }",
        "#[cfg(test)] const fn f() {} use crate::a::A;",
        "#[cfg(not(test))] use crate::a::A;",
    ] {
        assert_eq!(drawn_from_b(source), "b.rs -> a.rs: A", "{source}");
    }
}

#[test]
fn what_is_no_code_of_the_crate_is_no_arrow() {
    for source in [
        "// use crate::a::A;",
        "/* /* */ use crate::a::A; */",
        "const S: &str = \"use crate::a::A;\";",
        "const S: &str = r#\"\" crate::a::A\"#;",
        "#[cfg(test)] mod tests { use super::*; use crate::a::A; }",
        "#[cfg(test)] #[allow(x)] pub(crate) fn f<T, U>() { crate::a::A }",
        "#[cfg(all(test, unix))] use crate::a::A;",
        "use ::a::A;",
        "use other::a::A;",
        "mod a { pub struct A; } use a::A;",
        "use crate::a;",
    ] {
        assert_eq!(drawn_from_b(source), "", "{source}");
    }
}

#[test]
fn a_path_leads_to_where_the_name_is_defined() {
    assert_eq!(drawn_from_b("use crate::Renamed;"), "b.rs -> a.rs: Seen");
    assert_eq!(
        drawn_from_b("use crate::a::inner::Inner::One;"),
        "b.rs -> a/inner.rs: Inner"
    );
    assert_eq!(
        drawn_from_b("fn f() { super::a::make(); }"),
        "b.rs -> a.rs: make"
    );
    assert_eq!(drawn_from_b("use crate::a::*;"), "b.rs -> a.rs: *");
    let program = [
        ("lib.rs", "pub fn run() {}"),
        ("main.rs", "fn main() { sample::run() }"),
    ];
    assert_eq!(drawn(&program), "main.rs -> lib.rs: run");
}

#[test]
fn a_child_that_uses_its_parent_closes_a_circle() {
    let parent = "mod child; use child::C; pub struct P(C);";
    let found = crate_of(&[
        ("lib.rs", "mod p;"),
        ("p.rs", parent),
        ("p/child.rs", "use super::P; pub struct C;"),
    ]);
    let found_circles = circles(&found);
    assert_eq!(found_circles.len(), 1);
    assert_eq!(
        text("s", &found_circles[0]),
        "  s/p/child.rs -> s/p.rs: P\n  s/p.rs -> s/p/child.rs: C\n"
    );
    assert!(circles(&between_branches(found)).is_empty());
}

#[test]
fn a_child_that_goes_through_its_parent_closes_none() {
    let found = crate_of(&[
        ("lib.rs", "mod p;"),
        (
            "p.rs",
            "mod child; mod other; use other::O; use child::C; fn f(_: O, _: C) {}",
        ),
        ("p/child.rs", "use super::O; pub struct C;"),
        ("p/other.rs", "pub struct O;"),
    ]);
    assert_eq!(found.len(), 3);
    assert!(circles(&found).is_empty());
}

#[test]
fn circles_that_do_not_meet_are_told_apart() {
    let found = circles(&crate_of(&[
        ("lib.rs", "mod a; mod b; mod c; mod d; mod e; mod f;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use crate::c::C; pub struct B;"),
        ("c.rs", "use crate::a::A; use crate::d::D; pub struct C;"),
        ("d.rs", "use crate::e::E; pub struct D;"),
        ("e.rs", "use crate::d::D; pub struct E;"),
        ("f.rs", "use crate::a::A;"),
    ]));
    let mut sizes: Vec<usize> = found.iter().map(Arrows::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 3]);
}

#[test]
fn an_arrow_against_the_pipeline_is_reported() {
    let sources = |event: &'static str, entry: &'static str| {
        let root = ("lib.rs", "mod event; mod entry; mod new;");
        let new = ("new.rs", "pub struct N;");
        steps_out_of_order(&crate_of(&[
            root,
            ("event.rs", event),
            ("entry.rs", entry),
            new,
        ]))
    };
    assert!(sources("pub struct E;", "use crate::event::E; pub fn main() {}").is_empty());
    let up = sources("use crate::entry::main;", "pub fn main() {}");
    assert_eq!(up, ["event.rs -> entry.rs: main (points up)"]);
    let unknown = sources("", "use crate::new::N;");
    assert!(unknown[0].contains("no floor for new"), "{unknown:?}");
}

#[test]
fn a_crate_that_uses_what_stands_above_it_is_reported() {
    let workspace = "[workspace.dependencies]\nfaas_supervisor = { path = \"supervisor\", package = \"supervisor\" }\n";
    let wrong = |name: &str, dependency: &str| {
        let names = [
            "net",
            "container",
            "supervisor",
            "layer-build",
            "lambda-sandbox",
            name,
        ];
        let manifests = names.map(|package| {
            let rest = if package == name { dependency } else { "" };
            let text = format!("[package]\nname = \"{package}\"\n{rest}\n");
            (Path::new(package).to_path_buf(), text)
        });
        let mut wrong = crates_out_of_order(&parse(workspace, &manifests));
        wrong.retain(|line| !line.ends_with("not in the workspace"));
        wrong
    };
    assert!(
        wrong(
            "container",
            "[dependencies]\nnet.workspace = true\nserde = \"1\""
        )
        .is_empty()
    );
    assert!(wrong("layer-build", "[dependencies]\nnet.workspace = true").is_empty());
    for (name, dependency) in [
        ("net", "[dependencies]\ncontainer.workspace = true"),
        ("net", "[dependencies]\nnet.workspace = true"),
        (
            "net",
            "[dev-dependencies]\nfaas_supervisor.workspace = true",
        ),
        (
            "net",
            "[build-dependencies]\ncontainer = { path = \"../container\" }",
        ),
        (
            "net",
            "[target.'cfg(unix)'.dependencies]\nother = { package = \"container\", path = \"x\" }",
        ),
        ("net", "[dependencies.container]\nworkspace = true"),
        ("net", "[dependencies.other]\npackage = \"container\""),
        ("layer-build", "[dependencies]\ncontainer.workspace = true"),
        (
            "layer-build",
            "[dev-dependencies]\nfaas_supervisor = { workspace = true }",
        ),
        (
            "layer-build",
            "[dependencies]\nlambda-sandbox.workspace = true",
        ),
        ("new", ""),
    ] {
        assert_eq!(wrong(name, dependency).len(), 1, "{name}: {dependency}");
    }
}
