//! Files of an image, read by this process: whatever the image has under a name, reading it neither waits nor goes on for
//! ever.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use nix::fcntl::OFlag;

/// Most bytes of a file that are read whole, far more than any account file or loader cache has.
const MOST: u64 = 8 * 1024 * 1024;

/// Opens a regular file for reading.
///
/// # Errors
/// The operating system's, and that of something else under that name: a FIFO would wait for whoever writes to it.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = options.read(true).custom_flags(flags.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        let reason = format!("{} is no regular file", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    Ok(file)
}

/// All of a small file.
///
/// # Errors
/// As of [`open`], and that of a file of more than 8 MiB.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    if length as u64 > MOST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// The same as text.
///
/// # Errors
/// As of [`read`], and that of one that is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [&fifo, dir.path(), Path::new("/dev/zero")] {
            let error = open(path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path:?}");
        }
        let large = File::create(dir.path().join("large")).unwrap();
        large.set_len(MOST + 1).unwrap();
        read(&dir.path().join("large")).unwrap_err();
        std::fs::write(dir.path().join("small"), "text").unwrap();
        assert_eq!(read_text(&dir.path().join("small")).unwrap(), "text");
    }
}
