//! How the binary is linked.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |part| env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    // The program moves its own pointers when it starts. One bit for each (RELR) in place of 24 bytes makes the file
    // half a megabyte smaller. GNU ld can do it from 2.38 on and ignores the option before; zig's linker, which makes
    // the arm64 binary, knows no such option.
    if target("ENV") == "musl" && target("ARCH") == "x86_64" {
        println!("cargo::rustc-link-arg-bin=supervisor=-Wl,-z,pack-relative-relocs");
    }
}
