//! One member of a tar archive, whichever of the format's dialects describes it.

use std::path::{Component, Path, PathBuf};

use super::LayerError;
use rootfs::root::DEEPEST;

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file with content.
    File,
    /// A directory.
    Directory,
    /// A symbolic link to [`Member::link`].
    Symlink,
    /// Another name of the file [`Member::link`].
    HardLink,
    /// A named pipe.
    Fifo,
    /// A block or character device.
    Device,
    /// Something that only its writer knows; it is passed over.
    Other,
}

/// A stretch of a sparse file that is stored; between stretches there are holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Where it belongs in the file.
    pub(crate) offset: u64,
    /// Bytes.
    pub(crate) length: u64,
}

/// A member's description; its content follows in the stream.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// As it is written in the archive.
    pub(crate) name: Vec<u8>,
    /// Where a link leads, as it is written.
    pub(crate) link: Vec<u8>,
    pub(crate) kind: Kind,
    /// Permission bits, the special ones included.
    pub(crate) mode: u32,
    /// Seconds since 1970.
    pub(crate) modified: i64,
    /// Bytes stored in the archive.
    pub(crate) stored: u64,
    /// Bytes of the file when unpacked.
    pub(crate) size: u64,
    /// The stored stretches of a sparse file.
    pub(crate) stretches: Option<Vec<Stretch>>,
}

/// The path below the root that `name` means: without `.`, with `..` taken back but never beyond the root.
///
/// # Errors
/// [`LayerError::TooDeep`] when it has more components than a layer may make.
pub(crate) fn path_of(name: &[u8]) -> Result<PathBuf, LayerError> {
    use std::os::unix::ffi::OsStrExt as _;
    let mut path = PathBuf::new();
    let mut depth = 0_usize;
    for component in Path::new(std::ffi::OsStr::from_bytes(name)).components() {
        match component {
            Component::Normal(part) => {
                path.push(part);
                depth += 1;
            }
            Component::ParentDir => {
                path.pop();
                depth = depth.saturating_sub(1);
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
        if depth > DEEPEST {
            return Err(LayerError::TooDeep { deepest: DEEPEST });
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out() {
        for (name, path) in [
            ("./a/b", "a/b"),
            ("/a//b/", "a/b"),
            ("../../a", "a"),
            ("a/../../../b/./c", "b/c"),
            ("./", ""),
            ("..", ""),
        ] {
            assert_eq!(path_of(name.as_bytes()).unwrap(), Path::new(path), "{name}");
        }
        let deep = "d/".repeat(10_000);
        assert!(path_of(deep.as_bytes()).is_err());
        let up_and_down = "d/../".repeat(10_000);
        assert_eq!(path_of(up_and_down.as_bytes()).unwrap(), Path::new(""));
    }
}
