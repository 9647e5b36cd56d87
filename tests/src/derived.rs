//! Images with a layer and settings of a test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// Writes a `docker save` archive into `directory`: the image `base` with a layer more, of what is in `files`, and with
/// `settings` in place of those of its `config`.
pub fn derived(base: &Path, files: &Path, settings: &Value, directory: &Path) -> PathBuf {
    let parts = directory.join("derived");
    fs::create_dir(&parts).unwrap();
    tar(&["-xf", text(base), "-C", text(&parts)]);
    let manifest = fs::read_to_string(parts.join("manifest.json")).unwrap();
    let mut manifest: Value = serde_json::from_str(&manifest).unwrap();
    let config = parts.join(manifest[0]["Config"].as_str().unwrap());
    let mut image: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();

    let layer = parts.join("more.tar");
    tar(&["-cf", text(&layer), "-C", text(files), "."]);
    let digest = json!(format!("sha256:{}", sha256(&layer)));
    push(&mut image["rootfs"]["diff_ids"], digest);
    push(&mut manifest[0]["Layers"], json!("more.tar"));
    for (name, value) in settings.as_object().unwrap() {
        image["config"][name] = value.clone();
    }
    fs::write(&config, image.to_string()).unwrap();
    fs::write(parts.join("manifest.json"), manifest.to_string()).unwrap();
    let archive = directory.join("derived.tar");
    tar(&["-cf", text(&archive), "-C", text(&parts), "."]);
    archive
}

fn push(list: &mut Value, value: Value) {
    list.as_array_mut().unwrap().push(value);
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn tar(arguments: &[&str]) {
    let status = Command::new("tar").args(arguments).status().unwrap();
    assert!(status.success(), "tar {arguments:?}");
}

fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    line.split(' ').next().unwrap().to_owned()
}
