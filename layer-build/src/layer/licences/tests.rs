#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::*;

fn linked(top: &Path, name: &str, licence: &str) -> Crate {
    let manifest = top.join(name).join("Cargo.toml");
    fs::create_dir_all(top.join(name)).unwrap();
    serde_json::from_value(serde_json::json!({
        "id": name, "name": name, "version": "1.0.0", "license": licence, "license_file": null,
        "authors": ["A. Writer"], "manifest_path": manifest, "source": "registry",
    }))
    .unwrap()
}

#[test]
fn equal_texts_are_there_once_and_missing_ones_are_the_standard_ones() {
    let directory = tempfile::tempdir().unwrap();
    let top = directory.path();
    fs::create_dir_all(top.join(STANDARD_TEXTS)).unwrap();
    fs::write(top.join(STANDARD_TEXTS).join("MIT.txt"), "standard\n").unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| linked(top, name, "Apache-2.0/MIT"));
    fs::write(top.join("a/LICENSE-MIT"), "the  text\r\n").unwrap();
    fs::write(top.join("a/license.rs"), "code").unwrap();
    fs::create_dir_all(top.join("b/third_party")).unwrap();
    fs::write(top.join("b/third_party/COPYING"), "the\n text").unwrap();
    fs::write(top.join("b/NOTICE"), "a notice").unwrap();
    let mut texts = Texts::default();
    for each in [&a, &b, &c] {
        texts.add(each, top).unwrap();
    }
    assert_eq!(
        texts.lines,
        "a 1.0.0: Apache-2.0/MIT; text 1\n\
         b 1.0.0: Apache-2.0/MIT; text 2, 1\n\
         c 1.0.0: Apache-2.0/MIT; text 3 (standard text; the crate, by A. Writer, ships none)\n"
    );
    assert_eq!(texts.unique, ["the  text\n", "a notice", "standard\n"]);
    let rendered = texts.render("`bootstrap`");
    assert!(!rendered.contains("code") && rendered.contains(" text 3 ==="));
}

#[test]
fn a_crate_without_any_text_makes_no_layer() {
    let directory = tempfile::tempdir().unwrap();
    let odd = linked(directory.path(), "odd", "LicenseRef-odd");
    let error = Texts::default().add(&odd, directory.path()).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("odd (LicenseRef-odd) ships no licence text"),
        "{message}"
    );
}
