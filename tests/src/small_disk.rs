//! A file system that is soon full.

#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::path::Path;

use nix::mount::{MsFlags, mount, umount};

/// A small file system on a directory, for as long as this lives.
#[derive(Debug)]
pub struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// Mounts one of `size` (as tmpfs takes it); nothing if this user may not mount.
    pub fn mount(directory: &'a Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        match mount(
            Some("none"),
            directory,
            Some("tmpfs"),
            MsFlags::empty(),
            Some(options.as_str()),
        ) {
            Ok(()) => Some(Self(directory)),
            Err(error) => {
                println!(
                    "SKIPPED: cannot mount a small file system: {error}; run as root for this test"
                );
                None
            }
        }
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        umount(self.0).unwrap();
    }
}
