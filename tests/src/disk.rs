//! A file system of its own for `/tmp`, as Lambda gives one to each function.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MntFlags, umount2};

/// The user and the group of functions.
const OWNER: &str = "993:990";

/// An ext4 file system on a directory, for as long as this lives. Only root can make one.
#[derive(Debug)]
pub(crate) struct Disk {
    directory: PathBuf,
    image: PathBuf,
}

impl Disk {
    /// Makes one of `size` bytes in a sparse file `image` and mounts it.
    pub(crate) fn mount(directory: &Path, image: &Path, size: u64) -> Self {
        File::create(image).unwrap().set_len(size).unwrap();
        let mut make = Command::new("/sbin/mke2fs");
        make.args(["-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-E"]);
        run(make.arg(format!("root_owner={OWNER}")).arg(image));
        let mut mount = Command::new("mount");
        run(mount.args(["-o", "loop"]).arg(image).arg(directory));
        // The function's own directory has none; recovery of this file system is not needed.
        fs::remove_dir(directory.join("lost+found")).unwrap();
        Self {
            directory: directory.to_path_buf(),
            image: image.to_path_buf(),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What a test has started may be just ending in it.
        let unmounted = umount2(&self.directory, MntFlags::MNT_DETACH);
        let removed = fs::remove_file(&self.image);
        if !std::thread::panicking() {
            unmounted.unwrap();
            removed.unwrap();
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
