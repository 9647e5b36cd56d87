//! Archives made to fill memory or to outlast a deadline. Each is handled by a process of its own, whose peak is measured.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use image::{Failure, ImageSource, Keep, RegistrySettings};
use serde_json::json;
use tar::EntryType;

use crate::support::{Image, Layer, Store, image, message, tar_of};

/// Most resident memory of a process that handles an image, in KiB.
const MOST_RESIDENT: u64 = 96 * 1024;
/// Names the archive that a process of a test is to handle.
const ARCHIVE: &str = "HOSTILE_ARCHIVE";

/// Not a test of its own: handles one archive and shows how that ended, and the peak of memory.
#[tokio::test]
async fn helper() {
    let Some(path) = std::env::var_os(ARCHIVE) else {
        return;
    };
    let loaded = Store::new().load(Path::new(&path), Keep::Nothing).await;
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:"));
    println!("PEAK {}", peak.unwrap());
    match loaded {
        Ok(()) => println!("ENDED well"),
        Err(failure) => println!("ENDED {}", message(failure)),
    }
}

/// How the archive is handled by a process that stays within the bound.
fn handled(archive: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), archive).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "bounds::helper", "--nocapture"])
        .env(ARCHIVE, file.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let after = |mark: &str| {
        text.split(mark)
            .nth(1)
            .map(|rest| rest.lines().next().unwrap())
    };
    let peak = after("VmHWM:").unwrap_or_else(|| panic!("{text}"));
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak <= MOST_RESIDENT, "{peak} KiB: {text}");
    after("ENDED ").unwrap().to_owned()
}

/// A zstd frame that repeats bytes: `content` as runs of one byte, each at most 128 KiB.
fn zstd_runs(runs: impl Iterator<Item = (u8, u32)>) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3];
    for (byte, length) in runs {
        frame.extend(&(length << 3 | 1 << 1).to_le_bytes()[..3]);
        frame.push(byte);
    }
    frame.extend([1, 0, 0]);
    frame
}

/// Raw bytes as a block of a zstd frame.
fn raw_block(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&(length << 3).to_le_bytes()[..3], bytes].concat()
}

fn header(kind: u8, name: &str, size: u64) -> Vec<u8> {
    let bytes = Layer::default()
        .add(EntryType::new(kind), name, "", b"")
        .bytes();
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes().copy_from_slice(&bytes[..512]);
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn saved(image: &Image) -> Vec<(String, Vec<u8>)> {
    let names: Vec<&str> = image.blobs.iter().map(|(digest, _)| digest.hex()).collect();
    let manifest = json!([{ "Config": names[0], "Layers": names[1..names.len() - 1] }]);
    let blobs = image.blobs.iter();
    let mut files: Vec<_> = blobs
        .map(|(digest, bytes)| (digest.hex().to_owned(), bytes.clone()))
        .collect();
    files.push((
        "manifest.json".to_owned(),
        manifest.to_string().into_bytes(),
    ));
    files
}

fn archive_of(layer: Vec<u8>) -> Vec<u8> {
    tar_of(&saved(&image(&[layer], <[u8]>::to_vec)))
}

#[test]
fn long_names_in_few_compressed_bytes_are_refused() {
    let mut archive = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3];
    for index in 0..600_u32 {
        archive.extend(raw_block(&header(b'L', "././@LongLink", 1 << 20)));
        archive.extend(raw_block(format!("{index:08}").as_bytes()));
        for length in [
            131_072_u32,
            131_072,
            131_072,
            131_072,
            131_072,
            131_072,
            131_072,
            131_064,
        ] {
            archive.extend(&(length << 3 | 1 << 1).to_le_bytes()[..3]);
            archive.push(b'n');
        }
        archive.extend(raw_block(&header(b'0', "x", 0)));
    }
    archive.extend([1, 0, 0]);
    let ended = handled(&archive);
    assert!(
        ended.contains("names of more than 8388608 bytes"),
        "{ended}"
    );
}

#[test]
fn members_without_end_are_refused() {
    let mut archive = Vec::new();
    for index in 0..70_000 {
        archive.extend(header(b'0', &format!("{index}"), 0));
    }
    archive.resize(archive.len() + 1024, 0);
    let ended = handled(&archive);
    assert!(ended.contains("more than 65536 members"), "{ended}");
}

#[test]
fn sparse_maps_over_many_headers_are_refused() {
    let record = "25 GNU.sparse.numbytes=0\n".repeat(40_000);
    let mut layer = Vec::new();
    for _ in 0..200 {
        layer.extend(header(b'x', "pax", record.len() as u64));
        layer.extend(record.as_bytes());
        layer.resize(layer.len().next_multiple_of(512), 0);
    }
    layer.extend(header(b'0', "file", 0));
    layer.resize(layer.len() + 1024, 0);
    let ended = handled(&archive_of(layer));
    assert!(ended.contains("more than 1048576 bytes"), "{ended}");
}

