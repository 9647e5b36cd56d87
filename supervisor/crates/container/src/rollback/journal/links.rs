//! What a run finds at the path of its own directory in ROOT, made in advance so that it blurs nothing: nobody watches a directory
//! that comes with a run, and all files of the image are compared after it.

use std::path::{Path, PathBuf};

use nix::{
    sys::stat::{Mode, mkdirat},
    unistd::symlinkat,
};

use super::{
    Journal, JournalError, at,
    foreign::{self, Expected},
    seen::{EventCoverage, Seen},
    tree::open_path,
};

/// What stands at the path of a run's directory in ROOT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// A link to it.
    Link,
    /// A directory that the engine puts it in the place of.
    MountPoint,
}

impl Journal {
    /// Makes what is to stand in ROOT at `path`, a directory of this machine that the next run has to itself, if anything is,
    /// together with the directory above it. Both are watched until [`Self::run_is_over`], and so are `path` and the directories in it, as a run
    /// can give a file of the image another name there. Where the directory above those is not the image's, nothing is made.
    ///
    /// # Errors
    /// The operating system's.
    pub fn share(&mut self, path: &Path, inside: Option<Inside>) -> Result<(), JournalError> {
        self.drain()?;
        let mut watched = self.watch_shared(path);
        if let Some(inside) = inside
            && let Some(directory) = self.directory_for(path)
        {
            watched &= self
                .make(directory, path, inside)
                .map_err(JournalError::io("make a place for a directory of the run"))?;
            // No run goes on yet: the only events are about this.
            let mut heard = Seen::nothing();
            self.watch
                .collect(&self.inventory, &mut heard)
                .map_err(JournalError::io("read what has changed"))?;
            self.seen.touched.insert(directory);
            if heard.coverage == EventCoverage::Lost {
                self.seen.coverage = EventCoverage::Lost;
            }
        }
        if !watched {
            self.seen.blur();
        }
        Ok(())
    }

    /// Watches what a run shares with this machine; whether that is possible.
    fn watch_shared(&mut self, path: &Path) -> bool {
        let directories = foreign::directories(path).unwrap_or_default();
        let watched = |path: &PathBuf| {
            open_path(path).is_ok_and(|opened| self.watch.add_foreign(opened, Expected::Files))
        };
        !directories.is_empty() && directories.iter().all(watched)
    }

    /// The image's directory for that of the run; none where there is none, or something has its name.
    fn directory_for(&self, path: &Path) -> Option<u32> {
        let own = path.strip_prefix("/").ok()?.parent()?;
        let directory = self.inventory.directory_at(own.parent()?)?;
        let is_free = self.inventory.find(directory, own.file_name()?).is_none();
        is_free.then_some(directory)
    }

    /// Whether what was made is watched.
    fn make(&mut self, directory: u32, path: &Path, inside: Inside) -> nix::Result<bool> {
        let own = path.parent().and_then(Path::file_name);
        let (Some(own), Some(name)) = (own, path.file_name()) else {
            return Ok(false);
        };
        let above = self.tree.directory(&self.inventory, directory)?;
        mkdirat(&above, own, Mode::from_bits_truncate(0o755))?;
        let opened = at::open_directory(&above, own)?;
        let mut watched = true;
        match inside {
            Inside::Link => symlinkat(path, &opened, name)?,
            Inside::MountPoint => {
                mkdirat(&opened, name, Mode::from_bits_truncate(0o755))?;
                let mount_point = at::open_directory(&opened, name)?;
                watched = self.watch.add_foreign(mount_point, Expected::Nothing);
            }
        }
        Ok(self.watch.add_foreign(opened, Expected::Nothing) && watched)
    }
}
