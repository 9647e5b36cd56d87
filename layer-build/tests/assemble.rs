//! Assembling layers: what is in them, that the same inputs make the same bytes, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod workshop;

use std::collections::BTreeMap;
use std::fs;

use layer_build::layer::arch::Arch;
use layer_build::layer::content::{Manifest, sha256};
use layer_build::layer::description::LayerDescription;
use layer_build::layer::engines::EngineSelection;
use layer_build::layer::{assemble, pin};
use workshop::Workshop;

/// What the default configuration names, as paths below `/opt`.
const SEED: [&str; 3] = ["udocker/bin/", "udocker/lib/", "udocker/udocker.py"];

#[test]
fn the_same_inputs_make_the_same_bytes_wherever_and_whenever() {
    let (first, second) = (Workshop::new(), Workshop::new());
    // The same tarball as a file of another date, a restrictive umask, and other places for everything.
    fs::copy(first.tarball(), second.tarball()).unwrap();
    for (workshop, umask, zone) in [(&first, "022", "UTC"), (&second, "077", "Asia/Tokyo")] {
        let output = workshop.command(umask).env("TZ", zone).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    for kind in ["zip", "json"] {
        let name = format!("faas-supervisor-x86_64.{kind}");
        let read = |workshop: &Workshop| fs::read(workshop.output(&name)).unwrap();
        assert!(read(&first) == read(&second), "{name} differs");
    }
}

#[test]
fn the_manifest_and_the_description_are_complete_and_true() {
    for arch in [Arch::X86_64, Arch::Arm64] {
        let workshop = Workshop::new();
        let made = assemble(&workshop.settings(arch)).unwrap();
        let zip = fs::read(workshop.output(&format!("faas-supervisor-{arch}.zip"))).unwrap();
        let text = fs::read(workshop.output(&format!("faas-supervisor-{arch}.json"))).unwrap();
        let described: LayerDescription = serde_json::from_slice(&text).unwrap();
        assert_eq!(described, made);
        assert_eq!(
            (made.sha256.as_str(), made.size),
            (sha256(&zip).as_str(), zip.len() as u64)
        );
        assert!(made.version_text().len() <= 256 && made.version_text().contains(&made.sha256));
        let mut files = workshop::unzip(&zip);
        let (manifest, _) = files.remove("manifest.json").unwrap();
        let manifest: Manifest = serde_json::from_slice(&manifest).unwrap();
        let listed: BTreeMap<_, _> = manifest
            .files
            .iter()
            .map(|entry| (entry.path.clone(), (entry.size, entry.sha256.clone())))
            .collect();
        let found: BTreeMap<_, _> = files
            .iter()
            .map(|(path, (content, _))| (path.clone(), (content.len() as u64, sha256(content))))
            .collect();
        assert_eq!(listed, found);
        let said = |entry: &&layer_build::layer::content::ManifestEntry| {
            !entry.origin.is_empty() && !entry.licence.is_empty()
        };
        assert_eq!(
            manifest.files.iter().filter(said).count(),
            manifest.files.len()
        );
    }
}

#[test]
fn paths_are_those_the_default_configuration_names_and_modes_fit() {
    let workshop = Workshop::new();
    assemble(&workshop.settings(Arch::X86_64)).unwrap();
    let zip = fs::read(workshop.output("faas-supervisor-x86_64.zip")).unwrap();
    let files = workshop::unzip(&zip);
    for start in SEED {
        assert!(files.keys().any(|path| path.starts_with(start)), "{start}");
    }
    for (path, (_, mode)) in &files {
        let program = ["bootstrap", "exec-wrapper", "udocker/udocker.py"].contains(&path.as_str())
            || path.starts_with("udocker/bin/");
        let expected = if program { 0o755 } else { 0o644 };
        assert_eq!(mode & 0o777, expected, "{path}");
    }
    for licence in [
        "faas-supervisor/LICENSE",
        "udocker/LICENSE",
        "engines/LICENSE.fakechroot",
    ] {
        assert!(files.contains_key(&format!("licenses/{licence}")));
    }
}

#[test]
fn the_licence_of_all_that_is_linked_is_there_in_full() {
    let workshop = Workshop::new();
    assemble(&workshop.settings(Arch::X86_64)).unwrap();
    let zip = fs::read(workshop.output("faas-supervisor-x86_64.zip")).unwrap();
    let files = workshop::unzip(&zip);
    let text = |path: &str| String::from_utf8(files[path].0.clone()).unwrap();
    let crates = text("licenses/rust-crates.txt");
    let linked = workshop::linked("supervisor", Arch::X86_64);
    assert!(linked.len() > 100 && !crates.contains("\nwiremock "));
    for name in linked {
        let (_, after) = crates.split_once(&format!("\n{name}: ")).unwrap();
        let (_, numbers) = after.lines().next().unwrap().split_once("; text ").unwrap();
        let numbers = numbers.split(" (").next().unwrap().split(", ");
        for number in numbers {
            assert!(crates.contains(&format!("= text {number} =")), "{name}");
        }
    }
    for part in [
        // What a crate has in a directory of its sources: ring's arithmetic is from elsewhere.
        "the fiat-crypto authors",
        "Boost Software License - Version 1.0",
        // Of a crate without a text: its authors, or where they are.
        "by David Calavera",
        "by https://github.com/Nugine/simd",
    ] {
        assert!(crates.contains(part), "{part}");
    }
    // Two hundred crates have the same few texts, though not to the letter.
    let copies = crates.matches("TERMS AND CONDITIONS FOR USE").count();
    assert!((1..40).contains(&copies), "{copies}");
    assert!(crates.len() < 500_000, "{}", crates.len());
    assert!(text("licenses/musl-COPYRIGHT").contains("Rich Felker"));
    assert!(text("licenses/rust-standard-library.html").contains("Rust Standard Library"));
}

#[test]
fn engines_are_those_of_the_f_modes_unless_all_are_asked_for() {
    for (choice, expected) in [
        (EngineSelection::FModes, &["patchelf-arm64"][..]),
        (
            EngineSelection::All,
            &[
                "crun-arm64",
                "patchelf-arm64",
                "proot-arm64-4_8_0",
                "runc-arm64",
            ],
        ),
    ] {
        let workshop = Workshop::new();
        let mut settings = workshop.settings(Arch::Arm64);
        settings.engines = choice;
        assemble(&settings).unwrap();
        let zip = fs::read(workshop.output("faas-supervisor-arm64.zip")).unwrap();
        let files = workshop::unzip(&zip);
        let below = |directory: &str| -> Vec<String> {
            let names = files.keys().filter_map(|path| path.strip_prefix(directory));
            names.map(str::to_owned).collect()
        };
        assert_eq!(below("udocker/bin/"), expected);
        assert_eq!(
            below("udocker/lib/"),
            [
                "VERSION",
                "libfakechroot-Alpine-3.20-arm64.so",
                "libfakechroot-Debian-12-arm64.so",
                "libfakechroot-Debian-13-arm64.so"
            ]
        );
        // The tarball holds it as a link; a layer holds none.
        assert_eq!(
            files["udocker/lib/libfakechroot-Debian-13-arm64.so"].0,
            b"Debian-12-arm64"
        );
    }
}

#[test]
fn another_package_than_the_pinned_one_is_refused() {
    let workshop = Workshop::new();
    let mut settings = workshop.settings(Arch::X86_64);
    let other = workshop.path("other.whl");
    fs::write(&other, "other").unwrap();
    settings.package = Some(other.clone());
    let message = assemble(&settings).unwrap_err().to_string();
    for part in [
        other.to_str().unwrap(),
        pin::UDOCKER_SHA256,
        &sha256(b"other"),
        "--udocker-package",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!settings.output.exists());
}

#[test]
fn engines_that_udocker_would_replace_are_refused() {
    for version in ["1.2.9", "1.1.4", "unknown"] {
        let workshop = Workshop::with_engines(version);
        let message = assemble(&workshop.settings(Arch::X86_64))
            .unwrap_err()
            .to_string();
        for part in [version, pin::ENGINES_MINIMUM, "engines.tar.gz"] {
            assert!(message.contains(part), "{message}");
        }
    }
}

#[test]
fn without_a_network_the_error_says_how_to_hand_in_a_tarball() {
    let workshop = Workshop::new();
    let mut command = workshop.command("022");
    // A proxy that nobody listens at: no network, on any machine.
    let output = command
        .env("UDOCKER_TARBALL", "")
        .env("https_proxy", "http://127.0.0.1:9")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in [
        "--engines-tarball FILE",
        "UDOCKER_TARBALL=FILE",
        pin::ENGINES_MINIMUM,
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_layer_that_lambda_would_not_take_is_not_written() {
    let workshop = Workshop::new();
    let mut settings = workshop.settings(Arch::X86_64);
    settings.zipped_limit = 10_000;
    let message = assemble(&settings).unwrap_err().to_string();
    assert!(
        message.contains("10000") && message.contains("zipped"),
        "{message}"
    );
    assert!(!settings.output.exists());
}

#[test]
fn a_binary_that_would_not_start_there_is_refused() {
    let workshop = Workshop::new();
    for (binary, what) in [
        (std::env::current_exe().unwrap(), "dynamic"),
        (workshop.binary(Arch::Arm64), "aarch64"),
    ] {
        let mut settings = workshop.settings(Arch::X86_64);
        settings.binary.clone_from(&binary);
        let message = assemble(&settings).unwrap_err().to_string();
        assert!(
            message.contains(what) && message.contains(binary.to_str().unwrap()),
            "{message}"
        );
    }
}

#[test]
fn the_tests_install_the_udocker_that_is_pinned() {
    let packages = workshop::root().join("tests/setup/packages.sh");
    let packages = fs::read_to_string(packages).unwrap();
    assert!(packages.contains(&format!("udocker=={}", pin::UDOCKER_VERSION)));
    assert!(pin::UDOCKER_WHEEL.contains(pin::UDOCKER_VERSION));
}
