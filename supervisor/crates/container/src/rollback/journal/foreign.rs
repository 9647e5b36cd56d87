//! Directories that are not the image's, watched while a run goes on: by a new name in one, a file of the image can be changed
//! without a word about the directory that it is in (a hard link).

use std::{
    ffi::OsString,
    fs,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use nix::sys::inotify::{AddWatchFlags as Flags, InotifyEvent, WatchDescriptor};

use super::at;

/// Most directories of a run that are watched.
pub(super) const MOST: usize = 64;

/// What is expected to happen in such a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// Nothing.
    Nothing,
    /// New files, which are nobody else's.
    Files,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Foreign {
    pub(super) watch: WatchDescriptor,
    opened: OwnedFd,
    expected: Expected,
    /// Names of files that came.
    came: Vec<OsString>,
}

/// Whether what happened may have been about a file of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Harmless,
    Suspect,
}

impl Foreign {
    pub(super) fn new(watch: WatchDescriptor, opened: OwnedFd, expected: Expected) -> Self {
        Self {
            watch,
            opened,
            expected,
            came: Vec::new(),
        }
    }

    /// A file that comes is looked at in the end. One that goes again may have been anything, and nobody watches what is in a
    /// directory that comes.
    pub(super) fn take(&mut self, event: &InotifyEvent) -> Verdict {
        let came = Flags::IN_CREATE | Flags::IN_MOVED_TO;
        match &event.name {
            Some(name)
                if self.expected == Expected::Files
                    && event.mask.intersects(came)
                    && !event.mask.contains(Flags::IN_ISDIR) =>
            {
                self.came.push(name.clone());
                Verdict::Harmless
            }
            _ => Verdict::Suspect,
        }
    }

    /// Looks at the files that came: one with another name may be the image's. Nothing runs any more.
    pub(super) fn look(&self) -> Verdict {
        let is_alone =
            |name: &OsString| at::stat(&self.opened, name).is_ok_and(|stat| stat.st_nlink == 1);
        if self.came.iter().all(is_alone) {
            Verdict::Harmless
        } else {
            Verdict::Suspect
        }
    }
}

/// The directory and those below it; none where there are more than [`MOST`], or they cannot be looked at.
pub(super) fn directories(path: &Path) -> Option<Vec<PathBuf>> {
    let mut found = vec![path.to_owned()];
    let mut next = 0;
    while let Some(directory) = found.get(next) {
        for entry in fs::read_dir(directory).ok()? {
            let entry = entry.ok()?;
            if entry.file_type().ok()?.is_dir() {
                found.push(entry.path());
            }
        }
        next += 1;
        if found.len() > MOST {
            return None;
        }
    }
    Some(found)
}
