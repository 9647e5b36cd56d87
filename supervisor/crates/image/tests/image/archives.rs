//! `image_file` in each of its forms.

use std::fs;

use image::Keep;
use serde_json::json;

use crate::support::{Image, Layer, Store, gzip, image, image_for, message, tar_of};

fn layers() -> Vec<Vec<u8>> {
    vec![
        Layer::default()
            .file("bin/sh", "1")
            .file("gone", "1")
            .bytes(),
        Layer::default()
            .file("etc/two", "2")
            .file(".wh.gone", "")
            .bytes(),
        Layer::default().file("bin/sh", "3").bytes(),
    ]
}

/// As skopeo writes it; the blobs come in the order that is worst for reading forward.
fn layout(image: &Image) -> Vec<u8> {
    let index =
        json!({ "schemaVersion": 2, "manifests": [{ "digest": image.manifest, "size": 1 }] });
    let mut files = vec![("oci-layout".to_owned(), b"{}".to_vec())];
    for (digest, bytes) in image.blobs.iter().rev() {
        files.push((format!("blobs/sha256/{}", digest.hex()), bytes.clone()));
    }
    files.push(("index.json".to_owned(), index.to_string().into_bytes()));
    tar_of(&files)
}

/// As Docker writes it, before 25 or since.
fn saved(image: &Image, path: impl Fn(&str) -> String) -> Vec<u8> {
    let names: Vec<String> = image
        .blobs
        .iter()
        .map(|(digest, _)| path(digest.hex()))
        .collect();
    let (config, layers) = (&names[0], &names[1..names.len() - 1]);
    let manifest = json!([{ "Config": config, "RepoTags": ["a:b"], "Layers": layers }]);
    let mut files: Vec<_> = names
        .iter()
        .cloned()
        .zip(image.blobs.iter().map(|(_, bytes)| bytes.clone()))
        .collect();
    files.push((
        "manifest.json".to_owned(),
        manifest.to_string().into_bytes(),
    ));
    tar_of(&files)
}

#[tokio::test]
async fn every_form_gives_the_same_container() {
    let plain = image(&layers(), <[u8]>::to_vec);
    let forms = [
        ("layout", layout(&plain)),
        ("layout of gzip layers", layout(&image(&layers(), gzip))),
        (
            "docker save",
            saved(&plain, |hex| format!("{hex}/layer.tar")),
        ),
        (
            "docker 25",
            saved(&plain, |hex| format!("blobs/sha256/{hex}")),
        ),
    ];
    for (form, bytes) in forms {
        for bytes in [bytes.clone(), gzip(&bytes)] {
            for keep in [Keep::Nothing, Keep::Layers] {
                let store = Store::new();
                let archive = store.write("image.tar", &bytes);
                store.load(&archive, keep).await.unwrap();
                assert_eq!(store.text("bin/sh").as_deref(), Some("3"), "{form}");
                assert_eq!(store.text("etc/two").as_deref(), Some("2"), "{form}");
                assert_eq!(store.text("gone"), None, "{form}");
                let kept = fs::read_dir(&store.paths.layers).unwrap().count();
                assert_eq!(kept, if keep == Keep::Layers { 4 } else { 0 }, "{form}");
            }
        }
    }
}

#[tokio::test]
async fn a_kept_image_is_used_again_and_a_damaged_one_is_repaired() {
    let store = Store::new();
    let archive = store.write("image.tar", &layout(&image(&layers(), gzip)));
    store.load(&archive, Keep::Layers).await.unwrap();
    fs::remove_file(store.paths.containers.join("c")).unwrap();
    let away = store.write("elsewhere", b"");
    store.load(&away, Keep::Layers).await.unwrap();
    assert_eq!(store.text("bin/sh").as_deref(), Some("3"));
    fs::remove_file(store.paths.containers.join("c")).unwrap();
    for entry in fs::read_dir(&store.paths.layers).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(path, bytes).unwrap();
        }
    }
    assert!(store.load(&archive, Keep::Layers).await.is_err());
    store.load(&archive, Keep::Layers).await.unwrap();
    assert_eq!(store.text("bin/sh").as_deref(), Some("3"));
}

#[tokio::test]
async fn what_is_no_image_for_this_machine_is_refused() {
    let other = if cfg!(target_arch = "x86_64") {
        "arm64"
    } else {
        "amd64"
    };
    let mut wrong = image(&layers(), <[u8]>::to_vec);
    let last = wrong.blobs[2].1.len() - 1;
    wrong.blobs[2].1[last] ^= 1;
    let whole = layout(&image(&layers(), <[u8]>::to_vec));
    for (bytes, word) in [
        (b"this is no archive".to_vec(), "no image archive"),
        (tar_of(&[("a".to_owned(), b"b".to_vec())]), "manifest.json"),
        (layout(&image_for(other, &layers(), <[u8]>::to_vec)), other),
        (layout(&wrong), "digest"),
        (whole[..whole.len() / 2].to_vec(), "archive"),
        (gzip(&whole)[..100].to_vec(), "archive"),
    ] {
        let store = Store::new();
        let archive = store.write("image.tar", &bytes);
        let message = message(store.load(&archive, Keep::Layers).await.unwrap_err());
        assert!(message.contains(word), "{word}: {message}");
        store.expect_nothing();
    }
}

#[tokio::test]
async fn a_layer_made_to_fill_the_disk_is_stopped() {
    let zeros = vec![0_u8; 200 * 1024 * 1024];
    let bomb = Layer::default()
        .add(tar::EntryType::Regular, "zeros", "", &zeros)
        .bytes();
    let store = Store::new();
    let archive = store.write("image.tar", &layout(&image(&[bomb], gzip)));
    let message = message(store.load(&archive, Keep::Nothing).await.unwrap_err());
    assert!(message.contains("times its size"), "{message}");
    store.expect_nothing();
}
