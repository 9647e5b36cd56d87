//! What several attempts need.

use std::{fs::File, io, path::Path};

use nix::errno::Errno;

/// The operating system's error.
pub(super) fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// For calls whose result is of no interest.
pub(super) fn done<T>(result: Result<T, Errno>) -> Result<(), Errno> {
    result.map(drop)
}

/// A descriptor that a call returned, as an argument of the next one.
pub(super) fn descriptor(result: i64) -> Result<i32, Errno> {
    i32::try_from(result).map_err(|_| Errno::EBADF)
}

/// A new file with `content`, opened for reading and writing.
pub(super) fn file(directory: &Path, name: &str, content: &[u8]) -> Result<File, Errno> {
    let path = directory.join(name);
    std::fs::write(&path, content).map_err(|error| errno(&error))?;
    let opened = File::options().read(true).write(true).open(path);
    opened.map_err(|error| errno(&error))
}

/// A path as the kernel takes it.
pub(super) fn text(path: &Path) -> Result<std::ffi::CString, Errno> {
    use std::os::unix::ffi::OsStrExt as _;
    std::ffi::CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)
}

/// `struct timespec` of 64-bit Linux: seconds, nanoseconds.
pub(super) fn milliseconds(count: i64) -> [u8; 16] {
    let mut time = [0; 16];
    let nanoseconds = count * 1_000_000;
    let (_, second) = time.split_at_mut(8);
    second.copy_from_slice(&nanoseconds.to_ne_bytes());
    time
}
