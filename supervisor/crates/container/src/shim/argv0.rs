//! The names this binary is started under when it plays another part, see [`crate::shim::role`].

use std::{
    io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// `argv[0]` of the process that holds one engine command's processes together.
pub const SHIM: &str = "faas-shim";
/// Path of the container's first process as the container sees it.
pub const INIT_PATH: &str = "/.faas-init";
/// Its file name where only directories can be bound, to [`INIT_PATH`].
pub const INIT_NAME: &str = "faas-init";
/// Name under which the binary stands in for `env`.
pub const ENV: &str = "env";

/// The `supervisor`'s file under the `name` of a part, below `temp`. A link, which works where files may not be executed too.
///
/// # Errors
/// The operating system's.
pub fn link(supervisor: &Path, temp: &Path, name: &str) -> io::Result<PathBuf> {
    let link = temp.join(name);
    match symlink(supervisor, &link) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(link),
    }
}

/// `argv[0]` of the process that tries what a sandbox may forbid.
pub const PROBE: &str = "faas-probe";
