//! The directories of the inventory, opened one component at a time from ROOT downwards.

use std::{
    fs::DirBuilder,
    io,
    os::{fd::OwnedFd, unix::fs::DirBuilderExt as _},
    path::Path,
};

use nix::{
    fcntl::{OFlag, open},
    sys::stat::Mode,
};

use super::{
    at,
    inventory::{Inventory, ROOT},
};

#[derive(Debug)]
pub(super) struct Tree {
    root: OwnedFd,
    /// The directory opened last to find another in it: its neighbours come next.
    near: Option<(u32, OwnedFd)>,
}

impl Tree {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        Ok(Self {
            root: open_path(root)?,
            near: None,
        })
    }

    pub(super) fn root(&self) -> &OwnedFd {
        &self.root
    }

    /// Opens the directory where it belongs. Its mode may have to be changed for that.
    pub(super) fn directory(
        &mut self,
        inventory: &Inventory,
        directory: u32,
    ) -> nix::Result<OwnedFd> {
        if directory == ROOT {
            return at::open_directory(&self.root, ".".as_ref());
        }
        let above = inventory.above(directory);
        let name = inventory.name(inventory.entry_of(directory));
        match &self.near {
            Some((near, opened)) if *near == above => at::open_directory(opened, name),
            _ => {
                let opened = self.directory(inventory, above)?;
                let found = at::open_directory(&opened, name);
                self.near = Some((above, opened));
                found
            }
        }
    }

    /// Opens the directory that the entry is in.
    pub(super) fn around(&mut self, inventory: &Inventory, entry: u32) -> nix::Result<OwnedFd> {
        self.directory(inventory, inventory.entry(entry).parent)
    }

    /// To be called after a directory was put at another place.
    pub(super) fn forget(&mut self) {
        self.near = None;
    }
}

/// Opens a directory that is the supervisor's own to name.
pub(super) fn open_path(path: &Path) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty())
}

/// Opens the journal's directory, which nobody else may look into; it is made if it is missing.
pub(super) fn open_state(state: &Path) -> io::Result<OwnedFd> {
    match DirBuilder::new().mode(0o700).create(state) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(open_path(state)?),
    }
}
