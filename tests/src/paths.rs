//! Where the built binaries, the tools and the images are.

use std::env::consts::ARCH;
use std::path::{Path, PathBuf};

/// The project's top directory.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate is in the workspace")
        .to_path_buf()
}

/// The directory of everything that is built.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A file below the target directory that `make` was to build.
pub fn built(relative: &str) -> PathBuf {
    let path = target().join(relative);
    assert!(
        path.exists(),
        "{} is missing: run the tests through `make test`",
        path.display()
    );
    path
}

/// The binary under test: `SUPERVISOR_BIN`, else the release build.
pub fn supervisor() -> PathBuf {
    std::env::var_os("SUPERVISOR_BIN").map_or_else(
        || built(&format!("{ARCH}-unknown-linux-musl/release/supervisor")),
        PathBuf::from,
    )
}

/// A program of the project's own Python environment.
pub fn tool(name: &str) -> PathBuf {
    let path = target().join("tools/venv/bin").join(name);
    assert!(
        path.exists(),
        "{} is missing: run tests/setup/tools.sh",
        path.display()
    );
    path
}

/// A `docker save` archive made by `tests/setup/images.py`: `busybox`, `arguments` or `debian`.
pub fn archive(name: &str) -> PathBuf {
    fixture(&format!("{name}.tar"))
}

/// A file that `make images` makes.
pub fn fixture(name: &str) -> PathBuf {
    let path = target().join("fixtures").join(name);
    assert!(
        path.exists(),
        "{} is missing: run `make images`",
        path.display()
    );
    path
}