#[test]
fn documents_of_nested_lists_take_no_more_than_their_size() {
    let list = format!("[{}[0]]", "[0],".repeat(3_500_000));
    for manifest in [list.clone(), format!(r#"{{"manifests": {list}}}"#)] {
        for name in ["manifest.json", "index.json"] {
            let archive = tar_of(&[(name.to_owned(), manifest.clone().into_bytes())]);
            assert_ne!(handled(&archive), "well");
        }
    }
    let config = format!(r#"{{"x": {list}}}"#).into_bytes();
    let manifest = json!([{ "Config": "config", "Layers": [] }]).to_string();
    let files = [
        ("config".to_owned(), config),
        ("manifest.json".to_owned(), manifest.into_bytes()),
    ];
    assert_eq!(handled(&tar_of(&files)), "well");
}

#[test]
fn zeros_beyond_reason_are_refused() {
    let zeros = zstd_runs(std::iter::repeat_n((0, 131_072), 16_384));
    let mut archive = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3];
    archive.extend(raw_block(&header(b'0', "zeros", 1 << 31)));
    archive.extend(&zeros[6..]);
    let ended = handled(&archive);
    assert!(ended.contains("1032 times its size"), "{ended}");
}

/// As in an image of a large data set.
#[test]
fn an_image_with_many_files_and_whiteouts_is_prepared() {
    let mut first = Layer::default();
    let mut second = Layer::default();
    for index in 0..20_000 {
        let name = format!("d{}/f{index}", index % 100);
        first = first.file(&name, "x");
        second = second.file(&format!("d{}/.wh.f{index}", index % 100), "");
    }
    let image = image(&[first.bytes(), second.bytes()], <[u8]>::to_vec);
    assert_eq!(handled(&tar_of(&saved(&image))), "well");
}

/// Whiteouts in nested directories, each of which looks at every file below it.
fn slow_layer() -> Vec<u8> {
    let deep = "d/".repeat(200);
    let mut layer = Layer::default();
    for index in 0..3_000 {
        layer = layer.file(&format!("{deep}{index}"), "");
    }
    for round in 0..40 {
        for depth in (1..=200).rev() {
            let path = "d/".repeat(depth - 1);
            layer = layer.directory(&format!("{path}e{round}"));
            // Whites out all that is in it, under one name after the other.
            layer = layer.file(&format!("{path}.wh..wh..opq"), "");
            layer = layer.file(&format!("{path}.wh.d"), "");
        }
    }
    layer.bytes()
}

#[tokio::test]
async fn unpacking_stops_at_the_deadline() {
    let store = Store::new();
    let path = store.write("archive.tar", &archive_of(slow_layer()));
    let source = ImageSource::Archive(path);
    let began = Instant::now();
    let time = Some(Duration::from_millis(300));
    let none = RegistrySettings::default();
    let ended = store
        .prepare(&source, "a", Keep::Nothing, &none, time)
        .await;
    let took = began.elapsed();
    assert!(matches!(ended, Err(Failure::Stopped(_))), "{ended:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn many_whiteouts_of_one_directory_cost_no_more_than_one() {
    let mut layer = Layer::default();
    for index in 0..5_000 {
        layer = layer.file(&format!("d/{index}"), "");
    }
    for _ in 0..7_000 {
        layer = layer.file("d/.wh..wh..opq", "");
    }
    let store = Store::new();
    let path = store.write("archive.tar", &archive_of(layer.bytes()));
    let began = Instant::now();
    store.load(&path, Keep::Nothing).await.unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(store.text("d/4999").is_some());
}

async fn load(store: &Store, archive: &Path, name: &str) {
    let source = ImageSource::Archive(archive.to_owned());
    let none = RegistrySettings::default();
    let made = store
        .prepare(&source, name, Keep::Layers, &none, None)
        .await;
    made.unwrap_or_else(|failure| panic!("{name}: {failure:?}"));
    fs::remove_file(store.paths.containers.join("c")).unwrap();
}

#[tokio::test]
async fn a_name_whose_place_is_taken_is_used_all_the_same() {
    let archive = archive_of(Layer::default().file("a", "1").bytes());
    let names = ["x/y:TAG", "x/y:manifest", "x/y:v2", "x/y:v1"];
    for backwards in [false, true] {
        let store = Store::new();
        let path = store.write("archive.tar", &archive);
        let mut all = vec!["x:y"];
        all.extend(names);
        if backwards {
            all.reverse();
        }
        for name in all.iter().chain(&all) {
            load(&store, &path, name).await;
        }
    }
}

#[tokio::test]
async fn a_damaged_configuration_in_the_store_is_made_again() {
    let archive = archive_of(Layer::default().file("a", "1").bytes());
    for damage in ["{", "{}", r#"{"architecture": "none"}"#] {
        let store = Store::new();
        let path = store.write("archive.tar", &archive);
        load(&store, &path, "a:b").await;
        let manifest = fs::read(store.paths.repos.join("a/b/manifest")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let config = manifest["config"]["digest"].as_str().unwrap();
        let config = store.paths.layers.join(config);
        let whole = fs::read(&config).unwrap();
        fs::write(&config, damage).unwrap();
        load(&store, &path, "a:b").await;
        assert_eq!(fs::read(&config).unwrap(), whole);
    }
}
