//! Directories that are not the image's, watched while a run goes on: by a new name in one, a file of the image can be changed
//! without a word about the directory that it is in (a hard link).

use std::{
    collections::BTreeSet,
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
    came: BTreeSet<OsString>,
}

/// Whether what happened may have been about a file of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Harmless,
    Suspect,
}

impl Verdict {
    fn suspect_if(suspect: bool) -> Self {
        if suspect {
            Self::Suspect
        } else {
            Self::Harmless
        }
    }
}

impl Foreign {
    pub(super) fn new(watch: WatchDescriptor, opened: OwnedFd, expected: Expected) -> Self {
        Self {
            watch,
            opened,
            expected,
            came: BTreeSet::new(),
        }
    }

    /// A file that comes is looked at in the end. One that goes again may have been any file, and nobody watches what is in a
    /// directory that comes. What was there before the run is nobody else's. `moving` is what moves between such directories.
    pub(super) fn take(&mut self, event: &InotifyEvent, moving: &mut BTreeSet<u32>) -> Verdict {
        let mask = event.mask;
        let Some(name) = &event.name else {
            // Of the directory itself. When it goes, it is empty.
            return Verdict::suspect_if(mask.contains(Flags::IN_MOVE_SELF));
        };
        let known = self.came.contains(name);
        if mask.contains(Flags::IN_DELETE) {
            return Verdict::suspect_if(known);
        }
        if mask.contains(Flags::IN_ISDIR) || self.expected == Expected::Nothing {
            return Verdict::Suspect;
        }
        if mask.contains(Flags::IN_MOVED_FROM) {
            if self.came.remove(name) {
                moving.insert(event.cookie);
            }
            return Verdict::suspect_if(!known);
        }
        moving.remove(&event.cookie);
        self.came.insert(name.clone());
        // It took the place of one that came.
        Verdict::suspect_if(known)
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
