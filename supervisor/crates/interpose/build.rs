//! Compiles the loader: the crate's own library without an operating system below it, and `blob/` on top, linked at a
//! fixed address. Two compilations by rustc; a nested cargo would wait for the lock of the one that runs this.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
};

/// What the loader is compiled for. The compiler must have this target: `rustup target add x86_64-unknown-none`.
const TARGET: &str = "x86_64-unknown-none";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=blob");
    let inside_blob = env::var_os("CARGO_FEATURE_BLOB").is_some();
    let x86_64 = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64");
    if !x86_64 || inside_blob {
        return;
    }
    let sources = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(variable("OUT_DIR"));
    let library = out.join("libinterpose_core.rlib");
    rustc(
        &sources,
        &[
            "--crate-name=interpose".as_ref(),
            "--crate-type=rlib".as_ref(),
            "src/lib.rs".as_ref(),
            "-o".as_ref(),
            library.as_os_str(),
        ],
    );
    let mut script = OsString::from("-Clink-arg=-T");
    script.push(sources.join("blob/layout.ld"));
    let mut interpose = OsString::from("--extern=interpose=");
    interpose.push(&library);
    rustc(
        &sources,
        &[
            "--crate-name=interpose_blob".as_ref(),
            "--crate-type=bin".as_ref(),
            "blob/main.rs".as_ref(),
            "-Crelocation-model=pic".as_ref(),
            "-Ccode-model=small".as_ref(),
            "-Clink-arg=--no-pie".as_ref(),
            "-Clink-arg=--build-id=none".as_ref(),
            "-Clink-arg=-znorelro".as_ref(),
            &script,
            &interpose,
            "-o".as_ref(),
            out.join("interpose.blob").as_os_str(),
        ],
    );
}

/// Runs the compiler cargo uses, with the options both compilations share. No path of this machine gets into the result.
fn rustc(sources: &Path, arguments: &[&OsStr]) {
    let mut remap = OsString::from("--remap-path-prefix=");
    remap.push(sources);
    remap.push("=/interpose");
    let status = Command::new(variable("RUSTC"))
        .current_dir(sources)
        .args([
            "--edition=2024",
            "--cfg=feature=\"blob\"",
            "--cap-lints=allow",
        ])
        .args(["--target", TARGET])
        .args([
            "-Copt-level=2",
            "-Cpanic=abort",
            "-Ccodegen-units=1",
            "-Cembed-bitcode=yes",
        ])
        .args([
            "-Cdebuginfo=0",
            "-Cstrip=symbols",
            "-Cforce-unwind-tables=no",
        ])
        .arg(&remap)
        .args(arguments)
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(_) => {
            println!(
                "cargo::error=the loader was not compiled; if rustc finds no `core`: rustup target add {TARGET}"
            );
        }
        Err(error) => println!("cargo::error=cannot start rustc for the loader: {error}"),
    }
}

fn variable(name: &str) -> OsString {
    println!("cargo::rerun-if-env-changed={name}");
    env::var_os(name).unwrap_or_default()
}
